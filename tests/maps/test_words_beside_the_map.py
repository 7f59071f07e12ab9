"""What stands beside a map: limits for different people, the states of people, whose people, which settlements."""

import re
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from geosvc.coverage.services import Service, Threshold
from geosvc.maps import numbers
from geosvc.store.engine import Store
from geosvc.workflows import publishing

STATES = {"covered": 60.0, "beyond": 30.0, "unreachable": 0.0, "beyond_horizon": 0.0, "no_data": 0.0}


def service(*thresholds: Threshold, **changes: Any) -> Service:
    """Return a service with some limits."""
    told: dict[str, Any] = {"id": "x", "zh": "甲", "en": "A", "facility_classes": ("C",), "method": "straight_line",
                            "thresholds": thresholds}
    return Service(**{**told, **changes})


def run(people: dict[str, float] | None, ids: tuple[str, ...] = ("1",), verdict: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return as much of a run as a map's figures need."""
    total = None if people is None else sum(people.values())
    share = None if people is None or not total else people["covered"] / total
    one = {"people": people, "share": {"of_all_people": share}, "p50": 2.31, "p90": None, "km2": None, "gaps": 3}
    return {"summary": {"people_total": total, "verdict": verdict, "thresholds": dict.fromkeys(ids, one)},
            "inputs": {"profile": None}}


TOWN, COUNTRY = Threshold(id="1", value=5, applies_to="urban"), Threshold(id="2", value=10, applies_to="rural")
UNKNOWN_CLASS = {"given": False, "reason": "settlement_class_unknown", "people_of_unknown_class": 90.0}


# -- limits for different people --------------------------------------------------------------


def test_limits_for_different_people_lead_with_none_of_them(demo_store: Store):
    """Nobody is known to be urban or rural: the map hatches nothing, shows no share, and gives every limit its people."""
    document = publishing.map_of(demo_store, "basic-radius", title_block=True)
    assert document["threshold"] == {"id": "all", "value": None}
    assert document["gaps"]["features"] == []
    assert document["gap_count"] is None
    assert document["limits"] == [5, 10, 20]
    assert [each["label"] for each in document["side_by_side"]] == ["5 公里（城镇）", "10 公里（乡村）", "20 公里（乡村）"]
    assert [each["people"] for each in document["side_by_side"]] == ["71,078 人", "87,380 人", "107,223 人"]
    assert "不作达标判定" in document["verdict"]
    labels = [each["label"] for each in document["kpis"]]
    assert not [label for label in labels if "覆盖" in label or "超出" in label], labels
    assert set(document["people"]) == {"unreachable", "beyond_horizon", "no_data"}


def test_a_chosen_limit_is_named_in_what_it_hatches(demo_store: Store):
    """Who chooses 10 km sees what lies beyond 10 km, called so and not a gap, with all limits still side by side."""
    document = publishing.map_of(demo_store, "basic-radius", threshold_id="10km", title_block=True)
    assert document["threshold"]["value"] == 10
    assert len(document["gaps"]["features"]) == document["gap_count"] > 0
    assert document["gap_label"] == "超出 10 公里（乡村）"
    assert len(document["side_by_side"]) == 3
    kpis = {each["label"]: each["text"] for each in document["kpis"]}
    assert kpis["超出 10 公里（乡村）的人口"] == "21,098"
    assert not [label for label in kpis if "覆盖" in label]


def test_a_limit_for_everybody_leads_as_before(demo_store: Store):
    """A limit for everybody has its share, its gaps, and nothing beside it."""
    document = publishing.map_of(demo_store, "hospital-drive", title_block=True)
    assert document["side_by_side"] == []
    assert document["verdict"] == ""
    assert document["gap_label"] == "服务缺口"
    assert document["kpis"][0] == {"label": "覆盖率", "text": "69.3 %"}


def text_of(client: TestClient, **query: str) -> str:
    """Return the words of the map page."""
    client.cookies.clear()
    page = client.get("/gaps" if query.pop("page", "") == "gaps" else "/", params=query).text
    without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", without_scripts)))


def test_the_page_gives_each_limit_its_people(demo_client: TestClient):
    """The page says why there is no verdict and shows people for each limit, in tiles and by township."""
    text = text_of(demo_client, service="basic-radius")
    assert "不作达标判定" in text
    for label, people in (("5 公里（城镇）", "71,078"), ("10 公里（乡村）", "87,380"), ("20 公里（乡村）", "107,223")):
        assert re.search(rf"{re.escape(label)} {people} 人", text)
    assert "覆盖率" not in text
    assert "最大缺口" not in text


def test_the_list_of_gaps_asks_which_limit(demo_client: TestClient):
    """Without a chosen limit the list shows what lies beyond each; with one it is headed by that limit."""
    text = text_of(demo_client, page="gaps", service="basic-radius")
    assert "不作达标判定" in text
    assert re.search(r"超出 5 公里（城镇） 37,400 人 1 处", text)
    chosen = text_of(demo_client, page="gaps", service="basic-radius", threshold="20km")
    assert "超出 20 公里（乡村） · 基本医疗服务半径" in chosen
    assert "不作达标判定" in chosen


def test_a_verdict_counts_the_people_whom_a_limit_is_for():
    """Where classes are known a tile counts townspeople by the limit of towns, not everybody."""
    verdict = {"given": True, "reason": None, "figures": [
        {"threshold": "1", "applies_to": "urban", "people_covered": 30.0, "people": 40.0},
        {"threshold": "2", "applies_to": "rural", "people_covered": 45.0, "people": 50.0}]}
    tiles = numbers.side_by_side(run(STATES, ("1", "2"), verdict), service(TOWN, COUNTRY), "en")
    assert [each["people"] for each in tiles] == ["30 people", "45 people"]
    assert [each["beyond"] for each in tiles] == ["10 people", "5 people"]
    assert "of 40 urban people" in tiles[0]["share"]


def test_without_people_no_limit_has_a_number():
    """No population: the tiles say unknown, never 0."""
    tiles = numbers.side_by_side(
        run(None, ("1", "2"), {"given": False, "reason": "no_population"}), service(TOWN, COUNTRY), "zh")
    assert {each["people"] for each in tiles} == {"未知"}
    assert not [each for each in tiles if "0" in each["people"]]


# -- states of people -------------------------------------------------------------------------


def test_each_state_of_people_not_covered_is_its_own_line():
    """Unreachable, not looked at and no data are never added to those beyond the limit; what is 0 is left out."""
    people = {**STATES, "unreachable": 4.0, "beyond_horizon": 3.0, "no_data": 2.0}
    limit = Threshold(id="1", value=5)
    rows = {each["label"]: each["text"] for each in numbers.kpis(run(people), service(limit), limit, "zh")}
    assert rows["超出标准的人口"] == "30"
    assert rows["无法到达的人口"] == "4"
    assert rows["未计算到的人口"] == "3"
    assert rows["无数据的人口"] == "2"
    assert "39" not in rows.values()
    few = [each["label"] for each in numbers.kpis(run(STATES), service(limit), limit, "zh")]
    assert not {"无法到达的人口", "未计算到的人口", "无数据的人口"} & set(few)
    assert "超出标准的人口" in few


# -- what a sheet says of itself --------------------------------------------------------------


def test_a_sheet_says_whose_people_how_fast_and_of_when(demo_store: Store):
    """The title block of the file names denominator, year, source, travel, limit with origin, run and dates of the data."""
    document = publishing.map_of(demo_store, "hospital-drive", title_block=True)
    told = {each["label"]: each["text"] for each in document["facts"]}
    assert told["分母"] == "108,478 人（常住，2020 年，普查）"
    assert "GeoNames" in told["来源"]
    assert told["出行方式"] == "驾车，然后步行 · 按道路等级 10—90 km/h"
    assert told["标准"] == "30 分钟：系统缺省值，非规划目标"
    assert document["run"] in told["计算记录"]
    assert re.search(r"道路 \d{4}-\d\d-\d\d", told["数据日期"])
    assert re.search(r"机构登记 \d{4}-\d\d-\d\d", told["数据日期"])
    assert told["审图号"] == "无（内部资料）"


def test_what_is_not_known_of_the_people_is_said():
    """A total without year and kind is not given any."""
    nothing = {"year": None, "kind": None, "status": None, "source": None}
    assert numbers.denominator(run(STATES), nothing, "zh") == "90 人（口径、年份未注明）"
    assert numbers.denominator(run(None), nothing, "zh") == "缺少人口数据"


def test_a_pace_set_by_the_service_is_told():
    """On foot the pace stands beside the profile, and so does the time to get ready."""
    walking = service(Threshold(id="1", value=15), method="travel_time", profile="walk", speed_kmh=3.6, delay_minutes=5)
    assert numbers.travel_text(run(STATES), walking, "zh") == "步行 · 3.6 km/h · 出动准备 5 分钟"


@pytest.mark.parametrize(("named", "people", "listed", "more"), [
    (3, 30.0, 3, ""),
    (10, 100.0, 8, "等 10 个，未列出的共 20 人"),
    (20, 900.0, 8, "等至少 20 个，未列出的共 820 人"),
    (0, 0.0, 0, ""),
])
def test_settlements_that_are_not_listed_are_counted(named: int, people: float, listed: int, more: str):
    """A list that stops says how many there are and how many people it leaves out."""
    gap = {"people": people, "settlements": [{"name": f"村{i}", "people": 10.0} for i in range(named)]}
    shown, told = numbers.settlements_shown(gap, "zh")
    assert (len(shown), told) == (listed, more)


def test_an_old_drawing_is_drawn_again(demo_store: Store, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A file written by an older way of drawing is not left to stand for the new one."""
    target = tmp_path / "map.html"
    publishing.write_map(demo_store, "blood-drive", target)
    before = target.stat().st_mtime_ns
    monkeypatch.setattr(publishing, "_DRAWING", 0)
    publishing.write_map(demo_store, "blood-drive", target)
    assert target.stat().st_mtime_ns != before
