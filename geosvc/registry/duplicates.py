"""Facilities that may be one and the same: suspected pairs, each with a score and its reasons.

Nothing is merged here. Pairs are looked for among facilities that stand near each other, bear the same
normalised name, or share an identifier; all other pairs are never compared, so that a registry of
100,000 is looked through in about a minute.

The score is the weighted mean of what is known of both: name, distance, class, area and address, each
from 0 to 1. What one of them does not say does not count. Then identifiers and numbers speak: the same
credit code raises it, another one and another number in the name (第一 and 第二, 3号楼 and 5号楼) lower it.
Identical facilities have 1, and the order of the two makes no difference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from rapidfuzz import fuzz, process
from scipy.spatial import cKDTree

from geosvc.registry.classes import facility_classes
from geosvc.registry.name_parts import NameParts, kind_of_part, parts_of, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from geosvc.registry.facilities import Facility

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
_CODES = ("uscc", "licence")
_UNCLASSIFIED = "X999"


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


def compare(one: Facility, other: Facility, *, places: frozenset[str] = frozenset()) -> Comparison:
    """Return how alike two facilities are.

    Parameters
    ----------
    one, other : Facility
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
    mine, theirs = parts_of(one.name, places), parts_of(other.name, places)
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
        told.append(Reason("parts", 0.0, f"同一机构的两个部分：{first}、{second}", f"two parts of one: {first}, {second}"))
        score *= 0.6
    if mine.numbers != theirs.numbers and mine.numbers and theirs.numbers and not (mine.numbers < theirs.numbers or theirs.numbers < mine.numbers):
        told.append(_numbers_reason(mine.numbers, theirs.numbers))
        score *= 0.6
    return Comparison(round(min(score, 1.0), 4), _kind_of(mine, theirs), tuple(told), None if distance is None else round(distance, 1))


def find_pairs(
    facilities: Sequence[Facility], *, min_score: float = MIN_SCORE, places: frozenset[str] = frozenset(),
    involving: NDArray[np.bool_] | None = None,
) -> list[Pair]:
    """Return the suspected pairs among facilities, the most alike first.

    Parameters
    ----------
    facilities : sequence of Facility
    min_score : float
    places : frozenset of str
        See :func:`compare`.
    involving : array of bool, optional
        Only pairs in which at least one of the two is marked.
    """
    candidates = _candidates(facilities, places, involving)
    if not len(candidates):
        return []
    likely = candidates[_names_alike(facilities, candidates, places)]
    pairs = []
    for first, second in likely.tolist():
        comparison = compare(facilities[first], facilities[second], places=places)
        if comparison.score >= min_score:
            pairs.append(Pair(first, second, comparison))
    return sorted(pairs, key=lambda pair: (-pair.comparison.score, pair.first, pair.second))


# -- blocking --------------------------------------------------------------------------------


def _candidates(facilities: Sequence[Facility], places: frozenset[str], involving: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return the pairs (i < j) worth a look, each once."""
    found = [_near(facilities, NEAR_M), *_of_one_name(facilities, places), *_of_one_identifier(facilities)]
    pairs = np.concatenate([np.sort(np.asarray(each, np.int64).reshape(-1, 2), axis=1) for each in found])
    if involving is not None:
        pairs = pairs[involving[pairs].any(axis=1)]
    return np.unique(pairs, axis=0)


def _near(facilities: Sequence[Facility], radius_m: float, places: Sequence[int] | None = None) -> NDArray[np.int64]:
    """Return the pairs that stand within a radius, by chords through the Earth."""
    chosen = range(len(facilities)) if places is None else places
    located = [index for index in chosen if facilities[index].lon is not None]
    if len(located) < 2:
        return np.empty((0, 2), np.int64)
    lon, lat = np.radians(np.array([[facilities[index].lon, facilities[index].lat] for index in located], np.float64)).T
    points = _EARTH_RADIUS_M * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    pairs = cKDTree(points).query_pairs(radius_m, output_type="ndarray")
    near: NDArray[np.int64] = np.asarray(located, np.int64)[pairs]
    return near


def _of_one_name(facilities: Sequence[Facility], places: frozenset[str]) -> Iterable[Any]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(facilities):
        groups[(parts := parts_of(each.name, places)).owner + parts.part].append(index)
    for members in groups.values():
        if len(members) > 1:
            yield _near(facilities, SAME_NAME_M, members)
            yield from _unlocated(facilities, members)


def _unlocated(facilities: Sequence[Facility], members: list[int]) -> Iterable[Any]:
    """Pair those without a position with all others of the name, of a frequent name within one area only."""
    if all(facilities[index].located for index in members):
        return
    if len(members) <= _LARGEST_GROUP:
        blocks = [members]
    else:
        by_area: defaultdict[str, list[int]] = defaultdict(list)
        for index in members:
            if code := facilities[index].area_code:
                by_area[code].append(index)
        blocks = [each for each in by_area.values() if len(each) <= _LARGEST_GROUP]
    for block in blocks:
        pairs = [(i, j) for at, i in enumerate(block) for j in block[at + 1:] if not (facilities[i].located and facilities[j].located)]
        if pairs:
            yield pairs


def _of_one_identifier(facilities: Sequence[Facility]) -> Iterable[Any]:
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index, each in enumerate(facilities):
        for pair in each.identifiers:
            if pair["scheme"] in _CODES:
                groups[(pair["scheme"], pair["value"])].append(index)
    for members in groups.values():
        if 1 < len(members) <= _LARGEST_GROUP:
            yield [(i, j) for at, i in enumerate(members) for j in members[at + 1:]]


def _names_alike(facilities: Sequence[Facility], pairs: NDArray[np.int64], places: frozenset[str]) -> NDArray[np.bool_]:
    """Return which pairs are named alike enough to be looked at closely; a shared identifier suffices."""
    names = [parts_of(each.name, places) for each in facilities]
    owners = np.array([each.owner for each in names], dtype=object)
    full = np.array(["".join([each.owner, each.part, *each.aliases]) for each in names], dtype=object)
    first, second = pairs.T
    alike: NDArray[np.bool_] = np.zeros(len(pairs), bool)
    for told in (owners, full):
        for scorer in (fuzz.ratio, fuzz.partial_ratio):
            alike |= process.cpdist(told[first], told[second], scorer=scorer, score_cutoff=_NAME_AT_LEAST, dtype=np.float32) > 0
    codes = [frozenset(pair["value"] for pair in each.identifiers if pair["scheme"] in _CODES) for each in facilities]
    shared = [bool(codes[i] and codes[i] & codes[j]) for i, j in pairs.tolist()]
    alike |= np.array(shared, bool)
    return alike


# -- reasons ---------------------------------------------------------------------------------


def _name_reason(one: NameParts, other: NameParts) -> Reason:
    value = _owners_alike(one, other)
    if one.part == other.part:
        if value == 1.0:
            return Reason("name", 1.0, "名称相同（规范化后）", "the same name (normalised)")
    elif one.part and other.part:
        value *= fuzz.ratio(one.part, other.part) / 200 + 0.5
    elif value > _WHOLE_AND_PART:
        value = _WHOLE_AND_PART
        return Reason("name", value, f"一个名称是另一个的一部分（{one.part or other.part}）", f"one is named as a part of the other ({one.part or other.part})")
    return Reason("name", value, f"名称相似度 {value:.0%}", f"names {value:.0%} alike")


def _owners_alike(one: NameParts, other: NameParts) -> float:
    """Return how alike two facilities are named, parts of them left aside."""
    mine, theirs = {one.owner, *one.aliases}, {other.owner, *other.aliases}
    if one.owner == other.owner:
        return 1.0
    if mine & theirs:
        return 0.95
    value = fuzz.ratio(one.owner, other.owner) / 100
    if one.core and other.core:
        # 口腔门诊部 is half of many names: what is not the kind decides.
        same = one.core == other.core
        return max(value, 0.9) if same and len(one.core) > 1 else min(value, 0.2 + 0.8 * fuzz.ratio(one.core, other.core) / 100)
    return min(value, 0.6)


def _weight_of_name(one: NameParts, other: NameParts) -> float:
    return _WEIGHTS["name"] if one.core and other.core else _WEIGHT_OF_A_KIND


def _kind_of(one: NameParts, other: NameParts) -> PairKind:
    """Return what the two are to each other, from the parts that their names say."""
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
    return Reason("distance", value, f"相距 {distance_m:,.0f} 米", f"{distance_m:,.0f} m apart")


def _apart_m(one: Facility, other: Facility) -> float | None:
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return None
    lat1, lat2 = math.radians(one.lat), math.radians(other.lat)
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(other.lon - one.lon) / 2) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


@cache
def _class_reason(one: str, other: str) -> Reason | None:
    if _UNCLASSIFIED in (one, other) and one != other:
        return None
    if one == other:
        return Reason("class", 1.0, "类别相同", "the same class")
    mine, theirs = facility_classes()[one], facility_classes()[other]
    value = 0.7 if mine.group == theirs.group else 0.4 if one[0] == other[0] else 0.0
    first, second = sorted((mine, theirs), key=lambda each: each.code)
    return Reason("class", value, f"类别不同：{first.zh}、{second.zh}", f"classes differ: {first.en}, {second.en}")


def _area_reason(one: Facility, other: Facility) -> Reason | None:
    if not one.area_code or not other.area_code:
        return None
    shorter, longer = sorted((one.area_code.rstrip("0"), other.area_code.rstrip("0")), key=len)
    if longer.startswith(shorter):
        return Reason("area", 1.0, "区划相同", "the same area")
    return Reason("area", 0.5 if one.area_code[:6] == other.area_code[:6] else 0.0, "区划不同", "areas differ")


def _address_reason(one: Facility, other: Facility) -> Reason | None:
    if not one.address or not other.address:
        return None
    mine, theirs = plain_name(one.address), plain_name(other.address)
    value = (fuzz.ratio(mine, theirs) / 100) ** 2
    if mine == theirs:
        return Reason("address", 1.0, "地址相同", "the same address")
    return Reason("address", value, f"地址相似度 {value:.0%}", f"addresses {value:.0%} alike")


def _identifier_reason(one: Facility, other: Facility) -> Reason | None:
    mine = {(each["scheme"], each["value"].upper()) for each in one.identifiers if each["scheme"] in _CODES}
    theirs = {(each["scheme"], each["value"].upper()) for each in other.identifiers if each["scheme"] in _CODES}
    if mine & theirs:
        scheme, value = min(mine & theirs)
        return Reason("identifier", 1.0, f"同一代码 {value}", f"the same {scheme} {value}")
    if {scheme for scheme, _ in mine} & {scheme for scheme, _ in theirs}:
        return Reason("identifier", 0.0, "代码不同", "codes differ")
    return None


def _numbers_reason(one: frozenset[str], other: frozenset[str]) -> Reason:
    told = " / ".join(sorted("、".join(sorted(each, key=int)) for each in (one, other)))
    return Reason("numbers", 0.0, f"名称中的序号不同：{told}", f"numbers in the names differ: {told}")
