"""Blank spots: townships and villages without the facility that a rule asks for, and what stands in its place.

What is not known is never a blank spot: a county of which the registry holds no facility of the class
at all is not computable, and an area in which a facility may stand whose village nobody told is undecided.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import DefinitionError, InvalidParameter
from geosvc.registry.areas import LEVELS
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import PositionMethod
from geosvc.registry.locating import codes_above

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from geosvc.coverage.tree import AreaTree
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ORIGINS = ("plan", "national_guidance", "default")


class SpotState(StrEnum):
    """What is known of an area; the first that is true counts."""

    NOT_ASKED = "not_asked"
    HELD = "held"
    JOINT = "joint"
    EXTENDED = "extended"
    POSTED = "posted"
    MOBILE = "mobile"
    MODE_UNKNOWN = "mode_unknown"
    EXEMPT = "exempt"
    NOT_COMPUTABLE = "not_computable"
    UNDECIDED = "undecided"
    BLANK = "blank"


# The service modes as the registry writes them; own is that of a facility for its own area.
OWN = "own"
MODES = {"自设": OWN, "联合设置": "joint", "邻村延伸": "extended", "派驻": "posted", "流动巡诊": "mobile"}
By = tuple["Registered", "str | None"]
_COUNTY_DIGITS = 6
FILLED = (SpotState.JOINT, SpotState.EXTENDED, SpotState.POSTED, SpotState.MOBILE)
# Who comes to an area from elsewhere is no facility of that area, though the record may stand there.
_COMING = ("posted", "mobile")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One facility in every area of a level; see ``blank_spots.toml`` for what each field means."""

    id: str
    zh: str
    en: str
    level: str
    facility_classes: tuple[str, ...]
    filling_classes: tuple[str, ...] = ()
    exempt_where: tuple[str, ...] = ()
    exempt_zh: str = ""
    exempt_en: str = ""
    not_asked: tuple[str, ...] = ()
    origin: str = "default"
    sources: tuple[dict[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that does not hold together."""
        if not _ID.fullmatch(self.id):
            raise DefinitionError(f"rule id must be lower-case letters, digits and hyphens, got {self.id!r}")
        if self.level not in LEVELS:
            raise DefinitionError(f"rule {self.id}: level must be one of {', '.join(LEVELS)}; got {self.level!r}")
        if self.origin not in _ORIGINS:
            raise DefinitionError(f"rule {self.id}: origin must be one of {', '.join(_ORIGINS)}; got {self.origin!r}")
        if not self.facility_classes:
            raise DefinitionError(f"rule {self.id} names no facility_classes; expected codes such as D600")
        for prefix in self.classes:
            if not any(code.startswith(prefix) for code in facility_classes()):
                raise DefinitionError(f"rule {self.id}: no class of the code list begins with {prefix!r}")

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class that says something for this rule."""
        return tuple(dict.fromkeys((*self.facility_classes, *self.filling_classes, *self.exempt_where)))

    def asks(self, area: Area) -> bool:
        """Return whether an area of the level must have such a facility; its kind says so, else its name."""
        return not (area.kind or area.name).endswith(self.not_asked) if self.not_asked else True


def read_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules of a TOML document.

    Raises
    ------
    DefinitionError
    """
    try:
        told = tomllib.loads(text)["rule"]
        return tuple(_rule(each) for each in told)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise DefinitionError(f"rules are tables [[rule]] with the fields of blank_spots.toml: {error}") from None


def _rule(told: dict[str, Any]) -> Rule:
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return Rule(**given)


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """Return the rules that every workspace has."""
    return read_rules(files("geosvc.coverage").joinpath("blank_spots.toml").read_text("utf-8"))


def rules_named(rule_id: str | None) -> tuple[Rule, ...]:
    """Return one rule, or all of them.

    Raises
    ------
    InvalidParameter
    """
    found = tuple(each for each in shipped_rules() if rule_id is None or each.id == rule_id)
    if not found:
        raise InvalidParameter(f"no rule is called {rule_id!r}; there are: {', '.join(each.id for each in shipped_rules())}")
    return found


@dataclass(frozen=True, kw_only=True)
class Spot:
    """One area, what is known of it, and the facilities that make it so, each with its mode (None: not told).

    ``within`` are the codes of itself and of everything above it.
    """

    area: Area
    parent: Area | None
    state: SpotState
    by: tuple[By, ...] = ()
    within: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule finds.

    ``unplaced`` are facilities of the class of which nobody knows in which area they stand;
    ``exempting_unplaced`` those that would exempt the area they stand in; ``loose`` tells of each of both the
    code of the area around it, or the beginning of its code. ``served_unknown`` are the codes
    that facilities serve and no area has.
    """

    rule: Rule
    spots: tuple[Spot, ...]
    holding: int
    unplaced: tuple[Registered, ...] = ()
    exempting_unplaced: tuple[Registered, ...] = ()
    served_unknown: tuple[str, ...] = ()
    loose: tuple[tuple[str | None, str], ...] = ()

    @property
    def why_not_computable(self) -> str | None:
        """``no_areas`` or ``no_facilities`` where the rule cannot be asked at all; else None."""
        if not self.spots:
            return "no_areas"
        return None if self.holding else "no_facilities"

    def at_least(self, spots: Sequence[Spot]) -> int:
        """Return how many of some areas are blank spots wherever the facilities stand of which that is not known."""
        lacking = [each for each in spots if each.state in (SpotState.BLANK, SpotState.UNDECIDED)]
        # Each of them stands in one area at most, and in none but those around which it is known to be.
        taken = sum(min(number, sum(_may_stand(place, each) for each in lacking)) for place, number in Counter(self.loose).items())
        return max(0, len(lacking) - taken)

    def loose_at(self, spot: Spot) -> int:
        """Return how many facilities may stand in an area, of which nobody knows in which they do."""
        return sum(_may_stand(place, spot) for place in self.loose)


def _may_stand(place: tuple[str | None, str], spot: Spot) -> bool:
    around, prefix = place
    return around in spot.within if around else spot.area.code.startswith(prefix)


def count(spots: Iterable[Spot]) -> dict[str, int]:
    """Return the number of areas in each state; they add up to all of them."""
    found = Counter(each.state for each in spots)
    return {state.value: found[state] for state in SpotState}


def find_blank_spots(rule: Rule, tree: AreaTree, found: Sequence[Registered]) -> Finding:
    """Return what is known of every area of a rule's level.

    Parameters
    ----------
    rule : Rule
    tree : AreaTree
        The areas as they were on a day.
    found : sequence of Registered
        The facilities of ``rule.classes`` that operated on that day.
    """
    return _Search(rule, tree, found).finding()


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a facility stands: in an area of the level (-1: not known), else somewhere in one around it.

    Where not even that is known it is in an area whose code begins with ``prefix``; ``outside`` stands in
    none of them.
    """

    area: int = -1
    around: int = -1
    prefix: str = ""
    outside: bool = False


@dataclass
class _Search:
    rule: Rule
    tree: AreaTree
    found: Sequence[Registered]
    standing: dict[int, list[By]] = field(default_factory=lambda: defaultdict(list))
    served: dict[int, list[By]] = field(default_factory=lambda: defaultdict(list))
    exempt: dict[int, list[By]] = field(default_factory=lambda: defaultdict(list))
    unplaced: list[tuple[Registered, _Place]] = field(default_factory=list)
    exempting: list[tuple[Registered, _Place]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    @cached_property
    def asked(self) -> list[int]:
        """The areas of the level."""
        return [i for i, area in enumerate(self.tree.areas) if area.level == self.rule.level]

    def finding(self) -> Finding:
        places = self._places()
        for one, place in zip(self.found, places, strict=True):
            self._sort_in(one, place)
        holding = [place for one, place in zip(self.found, places, strict=True) if self._holds(one) and not place.outside]
        counties = {self._county_of(each) for each in holding}
        return Finding(
            rule=self.rule, spots=tuple(self._spot(i, counties) for i in self.asked),
            holding=len(holding), unplaced=tuple(one for one, _place in self.unplaced),
            exempting_unplaced=tuple(one for one, _place in self.exempting), served_unknown=tuple(sorted(self.unknown)),
            loose=tuple((self.tree.areas[place.around].code if place.around >= 0 else None, place.prefix)
                        for _one, place in (*self.unplaced, *self.exempting)))

    def _holds(self, one: Registered) -> bool:
        return one.facility.class_code.startswith(self.rule.facility_classes)

    def _county_of(self, place: _Place) -> str:
        within = place.area if place.area >= 0 else place.around
        if within >= 0:
            return self._county(within)
        return place.prefix[:_COUNTY_DIGITS] if len(place.prefix) >= _COUNTY_DIGITS else ""

    def _county(self, i: int) -> str:
        """Return the code of the county that an area lies in; "" where neither tree nor code tell one."""
        chain = [self.tree.areas[each] for each in self.tree.ancestors(i)]
        registered = next((area.code for area in chain if area.level == "county"), None)
        by_code = chain[0].code[:_COUNTY_DIGITS] if chain[0].code.isdigit() and len(chain[0].code) >= _COUNTY_DIGITS else ""
        return registered or by_code

    # -- where facilities stand ----------------------------------------------------------------

    def _places(self) -> list[_Place]:
        places = [self._by_code(one.facility.area_code) for one in self.found]
        # The centre of an area says nothing of where in it a facility stands.
        located = [n for n, place in enumerate(places) if place.area < 0 and not place.outside and self.found[n].facility.located
                   and self.found[n].facility.position_method != PositionMethod.AREA_CENTRE]
        lon = np.array([self.found[n].facility.lon for n in located], np.float64)
        lat = np.array([self.found[n].facility.lat for n in located], np.float64)
        for n, smallest in zip(located, self.tree.areas_of_positions(lon, lat).tolist(), strict=True):
            places[n] = self._by_position(places[n], smallest)
        return places

    def _by_code(self, told: str | None) -> _Place:
        if told is None:
            return _Place()
        code = self.tree.code_of(told)
        known = next((self.tree.index[each] for each in codes_above(code) if each in self.tree.index), -1)
        if known >= 0:
            return _Place(area=self._of_level(known), around=known)
        return _Place(prefix=code, outside=not any(self.tree.areas[i].code.startswith(code) for i in self.asked))

    def _by_position(self, told: _Place, smallest: int) -> _Place:
        """Return where a position puts a facility; one that contradicts the code is not taken."""
        if smallest < 0:
            return _Place(outside=True) if told.around < 0 and not told.prefix and self._all_have_outlines else told
        if told.around >= 0 and told.around not in self.tree.ancestors(smallest):
            return told
        return _Place(area=self._of_level(smallest), around=smallest)

    @cached_property
    def _all_have_outlines(self) -> bool:
        """Whether what lies in no outline lies in none of the areas."""
        return all(any(self.tree.areas[each].geometry is not None for each in self.tree.ancestors(i)) for i in self.asked)

    def _of_level(self, i: int) -> int:
        return next((each for each in self.tree.ancestors(i) if self.tree.areas[each].level == self.rule.level), -1)

    # -- what they are to an area ------------------------------------------------------------

    def _sort_in(self, one: Registered, place: _Place) -> None:
        mode, own_class = MODES.get((one.facility.service_mode or "").strip()), self._holds(one)
        code = one.facility.class_code
        if code.startswith(self.rule.exempt_where):
            if place.area >= 0:
                self.exempt[place.area].append((one, mode))
            elif not place.outside:
                self.exempting.append((one, place))
        fills = own_class or (code.startswith(self.rule.filling_classes) and mode in FILLED)
        reached = self._served(one, place.area) if fills else []
        for i in reached:
            self.served[i].append((one, None if mode == OWN else mode))
        if not own_class:
            return
        if place.area >= 0:
            (self.served if mode in _COMING else self.standing)[place.area].append((one, mode))
        elif not place.outside and not (mode in _COMING and reached):
            self.unplaced.append((one, place))

    def _served(self, one: Registered, own: int) -> list[int]:
        """Return the areas of the level that a facility is registered to serve, without the one it stands in."""
        codes = {self.tree.code_of(str(code).strip()) for code in one.facility.areas_served}
        known = {self.tree.index[code] for code in codes if code in self.tree.index}
        self.unknown.update(code for code in codes if code not in self.tree.index)
        return sorted(i for i in known if i != own and self.tree.areas[i].level == self.rule.level)

    # -- what an area is ---------------------------------------------------------------------

    def _spot(self, i: int, counties: set[str]) -> Spot:
        area, above = self.tree.areas[i], int(self.tree.parents[i])
        state, by = self._state(i, counties)
        return Spot(area=area, parent=self.tree.areas[above] if above >= 0 else None, state=state, by=tuple(by),
                    within=tuple(self.tree.areas[each].code for each in self.tree.ancestors(i)))

    def _state(self, i: int, counties: set[str]) -> tuple[SpotState, list[By]]:
        if not self.rule.asks(self.tree.areas[i]):
            return SpotState.NOT_ASKED, self.standing.get(i, [])
        if i in self.standing:
            return SpotState.HELD, self.standing[i]
        if i in self.served:
            return self._served_state(self.served[i])
        if i in self.exempt:
            return SpotState.EXEMPT, self.exempt[i]
        return self._without(i, counties), []

    def _served_state(self, served: list[By]) -> tuple[SpotState, list[By]]:
        """Return the first mode by which an area is served, with the facilities of that mode in front."""
        modes = [mode for _one, mode in served]
        state = next((each for each in FILLED if each in modes), SpotState.MODE_UNKNOWN)
        return state, sorted(served, key=lambda each: each[1] != state)

    def _without(self, i: int, counties: set[str]) -> SpotState:
        """Return what is known of an area of which no facility is registered."""
        county = self._county(i)
        if not counties or (county and not counties & {county, ""}):
            return SpotState.NOT_COMPUTABLE
        around, prefixes = self._in_doubt
        doubted = around.intersection(self.tree.ancestors(i)) or self.tree.areas[i].code.startswith(prefixes)
        return SpotState.UNDECIDED if doubted else SpotState.BLANK

    @cached_property
    def _in_doubt(self) -> tuple[set[int], tuple[str, ...]]:
        """The areas around the facilities whose area is not known, and the beginnings of the codes of the others."""
        places = [place for _one, place in self.unplaced]
        return {place.around for place in places if place.around >= 0}, tuple({place.prefix for place in places if place.around < 0})


def as_dict(rule: Rule) -> dict[str, Any]:
    """Return a rule as an answer tells it."""
    return {
        "id": rule.id, "zh": rule.zh, "en": rule.en, "level": rule.level, "facility_classes": list(rule.facility_classes),
        "origin": rule.origin, "sources": list(rule.sources), "exempt_zh": rule.exempt_zh, "exempt_en": rule.exempt_en,
    }
