"""For everybody: enlarged, without a mouse, by ear, and on paper."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from web.browser_guard import painted_pixels, wait_for_map

from geosvc.store.engine import Store
from geosvc.workflows import publishing

HAN = re.compile(r"[\u3400-\u9fff]")
TARGETS = """() => {
  const small = [];
  for (const node of document.querySelectorAll('a, button, select, input:not([type=hidden]), summary, [role=button]')) {
    const box = node.getBoundingClientRect();
    if (box.width === 0 || node.classList.contains('skip') || node.closest('.leaflet-gaps-pane')) { continue; }
    if (box.width < 24 || box.height < 24) { small.push([node.textContent.trim().slice(0, 20), box.width, box.height]); }
  }
  return small;
}"""


def overlap(page: Page, one: str, other: str) -> bool:
    """Return whether two visible elements cover each other."""
    a, b = page.locator(one).bounding_box(), page.locator(other).bounding_box()
    assert a is not None
    assert b is not None
    return (a["x"] < b["x"] + b["width"] and b["x"] < a["x"] + a["width"]
            and a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"])


@pytest.mark.parametrize(("width", "height"), [(640, 360), (640, 800), (390, 844), (1024, 768), (1440, 900)])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.slow
def test_no_card_covers_the_zoom_buttons(open_page, demo_server: str, width: int, height: int, language: str):
    """At 200 % zoom (640 px), on a phone and on a screen, legend and credits leave the zoom buttons free."""
    page = open_page(demo_server, f"/?lang={language}", viewport={"width": width, "height": height})
    wait_for_map(page)
    assert not overlap(page, "#gm-legend", ".leaflet-control-zoom")
    assert not overlap(page, "#gm-legend", ".leaflet-control-attribution")
    assert not overlap(page, ".leaflet-control-scale", ".leaflet-control-attribution")
    expect(page.locator("#gm-legend summary")).to_be_visible()


def test_a_folded_legend_opens(open_page, demo_server: str):
    """Where there is little room the legend is one button; it opens by keyboard and counts as ever."""
    page = open_page(demo_server, "/", viewport={"width": 640, "height": 360})
    wait_for_map(page)
    expect(page.locator("#gm-legend .gm-row").first).to_be_hidden()
    page.locator("#gm-legend summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#gm-legend").get_by_text("待定位机构")).to_be_attached()
    expect(page.locator("#gm-legend .gm-row").first).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/?service=basic-radius", "/coverage", "/gaps", "/facilities", "/about"])
@pytest.mark.slow
def test_what_can_be_hit_is_large_enough(open_page, demo_server: str, path: str):
    """Links, buttons, fields and facilities are at least 24 by 24 px (WCAG 2.5.8)."""
    page = open_page(demo_server, path)
    if page.locator(".leaflet-container").count():
        wait_for_map(page)
    assert page.evaluate(TARGETS) == []


def test_facilities_and_gaps_have_names(open_page, demo_server: str):
    """Who hears the page is told each facility and each gap with its people, grouped under a heading."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    names = page.locator(".leaflet-facilities-pane [role=button]").evaluate_all("all => all.map(n => n.getAttribute('aria-label'))")
    assert any("靖宇县人民医院" in name for name in names)
    gaps = page.locator(".leaflet-gaps-pane [role=button]").evaluate_all("all => all.map(n => n.getAttribute('aria-label'))")
    assert re.search(r"服务缺口 1 · 靖宇县：33,268 人", gaps[0])
    for pane in ("facilities", "gaps"):
        assert page.locator(f".leaflet-{pane}-pane").get_attribute("aria-label")


def test_a_facility_is_opened_by_keyboard(open_page, demo_server: str):
    """One tab stop for all facilities: arrows move, Enter opens, Escape closes and gives the focus back."""
    page = open_page(demo_server, "/?service=basic-radius")
    wait_for_map(page)
    markers = page.locator(".leaflet-facilities-pane [role=button]")
    assert markers.count() > 3
    assert page.locator(".leaflet-facilities-pane [tabindex='0']").count() == 1
    markers.first.focus()
    page.keyboard.press("ArrowRight")
    expect(markers.nth(1)).to_be_focused()
    name = markers.nth(1).get_attribute("aria-label")
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup")
    expect(popup).to_be_focused()
    expect(popup).to_have_attribute("role", "dialog")
    assert str(name).split(", ")[0] in popup.inner_text()
    expect(popup.locator(".leaflet-popup-close-button")).to_have_attribute("aria-label", "关闭")
    page.keyboard.press("Escape")
    expect(popup).to_have_count(0)
    expect(markers.nth(1)).to_be_focused()


def test_a_gap_opened_by_keyboard_counts_what_it_does_not_list(open_page, demo_server: str):
    """The popup of a gap with many villages ends with how many there are and how many people are not listed."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    page.locator(".leaflet-gaps-pane [role=button]").first.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup")
    expect(popup.locator("li")).to_have_count(8)
    expect(popup).to_contain_text(re.compile(r"等 81 个，未列出的共 [\d,]+ 人"))


def test_the_buttons_of_the_map_speak_chinese(open_page, demo_server: str):
    """On the Chinese page the zoom buttons have Chinese names."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    expect(page.locator(".leaflet-control-zoom-in")).to_have_attribute("aria-label", "放大")


@pytest.mark.parametrize(("service", "empty", "reading"), [
    ("basic-radius", "直线距离", r"直线距离 ≤ \d+(\.\d)? 公里"), ("hospital-drive", "用时", r"用时 ≤ [\d,]+ 分钟"),
])
@pytest.mark.slow
def test_pointing_tells_distance_where_distance_is_meant(open_page, demo_server: str, service: str, empty: str, reading: str):
    """A straight-line service speaks of distance in km, a travel service of time in minutes."""
    page = open_page(demo_server, f"/?service={service}")
    wait_for_map(page)
    card = page.locator(".gm-readout")
    expect(card).to_contain_text(empty)
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.55, steps=4)
    expect(card).to_have_text(re.compile(reading))


def test_no_limit_is_hatched_until_one_is_chosen(open_page, demo_server: str):
    """Limits for different people: the map first shows distance only; a chosen limit is hatched and named in the legend."""
    page = open_page(demo_server, "/?service=basic-radius")
    wait_for_map(page)
    assert painted_pixels(page) > 5_000
    assert page.locator(".leaflet-container path.gm-gap").count() == 0
    expect(page.locator("#gm-legend")).not_to_contain_text("缺口")
    expect(page.locator(".big")).to_have_count(0)
    tiles = page.locator(".equals a")
    expect(tiles).to_have_count(3)
    tiles.nth(1).click()
    page.wait_for_url("**threshold=10km*")
    wait_for_map(page)
    assert page.locator(".leaflet-container path.gm-gap").count() > 0
    expect(page.locator("#gm-legend")).to_contain_text("超出 10 公里（乡村）")
    expect(page.locator(".big")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/coverage", "/gaps", "/facilities", "/about"])
def test_chinese_on_an_english_page_is_marked(open_page, demo_server: str, path: str):
    """Names and sources that are only known in Chinese carry their language, so that they are read aloud rightly."""
    page = open_page(demo_server, f"{path}?lang=en")
    if path == "/":
        wait_for_map(page)
    unmarked = page.evaluate("""() => {
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const found = [];
      while (walk.nextNode()) {
        const node = walk.currentNode;
        if (/[\\u3400-\\u9fff]/.test(node.data) && !node.parentElement.closest('[lang^=zh], script')) { found.push(node.data.trim()); }
      }
      return found;
    }""")
    assert unmarked == []
    assert HAN.search(page.locator("body").inner_text())


def print_state(page: Page) -> tuple[int, float]:
    """Return (folded boxes, width of the map in mm)."""
    folded = page.locator("details:not([open])").count()
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    return folded, box["width"] / 96 * 25.4


def test_the_page_on_paper(open_page, demo_server: str):
    """For printing everything unfolds and the map takes the sheet's size; afterwards all is as it was."""
    page = open_page(demo_server, "/", viewport={"width": 640, "height": 360})
    wait_for_map(page)
    page.locator(".notes summary").click()
    before = print_state(page)
    assert before[0] >= 2
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    folded, width = print_state(page)
    assert folded == 0
    assert width == pytest.approx(193, abs=1)
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert print_state(page) == pytest.approx(before)


def test_the_file_on_paper(open_page, demo_file: Path):
    """The single file prints on one A4 sheet with its notes, its sources and the whole county."""
    page = open_page(demo_file.as_uri(), viewport={"width": 640, "height": 480})
    wait_for_map(page)
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert print_state(page)[0] == 0
    expect(page.locator("#gm-title")).to_contain_text("道路为示意数据，非实测")
    expect(page.locator("#gm-title .gm-facts")).to_contain_text("108,478 人（常住，2020 年，普查）")
    county = page.locator(".leaflet-boundary-pane path").bounding_box()
    sheet = page.locator(".folium-map").bounding_box()
    assert county is not None
    assert sheet is not None
    assert county["x"] >= sheet["x"]
    assert county["x"] + county["width"] <= sheet["x"] + sheet["width"]
    assert county["y"] + county["height"] <= sheet["y"] + sheet["height"]
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1
    page.emulate_media(media="print")
    expect(page.locator("#gm-title .gm-notes")).to_be_visible()


def test_the_longest_title_block_fits_on_the_sheet(open_page, demo_store: Store, tmp_path: Path):
    """In English, with three limits and all their sources, the title block ends above the edge of the paper."""
    target = publishing.write_map(demo_store, "basic-radius", tmp_path / "map.html", language="en")
    page = open_page(target.as_uri(), viewport={"width": 1440, "height": 900})
    wait_for_map(page)
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    title, sheet = page.locator("#gm-title").bounding_box(), page.locator(".folium-map").bounding_box()
    assert title is not None
    assert sheet is not None
    assert title["y"] + title["height"] <= sheet["y"] + sheet["height"]
    assert not overlap(page, "#gm-title", "#gm-legend")


def test_the_file_on_a_phone_shows_the_county(open_page, demo_file: Path):
    """On a phone the title block leaves the county in sight, and scrolls in itself."""
    page = open_page(demo_file.as_uri(), viewport={"width": 390, "height": 844})
    wait_for_map(page)
    assert not overlap(page, "#gm-title", ".leaflet-boundary-pane path")
    assert not overlap(page, "#gm-title", ".leaflet-control-zoom")


def test_the_file_shows_its_notes(open_page, demo_file: Path):
    """On a screen the notes of the single file stand open."""
    page = open_page(demo_file.as_uri(), viewport={"width": 1440, "height": 900})
    wait_for_map(page)
    expect(page.get_by_text("道路为示意数据，非实测")).to_be_visible()
