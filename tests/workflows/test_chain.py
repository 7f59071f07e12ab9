"""Two journeys in a row as one service: the team comes, works, and brings the patient to the hospital."""

from __future__ import annotations

import numpy as np
import pytest
from registry.made_files import HEADER, write_csv
from workflows.small_county import furnish

from geosvc.errors import DefinitionError, NoFacility, ServiceNotFound
from geosvc.geo.raster import read_band
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.workflows import importing, reading
from geosvc.workflows.measuring import SURFACE_FILE, measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.uncertainty import coverage_band

STATION = ["东镇急救站", "E300", "126.95", "42.33", "WGS84"]
ALONE = """
[[service]]
id = "station-alone"
zh = "急救站到现场"
en = "Station to scene"
facility_classes = ["E"]
method = "travel_time"
profile = "emergency"
direction = "from_facility"
delay_minutes = 3
thresholds = [{ id = "60min", value = 60 }]
"""


@pytest.fixture
def county(settings, tmp_path):
    """The small county with an emergency station."""
    store = furnish(settings, tmp_path)
    importing.import_facilities(store, write_csv(tmp_path / "s.csv", [HEADER, STATION]), FacilityOptions(), settings)
    yield store
    store.close()


def declare(store, settings, folder, text):
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return importing.import_services(store, path, settings)


def minutes(store, run):
    return read_band(store.runs / run.id / SURFACE_FILE, 1)


def test_the_whole_is_the_sum_of_its_journeys(county, settings, tmp_path):
    """Cell by cell, to the microsecond: station to scene, 15 minutes, scene to hospital; the station is the nearest."""
    declare(county, settings, tmp_path, ALONE)
    study = Study(county, settings)
    whole, alone, onward = (measure_service(study, name) for name in ("emergency-chain", "station-alone", "hospital-drive"))
    there, on, both = (minutes(county, run) for run in (alone, onward, whole))
    reached = (there >= 0) & (on >= 0)
    assert reached.any()
    np.testing.assert_array_equal(both, np.where(reached, there + on + 15 * 60 * 1_000_000, -1))
    np.testing.assert_array_equal(read_band(county.runs / whole.id / SURFACE_FILE, 2)[reached],
                                  read_band(county.runs / alone.id / SURFACE_FILE, 2)[reached])
    assert whole.summary["facilities"]["then"]["service"] == "hospital-drive"
    told = {note["code"]: note for note in whole.notes}
    assert "15 分钟" in told["then"]["zh"]
    assert whole.inputs["then"]["facilities"] == onward.inputs["facilities"]


def test_a_hospital_that_changes_makes_the_chain_old(county, settings, tmp_path):
    """The second journey's facilities are part of the question."""
    run = measure_service(Study(county, settings), "emergency-chain")
    assert reading.service_entry(county, "emergency-chain")["changed_since"] == []
    more = write_csv(tmp_path / "more.csv", [HEADER, ["东县医院", "A100", "126.96", "42.34", "WGS84"]])
    importing.import_facilities(county, more, FacilityOptions(), settings)
    assert reading.service_entry(county, "emergency-chain")["changed_since"] == ["facilities"]
    again = measure_service(Study(county, settings), "emergency-chain")
    assert again.id != run.id
    assert again.summary["thresholds"]["60min"]["people"]["covered"] >= run.summary["thresholds"]["60min"]["people"]["covered"]


def test_without_a_hospital_there_is_no_chain(settings, tmp_path):
    """A station alone does not end the journey: not computable, and the hospital is named."""
    store = furnish(settings, tmp_path, leave_out=("facilities",))
    importing.import_facilities(store, write_csv(tmp_path / "s.csv", [HEADER, STATION]), FacilityOptions(), settings)
    assert not reading.service_entry(store, "emergency-chain")["computable"]
    with pytest.raises(NoFacility, match="hospital-drive"):
        measure_service(Study(store, settings), "emergency-chain")
    store.close()


def test_a_chain_has_a_band_too(county, settings):
    """Speeds are drawn for both journeys; the run without errors lies where it was."""
    study = Study(county, settings)
    run = measure_service(study, "emergency-chain")
    band = coverage_band(study, "emergency-chain", "60min", draws=20)
    total = band["rows"][0]
    assert total["people_covered"]["run"] == run.summary["thresholds"]["60min"]["people"]["covered"]


@pytest.mark.parametrize(("then", "error", "words"), [
    ("nowhere", ServiceNotFound, "nowhere"),
    ("basic-radius", DefinitionError, "as the crow flies"),
    ("emergency-chain", DefinitionError, "followed by another itself"),
    ("station-alone", DefinitionError, "another service"),
])
def test_a_chain_that_leads_nowhere_is_refused_when_it_is_declared(county, settings, tmp_path, then, error, words):
    """Nothing of the file is stored."""
    with pytest.raises(error, match=words):
        declare(county, settings, tmp_path, ALONE + f'then = "{then}"\n')
    with pytest.raises(ServiceNotFound):
        reading.service_entry(county, "station-alone")
