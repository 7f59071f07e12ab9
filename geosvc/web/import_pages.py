"""Importing in pages: a file, its columns, a dry run, the import, and the way back.

Every step works without a script and keeps what was chosen: choices lie with the staged file, so that going
back, another language or a page that is loaded again lose nothing. What was not shown is not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from geosvc.accounts.people import Person, Right
from geosvc.errors import Conflict, InvalidInput, NotFound, NotUndoable, TooLarge
from geosvc.gate.people import editor_of, needs_administrator, person_of, store_of
from geosvc.gate.uploads import SentFile
from geosvc.registry.classes import facility_classes
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.imports.reasons import in_chinese
from geosvc.web.facility_views import clock, value
from geosvc.web.import_form import (
    ColumnsForm,
    check_columns,
    options_of,
    read_decisions,
    samples,
    shown_columns,
    typed_columns,
    words_of_classes,
)
from geosvc.web.import_sketch import import_map
from geosvc.web.render import language_of, render
from geosvc.workflows import staging
from geosvc.workflows.import_records import import_record, imports_page
from geosvc.workflows.outlines import outlines
from geosvc.workflows.undoing import undo_import
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from starlette.datastructures import UploadFile

    from geosvc.store.engine import Store

router = APIRouter(include_in_schema=False)
SEE_OTHER, UNUSABLE, TOO_LARGE, NOT_NOW = 303, 422, 413, 409
_PER_PAGE = 20
_ROWS_SHOWN = 100
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TYPES = {".xlsx": _XLSX, ".csv": "text/csv; charset=utf-8"}
# What the address of a page may say was done just now.
_LISTED, _LOOK, _RECORD = ("unchanged", "discarded", "undone"), ("looked", "changed", "answers"), ("imported", "undone")
_SHEET, _COMMIT = "sheet", "commit"


async def form_of(request: Request) -> dict[str, str]:
    """Return the texts of a form by name."""
    return {name: told for name, told in (await request.form()).multi_items() if isinstance(told, str)}


Sent = Annotated[dict[str, str], Depends(form_of)]
Number = Annotated[int, Path(ge=1, lt=10**18)]


def _page(request: Request, template: str, **values: Any) -> HTMLResponse:
    said = _say(values.get("detail", ""), language_of(request))
    values |= {"detail": said, "detail_is_english": said == values.get("detail", "")}
    answer = render(request, template, active="facilities", study=study_title(store_of(request)), **values)
    answer.headers["Cache-Control"] = "no-store"  # going back asks again, and finds the choices where they lie
    return answer


def _done(request: Request, known: tuple[str, ...]) -> str:
    told = request.query_params.get("done", "")
    return told if told in known else ""


def _say(sentence: str, language: str) -> str:
    return (in_chinese(sentence) or sentence) if language == "zh" else sentence


# -- the imports that there were ---------------------------------------------------------------


def _reader(request: Request) -> tuple[Person, Store, str | None]:
    """Return who looks, the registry as they see it, and whose imports they see: those limited to areas see their own."""
    person = person_of(request)
    person.must(Right.READ if person.signed_in else Right.EDIT)  # the list names people and their files
    return person, store_of(request), None if person.areas is None else person.name


@router.get("/imports", response_class=HTMLResponse)
def list_page(request: Request) -> HTMLResponse:
    """List the imports, newest first, each with the way back."""
    person, store, of = _reader(request)
    cursor = request.query_params.get("cursor") or None
    found, matched, following = imports_page(store, cursor, _PER_PAGE, of=of)
    waiting = [_waiting(each) for each in staging.waiting(store, author=person.name)] if person.may(Right.EDIT) else []
    return _page(
        request, "imports.html", imports=[_entry(each, person) for each in found], matched=matched, following=following, cursor=cursor,
        waiting=waiting, editing=person.may(Right.EDIT), done=_done(request, _LISTED), own_only=of is not None,
        needs_administrator=person.may(Right.EDIT) and needs_administrator(person, store))


def _waiting(one: staging.Staged) -> dict[str, Any]:
    return {"id": one.id, "file_name": one.file_name, "at": clock(one.at), "kib": max(1, round(one.size_bytes / 1024))}


def _entry(told: dict[str, Any], person: Person) -> dict[str, Any]:
    mine = person.may(Right.EDIT) and (person.may(Right.ADMINISTER) or told["author"] == person.name)
    return {**told, "at": clock(told["at"]), "undone_at": told["undone_at"] and clock(told["undone_at"]), "mine": mine}


@router.get("/imports/{import_id:int}", response_class=HTMLResponse)
def record_page(request: Request, import_id: Number) -> HTMLResponse:
    """Show one import: what it did, what it left, and the way back."""
    return _record(request, import_id)


def _record(request: Request, import_id: int, *, problem: str = "", detail: str = "", reason: str = "", status: int = 200) -> HTMLResponse:
    person, store, of = _reader(request)
    told, language = import_record(store, import_id, of=of), language_of(request)
    report = told["report"]
    return _page(
        request, "import_record.html", one=_entry(told, person), needs_administrator=needs_administrator(person, store), done=_done(request, _RECORD), problem=problem, detail=detail, reason=reason, status=status,
        refused=_refused(report, language), notes=[_say(each, language) for each in report.get("notes", [])], located=report.get("to_be_located", 0),
        waited=report.get("waiting", [])[:_ROWS_SHOWN], waited_count=len(report.get("waiting", [])), later=[_later(each) for each in told["later"]],
        later_count=told["later_changes"], workbook=staging.with_refused_rows(store, import_id, author=person.name) or "")


def _refused(report: dict[str, Any], language: str) -> dict[str, Any]:
    told = report.get("refused", [])
    return {"count": len(told), "rows": [{**each, "text": _say(each["reason"], language)} for each in told[:_ROWS_SHOWN]]}


def _later(each: dict[str, Any]) -> dict[str, Any]:
    return {**each, "at": each["at"] and clock(each["at"])}


@router.post("/imports/{import_id:int}/undo", response_class=HTMLResponse)
def undo(request: Request, import_id: Number, sent: Sent) -> Response:
    """Take an import back; where something stands in the way, the page names it."""
    person, store = editor_of(request)
    import_record(store, import_id, of=None if person.areas is None else person.name)
    reason = sent.get("reason", "")[:500]
    try:
        undo_import(store, import_id, author=person.name, reason=reason or None, confirmed_too="confirmed_too" in sent,
                    of=None if person.may(Right.ADMINISTER) else person.name)
    except NotUndoable as error:
        return _record(request, import_id, problem="import_not_undone", detail=str(error), reason=reason, status=NOT_NOW)
    return RedirectResponse(f"/imports/{import_id}?done=undone", status_code=SEE_OTHER)


# -- 1: the file -------------------------------------------------------------------------------


@router.get("/imports/new", response_class=HTMLResponse)
def file_page(request: Request) -> HTMLResponse:
    """Ask for a file."""
    return _file_page(request)


def _file_page(request: Request, *, problem: str = "", detail: str = "", file_name: str = "", status: int = 200) -> HTMLResponse:
    person, store = editor_of(request)
    return _page(
        request, "import_file.html", problem=problem, detail=detail, file_name=file_name, status=status, most_mb=request.app.state.settings.max_file_mb,
        most_rows=staging.MOST_ROWS, hours=staging.KEPT_HOURS, waiting=[_waiting(each) for each in staging.waiting(store, author=person.name)],
        suffixes=sorted(staging.SUFFIXES), needs_administrator=needs_administrator(person, store))


@router.post("/imports/new", response_class=HTMLResponse)
def send(request: Request, file: SentFile) -> Response:
    """Keep a file and go on to its columns; what is no table is refused here, with the reason."""
    person, store = editor_of(request)
    try:
        kept = _kept(request, file, person, store)
    except InvalidInput as error:
        large = isinstance(error, TooLarge)
        return _file_page(request, problem="import_too_large" if large else "import_unreadable", detail=str(error), file_name=(file.filename or "")[-80:],
                          status=TOO_LARGE if large else UNUSABLE)
    return RedirectResponse(f"/imports/uploads/{kept.id}", status_code=SEE_OTHER)


def _kept(request: Request, file: UploadFile, person: Person, store: Store) -> staging.Staged:
    settings = request.app.state.settings
    kept = staging.stage(store, file.filename or "", file.file, author=person.name, max_mb=settings.max_file_mb)
    try:
        staging.describe(store, kept.id, author=person.name, settings=settings)
    except BaseException:
        staging.discard(store, kept.id, author=person.name)
        raise
    return kept


# -- 2: its columns ----------------------------------------------------------------------------


@router.get("/imports/uploads/{upload_id}", response_class=HTMLResponse)
def columns_page(request: Request, upload_id: str) -> HTMLResponse:
    """Show the columns of a file and what each is read as."""
    person, store = editor_of(request)
    last = staging.last_preview(store, upload_id, author=person.name)
    options = None if last is None else last[0]
    told = _described(request, store, upload_id, person, layer=options and options["layer"], crs=options and options["crs"],
                      source=(options or {}).get("source", ""))
    return _columns_page(request, upload_id, told, shown_columns(told, options), again=options is not None)


def _described(request: Request, store: Store, upload_id: str, person: Person, **how: Any) -> dict[str, Any]:
    return staging.describe(store, upload_id, author=person.name, settings=request.app.state.settings, **how)


def _columns_page(
    request: Request, upload_id: str, told: dict[str, Any], form: ColumnsForm, *, again: bool = False, detail: str = "", status: int = 200
) -> HTMLResponse:
    known, mapping = told["remembered"], (told["remembered"] or {}).get("mapping", {})
    columns = [
        {"header": each["header"], "place": place, "samples": samples(told, place), "field": form.fields[place], "problem": form.problems.get(f"column.{place}"),
         "mark": "" if not form.fields[place] else "remembered" if mapping.get(each["header"]) == form.fields[place]
         else "guessed" if each["guess"] == form.fields[place] else ""}
        for place, each in enumerate(told["headers"])
    ]
    remembered = None if known is None else {"at": clock(known["at"]), "author": known["author"], "datum": known["options"].get("datum")}
    return _page(
        request, "import_columns.html", upload=upload_id, told=told, form=form, columns=columns, remembered=None if again else remembered,
        before=(remembered or {}).get("datum"), classes=facility_classes().values(), detail=detail, status=status)


@router.post("/imports/uploads/{upload_id}", response_class=HTMLResponse)
def columns(request: Request, upload_id: str, sent: Sent) -> Response:
    """Try the file as its columns were said to be, and go on to what came of it; whatever is wrong stands beside its field."""
    person, store = editor_of(request)
    layer, crs = sent.get("layer") or None, sent.get("crs", "").strip() or None
    try:
        told = _described(request, store, upload_id, person, layer=layer, crs=crs, source=sent.get("source", "").strip())
    except InvalidInput as error:
        told = _described(request, store, upload_id, person)
        return _columns_page(request, upload_id, told, typed_columns(told, sent), detail=str(error), status=UNUSABLE)
    form = typed_columns(told, sent)
    if sent.get("step") == _SHEET:
        return _columns_page(request, upload_id, told, form)
    check_columns(form, told)
    if form.problems:
        return _columns_page(request, upload_id, told, form, again=True, status=UNUSABLE)
    last = staging.last_preview(store, upload_id, author=person.name)
    kept = {} if last is None or last[0]["layer"] != form.layer else {name: last[0][name] for name in ("answers", "source_types")}
    kept.setdefault("source_types", (told["remembered"] or {}).get("options", {}).get("source_types") or {})
    try:
        note = _tried(request, store, upload_id, person, {**options_of(form, told), **kept})
    except InvalidInput as error:
        return _columns_page(request, upload_id, told, form, again=True, detail=str(error), status=UNUSABLE)
    return _to_check(upload_id, note)


def _tried(request: Request, store: Store, upload_id: str, person: Person, options: dict[str, Any]) -> str:
    """Make a dry run; return what the page should say of it. Answers that fit no row any more are dropped, and that is said."""
    answers = {int(row): answer for row, answer in (options.get("answers") or {}).items()}
    asked = {name: told for name, told in options.items() if name not in ("answers", "max_mb")}
    settings = request.app.state.settings
    try:
        staging.preview(store, upload_id, FacilityOptions(**asked, answers=answers), author=person.name, settings=settings)
    except InvalidInput:
        if not answers:
            raise
        staging.preview(store, upload_id, FacilityOptions(**asked), author=person.name, settings=settings)
        return "answers"
    return ""


def _to_check(upload_id: str, done: str = "") -> RedirectResponse:
    return RedirectResponse(f"/imports/uploads/{upload_id}/check{'?' + urlencode({'done': done}) if done else ''}", status_code=SEE_OTHER)


# -- 3: the dry run ----------------------------------------------------------------------------


@router.get("/imports/uploads/{upload_id}/check", response_class=HTMLResponse)
def check_page(request: Request, upload_id: str) -> Response:
    """Show what the import would do."""
    return _check_page(request, upload_id)


def _check_page(request: Request, upload_id: str, *, problems: dict[str, str] | None = None, status: int = 200) -> Response:
    person, store = editor_of(request)
    last = staging.last_preview(store, upload_id, author=person.name)
    if last is None:
        return RedirectResponse(f"/imports/uploads/{upload_id}", status_code=SEE_OTHER)
    (options, report), language = last, language_of(request)
    told = _described(request, store, upload_id, person, layer=options["layer"], crs=options["crs"], mapping=options["mapping"])
    places = [(lon, lat) for _row, lon, lat in report["new_places"]]
    waiting = report.get("waiting", [])
    return _page(
        request, "import_check.html", upload=upload_id, file_name=told["file_name"], report=report, options=options, status=status,
        sketch=import_map(outlines(store), places), refused=_refused(report, language), waiting=[_question(each, options) for each in waiting],
        answered=[_answered(row, answer) for row, answer in options["answers"].items()],
        words=words_of_classes(told, options, problems or {}), problems=problems or {}, classes=facility_classes().values(),
        differences=[_difference(each, language) for each in report["differences"]], changed_fields=report.get("changed_fields", {}),
        duplicates=report["suspected_duplicates"][:_ROWS_SHOWN], duplicates_count=len(report["suspected_duplicates"]),
        left_out=[{**each, "text": _say(each["reason"], language)} for each in report.get("left_out", [])[:_ROWS_SHOWN]],
        notes=[_say(each, language) for each in report["notes"] if "--" not in each], going_in=report["new"] + report["changed"],
        staying=len({each["row"] for each in [*report["refused"], *waiting]}), done=_done(request, _LOOK),
        needs_administrator=needs_administrator(person, store))


def _question(each: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    klass = facility_classes()[each["class_code"]]
    return {**each, "zh": klass.zh, "en": klass.en, "said": options["answers"].get(str(each["row"]), "")}


def _answered(row: str, answer: int | str) -> dict[str, Any]:
    return {"row": row, "answer": answer}


def _difference(each: dict[str, Any], language: str) -> dict[str, Any]:
    fields = [(name, value(name, before, language), value(name, after, language)) for name, (before, after) in each["fields"].items()]
    return {**each, "fields": fields}


@router.post("/imports/uploads/{upload_id}/check", response_class=HTMLResponse)
def decide(request: Request, upload_id: str, sent: Sent) -> Response:
    """Take what was decided: try again, or import just what was shown."""
    person, store = editor_of(request)
    last = staging.last_preview(store, upload_id, author=person.name)
    if last is None:
        return RedirectResponse(f"/imports/uploads/{upload_id}", status_code=SEE_OTHER)
    options = last[0]
    made = read_decisions(sent, options)
    if made.problems:
        return _check_page(request, upload_id, problems=made.problems, status=UNUSABLE)
    before = ({int(row): answer for row, answer in options["answers"].items()}, options["source_types"])
    decided = {**options, "answers": made.answers, "source_types": made.source_types}
    wants_import = sent.get("step") == _COMMIT
    if not wants_import or (made.answers, made.source_types) != before:
        note = _tried(request, store, upload_id, person, decided)
        return _to_check(upload_id, note or ("looked" if wants_import else ""))
    try:
        report = staging.commit(
            store, upload_id, sent.get("preview", ""), author=person.name, settings=request.app.state.settings, skip_bad=True)
    except Conflict:  # somebody changed what it would touch, or another window tried it otherwise
        _tried(request, store, upload_id, person, options)
        return _to_check(upload_id, "changed")
    if report.import_id is None:
        return RedirectResponse("/imports?done=unchanged", status_code=SEE_OTHER)
    return RedirectResponse(f"/imports/{report.import_id}?done=imported", status_code=SEE_OTHER)


@router.get("/imports/uploads/{upload_id}/refused")
def refused(request: Request, upload_id: str) -> FileResponse:
    """Return the rows that were not taken as the user's own table."""
    person, store = editor_of(request)
    path = staging.refused_rows(store, upload_id, author=person.name)
    if path is None:
        raise NotFound("no row of this file was refused")
    return FileResponse(path, media_type=_TYPES[path.suffix], filename=path.name, headers={"Cache-Control": "no-store"})


@router.post("/imports/uploads/{upload_id}/discard")
def discard(request: Request, upload_id: str) -> Response:
    """Throw a staged file away."""
    person, store = editor_of(request)
    staging.discard(store, upload_id, author=person.name)
    return RedirectResponse("/imports?done=discarded", status_code=SEE_OTHER)
