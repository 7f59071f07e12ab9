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
    how; ``duplicates`` are the suspected pairs that it would make; ``places`` are where the first new ones
    would stand: (row, longitude, latitude in degrees). ``waiting`` are rows of which a person must
    say which facility they are, with the candidates and their scores; ``matches`` are those that a score
    decided, with its reasons. ``seal`` names what a dry run said the import would do. ``import_id`` is the
    number under which the import can be found and undone, None where nothing changed; ``headers`` are those
    of the file.
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
    places: list[tuple[int, float, float]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    matches: list[dict[str, Any]] = field(default_factory=list)
    seal: str | None = None
    import_id: int | None = None
    headers: list[str] = field(default_factory=list)

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
        told |= {name: value for name, value in (("waiting", self.waiting), ("matched", self.matches)) if value}
        if self.dry_run:
            told |= {"dry_run": True, "differences": self.differences, "suspected_duplicates": self.duplicates,
                     "new_places": [list(each) for each in self.places]}
        return told
