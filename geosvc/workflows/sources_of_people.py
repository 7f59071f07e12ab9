"""How many people live where, by every source that a workspace holds.

A run takes the layer of people, else the figures in force. Every other set of figures (of one
year, status and source) is another opinion about the same people and scales the run's people area
by area.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from geosvc.coverage.uncertainty import OF_THE_RUN, recounted, same_people
from geosvc.errors import InvalidInput
from geosvc.registry.layers import POPULATION

if TYPE_CHECKING:
    from geosvc.coverage.people import People
    from geosvc.coverage.uncertainty import Assumptions
    from geosvc.registry.populations import Population
    from geosvc.workflows.study import Study

_RESIDENT, _ZONE = "resident", "zone"


@dataclass(frozen=True, kw_only=True)
class SourceOfPeople:
    """One source: the people by it, how likely it is, and what it calls itself."""

    people: People
    weight: float
    told: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SourcesOfPeople:
    """The sources that draws choose from, the run's own first, and those that were left out, with the reason.

    ``used`` is empty where no population was imported: people are unknown, not 0.
    """

    used: list[SourceOfPeople] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)


def sources_of_people(study: Study, assumptions: Assumptions) -> SourcesOfPeople:
    """Return the sources of people that a study holds."""
    base = study.people
    if base is None:
        return SourcesOfPeople()
    layer = study.layers.get(POPULATION)
    layer_year = None if layer is None else layer.summary.get("year")
    own = {"id": OF_THE_RUN, "year": layer_year, "status": None, "source": None if layer is None else layer.title or layer.file_name}
    used = [SourceOfPeople(people=base, weight=assumptions.weight[OF_THE_RUN], told={**own, "people": base.total})]
    left_out: list[dict[str, Any]] = []
    newest = max([each.year for each in study.populations if each.kind == _RESIDENT] + ([layer_year] if layer_year else []), default=0)
    for (year, kind, status, source), figures in sorted(_sets(study).items()):
        told = {"id": f"{year}-{kind}-{status}", "year": year, "kind": kind, "status": status, "source": source,
                "areas": len(figures)}
        try:
            _check_fit(year, kind, newest, assumptions, status)
            found = _by_figures(study, base, figures)
            _check_new(found, used)
        except _LeftOut as reason:
            left_out.append({**told, "reason_zh": reason.zh, "reason_en": reason.en})
        else:
            used.append(SourceOfPeople(people=found, weight=assumptions.weight[status], told={**told, "people": found.total}))
    return SourcesOfPeople(used=used, left_out=left_out)


class _LeftOut(Exception):
    """Why a set of figures is not drawn from, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        self.zh, self.en = zh, en
        super().__init__(en)


def _sets(study: Study) -> dict[tuple[int, str, str, str], list[Population]]:
    found: defaultdict[tuple[int, str, str, str], list[Population]] = defaultdict(list)
    for each in study.populations:
        found[each.year, each.kind, each.status, each.source].append(each)
    return dict(found)


def _check_fit(year: int, kind: str, newest: int, assumptions: Assumptions, status: str) -> None:
    """Refuse figures that are not another opinion about today's people."""
    if kind != _RESIDENT:
        raise _LeftOut("户籍人口与常住人口口径不同", f"it counts {kind} people, not residents")
    if newest - year > assumptions.within_years:
        raise _LeftOut(f"比最新来源早 {newest - year} 年", f"it is {newest - year} years older than the newest source")
    if not assumptions.weight[status] > 0:
        raise _LeftOut("所列假设中权重为 0", "its weight in the assumptions is 0")


def _by_figures(study: Study, base: People, figures: list[Population]) -> People:
    """Return the people by a set of figures."""
    tree = study.tree
    counted = {
        tree.index[each.area_code]: each.people for each in figures
        if each.area_code in tree.index and tree.areas[tree.index[each.area_code]].level != _ZONE
    }
    if not counted:
        raise _LeftOut("其区域均未登记", "none of its areas is registered")
    try:
        return recounted(base, counted, tree)
    except InvalidInput as error:
        raise _LeftOut("其数字互相矛盾，或与人口分布不相容", str(error)) from None


def _check_new(found: People, used: list[SourceOfPeople]) -> None:
    """Refuse what another source says already: it would count twice."""
    for each in used:
        if same_people(each.people, found):
            raise _LeftOut(f"与来源 {each.told['id']} 相同", f"it says the same as {each.told['id']}")
