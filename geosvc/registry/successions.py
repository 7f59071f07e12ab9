"""What divisions became: codes of one day told in the codes of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geosvc.registry.moments import PRESENT, AsOf
from geosvc.store.areas import select_successions

if TYPE_CHECKING:
    from geosvc.store.engine import Session


@dataclass(frozen=True, kw_only=True)
class Link:
    """A division became another on a day."""

    old: str
    new: str
    day: str
    note: str | None = None


@dataclass(frozen=True)
class Successions:
    """The links until a day, in the order of their days.

    Examples
    --------
    A township gets a new code, then is merged; another is split:

    >>> links = Successions((Link(old="1", new="2", day="2019-05-01"), Link(old="2", new="3", day="2021-01-01"),
    ...                      Link(old="7", new="8", day="2021-01-01"), Link(old="7", new="9", day="2021-01-01")))
    >>> links.now("1"), links.now("3"), links.now("7"), links.before("3")
    (('3',), ('3',), ('8', '9'), ('1', '2'))
    """

    links: tuple[Link, ...] = ()

    def now(self, code: str, *, since: str = "") -> tuple[str, ...]:
        """Return what a code has become: itself where nothing happened, several where it was split.

        ``since`` leaves out what happened before a day.
        """
        codes = {code}
        for day in dict.fromkeys(link.day for link in self.links if link.day >= since):
            step = [link for link in self.links if link.day == day]
            gone = {link.old for link in step} & codes
            codes = (codes - gone) | {link.new for link in step if link.old in gone}
        return tuple(sorted(codes))

    def one(self, code: str, *, since: str = "") -> str | None:
        """Return the one code that a code has become; None where it was split."""
        found = self.now(code, since=since)
        return found[0] if len(found) == 1 else None

    def parts_of(self, code: str, *, since: str = "") -> tuple[str, ...]:
        """Return the codes that were there before a day and together are a code now; the code itself where nothing happened.

        Examples
        --------
        >>> merged = Successions((Link(old="1", new="1", day="2021-01-01"), Link(old="2", new="1", day="2021-01-01")))
        >>> merged.parts_of("1", since="2020-01-01"), merged.parts_of("1", since="2022-01-01")
        (('1', '2'), ('1',))
        """
        later = [link for link in self.links if link.day >= since]
        initial: set[str] = set()
        appeared: set[str] = set()
        for day in dict.fromkeys(link.day for link in later):
            step = [link for link in later if link.day == day]
            initial.update(link.old for link in step if link.old not in appeared)
            appeared.update(link.new for link in step)
        if code not in appeared:
            return (code,)
        return tuple(sorted(old for old in initial if self.one(old, since=since) == code))

    def before(self, code: str) -> tuple[str, ...]:
        """Return the old codes that have become a code wholly."""
        return tuple(sorted({link.old for link in self.links if link.old != code and self.now(link.old) == (code,)}))


def successions(session: Session, as_of: AsOf = PRESENT) -> Successions:
    """Return what divisions had become on a day, as it was known at a moment."""
    rows = select_successions(session, until=as_of.day, recorded_at=as_of.recorded_at)
    return Successions(tuple(Link(old=row.old_code, new=row.new_code, day=row.day, note=row.note) for row in rows))
