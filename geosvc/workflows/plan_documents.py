"""Which plans there are: the published ones, those of the workspace, and the figures that were reported for them."""

from __future__ import annotations

import logging
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import Conflict, DefinitionError, InvalidInput, NotFound, PlanRefused, TooLarge
from geosvc.plans.documents import MOST_BYTES, read_plan
from geosvc.plans.plan import problem_of_file
from geosvc.plans.reported import Reported, form_of, read_reported, with_reported
from geosvc.registry.imports.texts import decoded
from geosvc.registry.moments import now_after, today
from geosvc.store.plan_documents import (
    PlanDocumentRow,
    newest_plan_document,
    plan_document,
    plan_document_rows,
    select_plan_documents,
)
from geosvc.workflows.sheets import write_table

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.plans.plan import Plan
    from geosvc.store.engine import Session, Store

FILE, REPORTED = "file", "reported"  # the parts of a plan that a workspace keeps
_FOLDER, _REPORTS = "plans", ".reported.csv"  # where workspaces kept them before
_PLANS_KEPT = 32
NOTHING_SENT = "none"
LONGEST_NAME = 80  # of a file, as it is told again
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how .xlsx and .ods begin, and .xls


@cache
def shipped_plans() -> dict[str, Plan]:
    """Return the published plans that every workspace has, by id.

    Raises
    ------
    DefinitionError
    """
    found = [read_plan(text, name=name) for name, text in _shipped_texts().items()]
    return {each.id: each for each in found}


@cache
def _shipped_texts() -> dict[str, str]:
    folder = files("geosvc.plans").joinpath("published")
    return {each.name: each.read_text("utf-8") for each in sorted(folder.iterdir(), key=lambda each: each.name) if each.name.endswith(".yaml")}


@lru_cache(maxsize=_PLANS_KEPT)
def _read(text: str, name: str) -> Plan:
    """Read a plan once as long as its text stays the same; plans are never changed."""
    return read_plan(text, name=name)


def plans_of(store: Store, recorded_at: str | None = None) -> dict[str, Plan]:
    """Return the shipped plans and those of the workspace, by id; one of the workspace takes the place of a shipped one.

    ``recorded_at`` is a moment (UTC) whose texts are meant; None: those of now. Shipped plans are those of this version.
    """
    with store.reading() as session:
        kept = {(row.plan, row.part): row for row in select_plan_documents(session, recorded_at=recorded_at)}
        found = {**shipped_plans(), **_own([row for (_plan, part), row in kept.items() if part == FILE])}
        return {name: _with_figures(plan, kept.get((name, REPORTED))) for name, plan in found.items()}


def _own(rows: Sequence[PlanDocumentRow]) -> dict[str, Plan]:
    """Return the plans of the workspace; one that an earlier version kept and this one cannot read stands in nobody's way."""
    found = {}
    for row in rows:
        try:
            found[row.plan] = _read(_text_of(row), row.name)
        except DefinitionError as error:
            _log.warning("plan %s of the workspace cannot be read: %s", row.plan, error)
    return found


def _text_of(row: PlanDocumentRow) -> str:
    """Return the text of a row that has one."""
    assert row.text is not None, f"{row.subject} has no text any more"
    return row.text


def _with_figures(plan: Plan, row: PlanDocumentRow | None) -> Plan:
    return plan if row is None else with_reported(plan, _kept_figures(plan, row))


def _kept_figures(plan: Plan, row: PlanDocumentRow) -> Reported:
    """Return the figures of a table that is kept; what cannot be read of it is a problem of its plan, not of all plans."""
    try:
        return _figures(plan, _text_of(row), row.name)
    except InvalidInput as error:
        return Reported(figures={}, problems=(problem_of_file(str(error), row.name),))


def _figures(plan: Plan, text: str, name: str) -> Reported:
    return read_reported(text, plan, name=name, year=int(today()[:4]))


def plan_named(store: Store, plan_id: str, recorded_at: str | None = None) -> Plan:
    """Return one plan, with the texts of a moment.

    Raises
    ------
    NotFound
    """
    known = plans_of(store, recorded_at)
    if plan_id not in known:
        raise NotFound(f"no plan is called {plan_id!r}; there are: {', '.join(known)}")
    return known[plan_id]


# -- plan files ------------------------------------------------------------------------------


def plan_from(content: bytes, name: str) -> Plan:
    """Return the plan of a file that was sent; its ``problems`` are what cannot be read.

    Raises
    ------
    DefinitionError
        If it is no plan file at all.
    TooLarge
    """
    return read_plan(_plan_text(content, name), name=name)


def _plan_text(content: bytes, name: str) -> str:
    if len(content) > MOST_BYTES:
        raise TooLarge(f"{name}: a plan file has at most {MOST_BYTES:,} bytes, this one has {len(content):,}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{name}: a plan file is UTF-8 text; byte {error.start} is not. Save it as UTF-8") from None


def add_plan(store: Store, content: bytes, name: str, *, author: str) -> Plan:
    """Keep a plan file in the workspace, in place of one of the same id, which is kept as what was before; one that has problems is refused whole.

    Raises
    ------
    DefinitionError
        With every problem, its line and its cure.
    TooLarge
    """
    name = name[-LONGEST_NAME:]
    plan = plan_from(content, name)
    if plan.problems:
        raise PlanRefused("the plan file has problems", plan.problems)
    with store.writing() as session:
        _keep(session, plan.id, FILE, _plan_text(content, name), name, author=author)
    return plan


def _keep(session: Session, plan: str, part: str, text: str, name: str, *, author: str) -> None:
    """Write a text; one that says the same already stays as it is."""
    row = newest_plan_document(session, plan, part)
    if row is None or row.text != text:
        _follow(session, row, PlanDocumentRow(plan=plan, part=part, name=name, text=text, author=author))


def _follow(session: Session, row: PlanDocumentRow | None, following: PlanDocumentRow) -> None:
    """Have a row stand in the place of another from now on."""
    following.recorded_at = now_after(None if row is None else row.recorded_at)
    if row is not None:
        row.superseded_at = following.recorded_at
        following.replaces = None if row.text is None else row.id
        session.flush()  # before the other comes in: one text of a part is believed
    session.add(following)


def remove_plan(store: Store, plan_id: str, *, author: str) -> None:
    """Take a plan of the workspace away, and what was reported for it; a shipped one of the same id is back then.

    What was sent is still there for who asks what was known before.

    Raises
    ------
    NotFound
    """
    with store.writing() as session:
        own = [row.plan for row in select_plan_documents(session) if row.part == FILE]
        if plan_id not in own:
            raise NotFound(f"the workspace has no plan {plan_id!r} of its own" + (f"; it has: {', '.join(own)}" if own else ""))
        for part in (FILE, REPORTED):
            _take_away(session, plan_id, part, author=author)


def _take_away(session: Session, plan_id: str, part: str, *, author: str) -> bool:
    row = plan_document(session, plan_id, part)
    if row is None:
        return False
    _follow(session, row, PlanDocumentRow(plan=plan_id, part=part, name=row.name, text=None, author=author))
    return True


def plan_text(store: Store, plan_id: str, recorded_at: str | None = None) -> str:
    """Return the file of a plan as it was written, or as it was written at a moment.

    Raises
    ------
    NotFound
    """
    plan_named(store, plan_id, recorded_at)
    with store.reading() as session:
        row = plan_document(session, plan_id, FILE, recorded_at=recorded_at)
        return _shipped_texts()[f"{plan_id}.yaml"] if row is None else _text_of(row)


def texts_sent(store: Store, plan_id: str, *, with_authors: bool = True) -> list[dict[str, Any]]:
    """Return what was ever sent for a plan or taken away again, newest first.

    Each has ``part``, ``name`` of the file, ``recorded_at``, ``until`` (None: in force) and ``taken_away``; the text itself is that of its
    ``recorded_at`` (:func:`plan_text`, :func:`reports_of`). Of a plan that was taken away too.

    Raises
    ------
    NotFound
    """
    with store.reading() as session:
        rows = plan_document_rows(session, plan_id)
    if not rows:
        plan_named(store, plan_id)
    return [{"part": row.part, "name": row.name, "recorded_at": row.recorded_at, "until": row.superseded_at, "taken_away": row.text is None,
             "author": row.author if with_authors else None} for row in rows]


# -- reported figures ------------------------------------------------------------------------


def report_figures(store: Store, plan_id: str, content: bytes, name: str, *, author: str, seen: str | None = None) -> int:
    """Keep the figures reported for a plan, in place of those before, which are kept as such; return how many they are.

    Parameters
    ----------
    seen : str, optional
        ``recorded_at`` of the table that is replaced, :data:`NOTHING_SENT` for none; refused if it is another one by now.

    Raises
    ------
    NotFound, UnreadableFile, TooLarge
    Conflict
        If somebody else sent figures meanwhile.
    DefinitionError
        With every row that cannot be read, its line and its cure; nothing is kept then. Of a spreadsheet, too.
    """
    name = name[-LONGEST_NAME:]
    if content.startswith(_WORKBOOK):
        raise DefinitionError(f"{name}: a spreadsheet keeps 37.1% as 0.371, which would be misread; save the table as CSV UTF-8")
    if len(content) > MOST_BYTES:
        raise TooLarge(f"{name}: a table of figures has at most {MOST_BYTES:,} bytes, this one has {len(content):,}")
    text = decoded(content, name)
    with store.writing() as session:  # the plan must not change between the check and the keeping
        _expect(plan_document(session, plan_id, REPORTED), seen)
        count = _checked(_figures(_as_written(session, plan_id), text, name), name)
        _keep(session, plan_id, REPORTED, text, name, author=author)
    return count


def _expect(row: PlanDocumentRow | None, seen: str | None) -> None:
    if seen is not None and seen != (row.recorded_at if row else NOTHING_SENT):
        who = f"{row.author} sent {row.name} at {row.recorded_at}" if row else "what was there was forgotten"
        raise Conflict(f"the figures changed meanwhile: {who}; take the form again, it has what is there now")


def _checked(reported: Reported, name: str) -> int:
    """Return how many figures there are; refuse a table with problems, or without a figure."""
    if reported.problems:
        raise PlanRefused("the table of reported figures has problems", reported.problems)
    count = sum(len(figures) for figures in reported.figures.values())
    if not count:
        raise DefinitionError(f"{name}: no row has a value; fill in at least one, or forget what was reported")
    return count


def forget_reports(store: Store, plan_id: str, *, author: str) -> None:
    """Take the figures reported for a plan away; what was sent is still there for who asks what was known before.

    Raises
    ------
    NotFound
        If there are none.
    """
    with store.writing() as session:
        if not _take_away(session, plan_id, REPORTED, author=author):
            raise NotFound(f"nothing is reported for plan {plan_id!r}")


def reports_of(store: Store, plan_id: str, recorded_at: str | None = None, *, with_authors: bool = True) -> dict[str, Any]:
    """Return what was reported for a plan, when and by whom; or what was reported until a moment.

    ``problems`` are the rows that cannot be read; ``form`` is the table to fill in, its first row the names of the columns.

    Raises
    ------
    NotFound
    """
    with store.reading() as session:
        plan = _as_written(session, plan_id, recorded_at)
        row = plan_document(session, plan_id, REPORTED, recorded_at=recorded_at)
        own = plan_document(session, plan_id, FILE, recorded_at=recorded_at) is not None
        kept = Reported(figures={}) if row is None else _kept_figures(plan, row)
        told = None if row is None else {"name": row.name, "recorded_at": row.recorded_at, "author": row.author if with_authors else None}
    found = kept.figures
    names = {one.id: one.name for statement in plan.statements for one in statement.indicators}
    names |= {each.id: each.name for statement in plan.statements for one in statement.indicators if one.way == "gate" for each in one.given["conditions"]}
    figures = [{"indicator": key, "name": names[key], "year": each.year, "value": each.text, "source": each.source} for key, several in found.items() for each in several]
    return {"plan": plan.id, "title": plan.title, "title_en": plan.title_en, "own": own, "sent": told, "figures": figures, "problems": list(kept.problems),
            "form": form_of(plan, [(key, each) for key, several in found.items() for each in several])}


def write_form(told: dict[str, Any], path: Path) -> dict[str, Any]:
    """Write the table to fill in of :func:`reports_of` (.csv), and return what it was made of."""
    header, *rows = told["form"]
    write_table(path, header, rows)
    return told


def _as_written(session: Session, plan_id: str, recorded_at: str | None = None) -> Plan:
    """Return a plan without what was reported for it."""
    row = plan_document(session, plan_id, FILE, recorded_at=recorded_at)
    found = {**shipped_plans(), **_own([row] if row else [])}.get(plan_id)
    if found is None:
        raise NotFound(f"no plan is called {plan_id!r}; GET /api/plans lists them")
    return found


# -- workspaces from before ------------------------------------------------------------------


def adopt_folder(store: Store, *, author: str) -> None:
    """Take in the plan files that a workspace kept in a folder of its own; what cannot be read, or is there already, stays and is named."""
    folder = store.folder / _FOLDER
    if not folder.is_dir():
        return
    # Of two files with the same id the last one was in use.
    for path in [*sorted(folder.glob("*.yaml"), reverse=True), *sorted(folder.glob(f"*{_REPORTS}"))]:
        try:
            if _adopt(store, path, author=author):
                path.unlink()
        except (InvalidInput, NotFound, OSError) as error:
            _log.warning("%s is not taken in: %s", path, error)
    left = sorted(each.name for each in folder.iterdir())
    if left:
        _log.warning("%s still holds %s; geosvc plan add and plan report take files in, then remove them", folder, ", ".join(left))
    else:
        folder.rmdir()


def _adopt(store: Store, path: Path, *, author: str) -> bool:
    """Keep one file; return whether it is kept now."""
    content = path.read_bytes()
    with store.writing() as session:
        if path.suffix == ".yaml":
            plan, part, text = plan_from(content, path.name).id, FILE, _plan_text(content, path.name)
        else:
            plan, part, text = path.name.removesuffix(_REPORTS), REPORTED, decoded(content, path.name)
            _figures(_as_written(session, plan), text, path.name)  # refused, if it is no table
        row = plan_document(session, plan, part)
        if row is None:
            _keep(session, plan, part, text, path.name, author=author)
        return row is None or row.text == text
