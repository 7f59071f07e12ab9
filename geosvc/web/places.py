"""A place that another page points at: what the map brings into view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter
from geosvc.language import words
from geosvc.registry import facilities
from geosvc.registry.moments import PRESENT
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import seen_of
from geosvc.workflows.finding import is_whole
from geosvc.workflows.study import tree_of

if TYPE_CHECKING:
    from geosvc.store.engine import Store


def place_asked(store: Store, area: str | None, facility: str | None, language: str) -> dict[str, Any] | None:
    """Return what the map shows of an area or a facility: ``box`` (west, south, east, north; degrees) and ``text``.

    An area without an outline is shown by the nearest around it that has one, and the text says so. None where
    nothing is asked for, or nobody knows where it is.

    Raises
    ------
    InvalidParameter
        If no such area or facility is registered that the account may see.
    """
    if area:
        return _of_area(store, area, language)
    return _of_facility(store, facility) if facility else None


def _of_area(store: Store, code: str, language: str) -> dict[str, Any] | None:
    with store.everywhere().reading() as session:
        tree = tree_of(session, PRESENT)
    if code not in tree.index or seen_of(code, store.areas) is None:
        raise InvalidParameter(f"area must be the code of a registered area, such as 220622; got {code[:40]!r}")
    shown = seen_of(tree.outlined(code), store.areas)
    if shown is None:
        return None
    name, around = (tree.areas[tree.index[each]] for each in (code, shown))
    text = name.name if shown == code else words(language)["place_shown_by"].format(name=name.name, around=around.name)
    return {"text": text, "box": [round(float(each), 6) for each in around.geometry.bounds] if around.geometry is not None else None}


def _of_facility(store: Store, number: str) -> dict[str, Any] | None:
    with store.reading() as session:
        found = facilities.find(session, FacilityQuery(ids=[int(number)])) if is_whole(number) else []
    if not found:
        raise InvalidParameter(f"facility must be the id of a registered facility; got {number[:40]!r}")
    held = found[0].facility
    return {"text": held.name, "box": [held.lon, held.lat, held.lon, held.lat]} if held.located else None
