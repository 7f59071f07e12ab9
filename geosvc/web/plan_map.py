"""The small map beside a plan: the townships of its area, and the places that make one indicator fail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.workflows.outlines import Ring

WIDTH, HIGHEST = 320.0, 420.0
_MARGIN = 6.0
UNKNOWN = "?"


@dataclass(frozen=True, kw_only=True)
class PlanMap:
    """Paths of an SVG of ``width`` x ``height`` pixels, north up: areas with code and name, facilities with id, name and place."""

    width: float
    height: float
    areas: tuple[dict[str, Any], ...]
    facilities: tuple[dict[str, Any], ...]


def plan_map(ground: Sequence[dict[str, Any]], indicators: Sequence[dict[str, Any]]) -> PlanMap | None:
    """Return the map of a plan's area with every place that makes one of some indicators fail; None without an outline.

    Parameters
    ----------
    ground : sequence of dict
        Of ``planning.plan_ground``: the larger areas first, so that the smaller are drawn over them.
    indicators : sequence of dict
        Of ``planning.plan_board``.
    """
    points = [point for each in ground for ring in each["rings"] for point in ring]
    if not points:
        return None
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    shrunk = math.cos(math.radians((south + north) / 2))
    scale = min((WIDTH - 2 * _MARGIN) / max((east - west) * shrunk, 1e-3), (HIGHEST - 2 * _MARGIN) / max(north - south, 1e-3))
    left = (WIDTH - (east - west) * shrunk * scale) / 2

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return round(left + (point[0] - west) * shrunk * scale, 1), round(_MARGIN + (north - point[1]) * scale, 1)

    def path(rings: Sequence[Ring]) -> str:
        return "".join(f"M{'L'.join(f'{x} {y}' for x, y in map(at, ring))}Z" for ring in rings)

    placed = {each["id"]: each for one in indicators for each in (one["now"] or {}).get("culprits", ())
              if each["kind"] == "facility" and each["located"] and west <= each["lon"] <= east and south <= each["lat"] <= north}
    return PlanMap(
        width=WIDTH, height=round((north - south) * scale + 2 * _MARGIN),
        areas=tuple({"code": each["code"], "name": each["name"], "path": path(each["rings"])} for each in ground),
        facilities=tuple({"id": number, "name": each["name"], "at": at((each["lon"], each["lat"]))} for number, each in placed.items()))


def shown_first(indicators: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the indicator that the map shows before anybody chose one: one that is behind, else any that fails somewhere.

    One alone is shown though it is not known where it fails.
    """
    if len(indicators) == 1:
        return indicators[0] if places_of(indicators[0]) else None
    failing = [each for each in indicators if any(not place.startswith(UNKNOWN) for place in places_of(each))]
    return next((each for each in failing if each["verdict"] == "behind"), next(iter(failing), None))


def areas_of(indicators: Sequence[dict[str, Any]]) -> set[str]:
    """Return the codes of the areas that make indicators fail (or may) and have an outline of their own."""
    return {str(each["id"]) for one in indicators for each in (one["now"] or {}).get("culprits", ()) if each["kind"] == "area" and each["located"]}


def places_of(indicator: dict[str, Any]) -> list[str]:
    """Return what the map marks of an indicator: areas with an outline of their own ("a" and code), facilities with a place ("f" and id).

    Those of which it is not known whether they fail begin with :data:`UNKNOWN`.
    """
    found = [each for each in (indicator["now"] or {}).get("culprits", ()) if each["located"]]
    return list(dict.fromkeys(f"{'' if each['known'] else UNKNOWN}{each['kind'][0]}{each['id']}" for each in found))
