"""The audit log: a line for every change, each sealed with the line before it.

Lines are written by the session itself (:class:`Trail`), for every row of a table that is
:class:`~geosvc.store.base.Audited`: no writer can forget it, and a bulk import is no exception.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import event, func, insert, inspect, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base

FIRST = "0" * 64
_BATCH = 5000


class AuditRow(Base):
    """One line; triggers of the database refuse to change or remove it."""

    __tablename__ = "audit"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  SQLAlchemy reads it

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str]
    author: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    revision: Mapped[int | None]
    reason: Mapped[str | None]
    origin: Mapped[str | None]
    content: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a line says, before it has a place in the log."""

    at: str
    author: str
    action: str
    subject: str
    revision: int | None
    reason: str | None
    origin: str | None
    content: str


def sealed(said: Said, number: int, previous: str) -> dict[str, Any]:
    """Return a line with its place, the seal of the line before it, and its own."""
    seal = hashlib.sha256(_json([number, previous, *astuple(said)])).hexdigest()
    return {**said.__dict__, "id": number, "previous": previous, "hash": seal}


def content_sha256(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a row holds.

    Empty values are left out, so that a column added later does not break the seals from before.
    """
    held = {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else _plain(value)
        for name, value in values.items() if value is not None and value is not False and value not in ([], {})
    }
    return hashlib.sha256(_json(held)).hexdigest()


def _plain(value: Any) -> Any:
    """Write a whole float as a whole number: the database may give back either."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", errors="surrogatepass")


def content_of(row: Audited) -> str:
    """Return the SHA-256 of the content of a row of an audited table."""
    names = inspect(type(row)).column_attrs.keys()
    return content_sha256({name: getattr(row, name) for name in names if name not in row.outside_content})


class Trail:
    """Watches a writing session and gives the log a line for each change, at its end."""

    def __init__(self, session: Session) -> None:
        self._said: list[Said] = []
        self._late: dict[Audited, bool] = {}
        self._session = session
        event.listen(session, "after_flush", self._flushed)

    def _flushed(self, session: Session, _context: Any) -> None:
        for row in session.new:
            self._note(row, new=True)
        for row in session.dirty:
            if isinstance(row, Audited) and not row.only_added and session.is_modified(row):
                self._note(row, new=False)
        for row in session.deleted:
            if isinstance(row, Audited) and row not in self._late:
                self._said.append(self._say(row, "remove"))

    def _note(self, row: Any, *, new: bool) -> None:
        if not isinstance(row, Audited):
            return
        if row.said_at_the_end:
            self._late.setdefault(row, new)
        else:
            self._said.append(self._say(row, row.action(new=new)))

    def _say(self, row: Any, action: str) -> Said:
        return Said(
            at=row.said_at, author=row.said_by, action=action, subject=row.subject,
            revision=row.id if row.numbered else None, reason=getattr(row, "reason", None),
            origin=getattr(row, "origin", None) or self._session.info.get("origin"), content=content_of(row),
        )

    def write(self) -> None:
        """Write the lines; the database has one writer at a time, so the chain cannot fork."""
        self._session.flush()
        for row, new in self._late.items():
            if inspect(row).persistent:
                self._said.append(self._say(row, row.action(new=new)))
        append(self._session, self._said)
        self._said, self._late = [], {}


def append(session: Session, said: list[Said]) -> None:
    """Write lines to the end of the log."""
    if not said:
        return
    last = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(1)).first()
    number, seal = (0, FIRST) if last is None else (last.id, last.hash)
    lines = []
    for each in said:
        number += 1
        lines.append(sealed(each, number, seal))
        seal = lines[-1]["hash"]
    session.execute(insert(AuditRow), lines)


def newest_seal(session: Session) -> str:
    """Return the seal of the last line, which stands for all before it."""
    return session.scalar(select(AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)) or FIRST


def select_lines(
    session: Session, *, after: int | None = None, before: int | None = None, subject: str | None = None,
    action: str | None = None, author: str | None = None, limit: int | None = None,
) -> list[AuditRow]:
    """Return lines: with ``after`` in their order, else newest first."""
    statement = select(AuditRow).where(*_clauses(subject, action, author))
    if after is not None:
        statement = statement.where(AuditRow.id > after).order_by(AuditRow.id)
    else:
        statement = statement.order_by(AuditRow.id.desc())
    if before is not None:
        statement = statement.where(AuditRow.id < before)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count_lines(
    session: Session, *, subject: str | None = None, action: str | None = None, author: str | None = None
) -> int:
    """Return how many lines there are."""
    return int(session.scalar(select(func.count()).select_from(AuditRow).where(*_clauses(subject, action, author))) or 0)


def _clauses(subject: str | None, action: str | None, author: str | None) -> list[Any]:
    asked = ((AuditRow.subject, subject), (AuditRow.action, action), (AuditRow.author, author))
    return [column == value for column, value in asked if value is not None]


def all_lines(session: Session) -> Iterator[AuditRow]:
    """Yield every line in order, some at a time."""
    after = 0
    while lines := select_lines(session, after=after, limit=_BATCH):
        yield from lines
        after = lines[-1].id
        session.expunge_all()
