"""A clerk imports in a real browser: a GBK file with three bad rows, the rows corrected in their own workbook, and all of it undone."""

from __future__ import annotations

import csv
import io
import json
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

from geosvc.registry import areas, facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows import people
from geosvc.workflows.workspace import init_workspace

HEADERS = ["医疗点", "类型", "东经", "北纬", "编制床位", "登记编号"]
ROWS = [
    ["西山卫生院", "卫生院", "126.85", "42.35", "30", "0012"], ["<img src=x onerror=alert(1)>", "村所", "126.86", "42.36", "", "0013"],
    ["", "诊所", "126.87", "42.36", "", "0014"], ["缺纬度诊所", "诊所", "126.87", "", "", "0015"], ["汉字床位", "诊所", "126.88", "42.36", "三张", "0016"],
]
# Each test goes on where the one before it stopped.
ONE_STORY = True


@dataclass
class Office:
    page: Page
    guard: Guard
    folder: Path

    def export(self) -> bytes:
        """Return the export as the same browser gets it."""
        return self.page.request.get("/api/collections/facilities/export").body()

    def send(self, file: Path) -> None:
        self.page.goto("/imports/new?lang=zh")
        self.page.set_input_files("#file", file)
        self.page.get_by_role("button", name="下一步：核对列").click()
        expect(self.page.locator("h1")).to_have_text("核对每一列是什么")

    def check(self) -> None:
        self.page.get_by_role("button", name="下一步：检查").last.click()
        expect(self.page.locator("h1")).to_have_text("检查结果")


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("importing")
    store = init_workspace(Settings(workspace=folder / "workspace"))
    with store.writing() as session:
        areas.save(session, areas.Area(code="990001", name="县", level="county", geometry=COUNTY), **BY)
        areas.save(session, areas.Area(code="990001100", name="西镇", level="township", parent_code="990001", geometry=TOWNSHIP_W), **BY)
        facilities.save(session, Facility(name="老医院", class_code="A100", lon=126.9, lat=42.32, position_method="surveyed"), facility_id=None, **BY)
    _account, link = people.create_account(store, "李梅", role="editor", areas=None, **BY)
    people.use_link(store, link.rsplit("/", 1)[-1], GOOD_PASSWORD, name=None, hours=1)
    store.close()
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADERS, *ROWS])
    (folder / "名单.csv").write_bytes(text.getvalue().encode("gb18030"))
    with ExitStack() as stack:
        address = stack.enter_context(served(folder / "workspace", folder / "server"))
        page, guard = stack.enter_context(guarded(browser, address, viewport={"width": 1280, "height": 720}))
        page.goto("/sign-in?lang=zh")
        page.fill("#name", "李梅")
        page.fill("#password", GOOD_PASSWORD)
        page.click("main button")
        yield Office(page, guard, folder)


def test_a_gbk_file_with_three_bad_rows(office: Office):
    """Mapping, datum, dry run, the good ones in; the others corrected in the downloaded table and in; both undone: the export is as before."""
    before = office.export()
    _import_the_good_rows(office)
    assert office.export() != before
    _import_the_corrected_rows(office)
    assert all(each in office.export().decode("utf-8-sig") for each in ("无名诊所", "缺纬度诊所", "汉字床位", "0014"))
    for number in (2, 1):
        _undo(office.page, number)
    assert office.export() == before


def _import_the_good_rows(office: Office) -> None:
    page = office.page
    office.send(office.folder / "名单.csv")
    page.get_by_label("医疗点").select_option(label="机构名称")
    page.get_by_label("登记编号").select_option(label="机构编码")
    assert page.locator("[name=datum]:checked").count() == 0
    page.get_by_label("GCJ-02").check()
    office.check()
    expect(page.locator(".import-tiles .new dd")).to_have_text("2")
    expect(page.locator(".import-tiles .bad dd")).to_have_text("3")
    assert page.locator("img").count() == 0
    points = page.locator(".import-map .new-points").bounding_box()
    frame = page.locator(".import-map .outlines").bounding_box()
    assert points and frame and frame["x"] < points["x"] < frame["x"] + frame["width"]
    page.go_back()
    expect(page.get_by_label("医疗点")).to_have_value("name")
    expect(page.get_by_label("GCJ-02")).to_be_checked()
    office.check()
    page.get_by_label("村所").fill("D600 村卫生室")
    page.get_by_role("button", name="重新检查").last.click()
    expect(page.get_by_label("村所")).to_have_value("D600 村卫生室")
    page.get_by_role("button", name="导入：新增 2 个").click()
    expect(page.locator(".verdict")).to_have_text("已导入：新增 2 个，修改 0 个机构。")
    with page.expect_download() as coming:
        page.get_by_role("link", name="下载未导入的行").click()
    rows = list(csv.reader(io.StringIO(Path(coming.value.path()).read_text("utf-8-sig"))))
    assert [row[:6] for row in rows] == [HEADERS, *ROWS[2:]]


def _import_the_corrected_rows(office: Office) -> None:
    """Send the same as a workbook: the rows that are there do not change, the faulty ones come back marked and are corrected."""
    page = office.page
    office.send(write_xlsx(office.folder / "名单.xlsx", [HEADERS, *ROWS]))
    expect(page.locator(".verdict")).to_contain_text("由 李梅 导入过")
    expect(page.get_by_label("医疗点")).to_have_value("name")
    assert page.locator("[name=datum]:checked").count() == 0
    page.get_by_label("GCJ-02").check()
    office.check()
    expect(page.locator(".import-tiles")).to_contain_text("没有变化2")
    with page.expect_download() as coming:
        page.get_by_role("link", name="下载未导入的行").click()
    corrected = office.folder / coming.value.suggested_filename
    coming.value.save_as(corrected)
    book = openpyxl.load_workbook(corrected)
    sheet = book.active
    assert [sheet.cell(row, column).fill.start_color.rgb for row, column in ((2, 1), (3, 4), (4, 5))] == ["FFFFC7CE"] * 3
    assert (sheet["F2"].value, "机构名称是空的" in sheet["G2"].value) == ("0014", True)
    sheet["A2"], sheet["D3"], sheet["E4"] = "无名诊所", "42.36", "3"
    book.save(corrected)
    office.send(corrected)
    page.get_by_label("GCJ-02").check()
    office.check()
    page.get_by_role("button", name="导入：新增 3 个").click()
    expect(page.locator(".verdict")).to_have_text("已导入：新增 3 个，修改 0 个机构。")


def _undo(page: Page, number: int) -> None:
    page.goto("/imports")
    row = page.locator("tr", has=page.locator(f"a[href='/imports/{number}']"))
    row.locator("summary").click()
    row.get_by_label("原因").fill("试导入")
    row.get_by_role("button", name="撤销这次导入").click()
    expect(page.locator(".verdict")).to_have_text("已撤销，登记册和导入前一样。")


def test_a_dropped_file_and_one_that_is_too_large(office: Office):
    """A file dropped into the frame is chosen; one that is too large is refused before it is sent."""
    page = office.page
    page.goto("/imports/new?lang=zh")
    drop = """(name) => {
      const told = new DataTransfer(); told.items.add(new File(['单位名称,类型\\n'], name));
      document.querySelector('[data-drop]').dispatchEvent(new DragEvent('drop', {dataTransfer: told, bubbles: true, cancelable: true}));
      return document.querySelector('#file').files[0].name; }"""
    assert page.evaluate(drop, "拖来的.csv") == "拖来的.csv"
    expect(page.locator(".drop-said")).to_be_hidden()
    page.evaluate("document.querySelector('[data-drop]').dataset.mostMb = '0.000001'")
    page.evaluate(drop, "<b>大.csv")
    expect(page.locator(".drop-said")).to_contain_text("<b>大.csv 太大")
    page.get_by_role("button", name="下一步：核对列").click()
    assert page.url.endswith("/imports/new?lang=zh")


def test_a_long_check_says_that_it_is_going_on(office: Office):
    """Between pressing the button and the answer stands a sentence, and a second press sends nothing."""
    page = office.page
    office.send(office.folder / "名单.csv")
    page.get_by_label("GCJ-02").check()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    held = page.evaluate("""() => { const form = document.querySelector('form.import-columns'), button = form.querySelector('.save-bar button');
      let sends = 0; form.addEventListener('submit', (event) => { if (!event.defaultPrevented) { sends += 1; } event.preventDefault(); });
      button.click(); button.click();
      return [sends, form.querySelector('.busy').hidden, form.querySelector('.busy').textContent, form.getAttribute('aria-busy')]; }""")
    assert held[:2] == [1, False]
    assert held[2].startswith("正在检查…")
    assert held[3] == "true"
    assert sent == []


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (820, 1180)])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.slow
def test_every_step_fits_its_screen(office: Office, width: int, height: int, language: str):
    """Nothing lies beside the page, everything can be hit, and every field has a name."""
    page = office.page
    if page.request.get("/imports/1").status == 404:  # told without the story's beginning
        _import_the_good_rows(office)
    page.set_viewport_size({"width": width, "height": height})
    office.send(office.folder / "名单.csv")
    upload = re.search(r"/imports/uploads/[\w-]+", page.url).group()
    page.get_by_label("GCJ-02").check()
    office.check()
    for path in ("/imports", "/imports/new", upload, f"{upload}/check", "/imports/1"):
        page.goto(f"{path}?lang={language}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        small = page.evaluate("""() => [...document.querySelectorAll('main a, main button, main select, main summary, main input:not([type=hidden]):not([type=radio]):not([type=checkbox])')]
            .filter(n => !n.classList.contains('hidden') && n.checkVisibility()).map(n => [n.outerHTML.slice(0, 80), n.getBoundingClientRect()]).filter(([_, b]) => b.width && (b.width < 24 || b.height < 23.5)).map(([t]) => t)""")
        assert small == [], (path, json.dumps(small, ensure_ascii=False))
        nameless = page.evaluate("""() => [...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]
            .filter(n => !(n.labels && n.labels.length) && !n.getAttribute('aria-label')).map(n => n.name)""")
        assert nameless == [], path
    page.goto("/imports?lang=zh")
    page.locator(f"form[action='{upload}/discard'] button").click()
    expect(page.locator(".verdict")).to_have_text("已放弃这个文件。")


def test_nothing_left_the_server(office: Office):
    """No page asked for anything foreign, and nothing complained."""
    office.guard.check()
