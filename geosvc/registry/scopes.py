"""Which codes the areas of an account mean: members of zones, codes of before and after a reform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery, select_areas, select_parents_elsewhere
from geosvc.store.scope import inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.registry.successions import Link
    from geosvc.store.engine import Session


def codes_meant(session: Session, areas: Sequence[str]) -> tuple[str, ...]:
    """Return the codes that some areas mean today, in order; what lies below a code is not named.

    - A zone of members means its members as well, as they are called today.
    - A division means what it has become, where that was made of nothing else: an account of one of
      two townships that were merged does not get the other.
    - Areas that name one of these as the one above them lie in it, whatever their code.
    - A division means the codes that it had: facilities keep the code that they were registered
      with. Of one that was split, that is so only where all parts are meant.

    Parameters
    ----------
    session : Session
        One without a limit.
    areas : sequence of str
    """
    links = successions(session).links
    found, taken = _members(session, areas, links), _there_today(session, links)
    _add_becomings(found, links, taken)
    _add_below(found, select_parents_elsewhere(session))
    _add_before(found, links, taken)
    return tuple(sorted(code for code in found if not inside(code, sorted(found - {code}))))


def _members(session: Session, areas: Sequence[str], links: Sequence[Link]) -> set[str]:
    """Return areas with the members of zones, and those of zones among them."""
    found, asked = set(areas), set(areas)
    while asked:
        zones = select_areas(session, AreaQuery(codes=sorted(asked), has_members=True))
        members = {str(code) for zone in zones for code in zone.members or ()}
        told = {new for code in members for new in _became(code, links)}
        asked = told - found
        found |= told
    return found


def _became(code: str, links: Sequence[Link]) -> set[str]:
    codes = {code}
    for step in _by_day(links):
        gone = {link.old for link in step} & codes
        codes = (codes - gone) | {link.new for link in step if link.old in gone}
    return codes


def _by_day(links: Sequence[Link]) -> list[list[Link]]:
    return [[link for link in links if link.day == day] for day in dict.fromkeys(link.day for link in links)]


def _add_becomings(found: set[str], links: Sequence[Link], taken: set[str]) -> None:
    for step in _by_day(links):
        made_of = {new: {link.old for link in step if link.new == new} for new in {link.new for link in step}}
        lying = sorted(found)
        found.update(new for new, olds in made_of.items() if all(inside(old, lying) and old not in taken for old in olds))


def _add_below(found: set[str], parents: Sequence[tuple[str, str]]) -> None:
    size = -1
    while size != len(found):
        size, lying = len(found), sorted(found)
        found.update(code for code, parent in parents if inside(parent, lying))


def _add_before(found: set[str], links: Sequence[Link], taken: set[str]) -> None:
    for step in reversed(_by_day(links)):
        became = {old: {link.new for link in step if link.old == old} for old in {link.old for link in step}}
        lying = sorted(found)
        found.update(old for old, news in became.items() if old not in taken and all(inside(new, lying) for new in news))


def _there_today(session: Session, links: Sequence[Link]) -> set[str]:
    """Return the old codes that some division has today: such a code means that division, not what became of another."""
    olds = sorted({link.old for link in links})
    return {row.code for row in select_areas(session, AreaQuery(codes=olds))} if olds else set()
