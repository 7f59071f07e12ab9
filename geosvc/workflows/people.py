"""Signing in and accounts, for pages, API and command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.accounts import accounts, signing_in
from geosvc.accounts.people import Person
from geosvc.accounts.tokens import sha256_of
from geosvc.errors import AccountRefused, NotSignedIn
from geosvc.registry import areas
from geosvc.store.accounts import account_by_id, account_by_key
from geosvc.store.areas import AreaQuery, select_area_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.accounts.accounts import Account
    from geosvc.accounts.provider import Identity
    from geosvc.accounts.signing_in import SignedIn
    from geosvc.store.engine import Session, Store

_MOST_OFFERED = 60


def sign_in(store: Store, name: str, password: str, *, address: str, hours: float) -> SignedIn:
    """Sign in by name and password.

    Raises
    ------
    NotSignedIn
        If they do not fit; which of the two is not said.
    TooManyAttempts
    """
    account_id, better = _checked(store, name, password, address)
    if account_id is None:
        raise NotSignedIn("name and password do not fit; mind capital letters, or ask an administrator for a new link")
    with store.writing() as session:
        row = account_by_id(session, account_id)
        if better is not None and row is not None:
            row.password_hash = better
        return signing_in.begin(session, account_id, hours=hours)


def _checked(store: Store, name: str, password: str, address: str) -> tuple[int | None, str | None]:
    """Return (account, a better hash), having counted the attempt first: many at once are no way around the limit."""
    with store.writing() as session:
        signing_in.check_attempts(session, name, address)
        signing_in.note_attempt(session, name, address)
    with store.reading() as session:
        return signing_in.check_password(session, name, password)  # slow on purpose: no lock is held


def sign_in_known(store: Store, account_id: int, *, hours: float) -> SignedIn:
    """Sign in somebody who was recognised otherwise: by a link, or by an identity provider."""
    with store.writing() as session:
        return signing_in.begin(session, account_id, hours=hours)


def sign_in_recognised(store: Store, identity: Identity, *, hours: float) -> SignedIn:
    """Sign in somebody whom the identity provider knows: by what it calls them, the first time by the account's name.

    Raises
    ------
    NotSignedIn
        If no account here is meant for them.
    """
    with store.writing() as session:
        account = accounts.of_subject(session, identity.subject)
        if account is None:
            account = _first_time(session, identity)
        return signing_in.begin(session, account.id, hours=hours)


def _first_time(session: Session, identity: Identity) -> Account:
    row = account_by_key(session, accounts.name_key(identity.name or ""))
    if row is None or row.oidc_subject is not None:
        raise NotSignedIn(f"there is no account here for {identity.name or identity.subject!r}; an administrator can make one of that name")
    return accounts.change(session, row.id, oidc_subject=identity.subject, author=row.name, origin="provider")


def sign_out(store: Store, token: str) -> None:
    """Sign a browser out."""
    with store.writing() as session:
        signing_in.end(session, token)


def person_of_token(store: Store, token: str) -> Person | None:
    """Return who is signed in with a token."""
    with store.reading() as session:
        return signing_in.person_of_token(session, token)


def person_of_key(store: Store, key: str) -> Person | None:
    """Return whose key this is."""
    with store.reading() as session:
        return signing_in.person_of_key(session, key)


def needs_first(store: Store) -> bool:
    """Return whether nobody has an account yet."""
    with store.reading() as session:
        return not accounts.exist(session)


def first_link(store: Store) -> str | None:
    """Return the token of a link for the first administrator; None if there are accounts."""
    with store.writing() as session:
        return None if accounts.exist(session) else signing_in.make_link(session, None)


def owner_of_link(store: Store, token: str) -> Account | None:
    """Return whose link this is; None for the first administrator's.

    Raises
    ------
    NotFound
    """
    with store.reading() as session:
        return signing_in.account_of_link(session, token)


def use_link(store: Store, token: str, password: str, *, name: str | None, hours: float) -> SignedIn:
    """Set a password by a link, and sign in with it.

    Raises
    ------
    NotFound, InvalidInput
    """
    with store.writing() as session:
        account = signing_in.use_link(session, token, password, name=name)
        return signing_in.begin(session, account.id, hours=hours)


def list_accounts(store: Store) -> list[Account]:
    """Return all accounts by name."""
    with store.reading() as session:
        return accounts.find(session)


def account_of(store: Store, account_id: int) -> Account:
    """Return an account.

    Raises
    ------
    NotFound
    """
    with store.reading() as session:
        return accounts.get(session, account_id)


def account_named(store: Store, name: str) -> Account:
    """Return the account of a name.

    Raises
    ------
    NotFound
    """
    with store.reading() as session:
        return accounts.named(session, name)


def create_account(
    store: Store, name: str, *, role: str, areas: Sequence[str] | None, display_name: str | None = None,
    oidc_subject: str | None = None, author: str, origin: str,
) -> tuple[Account, str]:
    """Make an account and return it with the token of the link by which its owner sets a password.

    Raises
    ------
    InvalidInput
        Also if an area is not known.
    """
    with store.writing() as session:
        _check_areas(session, areas)
        made = accounts.create(session, name, role=role, areas=areas, display_name=display_name, oidc_subject=oidc_subject,
                               author=author, origin=origin)
        return made, signing_in.make_link(session, made.id)


def change_account(
    store: Store, account_id: int, *, author: str, origin: str, areas: Sequence[str] | str | None = None, **changes: Any
) -> Account:
    """Change what an account may do; see :func:`geosvc.accounts.accounts.change`."""
    with store.writing() as session:
        _check_areas(session, None if isinstance(areas, str) else areas)
        return accounts.change(session, account_id, author=author, origin=origin, areas=areas, **changes)


def reset_link(store: Store, account_id: int) -> str:
    """Return the token of a link by which the owner of an account sets a new password.

    Raises
    ------
    NotFound, InvalidInput
    """
    with store.writing() as session:
        return signing_in.make_link(session, account_id)


def change_own_password(store: Store, person: Person, old: str, new: str, *, address: str, token: str | None) -> None:
    """Change one's own password; other browsers are signed out.

    Raises
    ------
    NotSignedIn, TooManyAttempts, InvalidInput
    """
    if person.account_id is None:
        raise NotSignedIn("sign in first")
    known, _better = _checked(store, person.name, old, address)
    if known != person.account_id:
        raise NotSignedIn("the present password does not fit")
    with store.writing() as session:
        signing_in.forget_failures(session, person.name)
        accounts.set_password(session, known, new, author=person.name, origin="form",
                              but=None if token is None else sha256_of(token))


def keys_of(store: Store, account_id: int) -> list[dict[str, Any]]:
    """Return the keys of an account, without what makes them keys."""
    with store.reading() as session:
        return [dict(each) for each in accounts.keys_of(session, account_id)]


def make_key(store: Store, account_id: int, name: str, *, days: int, author: str, origin: str) -> str:
    """Return a new key for scripts; it is shown this once.

    Raises
    ------
    NotFound, InvalidInput
    """
    with store.writing() as session:
        return signing_in.make_key(session, account_id, name, days=days, author=author, origin=origin)


def withdraw_key(store: Store, account_id: int, key_id: int, *, author: str, origin: str) -> None:
    """Make a key good for nothing.

    Raises
    ------
    NotFound
    """
    with store.writing() as session:
        signing_in.withdraw_key(session, account_id, key_id, author=author, origin=origin)


def area_names(store: Store, codes: Sequence[str]) -> dict[str, str]:
    """Return the names of areas by code."""
    with store.reading() as session:
        return dict(select_area_names(session, AreaQuery(codes=sorted(set(codes))), limit=len(set(codes)) + 1))


def areas_offered(store: Store) -> list[tuple[str, str]]:
    """Return (code, name) of what an account may be limited to; nothing where it is too much to choose from."""
    query = AreaQuery(levels=["prefecture", "county", "township", "zone"])
    with store.reading() as session:
        found = select_area_names(session, query, limit=_MOST_OFFERED + 1)
    return found if len(found) <= _MOST_OFFERED else []


def _check_areas(session: Session, codes: Sequence[str] | None) -> None:
    if not codes:
        return
    known = {each.code for each in areas.find(session, AreaQuery(codes=list(codes)))}
    missing = sorted(set(codes) - known)
    if missing:
        raise AccountRefused(f"no area has the code {', '.join(missing)}; /api/collections/areas/items lists them", "unknown_area")
