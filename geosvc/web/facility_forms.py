"""Changing one facility in a page: its form, what looks wrong about it, and two who change it at once.

The form works without any script: what cannot be used stands beside its field with everything that was
typed, a warning asks once, and where somebody else was first each field is chosen. Nothing typed is lost.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from geosvc.accounts.people import Person, Right
from geosvc.errors import (
    Conflict,
    FacilityNotFound,
    GeosvcError,
    InvalidInput,
    InvalidParameter,
    NotAllowed,
    NotFound,
    NotSignedIn,
)
from geosvc.gate.people import editor_of, person_of, seen_by, store_of
from geosvc.geo.crs import check_position
from geosvc.geo.datums import DATUMS
from geosvc.registry.classes import facility_classes
from geosvc.registry.exports.cells import choices, offered
from geosvc.registry.facilities import PositionMethod, State
from geosvc.registry.moments import day_of, today
from geosvc.web import facility_fields, refusals
from geosvc.web.conflicts import Choice, chosen_document, conflict_view, left_open
from geosvc.web.facility_fields import Draft, Problem, pins, read_form, rows_of, values_of, word_of
from geosvc.web.facility_page import too_late
from geosvc.web.render import language_of, render
from geosvc.workflows import backgrounds, editing, features
from geosvc.workflows.editing import Intent
from geosvc.workflows.finding import is_whole
from geosvc.workflows.history import facility_number
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.geo.crs import BBox
    from geosvc.registry.facilities import Facility
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
SEE_OTHER, UNUSABLE, FIRST_COME, NOT_MINE = 303, 422, 412, 403
_EVERYWHERE = (-180.0, -90.0, 180.0, 90.0)
_LONGEST_REASON = 500
# Steps of the form that write nothing: look at it, add an empty row to a group, take the position away, or go
# back to it from a conflict.
_CHECK, _MORE, _UNPLACE, _BACK = "check", "more:", "unplace", "back"
# Names in the form that are no field of a facility.
_BESIDE = frozenset({"csrf_token", "step", "revision", "base", "accepted", "change", "valid_from", "reason"})
LanguageParameter = Annotated[str | None, Query(alias="lang")]


async def form_of(request: Request) -> dict[str, str]:
    """Return the texts of a form by name; of a name that came twice the last."""
    return {name: value for name, value in (await request.form()).multi_items() if isinstance(value, str)}


Told = Annotated[dict[str, str], Depends(form_of)]


# -- the form --------------------------------------------------------------------------------


@router.get("/facilities/new", response_class=HTMLResponse)
def new_page(request: Request, lang: LanguageParameter = None) -> HTMLResponse:
    """Show an empty form."""
    del lang
    editor_of(request)
    return _page(request, None, None, values_of(None, language_of(request)))


@router.get("/facilities/{facility_id}/edit", response_class=HTMLResponse)
def edit_page(request: Request, facility_id: str, lang: LanguageParameter = None) -> HTMLResponse:
    """Show the form of a facility as it is today."""
    del lang
    _person, store = editor_of(request)
    one = editing.seen(store, facility_number(facility_id))
    told = {**values_of(one.facility, language_of(request)), "revision": str(one.revision), "base": str(one.revision)}
    return _page(request, one.id, one.facility, told)


@router.get("/facilities/form-token")
def token(request: Request) -> JSONResponse:
    """Return the token of whoever is signed in now: a form that stood open for a day can still be sent."""
    person, _store = editor_of(request)
    return JSONResponse({"csrf_token": person.csrf_token or ""}, headers={"Cache-Control": "no-store"})


@router.get("/facilities/roads")
def roads(request: Request, bbox: str = "") -> JSONResponse:
    """Return the roads in a box, to be drawn behind a place that is chosen."""
    return JSONResponse(backgrounds.roads_around(store_of(request), _box(bbox)))


def _box(text: str) -> BBox:
    try:
        west, south, east, north = (float(each) for each in text.split(","))
        check_position(west, south)
        check_position(east, north)
    except ValueError:
        raise InvalidParameter(f"expected bbox=west,south,east,north in degrees, got {text[:60]!r}") from None
    return west, south, east, north


@router.post("/facilities/check")
def check(request: Request, told: Told, facility: str | None = None) -> JSONResponse:
    """Return what saving a form would say, beside which field, and where its position lies."""
    _person, store = editor_of(request)
    number = None if facility is None else facility_number(facility)
    old = _base(store, number, told)
    draft = _draft(request, store, told, old)
    language = language_of(request)
    answer: dict[str, Any] = {
        "problems": {name: each.text(language) for name, each in draft.problems.items()}, "findings": [], "accepted": "", "place": draft.place,
        "values": {name: draft.values.get(name, "") for name in ("x", "y", "paste")},
    }
    if not draft.problems:
        try:
            seen = editing.preview(store, number, draft.document, language)
        except InvalidInput as error:
            return JSONResponse({**answer, "problems": {"form": str(error)}})
        answer |= {"findings": seen["findings"], "accepted": _accepted(seen["findings"])}
    return JSONResponse(answer)


@router.post("/facilities/new")
def make(request: Request, told: Told) -> Response:
    """Register a facility."""
    return _sent(request, None, told)


@router.post("/facilities/{facility_id}/edit")
def change(request: Request, facility_id: str, told: Told) -> Response:
    """Change a facility."""
    return _sent(request, facility_number(facility_id), told)


def _sent(request: Request, number: int | None, told: dict[str, str]) -> Response:
    """Answer a form that was sent; whatever goes wrong, it is shown again with all that was typed."""
    try:
        person, store = editor_of(request)
        old = _base(store, number, told)
    except (NotSignedIn, NotFound) as error:  # stood open until the browser was signed out, or the facility deleted
        return _again(request, number, None, told, error)
    draft = _draft(request, store, told, old)
    step = told.get("step", "")
    if step in (_UNPLACE, _BACK):
        emptied = dict.fromkeys(("x", "y", "datum", "paste", "position_method"), "") if step == _UNPLACE else {}
        return _page(request, number, old, {**told, **emptied})
    if step.startswith(_MORE):
        return _page(request, number, old, {**told, **draft.values}, more=step.removeprefix(_MORE))
    if draft.problems:
        return _page(request, number, old, {**told, **draft.values}, problems=draft.problems, place=draft.place, status=UNUSABLE)
    try:
        return _looked_at(request, person, store, number, old, told, draft)
    except GeosvcError as error:
        return _again(request, number, old, {**told, **draft.values}, error)


def _looked_at(
    request: Request, person: Person, store: Store, number: int | None, old: Facility | None, told: dict[str, str], draft: Draft
) -> Response:
    """Save a form in which every field can be used: nobody else was first, and its warnings were seen."""
    document, expected, values = draft.document, _whole(told.get("revision")), {**told, **draft.values}
    if number is not None and expected is not None:
        made = _choices(told)
        if left_open(made) or expected != editing.seen(store, number).revision:
            view = conflict_view(store, number, _whole(told.get("base")) or expected, document, language_of(request), made)
            if any(each["theirs_changed"] for each in view["rows"]):
                return _conflict_page(request, store, number, values, view)
            expected = view["revision"]  # whoever was first changed nothing that this form would undo
        document = chosen_document(store, number, document, made)
    seen = editing.preview(store, number, document, language_of(request))
    warned = _accepted(seen["findings"])
    if told.get("step") == _CHECK or (warned and warned != told.get("accepted")):
        return _page(request, number, old, values, findings=seen["findings"], place=draft.place, looked=True)
    intent = _intent(person, told)
    if number is None:
        edited = editing.create(store, document, intent)
    else:
        try:
            edited = editing.replace_with(store, number, document, intent, expected=expected)
        except Conflict:  # somebody was first by less than a second
            view = conflict_view(store, number, _whole(told.get("base")) or expected or 0, draft.document, language_of(request), _choices(told))
            return _conflict_page(request, store, number, values, view)
    done = "made" if number is None else "saved" if edited.changed else "unchanged"
    return RedirectResponse(f"/facilities/{edited.feature['id']}?done={done}", status_code=SEE_OTHER)


def _conflict_page(request: Request, store: Store, number: int, values: dict[str, str], view: dict[str, Any]) -> HTMLResponse:
    return render(request, "facility_conflict.html", status=FIRST_COME, active="facilities", study=study_title(store), number=number,
                  name=values.get("name", ""), carried=_carried(values), open_left=any(name.startswith("choose.") for name in values), **view)


def _again(request: Request, number: int | None, old: Facility | None, values: dict[str, str], error: GeosvcError) -> HTMLResponse:
    """Show a form again that could not be saved, with the reason."""
    if isinstance(error, NotAllowed) and not isinstance(error, NotSignedIn):
        return _page(request, number, old, values, problems={"area_code": Problem(key="not_my_area")}, status=NOT_MINE)
    kind, status = refusals.kind_of(error)
    if isinstance(error, FacilityNotFound):
        kind = "gone"
    elif kind == "parameter":
        kind, status = "form", UNUSABLE
    return _page(request, number, old, values, refusal=kind, detail=refusals.detail_of(error), status=status)


def _base(store: Store, number: int | None, told: dict[str, str]) -> Facility | None:
    """Return the facility as the form showed it at first."""
    return None if number is None else editing.seen(store, number, _whole(told.get("base"))).facility


def _draft(request: Request, store: Store, told: dict[str, str], old: Facility | None) -> Draft:
    fields = {name: text for name, text in told.items() if name not in _BESIDE}
    if old is None or fields.get("area_code") != old.area_code:
        fields["area_code"] = features.area_code_of(store, fields.get("area_code", ""))
    study = features.extent(store) if fields.get("paste") else _EVERYWHERE
    draft = read_form(fields, old=old, language=language_of(request), study=study,
                      with_contact=person_of(request).may(Right.SEE_CONTACTS))
    if told.get("change") == "update" and not is_day(told.get("valid_from", "")):
        draft.problems["valid_from"] = Problem(key="day_needed")
    if len(told.get("reason", "")) > _LONGEST_REASON:
        draft.problems["reason"] = Problem(key="too_long", values={"most": _LONGEST_REASON, "count": len(told["reason"])})
    return draft


def is_day(text: str) -> bool:
    """Return whether a field says a day, such as 2026-01-31."""
    try:
        return len(text) == 10 and bool(day_of(text))
    except ValueError:
        return False


def _intent(person: Person, told: dict[str, str]) -> Intent:
    begins = told.get("valid_from") if told.get("change") == "update" else None
    return Intent(author=person.name, origin="form", reason=told.get("reason", "").strip() or None, valid_from=begins)


def _whole(text: str | None) -> int | None:
    return int(text) if text and is_whole(text) else None


def _accepted(findings: list[dict[str, Any]]) -> str:
    """Return a mark of the warnings that a person has seen: other warnings have another."""
    told = sorted(f"{each['code']} {each['detail']}" for each in findings if each["severity"] == "warning")
    return f"{zlib.crc32(chr(10).join(told).encode()):08x}" if told else ""


def _choices(told: dict[str, str]) -> list[Choice]:
    return [Choice(field=name.removeprefix("choose."), whose=whose) for name, whose in told.items() if name.startswith("choose.")]


def _carried(values: dict[str, str]) -> list[tuple[str, str]]:
    """Return what the page of a conflict carries along: the form as it was sent."""
    own = ("csrf_token", "step", "revision", "accepted")
    return [(name, text) for name, text in values.items() if name not in own and not name.startswith("choose.")]


def _page(
    request: Request, number: int | None, old: Facility | None, values: dict[str, str], *, problems: dict[str, Problem] | None = None,
    findings: list[dict[str, Any]] | None = None, place: dict[str, Any] | None = None, refusal: str = "", detail: str = "",
    more: str = "", looked: bool = False, status: int = 200,
) -> HTMLResponse:
    """Return the form."""
    language, person = language_of(request), person_of(request)
    store = seen_by(request, person)
    known = person.may(Right.EDIT)
    found, wrong = findings or [], {name: each.text(language) for name, each in (problems or {}).items()}
    if place is None and old is not None and values.get("x") and not wrong:
        place = pins(old.lon, old.lat, old.raw_x, old.raw_y)
    kept = None if old is None or old.located or not old.raw_x else f"{old.raw_x}, {old.raw_y} {old.raw_datum or ''}".strip()
    return render(
        request, "facility_form.html", status=status, active="facilities", study=study_title(store), number=number, values=values,
        name=values.get("name", "") if old is None else old.name, problems=wrong, findings=found, accepted=_accepted(found), place=place, refusal=refusal, detail=detail,
        kept=kept, limited=None if not known or person.areas is None else person.areas, today=today(),
        parts=facility_fields.groups(),
        rows={group: _rows(values, group, more) for group in facility_fields.groups()}, offers=_offers(store if known else None, language),
        contacts=_contacts(values) if person.may(Right.SEE_CONTACTS) or not known else [], extent=features.extent(store) if known else _EVERYWHERE,
        looked=looked,
    )


def _rows(values: dict[str, str], group: str, more: str) -> list[int]:
    """Return the rows of a group that the form shows: those that are, and an empty one."""
    rows = [number for number in rows_of(values, group)
            if any(text.strip() for name, text in values.items() if name.startswith(f"{group}.{number}."))]
    begin = max(rows, default=-1) + 1
    return [*rows, *range(begin, begin + (2 if more == group else 1))]


def _contacts(values: dict[str, str]) -> list[str]:
    told = [name.removeprefix("contact.") for name in values if name.startswith("contact.")]
    return [*facility_fields.CONTACT, *sorted(set(told) - set(facility_fields.CONTACT))]


def _offers(store: Store | None, language: str) -> dict[str, Any]:
    """Return what each field offers to choose from."""
    groups: dict[str, list[Any]] = {}
    for klass in facility_classes().values():
        groups.setdefault(klass.code[0], []).append(klass)
    return {
        "classes": groups, "states": list(State), "methods": [each for each in PositionMethod if each != PositionMethod.NONE], "datums": DATUMS,
        "areas": [] if store is None else features.areas_to_choose(store),
        **{name: offered(name) for name in ("ownership", "service_mode", "level", "grade")}, "capabilities": offered("capability"),
        "answers": [(code, word_of(code, language)) for code in choices("answer")],
    }


# -- beside the form ---------------------------------------------------------------------------


@router.post("/facilities/{facility_id}/confirm")
def confirm(request: Request, facility_id: str, told: Told) -> Response:
    """Say that somebody looked and it is still so."""
    person, store = editor_of(request)
    try:
        editing.confirm(store, facility_number(facility_id), _intent(person, told), expected=_whole(told.get("revision")))
    except Conflict as error:
        return too_late(request, facility_id, "confirm", told, error)
    return RedirectResponse(f"/facilities/{facility_id}?done=confirmed", status_code=SEE_OTHER)


@router.post("/facilities/{facility_id}/delete")
def delete(request: Request, facility_id: str, told: Told) -> Response:
    """Delete a facility, for a reason."""
    person, store = editor_of(request)
    number = facility_number(facility_id)
    if not told.get("reason", "").strip():
        return RedirectResponse(f"/facilities/{number}?done=reason_needed#delete", status_code=SEE_OTHER)
    try:
        editing.delete(store, number, _intent(person, told), expected=_whole(told.get("revision")))
    except Conflict as error:
        return too_late(request, facility_id, "delete", told, error)
    return RedirectResponse(f"/facilities/{number}?done=deleted", status_code=SEE_OTHER)


@router.post("/facilities/{facility_id}/restore")
def restore(request: Request, facility_id: str, told: Told) -> Response:
    """Take a deletion back."""
    person, store = editor_of(request)
    editing.restore(store, facility_number(facility_id), _intent(person, told))
    return RedirectResponse(f"/facilities/{facility_id}?done=restored", status_code=SEE_OTHER)


@router.post("/facilities/{facility_id}/believe")
def believe(request: Request, facility_id: str, told: Told) -> Response:
    """Say again what an earlier version said."""
    person, store = editor_of(request)
    version = _whole(told.get("version"))
    if version is None:
        raise InvalidInput(f"expected the number of a version, got {told.get('version', '')[:40]!r}")
    try:
        edited = editing.believe_again(
            store, facility_number(facility_id), version, _intent(person, told), expected=_whole(told.get("revision")))
    except Conflict as error:
        return too_late(request, facility_id, "believe", told, error)
    return RedirectResponse(f"/facilities/{facility_id}?done={'believed' if edited.changed else 'unchanged'}", status_code=SEE_OTHER)
