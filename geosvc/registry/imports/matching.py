"""Which registered facility a row means: by number, answer, identifier, name, or a score that explains itself.

Each registered facility is met once. What is certain goes first: the number that an export wrote, a
person's answer, an identifier, the same name, class and area. Only then are the rows that are left
compared with the facilities that are left, so that rows of one file (departments, branches,
namesakes) are never taken for each other: a facility that its own row has found is no candidate.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from geosvc.errors import InvalidInput
from geosvc.geo.crs import distance_m
from geosvc.registry import areas
from geosvc.registry.duplicates import MIN_SCORE, NEAR_M, SAME_NAME_M, Comparison, Described, PairKind, compare
from geosvc.registry.exports.columns import mark_of
from geosvc.registry.imports.tables import plain
from geosvc.registry.merging import merged_into
from geosvc.registry.name_parts import parts_of, places_of, plain_name
from geosvc.registry.revisions import MERGED
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery, select_gone, select_values
from geosvc.store.imports import select_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from geosvc.registry.facilities import Facility
    from geosvc.registry.imports.facilities import Told
    from geosvc.store.engine import Session

NEW = "new"
SURE = 0.93
_MOVED_M = 2_000.0  # a facility of the same name that stands farther away is looked at by a person
_SAME_NUMBER_M = 100.0
_CANDIDATES_SHOWN = 5
_LARGEST_GROUP = 60  # a name that more facilities bear says nothing without a place
_NEARLY = 0.03  # two candidates whose scores differ by less are equally good
LEVELS_IN_NAMES = ("province", "prefecture", "county")
_COMPARED = ("facility_id", "id", "name", "class_code", "area_code", "address", "lon", "lat", "identifiers", "aliases")
_EARTH_RADIUS_M = 6_371_008.8


class How(StrEnum):
    """By what a row met a facility, or why it met none."""

    NUMBER = "number"
    ANSWER = "answer"
    IDENTIFIER = "identifier"
    NAME = "name"
    SCORE = "score"
    NEW = "new"
    WAITING = "waiting"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is compared of a registered facility: a part of it, read for all of them."""

    id: int
    revision: int
    name: str
    class_code: str
    area_code: str | None
    address: str | None
    lon: float | None
    lat: float | None
    identifiers: list[dict[str, str]]
    aliases: list[str]

    @property
    def located(self) -> bool:
        """Whether it can be drawn on a map."""
        return self.lon is not None


@dataclass(frozen=True)
class Candidate:
    """A registered facility that a row may mean, and how alike the two are."""

    registered: Standing
    comparison: Comparison

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        one = self.registered
        return {
            "id": self.registered.id, "name": one.name, "class_code": one.class_code, "area_code": one.area_code, "address": one.address,
            "score": self.comparison.score, "distance_m": self.comparison.distance_m,
            "reasons": [each.as_dict() for each in self.comparison.reasons],
        }


@dataclass(frozen=True, kw_only=True)
class Match:
    """What a row was found to be: ``current`` is the registered facility, None for a new one or while it waits.

    A row of a facility that was merged into another one (``into``, its id) is neither.
    """

    told: Told
    how: How
    current: Standing | None = None
    candidates: tuple[Candidate, ...] = ()
    into: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row with its candidates, for a person."""
        one = self.told.facility
        return {"row": self.told.row.number, "name": one.name, "class_code": one.class_code, "area_code": one.area_code,
                "address": one.address, "candidates": [each.as_dict() for each in self.candidates]}

    def reason(self) -> str:
        """Return in a sentence why the row waits, and what can be done."""
        first = self.candidates[0]
        told = "; ".join(each.en for each in first.comparison.reasons)
        return (
            f"may be facility {first.registered.id} {first.registered.name} (score {first.comparison.score:.2f}: {told}); "
            "say which facility it is, or that it is new"
        )


def fingerprint(facility: Facility) -> str:
    """Return what tells a row from others wherever it stands in a file: its name in one spelling, class and area."""
    said = [plain_name(facility.name), facility.class_code, facility.area_code]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def matched(session: Session, found: Sequence[Told], answers: Mapping[int, int | str]) -> tuple[list[Match], list[Standing]]:
    """Return what each row of a file is, in the order of the rows; and all facilities that are registered.

    Parameters
    ----------
    session : Session
    found : sequence of Told
    answers : mapping of int to int or str
        By the number of a row: the id of the facility that it is, or ``new``.

    Raises
    ------
    InvalidInput
        If an answer is of a row, or names a facility, that is not there, or two name the same.
    """
    existing = _Existing(session)
    matches: dict[int, Match] = {}
    # Who is named by number is taken before anybody is found by name.
    for place, told in enumerate(found):
        if (current := existing.numbered(told)) is not None:
            matches[place] = Match(told=told, how=How.NUMBER, current=current)
        elif not told.complete:
            into = existing.merged_into(session, told)
            matches[place] = Match(told=told, how=How.NEW if into is None else How.MERGED, into=into)
    answered_new = _answered(session, found, answers, existing, matches)
    for place, told in enumerate(found):
        if place not in matches and place not in answered_new and (met := existing.take(told.facility)) is not None:
            matches[place] = Match(told=told, how=met[0], current=met[1])
    for place, told in enumerate(found):
        if place not in matches and place not in answered_new and (into := existing.merged_into(session, told)) is not None:
            matches[place] = Match(told=told, how=How.MERGED, into=into)
    left = [place for place in range(len(found)) if place not in matches and place not in answered_new]
    matches |= dict(zip(left, existing.scored(session, [found[place] for place in left], found), strict=True))
    matches |= {place: Match(told=found[place], how=How.ANSWER) for place in answered_new if place not in matches}
    return [matches[place] for place in range(len(found))], existing.everything


def _answered(
    session: Session, found: Sequence[Told], answers: Mapping[int, int | str], existing: _Existing, matches: dict[int, Match]
) -> set[int]:
    """Take the facilities that somebody named, now or in an earlier import; return the rows that are new by an answer."""
    place_of = {told.row.number: place for place, told in enumerate(found)}
    new: set[int] = set()
    for row, answer in answers.items():
        place = place_of.get(row)
        if place is None:
            raise InvalidInput(f"the answer for row {row} fits no row that can be taken; rows are counted as in the file, the header is one")
        if place in matches:
            raise InvalidInput(f"row {row} names its facility by 机构编号 already; clear that cell to answer otherwise")
        if answer == NEW:
            new.add(place)
        else:
            matches[place] = Match(told=found[place], how=How.ANSWER, current=existing.answered(row, answer))
    marks = [fingerprint(told.facility) for told in found]
    often = Counter(marks)
    # Of namesakes in one file nobody can say which of them was asked about.
    remembered = select_answers(session, (mark for mark in marks if often[mark] == 1)) if found else {}
    for place, mark in enumerate(marks):
        answer_row = remembered.get(mark)
        if answer_row is None or place in matches or place in new:
            continue
        if answer_row.facility_id is None:
            # It was registered as new then: by now it may well be there.
            if (met := existing.take(found[place].facility)) is None:
                new.add(place)
            else:
                matches[place] = Match(told=found[place], how=met[0], current=met[1])
        elif (current := existing.free(answer_row.facility_id)) is not None:
            matches[place] = Match(told=found[place], how=How.ANSWER, current=current)
    return new


class _Existing:
    """What is registered already, each facility to be matched once."""

    def __init__(self, session: Session) -> None:
        self._mark = mark_of(session)
        self._by_id: dict[int, Standing] = {}
        self._by_identifier: defaultdict[tuple[str, str], list[Standing]] = defaultdict(list)
        self._by_name: defaultdict[tuple[str, str, str | None], list[Standing]] = defaultdict(list)
        self._taken: set[int] = set()
        for values in select_values(session, FacilityQuery(), _COMPARED):
            each = Standing(*values)
            self._by_id[each.id] = each
            for pair in each.identifiers:
                self._by_identifier[(pair["scheme"], pair["value"])].append(each)
            self._by_name[_name_key(each)].append(each)
        gone = select_gone(session, MERGED)
        self._merged_ids = {number for number, *_ in gone}
        self._merged_names = {(plain(name), code, area): number for number, name, code, area in reversed(gone)}

    def merged_into(self, session: Session, told: Told) -> int | None:
        """Return the facility into which the one of a row was merged, by its number or its name; None if it was not."""
        named = told.facility_id if told.mark == self._mark and told.facility_id in self._merged_ids else None
        number = named or (self._merged_names.get(_name_key(told.facility)) if told.complete else None)
        return None if number is None else merged_into(session, number)

    @property
    def everything(self) -> list[Standing]:
        """Return all registered facilities, in the order of their id."""
        return list(self._by_id.values())

    def numbered(self, told: Told) -> Standing | None:
        """Return the facility that a row names by its number.

        A number counts if the row names this registry too; where it names none, the facility
        must have the same name, or be of the same class at the same place: numbers of other
        registries look alike.
        """
        found = self.free(told.facility_id or 0, take=False)
        if found is None:
            return None
        one, other = found, told.facility
        alike = plain(one.name) == plain(other.name) or (one.class_code == other.class_code and _apart_m(one, other) <= _SAME_NUMBER_M)
        if told.mark != self._mark and (told.mark is not None or not (alike or not told.complete)):
            return None
        return self.free(found.id)

    def free(self, number: int, *, take: bool = True) -> Standing | None:
        """Return a facility that no row has met yet, and take it."""
        found = self._by_id.get(number)
        if found is None or found.id in self._taken:
            return None
        if take:
            self._taken.add(found.id)
        return found

    def answered(self, row: int, answer: int | str) -> Standing:
        """Return the facility that a person named for a row."""
        number = answer if isinstance(answer, int) else int(answer) if answer.isascii() and answer.isdigit() else None
        if number not in self._by_id:
            raise InvalidInput(f"the answer for row {row} must be the id of a registered facility, or new; got {answer!r}")
        found = self.free(number)
        if found is None:
            raise InvalidInput(f"the answer for row {row} is facility {number}, which another row is already")
        return found

    def take(self, facility: Facility) -> tuple[How, Standing] | None:
        """Return the facility that a row certainly is, and by what; of several the nearest."""
        # Two sites of one hospital may share its identifier: the one of the same name goes first.
        same_identifier = [
            each for pair in facility.identifiers for each in self._by_identifier[(pair["scheme"], pair["value"])]
        ]
        if (found := self._nearest(same_identifier, facility)) is not None:
            self._taken.add(found.id)
            return How.IDENTIFIER, found
        found = self.take_same(facility)
        return None if found is None else (How.NAME, found)

    def take_same(self, facility: Facility) -> Standing | None:
        """Return, and take, the facility of the same name, class and area, if it is not too far to be the same."""
        found = self._nearest(self._by_name[_name_key(facility)], facility)
        if found is None or not _may_be_moved(found, facility):
            return None
        self._taken.add(found.id)
        return found

    def _nearest(self, candidates: Iterable[Standing], facility: Facility) -> Standing | None:
        free = [each for each in candidates if each.id not in self._taken]
        key = _name_key(facility)
        return min(free, key=lambda each: (_name_key(each) != key, _apart_m(each, facility), each.id), default=None)

    # -- by a score --------------------------------------------------------------------------

    def scored(self, session: Session, rows: Sequence[Told], everything: Sequence[Told]) -> list[Match]:
        """Return what the rows that met nobody for certain are, compared with the facilities that nobody met."""
        free = [each for each in self._by_id.values() if each.id not in self._taken]
        if not rows or not free:
            return [Match(told=told, how=How.NEW) for told in rows]
        above = [each.name for each in areas.find(session, AreaQuery(levels=LEVELS_IN_NAMES))]
        places = places_of([*(each.address for each in free), *(told.facility.address for told in rows)], above)
        alone = self._namesakes_excluded(everything)
        sure: dict[int, list[Candidate]] = {}
        unsure: dict[int, list[Candidate]] = {}
        for row, candidates in _worth_a_look([told.facility for told in rows], free, places).items():
            told = rows[row].facility
            for number in sorted(candidates):
                other = free[number]
                comparison = compare(other, told, places=places)
                same = _name_key(other) == _name_key(told) and _name_key(told) in alone
                verdict = _verdict(comparison, same_key=same)
                if verdict is not None:
                    (sure if verdict else unsure).setdefault(row, []).append(Candidate(other, comparison))
        chosen = _one_each(sure)
        return [self._match(told, chosen.get(row), sure.get(row, []) + unsure.get(row, [])) for row, told in enumerate(rows)]

    def _namesakes_excluded(self, everything: Sequence[Told]) -> set[tuple[str, str, str | None]]:
        """Return the names that one row and one facility bear, and that say more than a kind."""
        often = Counter(_name_key(told.facility) for told in everything)
        return {
            key for key, count in often.items()
            if count == 1 and len(self._by_name.get(key, ())) == 1 and parts_of(key[0]).core
        }

    def _match(self, told: Told, chosen: Candidate | None, candidates: list[Candidate]) -> Match:
        if chosen is not None:
            self._taken.add(chosen.registered.id)
            return Match(told=told, how=How.SCORE, current=chosen.registered, candidates=(chosen,))
        if not candidates:
            return Match(told=told, how=How.NEW)
        best = sorted(candidates, key=lambda each: (-each.comparison.score, each.registered.id))
        return Match(told=told, how=How.WAITING, candidates=tuple(best[:_CANDIDATES_SHOWN]))


def _one_each(sure: dict[int, list[Candidate]]) -> dict[int, Candidate]:
    """Return the rows that are clearly one facility: no other one is as good, and no other row wants it."""
    best = {}
    for row, candidates in sure.items():
        first, *others = sorted(candidates, key=lambda each: (-each.comparison.score, each.registered.id))
        if not others or others[0].comparison.score < first.comparison.score - _NEARLY:
            best[row] = first
    wanted = Counter(each.registered.id for candidates in sure.values() for each in candidates)
    return {row: each for row, each in best.items() if wanted[each.registered.id] == 1}


def _verdict(comparison: Comparison, *, same_key: bool) -> bool | None:
    """Return True for surely the same, False where a person must say, None for another facility."""
    said = {each.code: each.value for each in comparison.reasons}
    if comparison.kind != PairKind.DUPLICATE or 0.0 in (said.get("class"), said.get("identifier")) or {"parts", "numbers"} & said.keys():
        return None
    if comparison.score >= SURE and said.get("class", 1.0) == 1.0:
        distance = comparison.distance_m
        if distance is not None and distance <= NEAR_M:
            return True
        if distance is None and said.get("area") == 1.0 and said["name"] == 1.0:
            return True
    return False if same_key or comparison.score >= MIN_SCORE else None


def _worth_a_look(rows: Sequence[Facility], free: Sequence[Standing], places: frozenset[str]) -> dict[int, set[int]]:
    """Return for each row the facilities that stand near it or bear its name; all others are never compared."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    there = [(number, each) for number, each in enumerate(free) if each.located]
    here = [(number, each) for number, each in enumerate(rows) if each.located]
    if there and here:
        tree = cKDTree(in_space([each for _, each in there]))
        for (row, _), near in zip(here, tree.query_ball_point(in_space([each for _, each in here]), NEAR_M), strict=True):
            found[row].update(there[each][0] for each in near)
    named: defaultdict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(free):
        named[_whole_name(each, places)].append(number)
    for row, told in enumerate(rows):
        group = named.get(_whole_name(told, places), [])
        radius_m = SAME_NAME_M if len(group) > 1 else math.inf
        found[row].update(
            number for number in group if _within(told, free[number], radius_m, few=len(group) <= _LARGEST_GROUP))
    return found


def worth_comparing(there: Sequence[Described], new: Sequence[Described]) -> list[int]:
    """Return the places, in the sequence, of the facilities that may be suspected to be one with a new one.

    They stand within 3 km of one, or share an identifier with one; who has no position may be anywhere.
    """
    if not all(each.lon is not None for each in new):
        return list(range(len(there)))
    codes = {(pair["scheme"], pair["value"].upper()) for each in new for pair in each.identifiers}
    located = [place for place, each in enumerate(there) if each.lon is not None]
    kept = {place for place, each in enumerate(there) if each.lon is None
            or any((pair["scheme"], pair["value"].upper()) in codes for pair in each.identifiers)}
    if located:
        distances, _ = cKDTree(in_space(new)).query(in_space([there[place] for place in located]), distance_upper_bound=SAME_NAME_M + 1)
        kept.update(place for place, distance in zip(located, distances.tolist(), strict=True) if math.isfinite(distance))
    return sorted(kept)


def _whole_name(facility: Facility | Standing, places: frozenset[str]) -> str:
    parts = parts_of(facility.name, places)
    return parts.owner + parts.part


def _within(one: Facility, other: Standing, radius_m: float, *, few: bool) -> bool:
    if one.located and other.located:
        return _apart_m(one, other) <= radius_m
    return few or (one.area_code is not None and one.area_code == other.area_code)


def in_space(facilities: Sequence[Described]) -> Any:
    """Return the places of located facilities as points in space: distances between them are chords through the Earth, metres."""
    lon, lat = np.radians(np.array([[each.lon, each.lat] for each in facilities], np.float64)).T
    return _EARTH_RADIUS_M * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _may_be_moved(one: Standing, other: Facility) -> bool:
    """Return whether two of the same name, class and area are the same for certain, wherever they stand."""
    if not (one.located and other.located) or _apart_m(one, other) <= _MOVED_M:
        return True
    return one.area_code is not None and bool(parts_of(one.name).core)


def _name_key(facility: Facility | Standing) -> tuple[str, str, str | None]:
    return (plain(facility.name), facility.class_code, facility.area_code)


def _apart_m(one: Facility | Standing, other: Facility | Standing) -> float:
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return 0.0 if one.located == other.located else 1e9
    return distance_m(one.lon, one.lat, other.lon, other.lat)
