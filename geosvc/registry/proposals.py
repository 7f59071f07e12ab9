"""What editors propose: a change as a value, kept until somebody decides on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from geosvc.errors import ProposalClosed, ProposalNotFound
from geosvc.registry.facilities import Facility, content
from geosvc.registry.moments import now
from geosvc.store.proposals import OPEN, ProposalRow, add_proposal, proposal_numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Session

ORIGIN = "proposal:"


class What(StrEnum):
    """What is done to facilities."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    RESTORE = "restore"
    CONFIRM = "confirm"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a change does to one facility.

    ``facility_id`` None registers a new one, ``revision`` is the one in whose place it stands, ``facility``
    the whole state that is to be believed (None: what is there), ``old`` what was seen.
    """

    facility_id: int | None = None
    revision: int | None = None
    facility: Facility | None = None
    old: Facility | None = None


class Proposed(Exception):
    """What was asked is not done but proposed: it waits until an administrator publishes it.

    No error: it ends the work of whoever asked to change something, in the one way that none of them
    can take for "it was changed".
    """

    def __init__(self, told: dict[str, Any]) -> None:
        """Keep the proposal as a reader sees it."""
        self.told = told
        super().__init__(f"proposal {told['id']}")


def propose(
    session: Session, what: What, steps: Sequence[Step], *, author: str, origin: str, reason: str | None = None,
    valid_from: str | None = None, valid_at: str | None = None,
) -> ProposalRow:
    """Keep a change that waits for approval.

    Raises
    ------
    NotAllowed
        If it touches facilities outside of the areas of the account.
    """
    row = ProposalRow(
        what=str(what), state=OPEN, made_at=now(), made_by=author, made_reason=reason, origin=origin, valid_from=valid_from, valid_at=valid_at,
        steps=[{"facility": each.facility_id, "revision": each.revision, "content": _without_contact(each.facility)} for each in steps],
        contacts=[None if each.facility is None else each.facility.contact for each in steps],
    )
    add_proposal(session, row)
    return row


def _without_contact(facility: Facility | None) -> dict[str, Any] | None:
    return None if facility is None else {name: value for name, value in content(facility).items() if name != "contact"}


def steps_of(row: ProposalRow) -> list[Step]:
    """Return the steps of a proposal, without what was seen."""
    return [
        Step(facility_id=each["facility"], revision=each["revision"],
             facility=None if each["content"] is None else Facility(**each["content"], contact=contact or {}))
        for each, contact in zip(row.steps, row.contacts, strict=True)
    ]


def get(session: Session, number: int, *, by: str | None = None) -> ProposalRow:
    """Return a proposal; with ``by`` only one of that author.

    Raises
    ------
    ProposalNotFound
    """
    row = proposal_numbered(session, number)
    if row is None or (by is not None and row.made_by != by):
        raise ProposalNotFound(f"no proposal {number} is there for you to see; /api/proposals lists them")
    return row


def decide(row: ProposalRow, state: str, *, author: str, reason: str | None) -> None:
    """Say what became of an open proposal.

    Raises
    ------
    ProposalClosed
    """
    expect_open(row)
    row.state, row.decided_at, row.decided_by, row.decided_reason = state, now(), author, reason


def expect_open(row: ProposalRow) -> None:
    """Refuse a proposal on which somebody decided already.

    Raises
    ------
    ProposalClosed
    """
    if row.state != OPEN:
        raise ProposalClosed(f"proposal {row.id} was {row.state} already, at {row.decided_at} by {row.decided_by}; nothing was done")


def as_dict(row: ProposalRow) -> dict[str, Any]:
    """Return a proposal for a reader, without what it changes."""
    return {
        "id": row.id, "what": row.what, "state": row.state, "at": row.made_at, "author": row.made_by, "reason": row.made_reason,
        "origin": row.origin, "valid_from": row.valid_from, "valid_at": row.valid_at, "count": len(row.steps),
        "facilities": list(row.facility_ids), "decided_at": row.decided_at, "decided_by": row.decided_by, "decided_reason": row.decided_reason,
    }
