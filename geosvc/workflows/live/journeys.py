"""The surface of a question, from fields that are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from geosvc.errors import NoFacility
from geosvc.geo.grid import NOT_REACHED, Surface
from geosvc.measures import microseconds_from_seconds, seconds_from_minutes
from geosvc.travel.chain import sum_of_journeys
from geosvc.workflows.live.states import Stand
from geosvc.workflows.surfaces import all_closed, nobody, none_usable

if TYPE_CHECKING:
    from contextlib import ExitStack

    from geosvc.coverage.changes import Changes
    from geosvc.coverage.services import Service
    from geosvc.registry.facilities import Registered
    from geosvc.workflows.live.fields import Fields, Kept
    from geosvc.workflows.live.states import State
    from geosvc.workflows.measuring import Question
    from geosvc.workflows.surfaces import Held


@dataclass(frozen=True, kw_only=True)
class Journey:
    """One journey of a service under changes: its facilities, what became of each, and its surface.

    ``placed`` are the facilities that start a journey, in the order of their id: ``surface.nearest`` counts them.
    ``kept`` is the field, None for distances as the crow flies; it belongs to the caller while the question lasts.
    """

    service: Service
    changes: Changes
    located: list[Registered]
    stands: dict[int, Stand]
    placed: list[Registered]
    surface: Surface
    kept: Kept | None


def journeys_of(fields: Fields, state: State, asked: Question, changes: Changes, used: ExitStack) -> tuple[Surface, list[Journey]]:
    """Return the surface of a question, and its journeys: one, or two that follow each other.

    Their fields are in use until ``used`` is closed.

    Raises
    ------
    NoFacility
        If changes leave a journey without a facility, or nobody can use any of them.
    Unsolvable
    """
    held = state.held(asked.service.id)
    first = _journey(fields, state, held, asked.service, (asked.changes, asked.located), used)
    after = held.onward(asked.service.conditions)
    if held.after is None or after is None:
        return first.surface, [first]
    here = held.after.concerned(changes)
    there, missing = held.after.under(here)
    if not there:
        raise NoFacility(all_closed(after, held.after.located) if held.after.located else nobody(after, missing))
    second = _journey(fields, state, held.after, after, (here, there), used)
    between = microseconds_from_seconds(seconds_from_minutes(asked.service.between_minutes))
    whole = sum_of_journeys(first.surface.micro, second.surface.micro, between)
    nearest = np.where(whole == NOT_REACHED, np.int32(-1), first.surface.nearest)
    return replace(first.surface, micro=whole, nearest=nearest), [first, second]


def _journey(
    fields: Fields, state: State, held: Held, service: Service, made: tuple[Changes, list[Registered]], used: ExitStack
) -> Journey:
    changes, located = made
    if service.method == "straight_line":
        surface = state.prepared.crow(service.id).surface(located)
        stands = {each.id: Stand("used") for each in located}
        return Journey(service=service, changes=changes, located=located, stands=stands, placed=located, surface=surface, kept=None)
    prepared = state.prepared
    ground = prepared.ground(service)
    stands = ground.stands(located)
    starts = {one: stand.start for one, stand in stands.items() if stand.start is not None}
    if not starts:
        raise NoFacility(none_usable(service, located))
    registered = sorted(each.id for each in (*held.located, *held.missing))
    kept = used.enter_context(fields.settled(
        (prepared, service.id, ground.key), registered, starts, ground.solve, nbytes=prepared.field_bytes))
    placed = [each for each in located if each.id in starts]
    surface = Surface(
        grid=state.study.grid, micro=kept.field.microseconds, nearest=kept.nearest_among([each.id for each in placed]), unit="s",
        looked=ground.looked,
    )
    return Journey(service=service, changes=changes, located=located, stands=stands, placed=placed, surface=surface, kept=kept)
