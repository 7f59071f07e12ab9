"""Changes that editors propose and administrators publish.

A proposal holds all that is needed to do it later: which facilities, the revisions that its author
saw, and what they are to say. Contacts stand in a column of their own: they are personal data, and
not even their checksum is in the audit log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Index, case, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base

if TYPE_CHECKING:
    from collections.abc import Sequence

OPEN, PUBLISHED, REFUSED, WITHDRAWN = "open", "published", "refused", "withdrawn"
STATES = (OPEN, PUBLISHED, REFUSED, WITHDRAWN)
_ACTIONS = {OPEN: "propose", PUBLISHED: "publish", REFUSED: "refuse", WITHDRAWN: "withdraw"}
Place = tuple[bool, int]


class ProposalRow(Audited, Base):
    """One proposal; ``steps`` say of each facility its id (None: a new one), the revision seen and its new content."""

    __tablename__ = "proposal"
    __table_args__ = (Index("ix_proposal_state", "state", "id"), Index("ix_proposal_made_by", "made_by", "id"), {"sqlite_autoincrement": True})
    subject_kind = "proposal"
    subject_key: ClassVar = ("id",)
    outside_content: ClassVar = frozenset({"made_at", "made_by", "made_reason", "decided_at", "decided_by", "decided_reason", "origin", "contacts"})

    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str]
    state: Mapped[str]
    made_at: Mapped[str]
    made_by: Mapped[str]
    made_reason: Mapped[str | None]
    origin: Mapped[str]
    valid_from: Mapped[str | None]
    valid_at: Mapped[str | None]
    steps: Mapped[list[Any]]
    contacts: Mapped[list[Any]]
    decided_at: Mapped[str | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(default=None)
    decided_reason: Mapped[str | None] = mapped_column(default=None)

    @property
    def said_at(self) -> str:
        """When the last thing was done to it."""
        return self.decided_at or self.made_at

    @property
    def said_by(self) -> str:
        """Who did the last thing to it."""
        return self.decided_by or self.made_by

    @property
    def reason(self) -> str | None:
        """Why."""
        return self.decided_reason if self.decided_at else self.made_reason

    @property
    def facility_ids(self) -> tuple[int, ...]:
        """The facilities that are there already: whoever proposes must be allowed to change them."""
        return tuple(each["facility"] for each in self.steps if each["facility"] is not None)

    @property
    def area_codes(self) -> tuple[str | None, ...]:
        """The areas in which facilities are to lie."""
        return tuple(each["content"]["area_code"] for each in self.steps if each["content"] is not None)

    def action(self, *, new: bool) -> str:
        """Return what was done: proposed, or what became of it."""
        return _ACTIONS[OPEN if new else self.state]


def add_proposal(session: Session, row: ProposalRow) -> int:
    """Add a proposal and return its number."""
    session.add(row)
    session.flush()
    return row.id


def proposal_numbered(session: Session, number: int) -> ProposalRow | None:
    """Return a proposal; None where none has that number."""
    return session.get(ProposalRow, number)


def select_proposals(
    session: Session, *, by: str | None = None, state: str | None = None, after: Place | None = None, limit: int
) -> list[ProposalRow]:
    """Return proposals, the open ones first, each kind newest first; those that follow a place (is closed, id) only."""
    row = ProposalRow
    closed = case((row.state == OPEN, 0), else_=1)
    statement = select(row).where(*_clauses(by, state)).order_by(closed, row.id.desc())
    if after is not None:
        statement = statement.where((closed > int(after[0])) | ((closed == int(after[0])) & (row.id < after[1])))
    return list(session.scalars(statement.limit(limit)))


def count_proposals(session: Session, *, by: str | None = None, state: str | None = None) -> int:
    """Return how many proposals there are."""
    return int(session.scalar(select(func.count()).select_from(ProposalRow).where(*_clauses(by, state))) or 0)


def select_open_proposals(session: Session, *, by: str | None = None) -> list[ProposalRow]:
    """Return the open proposals, in the order in which they came."""
    return list(session.scalars(select(ProposalRow).where(*_clauses(by, OPEN)).order_by(ProposalRow.id)))


def select_publishers(session: Session, numbers: Sequence[int]) -> dict[int, str]:
    """Return who published proposals, by their numbers."""
    row = ProposalRow
    found = session.execute(select(row.id, row.decided_by).where(row.id.in_(numbers), row.state == PUBLISHED))
    return {int(number): str(name) for number, name in found}


def _clauses(by: str | None, state: str | None) -> list[Any]:
    asked = ((ProposalRow.made_by, by), (ProposalRow.state, state))
    return [column == value for column, value in asked if value is not None]
