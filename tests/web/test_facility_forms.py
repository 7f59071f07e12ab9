"""The form of a facility and the list one works in, as a browser without any script uses them."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rule
from hypothesis import strategies as some
from people import BY, GOOD_PASSWORD, headers_of

from geosvc.application import create_app
from geosvc.geo.datums import from_wgs84, to_wgs84
from geosvc.language import words
from geosvc.registry import areas, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.registry.pasted_positions import read_pasted
from geosvc.settings import Settings
from geosvc.web.facility_fields import read_form, values_of
from geosvc.web.facility_views import value
from geosvc.workflows import editing, importing, people
from geosvc.workflows.editing import Intent

HTML = {"accept": "text/html"}
STUDY = (100.0, 40.0, 100.2, 40.1)
CLINIC = Facility(
    name="东镇卫生院", class_code="C220", area_code="990001100", lon=100.05, lat=40.05, raw_x="100.05", raw_y="40.05",
    raw_datum="WGS84", position_method="surveyed", beds=[{"kind": "authorised", "count": 20, "year": None}],
    contact={"telephone": "0439-1234567"},
)
FULL = Facility(
    name="东镇=“卫生院” <b>", class_code="C220", short_name="东院", level="一级", grade="甲等", ownership="公立", service_mode="自设",
    state="suspended", opened_on="1998", closed_on="2024-05-01", lon=100.05, lat=40.05, raw_x="100.0512", raw_y="40.0501", raw_datum="GCJ02",
    position_method="building", position_source="GPS", position_date="2024-05-01", address="街 1 号", area_code="990001100",
    areas_served=["990001200", "990001100"], identifiers=[{"scheme": "uscc", "value": "12220622413040086D"}, {"scheme": "医保", "value": "007"}],
    aliases=["东镇医院", "东; 院", '"老"院'],
    beds=[{"kind": "authorised", "count": 20, "year": None}, {"kind": "ICU", "count": 0, "year": 2024, "note": "=1+1"}],
    staff=[{"cadre": "doctors", "count": 7}, {"cadre": "12", "count": 1, "year": 2024}], vehicles=[{"kind": "救护车", "count": 1, "plate": "吉A"}],
    capabilities=[{"code": "发热门诊", "value": "unknown"}, {"code": "中医馆", "value": "no", "date": "2024-05-01", "source": "普查", "by": 3}],
    relations=[{"kind": "member_of", "facility_id": 1, "lead": True}, {"kind": "supports", "facility_id": "12", "from": "2020-01-01", "to": None}],
    contact={"telephone": "0439-1", "officer": "王某", "wechat": "a'b"}, illustrative=True, source="普查", note="一\n二\n<script>alert(1)</script>",
)


class _Form(HTMLParser):
    """What a browser would send of the form whose action is asked for, and the text of the page."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.inside, self.fields, self._select, self._area = action, False, [], None, None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self.inside = told.get("action") == self.action
        if not self.inside or (tag != "option" and not told.get("name")):
            return
        if tag == "input" and told.get("type") in ("checkbox", "radio"):
            if "checked" in told:
                self.fields.append((told["name"], told.get("value") or "on"))
        elif tag == "input":
            self.fields.append((told["name"], told.get("value") or ""))
        elif tag == "select":
            self._select = told["name"]
            self.fields.append((told["name"], ""))
        elif tag == "option" and self._select and "selected" in told:
            self.fields[-1] = (self._select, told.get("value") or "")
        elif tag == "textarea":
            self._area = told["name"]
            self.fields.append((told["name"], ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            name, text = self.fields[-1]
            self.fields[-1] = (name, text + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None


def fields_of(page: str, action: str) -> list[tuple[str, str]]:
    """Return what a browser would send of a form."""
    parser = _Form(action)
    parser.feed(page)
    assert parser.fields, f"no form {action}"
    # A browser ends lines with both.
    return [(name, text.replace("\r\n", "\n").replace("\n", "\r\n")) for name, text in parser.fields]


@pytest.fixture
def world(settings: Settings, store):
    """A county of two townships, each a square, and its server."""
    with store.writing() as session:
        for code, name, level, parent, box in (
            ("990001", "县", "county", None, (100.0, 40.0, 100.2, 40.1)), ("990001100", "东镇", "township", "990001", (100.0, 40.0, 100.1, 40.1)),
            ("990001200", "西乡", "township", "990001", (100.1, 40.0, 100.2, 40.1)),
        ):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent, geometry=shapely.box(*box)), **BY)
    with TestClient(create_app(Settings(workspace=settings.workspace)), raise_server_exceptions=False, follow_redirects=False) as client:
        client.headers.update(HTML)
        yield client, store


@pytest.fixture
def editor(world):
    client, store = world
    client.headers.update(headers_of(store, "editor"))
    return client


def registered(store, facility: Facility = CLINIC, **changes: Any) -> int:
    from dataclasses import replace

    with store.writing() as session:
        return facilities.save(session, replace(facility, **changes), facility_id=None, **BY)[0]


def current(store, number: int) -> facilities.Registered:
    with store.reading() as session:
        return facilities.get(session, number)


def opened(client, number: int | None) -> dict[str, str]:
    """Return the fields of a form as a browser shows it."""
    address = "/facilities/new" if number is None else f"/facilities/{number}/edit"
    page = client.get(address)
    assert page.status_code == 200, page.text
    return dict(fields_of(page.text, address))


def sent(client, number: int | None, told: dict[str, str], **changes: str):
    address = "/facilities/new" if number is None else f"/facilities/{number}/edit"
    return client.post(address, data={**told, "step": "save", **changes})


# --- every field


def test_a_new_facility_from_the_form(editor, world):
    """What is typed is registered: words become codes, a pick of 高德 is converted, its raw value kept."""
    told = opened(editor, None)
    answer = sent(editor, None, told, name=" 西乡卫生院 ", class_code="C220", area_code="990001200", paste="40.0512，100.1562", datum="GCJ02",
                  position_method="building", **{"beds.0.kind": "编制", "beds.0.count": "１２", "capabilities.0.code": "发热门诊",
                                                 "capabilities.0.value": "unknown", "contact.telephone": "0439", "reason": "新建"})
    assert answer.status_code == 303, answer.text
    number = int(re.search(r"/facilities/(\d+)\?done=made", answer.headers["location"])[1])
    one = current(world[1], number).facility
    lon, lat = to_wgs84(100.1562, 40.0512, datum="GCJ02")
    assert (one.name, one.lon, one.lat, one.raw_x, one.raw_y, one.raw_datum) == ("西乡卫生院", lon, lat, "100.1562", "40.0512", "GCJ02")
    assert (one.beds, one.capabilities) == ([{"kind": "authorised", "count": 12, "year": None}], [{"code": "发热门诊", "value": "unknown"}])
    assert one.contact == {"telephone": "0439"}
    with world[1].reading() as session:
        first = history.versions(session, number)[0]
    assert (first.author, first.origin, first.reason) == ("editor-all", "form", "新建")


@pytest.mark.parametrize(("typed", "code"), [("西乡", "990001200"), (" 西乡 ", "990001200"), ("北乡", "北乡"), ("990001200", "990001200")])
def test_an_area_may_be_typed_by_its_name(editor, world, typed, code):
    """A name that one area has is as good as its code; one that nobody has stays, and is warned of."""
    told = opened(editor, None)
    answer = sent(editor, None, told, name="西乡卫生院", class_code="C220", area_code=typed)
    if answer.status_code == 200:  # warned of what is not registered, and of what has no place
        page = dict(fields_of(answer.text, "/facilities/new"))
        assert page["area_code"] == code
        answer = sent(editor, None, page)
    number = int(re.search(r"/facilities/(\d+)\?done=made", answer.headers["location"])[1])
    assert current(world[1], number).facility.area_code == code


@pytest.mark.parametrize(("language", "converted"), [("zh", "由 GCJ02 换算"), ("en", "converted from GCJ02")])
def test_list_and_page_name_the_area_and_the_datum_of_what_they_show(editor, world, language, converted):
    """Shown are degrees of WGS 84, whatever the source told; the area stands there by its name."""
    number = registered(world[1], area_code="990001200", raw_x="100.0512", raw_y="40.0501", raw_datum="GCJ02")
    listed = re.sub(r"<[^>]+>", "", editor.get(f"/facilities?lang={language}").text)
    assert converted in listed and "100.05000, 40.05000" in listed and "西乡" in listed
    assert re.search(r"\d GCJ02", listed) is None, "converted degrees beside the datum of the source"
    assert "西乡 990001200" in editor.get(f"/facilities/{number}?lang={language}").text


def test_one_group_reads_the_same_whoever_wrote_it():
    """An import keeps the kind of beds before the year, a form behind it: both are shown in one order."""
    one, other = [{"kind": "planned", "year": 2025, "count": 6}], [{"count": 6, "year": 2025, "kind": "planned"}]
    assert value("beds", one, "zh") == value("beds", other, "zh") == "2025 规划 6"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_field_survives_the_form(editor, world, language):
    """Whatever stands in a facility comes out of its form as it went in: saving untouched makes no version."""
    number = registered(world[1], FULL)
    before = current(world[1], number)
    editor.get(f"/facilities?lang={language}")
    told = opened(editor, number)
    page = sent(editor, number, told)
    if page.status_code == 200:  # warnings of the checks are accepted as a person does
        page = sent(editor, number, dict(fields_of(page.text, f"/facilities/{number}/edit")))
    assert page.headers["location"].endswith("done=unchanged")
    assert current(world[1], number) == before


WORDS = some.text(some.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cf", "Cn")), min_size=1, max_size=8)
ENTRIES = {
    "identifiers": some.fixed_dictionaries({"scheme": WORDS, "value": WORDS}),
    "beds": some.fixed_dictionaries({"kind": WORDS | some.just("planned"), "count": some.integers(0, 10**7), "year": some.none() | some.integers(1900, 2100)}),
    "staff": some.fixed_dictionaries({"cadre": WORDS | some.just("nurses"), "count": some.integers(0, 10**7)}, optional={"year": some.integers(), "who": WORDS}),
    "vehicles": some.fixed_dictionaries({"kind": WORDS, "count": some.integers(0, 10**7)}, optional={"plate": WORDS}),
    "capabilities": some.fixed_dictionaries({"code": WORDS, "value": some.sampled_from(["yes", "no", "unknown"])}, optional={"date": WORDS | some.none()}),
    "relations": some.fixed_dictionaries({"kind": WORDS | some.just("supports"), "facility_id": some.integers(0, 10**9) | WORDS}, optional={"from": WORDS}),
}


@given(some.fixed_dictionaries({
    **{name: some.lists(one, max_size=3) for name, one in ENTRIES.items()}, "aliases": some.lists(WORDS, max_size=3),
    "areas_served": some.lists(WORDS, max_size=2), "note": some.none() | WORDS, "contact": some.dictionaries(WORDS, WORDS, max_size=2),
}), some.sampled_from(["zh", "en"]))
@rule(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_a_form_shows_says_the_same_when_it_comes_back(parts, language):
    """The law of the form: read(shown(facility)) is the facility, whatever its entries hold."""
    from dataclasses import replace

    from geosvc.registry.documents import facility_of

    one = replace(CLINIC, **parts)
    draft = read_form(values_of(one, language), old=one, language=language, study=STUDY)
    assert draft.problems == {}
    assert facility_of(draft.document, old=one) == one


def test_a_word_in_a_row_may_be_of_either_language(editor, world):
    number = registered(world[1])
    told = opened(editor, number)
    sent(editor, number, told, **{"beds.1.kind": "planned", "beds.1.count": "5", "beds.1.year": "2027", "beds.2.kind": "实有床位", "beds.2.count": "1,200"})
    assert current(world[1], number).facility.beds[1:] == [
        {"kind": "planned", "count": 5, "year": 2027}, {"kind": "actual", "count": 1200, "year": None}]


def test_a_row_that_was_emptied_is_gone_and_one_more_can_be_asked_for(editor, world):
    """Without a script a row is added by a button that saves nothing."""
    number = registered(world[1])
    told = opened(editor, number)
    page = editor.post(f"/facilities/{number}/edit", data={**told, "name": "还没保存", "step": "more:beds"})
    more = dict(fields_of(page.text, f"/facilities/{number}/edit"))
    assert {"beds.1.kind", "beds.2.kind"} <= set(more)
    assert "beds.2.kind" not in told
    assert (more["name"], current(world[1], number).facility.name) == ("还没保存", "东镇卫生院")
    sent(editor, number, {**told, "beds.0.kind": "", "beds.0.count": "", "beds.0.year": ""})
    assert current(world[1], number).facility.beds == []


# --- the position


def test_a_pasted_line_is_read_either_way_round(editor, world):
    number = registered(world[1], lon=100.06, lat=40.06, raw_x="100.06", raw_y="40.06")
    for text in ("100.05, 40.05", "40.05 100.05", "４０．０５，１００．０５", "北纬40°03′00″ 东经100°03′00″", "100°3′E 40°3′N", "lat=40.05&lng=100.05",
                 "经度:100.05 纬度:40.05", "POINT(100.05 40.05)"):
        assert sent(editor, number, opened(editor, number), paste=text, datum="WGS84").status_code == 303, text
        one = current(world[1], number).facility
        assert (one.lon, one.lat) == pytest.approx((100.05, 40.05), abs=1e-9), text
        sent(editor, number, opened(editor, number), x="100.06", y="40.06")


def test_a_pasted_line_that_could_mean_two_places_is_asked_about():
    """Where both numbers could be either, the study tells them apart, or nothing does."""
    comoros = (43.0, -12.5, 44.6, -11.2)
    assert read_pasted("-11.7, 43.3", comoros) == read_pasted("43.3, -11.7", comoros) == read_pasted("11.7S 43.3E", STUDY) == ("43.3", "-11.7")
    assert read_pasted("43.8, 87.6", STUDY) == read_pasted("87.6 43.8", STUDY) == ("87.6", "43.8")  # Ürümqi
    with pytest.raises(ValueError, match="nothing tells"):
        read_pasted("43.3, -11.7", STUDY)


@given(some.floats(73.5, 134.5), some.floats(18, 53.5), some.sampled_from(["GCJ02", "BD09"]), some.booleans())
@rule(max_examples=60, deadline=None)
def test_a_pick_of_a_web_map_lies_where_it_was_picked(lon, lat, datum, turned):
    """Picked in a shifted datum and pasted either way round, the place is the true one to a centimetre."""
    x, y = (float(each) for each in from_wgs84(lon, lat, datum=datum))
    text = f"{y:.9f}, {x:.9f}" if turned else f"{x:.9f},{y:.9f}"
    draft = read_form({"name": "a", "class_code": "C220", "paste": text, "datum": datum}, old=None, language="zh", study=STUDY)
    assert draft.problems == {}
    assert (draft.place["lon"], draft.place["lat"]) == pytest.approx((lon, lat), abs=1e-7)


def test_raw_and_converted_are_shown_with_the_metres_between(editor, world):
    number = registered(world[1], FULL)
    page = editor.get(f"/facilities/{number}/edit").text
    told = unescape(re.search(r"data-place='([^']*)'", page)[1])
    assert '"raw": [100.0512, 40.0501]' in told
    assert re.search(r"位置移动 [\d,]+ 米", page)


def test_a_position_is_taken_away_and_told_again(editor, world):
    """Away means to be located, with nothing pretended; without a script by a button that saves nothing yet."""
    number = registered(world[1])
    address = f"/facilities/{number}/edit"
    page = editor.post(address, data={**opened(editor, number), "step": "unplace"})
    assert words("zh")["form_unplaced"] in page.text
    assert current(world[1], number).facility.located
    assert sent(editor, number, dict(fields_of(page.text, address))).status_code == 303
    one = current(world[1], number).facility
    assert (one.lon, one.raw_x, one.position_method) == (None, None, "none")
    assert words("zh")["form_unplaced"] in editor.get(address).text
    assert sent(editor, number, opened(editor, number), x="100.05", y="40.05", datum="WGS84").status_code == 303
    assert (current(world[1], number).facility.lon, current(world[1], number).facility.position_method) == (100.05, "unknown")


def test_what_a_source_told_and_nobody_used_can_be_used(editor, world):
    """The raw value is shown; entered with its datum it is the position, and still the raw value."""
    number = registered(world[1], lon=None, lat=None, position_method="none", raw_x="100.05", raw_y="40.05", raw_datum="GCJ02")
    told = opened(editor, number)
    assert "100.05, 40.05 GCJ02" in editor.get(f"/facilities/{number}/edit").text
    sent(editor, number, told, address="新街")
    assert current(world[1], number).facility.raw_x == "100.05"  # left alone, it stays beside the empty place
    assert not current(world[1], number).facility.located
    sent(editor, number, opened(editor, number), x="100.05", y="40.05", datum="GCJ02")
    one = current(world[1], number).facility
    assert (one.raw_x, one.raw_y, one.raw_datum) == ("100.05", "40.05", "GCJ02")
    assert (one.lon, one.lat) == pytest.approx(tuple(map(float, to_wgs84(100.05, 40.05, datum="GCJ02"))), abs=1e-9)


def test_roads_behind_the_place(editor, world, tmp_path, settings):
    """The roads of the layer in a box are drawn behind the pin; none without a layer; a box that is none is refused."""
    import json

    assert editor.get("/facilities/roads?bbox=100,40,100.2,40.1").json()["features"] == []
    path = tmp_path / "roads.geojson"
    lines = [("primary", [[100.0, 40.05], [100.2, 40.05]]), ("track", [[100.19, 40.09], [100.2, 40.1]])]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"road_class": said}, "geometry": {"type": "LineString", "coordinates": line}} for said, line in lines]}))
    importing.import_roads(world[1], path, settings)
    near = editor.get("/facilities/roads?bbox=100.04,40.04,100.06,40.06").json()["features"]
    assert [(each["properties"]["road_class"], each["geometry"]["coordinates"]) for each in near] == [("primary", [[100.0, 40.05], [100.2, 40.05]])]
    assert len(editor.get("/facilities/roads?bbox=100,40,100.2,40.1").json()["features"]) == 2
    for bad in ("", "1,2,3", "a,b,c,d", "100,91,101,92", "nan,0,1,1"):
        assert editor.get("/facilities/roads", params={"bbox": bad}).status_code == 400, bad


# --- what cannot be used


BAD = [
    ({"name": ""}, "name", "name_needed"), ({"class_code": ""}, "class_code", "class_needed"), ({"class_code": "Q000"}, "class_code", "class_needed"),
    ({"state": "gone"}, "state", "choose"), ({"position_method": "guess"}, "position_method", "choose"), ({"x": "abc"}, "x", "bad_number"),
    ({"y": ""}, "y", "one_coordinate"), ({"x": ""}, "x", "one_coordinate"), ({"datum": ""}, "datum", "datum_needed"), ({"y": "96"}, "x", "not_on_earth"),
    ({"x": "nan"}, "x", "not_on_earth"), ({"x": "42500000", "y": "4400000", "datum": "WGS84"}, "x", "not_on_earth"), ({"paste": "不知道"}, "paste", "paste_unclear"),
    ({"paste": "1,2,3"}, "paste", "paste_unclear"), ({"beds.0.count": "很多"}, "beds.0.count", "count_wrong"), ({"beds.0.count": "-1"}, "beds.0.count", "count_wrong"),
    ({"beds.0.count": "1.5"}, "beds.0.count", "count_wrong"), ({"beds.0.count": "99999999999"}, "beds.0.count", "count_wrong"), ({"beds.0.year": "24"}, "beds.0.year", "year_wrong"), ({"beds.0.kind": ""}, "beds.0.kind", "row_incomplete"),
    ({"capabilities.0.code": "x", "capabilities.0.value": "maybe"}, "capabilities.0.value", "choose"), ({"identifiers.0.value": "1"}, "identifiers.0.scheme", "row_incomplete"),
    ({"address": "长" * 2001}, "address", "too_long"), ({"aliases": "a;" * 201}, "aliases", "too_many"),
    ({"change": "update", "valid_from": "昨天"}, "valid_from", "day_needed"), ({"change": "update", "valid_from": "2026-02-30"}, "valid_from", "day_needed"),
    ({"reason": "长" * 501}, "reason", "too_long"),
]


def test_what_cannot_be_used_stands_beside_its_field_and_nothing_typed_is_lost(editor, world):
    """422, the reason in Chinese beside the field, everything as it was typed, and nothing is stored."""
    number = registered(world[1])
    before, fields = current(world[1], number), opened(editor, number)
    for changes, name, key in BAD:
        told = {**fields, "note": "写了很久的备注", "vehicles.0.kind": "救护车", "vehicles.0.count": "3", **changes}
        page = sent(editor, number, told)
        assert page.status_code == 422, changes
        beside = re.search(rf'data-said="{re.escape(name)}">\s*<p class="wrong">([^<]+)</p>', page.text)
        assert beside, changes
        assert re.fullmatch(re.sub(r"\\{\w+\\}", ".*", re.escape(words("zh")[f"form_{key}"])), unescape(beside[1])), changes
        again = dict(fields_of(page.text, f"/facilities/{number}/edit"))
        for field, text in {"note": "写了很久的备注", "vehicles.0.count": "3", **changes}.items():
            if not (key in ("choose", "class_needed") and field == name):  # a choice that is none cannot be shown chosen
                assert again[field].strip() == text, (changes, field)
    assert current(world[1], number) == before


def test_too_many_rows_are_refused(editor, world):
    number = registered(world[1])
    told = opened(editor, number) | {f"vehicles.{row}.{part}": text for row in range(201) for part, text in (("kind", "车"), ("count", "1"))}
    assert sent(editor, number, told).status_code == 422


def test_a_warning_asks_once_and_a_note_only_informs(editor, world):
    """Outside of its area: shown beside the position, not saved; the same form sent on is saved."""
    number = registered(world[1])
    address = f"/facilities/{number}/edit"
    page = sent(editor, number, opened(editor, number), x="100.15", reason="搬迁")
    assert page.status_code == 200
    assert "位置不在所填区域（东镇）内" in page.text
    assert words("zh")["form_anyway"] in page.text
    assert current(world[1], number).facility.lon == 100.05
    told = dict(fields_of(page.text, address))
    # Other warnings than those that were seen are asked about again.
    other = sent(editor, number, told, x="100.19")
    assert (other.status_code, current(world[1], number).facility.lon) == (200, 100.05)
    assert sent(editor, number, told).status_code == 303
    assert current(world[1], number).facility.lon == 100.15


def test_checks_while_one_types(editor, world):
    """The same words as JSON, by field; a place is shown although the name is still missing."""
    number = registered(world[1])
    told = opened(editor, number)
    seen = editor.post(f"/facilities/check?facility={number}", data={**told, "x": "100.15"}).json()
    assert {each["field"] for each in seen["findings"]} == {"position"}
    assert seen["accepted"]
    seen = editor.post("/facilities/check", data={"paste": "40.0501, 100.0512", "datum": "BD09"}).json()
    assert set(seen["problems"]) == {"name", "class_code"}
    assert (seen["values"]["x"], seen["values"]["paste"]) == ("100.0512", "")
    assert seen["place"]["metres"] > 500
    assert current(world[1], number).facility.lon == 100.05


# --- correction and change


def test_a_correction_and_a_change_in_the_world(editor, world):
    """Corrected, the past shows it too; changed from a day, the days before keep what was."""
    number = registered(world[1])
    sent(editor, number, opened(editor, number), name="东镇中心卫生院", reason="牌匾")
    sent(editor, number, opened(editor, number), address="新街", change="update", valid_from="2024-01-01")
    past = editor.get(f"/facilities/{number}?datetime=2020-01-01").text
    assert "东镇中心卫生院" in past
    assert "新街" not in past.split('<ol class="history"')[0]
    assert "新街" in editor.get(f"/facilities/{number}").text
    with world[1].reading() as session:
        assert [each.kind for each in history.versions(session, number)][-2:] == ["correction", "create"]


# --- two editors


def someone_else(store, number: int, **changes: Any) -> None:
    one = current(store, number)
    editing.patch(store, number, {"properties": changes}, Intent(author="李梅", origin="api", reason="电话核实"), expected=one.revision)


def test_two_who_change_one_facility_choose_field_by_field(editor, world):
    """Who was first is named; each field shows seen, theirs, mine; both-changed must be chosen; then all is saved."""
    number = registered(world[1])
    address = f"/facilities/{number}/edit"
    told = {**opened(editor, number), "name": "我的名字", "address": "我的地址", "reason": "核对"}
    someone_else(world[1], number, name="她的名字", level="一级")
    page = sent(editor, number, told)
    assert page.status_code == 412
    assert "李梅" in page.text
    assert "电话核实" in page.text
    rows = {name: (body, re.findall(r'name="choose\.\w+" value="(\w+)"[^>]* checked', body))
            for name, body in re.findall(r'id="row-(\w+)">(.*?)</tr>', page.text, flags=re.DOTALL)}
    assert {name: chosen for name, (_body, chosen) in rows.items()} == {"name": [], "level": ["theirs"], "address": ["mine"]}
    assert all(text in rows["name"][0] for text in ("东镇卫生院", "她的名字", "我的名字"))
    form = fields_of(page.text, address)
    # What was not chosen is asked for again, nothing is taken for granted.
    again = editor.post(address, data={**dict(form), "step": "save"})
    assert again.status_code == 412
    assert words("zh")["conflict_choose_all"] in again.text
    done = editor.post(address, data={**dict(fields_of(again.text, address)), "choose.name": "theirs", "step": "save"})
    assert done.status_code == 303, done.text
    one = current(world[1], number).facility
    assert (one.name, one.address, one.level, one.beds) == ("她的名字", "我的地址", "一级", CLINIC.beds)


def test_a_position_that_both_moved_is_one_choice(editor, world):
    number = registered(world[1])
    address = f"/facilities/{number}/edit"
    told = {**opened(editor, number), "x": "100.06"}
    editing.patch(world[1], number, {"geometry": {"type": "Point", "coordinates": [100.07, 40.05]}}, Intent(author="李梅", origin="api"), expected=int(told["revision"]))
    page = sent(editor, number, told)
    assert page.status_code == 412
    assert re.findall(r'id="row-(\w+)"', page.text) == ["position"]
    for whose, lon in (("theirs", 100.07), ("mine", 100.06)):
        editor.post(address, data={**dict(fields_of(page.text, address)), "choose.position": whose, "revision": str(current(world[1], number).revision), "step": "save"})
        assert current(world[1], number).facility.lon == pytest.approx(lon)


def test_a_third_who_was_quicker_still_is_seen(editor, world):
    number = registered(world[1])
    address = f"/facilities/{number}/edit"
    told = {**opened(editor, number), "name": "我的名字"}
    someone_else(world[1], number, name="她的名字")
    page = sent(editor, number, told)
    someone_else(world[1], number, name="他的名字")
    page = editor.post(address, data={**dict(fields_of(page.text, address)), "choose.name": "mine", "step": "save"})
    assert page.status_code == 412
    assert "他的名字" in page.text
    assert editor.post(address, data={**dict(fields_of(page.text, address)), "choose.name": "mine", "step": "save"}).status_code == 303
    assert current(world[1], number).facility.name == "我的名字"


def test_a_confirmation_meanwhile_is_no_conflict(editor, world):
    """Who only confirmed changed nothing that the form would undo."""
    number = registered(world[1])
    told = opened(editor, number)
    editing.confirm(world[1], number, Intent(author="李梅", origin="form"), expected=int(told["revision"]))
    assert sent(editor, number, told, name="新名").status_code == 303
    assert current(world[1], number).facility.name == "新名"


def test_back_from_a_conflict_to_the_form(editor, world):
    number = registered(world[1])
    address = f"/facilities/{number}/edit"
    told = {**opened(editor, number), "name": "我的名字"}
    someone_else(world[1], number, name="她的名字")
    page = editor.post(address, data={**dict(fields_of(sent(editor, number, told).text, address)), "step": "back"})
    assert dict(fields_of(page.text, address))["name"] == "我的名字"


def test_deleted_meanwhile(editor, world):
    """Nothing typed is lost: the form is shown again with the way to restore."""
    number = registered(world[1])
    told = {**opened(editor, number), "name": "我的名字"}
    with world[1].writing() as session:
        history.delete(session, number, reason="重复", **BY)
    page = sent(editor, number, told)
    assert page.status_code == 404
    assert words("zh")["error_gone"] in page.text
    assert dict(fields_of(page.text, f"/facilities/{number}/edit"))["name"] == "我的名字"


# --- rights


def test_who_may_open_the_form(world):
    """Nobody is led to sign in, a reader is told who may, and the buttons stand only where they work."""
    client, store = world
    number = registered(store)
    for role, status in ((None, 303), ("viewer", 403), ("analyst", 403), ("editor", 200), ("admin", 200)):
        headers = {} if role is None else headers_of(store, role)
        for address in ("/facilities/new", f"/facilities/{number}/edit"):
            assert client.get(address, headers=headers).status_code == status, (role, address)
        if role:
            page = client.get(f"/facilities/{number}", headers=headers).text
            assert (f'href="/facilities/{number}/edit"' in page) == (status == 200)
            assert ("0439-1234567" in page) == (status == 200)
            assert ('href="/facilities/new"' in client.get("/facilities", headers=headers).text) == (status == 200)


def test_who_may_not_write_writes_nothing(world):
    client, store = world
    number = registered(store)
    revision = str(current(store, number).revision)
    told = {"revision": revision, "base": revision, "name": "坏", "class_code": "C220", "reason": "x", "version": "1",
            "chosen": f"{number}:{revision}", "step": "save", "set.note": "yes", "note": "坏"}
    for role in (None, "viewer", "analyst"):
        headers = {} if role is None else headers_of(store, role)
        for address in ("/facilities/new", f"/facilities/{number}/edit", f"/facilities/{number}/delete", f"/facilities/{number}/confirm", f"/facilities/{number}/restore",
                        f"/facilities/{number}/believe", "/facilities/many", "/facilities/check"):
            assert client.post(address, data=told, headers=headers).status_code == (401 if role is None else 403), address
    with store.reading() as session:
        assert len(history.versions(session, number)) == 1


def test_an_editor_of_one_township_stays_in_it(world):
    """Another's facility is not even there; moving one's own out of the area is refused with all that was typed."""
    client, store = world
    client.headers.update(headers_of(store, "editor", ["990001100"]))
    mine, other = registered(store), registered(store, area_code="990001200", name="西乡卫生院")
    assert client.get(f"/facilities/{other}/edit").status_code == 404
    assert sent(client, other, opened(client, mine)).status_code == 404
    page = sent(client, mine, opened(client, mine), area_code="990001200", note="很多字")
    told = dict(fields_of(page.text, f"/facilities/{mine}/edit"))
    for _ in range(2):  # the warning that the place lies elsewhere is accepted; the area is not
        page = sent(client, mine, told)
    assert page.status_code == 403
    assert words("zh")["form_not_my_area"] in page.text
    assert dict(fields_of(page.text, f"/facilities/{mine}/edit"))["note"] == "很多字"
    page = client.post("/facilities/many", data={"chosen": f"{other}:{current(store, other).revision}", "step": "save", "set.note": "yes", "note": "坏"})
    assert page.status_code == 404
    assert current(store, other).facility.note is None


def signed_in(store, client, role: str = "editor", name: str = "李梅") -> None:
    account, link = people.create_account(store, name, role=role, areas=None, **BY)
    people.use_link(store, link.rsplit("/", 1)[-1], GOOD_PASSWORD, name=None, hours=1)
    assert client.post("/sign-in", data={"name": account.name, "password": GOOD_PASSWORD}).status_code == 303


def test_a_forged_form_changes_nothing(world):
    """With the cookie alone, without the token of the page: refused. With the token: saved."""
    client, store = world
    number = registered(store)
    signed_in(store, client)
    told = opened(client, number)
    for forged in ("", "x"):
        assert sent(client, number, told, name="坏", csrf_token=forged).status_code == 403
        assert client.post(f"/facilities/{number}/delete", data={"csrf_token": forged, "reason": "x", "revision": told["revision"]}).status_code == 403
        assert client.post("/facilities/many", data={"csrf_token": forged, "chosen": f"{number}:{told['revision']}", "step": "save", "set.note": "y"}).status_code == 403
    assert current(store, number).facility == CLINIC
    assert sent(client, number, told, name="好").status_code == 303
    assert current(store, number).facility.name == "好"


def test_a_form_that_stood_open_until_the_sign_in_ran_out_is_kept(world):
    """Not saved, said plainly, with all that was typed; a script asks for a fresh token first."""
    client, store = world
    number = registered(store)
    signed_in(store, client)
    told = {**opened(client, number), "note": "写了很久"}
    fresh = client.get("/facilities/form-token", headers={"accept": "application/json"}).json()["csrf_token"]
    assert fresh == told["csrf_token"]
    client.cookies.clear()
    assert client.get("/facilities/form-token", headers={"accept": "application/json"}).status_code == 401
    page = sent(client, number, told)
    assert page.status_code == 401
    assert 'href="/sign-in"' in page.text
    assert dict(fields_of(page.text, f"/facilities/{number}/edit"))["note"] == "写了很久"
    assert "东镇卫生院" not in page.text.replace(told["name"], "")
    assert current(store, number).facility.note is None


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "{{7*7}}", "</textarea><b>", "\u202e卫生院"]


def test_names_stay_text(editor, world):
    """A name that would be a program is text in the form, its map, the list, the conflict and the page of many."""
    for name in HOSTILE:
        number = registered(world[1], name=name, address=name, note=name)
        told = opened(editor, number)
        assert told["name"] == name
        someone_else(world[1], number, address="别处")
        pages = [editor.get(f"/facilities/{number}/edit"), editor.get(f"/facilities/{number}"), editor.get("/facilities"), sent(editor, number, told, address=name + "1"),
                 editor.post("/facilities/many", data={"chosen": f"{number}:{told['revision']}", "step": "preview", "set.source": "y", "source": name})]
        for page in pages:
            assert page.status_code in (200, 412)
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert "</textarea><b>" not in page.text
            assert "script-src 'self'" in page.headers["content-security-policy"]


# --- beside the form


def test_confirm_delete_restore_and_believe_again(editor, world):
    """The buttons of a facility's page: each is a version with who and why."""
    store = world[1]
    number = registered(store)
    page = lambda: editor.get(f"/facilities/{number}")  # noqa: E731
    form = lambda verb: dict(fields_of(page().text, f"/facilities/{number}/{verb}"))  # noqa: E731
    assert editor.post(f"/facilities/{number}/confirm", data=form("confirm")).headers["location"].endswith("done=confirmed")
    sent(editor, number, opened(editor, number), name="错名")
    back = editor.post(f"/facilities/{number}/believe", data={**form("believe"), "reason": "改错了"})
    assert back.headers["location"].endswith("done=believed")
    assert current(store, number).facility == CLINIC
    assert "done=reason_needed" in editor.post(f"/facilities/{number}/delete", data=form("delete")).headers["location"]
    assert editor.post(f"/facilities/{number}/delete", data={**form("delete"), "reason": "重复登记"}).status_code == 303
    assert words("zh")["restore_facility"] in page().text
    assert editor.post(f"/facilities/{number}/restore", data=form("restore")).status_code == 303
    assert current(store, number).facility == CLINIC
    with store.reading() as session:
        told = [(each.kind, each.reason) for each in history.versions(session, number)]
    assert told == [("restore", None), ("delete", "重复登记"), ("correction", "改错了"), ("correction", None), ("confirm", None), ("create", None)]


def test_a_version_of_another_facility_is_not_believed(editor, world):
    store = world[1]
    one, other = registered(store), registered(store, name="别家")
    told = {"version": str(current(store, other).revision), "revision": str(current(store, one).revision)}
    assert editor.post(f"/facilities/{one}/believe", data=told).status_code == 404
    assert editor.post(f"/facilities/{one}/believe", data={**told, "version": "x"}).status_code == 400
    assert current(store, one).facility == CLINIC


def test_a_page_that_stood_open_does_not_delete_what_others_made_of_it(editor, world):
    number = registered(world[1])
    told = dict(fields_of(editor.get(f"/facilities/{number}").text, f"/facilities/{number}/delete"))
    someone_else(world[1], number, name="她的名字")
    late = editor.post(f"/facilities/{number}/delete", data={**told, "reason": "重复<登记>"})
    assert late.status_code == 412
    assert current(world[1], number).facility.name == "她的名字"
    assert words("zh")["late_delete"] in late.text
    assert "<ins>她的名字</ins>" in late.text
    again = dict(fields_of(late.text, f"/facilities/{number}/delete"))
    assert again["reason"] == "重复<登记>"  # nothing typed is lost
    assert re.search(r'<details id="delete" open>', late.text)
    assert editor.post(f"/facilities/{number}/delete", data=again).headers["location"].endswith("done=deleted")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_other_buttons_that_came_too_late_say_what_changed(editor, world, language):
    """Confirming says it again on what stands now; going back to a version keeps the typed reason beside that version."""
    number = registered(world[1])
    someone_else(world[1], number, name="旧名")
    someone_else(world[1], number, name="新名")
    page = editor.get(f"/facilities/{number}?lang={language}").text
    confirmed, believed = (dict(fields_of(page, f"/facilities/{number}/{verb}")) for verb in ("confirm", "believe"))
    someone_else(world[1], number, name="她的名字")
    late = editor.post(f"/facilities/{number}/confirm", data=confirmed)
    assert (late.status_code, words(language)["late_confirm"] in late.text) == (412, True)
    assert editor.post(f"/facilities/{number}/confirm", data=dict(fields_of(late.text, f"/facilities/{number}/confirm"))).status_code == 303
    late = editor.post(f"/facilities/{number}/believe", data={**believed, "reason": "改错了"})
    assert (late.status_code, words(language)["late_believe"] in late.text) == (412, True)
    assert len(re.findall(r'<details class="believe" open>', late.text)) == 1
    form = re.search(rf'name="version" value="{believed["version"]}".*?</form>', late.text, re.DOTALL)
    assert form is not None
    assert 'value="改错了"' in form[0]


# --- many at once


def ticked(client, *numbers: int, **told: str) -> list[tuple[str, str]]:
    """Return what a browser sends of the list with some facilities ticked."""
    page = client.get("/facilities").text
    boxes = dict(value.split(":") for value in re.findall(r'name="chosen" value="([\d:]+)"', page))
    return [*(("chosen", f"{number}:{boxes[str(number)]}") for number in numbers), *told.items()]


def posted(client, pairs: list[tuple[str, str]]):
    from urllib.parse import urlencode

    return client.post("/facilities/many", content=urlencode(pairs), headers={"content-type": "application/x-www-form-urlencoded"})


def test_many_are_changed_after_a_preview(editor, world):
    """Tick, choose, see what changes for how many, save; the list says what was done and how to take it back."""
    store = world[1]
    one, two, third = registered(store), registered(store, name="二院", ownership="公立"), registered(store, name="三院")
    page = posted(editor, ticked(editor, one, two, step="change", back="/facilities?q=院"))
    assert "批量修改 2 个机构" in page.text
    form = dict(fields_of(page.text, "/facilities/many"))
    pairs = [*ticked(editor, one, two), ("back", form["back"]), ("set.ownership", "yes"), ("ownership", "公立"), ("set.state", "yes"), ("state", "suspended"), ("reason", "年检")]
    preview = posted(editor, [*pairs, ("step", "preview")])
    assert "将改变 2 个" in preview.text
    assert current(store, one).facility.ownership is None
    done = posted(editor, [*fields_of(preview.text, "/facilities/many"), ("step", "save")])
    where = urlsplit(done.headers["location"])
    assert (done.status_code, where.path, dict(parse_qsl(where.query))) == (303, "/facilities", {"q": "院", "done": "many_changed", "count": "2"})
    assert "已修改 2 个机构" in editor.get(done.headers["location"]).text
    assert [(current(store, each).facility.ownership, current(store, each).facility.state) for each in (one, two, third)] == [
        ("公立", "suspended"), ("公立", "suspended"), (None, "operating")]


def test_many_where_one_was_changed_meanwhile_change_none(editor, world):
    """All or none: the page says so, shows how things stand now, and the next save goes through."""
    store = world[1]
    one, two = registered(store), registered(store, name="二院")
    preview = posted(editor, [*ticked(editor, one, two), ("set.note", "yes"), ("note", "新"), ("step", "preview")])
    someone_else(store, two, name="别人改的名")
    page = posted(editor, [*fields_of(preview.text, "/facilities/many"), ("step", "save")])
    assert page.status_code == 412
    assert words("zh")["many_conflict"] in page.text
    assert "别人改的名" in page.text
    assert current(store, one).facility.note is None
    assert posted(editor, [*fields_of(page.text, "/facilities/many"), ("step", "save")]).status_code == 303
    assert (current(store, one).facility.note, current(store, two).facility.note, current(store, two).facility.name) == ("新", "新", "别人改的名")


def test_many_are_confirmed(editor, world):
    store = world[1]
    one, two = registered(store), registered(store, name="二院")
    page = posted(editor, ticked(editor, one, two, step="confirm"))
    assert posted(editor, [*fields_of(page.text, "/facilities/many"), ("reason", "年度核查"), ("step", "save_confirm")]).headers["location"].endswith("done=many_confirmed&count=2")
    with store.reading() as session:
        assert [(each.kind, each.reason) for each in history.versions(session, two)] == [("confirm", "年度核查"), ("create", None)]


def test_what_cannot_be_given_to_many(editor, world):
    number = registered(world[1])
    for told, key in (
        ({}, "form_tick_one"), ({"set.class_code": "y", "class_code": ""}, "form_class_needed"), ({"set.state": "y", "state": "x"}, None),
        ({"set.note": "y", "note": "长" * 2001}, None), ({"set.note": "y", "note": "x", "change": "update", "valid_from": ""}, "form_day_needed"),
    ):
        page = posted(editor, ticked(editor, number, step="save", **told))
        assert page.status_code == 422, told
        assert key is None or words("zh")[key] in page.text
    assert current(world[1], number).facility == CLINIC


def test_nothing_ticked_and_somewhere_else_to_go_back_to(editor, world):
    """The list says that nothing was ticked; nobody is sent to another site."""
    registered(world[1])
    answer = posted(editor, [("step", "change"), ("back", "https://evil.example/")])
    assert answer.headers["location"] == "/?done=none_chosen"
    answer = posted(editor, [("step", "change"), ("back", "/facilities"), ("chosen", "x:1"), ("chosen", "1;2")])
    assert words("zh")["done_none_chosen"] in editor.get(answer.headers["location"]).text


def test_what_nobody_looked_at_for_a_year_is_marked(editor, world, monkeypatch):
    """A quiet mark in the list; a confirmation takes it away."""
    from geosvc.store import moments
    from geosvc.workflows import reviewing

    number = registered(world[1])
    assert words("zh")["stale_mark"] not in editor.get("/facilities").text
    monkeypatch.setattr(reviewing, "today", lambda: f"{int(moments.today()[:4]) + 2}-06-01")
    assert words("zh")["stale_mark"] in editor.get("/facilities").text
    assert number
