"""Importing over HTTP: a file is sent, looked at, tried, imported by who may, and undone by who may."""

from __future__ import annotations

import io
import shutil
import zipfile

import openpyxl
import pytest
from fastapi.testclient import TestClient
from people import headers_of
from registry.made_files import COUNTY, GOOD_ROW, HEADER, TOWNSHIP_E, TOWNSHIP_W, write_csv, write_xlsx

from geosvc.application import create_app
from geosvc.registry import areas, facilities
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import staging
from geosvc.workflows.workspace import init_workspace, open_workspace

BY = {"author": "test", "origin": "test"}
BAD = ["坏", "D200", "", "42.31", "WGS84"]
WEST_CODE, EAST_CODE = "990001100", "990001101"
WITH_AREA = [*HEADER, "区划代码"]
API = "/api/imports"


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """A county of two townships with an administrator, an editor, one of the west, and a viewer; made once and copied."""
    folder = tmp_path_factory.mktemp("imports-api") / "workspace"
    store = init_workspace(Settings(workspace=folder))
    with store.writing() as session:
        for code, name, level, parent, shape in (
            ("990001", "试验县", "county", None, COUNTY), (WEST_CODE, "西镇", "township", "990001", TOWNSHIP_W), (EAST_CODE, "东镇", "township", "990001", TOWNSHIP_E),
        ):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent, geometry=shape), **BY)
    who = {"admin": headers_of(store, "admin"), "editor": headers_of(store, "editor"), "west": headers_of(store, "editor", [WEST_CODE]),
           "viewer": headers_of(store, "viewer"), "nobody": {}}
    store.close()
    return folder, who


@pytest.fixture
def office(county, settings):
    """The county and its server, to be changed."""
    shutil.copytree(county[0], settings.workspace)
    store = open_workspace(settings)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield Office(client, county[1], store)
    store.close()


class Office:
    def __init__(self, client, who, store):
        self.client, self.who, self.store = client, who, store

    def ask(self, method, path, who="editor", **more):
        return self.client.request(method, API + path, headers=self.who[who], **more)

    def send(self, data, name="名单.csv", who="editor"):
        return self.ask("POST", "", who, files={"file": (name, data)})

    def sent(self, rows, folder, who="editor"):
        """Send rows and return the id of the upload."""
        answer = self.send(write_csv(folder / "rows.csv", rows).read_bytes(), who=who)
        assert answer.status_code == 201, answer.text
        return answer.json()["upload"]["id"]

    def tried(self, number, who="editor", **told):
        answer = self.ask("POST", f"/uploads/{number}/preview", who, json=told)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def imported(self, rows, folder, who="editor", **told):
        number = self.sent(rows, folder, who)
        said = self.tried(number, who, **told)
        answer = self.ask("POST", f"/uploads/{number}/commit", who, json={"preview": said["preview"], "skip_bad": True})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def names(self):
        with self.store.reading() as session:
            return sorted(each.facility.name for each in facilities.find(session, FacilityQuery()))

    def export(self):
        answer = self.client.get("/api/collections/facilities/export", headers=self.who["admin"])
        assert answer.status_code == 200
        return answer.content


def test_the_whole_way(office, tmp_path):
    """Send, look, try, import, find it in the list, undo it: the export is byte for byte the one from before."""
    before = office.export()
    answer = office.send(write_csv(tmp_path / "a.csv", [["医疗点", *HEADER[1:]], GOOD_ROW], encoding="gb18030").read_bytes())
    assert answer.status_code == 201
    told = answer.json()
    assert answer.headers["location"].endswith(f"/api/imports/uploads/{told['upload']['id']}")
    assert told["columns"]["missing"] == ["name"]
    number = told["upload"]["id"]
    assert "path" not in told["upload"]
    assert office.ask("GET", "/uploads").json()["uploads"] == [told["upload"]]
    said = office.tried(number, mapping={"医疗点": "name"})
    assert (said["new"], said["dry_run"], said["new_places"], office.names()) == (1, True, [[2, 126.85, 42.35]], [])
    done = office.ask("POST", f"/uploads/{number}/commit", json={"preview": said["preview"]})
    assert (done.status_code, done.json()["new"], office.names()) == (201, 1, ["县人民医院"])
    one = office.client.get(done.headers["location"], headers=office.who["editor"]).json()
    assert (one["file_name"], one["author"], one["undoable"], one["later"]) == ("名单.csv", "editor-all", True, [])
    assert office.ask("GET", f"/uploads/{number}").status_code == 404
    undone = office.ask("POST", f"/{one['id']}/undo", json={"reason": "上月的文件"})
    assert (undone.status_code, undone.json()["deleted"], office.export() == before) == (200, 1, True)
    listed = office.ask("GET", "").json()
    assert (listed["numberMatched"], listed["imports"][0]["undone_reason"], listed["imports"][0]["not_undoable"]) == (1, "上月的文件", "undone")
    again = office.ask("POST", f"/{one['id']}/undo", json={})
    assert (again.status_code, again.json()["title"]) == (409, "NotUndoable")


def test_refused_rows_stop_an_import_and_come_back_as_the_workbook(office, tmp_path):
    """422 with row and reason, nothing stored; with skip_bad the good ones; the workbook is there for a day after that too."""
    book = write_xlsx(tmp_path / "a.xlsx", [HEADER, GOOD_ROW, BAD]).read_bytes()
    number = office.send(book, "a.xlsx").json()["upload"]["id"]
    assert office.ask("GET", f"/uploads/{number}/refused").status_code == 404
    said = office.tried(number)
    stopped = office.ask("POST", f"/uploads/{number}/commit", json={"preview": said["preview"]})
    assert (stopped.status_code, stopped.json()["title"], office.names()) == (422, "RefusedRows", [])
    assert [(each["row"], "longitude is empty" in each["reason"]) for each in stopped.json()["refused"]] == [(3, True)]
    done = office.ask("POST", f"/uploads/{number}/commit", json={"preview": said["preview"], "skip_bad": True})
    assert (done.status_code, office.names()) == (201, ["县人民医院"])
    answer = office.ask("GET", f"/uploads/{number}/refused")
    page = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert (page["A2"].value, page["C2"].fill.start_color.rgb) == ("坏", "FFFFC7CE")
    assert page["F2"].value.startswith("经度是空的")
    assert office.ask("GET", f"/uploads/{number}/refused", "admin").status_code == 404
    assert office.ask("GET", "/uploads").json() == {"uploads": []}


def test_a_row_that_may_be_there_waits_with_its_candidates(office, tmp_path):
    """The same name 60 m on, of another class: nobody decides but a person; the answer is carried out."""
    office.imported([WITH_AREA, ["东山镇中心卫生院", "C210", "126.95", "42.35", "WGS84", EAST_CODE]], tmp_path)
    number = office.sent([WITH_AREA, ["东山镇卫生院", "C220", "126.9505", "42.3502", "WGS84", EAST_CODE]], tmp_path)
    said = office.tried(number)
    assert [(each["row"], each["candidates"][0]["id"]) for each in said["waiting"]] == [(2, 1)]
    assert said["waiting"][0]["candidates"][0]["reasons"]
    stopped = office.ask("POST", f"/uploads/{number}/commit", json={"preview": said["preview"]})
    assert (stopped.status_code, stopped.json()["title"], stopped.json()["waiting"][0]["row"]) == (422, "WaitingRows", 2)
    said = office.tried(number, answers={"2": 1})
    assert (said["changed"], "waiting" in said) == (1, False)
    done = office.ask("POST", f"/uploads/{number}/commit", json={"preview": said["preview"]})
    assert (done.status_code, office.names()) == (201, ["东山镇卫生院"])


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("viewer", 403)])
def test_who_may_not_change_the_registry_may_not_import(office, tmp_path, who, status):
    """Every door: send, look, try, import, fetch, throw away, undo; and nothing is kept of what they sent."""
    number = office.sent([HEADER, GOOD_ROW], tmp_path)
    table = write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW]).read_bytes()
    assert office.send(table, who=who).status_code == status
    for method, path, body in (
        ("GET", "/uploads", None), ("GET", f"/uploads/{number}", None), ("POST", f"/uploads/{number}/preview", {}),
        ("POST", f"/uploads/{number}/commit", {"preview": "x"}), ("GET", f"/uploads/{number}/refused", None), ("DELETE", f"/uploads/{number}", None),
        ("POST", "/1/undo", {}),
    ):
        assert office.ask(method, path, who, json=body).status_code == status, path
    assert len(list(office.store.uploads.iterdir())) == 1
    assert office.ask("GET", "", "nobody").status_code == 401


def test_a_file_belongs_to_its_sender(office, tmp_path):
    """Even an administrator is told that it is not there."""
    number = office.sent([HEADER, GOOD_ROW], tmp_path)
    for method, path, body in (
        ("GET", f"/uploads/{number}", None), ("POST", f"/uploads/{number}/preview", {}), ("POST", f"/uploads/{number}/commit", {"preview": "x"}),
        ("GET", f"/uploads/{number}/refused", None), ("DELETE", f"/uploads/{number}", None),
    ):
        answer = office.ask(method, path, "admin", json=body)
        assert (answer.status_code, answer.json()["title"]) == (404, "UploadNotFound"), path
    assert office.ask("DELETE", f"/uploads/{number}").status_code == 204
    assert office.ask("GET", f"/uploads/{number}").status_code == 404


def test_an_editor_of_one_township_imports_its_rows_and_no_others(office, tmp_path):
    """The row of the other township is refused with the reason; of what stands there nothing is told."""
    hidden = ["东山镇中心卫生院", "C210", "126.95", "42.35", "WGS84", EAST_CODE]
    office.imported([WITH_AREA, hidden], tmp_path)
    rows = [WITH_AREA, ["西医院", "A100", "126.85", "42.35", "WGS84", WEST_CODE], ["东医院", "A100", "126.93", "42.35", "WGS84", EAST_CODE],
            ["西山镇中心卫生院", "C210", "126.9501", "42.3501", "WGS84", WEST_CODE]]
    number = office.sent(rows, tmp_path, "west")
    said = office.tried(number, "west")
    assert [(each["row"], "limited to 990001100" in each["reason"]) for each in said["refused"]] == [(3, True)]
    assert [(each["row"], each["candidates"]) for each in said["waiting"]] == [(4, [])]  # like one elsewhere, which is not told
    assert hidden[0] not in str(said)
    assert office.ask("POST", f"/uploads/{number}/commit", "west", json={"preview": said["preview"]}).status_code == 422
    said = office.tried(number, "west", answers={"4": "new"})
    assert (said["suspected_duplicates"], hidden[0] in str(said)) == ([], False)
    done = office.ask("POST", f"/uploads/{number}/commit", "west", json={"preview": said["preview"], "skip_bad": True})
    assert (done.status_code, done.json()["new"]) == (201, 2)
    assert office.names() == ["东山镇中心卫生院", "西医院", "西山镇中心卫生院"]


def test_a_number_of_a_facility_elsewhere_tells_nothing_of_it(office, tmp_path):
    """A row that is only 机构编号 and a note: refused, and neither name nor area of the facility are in the reason."""
    office.imported([WITH_AREA, ["东山镇中心卫生院", "C210", "126.95", "42.35", "WGS84", EAST_CODE]], tmp_path)
    number = office.sent([["机构编号", "备注"], ["1", "看看"]], tmp_path, "west")
    told = office.tried(number, "west")
    assert len(told["refused"]) == 1
    assert "东山镇" not in str(told)
    assert EAST_CODE not in str(told)


def test_who_sees_and_undoes_which_imports(office, tmp_path):
    """All see all, one of a township only its own; who made it undoes it, or an administrator."""
    first = office.imported([WITH_AREA, ["东医院", "A100", "126.95", "42.35", "WGS84", EAST_CODE]], tmp_path)["import_id"]
    second = office.imported([WITH_AREA, ["西医院", "A100", "126.85", "42.35", "WGS84", WEST_CODE]], tmp_path, "west")["import_id"]
    seen = {who: [each["id"] for each in office.ask("GET", "", who).json()["imports"]] for who in ("admin", "editor", "viewer", "west")}
    assert seen == {"admin": [second, first], "editor": [second, first], "viewer": [second, first], "west": [second]}
    assert office.ask("GET", "", "west").json()["numberMatched"] == 1
    assert office.ask("GET", f"/{first}", "west").status_code == 404
    assert office.ask("POST", f"/{first}/undo", "west", json={}).status_code == 404
    assert office.ask("POST", f"/{second}/undo", json={}).status_code == 403
    assert office.names() == ["东医院", "西医院"]
    assert office.ask("POST", f"/{second}/undo", "west", json={}).status_code == 200
    assert office.ask("POST", f"/{first}/undo", "admin", json={}).status_code == 200
    assert office.names() == []


def test_what_depends_on_an_import_is_named(office, tmp_path):
    """A later change stands in the way (409, with who and what); a confirmation has to be asked for."""
    number = office.imported([HEADER, GOOD_ROW], tmp_path)["import_id"]
    item = "/api/collections/facilities/items/1"
    tag = office.client.get(item).headers["etag"]
    assert office.client.post(f"{item}/confirm", headers={**office.who["admin"], "If-Match": tag}).status_code == 200
    answer = office.ask("POST", f"/{number}/undo", json={})
    assert (answer.status_code, [each["kind"] for each in answer.json()["later"]]) == (409, ["confirm"])
    tag = office.client.get(item).headers["etag"]
    changed = office.client.patch(item, headers={**office.who["admin"], "If-Match": tag}, json={"properties": {"note": "改"}})
    assert changed.status_code == 200
    answer = office.ask("POST", f"/{number}/undo", json={"confirmed_too": True})
    told = answer.json()["later"]
    assert (answer.status_code, {(each["facility_id"], each["author"]) for each in told}) == (409, {(1, "admin-all")})
    assert office.ask("GET", f"/{number}").json()["not_undoable"] == "later"
    assert office.names() == ["县人民医院"]


def bomb():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (300 << 20))
    return target.getvalue()


@pytest.mark.parametrize(("name", "data", "status", "word"), [
    ("a.exe", b"MZ", 422, "type that is not read here"),
    ("a.csv", b"", 422, "empty"),
    ("a.xlsx", b"\x89PNG\r\n\x1a\n" + b"0" * 99, 422, "picture"),
    ("a.xlsx", b"name,class\n", 422, "no .xlsx workbook inside"),
    ("a.csv", b"PK\x03\x04" + b"0" * 99, 422, "zip archive"),
    ("bomb.xlsx", bomb(), 422, "once unpacked"),
    ("a.csv", b"name\n\xff\xfe\x81\xff", 422, ""),
    ("a.geojson", b"{}", 422, ""),
    ("a.csv", b"x" * (2 << 20), 413, "at most 2 MB"),
    ("a.csv", b"name,class_code\n" + b"a,D600\n" * 100_001, 413, "100,001 rows; at most 100,000"),
], ids=["program", "empty", "picture", "no workbook", "zip as csv", "bomb", "no text", "no map", "large", "many rows"])
def test_what_is_no_table_is_refused_and_nothing_is_kept(office, settings, name, data, status, word):
    """The answer says what came; the workspace holds nothing of it."""
    with TestClient(create_app(Settings(workspace=settings.workspace, max_file_mb=1)), raise_server_exceptions=False) as client:
        answer = client.post(API, headers=office.who["editor"], files={"file": (name, data)})
    assert (answer.status_code, word in answer.json()["detail"]) == (status, True), answer.text
    assert not office.store.uploads.exists() or list(office.store.uploads.iterdir()) == []


@pytest.mark.parametrize("sent", [
    {"data": {"file": "a text"}}, {"data": {}}, {"json": {"file": "x"}}, {"content": b"a,b\n", "headers": {"content-type": "text/csv"}},
    {"files": {"other": ("a.csv", b"x")}}, {"files": {"file": ("", b"x")}},
], ids=["text", "nothing", "json", "raw", "other name", "no name"])
def test_a_request_without_a_file_says_what_was_expected(office, sent):
    answer = office.client.post(API, **{**sent, "headers": {**office.who["editor"], **sent.get("headers", {})}})
    assert (answer.status_code, "multipart/form-data" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(("name", "kept"), [
    ("../../x.csv", "x.csv"), ("C:\\temp\\x.csv", "x.csv"), ("<script>alert(1)</script>.csv", "script.csv"), ("名" * 300 + ".csv", "名" * 60 + ".csv"),
])
def test_a_file_name_is_only_a_name(office, tmp_path, name, kept):
    """Whatever the name would be as a path, the file lies in the folder of uploads."""
    answer = office.send(write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW]).read_bytes(), name)
    assert (answer.status_code, answer.json()["upload"]["file_name"]) == (201, kept)
    assert {each.parent for each in office.store.uploads.iterdir()} == {office.store.uploads}


def test_a_table_of_many_columns_and_formulas_is_only_text(office, tmp_path):
    """500 columns, a header of 5,000 letters, cells that are formulas: read as they stand, taken or refused, never run."""
    header = [*HEADER, "备注", "长" * 5_000, *(f"列{each}" for each in range(500))]
    number = office.sent([header, ["=1+1", *GOOD_ROW[1:], "=cmd|' /C calc'!A0"]], tmp_path)
    said = office.tried(number)
    assert said["new"] == 1
    office.ask("POST", f"/uploads/{number}/commit", json={"preview": said["preview"]})
    assert office.names() == ["=1+1"]


@pytest.mark.parametrize("body", [
    {"datum": "GPS"}, {"mapping": {"name": "no_field"}}, {"mapping": {"a": "name", "b": "name"}}, {"mapping": {"no such header": "name"}},
    {"source_types": {"村所": "Q999"}}, {"default_class": "Q999"}, {"answers": {"2": "other"}}, {"answers": {"2": 77}}, {"answers": {"99": "new"}},
    {"unknown": 1}, {"layer": "no such sheet"}, {"mapping": "x"},
])
def test_what_cannot_be_asked_is_refused(office, tmp_path, body):
    number = office.sent([HEADER, GOOD_ROW], tmp_path)
    answer = office.ask("POST", f"/uploads/{number}/preview", json=body)
    if body == {"layer": "no such sheet"}:  # a text has no sheets
        assert answer.status_code in (200, 422)
    else:
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["detail"]


def test_only_what_was_looked_at_is_imported(office, tmp_path):
    """An older preview, none, or a registry that changed: refused, nothing stored."""
    number = office.sent([HEADER, GOOD_ROW], tmp_path)
    assert office.ask("POST", f"/uploads/{number}/commit", json={"preview": "x"}).status_code == 422
    first = office.tried(number)["preview"]
    second = office.tried(number, default_class="D200")["preview"]
    assert office.ask("POST", f"/uploads/{number}/commit", json={"preview": first}).status_code == 412
    office.imported([HEADER, GOOD_ROW], tmp_path, "admin")
    assert office.ask("POST", f"/uploads/{number}/commit", json={"preview": second}).status_code == 412
    third = office.tried(number)
    assert (third["unchanged"], third["new"]) == (1, 0)
    done = office.ask("POST", f"/uploads/{number}/commit", json={"preview": third["preview"]})
    assert (done.status_code, done.json()["import_id"]) == (201, None)


def test_several_files_may_wait_but_not_any_number(office, tmp_path):
    """Each is found again; the one too many is refused."""
    numbers = [office.sent([HEADER, GOOD_ROW], tmp_path) for _ in range(staging.MOST_WAITING)]
    assert {each["id"] for each in office.ask("GET", "/uploads").json()["uploads"]} == set(numbers)
    answer = office.send(b"name\nx\n")
    assert (answer.status_code, "wait to be imported already" in answer.json()["detail"]) == (422, True)
    assert office.send(write_csv(tmp_path / "b.csv", [HEADER, GOOD_ROW]).read_bytes(), who="admin").status_code == 201


def test_the_list_is_read_page_by_page(office, tmp_path):
    for number in range(3):
        office.imported([HEADER, [f"医院{number}", "A100", f"126.8{number}", "42.35", "WGS84"]], tmp_path)
    first = office.ask("GET", "?limit=2").json()
    following = next(each["href"] for each in first["links"] if each["rel"] == "next")
    second = office.client.get(following, headers=office.who["editor"]).json()
    assert [each["id"] for each in first["imports"] + second["imports"]] == [3, 2, 1]
    assert [each["rel"] for each in second["links"]] == ["self"]
    assert office.ask("GET", "?cursor=x").status_code == 400
