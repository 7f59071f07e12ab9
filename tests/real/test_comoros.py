"""Real data end to end: the Comoros, from the files of OpenStreetMap, WorldPop, SRTM and Copernicus."""

import resource
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio

from geosvc.registry.areas import OUTSIDE
from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.imports.report import ImportReport
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import features, importing, reading
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

PEOPLE = 869_595.0284  # the sum of the raster, as its README says
OUTSIDE_PEOPLE = 24_196  # of them outside the three outlines
LIMITS = ("30min", "60min", "120min")
STATES = ("covered", "beyond", "unreachable", "beyond_horizon", "no_data")
SERVICES = """
[[service]]
id = "care-walk"
group = "care"
zh = "步行到医疗机构"
en = "Care on foot"
question_zh = "步行多久能到最近的医院、诊所或医生？"
question_en = "How long is the walk to the nearest hospital, clinic or doctor?"
facility_classes = ["A1", "D2"]
method = "travel_time"
profile = "walk"
thresholds = [{ id = "30min", value = 30 }, { id = "60min", value = 60 }, { id = "120min", value = 120 }]

[[service]]
id = "care-road"
group = "care"
zh = "乘车到医疗机构"
en = "Care by road"
question_zh = "乘车、再步行，多久能到最近的医院、诊所或医生？"
question_en = "How long by car, then on foot, to the nearest hospital, clinic or doctor?"
facility_classes = ["A1", "D2"]
method = "travel_time"
profile = "drive"
thresholds = [{ id = "30min", value = 30 }, { id = "60min", value = 60 }, { id = "120min", value = 120 }]
"""


@dataclass(frozen=True)
class Comoros:
    """The islands as imported and measured."""

    store: Store
    data: Path
    reports: dict[str, ImportReport]
    tables: dict[tuple[str, str], dict[str, Any]]
    records: dict[str, dict[str, Any]]
    seconds: float
    peak_mib: float


def import_everything(store: Store, settings: Settings, data: Path, services: Path) -> dict[str, ImportReport]:
    """Bring in every file of the islands, areas first, as a user would."""
    return {
        "areas": importing.import_areas(store, data / "gadm.gpkg", settings, level="province"),
        "population": importing.import_population(store, data / "com_ppp_2020_UNadj.tif", settings, options=PeopleOptions(year=2020)),
        "roads": importing.import_roads(store, data / "comores-200622.osm.pbf", settings),
        "elevation": importing.import_elevation(store, sorted(data.glob("*.hgt.zip")), settings),
        "landcover": importing.import_landcover(store, [data / "landcover"], settings),
        "facilities": importing.import_facilities(store, data / "health.gpkg", FacilityOptions(), settings),
        "services": importing.import_services(store, services, settings),
    }


@pytest.fixture(scope="module")
def comoros(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comoros]:
    """The islands imported and both services measured at 100 m; wall time and peak memory are printed."""
    folder = tmp_path_factory.mktemp("comoros")
    settings = Settings(workspace=folder / "workspace")
    services = folder / "services.toml"
    services.write_text(SERVICES, encoding="utf-8")
    data = shared_data / "comoros"
    began = time.perf_counter()
    store = init_workspace(settings, title="Comoros", cell_size_m=100.0)
    reports = import_everything(store, settings, data, services)
    study = Study(store, settings)
    runs = {name: measure_service(study, name) for name in ("care-walk", "care-road")}
    seconds = time.perf_counter() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tables = {
        (name, limit): reading.coverage_table(store, name, threshold_id=limit) for name in runs for limit in LIMITS
    }
    records = {name: reading.run_record(store, run.id) for name, run in runs.items()}
    print(f"\nComoros: import and two services at 100 m in {seconds:.1f} s, peak memory {peak_mib:,.0f} MiB")
    for (name, limit), table in tables.items():
        people = table["rows"][0]["people"]
        print(f"  {name} {limit}: " + ", ".join(f"{state} {people[state]:,.1f}" for state in STATES))
    yield Comoros(store, data, reports, tables, records, seconds, peak_mib)
    store.close()


def expected_classes(data: Path) -> Counter[str]:
    """Count the classes of the health points by a second, slow reading of the file."""
    codes = {"hospital": "A100", "clinic": "D200", "doctors": "D210", "doctor": "D210", "pharmacy": "X080"}
    frame = pyogrio.read_dataframe(data / "health.gpkg", read_geometry=False)
    return Counter(
        codes.get(row.amenity, codes.get(row.healthcare, "X999")) for row in frame.itertuples()
    )


def test_every_health_point_is_registered(comoros: Comoros):
    """All 70 points are registered; pharmacies as such, and what the code list does not know is counted."""
    expected = expected_classes(comoros.data)
    found, matched, _ = features.facilities_page(comoros.store, FacilityQuery(), cursor=None, limit=100)
    assert matched == 70
    assert expected["X080"] == 24
    assert Counter(each["properties"]["class_code"] for each in found) == expected
    notes = [note for note in comoros.reports["facilities"].notes if "X999" in note]
    assert sum(int(note.split(" of class ")[0]) for note in notes) == expected["X999"] > 0


def test_pharmacies_are_not_counted_as_care(comoros: Comoros):
    """Hospitals, clinics and doctors start the journeys; no pharmacy and nothing unclassified does."""
    expected = expected_classes(comoros.data)
    care = sum(count for code, count in expected.items() if code.startswith(("A1", "D2")))
    for record in comoros.records.values():
        told = record["summary"]["facilities"]
        assert told["used"] + len(told["stranded"]) + len(told["outside"]) == care
        ids = told["ids"]
        found, _, _ = features.facilities_page(comoros.store, FacilityQuery(ids=ids), cursor=None, limit=100)
        assert {each["properties"]["class_code"] for each in found} <= {"A100", "D200", "D210"}
        assert told["used"] >= 0.9 * care


def test_nobody_is_lost(comoros: Comoros):
    """Over all states, with those outside every area, the people sum to the raster's own sum."""
    with rasterio.open(comoros.data / "com_ppp_2020_UNadj.tif") as raster:
        exact = float(raster.read(1, masked=True).filled(0).astype(np.float64).sum())
    assert exact == pytest.approx(PEOPLE, rel=1e-9)
    for table in comoros.tables.values():
        total = next(row for row in table["rows"] if row["level"] == "total")
        assert sum(total["people"].values()) == pytest.approx(PEOPLE, rel=1e-6)
        assert total["people_total"] == pytest.approx(PEOPLE, rel=1e-6)
        parts = [row for row in table["rows"] if row["level"] in ("province", "outside")]
        assert len(parts) == 4
        for state in STATES:
            assert sum(row["people"].get(state, 0.0) for row in parts) == pytest.approx(
                total["people"].get(state, 0.0), abs=PEOPLE * 1e-6)


def test_people_outside_every_area_are_kept_apart(comoros: Comoros):
    """People on cells beyond the three outlines are a row of their own, about 24,196."""
    for table in comoros.tables.values():
        outside = [row for row in table["rows"] if row["area_code"] == OUTSIDE]
        assert len(outside) == 1
        assert outside[0]["level"] == "outside"
        assert outside[0]["people_total"] == pytest.approx(OUTSIDE_PEOPLE, abs=50)


@pytest.mark.parametrize("service", ["care-walk", "care-road"])
def test_a_longer_limit_covers_more(comoros: Comoros, service: str):
    """60 minutes cover more people than 30, and 120 more than 60, in total and on no island fewer."""
    totals = [comoros.tables[service, limit]["rows"] for limit in LIMITS]
    for shorter, longer in zip(totals, totals[1:], strict=False):
        assert longer[0]["people"]["covered"] > shorter[0]["people"]["covered"]
        for before, after in zip(shorter, longer, strict=True):
            assert before["area_code"] == after["area_code"]
            assert after["people"]["covered"] >= before["people"]["covered"] - 1e-9
            assert after["km2"] is None or after["km2"]["covered"] >= before["km2"]["covered"] - 1e-9


@pytest.mark.parametrize("limit", LIMITS)
def test_by_road_covers_at_least_as_many_as_on_foot(comoros: Comoros, limit: str):
    """Who can ride is never slower than who must walk, on every island."""
    walk, road = (comoros.tables[name, limit]["rows"] for name in ("care-walk", "care-road"))
    assert road[0]["people"]["covered"] > walk[0]["people"]["covered"]
    for on_foot, riding in zip(walk, road, strict=True):
        assert riding["people"]["covered"] >= on_foot["people"]["covered"] - 1e-6


def test_the_sea_keeps_islands_apart(comoros: Comoros):
    """Nobody walks over the sea: with 120 minutes the coverage lies inside the islands' own size."""
    frame = pyogrio.read_dataframe(comoros.data / "gadm.gpkg").to_crs("EPSG:32738")
    size = dict(zip(frame["NAME_1"], frame.area / 1e6, strict=True))
    rows = comoros.tables["care-walk", "120min"]["rows"]
    for row in rows:
        if row["level"] == "province":
            assert sum(row["km2"].values()) == pytest.approx(size[row["name"]], rel=0.02)


def test_the_run_names_every_file_it_rests_on(comoros: Comoros):
    """The record carries a checksum for each layer and does not claim that elevation is missing."""
    for record in comoros.records.values():
        layers = record["inputs"]["layers"]
        assert set(layers) == {"elevation", "landcover", "population", "roads"}
        assert all(len(checksum) == 64 for checksum in layers.values())
        assert record["inputs"]["grid"]["cell_size_m"] == 100.0
        assert "no_elevation" not in {note["code"] for note in record["notes"]}


def test_importing_again_changes_nothing(comoros: Comoros, tmp_path: Path):
    """The same files a second time meet themselves: nothing new, nothing changed."""
    services = tmp_path / "services.toml"
    services.write_text(SERVICES, encoding="utf-8")
    settings = Settings(workspace=comoros.store.folder)
    for kind, report in import_everything(comoros.store, settings, comoros.data, services).items():
        assert (kind, report.changes["new"], report.changes["changed"]) == (kind, 0, 0)
