"""How many people an area has: always with year, kind, status and source."""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from geosvc.errors import InvalidInput
from geosvc.registry.moments import now_after
from geosvc.store.populations import PopulationRow, select_population, select_population_marks, select_populations

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from geosvc.registry.successions import Successions
    from geosvc.store.engine import Session

_AGES = re.compile(r"(\d{1,3})_(\d{1,3}|plus)")
KINDS = ("resident", "registered")  # 常住, 户籍
STATUSES = ("census", "survey", "estimate", "schematic")


@dataclass(frozen=True, order=True)
class Ages:
    """Ages from ``first`` to ``last``, both in; None where there is no last one (65+)."""

    first: int
    last: int | None

    @property
    def id(self) -> str:
        """The name of the part of a population: ``0_14``, ``65_plus``."""
        return f"{self.first}_{'plus' if self.last is None else self.last}"


def ages_of(name: str) -> Ages | None:
    """Return the ages that the name of a part says (``0_14``, ``65_plus``); None where it says something else."""
    found = _AGES.fullmatch(name)
    return None if found is None else Ages(int(found[1]), None if found[2] == "plus" else int(found[2]))


@dataclass(frozen=True, kw_only=True)
class ShareOfAges:
    """Which share of an area's people is of some ages, and which figure says so."""

    share: float
    year: int
    status: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Population:
    """One figure. ``groups`` holds parts of it by age, such as ``{"65_plus": 16212}``."""

    area_code: str
    year: int
    kind: str
    people: float
    status: str
    source: str
    groups: dict[str, float] = field(default_factory=dict)
    note: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can never be true."""
        if not self.area_code.strip():
            raise InvalidInput("a figure of people needs the code of its area")
        if self.kind not in KINDS:
            raise InvalidInput(f"kind must be one of {', '.join(KINDS)} (常住, 户籍); got {self.kind!r}")
        if self.status not in STATUSES:
            raise InvalidInput(f"status must be one of {', '.join(STATUSES)}; got {self.status!r}")
        if not (math.isfinite(self.people) and self.people >= 0):
            raise InvalidInput(f"people of {self.area_code} must be 0 or more, got {self.people}")
        if not 1900 <= self.year <= 2200:
            raise InvalidInput(f"year of {self.area_code} must be four digits, got {self.year}")
        for name, part in self.groups.items():
            if not 0 <= part <= self.people:
                raise InvalidInput(
                    f"{name} of {self.area_code} is {part:g}, more than the {self.people:g} people it is part of"
                )


def checksum_of(figures: Sequence[Population]) -> str:
    """Return the SHA-256 of figures, in their order."""
    return hashlib.sha256(repr(list(figures)).encode()).hexdigest()


def find(session: Session, area_code: str | None = None, *, recorded_at: str | None = None) -> list[Population]:
    """Return the figures of one area, or of all; as they were known at a moment."""
    return [
        Population(
            area_code=row.area_code, year=row.year, kind=row.kind, people=row.people,
            status=row.status, source=row.source, groups=row.groups, note=row.note,
        )
        for row in select_populations(session, area_code, recorded_at=recorded_at)
    ]


def marks(session: Session, *, recorded_at: str | None = None) -> list[int]:
    """Return the numbers of the figures in force: enough to compare, quick for many."""
    return select_population_marks(session, recorded_at=recorded_at)


def years_of(figures: Sequence[Population], day: str) -> list[Population]:
    """Return the figures that can speak for a day: those of its year and before.

    Where an area has none so old, its oldest stay: people of a later year are nearer to the truth
    than nobody, and whoever uses them says of which year they are.
    """
    year = int(day[:4])
    told = {each.area_code for each in figures if each.year <= year}
    oldest: dict[str, int] = {}
    for each in figures:
        oldest[each.area_code] = min(each.year, oldest.get(each.area_code, each.year))
    return [
        each for each in figures
        if each.year <= year or (each.area_code not in told and each.year == oldest[each.area_code])
    ]


def in_force(figures: Sequence[Population]) -> dict[str, Population]:
    """Return, for each area, the figure that a run takes: the newest of residents, a census before an estimate."""
    best: dict[str, Population] = {}
    for figure in figures:
        if figure.kind == "resident" and (figure.area_code not in best or _order(figure) > _order(best[figure.area_code])):
            best[figure.area_code] = figure
    return best


def _order(figure: Population) -> tuple[int, int]:
    return (figure.year, -STATUSES.index(figure.status))


def shares_by_age(figures: Sequence[Population]) -> dict[str, dict[Ages, ShareOfAges]]:
    """Return, for each area whose residents are known by age, their shares: each from the newest figure that tells it."""
    found: defaultdict[str, dict[Ages, ShareOfAges]] = defaultdict(dict)
    for figure in sorted((each for each in figures if each.kind == "resident" and each.people > 0), key=_order):
        for name, part in figure.groups.items():
            ages = ages_of(name)
            if ages is not None:
                found[figure.area_code][ages] = ShareOfAges(
                    share=part / figure.people, year=figure.year, status=figure.status, source=figure.source)
    return dict(found)


def in_codes_of(figures: Sequence[Population], became: Successions, known: Container[str]) -> list[Population]:
    """Return figures told of the divisions of a day: those that were merged are added up.

    Figures of one year, kind, status and source belong together. Of a division that is whole only
    with a part that has no figure, none is told; nor of the parts of one that was split.

    Parameters
    ----------
    figures : sequence of Population
    became : Successions
        What divisions had become on that day.
    known : container of str
        The codes that are there on that day.
    """
    if not became.links:
        return list(figures)
    sets: defaultdict[tuple[str, str, int, str, str, str], dict[str, Population]] = defaultdict(dict)
    for each in figures:
        since = f"{each.year + 1}-01-01"
        code = became.one(each.area_code, since=since)
        if code not in known and each.area_code not in known:  # told in codes that were old already
            since, code = "", became.one(each.area_code)
        if code is not None:
            sets[code, since, each.year, each.kind, each.status, each.source][each.area_code] = each
    found: list[Population] = []
    for (code, since, *_rest), parts in sets.items():
        needed = became.parts_of(code, since=since) if code in known else tuple(parts)
        if set(needed) <= parts.keys():
            found += [_together(code, [parts[part] for part in needed])] if code in known else parts.values()
    return found


def _together(code: str, parts: Sequence[Population]) -> Population:
    if len(parts) == 1 and parts[0].area_code == code:
        return parts[0]
    shared = set.intersection(*(set(each.groups) for each in parts))
    return replace(
        parts[0], area_code=code, people=math.fsum(each.people for each in parts),
        groups={name: math.fsum(each.groups[name] for each in parts) for name in sorted(shared)},
        note="; ".join(f"{each.area_code}: {each.people:g}" for each in parts),
    )


def save(session: Session, population: Population, *, author: str, origin: str) -> str:
    """Register a figure; a figure of another source stays beside it, and what was told before keeps its row.

    Returns
    -------
    change : str
        ``new``, ``changed`` or ``unchanged``.
    """
    row = select_population(
        session, area_code=population.area_code, year=population.year, kind=population.kind,
        status=population.status, source=population.source,
    )
    told = (population.people, population.groups, population.note)
    if row is not None and (row.people, row.groups, row.note) == told:
        return "unchanged"
    moment = now_after(None if row is None else row.recorded_at)
    if row is not None:
        row.superseded_at = moment
        session.flush()  # before the other comes in: one figure of a key is believed
    session.add(PopulationRow(
        **asdict(population), recorded_at=moment, superseded_at=None, replaces=None if row is None else row.id,
        author=author, origin=origin,
    ))
    return "new" if row is None else "changed"
