"""The pages of plans without a browser: parts in the plan's order, what is missing told once, links that lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of
from shapely.geometry import box

from geosvc.application import create_app
from geosvc.language import words
from geosvc.plans.documents import read_plan
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, PositionMethod
from geosvc.settings import Settings
from geosvc.web.plan_map import places_of, plan_map, shown_first
from geosvc.workflows import plan_documents
from geosvc.workflows.workspace import init_workspace, open_workspace

ZH, EN = words("zh"), words("en")
COUNTY, EAST = "220622", "220622100"
PLAN = """
plan: {id: made, title: 示例规划, issuer: 试验县, date: 2022-01-01, period: 2021-2025, state: draft, area: "220622"}
statements:
  - {section: 第二章 能力, en: Chapter 2}
  - {id: made-1, quote: 卫生室有床位, kind: SHARE, year: 2025, indicator: {unit: "%", compute: {each_facility: {of: village_clinic, measure: beds}}, target: ≥1}}
  - {section: 第一章 <总则>, en: Chapter 1}
  - {id: made-2, quote: 加强评估, kind: GOV, recorded: 没有数值, every_years: 1, reviews: [mid]}
  - {id: made-3, quote: 每千人口医师数, kind: DENS, year: 2025, indicator: {unit: 人/千人, compute: {density: {measure: doctors, per: 1000}}, target: 2.5左右}}
  - {id: made-4, quote: 使用率低于75%、住院日高于9天的不再增加床位, kind: DYN, year: 2025, indicator: {better: lower, compute: {gate: {conditions: [{name: 床位使用率, value: <75%}, {name: 平均住院日, value: '>9天'}]}}}}
  - {id: made-5, quote: 全县有村卫生室20个, kind: FACT, year: 2020, indicator: {unit: 个, compute: {count: {of: village_clinic}}, baseline: '20'}}
"""
CLINICS = 15


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("plan-pages")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = init_workspace(settings)
    with store.writing() as session:
        areas.save(session, Area(code=COUNTY, name="靖宇县", level="county", geometry=box(126, 42, 127, 43)), **BY)
        areas.save(session, Area(code=EAST, name="东镇", level="township", geometry=box(126, 42, 126.5, 43)), **BY)
        for n in range(CLINICS):
            facilities.register(session, [Facility(
                name=f"卫生室{n}", class_code="D600", area_code=EAST if n else None, lon=126.1 + n / 100, lat=42.5, position_method=PositionMethod.SURVEYED,
                beds=[{"kind": "actual", "count": 0, "year": 2023}] if n < 2 else [])], **BY)
    plan_documents.add_plan(store, PLAN.encode(), "made.yaml", author="test")
    with TestClient(create_app(settings)) as made:
        yield made
    store.close()


def page(client: TestClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_parts_stand_in_the_order_of_the_plan_under_its_headings(client: TestClient) -> None:
    assert re.findall(r'<h2 id="part-\d+">(.*?) <', page(client, "/plans/made?lang=zh")) == ["第二章 能力", "第一章 &lt;总则&gt;"]
    assert re.findall(r'<h2 id="part-\d+">(.*?) <', page(client, "/plans/made?lang=en")) == ["Chapter 2", "Chapter 1"]


def test_issuer_date_and_state_are_on_the_page(client: TestClient) -> None:
    text = page(client, "/plans/made?lang=zh")
    assert f"{ZH['plan_issuer']}：试验县 · {ZH['plan_date']}：2022-01-01 · 2021–2025" in text
    assert ZH["plan_state_draft"] in text


@pytest.mark.parametrize("plan", [*plan_documents.shipped_plans(), "made"])
@pytest.mark.parametrize("more", ["", "&verdict=not_computable", "&kind=DENS"])
def test_every_link_inside_of_a_page_leads_to_something_on_it(client: TestClient, plan: str, more: str) -> None:
    """From a row to its contradiction and back, from a part's name to the part; and no id stands twice."""
    text = page(client, f"/plans/{plan}?lang=zh{more}")
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert {unescape(each) for each in re.findall(r'href="#([^"]+)"', text)} <= set(ids)


def test_what_is_missing_is_said_once_with_the_import_and_its_columns(client: TestClient) -> None:
    text = page(client, "/plans/made?lang=zh")
    lacking = text[text.index('class="believe lacking"'):]
    lacking = lacking[:lacking.index("</details>")]
    assert "geosvc import facilities FILE" in lacking
    assert re.search(r"人员明细</b> <span class=\"soft\">1<", lacking)
    assert text.count("geosvc import facilities FILE") == lacking.count("geosvc import facilities FILE")
    assert "geosvc import areas" in page(client, "/plans/xinxiang-2025?lang=zh")


def test_twelve_of_a_list_are_shown_and_all_on_the_page_of_the_indicator(client: TestClient) -> None:
    text = page(client, "/plans/made?lang=zh")
    assert len(re.findall(r"看地图", text[text.index('id="made-1"'):text.index('id="made-2"')])) == 12
    assert 'href="/plans/made?indicator=made-1"' in text
    whole = page(client, "/plans/made?lang=zh&indicator=made-1")
    assert len(re.findall(r"看地图", whole)) == CLINICS
    assert "made-2" not in whole
    assert ZH["plan_show_all"] in whole
    assert client.get("/plans/made?indicator=made-9").status_code == 404


def test_a_number_and_its_unit_stand_together_before_the_year(client: TestClient) -> None:
    text = re.sub(r"<[^>]+>", "", page(client, "/plans/made?lang=zh"))
    assert "2.5左右 人/千人 2025" in text
    assert "≥1 % 2025" in text


def test_a_target_in_words_has_no_unit(client: TestClient) -> None:
    """全覆盖 is no number of percent."""
    told = re.sub(r"\s+", " ", page(client, "/plans/jingyu-2025?lang=zh"))
    assert 'figure">全覆盖</span> <span class="soft">2025' in told
    assert "全覆盖 <span" not in told


def test_a_plan_that_does_not_say_whether_it_is_published() -> None:
    assert read_plan(PLAN.replace(", state: draft", ""), name="x.yaml").state == "unstated"
    assert ZH["plan_state_unstated"] != ZH["plan_state_published"]


def test_who_is_counted_by_position_is_said(client: TestClient) -> None:
    assert ZH["plan_by_position"].format(count=1) in page(client, "/plans/made?lang=zh")
    assert EN["plan_by_position"].format(count=1) in page(client, "/plans/made?lang=en")


def test_the_map_beside_draws_the_area_and_the_places(client: TestClient) -> None:
    text = page(client, "/plans/made?lang=zh")
    assert re.findall(r'data-place="(a\d+)"', text) == [f"a{COUNTY}", f"a{EAST}"]
    assert len(re.findall(r'<circle [^>]*data-place="f\d+"', text)) == CLINICS
    assert "plan-map" not in re.sub(r"<script.*?</script>", "", page(client, "/plans/xinxiang-2025?lang=zh"))  # nothing to draw: no empty frame


def test_registered_beside_published(client: TestClient) -> None:
    """15 of the 20 that the plan counts."""
    assert ZH["plan_registered_of"].format(registered="15", stated="20") in page(client, "/plans/made?lang=zh")


def test_when_evaluations_are_due_and_which_years_are_over(client: TestClient) -> None:
    told = page(client, "/plans/made?datetime=2023-06-01&lang=zh")
    assert f"{ZH['plan_review_annual']}：2021、2022、2023、2024、2025（{ZH['plan_review_over'].format(count=2)}）" in told
    assert f"{ZH['plan_review_mid']}：2023<" in told
    assert f"没有数值；{ZH['plan_review_annual']}：2021、2022、2023、2024、2025；{ZH['plan_review_mid']}：2023" in client.get("/api/plans/made/indicators?f=csv").text


def test_a_gate_by_reported_figures_is_told_in_both_readings(client: TestClient) -> None:
    """Before anybody reports, it is not computable, and the ids to report under are told; after, 71.3 % and 8.6 days hold by 或 and not by 且."""
    before = page(client, "/plans/made?lang=zh")
    assert ZH["plan_why_not_reported"] in before
    assert "made-4.1" in before
    table = "指标编号,指标,年份,数值,来源\nmade-4.1,,2023,71.3%,公报\nmade-4.2,,2023,8.6,公报\n"
    store = open_workspace(client.app.state.settings)  # type: ignore[attr-defined]
    plan_documents.report_figures(store, "made", table.encode(), "年报.csv", author="test")
    try:
        told = page(client, "/plans/made?lang=zh")
        said = ZH["list_comma"].join((ZH["plan_gate_by_or"].format(said=ZH["plan_gate_closed"]), ZH["plan_gate_by_and"].format(said=ZH["plan_gate_open"])))
        assert said in told
        assert f"床位使用率 <75%</span>：71.3 {ZH['plan_gate_yes']}" in unescape(told)
        assert said in client.get("/api/plans/made/indicators?f=csv").text
        assert "read as “or”" in page(client, "/plans/made?lang=en")
    finally:
        plan_documents.forget_reports(store, "made", author="test")
        store.close()


@pytest.fixture(scope="module")
def editor(client: TestClient) -> dict[str, str]:
    store = open_workspace(client.app.state.settings)  # type: ignore[attr-defined]
    told: dict[str, str] = {**headers_of(store, "editor"), "Accept": "text/html"}
    store.close()
    return told


def sent(text: str, name: str) -> dict[str, tuple[str, bytes]]:
    return {"file": (name, text.encode())}


def test_a_plan_file_is_sent_from_the_page(client: TestClient, editor: dict[str, str]) -> None:
    """What is wrong stands on the page with its line, nothing is kept; mended it leads to its plan, and it can be removed again."""
    own = PLAN.replace("id: made,", "id: mine,")
    wrong = client.post("/plans/new?lang=zh", files=sent(own.replace("kind: SHARE", "kind: <b>"), "我的.yaml"), headers=editor)
    assert wrong.status_code == 422
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", wrong.text))
    assert "我的.yaml 没有存入，请按下列说明修改后再传第 5 行 made-1 kind 可用：RADIUS, " in said
    assert "这里是“&lt;b&gt;”" in said
    english = client.post("/plans/new?lang=en", files=sent(own.replace("kind: SHARE", "kind: <b>"), "我的.yaml"), headers=editor).text
    assert "Line 5" in english
    assert "kind must be one of RADIUS" in english
    broken = client.post("/plans/new?lang=zh", files=sent("plan: {id: x\n", "坏.yaml"), headers=editor)
    assert (broken.status_code, "第 2 行" in broken.text, "不是有效的 YAML" in broken.text) == (422, True, True)
    assert client.get("/plans/mine").status_code == 404
    kept = client.post("/plans/new", files=sent(own, "我的.yaml"), headers=editor, follow_redirects=False)
    assert (kept.status_code, kept.headers["Location"]) == (303, "/plans/mine")
    assert 'href="/plans/mine/figures"' in client.get("/plans/mine", headers=editor).text
    assert 'href="/plans/new"' in client.get("/plans", headers=editor).text
    assert client.post("/plans/mine/remove", headers=editor, follow_redirects=False).headers["Location"] == "/plans"
    assert client.get("/plans/mine").status_code == 404


def test_figures_are_sent_from_the_page(client: TestClient, editor: dict[str, str]) -> None:
    """Beside what was sent, by whom; a table with a fault leaves what was kept before."""
    head, address = "指标编号,年份,数值,来源\n", "/plans/made/figures"
    assert ZH["plan_figures_none"] in client.get(f"{address}?lang=zh", headers=editor).text
    kept = client.post(address, files=sent(head + "made-4.1,2023,71.3%,公报\n", "年报.csv"), headers=editor, follow_redirects=False)
    assert (kept.status_code, kept.headers["Location"]) == (303, f"{address}?done=kept")
    wrong = client.post(f"{address}?lang=zh", files=sent(head + "made-4.9,2023,1,公报\n", "错.csv"), headers=editor)
    assert wrong.status_code == 422
    assert "规划没有指标“made-4.9”，相近的有 made-" in wrong.text
    assert "第 2 行" in wrong.text
    workbook = client.post(f"{address}?lang=zh", files={"file": ("年报.xlsx", b"PK\x03\x04...")}, headers=editor)
    assert (workbook.status_code, "请在表格软件中另存为“CSV UTF-8”" in workbook.text) == (422, True)
    assert "71.3%" in wrong.text
    assert "年报.csv" in wrong.text
    late = client.post(f"{address}?lang=zh", files=sent(head + "made-4.1,2023,1%,公报\n", "迟.csv"), data={"seen": "none"}, headers=editor)
    assert (late.status_code, "刚刚报了 年报.csv" in late.text) == (422, True)
    shown = client.get(f"{address}?lang=zh", headers=editor).text
    seen = re.search(r'name="seen" value="([^"]+)"', shown)
    assert seen is not None
    again = client.post(address, files=sent(head + "made-4.1,2023,71.4%,公报\n", "年报.csv"), data={"seen": seen[1]}, headers=editor, follow_redirects=False)
    assert again.status_code == 303
    client.post(f"{address}/forget", headers=editor)
    assert ZH["plan_figures_none"] in client.get(f"{address}?lang=zh", headers=editor).text


def test_what_was_sent_before_is_listed_with_the_page_of_then(client: TestClient, editor: dict[str, str]) -> None:
    """Each text with its time, state and download; the page of then says that it is not of now, and leads back."""
    for title in ("初稿", "定稿"):
        assert client.post("/plans/new", files=sent(PLAN.replace("id: made,", "id: twice,").replace("title: 示例规划", f"title: {title}"), f"{title}.yaml"),
                           headers=editor, follow_redirects=False).status_code == 303
    shown = client.get("/plans/twice/figures?lang=zh", headers=editor).text
    rows = [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row)) for row in re.findall(r"<tr>.*?</tr>", shown, re.DOTALL) if ".yaml" in row]
    assert [("定稿.yaml" in row, ZH["plan_texts_now"] in row) for row in rows] == [(True, True), (False, False)]
    assert ZH["plan_texts_before"] in rows[1]
    old = re.search(r'href="(/plans/twice\?recorded=[^"]+)"', shown)
    assert old is not None
    then = page(client, unescape(old[1]) + "&lang=zh")
    assert "<h1>初稿" in then
    assert ZH["back_to_today"] in then
    assert "recorded=" in re.findall(r'href="(/api/plans/twice/indicators[^"]+)"', then)[0]
    now = page(client, "/plans/twice?lang=zh")
    assert "<h1>定稿" in now
    assert ZH["back_to_today"] not in now
    download = re.findall(r'href="(/api/plans/twice/file[^"]+)"', shown)
    assert [f"title: {title}" in client.get(unescape(one)).text for title, one in zip(("定稿", "初稿"), download, strict=False)] == [True, True]
    client.post("/plans/twice/remove", headers=editor)


def test_who_may_not_send_is_not_offered_it(client: TestClient) -> None:
    assert "/plans/new" not in page(client, "/plans?lang=zh")
    assert "/figures" not in page(client, "/plans/made?lang=zh")
    for address in ("/plans/new", "/plans/made/figures"):
        assert client.get(address).status_code == 401


def indicator(*culprits: dict[str, object], verdict: str = "behind") -> dict[str, object]:
    return {"now": {"culprits": list(culprits)}, "verdict": verdict}


def test_north_is_up_and_the_scale_is_one() -> None:
    """At 60° a degree of longitude is half one of latitude: a square on the ground is a square on the map."""
    found = plan_map([{"code": "1", "name": "n", "rings": [[(10, 59.5), (12, 59.5), (12, 60.5), (10, 60.5)]]}], [
        indicator({"kind": "facility", "id": "1", "name": "f", "located": True, "known": True, "lon": 10.0, "lat": 60.5})])
    assert found is not None
    corners = [tuple(map(float, each.split())) for each in re.findall(r"[\d.]+ [\d.]+", found.areas[0]["path"])]
    assert corners[1][0] - corners[0][0] == pytest.approx(corners[0][1] - corners[3][1], abs=0.2)
    assert found.facilities[0]["at"] == corners[3]
    assert corners[3][1] < corners[0][1]
    assert plan_map([], []) is None


def test_only_what_has_its_own_outline_or_place_is_marked() -> None:
    """An area that is shown by the county around it is in the list alone: else the whole county would seem to fail."""
    one = indicator(
        {"kind": "area", "id": "1", "located": True, "known": True}, {"kind": "area", "id": "2", "located": False, "outlined": "9", "known": True},
        {"kind": "facility", "id": "3", "located": True, "known": False})
    assert places_of(one) == ["a1", "?f3"]
    unknown = indicator({"kind": "facility", "id": "3", "located": True, "known": False})
    assert shown_first([unknown, unknown]) is None
    assert shown_first([unknown]) is unknown
    assert shown_first([unknown, {**one, "verdict": "undecided"}, one]) is one
    assert places_of({"now": None}) == []
