"""The worklist of facilities to be located, in pages: suggestions, a pasted position, many by a rule, and undoing it."""

from __future__ import annotations

import re
from html import unescape
from itertools import product

import pytest
from api.hostile_world import NAMES
from api.test_guards import naked
from fastapi.testclient import TestClient
from people import BY, headers_of
from shapely.geometry import box

from geosvc.application import create_app
from geosvc.geo.crs import distance_m
from geosvc.language import words
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.workflows import locating
from geosvc.workflows.exporting import export_facilities

HTML = {"accept": "text/html"}
TOWN, OTHER = "990001100", "990002100"
ZH = words("zh")


@pytest.fixture
def world(settings, store):
    """Two townships with polygons; clinics to be located in each, one with a raw value the wrong way round, one in no area."""
    with store.writing() as session:
        for code, name, level, geometry in (
            ("990001", "试验县", "county", box(126.8, 42.3, 127.0, 42.5)), (TOWN, "西镇", "township", box(126.8, 42.3, 126.9, 42.4)),
            ("990002", "邻县", "county", box(127.0, 42.3, 127.2, 42.5)), (OTHER, "邻镇", "township", box(127.0, 42.3, 127.1, 42.4)),
        ):
            areas.save(session, Area(code=code, name=name, level=level, geometry=geometry), **BY)
        for one in (
            Facility(name="甲卫生室", class_code="D600", area_code=TOWN, address="大街8号"),
            Facility(name="乙诊所", class_code="D200", area_code=TOWN, raw_x="42.35", raw_y="126.85", raw_datum="WGS84"),
            Facility(name="邻诊所", class_code="D200", area_code=OTHER),
            Facility(name="无区域诊所", class_code="D200"),
            Facility(name="已定位诊所", class_code="D200", area_code=TOWN, address="大街8号", lon=126.86, lat=42.36, position_method="building"),
        ):
            facilities.save(session, one, facility_id=None, **BY)
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False, headers=HTML) as client:
        yield client, store


@pytest.fixture
def editor(world):
    """A client that asks as an editor."""
    client, store = world
    client.headers.update(headers_of(store, "editor", name="编辑某"))
    return client, store


def read(store, number):
    with store.reading() as session:
        return facilities.get(session, number)


def entry(store, number):
    return next(each for each in locating.worklist_page(store, limit=100)[0] if each["id"] == number)


def text_of(page):
    return unescape(re.sub(r"<[^>]+>", "", page))


def offered(page, number):
    """Return what the buttons of one facility send."""
    part = re.search(rf'<li id="f{number}">.*?</li>', page, re.DOTALL)[0]
    return [{name: unescape(told) for name, told in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)}
            for form in re.findall(r'<form method="post" action="/locating/take">.*?</form>', part, re.DOTALL)]


def typed(store, number, **changed):
    return {"facility": str(number), "revision": str(entry(store, number)["revision"]), "position": "126.85, 42.35", "datum": "WGS84",
            "method": "surveyed", **changed}


def exported(store, folder):
    path = folder / "out.csv"
    export_facilities(store, path, with_contacts=True)
    return path.read_bytes()


def test_the_worklist_says_how_many_where_and_how_far_off(editor):
    """Counts by area and class, each facility with its suggestions, how they were found and how far off they could be."""
    client, _store = editor
    page = client.get("/locating").text
    told = re.sub(r"\s+", " ", text_of(page))
    for each in ("4 个机构没有可用的坐标", "西镇 2", "邻镇 1", "未填区域 1", "诊所 3", "村卫生室 1", "可能差 100 米", "经纬度对调后按 WGS84 读取", "粗略",
                 "42.35, 126.85 WGS84"):
        assert each in told, each
    assert [one["suggestion"].split()[0] for one in offered(page, 1)] == ["same_address", "area_centre"]
    assert offered(page, 4) == []
    assert client.get(f"/locating?area={OTHER}").text.count('<li id="f') == 1
    assert client.get("/locating?class_code=D6").text.count('<li id="f') == 1
    assert ZH["locating_none_there"] in client.get("/locating?class_code=A").text


def test_one_click_places_and_one_click_undoes(editor, tmp_path):
    """The raw value stays as its source wrote it; the undo is exact, to the byte of the export."""
    client, store = editor
    before = exported(store, tmp_path)
    form = offered(client.get("/locating").text, 2)[0]
    answer = client.post("/locating/take", data=form)
    assert answer.status_code == 303
    one = read(store, 2).facility
    assert (one.lon, one.lat, one.raw_x, one.raw_y) == (126.85, 42.35, "126.85", "42.35")
    page = client.get(answer.headers["location"]).text
    assert "乙诊所" in re.search(r'role="status">.*?</div>', page, re.DOTALL)[0]
    assert client.get("/facilities/2").text.count("定位 2") == 0  # the door is named without its moment
    placing = re.search(r'name="placing" value="([^"]+)"', page)[1]
    assert client.post("/locating/take", data=form).status_code == 412
    assert client.post("/locating/undo", data={"placing": placing}).headers["location"] == "/locating?done=undone"
    assert exported(store, tmp_path) == before
    assert ZH["placing_undone"] in client.get("/locating").text
    assert client.post("/locating/undo", data={"placing": placing}).status_code == 409


def test_a_suggestion_that_is_none_is_not_taken(editor):
    """Who writes other numbers into the form gets what is suggested now, and nothing is placed."""
    client, store = editor
    revision = str(entry(store, 1)["revision"])
    for suggestion, status in (("area_centre 1 2", 412), ("surveyed 126.86 42.36", 412), ("area_centre nan nan", 412), ("area_centre x y", 400), ("x", 400)):
        answer = client.post("/locating/take", data={"facility": "1", "revision": revision, "suggestion": suggestion})
        assert answer.status_code == status, suggestion
    assert client.post("/locating/take", data={"facility": "x", "revision": "1", "suggestion": "a b c"}).status_code == 400
    assert not read(store, 1).facility.located


@pytest.mark.parametrize(("position", "datum"), [
    ("126.85, 42.35", "WGS84"), ("42.35 126.85", "WGS84"), ("北纬42°21′ 东经126°51′", "CGCS2000"), ("42.35N, 126.85E", "GCJ02"), ("经度:126.85 纬度:42.35", "BD09"),
])
def test_a_pasted_position_is_read_in_its_datum(editor, position, datum):
    """Either way round, in degrees and minutes, from each provider; the numbers as they were told stay beside the degrees."""
    client, store = editor
    answer = client.post("/locating/place", data=typed(store, 2, position=position, datum=datum, source="现场"))
    assert answer.status_code == 303, text_of(answer.text)[-600:]
    one = read(store, 2).facility
    assert (float(one.raw_x), float(one.raw_y), one.raw_datum, one.position_method, one.position_source) == (126.85, 42.35, datum, "surveyed", "现场")
    moved = distance_m(one.lon, one.lat, 126.85, 42.35)
    assert moved < 0.01 if datum in ("WGS84", "CGCS2000") else 100 < moved < 2000


def test_what_cannot_be_used_is_said_beside_its_field_and_kept(editor):
    """Nothing that was typed is lost, and nothing is stored."""
    client, store = editor
    for changed, word in (
        ({"position": "somewhere"}, "locating_position_unclear"), ({"position": ""}, "locating_position_unclear"), ({"datum": ""}, "form_datum_needed"),
        ({"datum": "ED50"}, "form_datum_needed"), ({"method": ""}, "locating_method_needed"), ({"method": "illustrative"}, "locating_method_needed"),
        ({"position": "42501234.5, 4690000.1", "datum": "CGCS2000"}, "locating_not_degrees"),
    ):
        answer = client.post("/locating/place", data=typed(store, 1, **{"source": "手写的<b>", **changed}))
        assert answer.status_code == 422, changed
        assert ZH[word] in text_of(answer.text), changed
        assert "手写的&lt;b&gt;" in answer.text
    assert not read(store, 1).facility.located


def test_a_place_outside_of_its_area_is_asked_about_once(editor):
    """A warning asks; who has seen it and sends again has placed it."""
    client, store = editor
    form = typed(store, 1, position="127.05, 42.35")
    asked = client.post("/locating/place", data=form)
    assert asked.status_code == 200
    assert "位置不在所填区域（西镇）内" in asked.text
    assert not read(store, 1).facility.located
    accepted = re.search(r'name="accepted" value="([^"]+)"', asked.text)[1]
    assert client.post("/locating/place", data={**form, "accepted": "another_warning"}).status_code == 200
    assert client.post("/locating/place", data={**form, "accepted": accepted}).status_code == 303
    assert read(store, 1).facility.lon == 127.05
    assert client.post("/locating/place", data={**form, "accepted": accepted}).status_code == 412


def test_many_are_placed_by_one_rule_as_the_preview_said(editor, tmp_path):
    """The preview counts, a reason is needed, another count is a conflict, and all of it is undone at once."""
    client, store = editor
    before = exported(store, tmp_path)
    page = client.get("/locating?rule=area_centre").text
    assert "可定位 3 个" in page
    form = {"rule": "area_centre", "area": "", "class_code": "", "expected_count": "3", "reason": "先占位"}
    assert client.post("/locating/rule", data={**form, "reason": " "}).status_code == 422
    assert client.post("/locating/rule", data={**form, "expected_count": "2"}).status_code == 412
    assert client.post("/locating/rule", data={**form, "expected_count": "many"}).status_code == 400
    assert client.post("/locating/rule", data={**form, "rule": "guess"}).status_code == 400
    assert exported(store, tmp_path) == before
    answer = client.post("/locating/rule", data=form)
    told = client.get(answer.headers["location"]).text
    assert "已定位 3 个机构" in told
    assert locating.counts(store)["total"] == 1
    placing = re.search(r'name="placing" value="([^"]+)"', told)[1]
    assert client.post("/locating/undo", data={"placing": placing}).status_code == 303
    assert exported(store, tmp_path) == before


def test_an_undo_on_which_somebody_built_says_who(editor):
    client, store = editor
    answer = client.post("/locating/take", data=offered(client.get("/locating").text, 1)[0])
    placing = re.search(r'name="placing" value="([^"]+)"', client.get(answer.headers["location"]).text)[1]
    locating.place(store, 1, 126.87, 42.37, method="surveyed", author="李某", expected=read(store, 1).revision)
    refused = client.post("/locating/undo", data={"placing": placing})
    assert refused.status_code == 409
    assert "李某" in refused.text and "甲卫生室" in refused.text
    assert client.post("/locating/undo", data={"placing": "placing:2020"}).status_code == 404
    assert client.post("/locating/undo", data={"placing": "import:1"}).status_code == 404


def test_who_may_not_sees_no_buttons_and_is_led_elsewhere(world):
    """A viewer reads the list; the number on the list of facilities leads editors here, others to the filtered list."""
    client, store = world
    for headers in ({}, headers_of(store, "viewer")):
        page = client.get("/locating", headers=headers)
        assert page.status_code == 200
        assert 'method="post"' not in page.text
        assert ZH["locating_who"] in page.text
        assert 'href="/facilities?located=false">待定位机构' in client.get("/facilities", headers=headers).text
        for path in ("take", "place", "rule", "undo"):
            assert client.post(f"/locating/{path}", data={"facility": "1"}, headers=headers).status_code in (401, 403)
    assert 'href="/locating">待定位机构' in client.get("/facilities", headers=headers_of(store, "editor")).text


def test_one_of_an_area_places_there_only(world):
    """A limited editor sees, counts and places what lies in their county."""
    client, store = world
    client.headers.update(headers_of(store, "editor", ["990002"]))
    page = client.get("/locating").text
    assert page.count('<li id="f') == 1
    assert "甲卫生室" not in page and "西镇" not in page
    form = typed(store, 1)
    assert client.post("/locating/place", data=form).status_code == 412
    assert client.post("/locating/take", data={"facility": "1", "revision": form["revision"], "suggestion": "same_address 126.86 42.36"}).status_code == 412
    done = client.post("/locating/rule", data={"rule": "area_centre", "expected_count": "1", "reason": "先占位"})
    assert done.status_code == 303
    assert not read(store, 1).facility.located
    assert read(store, 3).facility.located


def test_authors_of_placings_are_told_to_those_who_signed_in(editor):
    client, _store = editor
    client.post("/locating/rule", data={"rule": "area_centre", "expected_count": "3", "reason": "孙主任说的"})
    assert "孙主任" in client.get("/locating").text
    del client.headers["authorization"]
    for path in ("/locating", "/api/locating/placings"):
        told = client.get(path).text
        assert "孙主任" not in told and "编辑某" not in told


def test_all_placed_is_said(editor):
    """Once every facility has a position the page says so, and still lists what was placed."""
    client, store = editor
    client.post("/locating/rule", data={"rule": "area_centre", "expected_count": "3", "reason": "先占位"})
    form = typed(store, 4, position="126.85 42.35")
    answer = client.post("/locating/place", data=form)
    if answer.status_code == 200:
        accepted = re.search(r'name="accepted" value="([^"]+)"', answer.text)[1]
        answer = client.post("/locating/place", data={**form, "accepted": accepted})
    assert answer.status_code == 303
    page = client.get("/locating").text
    assert ZH["locating_all_placed"] in page
    assert page.count('action="/locating/undo"') == 2


def test_an_empty_registry_is_not_all_placed(settings, store):
    with TestClient(create_app(settings), headers=HTML) as client:
        page = client.get("/locating").text
    assert ZH["no_facilities"] in page
    assert ZH["locating_all_placed"] not in page


def test_names_are_text_here_too(settings, store):
    """Names, addresses, raw values and reasons that try to become markup stay text."""
    with store.writing() as session:
        areas.save(session, Area(code=TOWN, name=f"镇{NAMES[4]}", level="township", geometry=box(126.8, 42.3, 126.9, 42.4)), **BY)
        for name in NAMES:
            facilities.save(session, Facility(name=f"所{name}", class_code="D200", area_code=TOWN, address=f"路{name}", raw_x=name, raw_y=name, raw_datum=name,
                                              source=name), facility_id=None, **BY)
    with TestClient(create_app(settings), raise_server_exceptions=False, headers={**HTML, **headers_of(store, "editor")}) as client:
        locating.place_many(store, "area_centre", author="周", reason=NAMES[1], class_prefix="D2")
        with store.writing() as session:
            facilities.save(session, Facility(name=f"新{NAMES[0]}", class_code="D200", area_code=TOWN), facility_id=None, **BY)
        hostile = {"area": NAMES[0], "class_code": NAMES[4], "done": "placed", "facility": "1", "placing": NAMES[1]}
        for asked, language in product(({}, {"rule": "area_centre"}, hostile), ("zh", "en")):
            answer = client.get("/locating", params={**asked, "lang": language})
            assert answer.status_code == 200, asked
            assert naked(answer.text) == [], asked
