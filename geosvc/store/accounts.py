"""Accounts of people, and what they sign in with: sessions, keys, one-time links.

Nothing secret is kept: of a password its argon2 hash, of a token its SHA-256.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class AccountRow(Audited, Base):
    """One person; ``areas`` None is everywhere, else the codes of areas that account is limited to."""

    __tablename__ = "account"
    subject_kind = "account"
    subject_key: ClassVar = ("id",)
    # No secret and no personal data is in the log, not even their checksum.
    outside_content: ClassVar = Audited.outside_content | {"password_hash", "display_name", "oidc_subject", "reason"}
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  SQLAlchemy reads it

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str | None]
    role: Mapped[str]
    areas: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    locked: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None]
    oidc_subject: Mapped[str | None] = mapped_column(unique=True)
    recorded_at: Mapped[str]
    author: Mapped[str]
    origin: Mapped[str]
    reason: Mapped[str | None]


class SignedInRow(Base):
    """One browser that is signed in."""

    __tablename__ = "signed_in"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    csrf_token: Mapped[str]
    created_at: Mapped[str]
    expires_at: Mapped[str]


class ApiKeyRow(Audited, Base):
    """One key of a script; ``hint`` is its beginning, to tell keys apart."""

    __tablename__ = "api_key"
    subject_kind = "api_key"
    subject_key: ClassVar = ("id",)
    outside_content: ClassVar = Audited.outside_content | {"key_sha256", "name", "used_at"}

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str]
    hint: Mapped[str]
    key_sha256: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[str]
    withdrawn_at: Mapped[str | None]
    recorded_at: Mapped[str]
    author: Mapped[str]
    origin: Mapped[str]


class OneTimeLinkRow(Base):
    """A link that lets somebody set a password once; without an account it makes the first administrator."""

    __tablename__ = "one_time_link"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[str]
    expires_at: Mapped[str]


class FailedSignInRow(Base):
    """One wrong password, kept while it counts."""

    __tablename__ = "failed_sign_in"
    __table_args__ = (Index("ix_failed_sign_in_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name_key: Mapped[str]
    address: Mapped[str]
    at: Mapped[str]


def account_by_id(session: Session, account_id: int) -> AccountRow | None:
    """Return an account."""
    return session.get(AccountRow, account_id)


def account_by_key(session: Session, name_key: str) -> AccountRow | None:
    """Return the account whose folded name is this."""
    return session.scalar(select(AccountRow).where(AccountRow.name_key == name_key))


def account_by_subject(session: Session, subject: str) -> AccountRow | None:
    """Return the account that an identity provider calls this."""
    return session.scalar(select(AccountRow).where(AccountRow.oidc_subject == subject))


def select_accounts(session: Session) -> list[AccountRow]:
    """Return all accounts by name."""
    return list(session.scalars(select(AccountRow).order_by(AccountRow.name_key)))


def count_accounts(session: Session, *, role: str | None = None, locked: bool | None = None, can_sign_in: bool = False) -> int:
    """Return how many accounts there are, or how many that have something to sign in with."""
    statement = select(func.count()).select_from(AccountRow)
    if role is not None:
        statement = statement.where(AccountRow.role == role)
    if locked is not None:
        statement = statement.where(AccountRow.locked.is_(locked))
    if can_sign_in:
        statement = statement.where(or_(AccountRow.password_hash.is_not(None), AccountRow.oidc_subject.is_not(None)))
    return int(session.scalar(statement) or 0)


def key_by_sha256(session: Session, sha256: str) -> ApiKeyRow | None:
    """Return the key with that checksum."""
    return session.scalar(select(ApiKeyRow).where(ApiKeyRow.key_sha256 == sha256))


def select_keys(session: Session, account_id: int) -> list[ApiKeyRow]:
    """Return the keys of an account, newest first."""
    return list(session.scalars(select(ApiKeyRow).where(ApiKeyRow.account_id == account_id).order_by(ApiKeyRow.id.desc())))


def delete_signed_in(session: Session, account_id: int, *, but: str | None = None) -> None:
    """Sign an account out everywhere, but for one browser."""
    statement = delete(SignedInRow).where(SignedInRow.account_id == account_id)
    session.execute(statement if but is None else statement.where(SignedInRow.token_sha256 != but))


def delete_links(session: Session, account_id: int | None) -> None:
    """Take back the links of an account; None: those for the first administrator."""
    session.execute(delete(OneTimeLinkRow).where(OneTimeLinkRow.account_id.is_(None) if account_id is None else OneTimeLinkRow.account_id == account_id))


def delete_expired(session: Session, moment: str, failed_before: str) -> None:
    """Forget sessions, links and wrong passwords whose time is over."""
    for table in (SignedInRow, OneTimeLinkRow):
        session.execute(delete(table).where(table.expires_at <= moment))
    session.execute(delete(FailedSignInRow).where(FailedSignInRow.at <= failed_before))


def count_failed(session: Session, since: str, *, name_key: str | None = None, address: str | None = None) -> int:
    """Return how many wrong passwords there were since a moment."""
    statement = select(func.count()).select_from(FailedSignInRow).where(FailedSignInRow.at > since)
    if name_key is not None:
        statement = statement.where(FailedSignInRow.name_key == name_key)
    if address is not None:
        statement = statement.where(FailedSignInRow.address == address)
    return int(session.scalar(statement) or 0)


def delete_failed(session: Session, name_key: str) -> None:
    """Forget the wrong passwords of a name."""
    session.execute(delete(FailedSignInRow).where(FailedSignInRow.name_key == name_key))
