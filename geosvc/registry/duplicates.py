"""Facilities that may be one and the same: suspected pairs, each with a score and its reasons.

Nothing is merged here. Pairs are looked for among facilities that stand near each other, bear the same
normalised name or one that sounds the same (靖宇, 静宇), or share an identifier; all other pairs are never
compared, so that a registry of 100,000 is looked through in seconds.

The score is the weighted mean of what is known of both: name, distance, class, area and address, each
from 0 to 1. What one of them does not say does not count. Then identifiers and numbers speak: the same
credit code raises it, another one and another number in the name (第一 and 第二, 3号楼 and 5号楼) lower it.
Identical facilities have 1, and the order of the two makes no difference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from rapidfuzz import fuzz, process
from scipy.spatial import cKDTree

from geosvc.language import words
from geosvc.registry.classes import UNCLASSIFIED, facility_classes
from geosvc.registry.name_parts import NameParts, is_station_of, kind_of_part, parts_of, plain_name, sound_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

MIN_SCORE = 0.8
NEAR_M = 300.0  # facilities this near are compared whatever they are called
SAME_NAME_M = 3_000.0  # those of the same normalised name as far as this
_SAME_PLACE_M, _FAR_M = 30.0, 2_000.0
_EARTH_RADIUS_M = 6_371_008.8
_LARGEST_GROUP = 60  # beyond, a name or an identifier says nothing without a place
_WEIGHTS = {"name": 0.6, "distance": 0.2, "class": 0.08, "area": 0.04, "address": 0.08}
_PARTS_ALIKE = 90.0  # of 100: 门诊综合楼 and 门诊楼 are one, 消化科 and 康复科 are two
_WEIGHT_OF_A_KIND = 0.3  # a name that says only the kind (卫生室, 口腔诊所) is little evidence
_WHOLE_AND_PART = 0.9
_NAME_AT_LEAST = 55.0  # of 100: less alike than this nobody takes for one
_SOUNDS_ALIKE = 0.9  # 靖宇镇卫生院 and 静宇镇卫生院: a slip of the input method
_CODES = ("uscc", "licence")
_NAME, _SOUND = "name", "sound"


class PairKind(StrEnum):
    """What a pair is suspected to be."""

    DUPLICATE = "duplicate"
    BRANCH = "branch"
    DEPARTMENT = "department"


@dataclass(frozen=True)
class Reason:
    """One thing that speaks for or against a pair, from 0 to 1, in both languages."""

    code: str
    value: float
    zh: str
    en: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"code": self.code, "value": round(self.value, 3), "zh": self.zh, "en": self.en}


class Described(Protocol):
    """What is compared of a facility; longitude and latitude are degrees, both None when it is to be located."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def class_code(self) -> str: ...  # noqa: D102
    @property
    def lon(self) -> float | None: ...  # noqa: D102
    @property
    def lat(self) -> float | None: ...  # noqa: D102
    @property
    def area_code(self) -> str | None: ...  # noqa: D102
    @property
    def address(self) -> str | None: ...  # noqa: D102
    @property
    def identifiers(self) -> list[dict[str, str]]: ...  # noqa: D102
    @property
    def aliases(self) -> list[str]: ...  # noqa: D102


@dataclass(frozen=True)
class Comparison:
    """How alike two facilities are: a score from 0 to 1, what they are suspected to be, and why."""

    score: float
    kind: PairKind
    reasons: tuple[Reason, ...]
    distance_m: float | None


@dataclass(frozen=True)
class Pair:
    """Two facilities, by their places in the sequence that was searched, and their comparison."""

    first: int
    second: int
    comparison: Comparison


def compare(one: Described, other: Described, *, places: frozenset[str] = frozenset()) -> Comparison:
    """Return how alike two facilities are.

    Parameters
    ----------
    one, other : Described
        Such as :class:`~geosvc.registry.facilities.Facility`.
    places : frozenset of str
        Names of areas that names of facilities begin with (:func:`~geosvc.registry.name_parts.places_of`).

    Examples
    --------
    >>> from geosvc.registry.facilities import Facility
    >>> here = {"class_code": "C220", "lon": 126.8, "lat": 42.4, "position_method": "surveyed"}
    >>> same = compare(Facility(name="靖宇县靖宇镇卫生院", **here), Facility(name="靖宇镇卫生院", **here),
    ...                places=frozenset({"靖宇县"}))
    >>> same.score, str(same.kind)
    (1.0, 'duplicate')
    """
    mine, theirs = _named(one, places), _named(other, places)
    named = _name_reason(mine, theirs)
    distance = _apart_m(one, other)
    told = [named, *filter(None, (
        _distance_reason(distance), _class_reason(one.class_code, other.class_code), _area_reason(one, other), _address_reason(one, other),
    ))]
    weights = [_weight_of_name(mine, theirs) if each.code == "name" else _WEIGHTS[each.code] for each in told]
    score = sum(weight * each.value for weight, each in zip(weights, told, strict=True)) / sum(weights)
    if (same := _identifier_reason(one, other)) is not None:
        told.append(same)
        score = score + (1 - score) * 0.7 if same.value else score * 0.6
    if _two_parts(mine, theirs):
        first, second = sorted((mine.part, theirs.part))
        told.append(_reason("parts", 0.0, "why_two_parts", first=first, second=second))
        score *= 0.6
    if mine.numbers != theirs.numbers and mine.numbers and theirs.numbers and not (mine.numbers < theirs.numbers or theirs.numbers < mine.numbers):
        told.append(_numbers_reason(mine.numbers, theirs.numbers))
        score *= 0.6
    return Comparison(round(min(score, 1.0), 4), _kind_of(mine, theirs), tuple(told), None if distance is None else round(distance, 1))


def find_pairs(
    facilities: Sequence[Described], *, min_score: float = MIN_SCORE, places: frozenset[str] = frozenset(),
    involving: NDArray[np.bool_] | None = None,
) -> list[Pair]:
    """Return the suspected pairs among facilities, the most alike first.

    Parameters
    ----------
    facilities : sequence of Described
    min_score : float
    places : frozenset of str
        See :func:`compare`.
    involving : array of bool, optional
        Only pairs in which at least one of the two is marked.
    """
    blocks = Blocks(places)
    for number, one in enumerate(facilities):
        blocks.put(number, one)
    return blocks.pairs(min_score, None if involving is None else np.flatnonzero(involving).tolist())


# -- blocking --------------------------------------------------------------------------------


class Blocks:
    """Facilities by number, put into groups of those worth comparing; one can be changed alone.

    Parameters
    ----------
    places : frozenset of str
        See :func:`compare`.
    """

    def __init__(self, places: frozenset[str] = frozenset()) -> None:
        self.places = places
        self.facilities: dict[int, Described] = {}
        self._groups: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def put(self, number: int, one: Described) -> None:
        """Add a facility, or put another state of it in its place."""
        self.remove(number)
        self.facilities[number] = one
        for key in self._keys(one):
            self._groups[key].add(number)

    def remove(self, number: int) -> None:
        """Forget a facility, if it is known."""
        old = self.facilities.pop(number, None)
        for key in () if old is None else self._keys(old):
            members = self._groups[key]
            members.discard(number)
            if not members:
                del self._groups[key]

    def candidates(self, touching: Collection[int] | None = None) -> NDArray[np.int64]:
        """Return the pairs (smaller number first) worth a look, each once; with ``touching`` those with one of these only."""
        marked = None if touching is None else frozenset(touching)
        found = [self._near(NEAR_M, list(self.facilities), marked)]
        keys = self._groups if marked is None else {key for number in marked for key in self._keys(self.facilities[number])}
        for key in keys:
            if len(members := self._groups[key]) > 1:
                found += self._of_group(key[0], sorted(members), marked)
        pairs = np.concatenate([np.sort(np.asarray(each, np.int64).reshape(-1, 2), axis=1) for each in found])
        if marked is not None:
            pairs = pairs[np.isin(pairs, sorted(marked)).any(axis=1)]
        return np.unique(pairs, axis=0)

    def pairs(self, min_score: float, touching: Collection[int] | None = None) -> list[Pair]:
        """Return the suspected pairs, the most alike first; with ``touching`` those with one of these only."""
        candidates = self.candidates(touching)
        if not len(candidates):
            return []
        found = []
        for first, second in candidates[self._names_alike(candidates)].tolist():
            comparison = compare(self.facilities[first], self.facilities[second], places=self.places)
            if comparison.score >= min_score:
                found.append(Pair(first, second, comparison))
        return sorted(found, key=lambda pair: (-pair.comparison.score, pair.first, pair.second))

    def _keys(self, one: Described) -> set[tuple[str, str]]:
        found = set()
        for name in (one.name, *one.aliases):
            parts = parts_of(name, self.places)
            called = parts.owner + parts.part
            found |= {(_NAME, called), (_SOUND, sound_of(called))}
        return found | {(pair["scheme"], pair["value"].upper()) for pair in one.identifiers if pair["scheme"] in _CODES}

    def _of_group(self, kind: str, members: list[int], marked: frozenset[int] | None) -> Iterator[Any]:
        if kind == _SOUND:  # those of one name sound alike, too
            yield self._near(SAME_NAME_M, members, marked)
            yield from self._unlocated(members, in_one_area=True)
        elif kind == _NAME:
            yield from self._unlocated(members, in_one_area=len(members) > _LARGEST_GROUP)
        elif len(members) <= _LARGEST_GROUP:
            yield list(combinations(members, 2))

    def _near(self, radius_m: float, members: Sequence[int], marked: frozenset[int] | None) -> NDArray[np.int64]:
        """Return the pairs that stand within a radius, by chords through the Earth."""
        located = np.array([number for number in members if self.facilities[number].lon is not None], np.int64)
        if len(located) < 2:
            return np.empty((0, 2), np.int64)
        degrees = [(self.facilities[number].lon, self.facilities[number].lat) for number in located.tolist()]
        lon, lat = np.radians(np.array(degrees, np.float64)).T
        points = _EARTH_RADIUS_M * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        if marked is None:
            pairs: NDArray[np.int64] = located[cKDTree(points).query_pairs(radius_m, output_type="ndarray")]
            return pairs
        chosen = np.flatnonzero(np.isin(located, sorted(marked)))
        found = cKDTree(points).query_ball_point(points[chosen], radius_m)
        near = [(located[one], located[other]) for one, others in zip(chosen, found, strict=True) for other in others if other != one]
        return np.array(near, np.int64).reshape(-1, 2)

    def _unlocated(self, members: list[int], *, in_one_area: bool) -> Iterator[list[tuple[int, int]]]:
        """Pair those without a position with all others, or with those of their area only."""
        if all(self.facilities[number].lon is not None for number in members):
            return
        blocks = [members]
        if in_one_area:
            by_area: defaultdict[str, list[int]] = defaultdict(list)
            for number in members:
                if code := self.facilities[number].area_code:
                    by_area[code].append(number)
            blocks = [each for each in by_area.values() if len(each) <= _LARGEST_GROUP]
        for block in blocks:
            yield [(i, j) for i, j in combinations(block, 2) if self.facilities[i].lon is None or self.facilities[j].lon is None]

    def _names_alike(self, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pairs are named alike enough to be looked at closely; a shared identifier suffices."""
        numbers = np.unique(pairs)
        first, second = np.searchsorted(numbers, pairs).T
        known = [self.facilities[number] for number in numbers.tolist()]
        names = [_named(each, self.places) for each in known]
        owners = np.array([each.owner for each in names], dtype=object)
        full = np.array(["".join([each.owner, each.part, *each.aliases]) for each in names], dtype=object)
        alike: NDArray[np.bool_] = np.zeros(len(pairs), bool)
        for told in (owners, full):
            for scorer in (fuzz.ratio, fuzz.partial_ratio):
                alike |= process.cpdist(told[first], told[second], scorer=scorer, score_cutoff=_NAME_AT_LEAST, dtype=np.float32) > 0
        sounds = np.array([sound_of(each.owner) for each in names], dtype=object)
        alike |= sounds[first] == sounds[second]
        codes = [frozenset(pair["value"].upper() for pair in each.identifiers if pair["scheme"] in _CODES) for each in known]
        shared = [bool(codes[i] and codes[i] & codes[j]) for i, j in zip(first.tolist(), second.tolist(), strict=True)]
        alike |= np.array(shared, bool)
        return alike


# -- reasons ---------------------------------------------------------------------------------


def _reason(code: str, value: float, word: str, /, **blanks: Any) -> Reason:
    """Return a reason in the words of both languages; a blank that differs is a pair of the two."""
    zh, en = (
        words(language)[word].format(**{name: each[at] if isinstance(each, tuple) else each for name, each in blanks.items()})
        for at, language in enumerate(("zh", "en"))
    )
    return Reason(code, value, zh, en)


def _named(one: Described, places: frozenset[str]) -> NameParts:
    """Return the parts of a facility's name; the whole names by which it is also known stand beside it."""
    parts = parts_of(one.name, places)
    if not one.aliases:
        return parts
    known = (parts_of(name, places) for name in one.aliases)
    return replace(parts, aliases=(*parts.aliases, *(each.owner for each in known if each.part == parts.part)))


def _name_reason(one: NameParts, other: NameParts) -> Reason:
    value = _owners_alike(one, other)
    if one.part == other.part:
        if value == 1.0:
            return _reason("name", 1.0, "why_same_name")
        if _sound_alike(one, other):
            first, second = sorted((one.owner, other.owner))
            return _reason("name", value, "why_same_sound", first=first, second=second)
    elif one.part and other.part:
        value *= fuzz.ratio(one.part, other.part) / 200 + 0.5
    elif value > _WHOLE_AND_PART:
        return _reason("name", _WHOLE_AND_PART, "why_part_of", part=one.part or other.part)
    return _reason("name", value, "why_names_alike", share=f"{value:.0%}")


def _owners_alike(one: NameParts, other: NameParts) -> float:
    """Return how alike two facilities are named, parts of them left aside."""
    mine, theirs = {one.owner, *one.aliases}, {other.owner, *other.aliases}
    if one.owner == other.owner:
        return 1.0
    if mine & theirs:
        return 0.95
    if _sound_alike(one, other):
        return _SOUNDS_ALIKE
    value = fuzz.ratio(one.owner, other.owner) / 100
    if one.core and other.core:
        # 口腔门诊部 is half of many names: what is not the kind decides.
        same = one.core == other.core
        return max(value, 0.9) if same and len(one.core) > 1 else min(value, 0.2 + 0.8 * fuzz.ratio(one.core, other.core) / 100)
    return min(value, 0.6)


def _sound_alike(one: NameParts, other: NameParts) -> bool:
    """Return whether two names are written differently and read the same; of numbers and Latin letters there is no sound."""
    return (
        one.owner != other.owner and len(one.owner) == len(other.owner) and min(len(one.core), len(other.core)) > 1
        and not one.owner.isascii() and sound_of(one.owner) == sound_of(other.owner)
    )


def _weight_of_name(one: NameParts, other: NameParts) -> float:
    return _WEIGHTS["name"] if one.core and other.core else _WEIGHT_OF_A_KIND


def _kind_of(one: NameParts, other: NameParts) -> PairKind:
    """Return what the two are to each other, from the parts that their names say."""
    known_alike = not {one.owner, *one.aliases}.isdisjoint({other.owner, *other.aliases})
    if not known_alike and (is_station_of(one.owner, other.owner) or is_station_of(other.owner, one.owner)):
        return PairKind.BRANCH
    if one.part == other.part or (one.part and other.part and not _two_parts(one, other)):
        return PairKind.DUPLICATE
    kinds = {kind_of_part(each.part, each.owner) for each in (one, other) if each.part}
    return PairKind.DEPARTMENT if "department" in kinds else PairKind.BRANCH


def _two_parts(one: NameParts, other: NameParts) -> bool:
    """Return whether the names are of two parts of one facility, such as 消化科 and 康复科."""
    return bool(one.part and other.part) and fuzz.ratio(one.part, other.part) < _PARTS_ALIKE


def _distance_reason(distance_m: float | None) -> Reason | None:
    if distance_m is None:
        return None
    if distance_m <= _SAME_PLACE_M:
        value = 1.0
    else:
        value = max(0.0, 1 - math.log(distance_m / _SAME_PLACE_M) / math.log(_FAR_M / _SAME_PLACE_M))
    return _reason("distance", value, "why_distance", metres=f"{distance_m:,.0f}")


def _apart_m(one: Described, other: Described) -> float | None:
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return None
    lat1, lat2 = math.radians(one.lat), math.radians(other.lat)
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(other.lon - one.lon) / 2) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


@cache
def _class_reason(one: str, other: str) -> Reason | None:
    if UNCLASSIFIED in (one, other) and one != other:
        return None
    if one == other:
        return _reason("class", 1.0, "why_same_class")
    mine, theirs = facility_classes()[one], facility_classes()[other]
    value = 0.7 if mine.group == theirs.group else 0.4 if one[0] == other[0] else 0.0
    first, second = sorted((mine, theirs), key=lambda each: each.code)
    return _reason("class", value, "why_other_class", first=(first.zh, first.en), second=(second.zh, second.en))


def _area_reason(one: Described, other: Described) -> Reason | None:
    if not one.area_code or not other.area_code:
        return None
    shorter, longer = sorted((one.area_code.rstrip("0"), other.area_code.rstrip("0")), key=len)
    if longer.startswith(shorter):
        return _reason("area", 1.0, "why_same_area")
    return _reason("area", 0.5 if one.area_code[:6] == other.area_code[:6] else 0.0, "why_other_area")


def _address_reason(one: Described, other: Described) -> Reason | None:
    if not one.address or not other.address:
        return None
    mine, theirs = plain_name(one.address), plain_name(other.address)
    value = (fuzz.ratio(mine, theirs) / 100) ** 2
    if mine == theirs:
        return _reason("address", 1.0, "why_same_address")
    return _reason("address", value, "why_addresses_alike", share=f"{value:.0%}")


def _identifier_reason(one: Described, other: Described) -> Reason | None:
    mine = {(each["scheme"], each["value"].upper()) for each in one.identifiers if each["scheme"] in _CODES}
    theirs = {(each["scheme"], each["value"].upper()) for each in other.identifiers if each["scheme"] in _CODES}
    if mine & theirs:
        scheme, value = min(mine & theirs)
        return _reason("identifier", 1.0, "why_same_code", scheme=scheme, code=value)
    if {scheme for scheme, _ in mine} & {scheme for scheme, _ in theirs}:
        return _reason("identifier", 0.0, "why_other_code")
    return None


def _numbers_reason(one: frozenset[str], other: frozenset[str]) -> Reason:
    told = " / ".join(sorted("、".join(sorted(each, key=int)) for each in (one, other)))
    return _reason("numbers", 0.0, "why_other_numbers", numbers=told)
