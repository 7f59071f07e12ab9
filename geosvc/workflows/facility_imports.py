"""Bringing facilities in: a dry run that says what would happen, and the import that does just that."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geosvc.coverage.tree import study_bbox
from geosvc.errors import Conflict, Refusal, RefusedRows, WaitingRows
from geosvc.registry import areas
from geosvc.registry.area_names import known_areas
from geosvc.registry.classes import facility_classes
from geosvc.registry.duplicates import MIN_SCORE, find_pairs
from geosvc.registry.facilities import Facility
from geosvc.registry.imports.facilities import FacilityOptions, read_facilities, table_of
from geosvc.registry.imports.matching import LEVELS_IN_NAMES, worth_comparing
from geosvc.registry.imports.refused_rows import check_target, write_refused
from geosvc.registry.imports.shifted import shift_of
from geosvc.registry.imports.storing import CHANGED, NEW, carry_out, plan, tell
from geosvc.registry.name_parts import places_of
from geosvc.store.areas import AreaQuery
from geosvc.store.scope import inside
from geosvc.workflows.batches import begin, end
from geosvc.workflows.holding import holding_much
from geosvc.workflows.mapping import remember

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from geosvc.geo.crs import BBox
    from geosvc.registry.duplicates import Described
    from geosvc.registry.imports.facilities import Told
    from geosvc.registry.imports.report import ImportReport
    from geosvc.registry.imports.storing import Plan
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store

FIELDS = fields_of(Facility)
_DIFFERENCES_SHOWN = 20
_PLACES_SHOWN = 20_000


@holding_much()
def import_facilities(
    store: Store, path: Path, options: FacilityOptions, settings: Settings, *, refused_to: Path | None = None,
    author: str | None = None, seal: str | None = None,
) -> ImportReport:
    """Register the facilities of a file.

    Parameters
    ----------
    store : Store
    path : Path
    options : FacilityOptions
    settings : Settings
    refused_to : Path, optional
        Where rows that are not taken are written, in the form of the file and with the reasons (.csv, .xlsx).
    author : str, optional
        Who imports; that of the settings unless given.
    seal : str, optional
        That of the dry run which somebody has looked at: the import does the same, or nothing.

    Raises
    ------
    RefusedRows
        With every row that cannot be taken, unless ``skip_bad``; nothing is stored then.
    WaitingRows
        With the rows that only a person can match, unless ``skip_bad`` or answers are given.
    Conflict
        If the registry changed since the dry run so that the import would do something else.
    """
    who = author or settings.author
    found, report = _read(store, path, options, refused_to)
    try:
        _refuse_unless(options.skip_bad, report)
        _note_outside([each.facility for each in found], _study_bbox(store), report)
        with store.writing() as session:
            made = plan(session, found, answers=options.answers, within=store.areas)
            tell(made, report)
            _note_without_area(made, report, session)
            _note_shifted(made, report)
            _check_seal(made, seal, report)
            _refuse_unless(options.skip_bad, report)
            origin = begin(session, report, [path], author=who)
            carry_out(session, made, author=who, origin=origin)
            remember(session, report.headers, options, author=who)
            end(session, report)
    except (RefusedRows, WaitingRows):
        _hand_back(path, options, refused_to, report)
        raise
    _hand_back(path, options, refused_to, report)
    return report


@holding_much()
def preview_facilities(
    store: Store, path: Path, options: FacilityOptions, settings: Settings, *, refused_to: Path | None = None
) -> ImportReport:
    """Say what :func:`import_facilities` would do, and which duplicates it would make; nothing is stored.

    The import makes the same plan and carries it out, so that it cannot do anything else than what is said
    here; nobody waits for a dry run.

    Parameters
    ----------
    store, path, options, settings, refused_to
        As of :func:`import_facilities`.
    """
    del settings  # the import needs it
    found, report = _read(store, path, options, refused_to)
    report.dry_run = True
    _note_outside([each.facility for each in found], _study_bbox(store), report)
    with _seeing_all(store) as session:
        made = plan(session, found, answers=options.answers, within=store.areas)
        tell(made, report)
        _note_without_area(made, report, session)
        _note_shifted(made, report)
        report.seal = made.seal
        _tell_differences(made, report)
        _tell_places(made, report)
        report.duplicates = [each for each in _suspected(session, made) if _may_be_told(each, store.areas)]
    for where in ("file", "registry"):
        report.figures[f"suspected_duplicates_in_{where}"] = sum(each["with"] == where for each in report.duplicates)
    if report.refusals and not options.skip_bad:
        report.notes.append("rows are refused: without --skip-bad the import would store nothing")
    if report.waiting and not options.skip_bad:
        report.notes.append("rows wait for an answer: without --answer for each of them, or --skip-bad, the import would store nothing")
    _hand_back(path, options, refused_to, report)
    return report


def _refuse_unless(skip_bad: bool, report: ImportReport) -> None:
    if report.refusals and not skip_bad:
        raise RefusedRows(report.file_name, report.refusals)
    if report.waiting and not skip_bad:
        raise WaitingRows(report.file_name, list(report.waiting))


def _check_seal(made: Plan, seal: str | None, report: ImportReport) -> None:
    if seal is not None and seal != made.seal:
        raise Conflict(
            f"{report.file_name}: nothing was stored; the registry, the options or the answers changed since the dry run, and the import "
            "would do something else than it said; look at a new dry run, then import"
        )


@contextmanager
def _seeing_all(store: Store) -> Iterator[Session]:
    """Give a session that sees the whole registry, as the import does."""
    # What an account may not see it must not register twice either; only writing sessions see all.
    with store.reading() if store.areas is None else store.writing() as session:
        yield session


def _tell_differences(made: Plan, report: ImportReport) -> None:
    """Say which fields of which facilities change; of the first ones from what to what."""
    changed = sorted(
        ((step.current, step) for step in made.steps if step.change == CHANGED and step.current is not None), key=lambda pair: pair[0].id)
    fields: Counter[str] = Counter()
    for current, step in changed:
        was, will = current.facility, step.today
        differing = {
            each.name: [before, after] for each in FIELDS if (before := getattr(was, each.name)) != (after := getattr(will, each.name))}
        fields.update(differing.keys())
        if len(report.differences) < _DIFFERENCES_SHOWN:
            report.differences.append({"id": current.id, "name": was.name, "row": step.match.told.row.number, "fields": differing})
    report.figures["changed_fields"] = dict(fields.most_common())


def _tell_places(made: Plan, report: ImportReport) -> None:
    """Say where the first new ones would stand: a wrong datum or swapped axes are seen at a glance."""
    found = [(step.match.told.row.number, step.today.lon, step.today.lat) for step in made.steps if step.change == NEW]
    report.places = [(row, lon, lat) for row, lon, lat in found if lon is not None and lat is not None][:_PLACES_SHOWN]


def _may_be_told(pair: dict[str, Any], areas: Sequence[str] | None) -> bool:
    """Return whether an account may see both of a pair: what stands elsewhere is not its business."""
    return areas is None or all(inside(pair[one]["area_code"], areas) for one in ("first", "second"))


def _suspected(session: Session, made: Plan) -> list[dict[str, Any]]:
    """Return the suspected pairs that a plan makes; a new facility has the id that it would get."""
    changed = {step.current.id: step.today for step in made.steps if step.change == CHANGED and step.current is not None}
    new = [(step.provisional, step.today) for step in made.steps if step.change == NEW]
    if not new:
        return []
    there: list[tuple[int, Described]] = [(each.id, changed.get(each.id, each)) for each in made.registered]
    above = [each.name for each in areas.find(session, AreaQuery(levels=LEVELS_IN_NAMES))]
    places = places_of((one.address for _, one in (*there, *new)), above)
    near = [there[place] for place in worth_comparing([one for _, one in there], [one for _, one in new])]
    everything = [*near, *new]
    marked = np.arange(len(everything)) >= len(near)
    pairs = find_pairs([one for _, one in everything], min_score=MIN_SCORE, places=places, involving=marked)
    return [
        {
            "score": pair.comparison.score, "kind": str(pair.comparison.kind), "distance_m": pair.comparison.distance_m,
            "first": _brief(*everything[pair.first]), "second": _brief(*everything[pair.second]),
            "reasons": [each.as_dict() for each in pair.comparison.reasons],
            "with": "file" if marked[pair.first] and marked[pair.second] else "registry",
        }
        for pair in pairs
    ]


def _brief(number: int, one: Described) -> dict[str, Any]:
    klass = facility_classes()[one.class_code]
    return {"id": number, "name": one.name, "class_code": one.class_code, "class_zh": klass.zh, "class_en": klass.en,
            "address": one.address, "area_code": one.area_code, "lon": one.lon, "lat": one.lat}


def _read(store: Store, path: Path, options: FacilityOptions, refused_to: Path | None) -> tuple[list[Told], ImportReport]:
    """Read all rows, the refused ones listed."""
    if refused_to is not None:
        check_target(refused_to, path)
    with _seeing_all(store) as session:
        known = known_areas(session)
    found, report = read_facilities(path, replace(options, skip_bad=True), known)
    if options.source:
        report.figures["source"] = options.source
    return found, report


def rows_not_taken(report: ImportReport) -> list[Refusal]:
    """Return the rows that are refused, and those that wait, each with the reason."""
    return [*report.refusals, *(Refusal(each["row"], None, None, _why_waiting(each)) for each in report.waiting)]


def _why_waiting(each: dict[str, Any]) -> str:
    told = [f"{one['id']} {one['name']} (score {one['score']:.2f}: {'; '.join(why['en'] for why in one['reasons'])})" for one in each["candidates"]]
    return f"may be registered already: {' or '.join(told) or 'in another area'}; say which facility it is, or that it is new"


def _hand_back(path: Path, options: FacilityOptions, refused_to: Path | None, report: ImportReport) -> None:
    """Write the rows that are not taken, if there are any and somebody wants them."""
    rows = rows_not_taken(report)
    if refused_to is None or not rows:
        return
    write_refused(refused_to, table_of(path, options), rows, source=path, sheet=options.layer)
    report.notes.append(f"{len({each.row for each in rows})} refused rows are in {refused_to}: correct and import them")


def _note_without_area(made: Plan, report: ImportReport, session: Session) -> None:
    """Say how many new facilities name no area, where areas are registered: whoever is limited to areas does not see them."""
    new = [step.believed for step in made.steps if step.change == NEW]
    without = sum(not each.area_code for each in new)
    if without and areas.count(session, AreaQuery()):
        report.notes.append(
            f"{without} of {len(new)} new facilities name no area: accounts that are limited to areas do not see them; "
            "a column of area codes or of names of townships says it"
        )


def _note_shifted(made: Plan, report: ImportReport) -> None:
    """Say that most facilities of a file would move as far as another datum explains: the wrong one was chosen, here or before."""
    found = shift_of((step.match.told.facility, step.current.facility) for step in made.steps if step.current is not None)
    if found is not None:
        report.notes.append(
            f"{found.agreeing} of {found.compared} facilities that are registered already would move by about {found.metres:,.0f} m, and would stay where they "
            f"are if the file were in {found.datum}: is the datum right?"
        )


def _note_outside(found: Sequence[Facility], study: BBox | None, report: ImportReport) -> None:
    """Say how many positions lie outside the study area; a neighbour's hospital may well do."""
    if study is None:
        return
    west, south, east, north = study
    outside = [
        each.name for each in found
        if each.lon is not None and each.lat is not None and not (west <= each.lon <= east and south <= each.lat <= north)
    ]
    if outside:
        report.notes.append(
            f"{len(outside)} of {len(found)} positions lie outside the study area, the first is {outside[0]}: "
            "right for neighbours; if not, are longitude and latitude swapped, or is the datum another?"
        )


def _study_bbox(store: Store) -> BBox | None:
    with store.reading() as session:
        return study_bbox(areas.find(session, AreaQuery(has_geometry=True)))
