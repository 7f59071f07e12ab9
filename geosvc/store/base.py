"""What all tables share."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, MetaData
from sqlalchemy.orm import DeclarativeBase

# Named constraints, so that a later migration can change them on every database.
_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012  SQLAlchemy reads it


class Audited:
    """A table whose every change makes a line of the audit log, whoever writes it.

    ``subject_kind`` and ``subject_key`` name the thing (``area:220622``); the columns in
    ``outside_content`` are not part of what the line's checksum answers for.
    """

    subject_kind: ClassVar[str]
    subject_key: ClassVar[tuple[str, ...]]
    outside_content: ClassVar[frozenset[str]] = frozenset({"recorded_at", "author", "origin"})
    # Rows that are only ever added: what changes in them afterwards is no content.
    only_added: ClassVar[bool] = False
    # Revisions of a thing that has several: the line names the number of the row.
    numbered: ClassVar[bool] = False
    # Rows that are filled in while a session goes on: their line is written at its end.
    said_at_the_end: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """What the line is about."""
        return f"{self.subject_kind}:{'/'.join(str(getattr(self, name)) for name in self.subject_key)}"

    @property
    def said_by(self) -> str:
        """Return who did the last thing to it."""
        return str(getattr(self, "author"))  # noqa: B009  a column of every audited table

    @property
    def said_at(self) -> str:
        """Return when the last thing was done to it."""
        return str(getattr(self, "recorded_at", None) or getattr(self, "at"))  # noqa: B009

    def action(self, *, new: bool) -> str:
        """Return what was done to it."""
        return "create" if new else "change"
