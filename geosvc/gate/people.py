"""Who asks, and the registry as they may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.accounts.people import Person, Right, anonymous
from geosvc.errors import NotSignedIn
from geosvc.workflows import people
from geosvc.workflows.rules import rules_of
from geosvc.workflows.scopes import as_seen_by

if TYPE_CHECKING:
    from fastapi import Request, Response

    from geosvc.accounts.signing_in import SignedIn
    from geosvc.store.engine import Store

COOKIE = "geosvc_session"
_BEARER = "bearer"


def person_of(request: Request) -> Person:
    """Return who asks: by the key in ``Authorization: Bearer``, else by the session's cookie.

    Raises
    ------
    NotSignedIn
        If a key came that is not good: to go on as nobody would hide the mistake.
    """
    known: Person | None = getattr(request.state, "person", None)
    if known is None:
        known = request.state.person = _recognise(request)
    return known


def _recognise(request: Request) -> Person:
    told = request.headers.get("authorization")
    if told is not None:
        kind, _, key = told.partition(" ")
        person = people.person_of_key(whole_store(request), key.strip()) if kind.lower() == _BEARER else None
        if person is None:
            raise NotSignedIn("the key in 'Authorization: Bearer …' is not good: unknown, withdrawn, or run out; make a new one on your account's page")
        return person
    token = token_of(request)
    person = people.person_of_token(whole_store(request), token) if token else None
    return person or anonymous(public_read=request.app.state.settings.public_read)


def token_of(request: Request) -> str | None:
    """Return the token of the session's cookie."""
    return request.cookies.get(COOKIE)


def address_of(request: Request) -> str:
    """Return the address from which a request came."""
    return "" if request.client is None else request.client.host


def whole_store(request: Request) -> Store:
    """Return the store without any limit: for the gate itself, and for work that answers for everybody (measuring)."""
    store: Store = request.app.state.store()
    return store


def store_of(request: Request) -> Store:
    """Return the store as the person who asks may see it, opened when it is first asked for.

    Raises
    ------
    NotSignedIn, NotAllowed
        If they may not read at all.
    """
    person = person_of(request)
    person.must(Right.READ)
    return seen_by(request, person)


def seen_by(request: Request, person: Person) -> Store:
    """Return the store limited to the areas of a person, found out once for a request."""
    known: Store | None = getattr(request.state, "seen", None)
    if known is None:
        known = request.state.seen = as_seen_by(whole_store(request), person.areas)
    return known


def editor_of(request: Request) -> tuple[Person, Store]:
    """Return who wants to change the registry, and the store as they may change it.

    Where an administrator publishes what editors propose, changes of an editor wait in it.

    Raises
    ------
    NotSignedIn, NotAllowed
    """
    person = person_of(request)
    person.must(Right.EDIT)
    store = seen_by(request, person)
    return person, store.proposing() if needs_administrator(person, store) else store


def editor_of_everywhere(request: Request) -> tuple[Person, Store]:
    """Return who wants to change what concerns every area, such as plans, and the store as :func:`editor_of` does.

    Raises
    ------
    NotSignedIn, NotAllowed
    """
    person, store = editor_of(request)
    person.must_everywhere(Right.EDIT)
    return person, store


def needs_administrator(person: Person, store: Store) -> bool:
    """Return whether changes of this person wait for approval; what cannot be proposed (an import, a merge …) only an administrator does then."""
    return not person.may(Right.ADMINISTER) and rules_of(store).approval


def administrator_of(request: Request) -> tuple[Person, Store]:
    """Return the administrator who asks, and the store.

    Raises
    ------
    NotSignedIn, NotAllowed
    """
    person = person_of(request)
    person.must_everywhere(Right.ADMINISTER)
    return person, whole_store(request)


def keep_signed_in(request: Request, answer: Response, signed_in: SignedIn) -> None:
    """Give the browser the cookie of its session; no script can read it."""
    answer.set_cookie(
        COOKIE, signed_in.token, max_age=int(request.app.state.settings.session_hours * 3600), httponly=True,
        samesite="lax", secure=request.url.scheme == "https")


def forget(answer: Response) -> None:
    """Take the cookie away."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
