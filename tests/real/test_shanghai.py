"""Real data: the health points of Shanghai as a map provider classifies them, departments and duplicates included."""

from __future__ import annotations

import csv
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from registry.made_files import snapshot

from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.source_types import source_words
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.duplicates import count_kinds, duplicates_page
from geosvc.workflows.workspace import init_workspace

pytestmark = pytest.mark.real_data

ROWS = 7_513
VETS = 382  # 377 that are nothing else, and 5 that the provider lists under a second type, too
WGS84 = FacilityOptions(datum="WGS84")
MOST_SECONDS = 10.0  # of the processor: others may use the machine


@dataclass
class Shanghai:
    """The registry of the file, and what its imports said."""

    path: Path
    settings: Settings
    store: Store
    preview: ImportReport
    untouched: bool
    first: ImportReport
    seconds: dict[str, float]


@pytest.fixture(scope="module")
def source() -> Path:
    """The file, beside the project."""
    folder = Path(os.environ.get("GEOSVC_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    path = folder / "shanghai" / "shanghai_hospital.csv"
    if not path.is_file():
        pytest.skip(f"the points of Shanghai are not at {path}; set GEOSVC_TEST_DATA to run this test")
    return path


@pytest.fixture(scope="module")
def shanghai(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shanghai]:
    """Dry run, then import."""
    settings = Settings(workspace=tmp_path_factory.mktemp("shanghai") / "workspace")
    store = init_workspace(settings)
    before, seconds = snapshot(settings.workspace), {}
    started = time.process_time()
    preview = importing.preview_facilities(store, source, WGS84, settings)
    seconds["dry run"] = time.process_time() - started
    untouched = snapshot(settings.workspace) == before
    started = time.process_time()
    first = importing.import_facilities(store, source, WGS84, settings)
    seconds["commit"] = time.process_time() - started
    yield Shanghai(source, settings, store, preview, untouched, first, seconds)
    store.close()


def test_every_row_is_a_facility_or_an_animal_clinic(shanghai: Shanghai):
    """Nothing is refused, nothing is lost: all rows are registered but the animal clinics, which are listed."""
    told = shanghai.first.as_dict()
    assert (told["new"], told["refused"], told["rows_left_out"]) == (ROWS - VETS, [], VETS)
    assert {each["reason"] for each in told["left_out"]} == {"not human health"}
    with shanghai.store.reading() as session:
        assert facilities.count(session, FacilityQuery()) == ROWS - VETS
        assert facilities.count(session, FacilityQuery(located=False)) == 0


def test_every_type_of_the_provider_is_mapped(shanghai: Shanghai):
    """Each step of each type is a word that we know, and the report counts each as the classes that it became."""
    with shanghai.path.open(encoding="utf-8") as stream:
        paths = {path for row in csv.DictReader(stream) for path in row["type"].split("|")}
    assert all(step in source_words() for path in paths for step in path.split(";"))
    counts = shanghai.first.figures["source_types"]
    assert sum(sum(each.values()) for each in counts.values()) == ROWS - VETS
    assert not any("code list does not know" in note for note in shanghai.first.notes)
    assert shanghai.first.figures["unclassified"] < 200
    with shanghai.store.reading() as session:
        graded = [each.facility for each in facilities.find(session, FacilityQuery()) if each.facility.level == "三级"]
    assert len(graded) >= counts["三级甲等医院"]["A100"] > 600
    assert {each.grade for each in graded} == {"甲等"}


def test_no_column_is_dropped(shanghai: Shanghai):
    """District and province go before the address; the provider's empty list is no address."""
    assert not any("not used" in note for note in shanghai.first.notes)
    with shanghai.store.reading() as session:
        addresses = [each.facility.address for each in facilities.find(session, FacilityQuery())]
    assert all(each.startswith("上海市") and "[]" not in each for each in addresses)


def test_the_dry_run_said_so_and_stored_nothing(shanghai: Shanghai):
    """The same counts before, and a database that was not touched."""
    assert shanghai.untouched
    assert shanghai.preview.changes == shanghai.first.changes
    assert shanghai.preview.figures["suspected_duplicates_in_registry"] == 0
    assert shanghai.preview.figures["suspected_duplicates_in_file"] == duplicates_page(shanghai.store)[1]


def test_dry_run_and_commit_are_quick(shanghai: Shanghai):
    """Each under ten seconds, the time of the processor."""
    assert max(shanghai.seconds.values()) < MOST_SECONDS, shanghai.seconds


def test_importing_again_changes_nothing(shanghai: Shanghai):
    """The same file meets itself row by row, although 184 names stand in it more than once."""
    before = snapshot(shanghai.settings.workspace)
    again = importing.import_facilities(shanghai.store, shanghai.path, WGS84, shanghai.settings)
    assert again.changes == Counter({"unchanged": ROWS - VETS})
    assert snapshot(shanghai.settings.workspace) == before


def test_the_datum_is_asked_for(shanghai: Shanghai):
    """Nobody guesses whether these are degrees of WGS 84 or of the provider's own datum."""
    with pytest.raises(Exception, match="--datum WGS84"):
        importing.import_facilities(shanghai.store, shanghai.path, FacilityOptions(), shanghai.settings)


def test_duplicates_branches_and_departments_are_suspected(shanghai: Shanghai):
    """Some 2,000 pairs, most of them departments; known ones are among them, each with reasons."""
    pairs, matched, _ = duplicates_page(shanghai.store)
    kinds = count_kinds(pairs)
    assert 1_500 < matched < 2_600
    assert kinds["department"] > kinds["duplicate"] > kinds["branch"] > 20
    named = {frozenset((each["first"]["name"], each["second"]["name"])): each for each in pairs}
    for one, other, kind in (
        ("上海市第七人民医院", "上海中医药大学附属第七人民医院", "duplicate"),
        ("上海市长宁区天山中医医院老年门诊部", "天山中医医院老年门诊部", "duplicate"),
        ("德恩氏齿科", "德恩氏口腔", "duplicate"),
        ("上海市皮肤病医院", "上海市皮肤病医院-挂号处", "department"),
        ("上海朝华门诊部", "上海朝华门诊部(九亭大街)", "branch"),
    ):
        found = named[frozenset((one, other))]
        assert found["kind"] == kind
        assert {"name", "distance", "class"} <= {each["code"] for each in found["reasons"]}
    # Two departments of one hospital are two, however near.
    assert not any({"嘉定区中医医院-推拿科", "嘉定区中医医院-康复科"} <= names for names in named)
