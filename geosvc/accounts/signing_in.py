"""Signing in: by password, by key, by a one-time link; and being signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from geosvc.accounts import accounts
from geosvc.accounts.accounts import Account, name_key, person_of
from geosvc.accounts.passwords import fits
from geosvc.accounts.tokens import new_key, new_token, sha256_of
from geosvc.errors import InvalidInput, LinkNotFound, NotFound, NotSignedIn, TooManyAttempts
from geosvc.store.accounts import (
    ApiKeyRow,
    FailedSignInRow,
    OneTimeLinkRow,
    SignedInRow,
    account_by_key,
    count_failed,
    delete_expired,
    delete_failed,
    delete_links,
    key_by_sha256,
)
from geosvc.store.moments import now, text_of

if TYPE_CHECKING:
    from geosvc.accounts.people import Person
    from geosvc.store.engine import Session

_WINDOW_MINUTES = 15
# Wrong passwords within the window, after which nobody is asked any more: of one name from one
# address, of one address, of one name. The last is high: who knows a name must not lock its owner out.
_MOST_OF_BOTH, _MOST_OF_ADDRESS, _MOST_OF_NAME = 5, 30, 100
LINK_HOURS = 24
LONGEST_KEY_DAYS = 366


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """What a browser keeps: ``token`` in a cookie; it is nowhere else."""

    token: str
    csrf_token: str
    expires_at: str
    account: Account


def moment_in(**time: float) -> str:
    """Return the moment that lies some time ahead (or, negative, behind)."""
    return text_of(datetime.now(UTC) + timedelta(**time))


def check_attempts(session: Session, name: str, address: str) -> None:
    """Refuse to look at a password where too many were wrong lately.

    Raises
    ------
    TooManyAttempts
    """
    since = moment_in(minutes=-_WINDOW_MINUTES)
    key = name_key(name)
    if (
        count_failed(session, since, name_key=key, address=address) >= _MOST_OF_BOTH
        or count_failed(session, since, address=address) >= _MOST_OF_ADDRESS
        or count_failed(session, since, name_key=key) >= _MOST_OF_NAME
    ):
        raise TooManyAttempts(
            f"too many wrong passwords; wait {_WINDOW_MINUTES} minutes, or ask an administrator for a new link",
            retry_after_seconds=_WINDOW_MINUTES * 60)


def check_password(session: Session, name: str, password: str) -> tuple[int | None, str | None]:
    """Return (account, a better hash to keep); no account if name and password do not fit."""
    row = account_by_key(session, name_key(name))
    good, better = fits(password, None if row is None else row.password_hash)
    if row is None or not good or row.locked:
        return None, None
    return row.id, better


def note_attempt(session: Session, name: str, address: str) -> None:
    """Remember an attempt while it counts; it is forgotten if the password was right."""
    moment = now()
    delete_expired(session, moment, moment_in(minutes=-_WINDOW_MINUTES))
    session.add(FailedSignInRow(name_key=name_key(name)[:100], address=address, at=moment))


def forget_failures(session: Session, name: str) -> None:
    """Forget the attempts of a name: its owner is here."""
    delete_failed(session, name_key(name))


def begin(session: Session, account_id: int, *, hours: float) -> SignedIn:
    """Sign an account in.

    Raises
    ------
    NotSignedIn
        If it is locked.
    """
    account = accounts.get(session, account_id)
    if account.locked:
        raise NotSignedIn(f"the account {account.name} is locked; an administrator can unlock it")
    delete_expired(session, now(), moment_in(minutes=-_WINDOW_MINUTES))
    delete_failed(session, name_key(account.name))
    token, csrf_token, expires_at = new_token(), new_token(), moment_in(hours=hours)
    session.add(SignedInRow(
        token_sha256=sha256_of(token), account_id=account_id, csrf_token=csrf_token, created_at=now(), expires_at=expires_at))
    session.flush()
    return SignedIn(token=token, csrf_token=csrf_token, expires_at=expires_at, account=account)


def person_of_token(session: Session, token: str) -> Person | None:
    """Return who is signed in with a token; None if nobody is (any more)."""
    row = session.get(SignedInRow, sha256_of(token))
    if row is None or row.expires_at <= now():
        return None
    account = accounts.get(session, row.account_id)
    return None if account.locked else person_of(account, csrf_token=row.csrf_token)


def end(session: Session, token: str) -> None:
    """Sign out."""
    row = session.get(SignedInRow, sha256_of(token))
    if row is not None:
        session.delete(row)


def make_key(session: Session, account_id: int, name: str, *, days: int, author: str, origin: str) -> str:
    """Give an account a key for its scripts and return it: it is shown this once.

    Raises
    ------
    NotFound
    InvalidInput
        Without a name, or for longer than a year.
    """
    account = accounts.get(session, account_id)
    if not name.strip():
        raise InvalidInput("a key needs a name that says what it is for, such as 'monthly report'")
    if not 1 <= days <= LONGEST_KEY_DAYS:
        raise InvalidInput(f"a key lasts 1 to {LONGEST_KEY_DAYS} days, got {days}")
    key = new_key()
    session.add(ApiKeyRow(
        account_id=account.id, name=name.strip()[:100], hint=key[:12], key_sha256=sha256_of(key), expires_at=moment_in(days=days),
        withdrawn_at=None, recorded_at=now(), author=author, origin=origin,
    ))
    session.flush()
    return key


def withdraw_key(session: Session, account_id: int, key_id: int, *, author: str, origin: str) -> None:
    """Make a key good for nothing.

    Raises
    ------
    NotFound
    """
    row = session.get(ApiKeyRow, key_id)
    if row is None or row.account_id != account_id:
        raise NotFound(f"the account has no key {key_id}")
    if row.withdrawn_at is None:
        row.withdrawn_at = row.recorded_at = now()
        row.author, row.origin = author, origin


def person_of_key(session: Session, key: str) -> Person | None:
    """Return whose key this is; None if it is nobody's, ran out or was withdrawn."""
    row = key_by_sha256(session, sha256_of(key))
    if row is None or row.withdrawn_at is not None or row.expires_at <= now():
        return None
    account = accounts.get(session, row.account_id)
    return None if account.locked else person_of(account)


def make_link(session: Session, account_id: int | None) -> str:
    """Return the token of a link with which a password can be set once, within a day.

    Without an account it is for the first administrator. Earlier links stop working.

    Raises
    ------
    NotFound, InvalidInput
        If the account is not there or locked; for the first administrator, if there are accounts.
    """
    if account_id is None:
        if accounts.exist(session):
            raise InvalidInput("there are accounts already; an administrator makes further ones")
    elif accounts.get(session, account_id).locked:
        raise InvalidInput("the account is locked; unlock it first")
    delete_links(session, account_id)
    token = new_token()
    session.add(OneTimeLinkRow(
        token_sha256=sha256_of(token), account_id=account_id, created_at=now(), expires_at=moment_in(hours=LINK_HOURS)))
    session.flush()
    return token


def account_of_link(session: Session, token: str) -> Account | None:
    """Return whose link this is; None for the first administrator's.

    Raises
    ------
    NotFound
        If the link is nobody's, was used or ran out.
    """
    row = session.get(OneTimeLinkRow, sha256_of(token))
    if row is None or row.expires_at <= now() or (row.account_id is None and accounts.exist(session)):
        raise LinkNotFound("this link is not good (any more): it works once, for a day; ask for a new one")
    return None if row.account_id is None else accounts.get(session, row.account_id)


def use_link(session: Session, token: str, password: str, *, name: str | None = None) -> Account:
    """Set a password by a link; the first administrator's makes the account.

    Raises
    ------
    NotFound, InvalidInput
    """
    account = account_of_link(session, token)
    row = session.get(OneTimeLinkRow, sha256_of(token))
    if account is None:
        made = accounts.create(session, name or "", role="admin", password=password, author=(name or "").strip(), origin="first-start")
        session.delete(row)
        delete_links(session, None)
        return made
    return accounts.set_password(session, account.id, password, author=account.name, origin="link")
