"""Changing many facilities alike, or confirming many, from the list: what would change is shown before it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.errors import Conflict, FacilityNotFound, GeosvcError, InvalidInput, NotAllowed
from geosvc.gate.people import editor_of
from geosvc.language import words
from geosvc.registry.classes import facility_classes
from geosvc.registry.exports.cells import offered, tidy
from geosvc.registry.facilities import State
from geosvc.registry.moments import today
from geosvc.web.facility_fields import LONGEST, Problem
from geosvc.web.facility_forms import FIRST_COME, NOT_MINE, SEE_OTHER, UNUSABLE, Told, is_day
from geosvc.web.facility_views import label, value
from geosvc.web.render import language_of, render
from geosvc.web.signing_in import own_page
from geosvc.workflows import editing, features
from geosvc.workflows.editing import Intent
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
# Fields that make sense for many at once: no name, no place, nothing that is one facility's own.
FIELDS = ("class_code", "state", "ownership", "level", "grade", "service_mode", "area_code", "source", "note")
_NEEDED = ("class_code", "state")
_CHOSEN = re.compile(r"(\d{1,18}):(\d{1,18})")
_CONFIRM, _SAVE, _SAVE_CONFIRM = "confirm", "save", "save_confirm"
_MOST_LISTED = 200


async def chosen_of(request: Request) -> dict[int, int]:
    """Return the revision seen of each facility that was ticked."""
    found = [_CHOSEN.fullmatch(each) for each in (await request.form()).getlist("chosen") if isinstance(each, str)]
    return {int(each[1]): int(each[2]) for each in found if each is not None}


Chosen = Annotated[dict[int, int], Depends(chosen_of)]


@router.post("/facilities/many")
def many(request: Request, told: Told, revisions: Chosen) -> Response:
    """Show what is to be done with the facilities that were ticked, and do it when it was seen."""
    person, store = editor_of(request)
    step = told.get("step", "")
    back = own_page(told.get("back") or "/facilities")
    if not revisions:
        return RedirectResponse(_with(back, done="none_chosen"), status_code=SEE_OTHER)
    intent = Intent(author=person.name, origin="form", reason=told.get("reason", "").strip()[:500] or None,
                    valid_from=told.get("valid_from") if told.get("change") == "update" else None)
    confirming = step in (_CONFIRM, _SAVE_CONFIRM)
    patch, problems = ({}, {}) if confirming or step == "change" else _patch(told)
    if problems:
        return _page(request, store, revisions, told, problems=problems, status=UNUSABLE)
    try:
        done = _done(store, step, revisions, patch, intent)
        if done is None:
            return _page(request, store, revisions, told, patch=patch, confirming=confirming)
        return RedirectResponse(_with(back, done=done[0], count=done[1]), status_code=SEE_OTHER)
    except (Conflict, NotAllowed, InvalidInput, FacilityNotFound) as error:
        word, status = _refusal_of(error)
        kept = {} if isinstance(error, InvalidInput) else patch
        return _page(request, store, revisions, told, patch=kept, confirming=confirming, refusal=word, status=status,
                     detail=str(error) if isinstance(error, InvalidInput) else "")


def _done(store: Store, step: str, revisions: dict[int, int], patch: dict[str, str | None], intent: Intent) -> tuple[str, int] | None:
    """Do what was seen and wanted; return what was done to how many, None if it was only looked at."""
    if step == _SAVE_CONFIRM:
        return "many_confirmed", editing.confirm_many(store, revisions, intent)
    if step == _SAVE and patch:
        edited = editing.patch_many(store, revisions, {"properties": patch}, intent)
        return "many_changed", sum(each.changed for each in edited)
    return None


def _refusal_of(error: GeosvcError) -> tuple[str, int]:
    if isinstance(error, FacilityNotFound):
        return "many_gone", 404
    if isinstance(error, Conflict):  # what stands now is shown, and asked again
        return "many_conflict", FIRST_COME
    return ("form_not_my_area", NOT_MINE) if isinstance(error, NotAllowed) else ("error_form", UNUSABLE)


def _with(address: str, **more: str | int) -> str:
    mark = "&" if "?" in address else "?"
    return f"{address}{mark}{'&'.join(f'{name}={text}' for name, text in more.items())}"


def _patch(told: dict[str, str]) -> tuple[dict[str, str | None], dict[str, Problem]]:
    """Return the fields that were ticked with what they are to say (None: nothing), and what cannot be used."""
    patch: dict[str, str | None] = {}
    problems: dict[str, Problem] = {}
    for name in FIELDS:
        if not told.get(f"set.{name}"):
            continue
        text = tidy(told.get(name, ""))
        if name in _NEEDED and text not in (facility_classes() if name == "class_code" else set(State)):
            problems[name] = Problem(key="class_needed" if name == "class_code" else "choose", values={"text": text[:40]})
        elif len(text) > LONGEST:
            problems[name] = Problem(key="too_long", values={"most": LONGEST, "count": len(text)})
        patch[name] = text or None
    if not patch:
        problems["fields"] = Problem(key="tick_one")
    if told.get("change") == "update" and not is_day(told.get("valid_from", "")):
        problems["valid_from"] = Problem(key="day_needed")
    return patch, problems


def _page(
    request: Request, store: Store, revisions: dict[int, int], told: dict[str, str], *, patch: dict[str, str | None] | None = None,
    problems: dict[str, Problem] | None = None, confirming: bool = False, refusal: str = "", detail: str = "", status: int = 200,
) -> HTMLResponse:
    """Return the page: the fields to choose from, or what would change of how many."""
    language = language_of(request)
    lost = 0
    try:
        listed = editing.preview_many(store, list(revisions), {"properties": patch or {}}, language)
    except InvalidInput:  # too many at once
        raise
    except GeosvcError:  # one of them was deleted meanwhile: the others are still shown
        listed = _still_there(store, list(revisions), language)
        lost = len(revisions) - len(listed)
    moved = [each for each in listed if each["revision"] != revisions[each["id"]]]
    changing = [each for each in listed if each["changed"]]
    return render(
        request, "facilities_many.html", status=status, active="facilities", study=study_title(store), told=told, confirming=confirming,
        previewing=bool(patch) and not lost, listed=listed[:_MOST_LISTED], count=len(listed), unlisted=max(len(listed) - _MOST_LISTED, 0), lost=lost,
        moved={each["id"] for each in moved}, changing=changing[:_MOST_LISTED], changing_count=len(changing), unchanged=len(listed) - len(changing),
        chosen=[f"{each['id']}:{each['revision']}" for each in listed], lines={each["id"]: _lines(each, language) for each in changing[:_MOST_LISTED]},
        warned=sum(any(one["severity"] == "warning" for one in each["findings"]) for each in changing),
        fields=[(name, label(name, language)) for name in FIELDS], problems={name: each.text(language) for name, each in (problems or {}).items()},
        refusal=refusal, detail=detail, today=today(), back=own_page(told.get("back") or "/facilities"),
        offers={"class_code": [(each.code, f"{each.code} {each.zh if language == 'zh' else each.en}") for each in facility_classes().values()],
                "state": [(each.value, words(language)[f"state_{each.value}"]) for each in State]},
        hints={name: offered(name) for name in ("ownership", "service_mode", "level", "grade")},
        areas=features.areas_to_choose(store),
    )


def _still_there(store: Store, numbers: list[int], language: str) -> list[dict[str, Any]]:
    found = []
    for number in numbers:
        try:
            found += editing.preview_many(store, [number], {}, language)
        except GeosvcError:
            continue
    return found


def _lines(entry: dict[str, Any], language: str) -> list[dict[str, str]]:
    return [{"label": label(name, language), "from": value(name, old, language), "to": value(name, new, language)}
            for name, (old, new) in entry["changed"].items()]
