"""The live what-if against measuring: whatever was asked before, every figure is the one that a run would store."""

from __future__ import annotations

import base64
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image
from registry.made_files import EAST, HEADER, NORTH, SOUTH, WEST, write_csv
from workflows.small_county import furnish

from geosvc.coverage.changes import NO_CHANGES, changes_from
from geosvc.errors import GeosvcError, NoFacility
from geosvc.geo.raster import read_band
from geosvc.maps.picture import PICTURE_FILE, PICTURE_RECORD
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.runs import select_coverage
from geosvc.travel import HybridField
from geosvc.workflows import importing
from geosvc.workflows.live import Live
from geosvc.workflows.live.journeys import journeys_of
from geosvc.workflows.live.lanes import Lanes
from geosvc.workflows.measuring import CURVES_FILE, SURFACE_FILE, measure_service, question_of
from geosvc.workflows.study import Study

# Two stand on one spot, so that only the order of their ids says who is the nearest; one in the river, one outside.
MORE = [
    ["东镇急救站", "E300", "126.95", "42.33", "WGS84"], ["西镇急救站", "E300", "126.83", "42.36", "WGS84"],
    ["东县医院", "A100", "126.95", "42.34", "WGS84"], ["双子医院甲", "A100", "126.87", "42.33", "WGS84"],
    ["双子医院乙", "A100", "126.87", "42.33", "WGS84"], ["河中医院", "A100", "126.9", "42.35", "WGS84"],
    ["外县医院", "A100", "127.6", "42.9", "WGS84"], ["待定医院", "A100", "", "", ""], ["村卫生室", "D600", "126.88", "42.38", "WGS84"],
]
SERVICES = ["hospital-drive", "emergency-chain", "basic-radius", "township-centre-drive"]


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """The small county with more facilities: some to be located, on one spot, in the river, far outside."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder, cell_size_m=400.0)
    importing.import_facilities(store, write_csv(folder / "more.csv", [HEADER, *MORE]), FacilityOptions(), settings)
    yield store, settings
    store.close()


def random_changes(rng, known):
    """Draw a scenario: of few facilities and few places, so that ties, returns and double use happen."""
    def place():
        if rng.random() < 0.1:
            return {"lon": 127.8, "lat": 42.35}  # outside
        lon, lat = (float(rng.choice(np.linspace(*ends, 7)[1:-1])) for ends in ((WEST, EAST), (SOUTH, NORTH)))
        return {"lon": round(lon, 6), "lat": round(lat, 6)}

    numbers = rng.permutation(6)[: rng.integers(0, 4)] + 1
    shuffled = [int(each) for each in rng.permutation(known)]
    closed, moved = shuffled[: rng.integers(0, 4)], shuffled[4 : 4 + rng.integers(0, 3)]
    return changes_from({
        "open": [{"number": int(n), "class_code": str(rng.choice(["A100", "C220", "E300"])), **place()} for n in numbers],
        "close": closed, "move": [{"facility": one, **place()} for one in moved],
        "conditions": ["winter"] if rng.random() < 0.15 else [],
        "close_roads": [[126.9, 42.35]] if rng.random() < 0.15 else [],
    })


def told_by_run(store, run):
    """Return what a run stored, as the live answer tells it."""
    with store.reading() as session:
        rows = select_coverage(session, run.id)
    tables = {}
    for row in rows:
        tables.setdefault(row.threshold, []).append(row)
    folder = store.runs / run.id
    total = {name: {"people": found[0].people or None, "km2": found[0].km2 or None, **found[0].figures, **gaps_told(run, name)}
             for name, found in tables.items()}
    areas = [
        {"code": own[0].area_code, "name": own[0].name, "level": own[0].level,
         "people_total": sum(own[0].people.values()) if own[0].people else None,
         "p50": own[0].figures.get("p50"), "p90": own[0].figures.get("p90"),
         "thresholds": {row.threshold: {"people": row.people or None, "km2": row.km2 or None, "share": row.figures["share"]} for row in own}}
        for own in zip(*(tables[name] for name in total), strict=True)
    ]
    return {"thresholds": total, "areas": areas, "curve": json.loads((folder / CURVES_FILE).read_text("utf-8"))}


def gaps_told(run, threshold):
    """Return what the summary of a run says of the gaps of a limit."""
    told = run.summary["thresholds"][threshold]
    return {name: told[name] for name in ("gaps", "gaps_with_people", "people_in_gaps", "largest_gap_people")}


def pixels(png):
    """Return the numbers of a picture."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def measured(store, settings, service, changes):
    """Return (run, None), or (None, why not)."""
    try:
        return measure_service(Study(store, settings), service, changes=changes), None
    except GeosvcError as error:
        return None, error


def compare(live, store, settings, service, changes):
    """Ask both; compare every figure, the picture, the surface, and what became of the facilities."""
    run, refusal = measured(store, settings, service, changes)
    if refusal is not None:
        with pytest.raises(type(refusal), match=f"^{re.escape(str(refusal))}$"):
            live.what_if(store, service, changes)
        return
    answer = json.loads(json.dumps(live.what_if(store, service, changes)))
    assert answer["run"] == run.id
    for name, value in told_by_run(store, run).items():
        assert answer[name] == value, name
    folder, picture = store.runs / run.id, answer["picture"]
    assert {name: value for name, value in picture.items() if name != "png"} == json.loads((folder / PICTURE_RECORD).read_text("utf-8"))
    png = base64.b64decode(picture["png"].removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(pixels(png), pixels((folder / PICTURE_FILE).read_bytes()))
    compare_facilities(answer, run.summary["facilities"])
    compare_surface(live, store, service, changes, folder)


def compare_facilities(answer, report):
    """What became of each facility, of both journeys."""
    for told, found in ((answer["facilities"], report), ((answer["then"] or {}).get("facilities", []), report.get("then"))):
        if found is None:
            assert told == []
            continue
        by_state = {state: [each["id"] for each in told if each["state"] == state] for state in ("used", "snapped", "stranded", "outside")}
        assert sorted(by_state["used"] + by_state["snapped"]) == found["ids"]
        assert (by_state["stranded"], by_state["outside"]) == (found["stranded"], found["outside"])
        assert {each["id"]: each["snapped_m"] for each in told if each["state"] == "snapped"} == {
            each["facility"]: each["distance_m"] for each in found["snapped"]}


def compare_surface(live, store, service, changes, folder):
    """Microseconds and the nearest facility of every cell."""
    state = live.state(store)
    asked = question_of(state.study, service, changes=changes)
    with ExitStack() as used:
        surface, journeys = journeys_of(live.fields, state, asked, changes, used)
    ids = np.array([each.id for each in journeys[0].placed] + [-1])
    np.testing.assert_array_equal(surface.micro, read_band(folder / SURFACE_FILE, 1))
    np.testing.assert_array_equal(ids[surface.nearest], read_band(folder / SURFACE_FILE, 2))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_whatever_was_asked_before_the_answer_is_that_of_a_run(county, seed):
    """Random scenarios of several services, one after the other, to one server."""
    store, settings = county
    live, rng = Live(settings), np.random.default_rng(seed)
    for _ in range(12):
        compare(live, store, settings, str(rng.choice(SERVICES)), random_changes(rng, range(1, 13)))


def test_a_planned_facility_that_comes_back_between_others(county):
    """Numbers in any order on one spot: the smaller number is the nearest, as in a run."""
    store, settings = county
    live = Live(settings)
    spot = {"class_code": "A100", "lon": 126.93, "lat": 42.34}
    for numbers in ([5], [5, 3], [3, 4, 5], [1, 5], [5, 3, 1]):
        compare(live, store, settings, "hospital-drive", changes_from({"open": [{"number": n, **spot} for n in numbers]}))


def put_together(known, picture):
    """Return the whole picture from the one that is known and the part that differs."""
    left, top, right, bottom = picture["box"]
    whole = known.copy()
    whole[top:bottom, left:right] = pixels(base64.b64decode(picture["png"].partition(",")[2]))
    return whole


@pytest.mark.parametrize("changes", [
    {"open": [{"number": 1, "class_code": "A100", "lon": 126.86, "lat": 42.38}]}, {"move": [{"facility": 1, "lon": 126.82, "lat": 42.31}]},
    {"close_roads": [[126.9, 42.35]], "conditions": ["winter"]}, {},
])
def test_a_part_of_a_picture_is_what_differs(county, changes):
    store, settings = county
    live, asked = Live(settings), changes_from(changes)
    run = measure_service(Study(store, settings), "hospital-drive")
    known = pixels((store.runs / run.id / PICTURE_FILE).read_bytes())
    whole = live.what_if(store, "hospital-drive", asked, ["picture"])["picture"]
    part = live.what_if(store, "hospital-drive", asked, ["picture"], since=run.id)["picture"]
    expected = pixels(base64.b64decode(whole["png"].partition(",")[2]))
    np.testing.assert_array_equal(put_together(known, part), expected)
    assert part["since"] == run.id and "box" not in whole
    assert {name: part[name] for name in whole if name != "png"} == {name: whole[name] for name in whole if name != "png"}
    rows, cols = np.nonzero(expected != known)
    assert part["box"] == ([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1] if changes else [0, 0, 1, 1])


def test_a_picture_is_whole_where_the_run_that_is_known_is_gone_or_of_another_service(county):
    store, settings = county
    live = Live(settings)
    other = measure_service(Study(store, settings), "basic-radius").id
    for since in ("gone", other):
        assert "box" not in live.what_if(store, "hospital-drive", NO_CHANGES, ["picture"], since=since)["picture"]


def test_closing_all_is_refused_with_a_sentence(county):
    """Not that nobody registered one, but that the changes close them all; for either journey."""
    store, settings = county
    live = Live(settings)
    every = changes_from({"close": list(range(1, 13))})
    for service in ("hospital-drive", "emergency-chain"):
        with pytest.raises(NoFacility, match="these changes close every one of its .* facilities .*leave one open"):
            live.what_if(store, service, every)
    compare(live, store, settings, "hospital-drive", every)
    compare(live, store, settings, "hospital-drive", NO_CHANGES)


def test_only_the_parts_that_are_asked_for(county):
    """A page that shows no curve need not wait for one."""
    store, settings = county
    answer = Live(settings).what_if(store, "hospital-drive", NO_CHANGES, ["figures"])
    assert "thresholds" in answer
    assert not {"areas", "curve", "picture"} & set(answer)
    curve = Live(settings).what_if(store, "hospital-drive", NO_CHANGES, ["curve"])["curve"]
    assert (curve["gaps"], len(curve["areas"])) == (None, 4)
    whole = Live(settings).what_if(store, "hospital-drive", NO_CHANGES)
    assert (answer["thresholds"], curve["areas"]) == (whole["thresholds"], whole["curve"]["areas"])
    with pytest.raises(GeosvcError, match="parts must be some of"):
        Live(settings).what_if(store, "hospital-drive", NO_CHANGES, ["figure"])


def test_a_change_of_the_registry_is_seen_at_once_and_the_ground_stays(tmp_path):
    """A new facility counts in the next answer; what was made of ground and people is not made again."""
    settings = Settings(workspace=tmp_path / "workspace", public_read=True)
    store = furnish(settings, tmp_path, cell_size_m=400.0)
    live = Live(settings)
    compare(live, store, settings, "hospital-drive", NO_CHANGES)
    prepared = live.state(store).prepared
    importing.import_facilities(store, write_csv(tmp_path / "m.csv", [HEADER, *MORE[2:4]]), FacilityOptions(), settings)
    compare(live, store, settings, "hospital-drive", NO_CHANGES)
    compare(live, store, settings, "hospital-drive", changes_from({"close": [1]}))
    assert live.state(store).prepared is prepared
    store.close()


def drawn_places(rng, count):
    """Draw places in the county, and one outside."""
    return [(float(rng.uniform(WEST, EAST)), float(rng.uniform(SOUTH, NORTH))) for _ in range(count)]


@pytest.mark.parametrize("service", ["hospital-drive", "emergency-chain", "basic-radius", "village-clinic-walk"])
def test_a_place_is_explained_by_what_adds_up(county, service):
    """Legs add up to the value and begin or end at the place; the second nearest is who answers when the nearest is closed."""
    store, settings = county
    live, rng = Live(settings), np.random.default_rng(7)
    changes = changes_from({"open": [{"number": 2, "class_code": "A100", "lon": 126.92, "lat": 42.36}]})
    for lon, lat in drawn_places(rng, 8):
        told = live.explain(store, service, lon, lat, changes)
        assert told["state"] in ("reached", "no_data", "unreachable")
        if told["state"] != "reached":
            continue
        parts = [told, told["then"]] if told["then"] else [told]
        spent = [sum(leg["minutes"] for leg in part["legs"] or []) for part in parts]
        if service != "basic-radius":
            assert sum(spent) + told["between_minutes"] * (len(parts) - 1) == pytest.approx(told["value"], abs=1e-6)
        else:
            assert told["legs"] is None
        assert all((told["value"] <= each["value"]) == (told["thresholds"][each["id"]] == "covered")
                   for each in live.what_if(store, service, changes, [])["limits"])
        closed = without(changes, told["nearest"]["id"])
        if told["second"] is None:
            continue
        second = live.explain(store, service, lon, lat, closed)
        assert second["nearest"]["id"] == told["second"]["facility"]["id"]
        first = second.get("value_of_first", second["value"])
        assert first == told["second"]["value"]


def without(changes, one):
    """Close one more, planned or registered."""
    document = changes.as_dict()
    if one > 1_000_000_000:
        return changes_from({**document, "open": []})
    return changes_from({**document, "close": [*document.get("close", []), one]})


def test_places_without_an_answer_are_told_as_such(county):
    """Outside of the study, on ground that nobody reaches; people and areas where they are known."""
    store, settings = county
    live = Live(settings)
    outside = live.explain(store, "hospital-drive", 100.0, 30.0)
    assert (outside["state"], outside["value"], outside["areas"], outside["people"], outside["nearest"]) == ("outside", None, [], None, None)
    river = live.explain(store, "hospital-drive", 126.9, 42.31)
    assert (river["state"], river["nearest"], set(river["thresholds"].values())) == ("unreachable", None, {"unreachable"})
    home = live.explain(store, "hospital-drive", 126.85, 42.35)
    assert [each["level"] for each in home["areas"]] == ["township", "county"]
    assert home["people"] >= 0
    only = live.explain(store, "village-clinic-walk", 126.88, 42.38)
    assert (only["nearest"]["name"], only["second"]) == ("村卫生室", None)
    with pytest.raises(GeosvcError, match="is no place"):
        live.explain(store, "hospital-drive", 126.85, 142.35)


def test_explaining_leaves_the_field_as_it_was(county):
    """What is closed for a moment is open again for the next question."""
    store, settings = county
    live = Live(settings)
    before = live.what_if(store, "emergency-chain", NO_CHANGES)
    for lon, lat in drawn_places(np.random.default_rng(3), 5):
        live.explain(store, "emergency-chain", lon, lat)
    assert live.what_if(store, "emergency-chain", NO_CHANGES) == before


def test_many_at_once_get_the_answers_that_one_alone_would(county):
    """Eight hands, each dragging another facility, over fields that they share: nobody sees another's changes."""
    store, settings = county
    live, alone = Live(settings), Live(settings)
    spots = [(126.83 + 0.02 * n, 42.34) for n in range(5)]
    asked = [(service, changes_from({"open": [{"class_code": "A100", "lon": lon, "lat": lat}], "close": close}))
             for service in ("hospital-drive", "emergency-chain", "basic-radius") for lon, lat in spots for close in ([], [1])]
    expected = [alone.what_if(store, service, changes) for service, changes in asked]
    order = [int(each) for each in np.random.default_rng(1).permutation(3 * len(asked)) % len(asked)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: live.what_if(store, *asked[n]), order))
    assert all(answer == expected[n] for answer, n in zip(found, order, strict=True))


def test_what_is_kept_is_bounded_and_what_was_not_asked_for_longest_goes(county):
    """A field more than there is room for takes the place of the oldest; none fits: a sentence that names the setting."""
    store, settings = county
    live = Live(settings)
    one = live.state(store).prepared.field_bytes
    live.fields.most_bytes = int(2.5 * one)
    for conditions in ([], ["winter"], ["night"], ["rain"], []):
        compare(live, store, settings, "hospital-drive", changes_from({"conditions": conditions}))
        assert live.fields.nbytes <= live.fields.most_bytes
    live.fields.most_bytes = one - 1
    with pytest.raises(GeosvcError, match="raise GEOSVC_WHAT_IF_MB"):
        live.what_if(store, "township-centre-drive", NO_CHANGES)


def test_who_comes_too_late_is_told_to_come_back():
    """Those who wait are few and do not wait long; a turn that was given back is given on."""
    lanes = Lanes(1, waiting=1, seconds=0.2)
    with lanes.turn():
        with ThreadPoolExecutor(2) as pool:
            late = [pool.submit(lambda: lanes.turn().__enter__()) for _ in range(2)]
        told = sorted(str(each.exception()) for each in late)
    assert "1 questions wait for an answer already" in told[0]
    assert "no turn came within 0.2 s" in told[1]
    with lanes.turn():
        pass


def test_what_failed_half_way_is_not_asked_again(county, monkeypatch):
    """An edit that breaks off leaves a field that nobody trusts: it is let go of."""
    store, settings = county
    live = Live(settings)
    live.what_if(store, "hospital-drive", NO_CHANGES)
    with monkeypatch.context() as patch:
        patch.setattr(HybridField, "_mend", lambda *_args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            live.what_if(store, "hospital-drive", changes_from({"close": [1]}))
    compare(live, store, settings, "hospital-drive", changes_from({"close": [1]}))
    compare(live, store, settings, "hospital-drive", NO_CHANGES)
