"""Signing in and out, one's own account, and the accounts of all."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geosvc.accounts.passwords import SHORTEST
from geosvc.accounts.people import Role
from geosvc.accounts.provider import Attempt, Provider
from geosvc.errors import AccountRefused, InvalidInput, NotFound, NotSignedIn, TooManyAttempts, WeakPassword
from geosvc.gate.people import (
    address_of,
    administrator_of,
    forget,
    keep_signed_in,
    person_of,
    token_of,
    whole_store,
)
from geosvc.web.render import render
from geosvc.workflows import people
from geosvc.workflows.workspace import study_title

if TYPE_CHECKING:
    from geosvc.accounts.people import Person

router = APIRouter(include_in_schema=False)
_SEE_OTHER = 303
_KEY_DAYS = 90
_PROVIDER_PATH = "/sign-in/provider"
_ATTEMPT_COOKIE, _ATTEMPT_SECONDS = "geosvc_attempt", 600

Text = Annotated[str, Form(max_length=500)]
Password = Annotated[str, Form(max_length=1000)]


def sign_in_address(request: Request) -> str:
    """Return where somebody signs in who wanted this page."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if wanted == "/" else f"/sign-in?{urlencode({'next': wanted})}"


def own_page(address: str | None) -> str:
    """Return an address within this site: whoever signs in is sent nowhere else."""
    usable = address and address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return str(address) if usable else "/"


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_page(request: Request, wanted: Annotated[str | None, Query(alias="next")] = None) -> Response:
    """Ask for name and password."""
    if person_of(request).signed_in:
        return RedirectResponse(own_page(wanted), status_code=_SEE_OTHER)
    return _sign_in_form(request, wanted)


def _sign_in_form(request: Request, wanted: str | None, **more: Any) -> HTMLResponse:
    store = whole_store(request)
    told = {"name": "", "problem": "", **more}
    return render(request, "sign_in.html", active="", study=study_title(store), wanted=own_page(wanted),
                  nobody_yet=people.needs_first(store), provider=request.app.state.provider is not None, public=request.app.state.settings.public_read,
                  status=told.pop("status", 200), **told)


@router.post("/sign-in")
def sign_in(
    request: Request, name: Text = "", password: Password = "", wanted: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Sign in, and go to the page that was wanted."""
    try:
        signed_in = people.sign_in(
            whole_store(request), name, password, address=address_of(request), hours=request.app.state.settings.session_hours)
    except NotSignedIn:
        return _sign_in_form(request, wanted, name=name, problem="wrong", status=401)
    except TooManyAttempts as error:
        waiting = _sign_in_form(request, wanted, name=name, problem="too_many", status=429)
        waiting.headers["Retry-After"] = str(error.retry_after_seconds)
        return waiting
    answer = RedirectResponse(own_page(wanted), status_code=_SEE_OTHER)
    keep_signed_in(request, answer, signed_in)
    return answer


@router.get("/sign-in/provider")
def to_provider(request: Request, wanted: Annotated[str | None, Query(alias="next")] = None) -> Response:
    """Send the browser to the identity provider of the house."""
    attempt = Attempt.new()
    answer = RedirectResponse(_provider(request).address(attempt, _way_back(request)), status_code=_SEE_OTHER)
    kept = json.dumps([attempt.state, attempt.nonce, attempt.verifier, own_page(wanted)])
    answer.set_cookie(_ATTEMPT_COOKIE, base64.urlsafe_b64encode(kept.encode()).decode(), max_age=_ATTEMPT_SECONDS, httponly=True,
                      samesite="lax", secure=request.url.scheme == "https", path=_PROVIDER_PATH)
    return answer


@router.get("/sign-in/provider/back")
def from_provider(request: Request, state: str | None = None, code: str | None = None) -> Response:
    """Sign in who comes back from the identity provider."""
    try:
        told = json.loads(base64.urlsafe_b64decode(request.cookies.get(_ATTEMPT_COOKIE, "")))
        attempt, wanted = Attempt(state=told[0], nonce=told[1], verifier=told[2]), str(told[3])
    except (ValueError, LookupError, TypeError):
        raise NotSignedIn("this browser did not ask the identity provider, or too long ago; sign in again") from None
    identity = _provider(request).identity(attempt, state=state, code=code, redirect_uri=_way_back(request))
    signed_in = people.sign_in_recognised(whole_store(request), identity, hours=request.app.state.settings.session_hours)
    answer = RedirectResponse(own_page(wanted), status_code=_SEE_OTHER)
    keep_signed_in(request, answer, signed_in)
    answer.delete_cookie(_ATTEMPT_COOKIE, path=_PROVIDER_PATH)
    return answer


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise NotFound("no identity provider is configured here; sign in with a password")
    return provider


def _way_back(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{_PROVIDER_PATH}/back"


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Sign out."""
    token = token_of(request)
    if token:
        people.sign_out(whole_store(request), token)
    answer = RedirectResponse("/sign-in", status_code=_SEE_OTHER)
    forget(answer)
    return answer


@router.get("/welcome/{token}", response_class=HTMLResponse)
def welcome_page(request: Request, token: str) -> HTMLResponse:
    """Let the owner of a one-time link set a password."""
    return _welcome_form(request, token)


def _welcome_form(request: Request, token: str, *, name: str = "", problem: str = "", status: int = 200) -> HTMLResponse:
    store = whole_store(request)
    account = people.owner_of_link(store, token)
    answer = render(request, "welcome.html", active="", study=study_title(store), account=account, name=name, problem=problem,
                    shortest=SHORTEST, token=token, status=status)
    answer.headers["Referrer-Policy"] = "no-referrer"  # the address is a secret
    return answer


@router.post("/welcome/{token}")
def welcome(
    request: Request, token: str, password: Password = "", again: Password = "", name: Annotated[str | None, Form(max_length=200)] = None,
) -> Response:
    """Set the password and sign in."""
    if password != again:
        return _welcome_form(request, token, name=name or "", problem="differ", status=422)
    try:
        signed_in = people.use_link(
            whole_store(request), token, password, name=name, hours=request.app.state.settings.session_hours)
    except WeakPassword:
        return _welcome_form(request, token, name=name or "", problem="weak", status=422)
    except InvalidInput:
        return _welcome_form(request, token, name=name or "", problem="name", status=422)
    answer = RedirectResponse("/", status_code=_SEE_OTHER)
    keep_signed_in(request, answer, signed_in)
    return answer


def _own(request: Request) -> tuple[Person, int]:
    person = person_of(request)
    if person.account_id is None:
        raise NotSignedIn("this page needs an account; sign in")
    return person, person.account_id


@router.get("/account", response_class=HTMLResponse)
def account_page(request: Request) -> HTMLResponse:
    """Show one's own account: password and keys."""
    return _account_page(request)


def _account_page(request: Request, *, problem: str = "", done: str = "", key: str = "", status: int = 200) -> HTMLResponse:
    (_person, account_id), store = _own(request), whole_store(request)
    answer = render(request, "account.html", active="account", study=study_title(store), keys=people.keys_of(store, account_id),
                    account=people.account_of(store, account_id), problem=problem, done=done, key=key, shortest=SHORTEST, days=_KEY_DAYS,
                    status=status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/account/password")
def change_password(request: Request, old: Password = "", password: Password = "", again: Password = "") -> HTMLResponse:
    """Change one's own password; other browsers are signed out."""
    person, _account_id = _own(request)
    if password != again:
        return _account_page(request, problem="differ", status=422)
    try:
        people.change_own_password(
            whole_store(request), person, old, password, address=address_of(request), token=token_of(request))
    except TooManyAttempts:
        return _account_page(request, problem="too_many", status=429)
    except NotSignedIn:
        return _account_page(request, problem="old", status=422)
    except WeakPassword:
        return _account_page(request, problem="weak", status=422)
    return _account_page(request, done="password")


@router.post("/account/keys")
def make_key(request: Request, name: Text = "", days: Annotated[int, Form(ge=1, le=366)] = _KEY_DAYS) -> HTMLResponse:
    """Make a key for scripts and show it this once."""
    person, account_id = _own(request)
    if not name.strip():
        return _account_page(request, problem="key_name", status=422)
    key = people.make_key(whole_store(request), account_id, name, days=days, author=person.name, origin="form")
    return _account_page(request, key=key)


@router.post("/account/keys/{key_id}/withdraw")
def withdraw_key(request: Request, key_id: int) -> Response:
    """Make a key good for nothing."""
    person, account_id = _own(request)
    people.withdraw_key(whole_store(request), account_id, key_id, author=person.name, origin="form")
    return RedirectResponse("/account", status_code=_SEE_OTHER)


@router.get("/accounts", response_class=HTMLResponse)
def accounts_page(request: Request) -> HTMLResponse:
    """List the accounts, for administrators."""
    return _accounts_page(request)


def _accounts_page(request: Request, *, problem: str = "", link: str = "", of: str = "", status: int = 200, **filled: str) -> HTMLResponse:
    _person, store = administrator_of(request)
    found = people.list_accounts(store)
    answer = render(
        request, "accounts.html", active="accounts", study=study_title(store), accounts=found, roles=list(Role),
        names=people.area_names(store, [code for each in found for code in each.areas or ()]), offered=people.areas_offered(store),
        problem=problem, of=of, link=f"{str(request.base_url).rstrip('/')}/welcome/{link}" if link else "", status=status,
        filled={"name": "", "display_name": "", "role": "viewer", "areas": "", **filled})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/accounts")
def create_account(
    request: Request, name: Text = "", display_name: Text = "", role: Text = "viewer", areas: Text = "",
    area: Annotated[list[str] | None, Form()] = None,
) -> HTMLResponse:
    """Make an account and show the link by which its owner sets a password."""
    person, store = administrator_of(request)
    areas = " ".join([areas, *(area or [])]).strip()
    try:
        account, link = people.create_account(
            store, name, role=role, areas=_codes(areas), display_name=display_name, author=person.name, origin="form")
    except AccountRefused as error:
        return _accounts_page(request, problem=error.kind, status=422, name=name, display_name=display_name, role=role, areas=areas)
    return _accounts_page(request, link=link, of=account.name)


@router.post("/accounts/{account_id}")
def change_account(
    request: Request, account_id: int, role: Text = "", areas: Text = "", what: Text = "change", everywhere: Annotated[bool, Form()] = False,
) -> Response:
    """Change what an account may do, lock or unlock it, or make a new link for its owner.

    A field that was emptied does not lift a limit: that all areas are meant is said.
    """
    person, store = administrator_of(request)
    by = {"author": person.name, "origin": "form"}
    try:
        if what == "link":
            return _accounts_page(request, link=people.reset_link(store, account_id), of=people.account_of(store, account_id).name)
        if what in ("lock", "unlock"):
            people.change_account(store, account_id, locked=what == "lock", **by)
        else:
            limit: Any = _codes(areas) or ("everywhere" if role != Role.ADMIN else None)
            if limit == "everywhere" and people.account_of(store, account_id).areas is not None and not everywhere:
                return _accounts_page(request, problem="emptied", status=422)
            people.change_account(store, account_id, role=role, areas=limit, **by)
    except AccountRefused as error:
        return _accounts_page(request, problem=error.kind, status=422)
    return RedirectResponse("/accounts", status_code=_SEE_OTHER)


def _codes(text: str) -> list[str] | None:
    """Return area codes as somebody writes them into one line; None for none."""
    for mark in "，、,;；":
        text = text.replace(mark, " ")
    return text.split() or None
