"""The audit log read and checked: every line is where it was, and what it answers for is unchanged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.store.accounts import AccountRow, ApiKeyRow
from geosvc.store.areas import AreaRow, SuccessionRow
from geosvc.store.audit import FIRST, AuditRow, Said, all_lines, content_of, count_lines, sealed, select_lines
from geosvc.store.base import Audited
from geosvc.store.duplicates import DuplicateAnswerRow, MergeRow
from geosvc.store.facilities import FacilityRevisionRow
from geosvc.store.imports import MatchAnswerRow
from geosvc.store.layers import LayerRow
from geosvc.store.plan_documents import PlanDocumentRow
from geosvc.store.populations import PopulationRow
from geosvc.store.proposals import ProposalRow
from geosvc.store.scenarios import ScenarioRow
from geosvc.store.services import ServiceRow
from geosvc.store.study import ImportRow, RuleRow
from geosvc.store.tables import all_rows
from geosvc.store.webhooks import WebhookRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geosvc.store.engine import Session

# The tables whose newest line must answer for the row that is there.
_PRESENT: tuple[type[Audited], ...] = (
    AccountRow, ApiKeyRow, SuccessionRow, LayerRow, ServiceRow, ImportRow, MatchAnswerRow, MergeRow, DuplicateAnswerRow,
    ProposalRow, RuleRow, ScenarioRow, WebhookRow,
)
# Tables of revisions, with the columns that name whose they are.
_HISTORIES: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (FacilityRevisionRow, ("facility_id",)),
    (AreaRow, ("code",)),
    (PopulationRow, ("area_code", "year", "kind", "status", "source")),
    (PlanDocumentRow, ("plan", "part")),
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What checking the log found: ``line`` is the first that does not hold, None where one is missing.

    ``seal`` is that of the last line: whoever wrote it down can tell later that nothing was cut off.
    """

    holds: bool
    lines: int
    seal: str
    line: int | None = None
    problem: str | None = None


class _Broken(Exception):
    def __init__(self, line: int | None, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def as_dict(row: AuditRow) -> dict[str, Any]:
    """Return a line for a reader."""
    return {
        "line": row.id, "at": row.at, "author": row.author, "action": row.action, "subject": row.subject,
        "revision": row.revision, "reason": row.reason, "origin": row.origin, "content": row.content,
        "previous": row.previous, "hash": row.hash,
    }


def lines(
    session: Session, *, after: int | None = None, before: int | None = None, subject: str | None = None,
    action: str | None = None, author: str | None = None, limit: int,
) -> list[dict[str, Any]]:
    """Return lines: with ``after`` in their order, else newest first."""
    rows = select_lines(session, after=after, before=before, subject=subject, action=action, author=author, limit=limit)
    return [as_dict(row) for row in rows]


def count(session: Session, *, subject: str | None = None, action: str | None = None, author: str | None = None) -> int:
    """Return how many lines there are."""
    return count_lines(session, subject=subject, action=action, author=author)


def every_line(session: Session) -> Iterator[dict[str, Any]]:
    """Yield all lines in order, for export."""
    for row in all_lines(session):
        yield as_dict(row)


def verify(session: Session, *, seal: str | None = None) -> Verdict:
    """Check every line: its place, its seal, and that what it answers for is still so.

    Parameters
    ----------
    session : Session
    seal : str or None
        The seal of a line that was written down earlier; it must still be there.
    """
    number, last = 0, FIRST
    told: dict[tuple[str, int], tuple[int, str]] = {}
    newest: dict[str, tuple[int, str, str]] = {}
    seals = {seal}
    try:
        for row in all_lines(session):
            _check_line(row, number + 1, last)
            number, last = row.id, row.hash
            seals.discard(row.hash)
            if row.revision is not None:
                told[row.subject.partition(":")[0], row.revision] = (row.id, row.content)
            else:
                newest[row.subject] = (row.id, row.content, row.action)
        _check_content(session, told, newest)
        _check_seals(seals - {None})
    except _Broken as broken:
        return Verdict(holds=False, lines=number, seal=last, line=broken.line, problem=str(broken))
    return Verdict(holds=True, lines=number, seal=last)


def _check_seals(missing: set[str | None]) -> None:
    for seal in missing:
        raise _Broken(None, f"no line has the seal {seal}: lines were cut off or written anew")


def _check_line(row: AuditRow, expected: int, previous: str) -> None:
    if row.id != expected:
        raise _Broken(expected, f"line {expected} is missing; the next one there is {row.id}")
    if row.previous != previous:
        raise _Broken(row.id, f"line {row.id} does not follow the line before it: one of the two was changed")
    said = Said(**{name: getattr(row, name) for name in Said.__dataclass_fields__})
    if sealed(said, row.id, previous)["hash"] != row.hash:
        raise _Broken(row.id, f"line {row.id} was changed: its seal does not fit what it says")


def _check_content(session: Session, told: dict[tuple[str, int], tuple[int, str]], newest: dict[str, tuple[int, str, str]]) -> None:
    found: list[_Broken] = []
    for history, whose in _HISTORIES:
        found += _of_history(session, history, whose, told, newest)
    found += [_Broken(line, f"line {line}: revision {number} ({kind}) is gone") for (kind, number), (line, _content) in told.items()]
    for table in _PRESENT:
        for row in all_rows(session, table):
            last = newest.pop(row.subject, None)
            if last is None or last[2] == "remove":
                found.append(_Broken(None, f"{row.subject} has no line"))
            elif content_of(row) != last[1]:
                found.append(_Broken(last[0], f"line {last[0]}: {row.subject} was changed past the log"))
    found += [_Broken(line, f"line {line}: {subject} is gone") for subject, (line, _content, action) in newest.items()
              if action not in ("remove", "upgrade")]
    if found:
        raise min(found, key=lambda each: (each.line is None, each.line))


def _of_history(
    session: Session, table: type[Any], whose: tuple[str, ...], told: dict[tuple[str, int], tuple[int, str]],
    newest: dict[str, tuple[int, str, str]],
) -> list[_Broken]:
    found: list[_Broken] = []
    recorded: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    ended: list[tuple[int, tuple[Any, ...], str, str]] = []
    replaced: dict[int, tuple[int, str]] = {}
    superseded: dict[int, str | None] = {}
    for row in all_rows(session, table):
        # Rows from before there was a history have lines that name no revision.
        line, content = told.pop((row.subject_kind, row.id), None) or newest.pop(row.subject, (None, ""))[:2]
        if line is None:
            found.append(_Broken(None, f"revision {row.id} of {row.subject} has no line"))
        elif content_of(row) != content:
            found.append(_Broken(line, f"line {line}: revision {row.id} of {row.subject} was changed past the log"))
        thing = tuple(getattr(row, name) for name in whose)
        recorded[thing].add(row.recorded_at)
        superseded[row.id] = row.superseded_at
        if row.superseded_at is not None:
            ended.append((row.id, thing, row.superseded_at, row.subject))
        if row.replaces is not None and line is not None:
            replaced[row.replaces] = (line, row.recorded_at)
    found += [_Broken(line, f"line {line}: revision {number}, which it replaced, is believed again")
              for number, (line, moment) in replaced.items() if superseded.get(number) != moment]
    found += [_Broken(None, f"revision {number} of {subject} is no longer believed, and no line says why")
              for number, thing, moment, subject in ended if moment not in recorded[thing]]
    return found


def verdict_as_dict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict for a reader."""
    return asdict(verdict)
