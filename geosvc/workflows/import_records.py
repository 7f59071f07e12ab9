"""The imports that there were: what came in, when, by whom, and whether it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.errors import ImportNotFound
from geosvc.store.study import ImportRow, count_imports, select_imports
from geosvc.workflows.finding import whole
from geosvc.workflows.undoing import later_of, why_not_undoable

if TYPE_CHECKING:
    from geosvc.store.engine import Session, Store

_COUNTS = ("new", "changed", "unchanged")
_LATER_SHOWN = 50


def imports_page(
    store: Store, cursor: str | None = None, limit: int = 20, *, of: str | None = None
) -> tuple[list[dict[str, Any]], int, str | None]:
    """Return (imports newest first, how many there are, cursor of the next page or None); those ``of`` one author only.

    ``not_undoable`` is None where an import can be undone, else why not: ``undone``, ``kind`` (not of
    facilities), ``later`` (later changes depend on it), ``confirmed`` (somebody confirmed what it said).

    Raises
    ------
    InvalidParameter
        If the cursor is none that this list gave out.
    """
    with store.reading() as session:
        rows = select_imports(session, before=None if cursor is None else whole(cursor), author=of, limit=limit + 1)
        shown = [_brief(session, row) for row in rows[:limit]]
        matched = count_imports(session, author=of)
    return shown, matched, str(rows[limit - 1].id) if len(rows) > limit else None


def import_record(store: Store, import_id: int, *, of: str | None = None) -> dict[str, Any]:
    """Return one import with its report, and the later changes that depend on it; ``of`` one author, others' are not there.

    Raises
    ------
    ImportNotFound
    """
    with store.reading() as session:
        row = session.get(ImportRow, import_id)
        if row is None or (of is not None and row.author != of):
            raise ImportNotFound(f"no import has the number {import_id}")
        later = later_of(session, row)
        return {
            **_brief(session, row), "report": row.report, "later_changes": len(later),
            "later": [each.as_dict() for each in later[:_LATER_SHOWN]],
        }


def _brief(session: Session, row: ImportRow) -> dict[str, Any]:
    why_not = why_not_undoable(session, row)
    return {
        "id": row.id, "kind": row.kind, "file_name": row.file_name, "sha256": row.sha256, "at": row.at, "author": row.author,
        "source": row.report.get("source"),
        **{name: row.report.get(name, 0) for name in _COUNTS}, "refused": len(row.report.get("refused", [])),
        "undone_at": row.undone_at, "undone_by": row.undone_by, "undone_reason": row.undone_reason,
        "undoable": why_not is None, "not_undoable": why_not,
    }
