"""What an account of some areas is told of a what-if: what a stored run of the same changes tells it, and nothing of others."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from people import BY
from PIL import Image
from workflows.small_county import furnish

from geosvc.coverage.changes import NO_CHANGES, changes_from
from geosvc.coverage.measure import TOTAL_CODE
from geosvc.errors import NoFacility, NotAllowed
from geosvc.maps.picture import OUTSIDE
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import reading
from geosvc.workflows.live import Live
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.scopes import as_seen_by
from geosvc.workflows.study import Study

WEST, EAST, COUNTY, ZONE, DRAWN = "990001100", "990001101", "990001", "Z1", "Z2"
SERVICE = "hospital-drive"
OPENED = {"open": [{"number": 1, "class_code": "A100", "name": "东医院", "lon": 126.95, "lat": 42.32}], "conditions": ["winter"]}
IN_THE_EAST, IN_THE_WEST = (126.95, 42.33), (126.84, 42.34)


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """Two townships with people, a village without outline, two zones; the only hospital stands in the west, one to be located too."""
    folder = tmp_path_factory.mktemp("scope-live")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder)
    with store.writing() as session:
        areas.save(session, Area(code=f"{EAST}201", name="无界村", level="village", parent_code=EAST), **BY)
        areas.save(session, Area(code=ZONE, name="两镇片区", level="zone", members=(WEST, EAST)), **BY)
        shape = next(each for each in areas.find(session, AreaQuery(codes=[WEST]))).geometry.buffer(-0.02)
        areas.save(session, Area(code=DRAWN, name="画出的片区", level="zone", geometry=shape), **BY)
        for each in facilities.find(session, FacilityQuery()):
            code = EAST if each.facility.name.startswith("东") else WEST
            facilities.save(session, Facility(**{**each.facility.__dict__, "area_code": code}), facility_id=each.id, **BY)
        facilities.save(session, Facility(name="西待定位医院", class_code="A100", area_code=WEST), facility_id=None, **BY)
    yield store, settings, Live(settings)
    store.close()


@pytest.fixture(scope="module", params=[{}, OPENED], ids=["as it is", "opened in winter"])
def measured(request, county):
    """The same changes, and the stored run that answers them."""
    store, settings, _live = county
    changes = changes_from(request.param)
    run = measure_service(Study(store, settings), SERVICE, changes=changes)
    return changes, run.id


def the_hospital(store):
    """The only hospital that has a position."""
    with store.reading() as session:
        return next(each.id for each in facilities.find(session, FacilityQuery()) if each.facility.name == "县人民医院")


@pytest.mark.parametrize("codes", [[EAST], [WEST], [WEST, EAST], [COUNTY], [ZONE], [DRAWN], [f"{EAST}201"]], ids="-".join)
def test_everything_is_what_the_stored_run_tells_the_same_account(county, measured, codes):
    """Sums, percentiles, gaps, rows, curves and pixels, to the last digit."""
    store, _settings, live = county
    changes, run = measured
    own = as_seen_by(store, codes)
    if changes and codes not in ([EAST], [WEST, EAST], [COUNTY], [ZONE]):
        with pytest.raises(NotAllowed):
            live.what_if(own, SERVICE, changes)
        return
    told, stored = live.what_if(own, SERVICE, changes), reading.run_record(own, run)
    assert told["run"] == run
    for name, figures in stored["summary"]["thresholds"].items():
        for key in ("people", "km2", "share", "gaps", "gaps_with_people", "people_in_gaps", "largest_gap_people"):
            assert told["thresholds"][name][key] == figures[key], (name, key)
        assert {key: told["thresholds"][name][key] for key in ("p50", "p90")} == {key: figures.get(key) for key in ("p50", "p90")}
        rows = {row["area_code"]: row for row in reading.coverage_table(own, SERVICE, run_id=run, threshold_id=name)["rows"]}
        assert [area["code"] for area in told["areas"]] == list(rows)
        for area in told["areas"]:
            row = rows[area["code"]]
            assert (area["thresholds"][name]["people"], area["thresholds"][name]["km2"], area["p90"]) == (row["people"], row["km2"], row["p90"])
    assert told["part"] == {key: stored["part"][key] for key in ("areas", "beside", "without_outline")}
    curves = reading.curves_of_run(own, SERVICE, run)
    assert (told["curve"]["areas"], told["curve"]["gaps"]) == (curves["areas"], curves["gaps"])
    assert (curves["gaps"] is None) == any(figures["gaps"] is None for figures in stored["summary"]["thresholds"].values())
    for limit, figures in zip((30, 60), stored["summary"]["thresholds"].values(), strict=True) if curves["gaps"] else ():
        k = round(limit / curves["step"])
        assert (curves["gaps"]["count"][k], curves["gaps"]["with_people"][k]) == (figures["gaps"], figures["gaps_with_people"])
        assert curves["gaps"]["largest"][k] == pytest.approx(figures["largest_gap_people"] or 0.0)
    total = next((each for each in curves["areas"] if each["code"] == TOTAL_CODE), None)
    assert (total is None) == (stored["summary"]["people_total"] is None) == (codes == [f"{EAST}201"])
    for limit, figures in zip((30, 60), stored["summary"]["thresholds"].values(), strict=True) if total else ():
        within = total["people"][: round(limit / curves["step"]) + 1]
        assert sum(within) == pytest.approx(figures["people"]["covered"], abs=0.2)  # each step is told to a thousandth
        assert (total["unreachable"], total["no_data"]) == pytest.approx((figures["people"]["unreachable"], figures["people"]["no_data"]), abs=1e-6)
        assert len(within) < len(total["people"])
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(told["picture"]["png"].partition(",")[2]))))
    np.testing.assert_array_equal(drawn, np.asarray(Image.open(io.BytesIO(reading.picture_of_run(own, SERVICE, run)[0]))))
    assert (drawn == OUTSIDE).any() and (codes == [f"{EAST}201"]) == (drawn == OUTSIDE).all()
    assert [each["id"] for each in told["facilities"]] == stored["summary"]["facilities"]["ids"]
    assert told["to_be_located"] == stored["inputs"]["to_be_located"]


def test_a_part_of_a_picture_ends_at_the_border(county):
    """What differs elsewhere is not drawn, and not even told by the size of the box."""
    store, _settings, live = county
    baseline = measure_service(Study(store, _settings), SERVICE).id
    own = as_seen_by(store, [EAST])
    part = live.what_if(own, SERVICE, changes_from(OPENED), ["picture"], since=baseline)["picture"]
    left, top, right, bottom = part["box"]
    drawn = np.asarray(Image.open(io.BytesIO(reading.picture_of_run(own, SERVICE, baseline)[0]))).copy()
    outside = drawn == OUTSIDE
    assert (right - left, bottom - top) > (1, 1)
    drawn[top:bottom, left:right] = np.asarray(Image.open(io.BytesIO(base64.b64decode(part["png"].partition(",")[2]))))
    np.testing.assert_array_equal(drawn == OUTSIDE, outside)
    whole = live.what_if(own, SERVICE, changes_from(OPENED), ["picture"])["picture"]
    np.testing.assert_array_equal(drawn, np.asarray(Image.open(io.BytesIO(base64.b64decode(whole["png"].partition(",")[2])))))


def test_the_rows_are_those_of_an_account_without_a_limit(county):
    store, _settings, live = county
    whole = live.what_if(store, SERVICE, changes_from(OPENED), ["areas", "figures"])
    part = live.what_if(as_seen_by(store, [EAST]), SERVICE, changes_from(OPENED), ["areas", "figures"])
    assert part["areas"] == [area for area in whole["areas"] if area["code"].startswith(EAST)]
    own = next(area for area in whole["areas"] if area["code"] == EAST)
    assert part["thresholds"]["30min"]["people"] == own["thresholds"]["30min"]["people"]
    assert "part" not in whole


def test_nothing_of_others_is_in_any_part(county):
    """Neither the hospital of the west, nor its place, nor the west's names and numbers, in any answer to the east."""
    store, _settings, live = county
    own, hospital = as_seen_by(store, [EAST]), the_hospital(store)
    answers = [live.what_if(own, SERVICE, changes_from(each)) for each in ({}, OPENED)]
    answers += [live.explain(own, SERVICE, *place, changes_from(each)) for place in (IN_THE_EAST, IN_THE_WEST) for each in ({}, OPENED)]
    whole = live.what_if(store, SERVICE, NO_CHANGES)
    others = {str(area["people_total"]) for area in whole["areas"] if area["code"] == WEST}
    for answer in answers:
        text = json.dumps({name: value for name, value in answer.items() if name != "picture"}, ensure_ascii=False)
        for word in ("县人民医院", "西镇", "西待定位医院", WEST, "126.85", *others):
            assert word not in text, word
        assert hospital not in [each["id"] for each in answer.get("facilities", ())]
    assert others


def test_a_place_is_explained_where_it_lies_in_ones_areas(county):
    """Its time is told, whose facility gives it is not; elsewhere is outside; one's own facility is told with its way."""
    store, _settings, live = county
    own = as_seen_by(store, [EAST])
    whole, told = (live.explain(each, SERVICE, *IN_THE_EAST) for each in (store, own))
    assert (told["state"], told["value"], told["thresholds"]) == (whole["state"], whole["value"], whole["thresholds"])
    assert (told["nearest"], told["legs"], told["second"], told["elsewhere"]) == (None, None, None, True)
    assert told["people"] == whole["people"]
    outside = live.explain(own, SERVICE, *IN_THE_WEST)
    assert (outside["state"], outside["value"], outside["people"], outside["areas"]) == ("outside", None, None, [])
    planned = live.explain(own, SERVICE, *IN_THE_EAST, changes_from(OPENED))
    assert (planned["nearest"]["name"], planned["elsewhere"]) == ("东医院", False)
    assert planned["legs"] and planned["second"]["facility"] is None and planned["second"]["value"] > planned["value"]


@pytest.mark.parametrize("changes", [
    {"open": [{"number": 1, "class_code": "A100", "lon": IN_THE_WEST[0], "lat": IN_THE_WEST[1]}]},
    {"close": [999]},
    {"close_roads": [[126.84, 42.35]]},
    {"conditions": [f"night@{WEST}"]},
    {"conditions": [f"night@{COUNTY}"]},
], ids=lambda each: next(iter(each)))
def test_a_change_elsewhere_is_refused(county, changes):
    """Whether it concerns one or not: the refusal does not depend on what is there."""
    store, _settings, live = county
    for ask in (lambda own: live.what_if(own, SERVICE, changes_from(changes)), lambda own: live.explain(own, SERVICE, *IN_THE_EAST, changes_from(changes))):
        with pytest.raises(NotAllowed, match="must lie in the areas"):
            ask(as_seen_by(store, [EAST]))


def test_a_facility_of_others_can_be_neither_closed_nor_moved(county):
    store, _settings, live = county
    hospital = the_hospital(store)
    for changes in ({"close": [hospital]}, {"move": [{"facility": hospital, "lon": IN_THE_EAST[0], "lat": IN_THE_EAST[1]}]}):
        with pytest.raises(NotAllowed):
            live.what_if(as_seen_by(store, [EAST]), SERVICE, changes_from(changes))
    assert live.what_if(as_seen_by(store, [EAST]), SERVICE, changes_from({"conditions": [f"night@{EAST}"]}), [])["conditions"] == [f"night@{EAST}"]


def test_no_answer_names_nobody(county):
    """A service without a facility that can be reached names those of others to whoever sees all, and to nobody else."""
    store, _settings, live = county
    with pytest.raises(NoFacility) as whole:
        live.what_if(store, "blood-drive", NO_CHANGES)
    with pytest.raises(NoFacility, match="has no answer") as part:
        live.what_if(as_seen_by(store, [EAST]), "blood-drive", NO_CHANGES)
    assert str(whole.value) != str(part.value)
