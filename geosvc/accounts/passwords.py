"""Passwords: what is asked of one, and its hash (argon2id, by pwdlib)."""

from __future__ import annotations

from functools import cache

from pwdlib import PasswordHash

from geosvc.errors import WeakPassword

SHORTEST = 10
LONGEST = 200
_FEWEST_DIFFERENT = 5
# Not a list of rules but of the passwords that are tried first.
_TRIED_FIRST = ("1234567890", "0123456789", "password", "qwertyuiop", "admin", "geosvc", "11111", "88888", "66666", "abc123")


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobodys() -> str:
    """Return a hash that no password fits: it is checked where there is no account, so that both take as long."""
    return _hasher().hash("nobody signs in with this")


def hash_password(password: str, *, name: str) -> str:
    """Return the hash of a new password.

    Raises
    ------
    WeakPassword
        If it is too short, too long, made of few letters, or begins with what is tried first.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"a password needs {SHORTEST} to {LONGEST} characters, got {len(password)}; a sentence is easy to remember")
    folded = password.casefold()
    if len(set(folded)) < _FEWEST_DIFFERENT or folded.startswith(_TRIED_FIRST) or (name and name.casefold() in folded):
        raise WeakPassword("this password is among those that are tried first; take one without the account's name, and not one in everybody's list")
    return _hasher().hash(password)


def fits(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Return (whether a password fits its hash, a better hash to keep or None).

    Without a hash nothing fits, and it takes as long to say so.
    """
    if len(password) > LONGEST:
        return False, None
    good, better = _hasher().verify_and_update(password, password_hash or _nobodys())
    return (good, better) if password_hash else (False, None)
