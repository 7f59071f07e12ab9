"""What a reader of a run's numbers must know, in both languages.

Each note has a code for scripts; codes that begin with ``schematic`` or ``illustrative`` mark
numbers that are not of the real world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.registry.facilities import PositionMethod
from geosvc.registry.layers import ELEVATION, LANDCOVER, POPULATION, ROADS
from geosvc.travel.profiles import travel_profiles

if TYPE_CHECKING:
    from geosvc.coverage.services import Service
    from geosvc.registry.layers import Layer
    from geosvc.workflows.study import Study
    from geosvc.workflows.surfaces import Sources

Note = dict[str, str]
_WORDS_LISTED = 5
_ROUGH = (PositionMethod.SETTLEMENT_POINT, PositionMethod.AREA_CENTRE)


def notes_of(study: Study, service: Service, sources: Sources) -> list[Note]:
    """Return the notes of a run: only of what entered its numbers."""
    travelled = service.method == "travel_time"
    return [
        *_people_notes(study),
        *_area_notes(study),
        *(_ground_notes(study, service) if travelled else []),
        *_facility_notes(sources),
    ]


def _note(code: str, zh: str, en: str) -> Note:
    return {"code": code, "zh": zh, "en": en}


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
            f"{count} 人所在格网不可通行（如水面），已移至同一区域最近的可通行格网，最远 {metres} 米",
            f"{count} people stood on cells that cannot be crossed (water) and were moved to the nearest cell of their "
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
    if roads is not None and service.profile in ("drive", "emergency"):
        notes += _driving_notes(study, service.profile, roads)
    if LANDCOVER not in study.layers:
        notes.append(_note(
            "no_landcover", "未导入土地覆盖：道路以外按统一步速计算，水面不作障碍",
            "No land cover was imported: off the roads one walking speed holds, and water is no barrier"))
    if ELEVATION not in study.layers:
        notes.append(_note("no_elevation", "未导入高程：按平地步行计算", "No elevation was imported: walking is as on level ground"))
    elif study.elevation_voids:
        share = f"{study.elevation_voids:.1%}"
        notes.append(_note("elevation_voids", f"高程缺失的格网（{share}）取最近的已知高程",
                           f"Cells without elevation ({share}) take the nearest that is known"))
    return notes


def _driving_notes(study: Study, profile_id: str, roads: Layer) -> list[Note]:
    notes = []
    if unknown := roads.summary.get("unknown_classes"):
        count, words = sum(unknown.values()), "、".join(sorted(unknown)[:_WORDS_LISTED])
        notes.append(_note(
            "unknown_road_classes",
            f"{count} 条道路的等级无法识别（{words}），按最低车速计算",
            f"{count} roads are of unknown classes ({words}) and are driven at the slowest speed"))
    network, profile = study.network, travel_profiles()[profile_id]
    if network is not None:
        by_class = {name: profile.road_pace(name) for name in network.classes}
        parts = network.with_pace(by_class, one_way=profile.one_way).components.count
        if parts > 1:
            notes.append(_note("roads_in_parts", f"道路网分为 {parts} 个互不相连的部分",
                               f"The roads form {parts} parts that do not connect"))
    return notes


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
    stranded, outside = len(sources.report["stranded"]), len(sources.report["outside"])
    if stranded:
        notes.append(_note("stranded", f"{stranded} 个机构附近无可通行地面，未参与计算",
                           f"{stranded} facilities are far from ground that can be crossed and were not used"))
    if outside:
        notes.append(_note("outside", f"{outside} 个机构位于研究范围之外，未参与计算",
                           f"{outside} facilities lie outside the grid and were not used"))
    return notes
