"""What a reader of a run's numbers must know, in both languages.

Each note has a code for scripts; codes that begin with ``schematic`` or ``illustrative`` mark
numbers that are not of the real world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geosvc.registry.facilities import PositionMethod
from geosvc.registry.layers import BARRIERS, ELEVATION, LANDCOVER, POPULATION, ROADS
from geosvc.travel.conditions import all_asked
from geosvc.travel.profiles import travel_profiles
from geosvc.workflows.conditions import alongside, closed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geosvc.coverage.changes import Changes
    from geosvc.coverage.services import Service
    from geosvc.registry.layers import Layer
    from geosvc.travel.conditions import Condition
    from geosvc.travel.profiles import TravelProfile
    from geosvc.workflows.study import Study
    from geosvc.workflows.surfaces import Sources

Note = dict[str, str]
_WORDS_LISTED = 5
_TRAVELLERS = {"motor": ("机动车", "motor vehicles"), "walk": ("行人", "people on foot"), "cycle": ("自行车", "bicycles")}
_ROUGH = (PositionMethod.SETTLEMENT_POINT, PositionMethod.AREA_CENTRE)
# What a scenario does to facilities, in the order in which it is said.
_CHANGED = {"open": ("新开", "opened"), "close": ("关闭", "closed"), "move": ("迁移", "moved")}
# The notes that count people or facilities, without the count.
_UNCOUNTED = {
    "people_moved": ("所在格网不可通行（如水面、阻隔要素）的人口已移至同一区域最近的可通行格网",
                     "People on cells that cannot be crossed (water, barriers) were moved to the nearest cell of their area that can"),
    "facilities_closed_in": ("有机构位于该条件下不可通行的地面，按可从最近的可通行格网到达计算，是否仍能服务须另行核实",
                             "Facilities stand on ground that these conditions close; whether they still serve is to be checked"),
    "illustrative_facilities": ("部分机构为示例数据，并非真实机构", "Some of the facilities are illustrative, not real"),
    "rough_positions": ("部分机构的坐标为居民点坐标，并非建筑位置",
                        "Some facilities stand at the point of their settlement, not at their building"),
    "off_network": ("部分机构附近没有主路网", "Some facilities do not stand at the main road network"),
    "stranded": ("部分机构附近无可通行地面，未参与计算", "Some facilities are far from ground that can be crossed and were not used"),
    "outside": ("部分机构位于研究范围之外，未参与计算", "Some facilities lie outside the grid and were not used"),
    "scenario": ("按方案计算，与现状不同，改动未写入登记", "Computed for a scenario, which differs from what is registered"),
    "then": ("全程 = 到达现场 + 现场时间 + 送往最近的机构", "The whole is the way to the place, the time there, and the way on to the nearest facility"),
}


def notes_of(study: Study, service: Service, sources: Sources) -> list[Note]:
    """Return the notes of a run: only of what entered its numbers."""
    travelled = service.method == "travel_time"
    return [
        *_people_notes(study),
        *_area_notes(study),
        *(_condition_notes(study, service, sources) if service.conditions else []),
        *(_ground_notes(study, service) if travelled else []),
        *_facility_notes(sources),
        *(_then_notes(service, sources.after) if sources.after is not None else []),
    ]


def _note(code: str, zh: str, en: str) -> Note:
    return {"code": code, "zh": zh, "en": en}


def notes_for_a_part(notes: list[Note], service: Service, reaches: Callable[[str], bool]) -> list[Note]:
    """Return the notes of a run for a reader of some areas: they hold for these too, what they count is not theirs.

    Parameters
    ----------
    notes : list of Note
    service : Service
        As the run asked it.
    reaches : callable
        Whether an area (by code) is the reader's.
    """
    named = {f"condition_{one.condition.id}": one for one in all_asked(service.conditions)}
    found = []
    for note in notes:
        then, code = note["code"].startswith("then_"), note["code"].removeprefix("then_")
        one = named.get(code)
        if one is not None and not all(reaches(area) for area in one.areas):
            found.append(_condition_note(one.condition))
        elif code in _UNCOUNTED:
            zh, en = _UNCOUNTED[code]
            found.append({**note, "zh": f"后一程：{zh}" if then else zh, "en": f"Onward journey: {en}" if then else en})
        else:
            found.append(note)
    return found


def scenario_notes(changes: Changes, then: Changes) -> list[Note]:
    """Return what a run's scenario does to the facilities of its service (``then``: of the journey that follows)."""
    both = {name: len({*getattr(changes, name), *getattr(then, name)}) for name in _CHANGED}
    counted = [(both[name], *said) for name, said in _CHANGED.items() if both[name]]
    if not counted:
        return []
    zh, en = "、".join(f"{zh} {count} 个机构" for count, zh, _en in counted), ", ".join(f"{count} {en}" for count, _zh, en in counted)
    return [_note("scenario", f"按方案计算：{zh}；改动未写入登记", f"Computed for a scenario: {en}; the registry is unchanged")]


def notes_of_scenarios(notes: list[Note], names: Sequence[str]) -> list[Note]:
    """Return the notes of a run with the names of the scenarios that it answers."""
    zh, en = "、".join(f"“{name}”" for name in names), ", ".join(f"“{name}”" for name in names)
    said = next((note for note in notes if note["code"] == "scenario"), None)
    if said is None:
        # Roads closed and seasons are notes of their own.
        return [_note("scenario", f"本结果属于方案{zh}", f"This is a result of the scenario {en}"), *notes]
    named = {**said, "zh": said["zh"].replace("方案", f"方案{zh}", 1), "en": said["en"].replace("a scenario", f"the scenario {en}", 1)}
    return [named if note is said else note for note in notes]


def _condition_note(condition: Condition, where_zh: str = "", where_en: str = "") -> Note:
    return _note(f"condition_{condition.id}", f"按“{condition.zh}”条件计算{where_zh}；系数来源：{condition.source_zh}",
                 f"Computed for the condition: {condition.en}{where_en}; its factors: {condition.source_en}")


def _people_notes(study: Study) -> list[Note]:
    people = study.people
    if people is None:
        return [_note("no_population", "缺少人口数据：人数未知，不是 0", "No population: people are unknown, not 0")]
    notes = []
    layer = study.layers.get(POPULATION)
    if layer is None:
        notes.append(_note("even_population", "人口按区域均匀分布推算，非实测", "People are spread evenly over each area: an estimate"))
    elif layer.schematic:
        same = study.census_total() is not None and abs(people.total - (study.census_total() or 0.0)) < 0.5
        notes.append(_note(
            "schematic_population",
            "人口分布为示意数据" + ("（总数与普查一致）" if same else ""),
            "The spread of people is schematic" + (" (its total is the census)" if same else ""),
        ))
    moved = people.moved
    if moved.people > 0:
        count, metres = f"{moved.people:,.0f}", f"{moved.farthest_m:,.0f}"
        notes.append(_note(
            "people_moved",
            f"{count} 人所在格网不可通行（如水面、阻隔要素），已移至同一区域最近的可通行格网，最远 {metres} 米",
            f"{count} people stood on cells that cannot be crossed (water, barriers) and were moved to the nearest cell of their "
            f"area that can, at most {metres} m away",
        ))
    return notes


def _area_notes(study: Study) -> list[Note]:
    if any(area.schematic for area in study.tree.areas):
        return [_note("schematic_areas", "行政区边界为示意", "The boundary is schematic")]
    return []


def _ground_notes(study: Study, service: Service) -> list[Note]:
    notes = []
    roads = study.layers.get(ROADS)
    if roads is None:
        notes.append(_note("no_roads", "未导入道路：按无道路地面计算", "No roads were imported: travel is across open ground"))
    elif roads.schematic:
        notes.append(_note("schematic_roads", "道路为示意数据，非实测", "The roads are schematic, not surveyed"))
    if roads is not None:
        notes += _access_notes(study, travel_profiles()[str(service.profile)])
    if roads is not None and service.profile in ("drive", "emergency"):
        notes += _driving_notes(study, service, roads)
    if LANDCOVER not in study.layers:
        free_zh, free_en = ("", "") if BARRIERS in study.layers else ("，水面不作障碍", ", and water is no barrier")
        notes.append(_note(
            "no_landcover", f"未导入土地覆盖：道路以外按统一步速计算{free_zh}",
            f"No land cover was imported: off the roads one walking speed holds{free_en}"))
    notes += _barrier_notes(study, service)
    if ELEVATION not in study.layers:
        notes.append(_note("no_elevation", "未导入高程：按平地步行计算", "No elevation was imported: walking is as on level ground"))
    elif study.elevation_voids:
        share = f"{study.elevation_voids:.1%}"
        notes.append(_note("elevation_voids", f"高程缺失的格网（{share}）取最近的已知高程",
                           f"Cells without elevation ({share}) take the nearest that is known"))
    return notes


def _condition_notes(study: Study, service: Service, sources: Sources) -> list[Note]:
    notes = []
    for asked in all_asked(service.conditions):
        one = asked.condition
        names = [study.tree.areas[study.tree.index[code]].name for code in asked.areas if code in study.tree.index]
        where_zh, where_en = (f"（仅{'、'.join(names)}）", f" (only in {', '.join(names)})") if names else ("", "")
        notes.append(_condition_note(one, where_zh, where_en))
    lon, lat = (np.array([getattr(each.facility, axis) for each in sources.placed], float) for axis in ("lon", "lat"))
    if inside := closed_in(study, service.conditions, lon, lat):
        notes.append(_note(
            "facilities_closed_in", f"{inside} 个机构位于该条件下不可通行的地面，按可从最近的可通行格网到达计算，是否仍能服务须另行核实",
            f"{inside} facilities stand on ground that these conditions close; they are taken to be reached from the nearest "
            "open cell: whether they still serve is to be checked"))
    return notes


def _barrier_notes(study: Study, service: Service) -> list[Note]:
    layer = study.layers.get(BARRIERS)
    if layer is None:
        return [_note("no_barriers", "未导入阻隔要素（河流、铁路等）：道路以外可随处横穿",
                      "No barriers (rivers, railways …) were imported: off the roads they are crossed anywhere")]
    notes = []
    if layer.schematic:
        notes.append(_note("schematic_barriers", "阻隔要素为示意数据，非实测", "The barriers are schematic, not surveyed"))
    if unknown := layer.summary.get("unknown_classes"):
        count, words = sum(unknown.values()), "、".join(sorted(unknown)[:_WORDS_LISTED])
        notes.append(_note("unknown_barrier_classes", f"{count} 个阻隔要素的类别无法识别（{words}），未参与计算",
                           f"{count} barriers are of unknown classes ({words}) and were not used"))
    on_ground = travel_profiles()["cycle" if service.profile == "cycle" else "walk"]
    if beside := alongside(study, on_ground, service.conditions):
        size = f"{study.grid.cell_size_m:g}"
        notes.append(_note(
            "roads_along_barriers",
            f"{beside:,} 个格网内道路与阻隔要素（如河流）并行而不相交，格网边长 {size} 米，无法区分，按可通行计算，人可能由此“过河”；"
            "改用更小的格网可消除：geosvc init --cell-size",
            f"On {beside:,} cells a road runs beside a barrier (such as a river) without crossing it; with cells of {size} m they "
            "cannot be told apart, so people may cross there; smaller cells cure it: geosvc init --cell-size"))
    return notes


def _access_notes(study: Study, profile: TravelProfile) -> list[Note]:
    barred = int(study.barred(profile).sum())
    if not barred:
        return []
    zh, en = _TRAVELLERS[profile.rides]
    return [_note("barred_roads", f"{barred} 条道路按通行规定不对{zh}开放，未使用",
                  f"{barred} roads are closed to {en} by their access rules and were not used")]


def _driving_notes(study: Study, service: Service, roads: Layer) -> list[Note]:
    notes = []
    profile = travel_profiles()[str(service.profile)]
    if unknown := roads.summary.get("unknown_classes"):
        count, words = sum(unknown.values()), "、".join(sorted(unknown)[:_WORDS_LISTED])
        notes.append(_note(
            "unknown_road_classes",
            f"{count} 条道路的等级无法识别（{words}），按最低车速计算",
            f"{count} roads are of unknown classes ({words}) and are driven at the slowest speed"))
    network = study.network_of(profile, service.speed_kmh, service.conditions)
    if network is not None:
        parts = network.components.count
        if parts > 1:
            notes.append(_note("roads_in_parts", f"道路网分为 {parts} 个互不相连的部分",
                               f"The roads form {parts} parts that do not connect"))
    return notes


def _then_notes(service: Service, after: Sources) -> list[Note]:
    """Return the notes of the journey that follows, told apart from those of the first."""
    count, between = len(after.placed), f"{service.between_minutes:g}"
    return [
        _note("then", f"全程 = 到达现场 + 现场 {between} 分钟 + 送往最近的机构（{service.then}，{count} 个）",
              f"The whole is the way to the place, {between} minutes there, and the way on to the nearest facility of "
              f"{service.then} ({count})"),
        *({**note, "code": f"then_{note['code']}" if not note["code"].startswith("illustrative") else note["code"],
           "zh": f"后一程：{note['zh']}", "en": f"Onward journey: {note['en']}"} for note in _facility_notes(after)),
    ]


def _facility_notes(sources: Sources) -> list[Note]:
    notes = []
    made_up = sum(each.facility.illustrative for each in sources.placed)
    if made_up:
        notes.append(_note("illustrative_facilities", f"其中 {made_up} 个机构为示例数据，并非真实机构",
                           f"{made_up} of the facilities are illustrative, not real"))
    rough = sum(each.facility.position_method in _ROUGH for each in sources.placed)
    if rough:
        notes.append(_note("rough_positions", f"{rough} 个机构的坐标为居民点坐标，并非建筑位置",
                           f"{rough} facilities stand at the point of their settlement, not at their building"))
    if off := len(sources.report.get("off_network", ())):
        notes.append(_note("off_network", f"{off} 个机构附近没有主路网：步行范围内无可用道路，或最近的道路与主路网不相连",
                           f"{off} facilities do not stand at the main road network: no usable road is near, or the nearest "
                           "does not connect"))
    stranded, outside = len(sources.report["stranded"]), len(sources.report["outside"])
    if stranded:
        notes.append(_note("stranded", f"{stranded} 个机构附近无可通行地面，未参与计算",
                           f"{stranded} facilities are far from ground that can be crossed and were not used"))
    if outside:
        notes.append(_note("outside", f"{outside} 个机构位于研究范围之外，未参与计算",
                           f"{outside} facilities lie outside the grid and were not used"))
    return notes
