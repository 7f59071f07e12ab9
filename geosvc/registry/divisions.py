"""Divisions that change: a new code, several become one, one becomes several (撤乡并镇).

The old division ends on the day, the new one begins; links tell what became what, so that people,
facilities and figures of both sides of the day can be told in either's codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import shapely

from geosvc.errors import AreaNotFound, InvalidInput
from geosvc.registry import areas, facilities, history
from geosvc.registry.areas import ZONE, Area
from geosvc.registry.moments import AsOf, day_told, now
from geosvc.store.areas import AreaQuery, SuccessionRow
from geosvc.store.facilities import FacilityQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapely.geometry.base import BaseGeometry

    from geosvc.store.engine import Session

# Lengths of Chinese division codes below which an area without a named parent lies.
_CODE_LENGTHS = (2, 4, 6, 9, 12)
# How far the parts of a division may differ from the whole before it is said, as a share of the whole.
_ABOUT_THE_SAME = 0.01


@dataclass(kw_only=True)
class Reform:
    """What became of divisions.

    ``links`` are (old code, new code), ``moved`` the codes that lie below the new ones now,
    ``facilities`` how many facilities have an old code, ``assigned`` those that were given the code of the
    part they stand in; ``open_areas`` and ``open_facilities`` nobody but a person can assign.
    """

    on: str
    links: list[tuple[str, str]] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    facilities: int = 0
    assigned: list[int] = field(default_factory=list)
    open_areas: list[str] = field(default_factory=list)
    open_facilities: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _By:
    author: str
    origin: str
    reason: str | None

    def told(self) -> dict[str, str | None]:
        return {"author": self.author, "origin": self.origin, "reason": self.reason}


def recode(
    session: Session, old: str, new: str, *, on: str, author: str, origin: str = "form", name: str | None = None,
    note: str | None = None,
) -> Reform:
    """Give a division another code (and name) from a day on; all else of it stays.

    Raises
    ------
    AreaNotFound
        If there is no such division on that day.
    InvalidInput
        If the new code is in use, ``on`` is no day, or a later change is known already.
    """
    day, by = day_told(on, "on"), _By(author=author, origin=origin, reason=note)
    area = _division(session, old, day)
    _refuse_used(session, new, day, "merge_areas puts a division into one that is there")
    areas.end(session, old, on=day, author=author, origin=origin, reason=note)
    done = Reform(on=day)
    _begin(session, replace(area, code=new, name=name or area.name), day, by)
    _link(session, old, [new], day, by, done)
    _move_below(session, {old: new}, day, by, done)
    return _finished(session, done, [old], day)


def merge_areas(
    session: Session, codes: Sequence[str], into: str | Area, *, on: str, author: str, origin: str = "form",
    note: str | None = None,
) -> Reform:
    """Make several divisions one from a day on.

    Parameters
    ----------
    session : Session
        A writing session.
    codes : sequence of str
        The divisions; they end, but for the one that takes the others in.
    into : str or Area
        The code of one that is there, or a new area. Without a polygon of its own it gets that of
        all of them together, where every one has a polygon.
    on : str
        The first day of the new division.
    author, origin, note : str

    Raises
    ------
    AreaNotFound, InvalidInput
    """
    day, by = day_told(on, "on"), _By(author=author, origin=origin, reason=note)
    target = into if isinstance(into, str) else into.code
    stays = isinstance(into, str)
    parts = [_division(session, code, day) for code in sorted({*codes, *([target] if stays else [])})]
    if len(parts) < 2:
        raise InvalidInput(f"merging needs two divisions or more, got {', '.join(codes) or 'none'}; recode gives one another code")
    if len({part.level for part in parts}) > 1:
        raise InvalidInput(f"divisions of one level can be merged; got {', '.join(f'{part.code} ({part.level})' for part in parts)}")
    done = Reform(on=day)
    whole = next(part for part in parts if part.code == target) if isinstance(into, str) else into
    if isinstance(into, str) or into.geometry is None:
        whole = replace(whole, geometry=_union(parts, done), published_km2=None if isinstance(into, str) else whole.published_km2)
    if not stays and target not in {part.code for part in parts}:
        _refuse_used(session, target, day, "name it by its code alone to put the others into it")
    for part in parts:
        if part.code != target:
            areas.end(session, part.code, on=day, author=author, origin=origin, reason=note)
    _begin(session, whole, day, by)
    for part in parts:
        _link(session, part.code, [target], day, by, done)
    _move_below(session, {part.code: target for part in parts if part.code != target}, day, by, done)
    return _finished(session, done, [part.code for part in parts if part.code != target], day)


def split(
    session: Session, code: str, parts: Sequence[Area], *, on: str, author: str, origin: str = "form", note: str | None = None
) -> Reform:
    """Make several divisions of one from a day on; one of them may keep its code.

    What lies below it, and its facilities, go to the part in whose polygon they stand. Of what has
    no place nobody knows whose it is: it is left as it was and listed.

    Raises
    ------
    AreaNotFound, InvalidInput
    """
    day, by = day_told(on, "on"), _By(author=author, origin=origin, reason=note)
    area = _division(session, code, day)
    new = {part.code for part in parts}
    if len(new) < 2 or len(new) < len(parts):
        raise InvalidInput(f"splitting {code} needs two parts or more, each with a code of its own; got {', '.join(sorted(new)) or 'none'}")
    for part in parts:
        if part.code != code:
            _refuse_used(session, part.code, day, "a part is a new division, or the old one that became smaller")
    done = Reform(on=day)
    _compare_outlines(area, parts, done)
    if code not in new:
        areas.end(session, code, on=day, author=author, origin=origin, reason=note)
    for part in parts:
        _begin(session, part, day, by)
    _link(session, code, sorted(new), day, by, done)
    _assign_below(session, code, parts, day, by, done)
    _assign_facilities(session, code, parts, day, by, done)
    areas.refuse_rings(session, AsOf(valid_at=day))
    return done


def _division(session: Session, code: str, day: str) -> Area:
    area = areas.get(session, code, AsOf(valid_at=day))
    if area.level == ZONE:
        raise InvalidInput(f"{code} is a zone: its members or its polygon are changed by importing it again")
    return area


def _refuse_used(session: Session, code: str, day: str, cure: str) -> None:
    try:
        there = areas.get(session, code, AsOf(valid_at=day))
    except AreaNotFound:
        return
    raise InvalidInput(f"the code {code} is in use on {day} by {there.name}; {cure}")


def _begin(session: Session, area: Area, day: str, by: _By) -> None:
    areas.save(session, area, valid_from=day, author=by.author, origin=by.origin, reason=by.reason)


def _link(session: Session, old: str, new: Sequence[str], day: str, by: _By, done: Reform) -> None:
    for code in new:
        session.add(SuccessionRow(
            old_code=old, new_code=code, day=day, note=by.reason, recorded_at=now(), author=by.author, origin=by.origin))
        done.links.append((old, code))
    session.flush()


def _union(parts: Iterable[Area], done: Reform) -> BaseGeometry | None:
    shapes = {part.code: part.geometry for part in parts}
    without = [code for code, shape in shapes.items() if shape is None]
    if without:
        done.notes.append(f"{', '.join(without)} have no polygon, so the whole has none: import its boundary")
        return None
    whole: BaseGeometry = shapely.union_all(list(shapes.values()))
    return whole


def _below(session: Session, code: str, day: str) -> list[Area]:
    """Return the areas right below a division on a day: those that name it, and those whose code tells."""
    everything = areas.find(session, AreaQuery(valid_at=day, has_members=False))
    known = {area.code for area in everything} | {code}
    return [area for area in everything if area.level != ZONE and area.code != code
            and (area.parent_code == code or (area.parent_code is None and _by_code(area.code, known) == code))]


def _by_code(code: str, known: set[str]) -> str | None:
    lengths = [length for length in _CODE_LENGTHS if length < len(code)] if code.isdigit() else []
    return next((code[:length] for length in reversed(lengths) if code[:length] in known), None)


def _move_below(session: Session, became: dict[str, str], day: str, by: _By, done: Reform) -> None:
    for old, new in became.items():
        for area in _below(session, old, day):
            areas.save(session, replace(area, parent_code=new), valid_from=day, author=by.author, origin=by.origin, reason=by.reason)
            done.moved.append(area.code)
    areas.refuse_rings(session, AsOf(valid_at=day))


def _compare_outlines(whole: Area, parts: Sequence[Area], done: Reform) -> None:
    shapes = [part.geometry for part in parts if part.geometry is not None]
    if whole.geometry is None or len(shapes) < len(parts):
        return
    differing = shapely.symmetric_difference(whole.geometry, shapely.union_all(shapes)).area / whole.geometry.area
    if differing > _ABOUT_THE_SAME:
        done.notes.append(f"the parts differ from {whole.code} by {differing:.0%} of its area: is a part missing, or a border moved?")


def _part_of(lon: float, lat: float, parts: Sequence[Area]) -> Area | None:
    """Return the one part that a place lies in; None where it lies in none or on the line between two."""
    inside = [part for part in parts if part.geometry is not None and shapely.intersects_xy(part.geometry, lon, lat)]
    return inside[0] if len(inside) == 1 else None


def _assign_below(session: Session, code: str, parts: Sequence[Area], day: str, by: _By, done: Reform) -> None:
    new = {part.code for part in parts}
    for area in _below(session, code, day):
        if area.code in new:
            continue
        middle = None if area.geometry is None else area.geometry.representative_point()
        part = None if middle is None else _part_of(middle.x, middle.y, parts)
        if part is None:
            done.open_areas.append(area.code)
            continue
        areas.save(session, replace(area, parent_code=part.code), valid_from=day, author=by.author, origin=by.origin, reason=by.reason)
        done.moved.append(area.code)
    if done.open_areas:
        done.notes.append(f"{len(done.open_areas)} areas below {code} have no polygon: say their parent_code with an import")


def _assign_facilities(session: Session, code: str, parts: Sequence[Area], day: str, by: _By, done: Reform) -> None:
    known = {area.code for area in areas.find(session, AreaQuery(valid_at=day, has_members=False))} | {code}
    for each in facilities.find(session, FacilityQuery(area_prefix=code, valid_at=day)):
        own = str(each.facility.area_code)
        if own != code and (own in known or _by_code(own, known) != code):
            continue  # of a village, which has its own place
        done.facilities += 1
        lon, lat = each.facility.lon, each.facility.lat
        part = None if lon is None or lat is None else _part_of(lon, lat, parts)
        if part is None:
            done.open_facilities.append(each.id)
        elif part.code != own:
            history.update(session, each.id, replace(each.facility, area_code=part.code), valid_from=day, **by.told())  # type: ignore[arg-type]
            done.assigned.append(each.id)
    if done.open_facilities:
        done.notes.append(f"{len(done.open_facilities)} facilities of {code} stand in none of the parts, or nowhere yet: give them their area")


def _finished(session: Session, done: Reform, old: Sequence[str], day: str) -> Reform:
    done.facilities = sum(facilities.count(session, FacilityQuery(area_prefix=code, valid_at=day)) for code in old)
    if done.facilities:
        done.notes.append(f"{done.facilities} facilities keep the old code in their record and are found under the new one")
    return done
