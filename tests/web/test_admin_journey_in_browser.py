"""The whole way of a facility admin, from an empty folder: first start, a GBK file with bad rows, a pin, a conflict, an undo, the history."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from api.own_server import served
from people import BY, GOOD_PASSWORD
from playwright.sync_api import Browser, Page, expect
from registry.made_files import COUNTY, TOWNSHIP_W, write_xlsx
from web.browser_guard import Guard, guarded

from geosvc.registry import areas
from geosvc.settings import Settings
from geosvc.workflows.workspace import init_workspace

HEADERS = ["机构名称", "机构类别", "经度", "纬度", "床位", "机构编码"]
GOOD = [["西山卫生院", "卫生院", "126.85", "42.35", "30", "0012"], ["东岗诊所", "诊所", "126.86", "42.36", "", "0013"]]
BAD = [["", "诊所", "126.87", "42.36", "", "0014"], ["缺纬度诊所", "诊所", "126.87", "", "", "0015"], ["汉字床位", "诊所", "126.88", "42.36", "三张", "0016"]]


@dataclass
class Office:
    """A server as it is started the first time, and the browsers of two people."""

    first: Page
    second: Page
    folder: Path
    guards: list[Guard]

    def started(self) -> str:
        """Return what the server printed when it was started."""
        return (self.folder / "server" / "server.log").read_text("utf-8")


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("journey")
    store = init_workspace(Settings(workspace=folder / "workspace"))
    with store.writing() as session:
        areas.save(session, areas.Area(code="990001", name="县", level="county", geometry=COUNTY), **BY)
        areas.save(session, areas.Area(code="990001100", name="西镇", level="township", parent_code="990001", geometry=TOWNSHIP_W), **BY)
    store.close()
    with ExitStack() as stack:
        address = stack.enter_context(served(folder / "workspace", folder / "server"))
        pages, guards = [], []
        for _each in range(2):
            page, guard = stack.enter_context(guarded(browser, address, viewport={"width": 1280, "height": 720}))
            pages.append(page)
            guards.append(guard)
        yield Office(*pages, folder, guards)


def test_the_whole_way_of_a_facility_admin(office: Office):
    """Each step leads to the next; at its end the history tells all of it, and the undone rows are gone."""
    _first_start(office)
    _import_with_three_bad_rows(office)
    _correct_the_returned_workbook(office)
    _let_a_colleague_in(office)
    _move_the_pin_while_the_colleague_looks(office)
    _undo_the_second_import(office)
    _read_the_history(office)
    assert office.guards[0].foreign == office.guards[1].foreign == []


def _first_start(office: Office) -> None:
    link = re.search(r"/welcome/[\w-]+", office.started()).group(0)
    page = office.first
    page.goto(f"{link}?lang=zh")
    page.fill("#name", "王主任")
    page.fill("#password", GOOD_PASSWORD)
    page.fill("#again", GOOD_PASSWORD)
    page.get_by_role("button", name="保存并登录").click()
    expect(page.locator(".who")).to_have_text("王主任")


def _send(page: Page, file: Path) -> None:
    page.goto("/imports/new")
    page.set_input_files("#file", file)
    page.get_by_role("button", name="下一步：核对列").click()
    page.locator("[name=datum][value=WGS84]").check()
    page.get_by_role("button", name="下一步：检查").last.click()
    expect(page.locator("h1")).to_have_text("检查结果")


def _import_with_three_bad_rows(office: Office) -> None:
    page = office.first
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADERS, *GOOD, *BAD])
    (office.folder / "名单.csv").write_bytes(text.getvalue().encode("gbk"))
    _send(page, office.folder / "名单.csv")
    expect(page.locator(".import-tiles .bad dd")).to_have_text("3")
    page.get_by_role("button", name="导入：新增 2 个").click()
    expect(page.locator(".verdict")).to_have_text("已导入：新增 2 个，修改 0 个机构。")


def _correct_the_returned_workbook(office: Office) -> None:
    page = office.first
    _send(page, write_xlsx(office.folder / "名单.xlsx", [HEADERS, *GOOD, *BAD]))
    with page.expect_download() as coming:
        page.get_by_role("link", name="下载未导入的行").click()
    corrected = office.folder / "改好.xlsx"
    coming.value.save_as(corrected)
    book = openpyxl.load_workbook(corrected)
    sheet = book.active
    sheet["A2"], sheet["D3"], sheet["E4"] = "无名诊所", "42.36", "3"
    book.save(corrected)
    _send(page, corrected)
    page.get_by_role("button", name="导入：新增 3 个").click()
    page.goto("/facilities")
    expect(page.locator("tbody tr")).to_have_count(5)


def _let_a_colleague_in(office: Office) -> None:
    page, other = office.first, office.second
    page.goto("/accounts")
    page.fill("#name", "李梅")
    page.select_option("#role", "editor")
    page.get_by_role("button", name="建立账号并生成链接").click()
    other.goto(re.search(r"/welcome/\S+", page.locator("code.secret").inner_text()).group(0) + "?lang=zh")
    other.fill("#password", GOOD_PASSWORD)
    other.fill("#again", GOOD_PASSWORD)
    other.get_by_role("button", name="保存并登录").click()
    expect(other.locator(".who")).to_have_text("李梅")


def _move_the_pin_while_the_colleague_looks(office: Office) -> None:
    page, other = office.first, office.second
    for each in (page, other):
        each.goto("/facilities/1/edit")
        each.locator("form[data-map=ready]").wait_for()
    before = page.input_value("#x")
    pin = page.locator(".pin")
    pin.scroll_into_view_if_needed()
    box = pin.bounding_box()
    page.mouse.move(box["x"] + 11, box["y"] + 11)
    page.mouse.down()
    page.mouse.move(box["x"] + 71, box["y"] - 29, steps=5)
    page.mouse.up()
    assert page.input_value("#x") != before
    page.fill("#reason", "实地核对")
    _save(page)
    other.fill("#x", "126.83")
    other.fill("#address", "新街 2 号")
    other.click("#save")
    expect(other.locator("h1")).to_have_text("别人先保存了，请逐项选择")
    expect(other.locator(".others")).to_contain_text("王主任")
    other.locator("tr.both input[value=theirs]").first.check()
    other.get_by_role("button", name="按所选保存").click()
    expect(other.locator(".verdict")).to_have_text("已保存")


def _save(page: Page) -> None:
    """Save; where something looks wrong, say that it was looked at."""
    page.click("#save")
    again = page.get_by_role("button", name="仍然保存")
    expect(again.or_(page.locator(".verdict")).first).to_be_visible()
    if again.count():
        again.click()
    expect(page.locator(".verdict")).to_have_text("已保存")


def _undo_the_second_import(office: Office) -> None:
    page = office.first
    page.goto("/imports")
    row = page.locator("tr", has=page.locator("a[href='/imports/2']"))
    row.locator("summary").click()
    row.get_by_label("原因").fill("试导入")
    row.get_by_role("button", name="撤销这次导入").click()
    expect(page.locator(".verdict")).to_have_text("已撤销，登记册和导入前一样。")
    page.goto("/facilities")
    expect(page.locator("tbody tr")).to_have_count(2)


def _read_the_history(office: Office) -> None:
    page = office.first
    page.goto("/facilities/1")
    history = page.locator(".history > li")
    expect(history).to_have_count(3)
    for said in ("王主任", "李梅", "实地核对", "新街 2 号"):
        expect(page.locator(".history")).to_contain_text(said)
    page.goto("/imports/1")
    expect(page.locator("main")).to_contain_text("西山卫生院")
