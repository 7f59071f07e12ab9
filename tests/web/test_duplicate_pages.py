"""Suspected duplicates in pages, without any script: the queue, a merge chosen field by field, and the way back."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape
from itertools import product

import pytest
from api.hostile_world import NAMES
from api.test_guards import naked
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from people import BY, GOOD_PASSWORD, headers_of

from geosvc.application import create_app
from geosvc.geo.crs import distance_m
from geosvc.language import words
from geosvc.registry import areas, facilities, history
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.web.duplicate_pages import marked, score_word
from geosvc.web.sketches import HEIGHT, WIDTH, sketch_of
from geosvc.workflows import duplicates, people

HTML = {"accept": "text/html"}
PLACE = {"position_method": "surveyed", "lat": 42.39}
ZH = words("zh")


def register(store, *several):
    with store.writing() as session:
        return [facilities.save(session, each, facility_id=None, **BY)[0] for each in several]


@pytest.fixture
def world(settings, store):
    """A health centre registered twice, three clinics of one name in a group, and one of another county."""
    with store.writing() as session:
        for code, name, level in (("220622", "靖宇县", "county"), ("220622100", "靖宇镇", "township"), ("220623", "邻县", "county")):
            areas.save(session, Area(code=code, name=name, level=level), **BY)
    register(
        store,
        Facility(name="靖宇县靖宇镇卫生院", class_code="C220", level="一级", address="靖宇镇大街1号", area_code="220622100", lon=126.8051, **PLACE,
                 identifiers=[{"scheme": "uscc", "value": "12220622412761234X"}], contact={"officer": "赵某某"}),
        Facility(name="靖宇镇卫生院", class_code="C220", ownership="公立", address="大街1号", area_code="220622100", lon=126.8055, **PLACE),
        *(Facility(name="永红诊所", class_code="D200", area_code="220622100", lon=126.83 + 0.0005 * i, **PLACE) for i in range(3)),
        Facility(name="邻县诊所", class_code="D200", area_code="220623", lon=127.2, **PLACE),
        Facility(name="邻县诊所", class_code="D200", area_code="220623", lon=127.2004, **PLACE),
    )
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False, headers=HTML) as client:
        yield client, store


@pytest.fixture
def editor(world):
    """A client that asks as an editor; a key needs no token of a form."""
    client, store = world
    asks_as(client, store, "editor")
    return client, store


def asks_as(client, store, role, areas_=None):
    client.headers.update(headers_of(store, role, areas_, name=f"{role}某"))


def sent(client, path, **fields):
    """Send a form of a page."""
    return client.post(path, data=fields)


def hidden_fields(page, form):
    """Return what a form carries: hidden fields, ticks and chosen radio buttons."""
    inside = re.search(rf'<form[^>]*action="{re.escape(form)}".*?</form>', page, re.DOTALL)[0]
    fields = {}
    for attributes in re.findall(r"<input([^>]*)>", inside):
        kind = (re.search(r'type="(\w+)"', attributes) or ["", "text"])[1]
        if kind in ("radio", "checkbox") and " checked" not in attributes:
            continue
        name = re.search(r'name="([^"]*)"', attributes)
        told = re.search(r'value="([^"]*)"', attributes)
        if name:
            fields.setdefault(name[1], []).append(unescape(told[1]) if told else "")
    return fields


def text_of(page):
    return unescape(re.sub(r"<[^>]+>", "", page))


# -- the queue -------------------------------------------------------------------------------


def test_the_queue_puts_pairs_and_groups_side_by_side(editor):
    """A pair has its differences marked, reasons and distance in words; what shares facilities is one group."""
    client, _store = editor
    page = client.get("/duplicates").text
    told = text_of(page)
    assert page.count('<article class="suspect"') == 3
    assert "<mark>靖宇县</mark>靖宇镇卫生院" in page
    for words_ in ("很可能重复", "相距 33 米", "名称相同", "一组 3 个机构", "统一社会信用代码 12220622412761234X", "靖宇镇 220622100"):
        assert words_ in told, words_
    assert '<option value="branch">' in page
    assert page.count('<svg class="sketch"') == 3
    assert "赵某某" not in page


def test_a_group_stays_whole_over_pages_and_filters_count_what_they_show(world):
    """Page by page each group comes once with all of its pairs; area, kind and score leave out the rest."""
    _client, store = world
    seen, cursor = [], None
    while True:
        groups, matched, cursor = duplicates.groups_page(store, cursor=cursor, limit=1)
        seen += groups
        if cursor is None:
            break
    pairs = [(pair["first"]["id"], pair["second"]["id"]) for group in seen for pair in group["pairs"]]
    everything, count, _ = duplicates.duplicates_page(store)
    assert sorted(pairs) == sorted((each["first"]["id"], each["second"]["id"]) for each in everything)
    assert matched == count == len(pairs)
    assert sorted(len(group["members"]) for group in seen) == [2, 2, 3]
    assert len(duplicates.groups_page(store, area="220623", limit=9)[0]) == 1
    assert duplicates.groups_page(store, kind="department", limit=9)[:2] == ([], 0)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda pair: pair[0] < pair[1]), unique=True))
def test_groups_are_the_connected_parts(pairs):
    """Two pairs are in one group exactly if a chain of shared facilities joins them (slow twin: spread until nothing changes)."""
    found = duplicates._grouped([(-0.9, *pair) for pair in pairs])
    assert sorted(key[1:] for group in found for key in group) == sorted(pairs)
    for group in found:
        reached = set(group[0][1:])
        for _ in pairs:
            reached |= {number for pair in pairs if reached & set(pair) for number in pair}
        assert {number for key in group for number in key[1:]} == reached


def test_not_a_duplicate_is_remembered_and_can_be_taken_back(editor):
    """One by its button, a whole group by its own, several by ticks; the other tab shows who said so and asks again."""
    client, store = editor
    page = client.get("/duplicates").text
    group = next(each for each in re.findall(r'name="pair" value="([^"]+)"', page) if each.count(",") == 2)
    answer = sent(client, "/duplicates/answers", only="1-2", pair=group, reason="两家", back="/duplicates?kind=duplicate")
    assert (answer.status_code, answer.headers["location"]) == (303, "/duplicates?kind=duplicate&done=answered&count=1")
    assert "已记住 1 对" in client.get(answer.headers["location"]).text
    assert duplicates.count_open(store) == 4
    assert sent(client, "/duplicates/answers", pair=[group, "6-7"]).headers["location"].endswith("count=4")
    assert "没有待处理的疑似重复" in client.get("/duplicates").text
    told = client.get("/duplicates?state=not_duplicate").text
    assert told.count('<article class="suspect"') == 5
    assert "两家" in told and "editor某" in told
    assert sent(client, "/duplicates/take-back", pair="1-2").status_code == 303
    assert duplicates.count_open(store) == 1
    assert "done=gone" in sent(client, "/duplicates/take-back", pair="1-2").headers["location"]


def test_a_viewer_sees_and_may_not(world):
    """Without the right there are no buttons, and the page says who may."""
    client, store = world
    asks_as(client, store, "viewer")
    for path in ("/duplicates", "/duplicates?state=merged", "/duplicates?state=not_duplicate"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'method="post"' not in page.text
        assert "需要编辑或管理员账号" in page.text
    assert client.get("/duplicates/merge?id=1&id=2").status_code == 403
    for path, fields in (("answers", {"only": "1-2"}), ("merge", {"id": "1"}), ("unmerge", {"merge": "1"}), ("take-back", {"pair": "1-2"})):
        assert sent(client, f"/duplicates/{path}", **fields).status_code == 403, path
    assert duplicates.count_open(store) == 5


def test_who_decided_is_told_to_those_who_signed_in(editor):
    """Names of people and their reasons are not for anonymous reading, on the page and over the API."""
    client, store = editor
    sent(client, "/duplicates/answers", only="1-2", reason="赵主任说的")
    duplicates.merge_facilities(store, 6, [7], author="孙某某", reason="孙某某说的")
    del client.headers["authorization"]
    for path in ("/duplicates?state=not_duplicate", "/duplicates?state=merged", "/facilities/6", "/api/duplicates?queue=merged", "/api/duplicates?queue=not_duplicate"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not [name for name in ("赵主任", "孙某某", "editor某") if name in answer.text], path


def test_one_of_an_area_sees_and_decides_there_only(world):
    """A limited editor meets no pair of another county, and pairs of it are not there for them."""
    client, store = world
    asks_as(client, store, "editor", ["220623"])
    page = client.get("/duplicates").text
    assert page.count('<article class="suspect"') == 1
    assert "永红" not in page
    assert "done=gone" in sent(client, "/duplicates/answers", only="1-2").headers["location"]
    assert client.get("/duplicates/merge?id=1&id=2").headers["location"] == "/duplicates?done=gone"
    assert sent(client, "/duplicates/answers", only="6-7").headers["location"].endswith("count=1")
    assert duplicates.count_open(store) == 4


def test_a_form_without_its_token_is_refused(world):
    """A browser that is signed in must send what only our own page knows; the page carries it in each of its forms."""
    client, store = world
    account, _link = people.create_account(store, "编辑", role="editor", areas=None, **BY)
    people.use_link(store, people.reset_link(store, account.id), GOOD_PASSWORD, name=None, hours=1)
    assert client.post("/sign-in", data={"name": "编辑", "password": GOOD_PASSWORD}).status_code == 303
    for path in ("duplicates/answers", "duplicates/take-back", "duplicates/merge", "duplicates/unmerge",
                 "locating/take", "locating/place", "locating/rule", "locating/undo"):
        answer = client.post(f"/{path}", data={"only": "1-2", "id": ["1", "2"], "keep": "1", "with": "2", "step": "save", "reason": "x"})
        assert answer.status_code == 403, path
    assert duplicates.count_open(store) == 5
    fields = hidden_fields(client.get("/duplicates").text, "/duplicates/answers")
    assert client.post("/duplicates/answers", data={**fields, "only": "1-2"}).status_code == 303
    assert duplicates.count_open(store) == 4


REFUSED_ADDRESSES = [
    "/duplicates?state=nonsense", "/duplicates?kind=nonsense", "/duplicates?score=1.5", "/duplicates?cursor=x", "/duplicates?state=merged&cursor=-1",
    "/duplicates/merge", "/duplicates/merge?id=1", "/duplicates/merge?id=1&id=x", "/duplicates/merge?id=1&id=1",
    "/duplicates/merge?" + "&".join(f"id={i}" for i in range(1, 60)), "/duplicates/merge?id=1&id=99999999999999999999",
]
REFUSED_FORMS = [
    ("answers", {"only": "1"}, 400), ("answers", {"only": "1-1"}, 400), ("answers", {"pair": "1-2,x"}, 400), ("answers", {}, 303),
    ("unmerge", {"merge": "x"}, 400), ("unmerge", {"merge": "7"}, 404), ("unmerge", {}, 400),
    ("merge", {"id": ["1", "2"]}, 400), ("merge", {"id": ["1", "2"], "keep": "3"}, 400), ("merge", {"id": ["1", "2"], "keep": "1", "with": "2", "field.name": "x"}, 400),
    ("merge", {"id": ["1", "2"], "keep": "1", "with": "2", "step": "save", "reason": "x"}, 400),
    ("merge", {"id": ["1", "2"], "keep": "1", "step": "save", "reason": "x"}, 422),
    ("merge", {"id": ["1", "2"], "keep": "1", "with": "2", "step": "save", "reason": " "}, 422),
]


def test_what_no_page_asks_is_refused(editor):
    """A word, number or cursor that is none gets a page that says so, never an error of the server; nothing changes."""
    client, store = editor
    assert {path: client.get(path).status_code for path in REFUSED_ADDRESSES} == dict.fromkeys(REFUSED_ADDRESSES, 400)
    for path, fields, status in REFUSED_FORMS:
        assert sent(client, f"/duplicates/{path}", **fields).status_code == status, (path, fields)
    assert duplicates.count_open(store) == 5


# -- merging ---------------------------------------------------------------------------------


def merge_form(client, ids="id=1&id=2", **changed):
    page = client.get(f"/duplicates/merge?{ids}").text
    fields = hidden_fields(page, "/duplicates/merge")
    return page, {name: told for name, told in {**fields, **changed}.items() if told is not None}


def test_the_merge_page_preselects_the_fullest_and_shows_what_it_becomes(editor):
    """The one that says most is kept; only fields that differ are asked about; the rest is folded away; contacts are not shown."""
    client, _store = editor
    page, fields = merge_form(client)
    told = text_of(page)
    assert fields["keep"] == ["1"]
    assert (fields["field.name"], fields["field.address"], fields["field.position"], fields["field.ownership"]) == (["1"], ["1"], ["1"], ["2"])
    assert "field.class_code" not in fields
    assert "一致的项" in told
    assert re.search(r"所有制无 → 公立", told.replace("\n", "").replace("  ", ""))
    assert "赵某某" not in page


def test_a_merge_is_done_as_it_was_chosen_and_leads_to_the_kept_one(editor):
    """The chosen name stands, the others become aliases; the page of the other leads here, its history stays readable."""
    client, store = editor
    _page, fields = merge_form(client, **{"field.name": "2", "reason": "同一家", "step": "save"})
    answer = client.post("/duplicates/merge", data=fields)
    assert answer.headers["location"] == "/facilities/1?done=merged"
    with store.reading() as session:
        one = facilities.get(session, 1).facility
    assert (one.name, one.aliases, one.ownership, one.lon) == ("靖宇镇卫生院", ["靖宇县靖宇镇卫生院"], "公立", 126.8051)
    page = client.get("/facilities/1?done=merged").text
    assert ZH["done_merged"] in page
    assert 'action="/duplicates/unmerge"' in page
    led = client.get("/facilities/2")
    assert (led.status_code, led.headers["location"]) == (303, "/facilities/1?came_from=2")
    assert "机构 2 已并入本机构" in text_of(client.get("/facilities/1?came_from=2").text)
    assert "已并入本机构" not in client.get("/facilities/1?came_from=3").text
    own = client.get("/facilities/2?itself=yes")
    assert own.status_code == 200
    assert "并入其他机构" in own.text
    item = client.get("/api/collections/facilities/items/2")
    assert (item.status_code, item.json()["merged_into"]) == (410, 1)
    assert item.headers["content-type"] == "application/problem+json"
    assert item.json()["links"][0]["href"].endswith("/api/collections/facilities/items/1")
    assert client.get("/api/collections/facilities/items/2", params={"datetime": "2020-01-01"}).status_code == 404
    assert client.get("/duplicates?state=merged").text.count('<article class="suspect"') == 1


def test_another_one_is_kept_and_choices_of_the_default_follow(editor):
    """Who keeps the other gets the other's values, but what was chosen on purpose stays."""
    client, _store = editor
    _page, fields = merge_form(client, **{"keep": "2", "field.address": "1", "step": "look"})
    fields["default.address"] = ["9"]  # chosen on purpose, not by itself
    made = hidden_fields(client.post("/duplicates/merge", data=fields).text, "/duplicates/merge")
    assert (made["keep"], made["field.name"], made["field.address"], made["field.level"]) == (["2"], ["2"], ["1"], ["1"])


def test_one_of_a_group_is_left_out(editor):
    """A tick less: it stays by itself, and its values are no choice."""
    client, store = editor
    _page, fields = merge_form(client, "id=3&id=4&id=5", reason="同一家", step="save")
    assert fields["with"] == ["3", "4", "5"]
    fields["with"] = ["3", "5"]
    assert client.post("/duplicates/merge", data=fields).headers["location"] == "/facilities/3?done=merged"
    assert (duplicates.where_it_went(store, 5), duplicates.where_it_went(store, 4)) == (3, None)


def test_a_group_too_large_for_one_merge_says_so(editor):
    """Rooms of one hospital, registered one by one: the first 51 are offered, and the page says that there are more."""
    client, store = editor
    numbers = register(store, *(Facility(name="大同诊所", class_code="D200", area_code="220622100", lon=126.5, **PLACE) for _ in range(53)))
    page = client.get("/duplicates").text
    assert "一次最多合并 51 个" in page
    offered = re.search(rf'href="(/duplicates/merge\?id={numbers[0]}[^"]*)"', unescape(page))[1]
    assert offered.count("id=") == 51
    assert client.get(offered).status_code == 200


def test_who_was_first_is_shown_field_by_field(editor):
    """Changed after the page was opened: nothing is merged, what changed is shown, and the next try may do it."""
    client, store = editor
    _page, fields = merge_form(client, reason="同一家", step="save")
    with store.writing() as session:
        one = facilities.get(session, 2).facility
        history.correct(session, 2, replace(one, address="新街9号", contact={"officer": "钱某某"}), author="李某", origin="form")
    answer = client.post("/duplicates/merge", data=fields)
    assert answer.status_code == 412
    told = text_of(answer.text)
    for each in ("没有合并", "李某", "大街1号 → 新街9号"):
        assert each in told
    assert "钱某某" not in answer.text
    again = {**hidden_fields(answer.text, "/duplicates/merge"), "step": ["save"]}
    assert client.post("/duplicates/merge", data=again).status_code == 303
    assert client.post("/duplicates/merge", data=again).headers["location"] == "/duplicates?done=gone"


def test_one_that_is_gone_meanwhile_is_left_out_and_said(editor):
    client, store = editor
    _page, fields = merge_form(client, "id=3&id=4&id=5", reason="同一家", step="save")
    with store.writing() as session:
        history.delete(session, 4, author="李某", origin="form", reason="没有这家")
    answer = client.post("/duplicates/merge", data=fields)
    assert answer.status_code == 412
    assert "机构 4 已被删除" in answer.text
    assert hidden_fields(answer.text, "/duplicates/merge")["id"] == ["3", "5"]


def test_a_merge_is_taken_back_and_later_changes_are_asked_about(editor):
    """Exactly, as long as nobody built on it; else who and what, with the choice to keep that."""
    client, store = editor
    done = duplicates.merge_facilities(store, 1, [2], author="周", reason="同一家")
    with store.writing() as session:
        one = facilities.get(session, 1).facility
        history.correct(session, 1, replace(one, note="后来的备注"), author="李某", origin="form")
    answer = sent(client, "/duplicates/unmerge", merge=str(done["id"]))
    assert answer.status_code == 409
    assert "李某" in answer.text and "更正" in answer.text
    kept = sent(client, "/duplicates/unmerge", merge=str(done["id"]), keep_edits="yes")
    assert kept.headers["location"] == "/facilities/1?done=unmerged"
    with store.reading() as session:
        assert facilities.get(session, 1).facility.note == "后来的备注"
        assert facilities.get(session, 2).facility.name == "靖宇镇卫生院"
    again = sent(client, "/duplicates/unmerge", merge=str(done["id"]))
    assert again.status_code == 409
    assert "keep_edits" not in again.text.split('<p class="small">')[0]


# -- hostile names, words, navigation ---------------------------------------------------------


def test_names_are_text_on_these_pages(settings, store):
    """Names, addresses, identifiers and reasons that try to become markup stay text, on every page of this work."""
    for name in NAMES:
        register(store, *(Facility(name=f"所{name}", class_code="D200", address=f"路{name}{i}", lon=126.8, aliases=[f"曾{name}"], **PLACE,
                                   identifiers=[{"scheme": "local", "value": name}]) for i in range(2)))
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False, headers=HTML) as client:
        asks_as(client, store, "editor")
        duplicates.merge_facilities(store, 1, [2], author="周", reason=NAMES[1])
        duplicates.answer_pairs(store, [(3, 4)], author="周", reason=NAMES[4])
        pages = ("/duplicates", "/duplicates?state=merged", "/duplicates?state=not_duplicate", "/duplicates/merge?id=5&id=6", "/facilities/1")
        for path, language in product(pages, ("zh", "en")):
            answer = client.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
            assert answer.status_code == 200, path
            assert naked(answer.text) == [], path
            assert not re.search(r"<[a-z][^>]*\son[a-z]+\s*=", re.sub(r'"[^"]*"', '""', answer.text)), path


def test_every_link_of_the_second_row_leads_somewhere(editor):
    """No entry of the registry's navigation is dead, for whoever is shown it."""
    client, store = editor
    links = re.findall(r'<a href="([^"]+)"', re.search(r'<nav class="registry-nav".*?</nav>', client.get("/facilities").text, re.DOTALL)[0])
    assert {"/facilities", "/locating", "/duplicates"} <= set(links)
    for link in links:
        page = client.get(link)
        assert page.status_code == 200, link
        if link in ("/facilities", "/locating", "/duplicates"):
            assert f'<a href="{link}" aria-current="page"' in page.text
    asks_as(client, store, "viewer")
    for link in re.findall(r'<a href="([^"]+)"', re.search(r'<nav class="registry-nav".*?</nav>', client.get("/facilities").text, re.DOTALL)[0]):
        assert client.get(link).status_code == 200, link


def test_an_empty_registry_has_empty_pages(settings, store):
    with TestClient(create_app(settings), headers=HTML) as client:
        for state, word in (("open", "duplicates_none_open"), ("not_duplicate", "duplicates_none_answered"), ("merged", "duplicates_none_merged")):
            assert ZH[word] in client.get(f"/duplicates?state={state}").text


# -- parts -----------------------------------------------------------------------------------


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_marked_name_is_the_name(name, other):
    """Marking changes no letter, and marks nothing where both are the same."""
    assert "".join(text for text, _ in marked(name, other)) == name
    assert not any(differs for _, differs in marked(name, name))


@pytest.mark.parametrize(("score", "word"), [(1.0, "likely"), (0.9, "likely"), (0.8999, "possible"), (0.8, "possible"), (0.7999, "weak"), (0.6, "weak")])
def test_a_score_as_a_word(score, word):
    assert score_word(score) == word


places = st.lists(st.one_of(st.none(), st.tuples(st.floats(126, 126.05), st.floats(42, 42.05))), min_size=2, max_size=6)


@given(places)
def test_a_sketch_is_true_to_scale(some):
    """Pixels times the scale are metres on the ground within 1 %, all inside of the picture, each facility once."""
    sketch = sketch_of(some)
    known = {number: place for number, place in enumerate(some, start=1) if place is not None}
    if len(known) < 2:
        assert sketch is None
        return
    assert sorted(number for mark in sketch.marks for number in mark.numbers) == sorted(known)
    assert all(0 < mark.x < WIDTH and 8 < mark.y < HEIGHT for mark in sketch.marks)
    assert 10 <= sketch.bar_px <= 81 or sketch.bar_m == 1
    for one in sketch.marks:
        for other in sketch.marks:
            apart = math.hypot(one.x - other.x, one.y - other.y) * sketch.metres_a_pixel
            assert apart == pytest.approx(distance_m(*known[one.numbers[0]], *known[other.numbers[0]]), rel=0.01, abs=0.3 * sketch.metres_a_pixel)


def test_north_is_up_and_east_is_right():
    south_west, north_east = sketch_of([(126.8, 42.3), (126.81, 42.31)]).marks
    assert north_east.x > south_west.x
    assert north_east.y < south_west.y
