"""Conditions of travel, declared as data: winter, night, rain, flood.

A condition multiplies speeds by road class and by land cover, and closes classes of roads. Several
may hold at once, everywhere or in some areas; their factors multiply.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import DefinitionError, InvalidParameter
from geosvc.travel.profiles import GAITS, travel_profiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from geosvc.travel.network import Network

OTHER = "other"
_LARGEST_FACTOR = 1.5
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_AT, _AND, _WITHIN = "@", ",", ";"
# Closed at places that are pointed at, not in areas: road-closed@126.81;42.39
ROAD_CLOSED = "road-closed"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition; ``conditions.toml`` says what each field means.

    Factors multiply the speed: 0.5 takes twice as long.
    """

    id: str
    zh: str
    en: str
    source_zh: str
    source_en: str
    touches: tuple[str, ...]
    road: dict[str, float] = field(default_factory=dict)
    ground: dict[str, float] = field(default_factory=dict)
    closed: tuple[str, ...] = ()
    bridges_stay: bool = True
    at_points: bool = False
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a condition that does not hold together."""
        where = f"condition {self.id}"
        if not _ID.fullmatch(self.id):
            raise DefinitionError(f"{where}: an id is lower-case letters, digits and hyphens")
        if not self.touches or not set(self.touches) <= set(GAITS):
            raise DefinitionError(f"{where}: touches must name some of {', '.join(GAITS)}; got {list(self.touches)}")
        _check_factors(where, "road", self.road, _known_roads(), "a road that may not be used belongs under 'closed'")
        _check_factors(where, "ground", self.ground, _known_ground(),
                       "ground that cannot be crossed is a barrier: geosvc import barriers FILE")
        _check_known(where, "closed", self.closed, _known_roads())

    @property
    def changes_speeds(self) -> bool:
        """Whether it does anything without barriers of its own."""
        return bool(self.road or self.ground or self.closed or self.at_points)

    def road_factor(self, road_class: str) -> float:
        """Return by what the speed on a road is multiplied; 0 where the class is closed."""
        return 0.0 if road_class in self.closed else self.road.get(road_class, self.road.get(OTHER, 1.0))

    def ground_factor(self, cover: str) -> float:
        """Return by what the speed off the roads is multiplied."""
        return self.ground.get(cover, self.ground.get(OTHER, 1.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Local:
    """A condition on a grid, and the cells in which it holds; None = everywhere."""

    condition: Condition
    cells: NDArray[np.bool_] | None = None

    def slowed(self, pace: Any, factor: Any) -> Any:
        """Return a pace (one number, or one for each cell) with the speed multiplied where the condition holds."""
        with np.errstate(divide="ignore"):  # a closed road: nobody moves
            slow = np.asarray(pace, dtype=np.float64) / factor
        return slow if self.cells is None else np.where(self.cells, slow, pace)

    def on_edges(self, network: Network) -> NDArray[np.bool_]:
        """Return the edges of a network on which it holds: those whose middle lies in one of its cells."""
        if self.cells is None:
            return np.ones(network.n_edges, dtype=bool)
        # One more than cells: index -1 (off the grid) reads it.
        here: NDArray[np.bool_] = np.append(self.cells.ravel(), False)[network.edge_cell]
        return here


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A condition that was asked for: everywhere, in the areas with these codes, or at these points (degrees)."""

    condition: Condition
    areas: tuple[str, ...] = ()
    points: tuple[tuple[float, float], ...] = ()

    def __str__(self) -> str:
        """Write it as it is asked for: ``winter``, ``winter@220622100,220622101``, ``road-closed@126.81;42.39``."""
        where = self.areas or tuple(f"{lon!r}{_WITHIN}{lat!r}" for lon, lat in self.points)
        return self.condition.id + (_AT + _AND.join(where) if where else "")


def slow_network(network: Network, condition: Condition, edges: NDArray[np.bool_], *, rides: str) -> Network:
    """Return the network under a condition that holds on some edges, for those who travel its roads in this way."""
    if rides not in condition.touches:
        return network
    factor = np.array([condition.road_factor(name) for name in network.classes])[network.edge_class]
    slow = np.flatnonzero(edges & (factor > 0))
    return network.slowed(slow, factor[slow]).closed(np.flatnonzero(edges & (factor == 0)))


def asked_from(text: str) -> Asked:
    """Return what ``winter`` or ``winter@220622100,220622101`` asks for.

    Raises
    ------
    InvalidParameter
        If no condition has that name, or no area follows the @.
    """
    name, at, rest = text.partition(_AT)
    condition = condition_of(name)
    if condition is None:
        raise InvalidParameter(f"no condition is called {name.strip()!r}; there are: {', '.join(conditions())}")
    if condition.at_points:
        return Asked(condition=condition, points=_points_from(text, rest))
    areas = sorted({code.strip() for code in rest.split(_AND)} - {""})
    if at and not areas:
        raise InvalidParameter(f"{text!r} names no area after the @; expected for example {condition.id}@220622100")
    return Asked(condition=condition, areas=tuple(areas))


def _points_from(text: str, rest: str) -> tuple[tuple[float, float], ...]:
    """Return the longitudes and latitudes after the @, degrees, in their order from west to east."""
    found = set()
    for part in (rest or "nothing").split(_AND):
        try:
            lon, lat = (float(number) for number in part.split(_WITHIN))
        except ValueError:
            lon = lat = math.nan
        if not (abs(lon) <= 180 and abs(lat) <= 90):
            raise InvalidParameter(
                f"{text!r} must name the places of the roads after the @ as longitude;latitude in degrees, such as "
                f"{ROAD_CLOSED}@126.81;42.39,126.9;42.4; got {part.strip()!r}"
            )
        found.add((lon, lat))
    return tuple(sorted(found))


def all_asked(texts: Iterable[str]) -> tuple[Asked, ...]:
    """Return what several texts ask for, in the order of the conditions' ids; the same one twice is once.

    Raises
    ------
    InvalidParameter
        If one is unknown, or asked for twice with different areas.

    Examples
    --------
    >>> [str(each) for each in all_asked(["夜间", "flood@220622101,220622100", "night"])]
    ['flood@220622100,220622101', 'night']
    """
    found = {str(one): one for one in map(asked_from, texts)}
    ids = [one.condition.id for one in found.values()]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise InvalidParameter(
            f"the condition {twice[0]} is asked for twice, as {' and '.join(n for n in found if n.split(_AT)[0] == twice[0])}; "
            f"name all its areas in one: {twice[0]}@CODE,CODE"
        )
    return tuple(found[name] for name in sorted(found))


def condition_of(word: str) -> Condition | None:
    """Return the condition of an id, a name or another word for it; None if nothing is called so."""
    return conditions().get(condition_words().get(plain_word(word), ""))


@cache
def condition_words(*, of_barriers: bool = False) -> dict[str, str]:
    """Return the id of each word for a condition: its id, its names, and what else people call it.

    ``of_barriers`` leaves out those that are asked for at places: no barrier can be marked with them.
    """
    return {
        plain_word(word): one.id for one in conditions().values() if not (of_barriers and one.at_points)
        for word in (one.id, one.zh, one.en, *one.words)
    }


def plain_word(text: str) -> str:
    """Return a word as it is compared: full-width letters narrow, small, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip().lower()


@cache
def conditions() -> dict[str, Condition]:
    """Return the shipped conditions by id."""
    text = files("geosvc.travel").joinpath("conditions.toml").read_text("utf-8")
    return {
        name: condition_from(name, entry) for name, entry in tomllib.loads(text).items() if isinstance(entry, dict)
    }


def condition_from(condition_id: str, entry: dict[str, Any]) -> Condition:
    """Return the condition that a table declares.

    Raises
    ------
    DefinitionError
        If a field is unknown or missing, or a factor is not above 0 and at most 1.5.
    """
    where = f"condition {condition_id}"
    known = {each.name for each in fields(Condition)} - {"id"}
    if unknown := sorted(entry.keys() - known):
        raise DefinitionError(f"{where}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    for name in ("touches", "closed", "words"):
        if not isinstance(entry.get(name, []), list | tuple):
            raise DefinitionError(f"{where}: {name} must be a list in square brackets, got {entry[name]!r}")
    given: dict[str, Any] = {name: tuple(told) if isinstance(told, list) else told for name, told in entry.items()}
    try:
        return Condition(id=condition_id, **given)
    except TypeError as error:
        raise DefinitionError(f"{where}: {error}") from None


def _check_factors(where: str, table: str, factors: object, known: frozenset[str], cure: str) -> None:
    if not isinstance(factors, dict):
        raise DefinitionError(f"{where}: {table} must be a table of factors, got {factors!r}")
    if factors and OTHER not in factors:
        raise DefinitionError(f"{where}: the table {table!r} needs a factor for {OTHER!r}, 1.0 if nothing else changes")
    _check_known(where, table, factors, known | {OTHER})
    for name, factor in factors.items():
        # Not a number compares false too.
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= _LARGEST_FACTOR:
            raise DefinitionError(
                f"{where}: the {table} factor of {name!r} must be above 0 and at most {_LARGEST_FACTOR:g} "
                f"(0.5 = half the speed), got {factor!r}; {cure}"
            )


def _check_known(where: str, table: str, names: Iterable[str], known: frozenset[str]) -> None:
    # A slip of the pen would be a factor that never applies, and nobody would notice.
    if unknown := sorted(set(names) - known):
        raise DefinitionError(
            f"{where}: {table} names {', '.join(map(repr, unknown))}, which no travel profile knows; "
            f"known are {', '.join(sorted(known))}"
        )


@cache
def _known_roads() -> frozenset[str]:
    return frozenset(
        name for one in travel_profiles().values() for name in (*one.road_kmh, *one.closed, *one.foot_only)
    )


@cache
def _known_ground() -> frozenset[str]:
    return frozenset(name for one in travel_profiles().values() for name in one.ground_kmh)
