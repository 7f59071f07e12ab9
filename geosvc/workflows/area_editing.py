"""Changing areas, divisions and their people one by one, for scripts; whole tables of them are imported."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from geosvc.errors import AreaNotFound, Conflict, InvalidInput, MissingPrecondition
from geosvc.registry import areas, divisions, populations
from geosvc.registry.area_documents import area_of, check_seen, expect, standing
from geosvc.registry.documents import merged, text_of
from geosvc.registry.moments import AsOf, day_told
from geosvc.registry.populations import Population
from geosvc.store.areas import select_believed_areas
from geosvc.workflows.features import area_feature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from geosvc.registry.areas import Area, AreaVersion
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.editing import Intent

_MOST_PARTS = 200
_FIGURE = ("year", "kind", "people", "status", "source", "groups", "note")
_MOST_GROUPS = 100
Feature = dict[str, Any]


def area_with_revision(store: Store, code: str, as_of: AsOf) -> tuple[Feature, int]:
    """Return an area as it was on a day and known at a moment, and the number of its revision.

    Raises
    ------
    AreaNotFound
    """
    with store.reading() as session:
        feature = area_feature(areas.get(session, code, as_of))
        number = areas.revision_of(session, code, as_of)
    return feature, number


def create(store: Store, document: Any, intent: Intent) -> tuple[Feature, int]:
    """Register an area, from ``valid_from`` on or as long as is known.

    Raises
    ------
    InvalidInput
        Also if the code was ever used: what ended is begun again by saying what it is from a day on.
    """
    area = area_of(document)
    with store.writing() as session:
        if select_believed_areas(session, [area.code]):
            raise InvalidInput(f"there is, or was, an area {area.code}; say what it is with PUT, and from which day (valid_from)")
        return _saved(session, area, intent)[:2]


def replace_with(store: Store, code: str, document: Any, intent: Intent, *, expected: int | None) -> tuple[Feature, int, bool]:
    """Say what an area is, wholly: a correction, or from ``valid_from`` on; return it, its revision, and whether anything changed.

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    return _rewrite(store, code, lambda old: area_of(document, code=code, old=old), intent, expected)


def patch(store: Store, code: str, document: Any, intent: Intent, *, expected: int | None) -> tuple[Feature, int, bool]:
    """Say what is different about an area, by a merge patch of what is true on the day of the change.

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    return _rewrite(store, code, lambda old: area_of(merged(area_feature(old), document), code=code, old=old), intent, expected)


def _rewrite(store: Store, code: str, change: Callable[[Area], Area], intent: Intent, expected: int | None) -> tuple[Feature, int, bool]:
    day = _day_of(intent)
    with store.writing() as session:
        expect(session, code, expected, day)
        return _saved(session, change(_shown(session, standing(session, code, day), day)), intent)


def _day_of(intent: Intent) -> str | None:
    return None if intent.valid_from is None else day_told(intent.valid_from, "valid_from")


def _shown(session: Session, version: AreaVersion, day: str | None) -> Area:
    """Return an area as a reader is shown it; a zone of members with the polygon that these have on the day."""
    try:
        return areas.get(session, version.area.code, AsOf(valid_at=day)) if version.area.members else version.area
    except AreaNotFound:  # it begins later, or has ended
        return version.area


def _saved(session: Session, area: Area, intent: Intent) -> tuple[Feature, int, bool]:
    day = _day_of(intent)
    word = areas.save(session, area, valid_from=day, **intent.by)
    areas.refuse_rings(session, AsOf(valid_at=day))
    now = standing(session, area.code, day)
    return area_feature(_shown(session, now, day)), now.revision, word != "unchanged"


def end(store: Store, code: str, *, on: str, intent: Intent, expected: int | None) -> None:
    """Say that there is no such area from a day on; what became of a division is said by a reform instead.

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    day = day_told(on, "on")
    if not (intent.reason or "").strip():
        raise InvalidInput(f"ending area {code} needs a reason, such as the number of the decree")
    with store.writing() as session:
        expect(session, code, expected, day)
        areas.end(session, code, on=day, **intent.by)


# -- reforms -------------------------------------------------------------------------------------


def split_into(
    store: Store, code: str, documents: Any, revisions: Mapping[str, int], *, on: str, author: str, origin: str, note: str | None = None
) -> dict[str, Any]:
    """Make the divisions that documents describe of one; see :func:`geosvc.registry.divisions.split`.

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    if not isinstance(documents, list) or not 2 <= len(documents) <= _MOST_PARTS:
        raise InvalidInput(f"parts must be a list of 2 to {_MOST_PARTS} GeoJSON features, each a division; got {str(documents)[:100]}")
    parts = [area_of(each) for each in documents]
    with store.writing() as session:
        check_seen(session, [code], revisions, day_told(on, "on"))
        return asdict(divisions.split(session, code, parts, on=on, author=author, origin=origin, note=note))


# -- people --------------------------------------------------------------------------------------


def save_figure(store: Store, code: str, document: Any, *, author: str, origin: str) -> dict[str, Any]:
    """Register a figure of people of an area, or correct the one with the same year, kind, status and source.

    Parameters
    ----------
    store : Store
    code : str
        Of an area that is, or was, registered.
    document : Any
        ``year``, ``kind``, ``people``, ``status``, ``source``; ``groups`` and ``note`` if known. ``replaces`` is
        the number of people of the figure that it corrects, as its writer saw it.
    author, origin : str

    Returns
    -------
    told : dict
        ``change`` (new, changed or unchanged) and the ``figure``.

    Raises
    ------
    AreaNotFound, InvalidInput
    MissingPrecondition
        If a figure is to be corrected and the document does not say which number was seen.
    Conflict
        If another number stands there.
    """
    figure = _figure(code, document)
    replaces = None if document.get("replaces") is None else _number(document, "replaces")
    with store.writing() as session:
        if not select_believed_areas(session, [code]):
            raise AreaNotFound(f"no area has the code {code!r}")
        old = next((each for each in populations.find(session, code) if _key(each) == _key(figure)), None)
        _refuse_unseen(old, figure, replaces)
        word = populations.save(session, figure, author=author, origin=origin)
    return {"change": word, "figure": asdict(figure)}


def _refuse_unseen(old: Population | None, figure: Population, replaces: float | None) -> None:
    which = f"the figure of {figure.area_code} for {figure.year} ({figure.kind}, {figure.status}, {figure.source})"
    if old is None:
        if replaces is not None:
            raise Conflict(f"{which} is not there, so it cannot be corrected; leave out replaces to register it")
        return
    if old == figure:
        return
    if replaces is None:
        raise MissingPrecondition(f"{which} is {old.people:g} already; to correct it, say which number you have seen (replaces)")
    if replaces != old.people:
        raise Conflict(f"{which} is {old.people:g} now, you saw {replaces:g}; look at it again, then decide", {"people": (replaces, old.people)})


def _key(one: Population) -> tuple[int, str, str, str]:
    return one.year, one.kind, one.status, one.source


def _figure(code: str, document: Any) -> Population:
    if not isinstance(document, dict):
        raise InvalidInput(f"expected an object with {', '.join(_FIGURE)}, got {str(document)[:100]}")
    unknown = sorted(set(document) - {*_FIGURE, "area_code", "replaces"})
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(map(str, unknown))}; a figure of people has {', '.join(_FIGURE)}")
    if document.get("area_code") not in (None, code):
        raise InvalidInput(f"the address names area {code}, the document {str(document['area_code'])[:40]}")
    words = {name: text_of(name, document.get(name)) for name in ("kind", "status", "source", "note")}
    missing = [name for name in ("kind", "status", "source") if words[name] is None]
    if missing:
        raise InvalidInput(f"{', '.join(missing)} is missing: a figure of people needs year, kind, people, status and source")
    year = _number(document, "year")
    if not year.is_integer():
        raise InvalidInput(f"year must be a whole number, got {year}")
    return Population(
        area_code=code, year=int(year), kind=str(words["kind"]), people=_number(document, "people"), status=str(words["status"]),
        source=str(words["source"]), groups=_groups(document.get("groups")), note=words["note"])


def _number(document: Mapping[str, Any], name: str) -> float:
    told = document.get(name)
    if isinstance(told, bool) or not isinstance(told, int | float) or not abs(told) < 1e12:  # nor NaN
        raise InvalidInput(f"{name} must be a number, got {str(told)[:40]!r}")
    return float(told)


def _groups(told: Any) -> dict[str, float]:
    if told is None:
        return {}
    if not isinstance(told, dict) or len(told) > _MOST_GROUPS:
        raise InvalidInput(f'groups must be an object of numbers such as {{"65_plus": 16212}}, got {str(told)[:100]}')
    return {str(text_of("the name of a group", name)): _number(told, name) for name in told}


def codes_told(told: Any, name: str) -> Sequence[str]:
    """Return codes of areas that a script sent as a list.

    Raises
    ------
    InvalidInput
    """
    if not isinstance(told, list) or not 1 <= len(told) <= _MOST_PARTS or not all(isinstance(each, str) and each.strip() for each in told):
        raise InvalidInput(f"{name} must be a list of 1 to {_MOST_PARTS} codes of divisions, got {str(told)[:100]}")
    return [each.strip() for each in told]
