"""The page of one facility; where a button of it came too late, what others made of the facility, and what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.gate.people import needs_administrator, person_of, store_of
from geosvc.web import duplicate_pages, facility_views
from geosvc.web.facility_views import clock, label, value
from geosvc.web.render import language_of, render
from geosvc.workflows import editing, proposing
from geosvc.workflows.history import facility_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request
    from fastapi.responses import HTMLResponse

    from geosvc.accounts.people import Person
    from geosvc.errors import Conflict
    from geosvc.store.engine import Store

FIRST_COME = 412
_LONGEST_REASON = 500
_NOTHING: dict[str, Any] = {"verb": "", "reason": "", "version": "", "others": [], "lines": [], "contact_changed": False}


def facility_page(
    request: Request, facility_id: str, merged: Mapping[str, Any], *, at: str | None = None, recorded: str | None = None,
    late: Mapping[str, Any] | None = None, status: int = 200,
) -> HTMLResponse:
    """Return the page of a facility.

    Parameters
    ----------
    request : Request
    facility_id : str
    merged : mapping
        What it says of merges, see :func:`geosvc.web.duplicate_pages.merges_view`.
    at, recorded : str, optional
        A day, and a moment of knowledge.
    late : mapping, optional
        The button that came too late: its ``verb``, the ``reason`` that was typed, what changed meanwhile.
    status : int

    Raises
    ------
    FacilityNotFound
    """
    person, store = person_of(request), store_of(request)
    page = facility_views.facility_view(
        store, facility_id, language_of(request), at=at, recorded=recorded, with_authors=person.signed_in,
        with_contact=person.may(Right.SEE_CONTACTS))
    done = request.query_params.get("done", "")
    return render(
        request, "facility.html", status=status, active="facilities", done=done if done in facility_views.DONE else "", late={**_NOTHING, **(late or {})},
        proposals=_open_proposals(person, store, page["number"]), needs_administrator=person.may(Right.EDIT) and needs_administrator(person, store),
        **merged, **page)


def _open_proposals(person: Person, store: Store, number: int) -> list[dict[str, Any]]:
    """Return the proposals about a facility that wait; only editors know of proposals."""
    if not person.may(Right.EDIT):
        return []
    return [{**each, "at": clock(each["at"])} for each in proposing.open_of_facility(store, person, number)]


def too_late(request: Request, facility_id: str, verb: str, told: Mapping[str, str], error: Conflict) -> HTMLResponse:
    """Show the page again after somebody else was first: what they changed, and the reason that was typed."""
    store, language = store_of(request), language_of(request)
    number, seen = facility_number(facility_id), told.get("revision", "")
    others = editing.changed_since(store, number, int(seen)) if seen.isascii() and seen.isdigit() else []
    late = {
        "verb": verb, "reason": told.get("reason", "")[:_LONGEST_REASON], "version": told.get("version", ""),
        "others": [{"author": each.author, "at": clock(each.recorded_at), "reason": each.reason} for each in others],
        "lines": [{"label": label(name, language), "from": value(name, before, language), "to": value(name, after, language)}
                  for name, (before, after) in error.changed.items() if name != "contact"],
        "contact_changed": "contact" in error.changed,
    }
    merged = duplicate_pages.merges_view(store, facility_id, {}, with_authors=True)
    return facility_page(request, facility_id, merged, late=late, status=FIRST_COME)
