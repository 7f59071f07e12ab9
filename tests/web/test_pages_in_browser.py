"""The pages as a planner meets them, in a real browser that reaches nothing but their own server."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from web.browser_guard import painted_pixels, wait_for_map

CJK = re.compile(r"[\u2e80-\u2fdf\u3000-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]")
PAGES = ("/", "/gaps", "/facilities", "/about")
SIZES = [(1280, 720), (1920, 1080), (768, 1024)]


def test_the_first_page_shows_the_map(open_page, demo_server: str):
    """The first page draws the surface of travel time, the outline, the gaps and the facilities."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    assert painted_pixels(page) > 5_000
    expect(page.locator("canvas").first).to_be_visible()
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    assert box["width"] > 100
    assert box["height"] > 100
    expect(page.locator("h1")).to_contain_text("医院")


def test_the_legend_counts(open_page, demo_server: str):
    """The legend is in view, and counts gaps, unreachable people and the facilities to be located."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    legend = page.locator("#gm-legend")
    expect(legend).to_be_visible()
    expect(legend).to_be_in_viewport(ratio=0.5)
    expect(legend).to_contain_text("待定位")
    expect(legend).to_contain_text("缺口")
    expect(legend).to_contain_text(re.compile("无法到达|不可达"))
    assert re.search(r"待定位\D{0,40}4", legend.inner_text())


def test_gaps_are_hatched(open_page, demo_server: str):
    """Gaps carry a hatch, not only a colour, so that they are seen in black and white; the legend shows it."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    assert page.locator("svg pattern").count() >= 1
    hatch = page.locator("svg pattern").first.get_attribute("id")
    gaps = page.request.get(f"{demo_server}/api/collections/gaps/items").json()["numberMatched"]
    drawn = page.locator(f'.leaflet-container path[fill="url(#{hatch})"]')
    assert drawn.count() == gaps > 0
    expect(drawn.first).to_be_visible()
    assert page.locator(f'#gm-legend [fill="url(#{hatch})"]').count() >= 1


def test_choosing_a_service_changes_the_map(open_page, demo_server: str):
    """Picking another service in the list asks at once: address, heading, unit and map change."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    expect(page.locator("#service")).to_have_value("hospital-drive")
    before = page.locator("#gm-legend").inner_text()
    page.locator("#service").select_option("basic-radius")
    page.wait_for_url("**service=basic-radius*")
    wait_for_map(page)
    expect(page.locator("#service")).to_have_value("basic-radius")
    expect(page.locator("h1")).to_contain_text("服务半径")
    expect(page.locator("#gm-legend")).to_contain_text("公里")
    assert page.locator("#gm-legend").inner_text() != before
    assert painted_pixels(page) > 5_000


def test_choosing_a_limit_changes_the_map(open_page, demo_server: str):
    """The other limit of a service is one click away and covers more people."""
    page = open_page(demo_server, "/?service=hospital-drive&threshold=30min")
    wait_for_map(page)
    page.locator('a[href*="threshold=60min"]').first.click()
    page.wait_for_url("**threshold=60min*")
    wait_for_map(page)
    expect(page.locator("#gm-legend")).to_contain_text("60")


def test_a_service_that_is_not_computable_says_so(open_page, demo_server: str):
    """Village clinics were not imported: the page says not computable and shows neither map nor 0 %."""
    page = open_page(demo_server, "/?service=village-clinic-walk")
    expect(page.get_by_text("不可计算").first).to_be_attached()
    assert page.locator("canvas").count() == 0
    assert "0 %" not in page.locator("main").inner_text()


def test_the_page_says_that_data_is_schematic(open_page, demo_server: str):
    """Nobody can look at the demo's map or gaps without reading that the data is schematic."""
    page = open_page(demo_server, "/")
    for path in ("/", "/gaps"):
        page.goto(demo_server + path)
        expect(page.get_by_text(re.compile("示意.*数据|数据.*示意|示意或示例")).first).to_be_visible()


def test_pointing_at_the_map_tells_the_time(open_page, demo_server: str):
    """Moving over the county, the reader sees minutes; the status is announced to screen readers."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    status = page.locator('[role="status"]').last
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.55, steps=4)
    expect(status).to_contain_text(re.compile(r"\d|无法到达|不可达|无数据"))


def test_the_list_of_gaps(open_page, demo_server: str):
    """Every gap is a row with rank, people, size; a filter by people shortens the list."""
    page = open_page(demo_server, "/gaps")
    gaps = page.request.get(f"{demo_server}/api/collections/gaps/items").json()
    rows = page.locator("table").first.locator("tbody tr")
    expect(rows).to_have_count(gaps["numberMatched"])
    most = gaps["features"][0]["properties"]["people"]
    expect(rows.first).to_contain_text(f"{most:,.0f}")
    page.locator("#min_people").fill(f"{most:.0f}")
    page.locator("#min_people").press("Enter")
    page.wait_for_url("**min_people=*")
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(1)
    page.locator("#service").select_option("basic-radius")
    page.wait_for_url("**service=basic-radius*")
    expect(page.locator("h1")).to_contain_text("服务半径")


def test_the_list_of_facilities(open_page, demo_server: str):
    """All facilities are listed; searching by name and by position finds the right ones."""
    page = open_page(demo_server, "/facilities")
    count = page.request.get(f"{demo_server}/api/collections/facilities/items?limit=1").json()["numberMatched"]
    expect(page.locator("tbody tr")).to_have_count(count)
    page.locator("#q").fill("医院")
    page.locator("#q").press("Enter")
    page.wait_for_url("**q=*")
    expect(page.locator("tbody tr").first).to_contain_text("医院")
    assert 0 < page.locator("tbody tr").count() < count
    page.goto(f"{demo_server}/facilities")
    page.locator("details.more summary").click()
    page.locator("#located").select_option("false")
    page.wait_for_url("**located=false*")
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page.locator("tbody tr").first).to_contain_text("待定位")


def test_nothing_found_is_said(open_page, demo_server: str):
    """A search without a hit says so and offers the way back."""
    page = open_page(demo_server, "/facilities?q=zzzz")
    assert page.locator("tbody tr").count() == 0
    expect(page.locator("[role=status]").first).to_be_visible()
    expect(page.locator('a[href="/facilities"]').last).to_be_visible()


def test_where_the_numbers_come_from(open_page, demo_server: str):
    """The page about the data lists layers with checksums, figures of people, and every run."""
    page = open_page(demo_server, "/about")
    main = page.locator("main")
    for word in ("108,478", "EPSG:4551", "示意", "GeoNames"):
        expect(main).to_contain_text(word)
    runs = [each["run"] for each in page.request.get(f"{demo_server}/api/services").json()["services"] if each["run"]]
    for run in runs:
        expect(main).to_contain_text(run)


def test_an_address_that_is_not_there(browser, demo_server: str):
    """A wrong address is a page in the site's frame with a way back, and nothing foreign is asked for."""
    from web.browser_guard import guarded

    with guarded(browser, demo_server) as (page, guard):
        page.goto(f"{demo_server}/nowhere")
        expect(page.locator("main a")).to_have_attribute("href", "/")
        expect(page.locator("nav a").first).to_be_visible()
        page.locator("main a").click()
        wait_for_map(page)
        assert guard.foreign == []
        assert [each for each in guard.complaints if "404" not in each] == []


def chrome_of(page: Page) -> list[str]:
    """Return the texts of a page that are its own and not data: menu, headings, labels, heads of columns, names of controls."""
    texts: list[str] = page.evaluate("""() => {
      const own = 'nav, h1, h2, h3, label, th[scope=col], button, dt, .skip, #gm-legend, summary, ' +
        '.leaflet-control-zoom, .leaflet-control-scale, [role=status], option[value=""], .downloads, #service option, #service optgroup';
      const found = [document.title];
      const isName = (node) => node.closest('[lang=zh]') && document.documentElement.lang === 'en';
      for (const node of document.querySelectorAll(own)) {
        if (isName(node)) { continue; }
        found.push(node.textContent);
        found.push(node.getAttribute('label') || '');
      }
      for (const node of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
        if (isName(node)) { continue; }
        for (const name of ['aria-label', 'title', 'placeholder', 'alt']) { found.push(node.getAttribute(name) || ''); }
      }
      return found;
    }""")
    return [re.sub(r"\s+", " ", each).strip() for each in texts if each.strip()]


@pytest.mark.parametrize("path", [
    *PAGES, "/?service=basic-radius", "/?service=village-clinic-walk", "/?service=emergency-2h", "/gaps?service=ems-radius",
])
@pytest.mark.slow
def test_the_english_page_is_english(open_page, demo_server: str, path: str):
    """In English no menu, heading, label, column or control holds a Chinese letter or mark; only names of places do."""
    page = open_page(demo_server, path + ("&" if "?" in path else "?") + "lang=en")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    if page.locator(".leaflet-container").count():
        wait_for_map(page)
    left = [text for text in chrome_of(page) if CJK.search(text.replace("靖宇县", ""))]
    assert left == []


def test_the_chinese_page_would_be_noticed(open_page, demo_server: str):
    """The check above bites: in Chinese nearly every such text holds Chinese letters."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    texts = chrome_of(page)
    assert len(texts) > 30
    assert sum(bool(CJK.search(text)) for text in texts) > 0.7 * len(texts)


def test_the_switch_of_language_keeps_the_place(open_page, demo_server: str):
    """One click to English and back stays on the same service; the choice holds on the next page."""
    page = open_page(demo_server, "/?service=basic-radius")
    page.locator("a[hreflang=en]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#service")).to_have_value("basic-radius")
    page.locator("nav a").nth(2).click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("a[hreflang=zh]").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


# -- the single file --------------------------------------------------------------------------


def test_the_single_file_opens_from_disk(open_page, demo_file: Path):
    """Opened from a disk without any server the file shows map, legend, hatching and title block."""
    page = open_page(demo_file.as_uri())
    wait_for_map(page)
    assert painted_pixels(page) > 5_000
    expect(page.locator("#gm-legend")).to_be_visible()
    expect(page.locator("#gm-legend")).to_contain_text("待定位")
    expect(page.locator("#gm-title")).to_be_visible()
    expect(page.locator("#gm-title")).to_contain_text("靖宇县")
    expect(page.locator("#gm-title")).to_contain_text("示意")
    assert page.locator('path[fill^="url(#"]').count() > 0


def test_the_downloaded_map_opens_from_disk(open_page, demo_server: str, tmp_path: Path):
    """The link on the page gives a file that opens by itself, in the language of the page."""
    page = open_page(demo_server, "/?lang=en")
    wait_for_map(page)
    with page.expect_download() as download:
        page.locator('a[href*="/map?"]').click()
    target = tmp_path / download.value.suggested_filename
    assert target.suffix == ".html"
    download.value.save_as(target)
    saved = open_page(target.as_uri())
    wait_for_map(saved)
    expect(saved.locator("#gm-legend")).to_contain_text("To be located")
    left = [text for text in (saved.locator("#gm-legend").inner_text(), *saved.locator("#gm-title dt").all_inner_texts())
            if CJK.search(text)]
    assert left == []
    assert painted_pixels(saved) > 5_000


# -- sizes and keyboard -----------------------------------------------------------------------


@pytest.mark.parametrize(("language", "path"), [("zh", "/"), *(("en", path) for path in PAGES)])
@pytest.mark.slow
def test_no_page_scrolls_sideways(open_page, demo_server: str, path: str, language: str):
    """On a laptop, a large screen and an upright tablet no page is wider than the window."""
    page = open_page(demo_server, f"{path}?lang={language}", viewport=dict(zip(("width", "height"), SIZES[0], strict=True)))
    if path == "/":
        wait_for_map(page)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        inner, outer, body = page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth, document.body.scrollWidth]")
        assert outer <= width
        assert inner <= outer, (width, height)
        assert body <= outer, (width, height)


def test_map_and_legend_fit_every_size(open_page, demo_server: str):
    """At every size the map is large enough to read, and the line of facilities to be located can be brought into view."""
    page = open_page(demo_server, "/", viewport={"width": 1280, "height": 720})
    wait_for_map(page)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        box = page.locator(".leaflet-container").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 300, (width, height)
        line = page.locator("#gm-legend").get_by_text("待定位")
        line.scroll_into_view_if_needed()
        expect(line).to_be_in_viewport()
        legend = page.locator("#gm-legend").bounding_box()
        assert legend is not None
        assert legend["width"] * legend["height"] < 0.5 * box["width"] * box["height"], "the legend hides the map"


def test_the_keyboard_meets_the_skip_link_first(open_page, demo_server: str):
    """On every page the first tab stop is the skip link, it becomes visible, and it leads to the content."""
    page = open_page(demo_server)
    for path in PAGES:
        page.goto(demo_server + path)
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        expect(focused).to_have_attribute("href", "#main")
        expect(focused).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()


def tab_to(page: Page, element_id: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == element_id:
            return
    raise AssertionError(f"no tab stop leads to {element_id}")


def test_arrow_keys_only_walk_through_the_list(open_page, demo_server: str):
    """Without a mouse an arrow key changes nothing but the list; the button beside it asks (WCAG 3.2.2)."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    tab_to(page, "service")
    first = page.locator("#service").input_value()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#service")).to_be_focused()
    chosen = page.locator("#service").input_value()
    assert chosen != first
    assert "service=" not in page.url
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**service={chosen}*")


@pytest.mark.parametrize(("path", "change", "expected"), [
    ("/", ("#service", "basic-radius"), "service=basic-radius"),
    ("/gaps?service=hospital-drive&threshold=60min&min_people=100", ("#service", "blood-drive"), "service=blood-drive&min_people=100"),
    ("/gaps?service=hospital-drive", ("#threshold", "60min"), "threshold=60min"),
])
def test_choosing_works_without_scripts(open_page, demo_server: str, path: str, change: tuple[str, str], expected: str):
    """Where scripts are switched off the button does it; a limit of the service before is not carried along."""
    page = open_page(demo_server, path, java_script_enabled=False)
    field, value = change
    page.locator(field).select_option(value)
    page.locator(f"form:has({field}) button").click()
    page.wait_for_url(f"**{expected}*")
    assert "threshold=" not in page.url or field == "#threshold"
    expect(page.locator(field)).to_have_value(value)


def test_every_tab_stop_is_seen(open_page, demo_server: str):
    """Whatever the keyboard reaches on the first page shows that it is reached."""
    page = open_page(demo_server, "/")
    wait_for_map(page)
    unseen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        told = page.evaluate("""() => {
          const node = document.activeElement;
          if (!node || node === document.body) { return null; }
          const style = getComputedStyle(node);
          const seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
          return [node.tagName + '.' + node.getAttribute('class') + ' ' + (node.textContent || '').trim().slice(0, 20), seen];
        }""")
        if told is None:
            break
        if not told[1]:
            unseen.append(told[0])
    assert unseen == []
