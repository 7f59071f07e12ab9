"""The suspected pairs of a registry, kept up to date: only what changed since is compared again.

The audit log says what changed: it has a line for every change, and its last line is the mark of the
state that is known here. A new day changes what is true without a line; then all is read again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geosvc.registry.duplicates import Blocks, Comparison
from geosvc.registry.moments import today
from geosvc.registry.name_parts import places_of, plain_name
from geosvc.store.areas import AreaQuery, select_areas
from geosvc.store.duplicates import newest_line, subjects_since
from geosvc.store.facilities import FacilityQuery, select_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from geosvc.store.engine import Session

LOWEST_SCORE = 0.6  # below it almost every pair is of two neighbours
_LEVELS_IN_NAMES = ("province", "prefecture", "county")
_FIELDS = ("name", "class_code", "lon", "lat", "area_code", "address", "identifiers", "aliases")
_MOST_CHANGED = 2_000  # more than these: looking through all is no slower
_ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What is compared and shown of a facility; longitude and latitude are degrees."""

    name: str
    class_code: str
    lon: float | None
    lat: float | None
    area_code: str | None
    address: str | None
    identifiers: list[dict[str, str]]
    aliases: list[str]


Key = tuple[float, int, int]


class Suspects:
    """The pairs of one registry, as one session may read it."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[int, int], Comparison] = {}
        self.ordered: list[Key] = []  # (-score, first, second): the most alike first
        self._blocks = Blocks()
        self._of: dict[int, set[tuple[int, int]]] = {}
        self._places: Counter[str] = Counter()
        self._areas: frozenset[str] = frozenset()
        self._line: tuple[int, str] = (-1, "")
        self._day = ""

    def __getitem__(self, number: int) -> Known:
        """Return what is known of a facility."""
        return self._blocks.facilities[number]  # type: ignore[return-value]

    @property
    def places(self) -> frozenset[str]:
        """Names of areas that names of facilities begin with."""
        return self._blocks.places

    def refresh(self, session: Session) -> None:
        """Learn what changed since the last time."""
        line, day = newest_line(session), today()
        if (line, day) == (self._line, self._day):
            return
        subjects = None if day != self._day else subjects_since(session, self._line, _MOST_CHANGED)
        # One that cannot be brought up to date in part is made anew, and a failure in between leaves the old state of the log.
        self._line, self._day = (-1, ""), ""
        if subjects is None or any(each.startswith("area:") for each in subjects):
            self._read_all(session)
        else:
            self._read_changed(session, sorted(int(each.partition(":")[2]) for each in subjects if each.startswith("facility:")))
        self._line, self._day = line, day

    def _read_all(self, session: Session) -> None:
        known = dict(_known(session, FacilityQuery()))
        self._areas = places_of([], (each.name for each in select_areas(session, AreaQuery(levels=_LEVELS_IN_NAMES))))
        self._places = Counter(name for one in known.values() for name in places_of([one.address]))
        self._blocks = Blocks(self._areas.union(self._places))
        for number, one in known.items():
            self._blocks.put(number, one)
        self.pairs, self._of, self.ordered = {}, {}, []
        for pair in self._blocks.pairs(LOWEST_SCORE):
            self._note(pair.first, pair.second, pair.comparison)
        self.ordered.sort()

    def _read_changed(self, session: Session, numbers: Sequence[int]) -> None:
        known: dict[int, Known] = {}
        for start in range(0, len(numbers), _ASKED_AT_ONCE):
            known |= dict(_known(session, FacilityQuery(ids=numbers[start : start + _ASKED_AT_ONCE])))
        changed = {number for number in numbers if known.get(number) != self._blocks.facilities.get(number)}
        if not changed:
            return
        for number in changed:
            self._count_places(number, known.get(number))
        places = self._areas.union(self._places)
        if places != self._blocks.places:
            changed |= self._renamed(places)
        self._forget(changed)
        for number in changed.intersection(numbers):
            if one := known.get(number):
                self._blocks.put(number, one)
            else:
                self._blocks.remove(number)
        for pair in self._blocks.pairs(LOWEST_SCORE, [number for number in changed if number in self._blocks.facilities]):
            self._note(pair.first, pair.second, pair.comparison)
        self.ordered.sort()

    def _count_places(self, number: int, now: Known | None) -> None:
        old = self._blocks.facilities.get(number)
        if old is not None:
            self._places.subtract(places_of([old.address]))
        if now is not None:
            self._places.update(places_of([now.address]))
        self._places += Counter()  # drops those that nobody names any longer

    def _renamed(self, places: frozenset[str]) -> set[int]:
        """Put the facilities anew in whose names stands a place that came or went; return them."""
        differing = places ^ self._blocks.places
        touched = {
            number for number, one in self._blocks.facilities.items()
            if any(word in name for name in map(plain_name, (one.name, *one.aliases)) for word in differing)
        }
        again = {number: self._blocks.facilities[number] for number in touched}
        for number in touched:
            self._blocks.remove(number)
        self._blocks.places = places
        for number, one in again.items():
            self._blocks.put(number, one)
        return touched

    def _note(self, first: int, second: int, comparison: Comparison) -> None:
        self.pairs[first, second] = comparison
        self.ordered.append((-comparison.score, first, second))
        for number in (first, second):
            self._of.setdefault(number, set()).add((first, second))

    def _forget(self, numbers: Iterable[int]) -> None:
        """Drop the pairs in which some facilities are."""
        gone = {pair for number in numbers for pair in self._of.get(number, ())}
        for pair in gone:
            del self.pairs[pair]
            for number in pair:
                self._of[number].discard(pair)
        if gone:
            self.ordered = [key for key in self.ordered if key[1:] not in gone]


def _known(session: Session, query: FacilityQuery) -> Iterable[tuple[int, Known]]:
    for number, *values in select_values(session, query, ("facility_id", *_FIELDS)):
        yield int(number), Known(*values)
