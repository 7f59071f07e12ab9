"""The page of coverage: services by areas, sorted, on two days, with equity in words; by eye, by ear, by keyboard, on paper."""

from __future__ import annotations

import re

import pytest
from api.own_server import served
from fastapi.testclient import TestClient
from people import headers_of
from playwright.sync_api import expect
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import AsOf
from geosvc.settings import Settings
from geosvc.workflows import uncertainty
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace

ZH = words("zh")
PATH, HOSPITAL, CLINIC, WEST, DAY = "/coverage", "hospital-drive", "village-clinic-walk", "990001100", "2020-01-01"
SIZES = [(1280, 720), (1920, 1080), (768, 1024)]
TABLE = ".cross table"
# The county's services that were not imported.
NEVER = "到最近村卫生室的时间"


def column_of(page, service):
    """Return the texts of the cells of a column, the total first."""
    heads = page.locator(f"{TABLE} thead th").all_inner_texts()
    place = next(i for i, text in enumerate(heads) if service in re.sub(r"\s", "", text))
    return page.locator(f"{TABLE} tbody tr").evaluate_all(f"rows => rows.map(row => row.cells[{place}].innerText)")


def share_of(text):
    return float(re.match(r"\s*([\d.]+) %", text)[1])


def test_the_page_shows_what_the_api_says(open_page, demo_server: str):
    """Every share of the default service is in the table, in the order of the answer, beneath the total."""
    page = open_page(demo_server, PATH)
    told = page.request.get(f"{demo_server}/api/coverage").json()
    place = next(i for i, each in enumerate(told["columns"]) if each["service"] == HOSPITAL)
    cells = [told["total"]["cells"][place], *(row["cells"][place] for row in told["rows"])]
    shown = column_of(page, "到最近医院的时间")
    assert [share_of(text) for text in shown] == pytest.approx([int(1000 * cell["share"] + 1e-9) / 10 for cell in cells])
    assert [re.search(r"%\s+([\d,]+)", text)[1] for text in shown] == [f"{cell['people_covered']:,.0f}" for cell in cells]
    expect(page.locator("nav [aria-current=page]")).to_have_text("覆盖")


def test_what_is_not_computable_says_so_in_every_cell(open_page, demo_server: str):
    """Village clinics were not imported: never 0 %, in no cell; such columns stand behind those with an answer."""
    page = open_page(demo_server, PATH)
    assert set(column_of(page, NEVER)) == {"不可计算"}
    heads = [re.sub(r"\s", "", text) for text in page.locator(f"{TABLE} thead th").all_inner_texts()]
    with_answer = ["占比" in text for text in heads[1:]]
    assert with_answer == sorted(with_answer, reverse=True)
    page.locator("summary", has_text="没有结果的服务").click()
    expect(page.locator(".plain-list", has_text=NEVER)).to_be_visible()


def test_a_column_is_sorted_by_keyboard(open_page, demo_server: str):
    """Enter on a column sorts it upwards, again downwards; the table says so to who listens."""
    page = open_page(demo_server, PATH)
    for order in ("ascending", "descending"):
        page.get_by_role("link", name="按“到最近医院的时间 · 30 分钟”的占比排序").focus()
        page.keyboard.press("Enter")
        expect(page.locator(f"{TABLE} th[aria-sort={order}]")).to_have_count(1)
        shares = [share_of(text) for text in column_of(page, "到最近医院的时间")[1:]]
        assert len(shares) == 8
        assert shares == sorted(shares, reverse=order == "descending")
    page.locator(".cross").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".cross")).to_be_focused()


def test_a_level_is_chosen(open_page, demo_server: str):
    """The county is one row; its figures are those of all."""
    page = open_page(demo_server, PATH)
    page.locator("#level").select_option("county")
    page.wait_for_url("**level=county*")
    total, county = column_of(page, "到最近医院的时间")
    assert total == county


def test_equity_is_said_in_words(open_page, demo_server: str):
    """The worst-served fifth, both coefficients, and what they mean; a service with several limits has a tab for each."""
    page = open_page(demo_server, PATH)
    told = page.request.get(f"{demo_server}/api/services/{HOSPITAL}/coverage").json()["equity"]
    tiles = page.locator(".explained-tiles")
    expect(tiles).to_contain_text(f"{int(1000 * told['levels']['township']['worst_fifth']['share']) / 10:g} %")
    expect(tiles).to_contain_text(f"{told['levels']['township']['gini']:.2f}")
    expect(tiles).to_contain_text(f"{told['travel']['gini']:.2f}")
    expect(tiles).to_contain_text("越接近 1")
    page.locator("#service").select_option("basic-radius")
    page.wait_for_url("**service=basic-radius*")
    page.get_by_role("link", name="20 公里（乡村）", exact=True).click()
    page.wait_for_url("**threshold=20km*")
    expect(page.locator("#equity")).to_contain_text("20 公里")
    page.goto(f"{demo_server}{PATH}?service={CLINIC}")
    expect(page.locator("section[aria-labelledby=equity] .empty")).to_contain_text("不可计算")
    page.goto(f"{demo_server}{PATH}?level=county")
    expect(tiles).to_contain_text(ZH["equity_none_text"])


@pytest.mark.slow
def test_the_map_and_the_files_are_one_step_away(open_page, demo_server: str):
    """The heading of a column leads to its map; the files hold the level that is shown."""
    page = open_page(demo_server, f"{PATH}?level=county")
    for name, kind in (("XLSX", "spreadsheetml"), ("CSV", "text/csv"), ("JSON", "application/json")):
        address = page.get_by_role("link", name=name, exact=True).get_attribute("href")
        assert "level=county" in address
        assert kind in page.request.get(demo_server + address).headers["content-type"]
    page.goto(demo_server + PATH)
    page.locator(f"{TABLE} thead a", has_text="到最近医院的时间").first.click()
    page.wait_for_url("**service=hospital-drive*")
    expect(page.locator("h1")).to_contain_text("医院")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.slow
def test_it_fits_every_screen(open_page, demo_server: str, language: str):
    """Nothing is wider than the screen but the table, which scrolls in itself with the areas' names in sight."""
    page = open_page(demo_server, f"{PATH}?lang={language}")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, height)
        page.evaluate("document.querySelector('.cross').scrollLeft = 5000")
        box, name = page.locator(".cross").bounding_box(), page.locator(f"{TABLE} tbody th").first.bounding_box()
        assert name["x"] == pytest.approx(box["x"], abs=2)


def test_it_is_printed_whole(open_page, demo_server: str):
    """On paper the table is not cut off at its side."""
    page = open_page(demo_server, PATH, viewport={"width": 1040, "height": 720})
    page.emulate_media(media="print")
    outer, inner = page.locator(".cross").bounding_box(), page.locator(TABLE).bounding_box()
    assert inner["width"] <= outer["width"] + 1
    assert page.pdf(prefer_css_page_size=True, print_background=True).startswith(b"%PDF")


# -- two days, a band, an account of some areas, nothing measured ----------------------------


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """The small county: a hospital opened in the east in 2024; measured today and for a day before, with a band."""
    folder = tmp_path_factory.mktemp("coverage-page")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder, cell_size_m=400.0)
    with store.writing() as session:
        facilities.save(session, Facility(name="东镇医院", class_code="A100", lon=126.97, lat=42.32, position_method="surveyed",
                                          opened_on="2024-07-01"), facility_id=None, author="王", origin="form")
    measure_service(Study(store, settings), HOSPITAL)
    measure_service(Study(store, settings, AsOf(valid_at=DAY)), HOSPITAL)
    uncertainty.coverage_band(Study(store, settings), HOSPITAL)
    yield store, settings
    store.close()


@pytest.mark.slow
def test_two_days_and_their_difference(county, open_page, tmp_path):
    """A hospital more: the total says by how much, with a sign and a word; one click leads back."""
    with served(county[1].workspace, tmp_path / "server") as address:
        page = open_page(address, f"{PATH}?compared_with={DAY}")
        told = page.request.get(f"{address}/api/coverage?compared_with={DAY}").json()
        place = next(i for i, each in enumerate(told["columns"]) if each["service"] == HOSPITAL)
        gained = told["total"]["cells"][place]["difference"]["share"]
        assert gained > 0
        expect(page.locator(f"{TABLE} .level-total .difference.better")).to_contain_text(f"+{100 * gained:.1f}")
        expect(page.locator("#by-area")).to_contain_text(DAY)
        page.get_by_role("link", name="不再对比").click()
        expect(page.locator(".difference")).to_have_count(0)


@pytest.fixture(scope="module")
def client(county):
    with TestClient(create_app(county[1]), raise_server_exceptions=False) as made:
        yield made


def test_a_band_that_was_computed_is_shown(county, client):
    """The 5th and 95th percentile of the people covered, of all and by area; of the other day only the command."""
    band = uncertainty.known_band(county[0], HOSPITAL, None, draws=uncertainty.DEFAULT_DRAWS, seed=uncertainty.DEFAULT_SEED)
    low, high = (band["rows"][0]["people_covered"][name] for name in ("p5", "p95"))
    page = client.get(PATH).text
    assert ZH["band_text"].format(draws=100, low=f"{low:,.0f}", high=f"{high:,.0f}") in page
    assert ZH["band_by_area"] in page
    then = client.get(PATH, params={"datetime": DAY}).text
    assert "geosvc band hospital-drive --threshold 30min --run " in then
    assert ZH["band_by_area"] not in then


def test_who_may_measure_has_the_band_computed_from_the_page(county, client):
    """A button in place of a command for the server; a visitor reads the command, and nobody is sent to wait for what is there."""
    analyst = headers_of(county[0], "analyst", None, "band-analyst")
    asked, button = {"service": HOSPITAL, "datetime": DAY}, f">{ZH['band_now']}</button>"  # the band of today is there
    page = client.get(PATH, params=asked, headers=analyst).text
    assert button in page and "geosvc band" not in page
    [form] = [part for part in re.findall(r"<form.*?</form>", page, re.DOTALL) if 'name="kind" value="band"' in part]
    fields = dict(re.findall(r'type="hidden" name="(kind|service|threshold|run)" value="([^"]+)"', form))
    run = client.get(f"/api/services/{HOSPITAL}/coverage", params={"datetime": DAY}).json()["run"]
    assert fields == {"kind": "band", "service": HOSPITAL, "threshold": "30min", "run": run}
    visitor = client.get(PATH, params=asked).text
    assert button not in visitor and "geosvc band" in visitor
    assert button not in client.get(PATH, headers=analyst).text
    # The form works without script, and every field of it is heard.
    for name, wrong, said in (("threshold", "7min", "has no threshold"), ("run", "nope", "no run has the id"), ("service", "nope", "belongs to service")):
        refused = client.post("/jobs", data={**fields, name: wrong}, headers=analyst)
        assert (refused.status_code, said in refused.text) == (409, True), name


def test_an_account_of_one_township_sees_its_own(county, client):
    """One row, a note that says of whom it is, no inequality between townships, no band of all."""
    page = client.get(PATH, headers=headers_of(county[0], "viewer", [WEST])).text
    assert "西镇" in page
    assert "东镇" not in page
    assert ZH["equity_none_text"] in page
    assert 'class="flag" role="status"' in page


def test_a_day_that_nobody_measured_names_the_command(client):
    """No rows, no 0 %: what was not measured, and how it would be."""
    page = client.get(PATH, params={"datetime": "2024-08-01", "recorded": "2020-01-01"}).text
    assert ZH["coverage_no_rows"] in page
    assert "%" not in re.sub(r"<[^>]*>", "", page)


def test_an_empty_workspace_is_no_error(settings):
    """Nothing was imported: the page says so, with every service and why it has no answer."""
    init_workspace(settings).close()
    with TestClient(create_app(settings), raise_server_exceptions=False) as nobody:
        answer = nobody.get(PATH)
        assert answer.status_code == 200
        assert ZH["coverage_no_rows"] in answer.text
        assert NEVER in answer.text


@pytest.mark.parametrize(("query", "status"), [({"level": "parish"}, 400), ({"service": "hospital-fly"}, 404), ({"compared_with": "once"}, 400)])
def test_what_cannot_be_asked_is_refused_as_a_page(client, query, status):
    """A misspelt address is answered in words."""
    answer = client.get(PATH, params=query, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert "<html" in answer.text
