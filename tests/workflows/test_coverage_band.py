"""A coverage figure with its band: laws that must hold, a plain that a pencil can check, and refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from registry.made_files import write_csv
from scipy import stats
from workflows.small_county import furnish

from geosvc.coverage.uncertainty import SPEED_GROUPS, shipped_assumptions
from geosvc.errors import InvalidParameter, NoFacility, RunNotFound, ServiceNotFound, Unsolvable
from geosvc.geo.raster import read_band
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.runs import CoverageRow
from geosvc.workflows import importing, reading, uncertainty
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.uncertainty import band_while_waiting, coverage_band

SHIPPED = shipped_assumptions()
FEW = 20
BAND = ("p5", "p50", "p95")
FIGURES = ["area_code", "year", "kind", "people", "status", "source"]


def assuming(*, sigma=0.0, sd_m=0.0, **others):
    """Return assumptions with one sigma for every group and one error for every position; 0 = known exactly."""
    return replace(
        SHIPPED, sigma=dict.fromkeys(SPEED_GROUPS, sigma), sd_m=dict.fromkeys(SHIPPED.sd_m, sd_m), **others)


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """The small county, measured for three services; tests add bands and change nothing else."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder, cell_size_m=400.0)
    study = Study(store, settings)
    for name in ("hospital-drive", "basic-radius", "township-centre-drive"):
        measure_service(study, name)
    yield study
    store.close()


@pytest.fixture
def own(settings, tmp_path):
    """The county in a workspace of one's own, measured for one service."""
    store = furnish(settings, tmp_path, cell_size_m=400.0)
    study = Study(store, settings)
    measure_service(study, "hospital-drive")
    yield study
    store.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Nothing but the boundary and a hospital at least 4 km from it: half an hour on foot is 2 km, 20 cells."""
    folder = tmp_path_factory.mktemp("plain")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder, leave_out=("roads", "people", "landcover"), cell_size_m=100.0)
    study = Study(store, settings)
    measure_service(study, "hospital-drive")
    yield study
    store.close()


def by_code(answer):
    return {row["area_code"]: row for row in answer["rows"]}


def total(answer, figure="people_covered"):
    return by_code(answer)["*total"][figure]


def width(answer, figure="people_covered"):
    found = total(answer, figure)
    return found["p95"] - found["p5"]


def share_of_draws(study, answer):
    """Return the raster that an answer left beside its run."""
    folder = study.store.runs / answer["run"]
    (path,) = [each for each in folder.glob("band-*.json")
               if json.loads(each.read_text("utf-8")) | {"changed_since": []} == answer]
    return read_band(path.with_suffix(".tif"))


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["hospital-drive", "basic-radius", "township-centre-drive"])
def test_without_errors_the_band_is_the_figure_of_the_run_exactly(county, service):
    """Nothing is drawn that differs: 5, 50 and 95 % are the run's own people and square kilometres, to the bit."""
    answer = coverage_band(county, service, draws=FEW, assumptions=assuming())
    table = reading.coverage_table(county.store, service)
    assert [row["area_code"] for row in answer["rows"]] == [row["area_code"] for row in table["rows"]]
    for row, told in zip(answer["rows"], table["rows"], strict=True):
        assert set(row["people_covered"].values()) == {told["people"]["covered"]}
        assert set(row["share_covered"].values()) == {told["share"]["of_all_people"]}
        assert set(row["people_total"].values()) == {told["people_total"]}
        assert row["not_certain"]["people"] == 0
        if told["km2"]:
            assert set(row["km2_covered"].values()) == {told["km2"]["covered"]}
            assert row["certainly_covered"]["km2"] == pytest.approx(told["km2"]["covered"], abs=1e-9)
            assert row["not_certain"]["km2"] == 0


def test_a_trial_under_conditions_has_a_band_of_its_own(county):
    """The run of a winter is drawn with the speeds of a winter: without errors its band is its own figure."""
    winter = measure_service(county, "hospital-drive", conditions=["winter"])
    answer = coverage_band(county, "hospital-drive", run_id=winter.id, draws=FEW, assumptions=assuming())
    assert answer["run"] == winter.id
    told = winter.summary["thresholds"]["30min"]["people"]["covered"]
    assert set(total(answer).values()) == {told}
    assert told < total(coverage_band(county, "hospital-drive", draws=FEW, assumptions=assuming()))["run"]


def test_a_band_is_ordered_in_every_row(county):
    """The low percentile is at most the middle, the middle at most the high one, and shares stay between 0 and 1."""
    for service in ("hospital-drive", "basic-radius"):
        for row in coverage_band(county, service, draws=FEW)["rows"]:
            for figure in ("people_covered", "share_covered", "km2_covered"):
                if row[figure]["p5"] is not None:
                    assert row[figure]["p5"] <= row[figure]["p50"] <= row[figure]["p95"]
            assert 0 <= row["share_covered"]["p5"] <= row["share_covered"]["p95"] <= 1


@pytest.mark.slow
def test_less_certain_speeds_widen_the_band(county):
    """With the sigma doubled and doubled again the band of people, and the ground that is not certain, grow."""
    answers = [coverage_band(county, "hospital-drive", draws=40, assumptions=assuming(sigma=each)) for each in (0.05, 0.1, 0.2)]
    widths = [width(each) for each in answers]
    assert 0 < widths[0] < widths[1] < widths[2]
    doubtful = [total(each, "not_certain")["km2"] for each in answers]
    assert doubtful == sorted(doubtful)
    assert doubtful[0] < doubtful[-1]


@pytest.mark.slow
def test_less_certain_positions_widen_the_band_as_the_crow_flies(county):
    """A service radius has no speeds: only where the facilities stand matters."""
    widths = [width(coverage_band(county, "basic-radius", draws=40, assumptions=assuming(sigma=5.0, sd_m=each)), "people_covered")
              for each in (0.0, 200.0, 800.0)]
    assert widths[0] == 0
    assert widths[0] < widths[1] < widths[2]


def test_what_is_covered_for_certain_within_a_limit_is_so_within_a_larger_one(county):
    """The same draws, a larger limit: every cell is covered in at least as many of them, so certain ground nests."""
    near, far = (share_of_draws(county, coverage_band(county, "hospital-drive", each, draws=FEW)) for each in ("30min", "60min"))
    np.testing.assert_array_equal(np.isnan(near), np.isnan(far))  # no data is no data for any limit
    assert not (near > far).any()
    assert (near < far).any()


def test_the_raster_agrees_with_the_table(county):
    """Square kilometres that are not certain are those of the raster's second band, within the county."""
    answer = coverage_band(county, "hospital-drive", draws=FEW)
    folder = county.store.runs / answer["run"]
    (path,) = [p for p in folder.glob("band-*.json") if json.loads(p.read_text("utf-8")) | {"changed_since": []} == answer]
    doubtful = read_band(path.with_suffix(".tif"), 2) == 1
    km2 = np.count_nonzero(doubtful & (county.area_of_cell >= 0)) * county.grid.cell_km2
    assert total(answer, "not_certain")["km2"] == pytest.approx(km2)
    assert km2 > 0


# -- the same answer -----------------------------------------------------------------------------


def test_the_same_question_has_the_same_answer_to_the_bit(own, settings, monkeypatch):
    """Asked again in another process, with one thread or two: the same bytes of table and raster."""
    first = coverage_band(own, "hospital-drive", draws=FEW)
    folder = own.store.runs / first["run"]
    before = {path.name: path.read_bytes() for path in folder.glob("band-*")}
    assert len(before) == 2
    for path in folder.glob("band-*"):
        path.unlink()
    monkeypatch.setattr(uncertainty, "_WORKERS", 1)
    assert coverage_band(Study(own.store, settings), "hospital-drive", draws=FEW) == first
    assert {path.name: path.read_bytes() for path in folder.glob("band-*")} == before


@pytest.mark.slow
def test_a_question_is_not_computed_twice(own, monkeypatch):
    """What was asked before is read; another limit, seed, number of draws or assumption is another question."""
    first = coverage_band(own, "hospital-drive", draws=FEW)
    for other in ({"seed": 2}, {"draws": 21}, {"assumptions": assuming(sigma=0.1)}, {"threshold_id": "60min"}):
        assert coverage_band(own, "hospital-drive", **{"draws": FEW, **other}) != first
    assert len(list((own.store.runs / first["run"]).glob("band-*.json"))) == 5
    monkeypatch.setattr(uncertainty, "_Drawing", None)  # who draws now fails
    assert coverage_band(own, "hospital-drive", draws=FEW) == first


@pytest.mark.slow
def test_only_so_many_bands_are_kept(own, monkeypatch):
    """Asking with another seed each time does not fill the disk: the oldest are forgotten, table and raster."""
    monkeypatch.setattr(uncertainty, "_BANDS_KEPT", 2)
    for seed in range(4):
        answer = coverage_band(own, "hospital-drive", draws=FEW, seed=seed)
    folder = own.store.runs / answer["run"]
    assert len(list(folder.glob("band-*.json"))) == len(list(folder.glob("band-*.tif"))) == 2
    assert not list(folder.glob(".partial-*"))


# -- a plain that a pencil can check -------------------------------------------------------------


@pytest.mark.slow
def test_on_a_plain_the_covered_ground_grows_with_the_square_of_the_speed(plain):
    """One hospital on open ground, on foot: the ground covered is that of the run times the factor squared.

    So its percentiles are those of the lognormal: exp(2 sigma z) times the figure of the run. Cells
    make steps of a few per cent; draws have their own standard error.
    """
    sigma, draws = 0.2, 400
    answer = coverage_band(plain, "hospital-drive", draws=draws, assumptions=assuming(sigma=sigma))
    found = total(answer, "km2_covered")
    for name in BAND:
        share = int(name[1:]) / 100
        z = stats.norm.ppf(share)
        error = 2 * sigma * np.sqrt(share * (1 - share) / draws) / stats.norm.pdf(z)
        assert abs(np.log(found[name] / found["run"]) - 2 * sigma * z) <= 4 * error + 0.03, name
    # A cell at r of the run's radius is covered where the factor is at least r.
    row, col = plain.grid.cells_of(126.85, 42.35)
    by_ring = share_of_draws(plain, answer)[row, col + 1:col + 41]
    expected = stats.norm.sf(np.log(np.arange(1, 41) / 20) / sigma)
    np.testing.assert_allclose(by_ring, expected, atol=4 * 0.5 / np.sqrt(draws))


def test_a_displaced_facility_covers_as_much_ground_elsewhere(plain):
    """On a plain a wrong position moves the circle and does not change it, but it makes its rim uncertain."""
    answer = coverage_band(plain, "hospital-drive", draws=FEW, assumptions=assuming(sd_m=300.0))
    found = total(answer, "km2_covered")
    assert {found[each] for each in BAND} == {found["run"]}
    assert total(answer, "not_certain")["km2"] > 0
    assert total(answer, "certainly_covered")["km2"] < found["run"]


# -- people --------------------------------------------------------------------------------------


def figures(study, settings, folder, *rows):
    """Register figures and return a fresh study, measured."""
    importing.import_population(study.store, write_csv(folder / "figures.csv", [FIGURES, *rows]), settings)
    fresh = Study(study.store, settings)
    measure_service(fresh, "hospital-drive")
    return fresh


def test_each_draw_has_the_people_of_one_source(own, settings, tmp_path):
    """A survey counts half as many again: every draw has the one total or the other, and nobody is lost."""
    people = own.people.total
    fresh = figures(own, settings, tmp_path, ["990001", "2021", "常住", str(1.5 * people), "survey", "抽样"])
    answer = coverage_band(fresh, "hospital-drive", draws=40, assumptions=assuming())
    assert [each["id"] for each in answer["people_sources"]] == ["run", "2021-resident-survey"]
    assert sum(each["draws"] for each in answer["people_sources"]) == 40
    assert min(each["draws"] for each in answer["people_sources"]) > 10
    for figure in ("people_total", "people_covered"):
        found = total(answer, figure)
        assert (found["p5"], found["p95"]) == (found["run"], pytest.approx(1.5 * found["run"], rel=1e-9))
    # Nobody moved and everybody grew alike: the share is what it was.
    assert total(answer, "share_covered")["p95"] == pytest.approx(total(answer, "share_covered")["run"], rel=1e-9)
    assert "one_source_of_people" not in {each["code"] for each in answer["notes"]}


def test_sources_that_are_no_other_opinion_are_left_out_and_named(own, settings, tmp_path):
    """Registered people, figures of long ago, of another place, that contradict each other, that say the same."""
    people = own.people.total
    fresh = figures(
        own, settings, tmp_path,
        ["990001", "2020", "户籍", "9000", "普查", "甲"], ["990001", "2008", "常住", "9000", "普查", "乙"],
        ["000000", "2020", "常住", "9000", "普查", "丙"], ["990001", "2020", "常住", "100", "普查", "丁"],
        ["990001100", "2020", "常住", "900", "普查", "丁"], ["990001", "2020", "常住", str(people), "普查", "戊"],
    )
    answer = coverage_band(fresh, "hospital-drive", draws=FEW, assumptions=assuming())
    reasons = {each["source"]: each["reason_en"] for each in answer["people_sources_left_out"]}
    assert set(reasons) == {"甲", "乙", "丙", "丁", "戊"}
    for source, told in {"甲": "registered", "乙": "12 years older", "丙": "registered", "丁": "more people than the whole",
                         "戊": "same as run"}.items():
        assert told in reasons[source]
    assert all(each["reason_zh"] for each in answer["people_sources_left_out"])
    assert {"one_source_of_people", "sources_of_people_left_out"} <= {each["code"] for each in answer["notes"]}
    assert width(answer) == 0


def test_unknown_people_have_no_band_and_not_a_band_of_nought(settings, tmp_path):
    """Without a population people and shares are null; the ground still has its band."""
    store = furnish(settings, tmp_path, leave_out=("people",), cell_size_m=400.0)
    study = Study(store, settings)
    measure_service(study, "hospital-drive")
    for row in coverage_band(study, "hospital-drive", draws=FEW)["rows"]:
        for figure in ("people_total", "people_covered", "share_covered"):
            assert set(row[figure].values()) == {None}
        assert row["not_certain"]["people"] is None
        assert row["km2_covered"]["p5"] < row["km2_covered"]["p95"]
    store.close()


# -- what a reader must know ---------------------------------------------------------------------


def test_an_answer_says_what_it_rests_on(county):
    """Run, draws, seed, every number assumed with its basis, how the positions were found, the notes of the run."""
    answer = coverage_band(county, "hospital-drive", draws=FEW)
    assert answer["run"] == reading.coverage_table(county.store, "hospital-drive")["run"]
    assert (answer["draws"], answer["seed"], answer["percentiles"], answer["certain_share"]) == (FEW, 1, [5, 50, 95], 0.95)
    assert answer["assumptions"]["sha256"] == SHIPPED.sha256
    assert answer["assumptions"]["basis"]["speed.motor_road"]["zh"]
    assert answer["positions"] == [{"method": "unknown", "facilities": 1, "sd_m": 500.0}]
    codes = [each["code"] for each in answer["notes"]]
    assert {"band_of_assumptions", "position_method_unknown"} <= set(codes)
    assert [each["code"] for each in reading.run_notes(county.store, "hospital-drive", None)["notes"]] == codes[:len(codes) - 3]
    json.dumps(answer, allow_nan=False)


def test_a_facility_is_never_drawn_into_the_sea(county):
    """Where the error puts it off the grid or into the river's middle it keeps its place, and the answer says how often."""
    answer = coverage_band(county, "hospital-drive", draws=FEW, assumptions=assuming(sd_m=50_000.0))
    assert "positions_not_possible" in {each["code"] for each in answer["notes"]}
    assert total(answer)["p5"] > 0


def test_progress_ends_where_the_work_does(county):
    """Every draw is told once, the share of the work never goes back far and stays below the whole."""
    told = []
    coverage_band(county, "hospital-drive", draws=23, progress=lambda share, text: told.append((share, text)))
    assert told[0] == (0.0, "ground")
    assert [text for _, text in told[1:]] == [f"draw {i} of 23" for i in range(1, 24)]
    assert all(0 <= share <= 1 for share, _ in told)


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [0, -1, 19, 2001])
def test_too_few_or_too_many_draws_are_refused(county, draws):
    """Of fewer than twenty draws none is the lowest 5 %; of very many nobody sees the end."""
    with pytest.raises(InvalidParameter, match=f"between 20 and 2000, got {draws}"):
        coverage_band(county, "hospital-drive", draws=draws)


def test_a_seed_that_is_none_is_refused(county):
    """A negative seed cannot be drawn from."""
    with pytest.raises(InvalidParameter, match="seed"):
        coverage_band(county, "hospital-drive", draws=FEW, seed=-1)


def test_unknown_limit_unknown_service_and_unmeasured_service_are_refused(county):
    """The refusal says what there is, or which command to run."""
    with pytest.raises(ServiceNotFound, match="30min, 60min"):
        coverage_band(county, "hospital-drive", "45min")
    with pytest.raises(ServiceNotFound, match="hospital-drive"):
        coverage_band(county, "hospital-fly")
    with pytest.raises(NoFacility, match="not computable"):
        coverage_band(county, "fitness-15-walk")


def test_a_service_that_was_not_measured_has_no_band(settings, tmp_path):
    """The refusal names the command that measures it."""
    store = furnish(settings, tmp_path, cell_size_m=400.0)
    with pytest.raises(RunNotFound, match="geosvc measure hospital-drive"):
        coverage_band(Study(store, settings), "hospital-drive", draws=FEW)
    store.close()


def test_a_run_that_is_out_of_date_gets_no_new_band(own, settings, tmp_path):
    """A hospital was added: a band would not be that of the run. One that was computed before is shown, and says so."""
    before = coverage_band(own, "hospital-drive", draws=FEW)
    added = write_csv(tmp_path / "added.csv", [["name", "class_code", "longitude", "latitude", "datum"],
                                               ["县二院", "A100", "126.95", "42.33", "WGS84"]])
    importing.import_facilities(own.store, added, FacilityOptions(), settings)
    with pytest.raises(Unsolvable, match="facilities changed after run .* geosvc measure hospital-drive"):
        coverage_band(Study(own.store, settings), "hospital-drive", draws=21)
    again = coverage_band(Study(own.store, settings), "hospital-drive", draws=FEW)
    assert again == {**before, "changed_since": ["facilities"]}


@pytest.mark.parametrize("amount", ["people", "km2"])
def test_a_run_that_cannot_be_repeated_gets_no_band(own, amount):
    """The unperturbed draw must give the run's own figure; where it does not, the run is of another method or other data."""
    run = reading.coverage_table(own.store, "hospital-drive")["run"]
    with own.store.writing() as session:
        row = session.get(CoverageRow, (run, "30min", "*total"))
        setattr(row, amount, {**getattr(row, amount), "covered": getattr(row, amount)["covered"] + 1})
    with pytest.raises(Unsolvable, match="geosvc measure hospital-drive"):
        coverage_band(own, "hospital-drive", draws=FEW)


def test_a_run_whose_files_are_gone_gets_no_band(own):
    """There is nowhere to keep the answer; measuring again makes the files anew."""
    shutil.rmtree(own.store.runs / reading.coverage_table(own.store, "hospital-drive")["run"])
    with pytest.raises(RunNotFound, match="geosvc measure hospital-drive"):
        coverage_band(own, "hospital-drive", draws=FEW)


def test_nobody_waits_for_a_large_band_but_may_read_it(own, settings, monkeypatch):
    """A server computes what takes seconds; for more it names the command, and shows what that command left."""
    monkeypatch.setattr(uncertainty, "LARGEST_WHILE_WAITING", 1000)
    with pytest.raises(Unsolvable, match="geosvc band hospital-drive --threshold 30min --draws 20 --seed 1"):
        band_while_waiting(own.store, settings, "hospital-drive", None, draws=FEW, seed=1)
    computed = coverage_band(own, "hospital-drive", draws=FEW)
    assert band_while_waiting(own.store, settings, "hospital-drive", None, draws=FEW, seed=1) == computed
    monkeypatch.setattr(uncertainty, "LARGEST_WHILE_WAITING", 10**9)
    assert band_while_waiting(own.store, settings, "hospital-drive", None, draws=FEW, seed=2)["seed"] == 2
