"""What a revision says holds from a day to another, and was believed from a moment to another: which one is meant."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_

from geosvc.store.moments import today


def believed(row: Any, recorded_at: str | None) -> list[Any]:
    """Return the clauses that pick the rows of a table that were believed at a moment (ISO 8601, UTC); None: now."""
    if recorded_at is None:
        return [row.superseded_at.is_(None)]
    return [row.recorded_at <= recorded_at, or_(row.superseded_at.is_(None), row.superseded_at > recorded_at)]


def true_and_believed(row: Any, valid_at: str | None, recorded_at: str | None) -> list[Any]:
    """Return the clauses that pick, of each subject, the one row that was true on a day (None: today in China), as it was believed at a moment."""
    day = valid_at or today()
    return [
        *believed(row, recorded_at),
        or_(row.valid_from.is_(None), row.valid_from <= day),
        or_(row.valid_to.is_(None), row.valid_to > day),
    ]
