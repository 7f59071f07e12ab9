"""Whole audited tables, some rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import class_mapper

from geosvc.store.base import Audited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

_BATCH = 2000
Row = TypeVar("Row", bound=Audited)


def all_rows(session: Session, table: type[Row]) -> Iterator[Row]:
    """Yield every row of a table in the order of its key; a row is let go of before the next batch."""
    key = class_mapper(table).primary_key
    statement = select(table).order_by(*key).execution_options(yield_per=_BATCH)
    yield from session.scalars(statement)
