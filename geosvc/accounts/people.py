"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from geosvc.errors import NotAllowed, NotSignedIn
from geosvc.store.scope import inside


class Role(StrEnum):
    """What an account is for; each may do what the one before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    EDITOR = "editor"
    ADMIN = "admin"


class Right(StrEnum):
    """One thing that an account may do."""

    READ = "read"
    MEASURE = "measure"
    EDIT = "edit"
    SEE_CONTACTS = "see_contacts"
    ADMINISTER = "administer"


_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.ANALYST: frozenset({Right.READ, Right.MEASURE}),
    Role.EDITOR: frozenset({Right.READ, Right.MEASURE, Right.EDIT, Right.SEE_CONTACTS}),
    Role.ADMIN: frozenset(Right),
}
# What a person is told who may not.
_NEEDED = {
    Right.READ: "reading needs an account",
    Right.MEASURE: "measuring needs an analyst, an editor or an administrator",
    Right.EDIT: "changing the registry needs an editor or an administrator",
    Right.SEE_CONTACTS: "contacts are personal data: seeing them needs an editor or an administrator",
    Right.ADMINISTER: "this needs an administrator",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who asks; ``areas`` None is everywhere, ``account_id`` None is nobody in particular.

    ``csrf_token`` belongs to a browser that is signed in; a key has none and needs none.
    """

    name: str
    rights: frozenset[Right]
    role: Role | None = None
    areas: tuple[str, ...] | None = None
    account_id: int | None = None
    display_name: str | None = None
    csrf_token: str | None = None

    @property
    def signed_in(self) -> bool:
        """Whether it is known who this is."""
        return self.account_id is not None

    def may(self, right: Right) -> bool:
        """Return whether this person has a right."""
        return right in self.rights

    def must(self, right: Right) -> None:
        """Refuse who has not a right.

        Raises
        ------
        NotSignedIn
            If it is not known who asks: somebody known might be allowed.
        NotAllowed
        """
        if self.may(right):
            return
        if not self.signed_in:
            raise NotSignedIn(f"{_NEEDED[right]}; sign in, or send an API key as 'Authorization: Bearer …'")
        raise NotAllowed(f"{_NEEDED[right]}; {self.name} is {self.role}")

    def must_everywhere(self, right: Right) -> None:
        """Refuse who has not a right, or has it for some areas only.

        Raises
        ------
        NotSignedIn, NotAllowed
        """
        self.must(right)
        if self.areas is not None:
            raise NotAllowed(f"this concerns every area; {self.name} is limited to {', '.join(self.areas) or 'none'}")

    def reaches(self, area_code: str | None) -> bool:
        """Return whether an area lies in those of this person."""
        return self.areas is None or inside(area_code, self.areas)


def rights_of(role: Role) -> frozenset[Right]:
    """Return what a role may do."""
    return _RIGHTS[role]


def anonymous(*, public_read: bool) -> Person:
    """Return somebody who has not signed in."""
    return Person(name="anonymous", rights=frozenset({Right.READ}) if public_read else frozenset())
