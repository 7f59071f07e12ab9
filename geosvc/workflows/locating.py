"""Facilities to be located: which they are, where they may stand, and placing them, one by one or many at once."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import asdict, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from geosvc.errors import Conflict, InvalidInput, InvalidParameter, MissingPrecondition, NotFound, NotUndoable
from geosvc.geo.crs import check_position
from geosvc.geo.datums import WGS84, datum_named, to_wgs84
from geosvc.registry import areas, checks, facilities, history, layers
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import PositionMethod
from geosvc.registry.imports.layers import POINTS_FILE
from geosvc.registry.layers import POPULATION
from geosvc.registry.locating import Gazetteer, Rule, Settlement, Suggestion, codes_above, settlements_of, suggestions
from geosvc.registry.moments import now, today
from geosvc.registry.revisions import CONFIRM
from geosvc.registry.undoing import later_changes, take_back
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery, select_values
from geosvc.store.locating import PLACING, select_at_addresses, select_at_settlements, select_placings
from geosvc.workflows.editing import Intent, finding_as_dict, rewrite
from geosvc.workflows.finding import whole
from geosvc.workflows.undoing import in_sight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from geosvc.registry.facilities import Facility, Registered
    from geosvc.store.engine import Session, Store

_TOWNSHIP_LETTERS = 9
_VILLAGE_LETTERS = 12
_MOST_AT_ONCE = 5_000
_SHOWN = 20
# Methods by which a person may place: an illustrative position is no place.
METHODS = tuple(each for each in PositionMethod if each not in (PositionMethod.NONE, PositionMethod.ILLUSTRATIVE))


# -- the worklist ----------------------------------------------------------------------------


def worklist_page(
    store: Store, *, area: str | None = None, class_prefix: str | None = None, cursor: str | None = None, limit: int
) -> tuple[list[dict[str, Any]], int, str | None]:
    """Return (facilities without a position, number matched, cursor of the next page or None), by id.

    Each has id, revision, name, class, state, address, area, the raw value that its source gave, and
    ``suggestions``, the best first (:meth:`geosvc.registry.locating.Suggestion.as_dict`).

    Raises
    ------
    InvalidParameter
    """
    query = _query(area, class_prefix)
    with store.reading() as session:
        matched = facilities.count(session, query)
        found = facilities.find(session, query, after_id=whole(cursor), limit=limit + 1)
        known = _gazetteer(store, session, [each.facility for each in found[:limit]])
    following = str(found[limit - 1].id) if len(found) > limit else None
    return [_entry(each, known) for each in found[:limit]], matched, following


def _query(area: str | None, class_prefix: str | None) -> FacilityQuery:
    return FacilityQuery(located=False, area_prefix=area or None, class_prefixes=[class_prefix.upper()] if class_prefix else None)


def _entry(each: Registered, known: Gazetteer) -> dict[str, Any]:
    one, klass = each.facility, facility_classes()[each.facility.class_code]
    held = next((known.areas[code] for code in codes_above(one.area_code) if code in known.areas), None)
    return {
        "id": each.id, "revision": each.revision, "name": one.name, "class_code": one.class_code, "class_zh": klass.zh, "class_en": klass.en,
        "state": one.state, "address": one.address, "area_code": one.area_code, "area_name": None if held is None else held.name,
        "raw_x": one.raw_x, "raw_y": one.raw_y, "raw_datum": one.raw_datum, "source": one.source,
        "suggestions": [place.as_dict() for place in suggestions(one, known)],
    }


def counts(store: Store, *, area: str | None = None, class_prefix: str | None = None) -> dict[str, Any]:
    """Return how many facilities are to be located: total, by area (township, else as it is coded) and by class, most first.

    An area code of None are those that name no area.
    """
    with store.reading() as session:
        found = [(code, klass) for code, klass in select_values(session, facilities.meant(session, _query(area, class_prefix)), ("area_code", "class_code"))]
        by_area = Counter(code[:_TOWNSHIP_LETTERS] if code and len(code) > _TOWNSHIP_LETTERS and code.isdigit() else code or None for code, _ in found)
        names = {each.code: each.name for each in areas.find(session, AreaQuery(codes=sorted(code for code in by_area if code)))}
    by_class = Counter(klass for _, klass in found)
    classes = facility_classes()
    return {
        "total": len(found),
        "by_area": [{"code": code, "name": names.get(code or ""), "count": count} for code, count in _most_first(by_area)],
        "by_class": [{"code": code, "zh": classes[code].zh, "en": classes[code].en, "count": count} for code, count in _most_first(by_class)],
    }


def _most_first(counted: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0] or ""))


# -- placing ---------------------------------------------------------------------------------


def new_placing() -> str:
    """Return an origin for one placing, by which :func:`undo_placing` takes it back."""
    return f"{PLACING}{now()}"


def place(
    store: Store, facility_id: int, lon: float, lat: float, *, method: str, datum: str = WGS84, author: str, expected: int | None,
    reason: str | None = None, source: str | None = None, origin: str = "api",
) -> dict[str, Any]:
    """Say where a facility stands, located before or not; what was told is kept beside the degrees.

    Parameters
    ----------
    store : Store
    facility_id : int
    lon, lat : float
        Degrees in ``datum``.
    method : str
        How the place was found; one of :data:`METHODS`.
    datum : str
        WGS84, CGCS2000, GCJ02 (高德), BD09 (百度).
    author, reason, source, origin : str
    expected : int or None
        The revision that the writer has seen.

    Returns
    -------
    placed : dict
        ``feature`` as it is now, ``changed``, ``findings`` that a person should look at (outside of its area …).

    Raises
    ------
    FacilityNotFound, InvalidInput, Conflict, MissingPrecondition, NotAllowed
    """
    if expected is None:
        raise MissingPrecondition("say which revision of the facility you have seen, so that nobody else's change is lost")
    if method not in METHODS:
        raise InvalidParameter(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    told = datum_named(datum)
    placed = _placed_at(lon, lat, told, method, source)
    intent = Intent(author=author, origin=origin, reason=reason)
    return asdict(rewrite(store, facility_id, placed, intent, expected=expected))


def _placed_at(lon: float, lat: float, datum: str, method: str, source: str | None) -> Callable[[Facility], Facility]:
    here = check_position(*map(float, to_wgs84(*check_position(lon, lat), datum=datum)))
    return lambda old: replace(
        old, lon=here[0], lat=here[1], raw_x=repr(lon), raw_y=repr(lat), raw_datum=datum, position_method=str(method),
        position_source=source, position_date=today())


def look_at(
    store: Store, facility_id: int, lon: float, lat: float, *, method: str, datum: str = WGS84, language: str = "en"
) -> list[dict[str, Any]]:
    """Return what would look wrong about a facility at a place (outside of its area …); nothing is stored.

    Raises
    ------
    FacilityNotFound, InvalidInput
    """
    placed = _placed_at(lon, lat, datum_named(datum), method, None)
    with store.reading() as session:
        seen = facilities.get(session, facility_id).facility
        return [finding_as_dict(each, language) for each in checks.check(session, placed(seen), old=seen, facility_id=facility_id)]


def take(
    store: Store, facility_id: int, rule: str, lon: float, lat: float, *, author: str, expected: int | None, reason: str | None = None,
    origin: str = "api",
) -> dict[str, Any]:
    """Put a facility where a suggestion says; what its source told is kept as the raw value.

    Parameters
    ----------
    store : Store
    facility_id : int
    rule : str
        Of the suggestion.
    lon, lat : float
        Degrees (WGS 84) as the suggestion gave them.
    author, reason, origin : str
    expected : int or None
        The revision that the writer has seen.

    Returns
    -------
    placed : dict
        As :func:`place`.

    Raises
    ------
    FacilityNotFound, MissingPrecondition, NotAllowed
    Conflict
        If that is not suggested (any longer), or the facility was changed since.
    """
    with store.reading() as session:
        seen = facilities.get(session, facility_id).facility
        offered = suggestions(seen, _gazetteer(store, session, [seen]))
    one = next((each for each in offered if (each.rule, each.lon, each.lat) == (rule, lon, lat)), None)
    if one is None or seen.located:
        raise Conflict(f"facility {facility_id} is not suggested to stand at {lon}, {lat} any longer: it was placed, or what is known of places changed; look again")
    intent = Intent(author=author, origin=origin, reason=reason)
    return asdict(rewrite(store, facility_id, lambda old: one.put(old, day=today()), intent, expected=expected))


def place_many(
    store: Store, rule: str, *, author: str, reason: str, area: str | None = None, class_prefix: str | None = None,
    preview: bool = False, expected_count: int | None = None,
) -> dict[str, Any]:
    """Place all facilities of an area and a class for which a rule gives exactly one place, at once.

    They get one origin, by which :func:`undo_placing` takes them back. Where the rule gives none, or
    several, a facility stays to be located.

    Parameters
    ----------
    store : Store
    rule : str
        raw_value, same_address, settlement_point or area_centre.
    author, reason : str
    area, class_prefix : str, optional
    preview : bool
        Only say what would be done.
    expected_count : int, optional
        How many the preview said; another number is a conflict.

    Returns
    -------
    placed : dict
        ``placing`` (origin; None in a preview), ``placed``, ``ambiguous``, ``left`` (without a place by that rule),
        ``first`` (of the placed: id, name, lon, lat, off_by_m).

    Raises
    ------
    InvalidParameter, InvalidInput, Conflict, NotAllowed
    """
    if rule not in set(Rule):
        raise InvalidParameter(f"rule must be one of {', '.join(Rule)}; got {rule!r}")
    with store.reading() as session:
        found = facilities.find(session, _query(area, class_prefix), limit=_MOST_AT_ONCE + 1)
        if len(found) > _MOST_AT_ONCE:
            raise InvalidInput(f"more than {_MOST_AT_ONCE:,} facilities are to be located there; choose an area or a class")
        known = _gazetteer(store, session, [each.facility for each in found])
    places = {each.id: [one for one in suggestions(each.facility, known) if one.rule == rule] for each in found}
    chosen = [(each, places[each.id][0]) for each in found if len(places[each.id]) == 1]
    told = {
        "rule": rule, "placing": None, "placed": len(chosen), "ambiguous": sum(len(each) > 1 for each in places.values()),
        "left": sum(not each for each in places.values()),
        "first": [{"id": each.id, "name": each.facility.name, "lon": one.lon, "lat": one.lat, "off_by_m": one.as_dict()["off_by_m"]}
                  for each, one in chosen[:_SHOWN]],
    }
    if preview:
        return told
    if expected_count is not None and expected_count != len(chosen):
        raise Conflict(f"{len(chosen)} facilities would be placed, the preview said {expected_count}: the registry changed since; look again")
    if not (reason or "").strip():
        raise InvalidInput("placing many at once needs a reason, such as 'village clinics stand in their village'")
    return {**told, "placing": _put(store, chosen, author, reason)} if chosen else told


def _put(store: Store, chosen: Sequence[tuple[Registered, Suggestion]], author: str, reason: str) -> str:
    origin, day = new_placing(), today()
    with store.writing() as session:
        for each, one in chosen:
            history.correct(session, each.id, one.put(each.facility, day=day), author=author, origin=origin, reason=reason, expected=each.revision)
    return origin


def undo_placing(store: Store, placing: str, *, author: str, reason: str | None = None) -> dict[str, Any]:
    """Take back what was placed at once: the facilities are to be located again, as they were.

    Raises
    ------
    NotFound
        If there is no such placing.
    NotUndoable
        If it was taken back already, or one of the facilities was changed since; it says which.
    NotAllowed
    """
    with store.reading() as session:
        known = {each.origin: each for each in select_placings(session)}
    if placing not in known:
        raise NotFound(f"no facilities were placed as {placing!r}")
    if known[placing].undone:
        raise NotUndoable(f"{placing} was taken back already")
    with store.writing() as session:
        later = in_sight(store, [each for each in later_changes(session, placing) if each.kind != CONFIRM], placing)
        if later:
            named = ", ".join(f"{each.facility_id} {each.name} ({each.kind}, {each.author})" for each in later[:5])
            raise NotUndoable(f"{placing} cannot be taken back: {len(later)} changes were made since, the first to {named}", [each.as_dict() for each in later])
        done = take_back(session, placing, author=author, as_origin=f"un{placing}", reason=reason or "撤销批量定位")
    return {"placing": placing, "to_be_located_again": done.believed_again}


def placings(store: Store, *, with_authors: bool = True) -> list[dict[str, Any]]:
    """Return what was placed at once, newest first: placing, at, author, reason, facilities, undone.

    Author and reason are None without ``with_authors``: they are told to those who signed in.
    """
    hidden = {} if with_authors else {"author": None, "reason": None}
    with store.reading() as session:
        return [{"placing": each.origin, **{name: value for name, value in asdict(each).items() if name != "origin"}, **hidden}
                for each in select_placings(session)]


# -- what is known of places -----------------------------------------------------------------


def _gazetteer(store: Store, session: Session, some: Sequence[Facility]) -> Gazetteer:
    codes = sorted({code for one in some for code in codes_above(one.area_code)})
    villages = sorted({one.area_code for one in some if one.area_code and len(one.area_code) >= _VILLAGE_LETTERS})
    by_name = any(one.area_code and len(one.area_code) < _VILLAGE_LETTERS for one in some)
    named = {each.code: each.name for each in areas.find(session, AreaQuery(levels=["village"] if by_name else None, codes=None if by_name else villages))}
    return Gazetteer(
        areas={area.code: area for area in _areas(session, codes)}, villages=named, settlements=_settlements(store, session),
        at_address=select_at_addresses(session, sorted({one.address for one in some if one.address})),
        at_settlement=select_at_settlements(session, sorted({*villages, *named}), PositionMethod.SETTLEMENT_POINT),
    )


def _areas(session: Session, codes: Sequence[str]) -> list[areas.Area]:
    return [area for start in range(0, len(codes), 500) for area in areas.find(session, AreaQuery(codes=codes[start : start + 500]))]


def _settlements(store: Store, session: Session) -> dict[str, Settlement]:
    """Return the settlements that the layer of people knows by the code of their area."""
    layer = next(iter(layers.find(store, session, POPULATION)), None)
    if layer is None or layer.summary.get("format") != "points":
        return {}
    return _settlements_in(layer.folder / POINTS_FILE, layer.sha256)


@lru_cache(maxsize=4)
def _settlements_in(path: Path, _sha256: str) -> dict[str, Settlement]:
    with path.open(encoding="utf-8", newline="") as stream:
        return settlements_of(
            (row["area_code"] or "", float(row["longitude"]), float(row["latitude"]), float(row["people"])) for row in csv.DictReader(stream))
