"""How many people an area has: always with year, kind, status and source."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from geosvc.errors import InvalidInput
from geosvc.registry.moments import now
from geosvc.store.populations import PopulationRow, select_population, select_populations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Session

KINDS = ("resident", "registered")  # 常住, 户籍
STATUSES = ("census", "survey", "estimate", "schematic")


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


def find(session: Session, area_code: str | None = None) -> list[Population]:
    """Return the figures of one area, or of all."""
    return [
        Population(
            area_code=row.area_code, year=row.year, kind=row.kind, people=row.people,
            status=row.status, source=row.source, groups=row.groups, note=row.note,
        )
        for row in select_populations(session, area_code)
    ]


def save(session: Session, population: Population, *, author: str, origin: str) -> str:
    """Register a figure; a figure of another source stays beside it.

    Returns
    -------
    change : str
        ``new``, ``changed`` or ``unchanged``.
    """
    row = select_population(
        session, area_code=population.area_code, year=population.year, kind=population.kind,
        status=population.status, source=population.source,
    )
    if row is None:
        session.add(PopulationRow(**asdict(population), recorded_at=now(), author=author, origin=origin))
        return "new"
    content = (row.people, row.groups, row.note)
    if content == (population.people, population.groups, population.note):
        return "unchanged"
    row.people, row.groups, row.note = population.people, population.groups, population.note
    row.recorded_at, row.author, row.origin = now(), author, origin
    return "changed"
