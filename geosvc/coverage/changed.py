"""What a scenario makes of facilities for questions other than travel: rules of areas, figures of plans."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geosvc.coverage.changes import moved_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from geosvc.coverage.changes import Changes, Move, Serving
    from geosvc.coverage.tree import AreaTree
    from geosvc.registry.facilities import Facility, Registered


def facilities_changed(changes: Changes, found: Sequence[Registered], tree: AreaTree) -> list[Registered]:
    """Return facilities as changes make them, in the order of their id.

    Those closed are left out, those moved or opened lie in the division around their new place, and those that
    serve have their mode and areas: as applying the scenario would write them. Slow twin: ``workflows.applying``.

    Parameters
    ----------
    changes : Changes
    found : sequence of Registered
        Those that operate; of which classes or areas is the caller's question.
    tree : AreaTree
        All areas, not only those of an account.
    """
    closed, serving = set(changes.close), {each.facility: each for each in changes.serve}
    moves = {each.facility: (each, code) for each, code in zip(changes.move, codes_at(tree, [(each.lon, each.lat) for each in changes.move]), strict=True)}
    left = [each for each in found if each.id not in closed]
    placed = [_moved(each, *moves[each.id], tree) if each.id in moves else each for each in left]
    made = [replace(each, facility=serving_too(each.facility, serving[each.id])) if each.id in serving else each for each in placed]
    codes = codes_at(tree, [(each.lon, each.lat) for each in changes.open])
    made += [_in_area(each, code) for each, code in zip(changes.opened(), codes, strict=True)]
    return sorted(made, key=lambda each: each.id)


def _moved(one: Registered, move: Move, code: str | None, tree: AreaTree) -> Registered:
    here = moved_to(one, move)
    return here if still_in(tree, one.facility.area_code, code, move.lon, move.lat) else _in_area(here, code)


def _in_area(one: Registered, code: str | None) -> Registered:
    return replace(one, facility=replace(one.facility, area_code=code))


def serving_too(facility: Facility, serving: Serving) -> Facility:
    """Return a facility that serves more areas, by a mode; those that it serves already stay."""
    return replace(facility, service_mode=serving.mode, areas_served=list(dict.fromkeys([*facility.areas_served, *serving.areas])))


def codes_at(tree: AreaTree, places: Iterable[tuple[float, float]]) -> list[str | None]:
    """Return the code of the smallest division around each place (longitude, latitude; degrees); None outside of all."""
    known = list(places)
    if not known:
        return []
    lon, lat = np.array(known, dtype=float).T
    return [tree.areas[i].code if i >= 0 else None for i in tree.areas_of_positions(lon, lat)]


def still_in(tree: AreaTree, code: str | None, found: str | None, lon: float, lat: float) -> bool:
    """Return whether a place lies in the area that a facility is registered in, as far as that can be told.

    A village without an outline stays where its township is. ``found`` is the division around the place.
    """
    if code is None or code not in tree.index:
        return found is None
    shape = tree.areas[tree.index[code]].geometry
    if shape is not None:
        return bool(shapely.intersects_xy(shape, lon, lat))
    return found is None or (found in tree.index and tree.index[found] in tree.ancestors(tree.index[code]))
