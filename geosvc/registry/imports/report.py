"""What an import did, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from geosvc.errors import Refusal


@dataclass(kw_only=True)
class ImportReport:
    """Counts of what changed, the rows that were refused, and what a reader should know.

    ``left_out`` are rows that are no facilities of ours (an animal clinic): counted and listed, they do
    not fail the import. ``differences`` are, of a dry run, the first facilities that would change and
    how; ``duplicates`` are the suspected pairs that it would make.
    """

    kind: str
    file_name: str
    changes: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    left_out: list[Refusal] = field(default_factory=list)
    dry_run: bool = False
    differences: list[dict[str, Any]] = field(default_factory=list)
    duplicates: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "kind": self.kind,
            "file_name": self.file_name,
            "new": self.changes["new"],
            "changed": self.changes["changed"],
            "unchanged": self.changes["unchanged"],
            "refused": [
                {"row": r.row, "column": r.column, "value": r.value, "reason": r.reason}
                for r in self.refusals
            ],
            "notes": self.notes,
            **self.figures,
            **self._of_facilities(),
        }

    def _of_facilities(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.left_out:
            told["left_out"] = [{"row": r.row, "column": r.column, "value": r.value, "reason": r.reason} for r in self.left_out]
        if self.dry_run:
            told |= {"dry_run": True, "differences": self.differences, "suspected_duplicates": self.duplicates}
        return told
