"""The demo county with a sample list (示例) of village clinics, of which three villages have none, and a plan that asks for them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import shapely

from geosvc.registry import areas, facilities
from geosvc.registry.facilities import Facility, PositionMethod
from geosvc.settings import Settings
from geosvc.workflows import plan_documents
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.workspace import open_workspace

if TYPE_CHECKING:
    from geosvc.store.engine import Store

DIVISIONS = Path(__file__).parents[2] / "data" / "boundaries" / "jingyu_divisions.csv"
# Villages of 龙泉镇 and 那尔轰镇; the first has a sample outline, so that the map can show it.
WITHOUT = {"220622102202": "双龙村", "220622102204": "富国村", "220622103202": "朝阳村"}
OUTLINED, NEIGHBOUR = "220622102202", "220622102203"  # 小北山村
PLAN = "sample-clinics"
OF_PLAN = f"{PLAN}-1"
PLAN_FILE = f"""
plan: {{id: {PLAN}, title: 示例：村卫生室, issuer: 示例, period: 2021-2025, area: "220622"}}
statements:
  - id: {OF_PLAN}
    quote: 98%以上的行政村有村卫生室
    kind: UNIT
    year: 2025
    indicator: {{unit: "%", compute: {{each_area: {{level: village, rule: village-clinic}}}}, target: ≥98%}}
"""
BY = {"author": "test", "origin": "test"}


def copy_of_demo(demo_store: Store, folder: Path) -> Settings:
    """Return a copy of the demo's workspace, with the sample plan."""
    settings = Settings(workspace=folder / "workspace", public_read=True)
    write_backup(demo_store, folder / "demo.zip")
    restore_backup(folder / "demo.zip", settings.workspace)
    store = open_workspace(settings)
    plan_documents.add_plan(store, PLAN_FILE.encode(), "sample.yaml", author="test")
    store.close()
    return settings


def villages() -> list[tuple[str, str]]:
    """Return (code, name) of the villages of 靖宇; communities are none."""
    with DIVISIONS.open(encoding="utf-8-sig") as stream:
        return [(row["code"], row["name"]) for row in csv.DictReader(stream) if row["level"] == "village" and row["kind"] == "村"]


def add_sample_clinics(settings: Settings) -> int:
    """Register a sample clinic in every village but three, and an outline of one of these; return the number of the neighbour's clinic."""
    store = open_workspace(settings)
    number = 0
    try:
        with store.writing() as session:
            for code, name in villages():
                if code not in WITHOUT:
                    one = facilities.save(session, _clinic(code, name), facility_id=None, **BY)[0]
                    number = one if code == NEIGHBOUR else number
            held = areas.get(session, OUTLINED)
            areas.save(session, replace(held, geometry=shapely.box(126.90, 42.43, 126.95, 42.47), schematic=True), **BY)
    finally:
        store.close()
    return number


def _clinic(code: str, name: str) -> Facility:
    at = {"lon": 126.96, "lat": 42.45, "position_method": PositionMethod.SURVEYED} if code == NEIGHBOUR else {}
    return Facility(name=f"{name}卫生室（示例）", class_code="D600", area_code=code, illustrative=True, source="示例名单", **at)
