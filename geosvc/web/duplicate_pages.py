"""Suspected duplicates in pages: the queue, what a merge would make, and taking decisions back.

All of it works without a script. A person sees what is alike and what is not before anything is decided,
and nothing that was decided cannot be taken back.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from geosvc.accounts.people import Right
from geosvc.errors import Conflict, FacilityNotFound, InvalidInput, InvalidParameter, MissingPrecondition, NotUndoable
from geosvc.gate.people import editor_of, needs_administrator, person_of, store_of
from geosvc.language import words
from geosvc.registry.duplicates import PairKind
from geosvc.web.facility_views import clock, value
from geosvc.web.merging_form import MOST_COLUMNS, Wanted, merge_view, read_wanted
from geosvc.web.render import language_of, render
from geosvc.web.signing_in import own_page
from geosvc.web.sketches import sketch_of
from geosvc.workflows import duplicates as workflow
from geosvc.workflows import features
from geosvc.workflows.duplicates import LOWEST_SCORE, MIN_SCORE, Queue
from geosvc.workflows.history import facility_number
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
SEE_OTHER, UNUSABLE, FIRST_COME, NOT_NOW = 303, 422, 412, 409
_PER_PAGE = 20
_LIKELY = 0.9
# How alike, as a person chooses it: a word and the lowest score that it stands for.
SCORES = {"likely": _LIKELY, "possible": MIN_SCORE, "weak": LOWEST_SCORE}
_DONE = ("answered", "none", "gone", "asked_again")
_PAIR = re.compile(r"(\d{1,18})-(\d{1,18})")
_MOST_LETTERS = 500
_FOR, _AGAINST = 0.75, 0.4  # a reason from here on speaks for one facility, up to here for two; between for neither


async def form_of(request: Request) -> FormData:
    """Return a form as it was sent, with every value of a name."""
    return await request.form()


Sent = Annotated[FormData, Depends(form_of)]


def text_of(sent: FormData, name: str) -> str:
    """Return the text of a field, without blanks around it; empty where it did not come."""
    told = sent.get(name)
    return told.strip() if isinstance(told, str) else ""


def texts_of(sent: FormData, name: str) -> list[str]:
    """Return all texts that came under a name."""
    return [each for each in sent.getlist(name) if isinstance(each, str)]


# -- the queue -------------------------------------------------------------------------------


@router.get("/duplicates", response_class=HTMLResponse)
def queue_page(request: Request) -> HTMLResponse:
    """Show the pairs that wait for an answer, those that are two, or those that were merged."""
    store, language, person = store_of(request), language_of(request), person_of(request)
    told = request.query_params
    asked = {name: told.get(name, "").strip() for name in ("state", "area", "kind", "score")}
    state = asked["state"] or Queue.OPEN.value
    page = _queue(store, state, asked, told.get("cursor") or None, language, with_authors=person.signed_in)
    done = told.get("done", "")
    return render(
        request, "duplicates.html", active="facilities", study=study_title(store), asked=asked, state=state, page=page,
        tabs=_tabs(store, asked), kinds=list(PairKind), scores=list(SCORES), areas=features.areas_to_choose(store), deciding=person.may(Right.EDIT),
        needs_administrator=_refused(person, store), done=done if done in _DONE else "", done_count=told.get("count", "")[:9], here=_address(asked, told.get("cursor")),
        next=_address(asked, page["following"]), first=_address(asked), cursor=told.get("cursor"),
    )


def _queue(store: Store, state: str, asked: dict[str, str], cursor: str | None, language: str, *, with_authors: bool) -> dict[str, Any]:
    """Return what a page of one of the queues shows."""
    area, kind, score = asked["area"] or None, asked["kind"] or None, _score_of(asked["score"])
    if state == Queue.OPEN:
        found, matched, following = workflow.groups_page(store, min_score=score, kind=kind, area=area, cursor=cursor, limit=_PER_PAGE)
        named = _names(store, [one for group in found for one in group["members"]])
        shown = [_group(group["members"], group["pairs"], named, language, with_authors=with_authors) for group in found]
        return {"groups": shown, "merges": [], "matched": matched, "following": following}
    found, matched, following = workflow.queue_page(
        store, state=state, area=area, cursor=cursor, limit=_PER_PAGE, with_authors=with_authors)
    if state == Queue.MERGED:
        return {"groups": [], "merges": [merge_entry(each) for each in found], "matched": matched, "following": following}
    named = _names(store, [pair[place] for pair in found for place in ("first", "second")])
    shown = [_group([pair["first"], pair["second"]], [pair], named, language, with_authors=with_authors) for pair in found]
    return {"groups": shown, "merges": [], "matched": matched, "following": following}


def _score_of(word: str) -> float:
    if word and word not in SCORES:
        raise InvalidParameter(f"score must be one of {', '.join(SCORES)}; got {word!r}")
    return SCORES[word or "possible"]


def _tabs(store: Store, asked: dict[str, str]) -> list[dict[str, Any]]:
    """Return each queue with how many are in it and where it is shown."""
    area, kind = asked["area"] or None, asked["kind"] or None
    told = []
    for state in Queue:
        if state == Queue.OPEN:
            count = workflow.duplicates_page(store, min_score=_score_of(asked["score"]), kind=kind, area=area, limit=0)[1]
        else:
            count = workflow.queue_page(store, state=state, area=area, limit=1, with_authors=False)[1]
        told.append({"state": state.value, "count": count, "href": _address({**asked, "state": "" if state == Queue.OPEN else state.value})})
    return told


def _address(asked: dict[str, str], cursor: str | None = None) -> str:
    query = urlencode([(name, text) for name, text in {**asked, "cursor": cursor or ""}.items() if text])
    return f"/duplicates?{query}" if query else "/duplicates"


def _names(store: Store, some: list[dict[str, Any]]) -> dict[str, str]:
    return features.names_of_areas(store, [one["area_code"] for one in some])


def _group(
    members: list[dict[str, Any]], pairs: list[dict[str, Any]], named: dict[str, str], language: str, *, with_authors: bool
) -> dict[str, Any]:
    """Return facilities that may be one, as a page shows them; each has the number by which the sketch calls it."""
    numbers = {one["id"]: number for number, one in enumerate(members, start=1)}
    shown = [_member(one, numbers[one["id"]], named, language) for one in members]
    plain = members[0]["name"]
    for one in shown:
        against = members[1]["name"] if one["number"] == 1 and len(members) == 2 else plain
        one["name_parts"] = marked(one["name"], against) if one["number"] > 1 or len(members) == 2 else [(one["name"], False)]
    told = [_pair(pair, numbers, language, with_authors=with_authors) for pair in pairs]
    return {
        "id": "-".join(str(one["id"]) for one in members[:2]), "members": shown, "pairs": told, "value": ",".join(each["value"] for each in told),
        "score": told[0]["score"], "kind": told[0]["kind"],
        "differing": {name for name in ("class", "area", "address", "identifiers") if len({one[name] for one in shown}) > 1},
        "sketch": sketch_of([None if one["lon"] is None else (one["lon"], one["lat"]) for one in members]),
        "unplaced": [one["number"] for one in shown if one["unplaced"]], "merge": urlencode([("id", one["id"]) for one in members[:MOST_COLUMNS]]), "too_many": MOST_COLUMNS if len(members) > MOST_COLUMNS else 0,
    }


def _member(one: dict[str, Any], number: int, named: dict[str, str], language: str) -> dict[str, Any]:
    code = one["area_code"]
    return {
        "id": one["id"], "number": number, "name": one["name"], "class": value("class_code", one["class_code"], language),
        "area": f"{named.get(code, '')} {code}".strip() if code else "", "address": one["address"] or "", "unplaced": one["lon"] is None,
        "identifiers": value("identifiers", one["identifiers"], language) if one["identifiers"] else "",
    }


def _pair(pair: dict[str, Any], numbers: dict[int, int], language: str, *, with_authors: bool) -> dict[str, Any]:
    first, second = pair["first"]["id"], pair["second"]["id"]
    answer = pair.get("answer")
    return {
        "value": f"{first}-{second}", "numbers": (numbers[first], numbers[second]), "names": (pair["first"]["name"], pair["second"]["name"]),
        "score": score_word(pair["score"]), "percent": round(100 * pair["score"]), "kind": pair["kind"], "distance": pair["distance_m"],
        "reasons": [{"text": each[language], "side": side_of(each["value"])} for each in pair["reasons"]],
        "answer": None if answer is None else {
            "at": clock(answer["at"]), "author": answer["author"] if with_authors else None, "reason": answer["reason"] if with_authors else None},
    }


def side_of(value: float) -> str:
    """Return what a reason speaks: for one facility, against it, or neither."""
    return "for" if value >= _FOR else "against" if value <= _AGAINST else "neither"


def score_word(score: float) -> str:
    """Return how alike two are, as a word of the languages: likely, possible or weak."""
    return next((word for word, lowest in SCORES.items() if score >= lowest), "weak")


def marked(name: str, other: str) -> list[tuple[str, bool]]:
    """Return a name in pieces, each with whether it is not in another name.

    >>> marked("靖宇县靖宇镇卫生院", "靖宇镇卫生院")
    [('靖宇县', True), ('靖宇镇卫生院', False)]
    """
    found: list[tuple[str, bool]] = []
    for kind, begin, end, _, _ in SequenceMatcher(None, name, other, autojunk=False).get_opcodes():
        if begin < end:
            found.append((name[begin:end], kind != "equal"))
    return found


def merges_view(store: Store, facility_id: str, told: Mapping[str, str], *, with_authors: bool) -> dict[str, Any]:
    """Return what the page of a facility says of merges: those it kept, what it went into, and who was led here.

    Raises
    ------
    FacilityNotFound
        If none ever had that id.
    """
    number = facility_number(facility_id)
    came_from = told.get("came_from", "")
    led_here = int(came_from) if re.fullmatch(r"[0-9]{1,18}", came_from) else None
    try:
        led_here = led_here if led_here is not None and workflow.where_it_went(store, led_here) == number else None
    except FacilityNotFound:
        led_here = None
    return {"merges": [merge_entry(each) for each in workflow.merges_of(store, number, with_authors=with_authors)],
            "went_into": workflow.where_it_went(store, number), "led_here": led_here}


def merge_entry(told: dict[str, Any]) -> dict[str, Any]:
    """Return a merge as a page shows it."""
    return {**told, "at": clock(told["at"])}


# -- answers ---------------------------------------------------------------------------------


@router.post("/duplicates/answers")
def answer(request: Request, sent: Sent) -> Response:
    """Remember of pairs that they are two: of one by its own button, or of all that were ticked."""
    person, store = editor_of(request)
    back = own_page(text_of(sent, "back") or "/duplicates")
    pairs = _pairs([text_of(sent, "only")] if text_of(sent, "only") else texts_of(sent, "pair"))
    if not pairs:
        return _back(back, "none")
    try:
        done = workflow.answer_pairs(store, pairs, author=person.name, reason=text_of(sent, "reason")[:_MOST_LETTERS] or None, origin="form")
    except FacilityNotFound:  # merged or deleted by somebody else meanwhile
        return _back(back, "gone")
    return _back(back, "answered", done["answered"])


@router.post("/duplicates/take-back")
def take_back(request: Request, sent: Sent) -> Response:
    """Ask about a pair again that was said to be two."""
    person, store = editor_of(request)
    back = own_page(text_of(sent, "back") or "/duplicates?state=not_duplicate")
    try:
        workflow.take_back_answers(store, _pairs(texts_of(sent, "pair")), author=person.name)
    except (FacilityNotFound, InvalidInput):  # somebody was first: there is nothing left to take back
        return _back(back, "gone")
    return _back(back, "asked_again")


def _pairs(told: list[str]) -> list[tuple[int, int]]:
    """Return the pairs that buttons and ticks name: ``12-15``, several with commas between.

    Raises
    ------
    InvalidInput
    """
    found: dict[tuple[int, int], None] = {}
    for text in ",".join(told).split(",") if told else ():
        one = _PAIR.fullmatch(text)
        if one is None:
            raise InvalidInput(f"expected pairs of ids such as 12-15, got {text[:40]!r}; load the page again")
        found[int(one[1]), int(one[2])] = None
    return list(found)


def _back(address: str, done: str, count: int | None = None) -> Response:
    mark = "&" if "?" in address else "?"
    return RedirectResponse(f"{address}{mark}done={done}" + ("" if count is None else f"&count={count}"), status_code=SEE_OTHER)


# -- merging ---------------------------------------------------------------------------------


@router.get("/duplicates/merge", response_class=HTMLResponse)
def merge_page(request: Request) -> Response:
    """Show what a merge would make, and let its parts be chosen."""
    _person, store = editor_of(request)
    wanted = read_wanted(request.query_params.getlist("id"), {}, [])
    return _merge_page(request, store, wanted)


@router.post("/duplicates/merge")
def merge(request: Request, sent: Sent) -> Response:
    """Merge as it was chosen, or show what that would make."""
    person, store = editor_of(request)
    told = {name: text for name, text in sent.multi_items() if isinstance(text, str)}
    wanted = read_wanted(texts_of(sent, "id"), told, texts_of(sent, "with"))
    if text_of(sent, "step") != "save":
        return _merge_page(request, store, wanted)
    problem = "merge_two_needed" if not wanted.others else "merge_reason_needed" if not wanted.reason else ""
    if problem:
        return _merge_page(request, store, wanted, problem=problem, status=UNUSABLE)
    view = merge_view(store, wanted, language_of(request))
    unseen = {view["keep"], *wanted.others} - wanted.revisions.keys() - set(view["gone"])
    if unseen:
        raise MissingPrecondition(f"the form does not say which revision of facility {min(unseen)} was seen; load the page again")
    if view["gone"] or view["moved"]:  # what stands now is shown, and asked again
        return _merge_page(request, store, wanted, problem="merge_moved", status=FIRST_COME)
    try:
        workflow.merge_facilities(
            store, view["keep"], wanted.others, author=person.name, reason=wanted.reason, origin="form", fields=wanted.chosen, expected=wanted.revisions)
    except (Conflict, FacilityNotFound):  # somebody was first by less than a second
        return _merge_page(request, store, wanted, problem="merge_moved", status=FIRST_COME)
    return RedirectResponse(f"/facilities/{wanted.keep}?done=merged", status_code=SEE_OTHER)


def _merge_page(request: Request, store: Store, wanted: Wanted, *, problem: str = "", status: int = 200) -> Response:
    view = merge_view(store, wanted, language_of(request))
    if len(view["columns"]) < 2:  # the others were merged or deleted meanwhile
        return _back("/duplicates", "gone")
    return render(
        request, "duplicate_merge.html", status=status, active="facilities", study=study_title(store), problem=problem,
        needs_administrator=_refused(person_of(request), store), **view)


def _refused(person: Person, store: Store) -> bool:
    """Return whether an editor looks whose merges would be refused: they cannot be proposed."""
    return person.may(Right.EDIT) and needs_administrator(person, store)


# -- taking a merge back ---------------------------------------------------------------------


@router.post("/duplicates/unmerge")
def unmerge(request: Request, sent: Sent) -> Response:
    """Take a merge back; where somebody built upon it, say who, and ask."""
    person, store = editor_of(request)
    number = text_of(sent, "merge")
    if not re.fullmatch(r"\d{1,18}", number, re.ASCII):
        raise InvalidInput(f"expected the number of a merge, got {number[:40]!r}")
    try:
        done = workflow.unmerge_facilities(
            store, int(number), author=person.name, reason=text_of(sent, "reason")[:_MOST_LETTERS] or None, keep_edits=text_of(sent, "keep_edits") == "yes")
    except NotUndoable as error:
        return not_undoable(request, store, error, action="/duplicates/unmerge", field="merge", number=number, keeping=text_of(sent, "keep_edits") != "yes")
    return RedirectResponse(f"/facilities/{done['merge']['kept_id']}?done=unmerged", status_code=SEE_OTHER)


def not_undoable(
    request: Request, store: Store, error: NotUndoable, *, action: str = "", field: str = "", number: str = "", keeping: bool = False
) -> HTMLResponse:
    """Return a page that says what was built upon something, and offers to keep that where it can be kept."""
    language = language_of(request)
    known = words(language)
    later = [{**each, "word": known.get(f"change_{each['kind']}", str(each["kind"])), "at": clock(str(each["at"])) if each.get("at") else ""}
             for each in error.later]
    return render(
        request, "not_undoable.html", status=NOT_NOW, active="facilities", study=study_title(store), later=later, detail=str(error),
        action=action, field=field, number=number, keeping=keeping and bool(later))
