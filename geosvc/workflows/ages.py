"""People by age, where an area's people are known by age: as if the old and the young lived in it where everybody lives.

Which part of an area's people a service reaches is computed from where they live; where those of an age live is
not known. So the share of an age is applied to the people of the area in every state, and nothing is said of an
area whose own figure tells no ages.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from geosvc.coverage.measure import TOTAL_CODE
from geosvc.coverage.states import CoverageState
from geosvc.registry import populations
from geosvc.registry.areas import LEVELS, ZONE
from geosvc.workflows.run_files import times_of
from geosvc.workflows.study import figures_of, tree_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.registry.populations import Ages, ShareOfAges
    from geosvc.store.engine import Session, Store
    from geosvc.store.runs import RunRow

    Shares = Mapping[str, Mapping[Ages, ShareOfAges]]


def shares_of_run(store: Store, session: Session, run: RunRow) -> Shares:
    """Return the shares of ages in the areas of a run, from the figures that it was computed on."""
    times = times_of(run)
    return store.recall(
        session, ("ages", run.id), lambda: populations.shares_by_age(figures_of(session, times, tree_of(session, times))))


def with_ages(rows: Sequence[dict[str, Any]], shares: Shares) -> list[dict[str, Any]]:
    """Return the rows of a coverage table, each with ``people_by_age`` (None where its figure tells no ages).

    The total has the ages that a whole level tells: its areas with ages are then all the people there are.
    """
    found = [{**row, "people_by_age": _parts(row, shares.get(row["area_code"], {})) or None} for row in rows]
    total = next((row for row in found if row["area_code"] == TOTAL_CODE), None)
    if total is not None and total["people_total"]:
        total["people_by_age"] = _of_a_whole_level(total, found) or None
    return found


def _parts(row: Mapping[str, Any], shares: Mapping[Ages, ShareOfAges]) -> list[dict[str, Any]]:
    if not row["people_total"]:
        return []
    return [
        _part(asdict(ages) | {"ages": ages.id}, {state: people * each.share for state, people in row["people"].items()},
              {row["area_code"]: each.share}, [{"year": each.year, "status": each.status, "source": each.source}])
        for ages, each in sorted(shares.items(), key=lambda one: (one[0].first, one[0].last or math.inf))
    ]


def _part(
    ages: Mapping[str, Any], people: dict[str, float], shares: dict[str, float], figures: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what is told of some ages; ``shares`` are those applied, by the area whose figure tells them."""
    total = math.fsum(people.values())
    return {
        **{name: ages[name] for name in ("ages", "first", "last")}, "people": people, "people_total": total,
        "share_covered": people[CoverageState.COVERED.word] / total if total > 0 else None,
        "shares": shares, "figures": figures,
    }


def _of_a_whole_level(total: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of the total: the sums of the lowest level whose areas, told by age, have all the people."""
    levels = [level for level in reversed(LEVELS) if level != ZONE]
    ages = dict.fromkeys(part["ages"] for row in rows for part in row["people_by_age"] or ())
    found = (next(filter(None, (_summed(total, rows, level, one) for level in levels)), None) for one in ages)
    return sorted((part for part in found if part is not None), key=lambda part: (part["first"], part["last"] or math.inf))


def _summed(total: Mapping[str, Any], rows: Sequence[dict[str, Any]], level: str, ages: str) -> dict[str, Any] | None:
    told = [(row, part) for row in rows if row["level"] == level for part in row["people_by_age"] or () if part["ages"] == ages]
    if not told or not math.isclose(math.fsum(row["people_total"] for row, _part in told), total["people_total"], rel_tol=1e-9):
        return None
    parts = [part for _row, part in told]
    figures = {tuple(each.values()): each for part in parts for each in part["figures"]}
    people = {state: math.fsum(part["people"][state] for part in parts) for state in parts[0]["people"]}
    shares = {code: share for part in parts for code, share in part["shares"].items()}
    return _part(parts[0], people, shares, [figures[key] for key in sorted(figures)])
