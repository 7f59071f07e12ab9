"""Areas as people call them: by code, or by a name that one area alone has."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geosvc.registry.areas import LEVELS, ZONE
from geosvc.registry.imports.tables import plain
from geosvc.registry.locating import codes_above
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery, select_area_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from geosvc.store.engine import Session

_LEVELS = tuple(each for each in LEVELS if each != ZONE)
_MOST_AREAS = 1_000_000


@dataclass(frozen=True)
class KnownAreas:
    """The areas of a registry: their codes, those of former days too, and the codes of each name."""

    codes: frozenset[str]
    by_name: Mapping[str, frozenset[str]]

    def code_of(self, text: str) -> str | None:
        """Return the code that a text means: itself, or that of the one area of this name; None if there is not just one.

        Examples
        --------
        >>> known = known_areas_of([("220622", "靖宇县"), ("220622102", "龙泉镇"), ("220622102201", "东村"), ("220622103205", "东村")])
        >>> known.code_of("220622102"), known.code_of("龙泉镇"), known.code_of("靖宇县龙泉镇"), known.code_of("龙泉镇东村")
        ('220622102', '220622102', '220622102', '220622102201')
        >>> known.code_of("东村") is None, known.code_of("西镇") is None
        (True, True)
        """
        word = plain(text)
        if word in self.codes:
            return word
        found = self.by_name.get("".join(word.split()), frozenset())
        return next(iter(found)) if len(found) == 1 else None


def known_areas_of(areas: Iterable[tuple[str, str]], former: Iterable[str] = ()) -> KnownAreas:
    """Return what is known of areas, given as (code, name); ``former`` are codes of divisions that ended.

    A name counts alone, and behind that of each area above it: 东村, 龙泉镇东村, 靖宇县东村.
    """
    name_of = dict(areas)
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for code, name in name_of.items():
        by_name[plain(name)].add(code)
        for above in codes_above(code)[1:]:
            if above in name_of:
                by_name[plain(name_of[above]) + plain(name)].add(code)
    return KnownAreas(frozenset({*name_of, *former}), {name: frozenset(codes) for name, codes in by_name.items()})


def known_areas(session: Session) -> KnownAreas:
    """Return the areas that are registered today; zones are no area of a facility."""
    former = {link.old for link in successions(session).links}
    return known_areas_of(select_area_names(session, AreaQuery(levels=_LEVELS), limit=_MOST_AREAS), former)
