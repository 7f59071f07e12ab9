"""A small county whose every name tries to become a program, for all tests of escaping."""

import csv
import json
from pathlib import Path

from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.workflows import importing
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace

FLAG = "hostile"  # what every payload sets on window when it runs
IMG = f"<img src=x onerror=window.{FLAG}=1>"
CLOSE = f"</script><script>window.{FLAG}=2</script>"
BACKTICK = f"`+(window.{FLAG}=3)+`"
DOLLAR = f"${{window.{FLAG}=4}}"
QUOTES = f"\"'><svg onload=window.{FLAG}=5>"
JINJA = "{{ 7*7 }}{% raw %}"
COMMENT = f"<!--<script>window.{FLAG}=6"
NAMES = (IMG, CLOSE, BACKTICK, DOLLAR, QUOTES, JINJA, COMMENT)
FORMULA = "=1+1"  # a spreadsheet would compute it
TITLE = f"县{IMG}{CLOSE}"
TELEPHONE = "0439-7654321"
SERVICE = "hostile-walk"

_SERVICE = """
[[service]]
id = "hostile-walk"
group = "village"
zh = {name}
en = {name}
question_zh = {name}
question_en = {name}
facility_classes = ["D"]
method = "travel_time"
profile = "walk"
thresholds = [{{ id = "15min", value = 15, source_zh = {name}, source_en = {name} }}]
"""


def _write_table(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def _county(folder: Path) -> Path:
    west, south, east, north = 100.00, 40.00, 100.12, 40.08
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    feature = {
        "type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"code": "990000", "name": f"县{QUOTES}{IMG}", "level": "county", "source": CLOSE},
    }
    path = folder / "county.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    return path


def make_hostile_workspace(folder: Path) -> Settings:
    """Make the county below ``folder``; a second call finds the one that is there."""
    settings = Settings(workspace=folder / "workspace", public_read=True)
    if (folder / "done").exists():
        return settings
    folder.mkdir(parents=True, exist_ok=True)
    store = init_workspace(settings, title=TITLE, cell_size_m=200.0, default_service=SERVICE)
    importing.import_areas(store, _county(folder), settings)
    divisions = [["990000001", f"乡{CLOSE}", "township", "990000"]]
    divisions += [[f"99000000100{i}", f"村{name}", "village", "990000001"] for i, name in enumerate(NAMES)]
    divisions.append(["990000001099", FORMULA, "village", "990000001"])
    importing.import_areas(store, _write_table(
        folder / "divisions.csv", ["code", "name", "level", "parent_code"], divisions), settings)
    people = [[100.09 + 0.003 * i, 40.06, 100 + i, f"99000000100{i}", "WGS84"] for i in range(len(NAMES))]
    importing.import_population(store, _write_table(
        folder / "people.csv", ["longitude", "latitude", "people", "area_code", "datum"], people), settings,
        options=PeopleOptions(year=2020))
    facilities = [
        [f"所{name}", "D200", 100.02 + 0.01 * (i % 3), 40.01 + 0.01 * (i // 3), "WGS84", TELEPHONE, f"路{name}", name, name]
        for i, name in enumerate(NAMES)
    ]
    facilities.append(["", "", "", "", "", "", "", "", ""])
    facilities[-1][:2] = [f"待{IMG}", "D200"]
    header = ["name", "class_code", "longitude", "latitude", "datum", "telephone", "address", "source", "note"]
    importing.import_facilities(store, _write_table(folder / "facilities.csv", header, facilities), FacilityOptions(), settings)
    services = folder / "services.toml"
    services.write_text(_SERVICE.format(name=json.dumps(f"服{IMG}{CLOSE}{BACKTICK}{DOLLAR}{QUOTES}")), encoding="utf-8")
    importing.import_services(store, services, settings)
    measure_service(Study(store, settings), SERVICE)
    store.close()
    (folder / "done").touch()
    return settings
