"""Travel profiles: how fast people or a team move, declared as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from geosvc.errors import DefinitionError
from geosvc.measures import pace_from_kmh

UNKNOWN_GROUND = "unknown"
OTHER_ROAD = "other"
# How the roads are travelled, and how a slope acts on it (numbers of the engine).
GAITS = {"motor": 0, "walk": 1, "cycle": 2}


@dataclass(frozen=True, kw_only=True)
class TravelProfile:
    """Speeds in km/h by road class and by land cover.

    A motor profile with ``on_foot`` rides once and walks before and after it; ``foot_only``
    roads carry no vehicle, ``one_way`` says whether one-way streets bind.
    ``access`` whether the roads' access rules do (private, no motor vehicles).
    ``rides`` says how the roads are travelled: motor (slope does not matter), walk, cycle; off
    the roads everybody walks. ``closed`` classes may not be used. ``fixed_ground``: a speed set by a service changes the
    vehicle, not the people who walk from it.
    """

    id: str
    zh: str
    en: str
    base_kmh: float
    road_kmh: dict[str, float]
    ground_kmh: dict[str, float]
    closed: tuple[str, ...] = ()
    fixed_ground: bool = False
    rides: str = "motor"
    on_foot: str | None = None
    foot_only: tuple[str, ...] = ()
    one_way: bool = True
    access: bool = True

    def __post_init__(self) -> None:
        """Refuse a profile by which nobody can move."""
        if self.rides not in GAITS:
            raise DefinitionError(f"profile {self.id}: rides must be one of {', '.join(GAITS)}; got {self.rides!r}")
        for name in ("closed", "foot_only"):
            if isinstance(getattr(self, name), str):
                raise DefinitionError(f"profile {self.id}: {name} must be a list in square brackets, got {getattr(self, name)!r}")
        if not 0 < self.base_kmh < float("inf"):
            raise DefinitionError(f"profile {self.id}: base_kmh must be a speed above 0 km/h, got {self.base_kmh}")
        for table, needed in ((self.road_kmh, OTHER_ROAD), (self.ground_kmh, UNKNOWN_GROUND)):
            if needed not in table:
                raise DefinitionError(f"profile {self.id}: a speed for {needed!r} is missing")
            for name, speed in table.items():
                if not 0 < speed < float("inf"):
                    raise DefinitionError(
                        f"profile {self.id}: the speed of {name!r} must be above 0 km/h, got {speed}; "
                        "a road that may not be used belongs under 'closed'"
                    )

    def road_pace(self, road_class: str, *, speed_kmh: float | None = None) -> float:
        """Return seconds per metre on a road; ``inf`` where the class is closed or for walkers only."""
        if road_class in self.closed or road_class in self.foot_only:
            return float("inf")
        speed = self.road_kmh.get(road_class, self.road_kmh[OTHER_ROAD])
        return pace_from_kmh(speed * self._scale(speed_kmh))

    def ground_pace(self, cover: str, *, speed_kmh: float | None = None) -> float:
        """Return seconds per metre off the roads; a cover that is not listed is unknown ground."""
        speed = self.ground_kmh.get(cover, self.ground_kmh[UNKNOWN_GROUND])
        return pace_from_kmh(speed * (1.0 if self.fixed_ground else self._scale(speed_kmh)))

    def _scale(self, speed_kmh: float | None) -> float:
        return 1.0 if speed_kmh is None else speed_kmh / self.base_kmh


@cache
def travel_profiles() -> dict[str, TravelProfile]:
    """Return the shipped profiles by id."""
    return profiles_from_toml(files("geosvc.travel").joinpath("profiles.toml").read_text("utf-8"))


def profiles_from_toml(text: str) -> dict[str, TravelProfile]:
    """Return the profiles that a TOML text declares, by id.

    Raises
    ------
    DefinitionError
    """
    found = {name: profile_from(name, entry) for name, entry in tomllib.loads(text).items() if isinstance(entry, dict)}
    for each in found.values():
        if each.on_foot is not None and each.on_foot not in found:
            raise DefinitionError(f"profile {each.id}: on_foot must be one of {', '.join(found)}; got {each.on_foot!r}")
    return found


def profile_from(profile_id: str, entry: dict[str, Any]) -> TravelProfile:
    """Return the profile that a table declares.

    Raises
    ------
    DefinitionError
    """
    try:
        given = {name: entry.get(name, ()) for name in ("closed", "foot_only")}
        lists = {name: told if isinstance(told, str) else tuple(told) for name, told in given.items()}
        return TravelProfile(id=profile_id, **{**entry, **lists})
    except TypeError as error:
        raise DefinitionError(f"profile {profile_id}: {error}") from None
