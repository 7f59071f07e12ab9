"""A plan: its statements, each with its quote, and the indicators that can be asked of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geosvc.plans.targets import Target
    from geosvc.plans.vocabulary import Group


class Kind(StrEnum):
    """What a statement is about."""

    RADIUS = "RADIUS"  # distance to the nearest
    TIME = "TIME"      # travel time
    UNIT = "UNIT"      # one for each area, or a minimum for each facility
    DENS = "DENS"      # for 1,000 (10,000, 100,000) people
    SHARE = "SHARE"    # share of facilities
    STOCK = "STOCK"    # beds, staff
    FACT = "FACT"      # inventory
    REL = "REL"        # relation between facilities
    MOBILE = "MOBILE"  # service that comes and goes
    DYN = "DYN"        # changes, gates
    COND = "COND"      # depends on the number of people
    RATIO = "RATIO"    # one figure to another
    PROC = "PROC"      # process figures: stored and trended
    GOV = "GOV"        # how the plan is governed


class Status(StrEnum):
    """How binding a target is, as the plan says it."""

    BINDING = "约束性"
    EXPECTED = "预期性"
    GUIDING = "指导性"
    PROVISIONAL = "暂定"
    UNSTATED = "未注明"


STATES = ("published", "draft", "unstated")
BETTER = ("higher", "lower", "equal")
# How an indicator is computed, and the fields that each way takes: (must have, may have).
WAYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "density": (("measure", "per"), ("of", "people")),
    "stock": (("measure",), ("of",)),
    "count": ((), ("of", "having")),
    "share": (("having",), ("of",)),
    "part": (("measure", "whole"), ("of", "of_whole")),
    "ratio": (("measure", "to"), ("of",)),
    "each_area": (("level",), ("of", "having", "rule", "only", "exempt_where")),
    "each_facility": ((), ("of", "measure", "having")),
    "coverage": (("service",), ("threshold", "origin")),
    "mobile": (("rule",), ()),
    "related": (("relation",), ("of", "to_group")),
    "bands": (("measure", "bands"), ("of", "people")),
    "gate": (("conditions",), ("join",)),
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value of an indicator in a year, as the plan or another source quotes it."""

    year: int
    text: str
    target: Target
    source: str | None = None

    @property
    def value(self) -> float | None:
        """The number, where it is one."""
        return self.target.number


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a gate asks: the value of another indicator of the plan, or of figures that are reported under ``id``."""

    id: str
    name: str
    target: Target
    indicator: str | None = None
    observed: tuple[Figure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """One thing that a statement measures.

    ``way`` is one of :data:`WAYS` with ``given`` as its fields (groups and measures are looked up already), or None:
    figures are stored and trended, not computed. ``change`` is how much a value rose since a year (year, text).
    """

    id: str
    name: str
    line: int
    unit: str = ""
    way: str | None = None
    given: dict[str, Any] = field(default_factory=dict)
    better: str = "higher"
    baseline: Figure | None = None
    target: Figure | None = None
    observed: tuple[Figure, ...] = ()
    change: tuple[int, float] | None = None
    recorded: str | None = None

    @property
    def of(self) -> Group | None:
        """The facilities that it is about."""
        return self.given.get("of")

    @property
    def asks_a_share(self) -> bool:
        """Whether the target is a share of facilities or areas (≥80%), not a number for each of them (2—3所)."""
        return "%" in (self.unit, self.target.target.unit if self.target else "")

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Everything that is quoted of it, by year."""
        found = [each for each in (self.baseline, *self.observed, self.target) if each is not None]
        return tuple(sorted(found, key=lambda each: each.year))


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a plan, with its quote letter by letter.

    ``recorded`` says why nothing is computed of it, where that is so. ``section`` is under which heading the plan file has it.
    ``every_years`` and ``reviews`` say when what it asks for is due; see :mod:`geosvc.plans.reviews`.
    """

    id: str
    line: int
    quote: str
    kind: Kind
    facility: str = ""
    level: str = ""
    year: str = ""
    status: Status = Status.UNSTATED
    note: str = ""
    section: str = ""
    section_en: str = ""
    indicators: tuple[Indicator, ...] = ()
    recorded: str | None = None
    every_years: int | None = None
    reviews: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Figures of which the plan says, or which by their meaning must, add up."""

    whole: str
    parts: tuple[str, ...]
    year: int
    line: int


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Counts that together are all facilities of a group: what the plan lists by type."""

    of: Group
    parts: tuple[str, ...]
    year: int
    line: int


@dataclass(frozen=True, kw_only=True)
class Denominator:
    """A number of people that a rate may be divided by."""

    year: int
    people: float
    kind: str
    status: str
    source: str
    groups: dict[str, float] = field(default_factory=dict)


MOST_PROBLEMS = 200  # are told of one file: whoever mends these sends it again


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something in a plan file that cannot be read: where it stands, what it is, the cure."""

    file: str
    line: int
    statement: str | None
    text: str

    def __str__(self) -> str:
        """Return it as one line for a person."""
        named = f" {self.statement}:" if self.statement else ""
        return f"{self.file}:{self.line}:{named} {self.text}"


def problem_of_file(said: str, name: str) -> Problem:
    """Return what is wrong with a file as a whole, as an error says it: with the file's name before it, and maybe the line."""
    found = re.fullmatch(r"(?::(\d+))?:? *(.*)", said.removeprefix(name), re.DOTALL)
    return Problem(file=name, line=int(found[1] or 0), statement=None, text=found[2]) if found else Problem(file=name, line=0, statement=None, text=said)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan as its file describes it; ``problems`` are the parts that could not be read."""

    id: str
    title: str
    title_en: str
    issuer: str
    date: str | None
    date_note: str
    period: tuple[int, int]
    state: str
    area: str | None
    statements: tuple[Statement, ...]
    note: str = ""
    denominators: tuple[Denominator, ...] = ()
    sums: tuple[Sum, ...] = ()
    inventories: tuple[Inventory, ...] = ()
    problems: tuple[Problem, ...] = ()

    def statement(self, statement_id: str) -> Statement | None:
        """Return a statement by its id."""
        return next((each for each in self.statements if each.id == statement_id), None)
