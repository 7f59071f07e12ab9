"""What an import did, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from geosvc.errors import Refusal


@dataclass(kw_only=True)
class ImportReport:
    """Counts of what changed, the rows that were refused, and what a reader should know."""

    kind: str
    file_name: str
    changes: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

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
        }
