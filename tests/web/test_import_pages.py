"""Importing in pages, as a browser without any script uses them: nothing typed is lost, nothing is stored unseen."""

from __future__ import annotations

import csv
import io
import re
import shutil
from html.parser import HTMLParser

import openpyxl
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as rule
from hypothesis import strategies as some
from people import BY, GOOD_PASSWORD, headers_of
from registry.made_files import COUNTY, HEADER, TOWNSHIP_E, TOWNSHIP_W

from geosvc.application import create_app
from geosvc.registry import areas, facilities
from geosvc.registry.imports.reasons import in_chinese
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.web.import_sketch import HIGHEST, WIDTH, import_map
from geosvc.workflows import people
from geosvc.workflows.rules import change_rules
from geosvc.workflows.workspace import init_workspace, open_workspace

HTML = {"accept": "text/html"}
HEADERS = ["单位名称", "类型", "东经", "北纬", "编制床位"]
GOOD = ["西山卫生院", "卫生院", "126.85", "42.35", "30"]
NASTY = ["<img src=x onerror=alert(1)>", "村所", "126.86", "42.36", ""]
BAD = [["", "诊所", "126.87", "42.36", ""], ["缺纬度诊所", "诊所", "126.87", "", ""], ["汉字床位", "诊所", "126.87", "42.36", "三张"]]


class _Forms(HTMLParser):
    """What a browser would send of each form, by its action."""

    def __init__(self) -> None:
        super().__init__()
        self.forms, self._fields, self._select = {}, None, None

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "form":
            self._fields = self.forms[told["action"]] = {}
        if self._fields is None:
            return
        name, kind = told.get("name"), told.get("type")
        if tag == "input" and name and kind != "file" and (kind not in ("radio", "checkbox") or "checked" in told):
            self._fields[name] = told.get("value") or ""
        elif tag == "select":
            self._select = name
            self._fields[name] = ""
        elif tag == "option" and self._select and "selected" in told:
            self._fields[self._select] = told.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "form":
            self._fields = None
        elif tag == "select":
            self._select = None


def forms_of(answer):
    found = _Forms()
    found.feed(answer.text)
    return found.forms


class Clerk:
    """A person at a browser without scripts."""

    def __init__(self, app, store, name="王"):
        self.client = TestClient(app, raise_server_exceptions=False, headers=HTML)
        self.store = store
        answer = self.client.post("/sign-in", data={"name": name, "password": GOOD_PASSWORD})
        assert answer.status_code == 200
        self.page = answer

    def go(self, path):
        self.page = self.client.get(path)
        return self.page

    def submit(self, action, **changed):
        told = {**forms_of(self.page)[action], **changed}
        self.page = self.client.post(action, data={name: each for name, each in told.items() if each is not None})
        return self.page

    def send(self, data, name="机构 名单.csv"):
        token = forms_of(self.go("/imports/new"))["/imports/new"]["csrf_token"]
        self.page = self.client.post("/imports/new", data={"csrf_token": token}, files={"file": (name, data)})
        return self.page

    @property
    def path(self):
        return self.page.url.path

    def tried(self, rows, datum="WGS84", **changed):
        """Send rows and go on to the dry run."""
        assert self.send(text_of(rows)).status_code == 200
        upload = self.path
        self.submit(upload, datum=datum, **changed)
        assert self.path == f"{upload}/check", self.page.text
        return upload

    def names(self):
        with self.store.reading() as session:
            return sorted(each.facility.name for each in facilities.find(session, FacilityQuery()))


def text_of(rows, encoding="gb18030"):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    folder = tmp_path_factory.mktemp("import-pages") / "workspace"
    store = init_workspace(Settings(workspace=folder))
    with store.writing() as session:
        for code, name, level, parent, shape in (
            ("990001", "试验县", "county", None, COUNTY), ("990001100", "西镇", "township", "990001", TOWNSHIP_W), ("990001101", "东镇", "township", "990001", TOWNSHIP_E),
        ):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent, geometry=shape), **BY)
    for name, role, of in (("王", "editor", None), ("李", "editor", None), ("西", "editor", ["990001100"]), ("管", "admin", None), ("看", "viewer", None)):
        _account, link = people.create_account(store, name, role=role, areas=of, **BY)
        people.use_link(store, link.rsplit("/", 1)[-1], GOOD_PASSWORD, name=None, hours=1)
    store.close()
    return folder


@pytest.fixture
def place(county, settings):
    """A copy of the county that may be changed, and its server."""
    shutil.copytree(county, settings.workspace)
    store = open_workspace(settings)
    yield create_app(settings), store
    store.close()


@pytest.fixture
def clerk(place):
    return Clerk(*place)


def test_the_whole_way_without_a_script(clerk):
    """File, columns, dry run, import of the good rows, refused rows as one's own table, undo."""
    page = clerk.send(text_of([HEADERS, GOOD, NASTY, *BAD]))
    upload = clerk.path
    assert re.fullmatch(r"/imports/uploads/[\w-]{22}", upload)
    told = forms_of(page)[upload]
    assert [told[f"column.{each}"] for each in range(5)] == ["name", "class_code", "longitude", "latitude", "beds_authorised"]
    assert "datum" not in told  # asked, never chosen beforehand
    assert "126.85" in page.text
    page = clerk.submit(upload, datum="GCJ02")
    assert clerk.path == f"{upload}/check"
    assert clerk.names() == []
    assert page.text.count('class="new-points') == 1
    for said in ("机构名称是空的", "纬度是空的", "编制床位“三张”应是整数的床位数", "导入：新增 2 个，修改 0 个", "另有 3 行这次不导入"):
        assert said in page.text, said
    assert "<img src=x" not in page.text
    answer = clerk.client.get(f"{upload}/refused")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[:5] for row in rows] == [HEADERS, *BAD]
    page = clerk.submit(f"{upload}/check", step="commit")
    assert clerk.path == "/imports/1"
    assert clerk.names() == [NASTY[0], GOOD[0]]
    assert "已导入：新增 2 个" in page.text
    assert f'href="{upload}/refused"' in page.text
    assert clerk.client.get(f"{upload}/refused").content == answer.content
    assert clerk.go(upload).status_code == 404
    assert "这个文件已经不在了" in clerk.page.text
    # Whoever comes back to it from the list finds the rows, too, while they are kept; nobody else does.
    assert f'href="{upload}/refused"' in clerk.go("/imports/1").text
    clerk.go("/imports")
    page = clerk.submit("/imports/1/undo", reason="试试")
    assert (clerk.path, clerk.names()) == ("/imports/1", [])
    assert "已撤销" in page.text
    assert "试试" in clerk.go("/imports").text


def test_whose_list_it_is_stands_with_the_import(clerk):
    """The source that was given is kept in the list and on the import's page, as text; without one nothing is said."""
    upload = clerk.tried([HEADERS, GOOD], source=" 县卫健局<b> ")
    assert forms_of(clerk.go(upload))[upload]["source"] == "县卫健局<b>"
    clerk.submit(upload, step="try")
    clerk.submit(f"{upload}/check", step="commit")
    for page in (clerk.page, clerk.go("/imports")):
        assert "来源：县卫健局&lt;b&gt;" in page.text
        assert "县卫健局<b>" not in page.text
    upload = clerk.tried([HEADERS, ["乙卫生室", *GOOD[1:]]])
    assert forms_of(clerk.go(upload))[upload]["source"] == ""
    clerk.submit(upload, step="try")
    clerk.submit(f"{upload}/check", step="commit")
    assert clerk.go("/imports").text.count("来源：") == 1


def test_the_datum_is_asked_and_nothing_typed_is_lost(clerk):
    """Without a datum: it stands there what is missing, with all that was chosen; next time the choice before is said, not made."""
    clerk.send(text_of([["医疗点", "性质", "东", "北", "编制床位"], GOOD]))
    upload = clerk.path
    page = clerk.submit(upload, **{"column.0": "name", "column.2": "longitude", "column.3": "latitude", "default_class": "村卫生室"})
    assert page.status_code == 422
    assert "请选择坐标从哪里来" in page.text
    told = forms_of(page)[upload]
    assert (told["column.0"], told["column.2"], told["default_class"]) == ("name", "longitude", "村卫生室")
    assert "datum" not in told
    clerk.submit(upload, datum="BD09")
    assert clerk.path == f"{upload}/check"
    told = forms_of(clerk.go(upload))[upload]
    assert (told["column.0"], told["datum"], told["default_class"]) == ("name", "BD09", "D600 村卫生室")
    clerk.submit(upload)
    clerk.submit(f"{upload}/check", step="commit")
    assert clerk.names() == [GOOD[0]]
    page = clerk.send(text_of([["医疗点", "性质", "东", "北", "编制床位"], ["另一个", *GOOD[1:]]]))
    told = forms_of(page)[clerk.path]
    assert (told["column.0"], told["default_class"], "datum" in told) == ("name", "D600 村卫生室", False)
    assert "百度" in page.text.partition("请重新选择")[0][-200:]


@pytest.mark.parametrize(("changed", "word"), [
    ({"column.1": "name"}, "两列不能都是同一项"), ({"column.0": ""}, "没有一列是“机构名称”"), ({"column.1": ""}, "没有一列是“机构类别”"),
    ({"column.3": ""}, "经度和纬度只指定了一个"), ({"column.2": "", "column.3": ""}, "没有经度和纬度列"), ({"default_class": "没有这类"}, "代码表里没有这个类别"),
    ({"datum": "火星"}, "请选择坐标从哪里来"), ({"column.0": "no_such_field"}, "没有一列是“机构名称”"),
])
def test_what_is_wrong_stands_beside_its_field(clerk, changed, word):
    clerk.send(text_of([HEADERS, GOOD]))
    upload = clerk.path
    page = clerk.submit(upload, **{"datum": "WGS84", **changed})
    assert (page.status_code, clerk.path) == (422, upload)
    assert word in page.text
    told = forms_of(page)[upload]
    assert told["column.4"] == "beds_authorised"


def test_a_row_that_may_be_there_is_asked_about(clerk):
    """Candidates with reasons, nothing chosen; a choice is tried before it is imported, and can be taken back."""
    head = [*HEADER, "区划代码"]
    clerk.tried([head, ["东山镇中心卫生院", "C210", "126.95", "42.35", "WGS84", "990001101"]])
    clerk.submit(f"{clerk.path}", step="commit")
    upload = clerk.tried([head, ["东山镇卫生院", "C220", "126.9505", "42.3502", "WGS84", "990001101"]])
    check = f"{upload}/check"
    assert "1 行可能已经登记" in clerk.page.text
    assert "先回答上面的问题" in clerk.page.text
    assert re.search(r"相似 \d\d%", clerk.page.text)
    assert forms_of(clerk.page)[check]["answer.2"] == ""
    page = clerk.submit(check, **{"answer.2": "1", "step": "commit"})
    assert (clerk.path, clerk.names()) == (check, ["东山镇中心卫生院"])
    assert "您改了选择" in page.text
    assert "导入：新增 0 个，修改 1 个" in page.text
    assert "<del>东山镇中心卫生院</del> → <ins>东山镇卫生院</ins>" in page.text
    page = clerk.submit(check, **{"answer.2": "none", "step": "again"})
    assert "1 行可能已经登记" in page.text
    clerk.submit(check, **{"answer.2": "new", "step": "again"})
    clerk.submit(check, step="commit")
    assert clerk.names() == ["东山镇中心卫生院", "东山镇卫生院"]


def test_a_word_for_a_class_is_explained_once(clerk):
    """村所 is not understood; a person says what it is; a class that is none is refused beside its field; next time it is known."""
    upload = clerk.tried([HEADERS, GOOD, NASTY])
    check = f"{upload}/check"
    told = forms_of(clerk.page)[check]
    number = next(name.partition(".")[2] for name, word in told.items() if name.startswith("word.") and word == "村所")
    assert "不认识，会登记为“未分类”" in clerk.page.text
    page = clerk.submit(check, **{f"class.{number}": "没有这类", "step": "commit"})
    assert (page.status_code, clerk.names()) == (422, [])
    assert "没有这类" in forms_of(page)[check].values()
    clerk.submit(check, **{f"class.{number}": "D600 村卫生室", "step": "again"})
    clerk.submit(check, step="commit")
    with clerk.store.reading() as session:
        assert {each.facility.class_code for each in facilities.find(session, FacilityQuery())} == {"C220", "D600"}
    clerk.tried([HEADERS, ["新村卫生室", *NASTY[1:]]])
    assert "不认识" not in clerk.page.text


def test_a_registry_that_changed_meanwhile_is_looked_at_again(place):
    """Two clerks try the same file; the second is told that the registry changed, and sees what the import does now."""
    first, second = Clerk(*place), Clerk(*place, name="李")
    mine, theirs = first.tried([HEADERS, GOOD]), second.tried([HEADERS, GOOD])
    first.submit(f"{mine}/check", step="commit")
    page = second.submit(f"{theirs}/check", step="commit")
    assert second.path == f"{theirs}/check"
    assert "登记册刚被别人改过" in page.text
    assert "没有可以导入的新内容" in page.text
    assert first.names() == [GOOD[0]]


def test_a_file_is_its_senders_alone(place):
    """Somebody else, even an administrator, finds nothing at its address and changes nothing there."""
    mine, other = Clerk(*place), Clerk(*place, name="管")
    upload = mine.tried([HEADERS, GOOD])
    token = forms_of(other.go("/imports/new"))["/imports/new"]["csrf_token"]
    for path in (upload, f"{upload}/check", f"{upload}/refused"):
        assert other.go(path).status_code == 404
    for path in (upload, f"{upload}/check", f"{upload}/discard"):
        assert other.client.post(path, data={"csrf_token": token, "step": "commit"}).status_code == 404
    assert upload not in other.go("/imports").text
    assert upload in mine.go("/imports").text
    assert mine.go(f"{upload}/check").status_code == 200
    assert mine.names() == []


def test_who_may_import_and_undo(place):
    """A viewer sees the list and no way in; who is not signed in is sent to do so; another editor undoes nothing; an administrator does."""
    mine = Clerk(*place)
    upload = mine.tried([HEADERS, GOOD])
    mine.submit(f"{upload}/check", step="commit")
    viewer, other, west, admin = (Clerk(*place, name=name) for name in ("看", "李", "西", "管"))
    assert viewer.go("/imports").status_code == 200
    assert "/imports/new" not in viewer.page.text
    assert viewer.go("/imports/new").status_code == 403
    assert "/imports/1" not in west.go("/imports").text
    assert west.go("/imports/1").status_code == 404
    assert "/imports/1/undo" not in other.go("/imports").text
    token = forms_of(other.go("/imports/new"))["/imports/new"]["csrf_token"]
    assert other.client.post("/imports/1/undo", data={"csrf_token": token}).status_code == 403
    assert mine.names() == [GOOD[0]]
    nobody = TestClient(place[0], raise_server_exceptions=False, headers=HTML)
    assert nobody.get("/imports").url.path == "/sign-in"
    assert nobody.post("/imports/new", files={"file": ("a.csv", b"x")}).status_code == 401
    admin.go("/imports/1")
    admin.submit("/imports/1/undo")
    assert mine.names() == []


def test_what_stands_in_the_way_of_an_undo_is_named(clerk, place):
    """A later change: no button, but who changed what; a confirmation: a box that has to be ticked."""
    upload = clerk.tried([HEADERS, GOOD])
    clerk.submit(f"{upload}/check", step="commit")
    script = {**headers_of(place[1], "admin"), "accept": "application/json"}
    item = "/api/collections/facilities/items/1"
    api = TestClient(place[0])
    assert api.post(f"{item}/confirm", headers={**script, "If-Match": api.get(item, headers=script).headers["etag"]}).status_code == 200
    page = clerk.go("/imports/1")
    assert 'name="confirmed_too"' in page.text
    assert "admin-all" in page.text
    page = clerk.submit("/imports/1/undo")
    assert (page.status_code, clerk.names()) == (409, [GOOD[0]])
    assert "没有撤销" in page.text
    changed = api.patch(item, headers={**script, "If-Match": api.get(item, headers=script).headers["etag"]}, json={"properties": {"note": "改"}})
    assert changed.status_code == 200
    page = clerk.go("/imports/1")
    assert "/imports/1/undo" not in page.text
    assert "之后又有修改" in clerk.go("/imports").text


@pytest.mark.parametrize(("name", "data", "status", "word"), [
    ("a.exe", b"MZ", 422, "a.exe 不能导入"), ("a.csv", b"", 422, "什么也没有保存"), ("图.xlsx", b"\x89PNG\r\n\x1a\n" + b"0" * 99, 422, "其实是图片（PNG）"),
    ("<script>alert(1)</script>.exe", b"x", 422, "&lt;script&gt;"), ("a.csv", b"name,type\n" + b"a,D600\n" * 100_001, 413, "100,000 行"), ("a.csv", b"name,type\n" + b"a,D600\n" * 500_000, 413, "100,000 行"),
    ("头.csv", "名称,类别\n,,\n".encode(), 422, "只有表头，没有数据行"), ("../../x.csv", b"\xff\xfe\xff", 422, "不能导入"), ("a.csv", b"\x00\x01\x02", 422, "不能导入"),
], ids=["program", "empty", "picture", "markup", "many rows", "half a million", "header alone", "no text", "bytes"])
def test_a_bad_file_is_refused_on_the_page(clerk, name, data, status, word):
    """The reason stands above the same form, in words of a person, and nothing is kept."""
    page = clerk.send(data, name)
    assert (page.status_code, clerk.path) == (status, "/imports/new")
    assert word in page.text
    assert "<script>alert" not in page.text
    assert str(clerk.store.uploads) not in page.text  # where the server keeps files is not the browser's business
    assert '<span lang="en">' not in page.text, "on a Chinese page the reason is Chinese"
    assert forms_of(page)["/imports/new"]["csrf_token"]
    assert not clerk.store.uploads.exists() or list(clerk.store.uploads.iterdir()) == []


def test_no_file_and_no_token_are_refused(clerk):
    """A form without a file is told so on the page; one from elsewhere changes nothing."""
    token = forms_of(clerk.go("/imports/new"))["/imports/new"]["csrf_token"]
    assert clerk.client.post("/imports/new", data={"csrf_token": token}).status_code == 400
    assert clerk.client.post("/imports/new", files={"file": ("a.csv", text_of([HEADERS, GOOD]))}).status_code == 403
    assert not clerk.store.uploads.exists()


def test_sheets_are_chosen_and_markup_in_headers_is_shown(clerk):
    """Another sheet has other columns; its name and its headers are text, whatever they are."""
    book = openpyxl.Workbook()
    book.active.append(["x", "y"])
    other = book.create_sheet("<b>表二&")
    for row in ([*HEADERS, "<script>alert(1)</script>"], [*GOOD, "\"'>"]):
        other.append(row)
    target = io.BytesIO()
    book.save(target)
    clerk.send(target.getvalue(), "两张表.xlsx")
    upload = clerk.path
    page = clerk.submit(upload, layer="<b>表二&", step="sheet", datum="GCJ02")
    told = forms_of(page)[upload]
    assert (told["layer"], told["column.0"], told["datum"]) == ("<b>表二&", "name", "GCJ02")
    assert "<script>alert" not in page.text
    clerk.submit(upload)
    clerk.submit(f"{upload}/check", step="commit")
    assert clerk.names() == [GOOD[0]]


def test_where_approval_is_asked_for_an_editor_is_told_before(place):
    """Editors propose here: the page says at once that an administrator imports, and offers no button."""
    change_rules(place[1], author="管", approval=True)
    clerk = Clerk(*place)
    assert "导入要请管理员来做" in clerk.go("/imports/new").text
    upload = clerk.tried([HEADERS, GOOD])
    assert 'value="commit"' not in clerk.page.text
    page = clerk.submit(f"{upload}/check", step="commit")
    assert (page.status_code, clerk.names()) == (403, [])


def test_the_english_pages_are_whole(clerk):
    """Every step in English, with the reasons as the program says them, and no Chinese of the page itself."""
    upload = clerk.tried([HEADERS, GOOD, *BAD])
    own = re.compile(r"[\u4e00-\u9fff]")
    for path in ("/imports", "/imports/new", upload, f"{upload}/check"):
        text = re.sub(r"<(\w+)[^>]*lang=\"zh[^>]*>.*?</\1>|<option[^>]*>|<input[^>]*>|<title>.*?</title>", "", clerk.go(f"{path}?lang=en").text, flags=re.DOTALL)
        left = [line for line in text.splitlines() if own.search(line) and not any(each in line for each in ("试验县", "机构 名单", "卫生院", "中文", "王"))]
        assert not left, (path, left[:3])
    assert "the name is empty; every facility needs one" in clerk.page.text


# -- the small map -----------------------------------------------------------------------------


def numbers_in(path):
    return [float(each) for each in re.findall(r"-?\d+\.\d", path)]


@rule(max_examples=60, deadline=None)
@given(some.lists(some.tuples(some.floats(-180, 180), some.floats(-85, 85)), min_size=1, max_size=30), some.booleans())
def test_every_place_is_drawn_inside_or_counted(places, with_areas):
    """Whatever the places, nothing is drawn outside of the picture and none is lost."""
    rings = [[(126.8, 42.3), (127.0, 42.3), (127.0, 42.4), (126.8, 42.3)]] if with_areas else []
    drawn = import_map(rings, places)
    assert drawn.drawn + drawn.outside == len(places)
    values = numbers_in(drawn.points)
    assert all(-0.1 <= x <= WIDTH + 0.1 for x in values[0::2])
    assert all(-0.1 <= y <= min(drawn.height, HIGHEST) + 0.5 for y in values[1::2])


def test_swapped_axes_and_a_wrong_datum_are_seen(clerk):
    """A place in its township is drawn within the county; one with its axes swapped is far from it."""
    ring = [(126.8, 42.3), (127.0, 42.3), (127.0, 42.4), (126.8, 42.4), (126.8, 42.3)]
    right, wrong = import_map([ring], [(126.9, 42.35)]), import_map([ring], [(42.35, 80.0)])
    areas_x = numbers_in(right.areas)[0::2]
    assert min(areas_x) < numbers_in(right.points)[0] < max(areas_x)
    far_x = numbers_in(wrong.areas)[0::2]
    assert min(far_x) - numbers_in(wrong.points)[0] > WIDTH / 2
    assert import_map([ring], []) is None


@pytest.mark.parametrize(("sentence", "chinese"), [
    ("latitude '四十二' is not a number of degrees; expected for example 126.80969 or 126°48′35″", "纬度“四十二”不是度数"),
    ("longitude 42.3 is outside [-180, 180]; expected degrees, longitude first", "经度 42.3 超出"),
    ("{0} lies in the area 99; this account is limited to 98", "{0}所在区域 99 不归您的账号管"),
    ("identifier '1.2E+17' was damaged by a spreadsheet (it stands there as a number, and digits are lost); x", "统一社会信用代码“1.2E+17”被表格软件"),
])
def test_reasons_are_said_in_chinese(sentence, chinese):
    assert in_chinese(sentence).startswith(chinese)
