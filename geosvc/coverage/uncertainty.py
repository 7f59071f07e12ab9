"""How certain a coverage figure is: what is drawn, and what the draws say.

Pure arithmetic on arrays. Each draw has a generator of its own, made from the seed, the number of
the draw and what is drawn, so that a draw does not depend on how many there are, on the order in
which they are computed, or on what else is drawn.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import DefinitionError, InvalidInput
from geosvc.registry.facilities import PositionMethod
from geosvc.registry.populations import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geosvc.coverage.people import People
    from geosvc.coverage.tree import AreaTree
    from geosvc.travel.profiles import TravelProfile

PERCENTILES = (5, 50, 95)
# A cell is covered for certain in at least this share of the draws, and not covered for certain in
# at most the rest; in between its state is not certain.
CERTAIN_SHARE = 0.95
SPEED_GROUPS = ("motor_road", "foot_road", "off_road")
# What the run itself takes for people, whatever that is.
OF_THE_RUN = "run"
_SPEEDS, _POSITIONS, _PEOPLE = range(3)
# Parts of an area add up to the whole within this share of it: figures are rounded.
_ADDS_UP_WITHIN = 0.01
# Sources that differ by less than this share of the people say the same.
_SAME_WITHIN = 0.001
_WHOLE = "the assumptions of a band"

SpeedClass = tuple[str, str]  # (group, class)


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """The stated distributions; ``uncertainty.toml`` explains every number.

    ``sigma`` is by group of speeds, ``sd_m`` by method of position, ``weight`` by status of a
    population figure and ``run``; ``basis`` keeps where each number comes from, by table and
    language.
    """

    rho: float
    sigma: dict[str, float]
    sd_m: dict[str, float]
    within_years: float
    weight: dict[str, float]
    basis: dict[str, dict[str, str]]

    def __post_init__(self) -> None:
        """Refuse numbers from which nothing can be drawn."""
        tables = (("speed", self.sigma, SPEED_GROUPS), ("position", self.sd_m, [m for m in PositionMethod if m != PositionMethod.NONE]),
                  ("population.weight", self.weight, (OF_THE_RUN, *STATUSES)))
        for table, numbers, names in tables:
            if set(numbers) != set(names):
                wrong = sorted(set(numbers) ^ set(names))
                raise DefinitionError(f"{_WHOLE}: {table} needs {', '.join(names)}; missing or unknown: {', '.join(wrong)}")
            for name, value in numbers.items():
                _check_number(f"{table}.{name}", value)
        _check_number("population.within_years", self.within_years)
        _check_number("speed.rho", self.rho, most=1.0)
        if not sum(self.weight.values()) > 0 or not self.weight[OF_THE_RUN] > 0:
            raise DefinitionError(f"{_WHOLE}: population.weight.{OF_THE_RUN} must be above 0")

    @property
    def sha256(self) -> str:
        """Checksum of the numbers, not of the words about them."""
        numbers = {name: value for name, value in asdict(self).items() if name != "basis"}
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers with their basis, as a result keeps them."""
        return {**asdict(self), "sha256": self.sha256}


def _check_number(name: str, value: object, *, most: float = math.inf) -> None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most and math.isfinite(value)
    if not right:
        upper = "" if math.isinf(most) else f" and at most {most:g}"
        raise DefinitionError(f"{_WHOLE}: {name} must be a number, 0 or more{upper}; got {value!r}")


def assumptions_from_toml(text: str, *, source: str) -> Assumptions:
    """Return the assumptions that a TOML text declares.

    Raises
    ------
    DefinitionError
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{source} is not TOML: {error}") from None
    tables = {name: told.get(name) for name in ("speed", "position", "population")}
    if told.get("version") != 1 or not all(isinstance(each, dict) for each in tables.values()):
        raise DefinitionError(f"{source} needs version = 1 and the tables speed, position, population; see docs/uncertainty.md")
    speed, position, population = (dict(each or {}) for each in tables.values())
    groups = {name: each for name, each in speed.items() if isinstance(each, dict)}
    try:
        return Assumptions(
            rho=speed["rho"], sigma={name: each["sigma"] for name, each in groups.items()},
            sd_m={name: each["sd_m"] for name, each in position.items()},
            within_years=population["within_years"], weight=dict(population["weight"]),
            basis={name: _basis(each) for name, each in {
                "speed": speed, **{f"speed.{n}": g for n, g in groups.items()},
                **{f"position.{n}": m for n, m in position.items()}, "population": population,
            }.items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DefinitionError(f"{source}: {error!s} is missing, or not what belongs there; compare with docs/uncertainty.md") from None


def _basis(table: dict[str, Any]) -> dict[str, str]:
    return {language: str(table.get(f"basis_{language}", "")) for language in ("zh", "en")}


def read_assumptions(path: Path) -> Assumptions:
    """Return the assumptions that a file declares.

    Raises
    ------
    DefinitionError
    """
    try:
        return assumptions_from_toml(path.read_text("utf-8"), source=path.name)
    except UnicodeDecodeError:
        raise DefinitionError(f"{path.name} is not UTF-8 text; save it as UTF-8 and try again") from None
    except OSError as error:
        raise DefinitionError(f"{path} cannot be read: {error.strerror}") from None


@cache
def shipped_assumptions() -> Assumptions:
    """Return the assumptions that hold unless others are given."""
    text = files("geosvc.coverage").joinpath("uncertainty.toml").read_text("utf-8")
    return assumptions_from_toml(text, source="uncertainty.toml")


# -- drawing ---------------------------------------------------------------------------------


def _generator(seed: int, number: int, what: int) -> np.random.Generator:
    return np.random.default_rng([seed, number, what])


def speed_classes(profile: TravelProfile) -> set[SpeedClass]:
    """Return the classes of which a profile states a speed, each with its group."""
    on_road = "motor_road" if profile.rides == "motor" else "foot_road"
    return {(on_road, name) for name in profile.road_kmh} | {("off_road", name) for name in profile.ground_kmh}


def speed_factors(
    classes: Iterable[SpeedClass], assumptions: Assumptions, *, seed: int, number: int
) -> dict[SpeedClass, float]:
    """Return the factor of each class's speed in one draw.

    ``exp(sigma * (sqrt(rho) * z + sqrt(1 - rho) * e))`` with ``z`` common to all classes of the
    draw and ``e`` of the class, both standard normal: the logarithms of two classes have the
    correlation ``rho``.
    """
    ordered = sorted(classes)
    z, *own = _generator(seed, number, _SPEEDS).standard_normal(1 + len(ordered)).tolist()
    together, alone = math.sqrt(assumptions.rho), math.sqrt(1.0 - assumptions.rho)
    return {
        (group, name): math.exp(assumptions.sigma[group] * (together * z + alone * e))
        for (group, name), e in zip(ordered, own, strict=True)
    }


def at_factors(profile: TravelProfile, factors: Mapping[SpeedClass, float]) -> TravelProfile:
    """Return a profile with the speed of every class multiplied by its factor."""
    on_road = "motor_road" if profile.rides == "motor" else "foot_road"
    return replace(
        profile,
        road_kmh={name: kmh * factors[on_road, name] for name, kmh in profile.road_kmh.items()},
        ground_kmh={name: kmh * factors["off_road", name] for name, kmh in profile.ground_kmh.items()},
    )


def position_errors(sd_m: NDArray[np.float64], *, seed: int, number: int) -> NDArray[np.float64]:
    """Return (east, north) errors in metres, shape (n, 2): normal, of a standard deviation for each facility."""
    drawn: NDArray[np.float64] = _generator(seed, number, _POSITIONS).standard_normal((len(sd_m), 2)) * sd_m[:, None]
    return drawn


def chosen_source(weights: Sequence[float], *, seed: int, number: int) -> int:
    """Return which of several sources one draw takes, each as likely as its weight."""
    share = np.cumsum(weights) / np.sum(weights)
    share[-1] = 1.0
    return int(np.searchsorted(share, _generator(seed, number, _PEOPLE).random(), side="right"))


# -- people ----------------------------------------------------------------------------------


def recounted(base: People, figures: Mapping[int, float], tree: AreaTree) -> People:
    """Return the people with their numbers scaled, area by area, to other figures.

    Everybody stays where they are: only how many live in each counted area changes. Where an area
    and areas inside it are counted, the inner figures hold and the rest of the outer one goes to the
    people of no inner area. People of areas without a figure keep their number.

    Parameters
    ----------
    base : People
    figures : mapping of area index to people
    tree : AreaTree

    Raises
    ------
    InvalidInput
        If the figures contradict each other, or count people where the base has nobody.
    """
    nearest = np.full(len(tree.areas) + 1, -1, dtype=np.int64)
    for i in range(len(tree.areas)):
        nearest[i] = next((a for a in tree.ancestors(i) if a in figures), -1)
    own = dict(figures)
    for i, people in figures.items():
        above = next((a for a in tree.ancestors(i)[1:] if a in figures), None)
        if above is not None:
            own[above] -= people
    group = nearest[base.area]  # people in no area read the last entry
    count = base.count.copy()
    for i, people in own.items():
        members = group == i
        there = float(base.count[members].sum())
        name, slack = tree.areas[i].name, _ADDS_UP_WITHIN * figures[i]
        if people < -slack:
            raise InvalidInput(f"the areas inside {name} count more people than the whole")
        if there > 0:
            count[members] *= max(people, 0.0) / there
        elif people > slack:
            raise InvalidInput(f"it counts {people:,.0f} people of {name} where the run's own people has nobody")
    return replace(base, count=count)


def same_people(one: People, other: People) -> bool:
    """Return whether two counts of the same places agree, but for rounding."""
    return float(np.abs(one.count - other.count).sum()) <= _SAME_WITHIN * one.total


# -- what the draws say ----------------------------------------------------------------------


def band(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 5th, 50th and 95th percentile over the draws (axis 0), shape (3, ...).

    The k-th smallest of n draws is taken for the percentile ``(k - 1/3) / (n + 1/3)`` and between
    two of them the line (Hyndman and Fan's definition 8): median-unbiased whatever the
    distribution.

    Examples
    --------
    >>> band(np.array([4.0, 4.0, 4.0]))
    array([4., 4., 4.])
    """
    found: NDArray[np.float64] = np.percentile(values, PERCENTILES, axis=0, method="median_unbiased")
    return found


def certainly_covered(share: NDArray[np.floating[Any]], certain: float = CERTAIN_SHARE) -> NDArray[np.bool_]:
    """Return the cells that are covered in at least ``certain`` of the draws."""
    found: NDArray[np.bool_] = share >= certain
    return found


def not_certain(share: NDArray[np.floating[Any]], certain: float = CERTAIN_SHARE) -> NDArray[np.bool_]:
    """Return the cells that are covered in some draws and not in others, too often to call.

    Parameters
    ----------
    share : array
        In which share of the draws each cell is covered; NaN = no data, which is a state of its own.
    certain : float
        Both limits count as certain.

    Examples
    --------
    >>> not_certain(np.array([0.0, 0.05, 0.06, 0.94, 0.95, 1.0]))
    array([False, False,  True,  True, False, False])
    """
    # 1 - 0.95 is a hair more than 0.05: what is covered in one draw of twenty is not lost to it.
    found: NDArray[np.bool_] = (share > round(1.0 - certain, 12)) & (share < certain)
    return found
