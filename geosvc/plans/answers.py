"""What an indicator is now: its value, the least and the most it can be, what makes it fail, or why it cannot be said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geosvc.coverage.blank_spots import Finding, Rule
    from geosvc.plans.plan import Denominator
    from geosvc.registry.facilities import Registered


class Why(StrEnum):
    """Why an indicator is not computable."""

    NO_FACILITIES = "no_facilities"    # none of the group is registered
    NO_FIGURES = "no_figures"          # none of them says what is counted
    NO_PEOPLE = "no_people"            # no number of people to divide by
    NO_AREAS = "no_areas"              # no areas of the level
    NOT_MEASURED = "not_measured"      # the service has no up-to-date run
    NOT_KEPT = "not_kept"              # the registry does not keep it
    NOT_REPORTED = "not_reported"      # nobody reported a figure until the day
    NOT_RELATED = "not_related"        # no facility of the group says a relation of any kind
    NO_AREA = "no_area"                # the plan's area is not registered
    NOT_VISIBLE = "not_visible"        # it lies outside what the account may see


@dataclass(frozen=True, kw_only=True)
class Culprit:
    """A facility or an area that makes an indicator fail, or of which it is not known."""

    kind: str  # facility, area
    id: str
    name: str
    known: bool = True
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An indicator as of a day.

    ``columns`` are the fields of a table of facilities that would say what is not known.
    ``value`` is the number where all is known; else it is between ``low`` and ``high`` (None: open). ``counts`` are the
    facilities or areas by what is known of them. ``by_people`` tells a rate with every number of people, the first decides.
    ``beside`` are figures shown beside, in no verdict: (measure, value). ``source`` leads to the map or to the list. ``gate`` tells, of one, what
    ``closed`` it is by each reading (``or``, ``and``) and its ``conditions``. ``schematic`` says that
    schematic or illustrative data entered it.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: Why | None = None
    cure: str = ""
    columns: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    by_people: tuple[dict[str, Any], ...] = ()
    beside: tuple[tuple[str, float], ...] = ()
    culprits: tuple[Culprit, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] | None = None
    schematic: bool = False

    @property
    def is_computable(self) -> bool:
        """Whether anything can be said at all."""
        return self.why is None

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The least and the most that the value can be."""
        return (self.value, self.value) if self.value is not None else (self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What the engine says of a service: share (%) of the people of known time, with its run and the areas that are beyond."""

    share: float
    covered: float
    people: float
    run: str
    service: str
    threshold: str
    schematic: bool = False
    areas: tuple[Culprit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is registered of the area of a plan, as of a day.

    Parameters
    ----------
    facilities : sequence of Registered
        Those that operate in the area on the day.
    people : sequence of Denominator
        Numbers of people of the area; the first is the one that decides.
    finding : callable
        (rule, facilities) -> which areas have what the rule asks for.
    coverage : callable
        (service, limit or None) -> what the engine says; None where it has not been measured.
    year : int
        That of the day: what was reported of later ones is not known yet.
    answer : callable
        Id of another indicator of the plan -> what it is.
    """

    facilities: Sequence[Registered]
    people: Sequence[Denominator]
    finding: Callable[[Rule, Sequence[Registered]], Finding]
    coverage: Callable[[str, str | None], Coverage | None]
    year: int
    answer: Callable[[str], Answer]
