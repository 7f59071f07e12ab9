"""What people said about suspected pairs, remembered: two that are not one are not asked about again.

An answer stands through every later correction. It is asked again only where the name or the class of
one of the two became another *and* the pair is now clearly more alike than the one that was judged: then
somebody judged something else. The earlier answer is shown with the question.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput
from geosvc.registry.duplicates import compare
from geosvc.registry.moments import now
from geosvc.registry.name_parts import plain_name
from geosvc.registry.suspects import Known
from geosvc.store.duplicates import DuplicateAnswerRow, add_decision, select_answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.registry.facilities import Facility
    from geosvc.registry.suspects import Suspects
    from geosvc.store.engine import Session

NOT_DUPLICATE = "not_duplicate"
_CLEARLY_MORE = 0.05
_ASKED_AT_ONCE = 200
Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The pairs whose answer stands, and those that are asked again with their earlier answer."""

    standing: frozenset[Pair]
    again: dict[Pair, DuplicateAnswerRow]


def known_of(facility: Facility) -> Known:
    """Return what is compared of a facility."""
    return Known(**{each.name: getattr(facility, each.name) for each in fields(Known)})


def still_answered(session: Session, suspects: Suspects) -> Answered:
    """Return which of the suspected pairs are answered."""
    rows = {row.facility_ids: row for row in select_answers(session)}
    again = {
        pair: row for pair, row in rows.items()
        if (comparison := suspects.pairs.get(pair)) is not None and comparison.score > row.score + _CLEARLY_MORE
        and _judged([suspects[number] for number in pair]) != row.judged
    }
    return Answered(standing=frozenset(rows.keys() - again.keys()), again=again)


def give(
    session: Session, pairs: Sequence[Pair], known: Mapping[int, Known], *, places: frozenset[str], author: str, reason: str | None, origin: str
) -> list[dict[str, Any]]:
    """Remember of pairs (smaller id first) that they are two; return the new answers.

    One that was answered before, and is asked again, is answered anew; the earlier answer is taken back.
    """
    moment, given = now(), []
    earlier = _earlier(session, pairs)
    for pair in pairs:
        both = [known[number] for number in pair]
        score, judged = compare(*both, places=places).score, _judged(both)
        old = earlier.get(pair)
        if old is not None:
            if old.judged == judged and score <= old.score + _CLEARLY_MORE:
                continue
            old.undone_at, old.undone_by, old.undone_reason = moment, author, reason
        row = DuplicateAnswerRow(
            first_id=pair[0], second_id=pair[1], answer=NOT_DUPLICATE, score=score, judged=judged, done_at=moment,
            done_by=author, done_reason=reason, origin=origin)
        add_decision(session, row)
        given.append({"id": row.id, "first": pair[0], "second": pair[1], "score": score})
    return given


def take_back(session: Session, pairs: Sequence[Pair], *, author: str, reason: str | None) -> None:
    """Take the answers about pairs back.

    Raises
    ------
    InvalidInput
        If one has none.
    """
    moment, earlier = now(), _earlier(session, pairs)
    for pair in pairs:
        row = earlier.get(pair)
        if row is None:
            raise InvalidInput(f"nothing was answered about facilities {pair[0]} and {pair[1]}; there is nothing to take back")
        row.undone_at, row.undone_by, row.undone_reason = moment, author, reason


def _earlier(session: Session, pairs: Sequence[Pair]) -> dict[Pair, DuplicateAnswerRow]:
    return {
        (row.first_id, row.second_id): row for start in range(0, len(pairs), _ASKED_AT_ONCE)
        for row in select_answers(session, pairs=pairs[start : start + _ASKED_AT_ONCE])
    }


def _judged(both: Sequence[Known]) -> list[dict[str, str]]:
    """Return what an answer is about: name and class of both."""
    return [{"name": plain_name(each.name), "class_code": each.class_code} for each in both]
