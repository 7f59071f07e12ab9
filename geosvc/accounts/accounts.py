"""Accounts: making them, changing what they may do, locking them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geosvc.accounts.passwords import hash_password
from geosvc.accounts.people import Person, Role, rights_of
from geosvc.errors import AccountRefused, NotFound
from geosvc.store.accounts import (
    AccountRow,
    account_by_id,
    account_by_key,
    account_by_subject,
    count_accounts,
    delete_links,
    delete_signed_in,
    select_accounts,
    select_keys,
)
from geosvc.store.moments import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Session

_LONGEST_NAME = 60
_EVERYWHERE = "everywhere"


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account as a reader sees it; ``areas`` None is everywhere."""

    id: int
    name: str
    display_name: str | None
    role: Role
    areas: tuple[str, ...] | None
    locked: bool
    has_password: bool
    oidc_subject: str | None
    changed_at: str
    changed_by: str


def name_key(name: str) -> str:
    """Return a name as it is compared: two accounts never look alike."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def create(
    session: Session, name: str, *, role: str, areas: Sequence[str] | None = None, display_name: str | None = None,
    password: str | None = None, oidc_subject: str | None = None, author: str, origin: str,
) -> Account:
    """Make an account.

    Parameters
    ----------
    session : Session
    name : str
        What its owner signs in with.
    role : str
    areas : sequence of str or None
        Codes of the areas it is limited to; None is everywhere. An administrator has no limit.
    display_name : str or None
    password : str or None
        None until its owner sets one by a one-time link.
    oidc_subject : str or None
        What the identity provider calls its owner.
    author, origin : str

    Raises
    ------
    AccountRefused
        If the name is empty, too long or taken, the role unknown, or an administrator is limited.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    if not name or len(name) > _LONGEST_NAME or any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name):
        raise AccountRefused(f"an account's name has 1 to {_LONGEST_NAME} printed characters, got {name!r}")
    if account_by_key(session, name_key(name)) is not None:
        raise AccountRefused(f"there is an account {name!r} already; take another name, or change that one", "taken")
    row = AccountRow(
        name=name, name_key=name_key(name), display_name=_text(display_name), role=_role(role), areas=_areas(role, areas),
        locked=False, password_hash=None if password is None else hash_password(password, name=name),
        oidc_subject=_text(oidc_subject), recorded_at=now(), author=author, origin=origin, reason=None,
    )
    session.add(row)
    session.flush()
    return _read(row)


def change(
    session: Session, account_id: int, *, author: str, origin: str, role: str | None = None,
    areas: Sequence[str] | str | None = None, display_name: str | None = None, locked: bool | None = None,
    oidc_subject: str | None = None,
) -> Account:
    """Change what an account may do; None leaves a part as it is, ``areas="everywhere"`` lifts the limit.

    Whoever is locked is signed out at once.

    Raises
    ------
    NotFound
    AccountRefused
        If no administrator would be left who can sign in.
    """
    row = _row(session, account_id)
    was_admin = row.role == Role.ADMIN and not row.locked
    row.role = row.role if role is None else _role(role)
    given = row.areas if areas is None else None if areas == _EVERYWHERE else list(areas)
    row.areas = None if row.role == Role.ADMIN and areas is None else _areas(row.role, given)
    row.display_name = row.display_name if display_name is None else _text(display_name)
    row.oidc_subject = row.oidc_subject if oidc_subject is None else _text(oidc_subject)
    row.locked = row.locked if locked is None else locked
    row.recorded_at, row.author, row.origin = now(), author, origin
    if row.locked:
        delete_signed_in(session, account_id)
        delete_links(session, account_id)
        for key in select_keys(session, account_id):
            if key.withdrawn_at is None:
                key.withdrawn_at = key.recorded_at = now()
                key.author, key.origin = author, origin
    session.flush()
    if was_admin and not count_accounts(session, role=Role.ADMIN, locked=False, can_sign_in=True):
        raise AccountRefused(f"{row.name} is the last administrator who can sign in; make another one first", "last")
    return _read(row)


def set_password(session: Session, account_id: int, password: str, *, author: str, origin: str, but: str | None = None) -> Account:
    """Give an account a password; it is signed out everywhere, but for the browser with the checksum ``but``.

    Raises
    ------
    NotFound, InvalidInput
    """
    row = _row(session, account_id)
    row.password_hash = hash_password(password, name=row.name)
    row.recorded_at, row.author, row.origin = now(), author, origin
    delete_signed_in(session, account_id, but=but)
    delete_links(session, account_id)
    session.flush()
    return _read(row)


def find(session: Session) -> list[Account]:
    """Return all accounts by name."""
    return [_read(row) for row in select_accounts(session)]


def get(session: Session, account_id: int) -> Account:
    """Return an account.

    Raises
    ------
    NotFound
    """
    return _read(_row(session, account_id))


def named(session: Session, name: str) -> Account:
    """Return the account of a name.

    Raises
    ------
    NotFound
    """
    row = account_by_key(session, name_key(name))
    if row is None:
        raise NotFound(f"no account is called {name!r}; geosvc accounts lists them")
    return _read(row)


def of_subject(session: Session, subject: str) -> Account | None:
    """Return the account of somebody whom the identity provider calls this."""
    row = account_by_subject(session, subject)
    return None if row is None else _read(row)


def exist(session: Session) -> bool:
    """Return whether there is any account."""
    return count_accounts(session) > 0


def person_of(account: Account, *, csrf_token: str | None = None) -> Person:
    """Return the person behind an account; one that is locked may nothing."""
    return Person(
        name=account.name, display_name=account.display_name, role=account.role, areas=account.areas, account_id=account.id,
        rights=frozenset() if account.locked else rights_of(account.role), csrf_token=csrf_token,
    )


def keys_of(session: Session, account_id: int) -> list[dict[str, str | int | None]]:
    """Return the keys of an account, newest first, without what makes them keys."""
    return [
        {"id": row.id, "name": row.name, "hint": row.hint, "created_at": row.recorded_at, "expires_at": row.expires_at,
         "withdrawn_at": row.withdrawn_at}
        for row in select_keys(session, account_id)
    ]


def _row(session: Session, account_id: int) -> AccountRow:
    row = account_by_id(session, account_id)
    if row is None:
        raise NotFound(f"no account has the id {account_id}")
    return row


def _role(text: str) -> str:
    try:
        return Role(text).value
    except ValueError:
        raise AccountRefused(f"a role is one of {', '.join(Role)}; got {text!r}", "role") from None


def _areas(role: str, areas: Sequence[str] | None) -> list[str] | None:
    if areas is None:
        return None
    if role == Role.ADMIN:
        raise AccountRefused("an administrator is not limited to areas; make an editor, or leave the areas out", "admin_areas")
    codes = sorted({code.strip() for code in areas} - {""})
    if not codes:
        raise AccountRefused("an account that is limited needs at least one area code; leave the areas out for everywhere", "no_areas")
    return codes


def _text(text: str | None) -> str | None:
    return (text or "").strip() or None


def _read(row: AccountRow) -> Account:
    return Account(
        id=row.id, name=row.name, display_name=row.display_name, role=Role(row.role),
        areas=None if row.areas is None else tuple(row.areas), locked=row.locked, has_password=row.password_hash is not None,
        oidc_subject=row.oidc_subject, changed_at=row.recorded_at, changed_by=row.author,
    )
