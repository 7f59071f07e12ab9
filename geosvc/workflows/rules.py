"""The rules by which a registry is kept: whether an administrator publishes, and how long a fact is fresh."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter
from geosvc.registry.moments import now
from geosvc.store.study import read_rules, write_rules

if TYPE_CHECKING:
    from geosvc.store.engine import Session, Store

_MOST_DAYS = 3660


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How the registry is kept.

    ``approval``: what an editor changes is a proposal until an administrator publishes it. ``review_days``:
    after how many days a facility that nobody changed or confirmed is due for review.
    """

    approval: bool = False
    review_days: int = 365

    def __post_init__(self) -> None:
        """Refuse a review that would never or always be due."""
        if not 1 <= self.review_days <= _MOST_DAYS:
            raise InvalidParameter(f"review_days must lie between 1 and {_MOST_DAYS}, got {self.review_days}")


def rules_in(session: Session) -> Rules:
    """Return the rules of a registry."""
    known = Rules.__dataclass_fields__
    return Rules(**{name: value for name, value in read_rules(session).items() if name in known})


def rules_of(store: Store) -> Rules:
    """Return the rules of a registry."""
    with store.reading() as session:
        return rules_in(session)


def change_rules(store: Store, *, author: str, **changes: Any) -> Rules:
    """Change rules; None leaves one as it is. The audit log says who did.

    Raises
    ------
    InvalidParameter
    """
    given = {name: value for name, value in changes.items() if value is not None}
    with store.writing() as session:
        rules = Rules(**{**asdict(rules_in(session)), **given})
        write_rules(session, {name: value for name, value in asdict(rules).items() if name in given}, at=now(), author=author)
    return rules
