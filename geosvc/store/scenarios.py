"""Scenarios: named changes on top of what is registered, and the runs that were measured of them.

A scenario is a document and nothing else: the registry does not know it. ``seen`` keeps which revision of
each facility its author looked at, so that whoever applies it is told what changed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ForeignKey, Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base
from geosvc.store.runs import RunRow

if TYPE_CHECKING:
    from collections.abc import Sequence

DRAFT, APPLIED, ARCHIVED = "draft", "applied", "archived"
STATES = (DRAFT, APPLIED, ARCHIVED)
_ACTIONS = {DRAFT: "change", APPLIED: "apply", ARCHIVED: "archive"}


class ScenarioRow(Audited, Base):
    """One scenario; ``version`` counts its changes, ``author`` made it, ``changed_by`` changed it last.

    ``seen`` are revisions by facility id, ``outcome`` what applying it made: ``opened`` (facility id by the
    number of the opening) and ``proposals`` (their numbers, where an administrator publishes).
    """

    __tablename__ = "scenario"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  SQLAlchemy reads it
    subject_kind = "scenario"
    subject_key: ClassVar = ("id",)
    outside_content: ClassVar = frozenset({"created_at", "changed_at", "changed_by", "origin"})

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    notes: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[str]
    changed_at: Mapped[str]
    changed_by: Mapped[str]
    origin: Mapped[str]
    version: Mapped[int]
    state: Mapped[str]
    changes: Mapped[dict[str, Any]]
    seen: Mapped[dict[str, Any]]
    outcome: Mapped[dict[str, Any]]
    applied_at: Mapped[str | None] = mapped_column(default=None)
    applied_by: Mapped[str | None] = mapped_column(default=None)

    @property
    def said_at(self) -> str:
        """When the last thing was done to it."""
        return self.changed_at

    @property
    def said_by(self) -> str:
        """Who did the last thing to it."""
        return self.changed_by

    def action(self, *, new: bool) -> str:
        """Return what was done: made, changed, applied or put away."""
        return "create" if new else _ACTIONS[self.state]


class ScenarioRunRow(Base):
    """The newest run of a scenario as it is now, of one service; a result, so no line of the log."""

    __tablename__ = "scenario_run"
    __table_args__ = (Index("ix_scenario_run_run", "run_id"),)

    scenario_id: Mapped[int] = mapped_column(ForeignKey("scenario.id"), primary_key=True)
    service_id: Mapped[str] = mapped_column(primary_key=True)
    # No foreign key: a run whose files were removed by hand is deleted, and measured again.
    run_id: Mapped[str]
    measured_at: Mapped[str]


def add_scenario(session: Session, row: ScenarioRow) -> int:
    """Add a scenario and return its number."""
    session.add(row)
    session.flush()
    return row.id


def scenario_numbered(session: Session, number: int) -> ScenarioRow | None:
    """Return a scenario; None where none has that number."""
    return session.get(ScenarioRow, number)


def select_scenarios(session: Session) -> list[ScenarioRow]:
    """Return all scenarios, the one changed last first."""
    return list(session.scalars(select(ScenarioRow).order_by(ScenarioRow.changed_at.desc(), ScenarioRow.id.desc())))


def delete_scenario(session: Session, row: ScenarioRow) -> None:
    """Remove a scenario that has no runs (any more, see :func:`forget_runs`)."""
    session.delete(row)
    session.flush()


def note_run(session: Session, number: int, service_id: str, run_id: str, at: str) -> None:
    """Say which run is the newest of a scenario for a service."""
    session.merge(ScenarioRunRow(scenario_id=number, service_id=service_id, run_id=run_id, measured_at=at))
    session.flush()


def forget_runs(session: Session, number: int) -> None:
    """Say that a scenario is not measured: it changed, or goes. The runs stay and are found by their id."""
    session.execute(delete(ScenarioRunRow).where(ScenarioRunRow.scenario_id == number))


def select_runs(session: Session, number: int) -> list[ScenarioRunRow]:
    """Return the newest run of each service of a scenario, in the order of the services' ids; runs that are gone are not in it."""
    statement = (
        select(ScenarioRunRow).join(RunRow, RunRow.id == ScenarioRunRow.run_id)
        .where(ScenarioRunRow.scenario_id == number).order_by(ScenarioRunRow.service_id)
    )
    return list(session.scalars(statement))


def run_of_scenario(session: Session, number: int, service_id: str) -> str | None:
    """Return the id of the newest run of a scenario for a service; None where it is not measured."""
    return next((each.run_id for each in select_runs(session, number) if each.service_id == service_id), None)


def select_names_of_run(session: Session, run_id: str) -> Sequence[str]:
    """Return the names of the scenarios whose newest run is this one, in the order in which they were made."""
    statement = (
        select(ScenarioRow.name).join(ScenarioRunRow, ScenarioRunRow.scenario_id == ScenarioRow.id)
        .where(ScenarioRunRow.run_id == run_id).order_by(ScenarioRow.id)
    )
    return list(session.scalars(statement))
