"""People by age: the ages of an area's own figure, applied to its people; nothing where no figure tells them."""

from __future__ import annotations

import csv
import io

import pytest
from fastapi.testclient import TestClient
from people import headers_of
from registry.made_files import write_csv
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.registry.populations import Ages, Population, ages_of, shares_by_age
from geosvc.settings import Settings
from geosvc.workflows import importing, reading
from geosvc.workflows.ages import with_ages
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

WEST, EAST, COUNTY = "990001100", "990001101", "990001"
SERVICE = "hospital-drive"
OLD = Ages(65, None)


def figure(code="a", people=1000, year=2020, kind="resident", status="census", **groups):
    return Population(area_code=code, year=year, kind=kind, people=people, status=status, source="普查", groups=groups)


def row(code, level, covered=None, beyond=0.0):
    people = None if covered is None else {"no_data": 0.0, "covered": covered, "beyond": beyond, "unreachable": 0.0, "beyond_horizon": 0.0}
    return {"area_code": code, "level": level, "people": people, "people_total": None if people is None else sum(people.values())}


@pytest.mark.parametrize(("name", "ages"), [("65_plus", Ages(65, None)), ("0_6", Ages(0, 6)), ("women", None), ("65", None), ("0_14_rural", None)])
def test_the_name_of_a_part_says_its_ages(name, ages):
    assert ages_of(name) == ages
    assert ages is None or ages.id == name


def test_a_share_is_of_the_newest_figure_of_residents_that_tells_the_age():
    told = shares_by_age([
        figure(year=2010, **{"65_plus": 100, "0_14": 200}), figure(year=2020, people=800, **{"65_plus": 200}), figure(year=2021),
        figure(year=2022, kind="registered", **{"65_plus": 500}), figure("b"), figure("c", people=0, **{"65_plus": 0}),
    ])
    assert {code: {ages.id: (each.share, each.year) for ages, each in found.items()} for code, found in told.items()} == {
        "a": {"65_plus": (0.25, 2020), "0_14": (0.2, 2010)}}


def test_ages_of_an_area_are_its_own():
    shares = shares_by_age([figure("w", 1000, **{"65_plus": 200}), figure("c", 5000, **{"65_plus": 500})])
    found = {each["area_code"]: each["people_by_age"] for each in with_ages(
        [row("*total", "total", 600, 400), row("c", "county", 600, 400), row("w", "township", 150, 50), row("e", "township", 450, 350)], shares)}
    assert found["e"] is None
    [west], [county], [total] = found["w"], found["c"], found["*total"]
    assert (west["people"]["covered"], west["people"]["beyond"], west["share_covered"]) == pytest.approx((30, 10, 0.75))
    assert (county["people_total"], county["people"]["covered"]) == pytest.approx((100, 60))
    # The townships do not tell the ages of everybody: the county does.
    assert total == county


def test_the_lowest_level_that_tells_everybody_speaks_for_the_total():
    shares = shares_by_age([figure("w", **{"65_plus": 500}), figure("e", **{"65_plus": 100}), figure("c", **{"65_plus": 300})])
    found = with_ages([row("*total", "total", 600, 400), row("c", "county", 600, 400), row("w", "township", 200), row("e", "township", 400, 400)], shares)
    [total] = found[0]["people_by_age"]
    # 0.5 x 200 + 0.1 x 400 of the old are covered, and not 0.3 x 600: the old live where there is a hospital.
    assert (total["people"]["covered"], total["people_total"]) == pytest.approx((140, 180))
    assert total["shares"] == {"w": 0.5, "e": 0.1}


@pytest.mark.parametrize("rows", [[row("*total", "total"), row("w", "township")], [row("*total", "total", 0), row("w", "township", 0)], []])
def test_of_nobody_no_ages_are_told(rows):
    assert all(each["people_by_age"] is None for each in with_ages(rows, shares_by_age([figure("w", **{"65_plus": 500})])))


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ages")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder)
    table = [["area_code", "year", "kind", "people", "people_0_6", "people_65_plus", "status", "source"],
             [WEST, "2020", "常住", "1000", "60", "300", "census", "普查"], [EAST, "2020", "常住", "2000", "", "400", "census", "普查"]]
    importing.import_population(store, write_csv(folder / "figures.csv", table), settings)
    measure_service(Study(store, settings), SERVICE)
    with TestClient(create_app(settings)) as client:
        yield store, client
    store.close()


def test_the_table_has_them(county):
    store, _client = county
    rows = {each["area_code"]: each for each in reading.coverage_table(store, SERVICE)["rows"]}
    ages = {code: {part["ages"]: part for part in each["people_by_age"] or ()} for code, each in rows.items()}
    assert {code: set(parts) for code, parts in ages.items() if parts} == {
        WEST: {"0_6", "65_plus"}, EAST: {"65_plus"}, "*total": {"65_plus"}}
    for state, people in rows[WEST]["people"].items():
        assert ages[WEST]["65_plus"]["people"][state] == pytest.approx(0.3 * people)
    expected = 0.3 * rows[WEST]["people"]["covered"] + 0.2 * rows[EAST]["people"]["covered"]
    assert ages["*total"]["65_plus"]["people"]["covered"] == pytest.approx(expected)
    assert ages["*total"]["65_plus"]["figures"] == [{"year": 2020, "status": "census", "source": "普查"}]


def test_the_csv_has_two_columns_for_each(county):
    store, client = county
    rows = list(csv.DictReader(io.StringIO(client.get(f"/api/services/{SERVICE}/coverage?f=csv").text.lstrip("\ufeff"))))
    told = {each["area_code"].lstrip("'"): each for each in reading.coverage_table(store, SERVICE)["rows"]}
    for each in rows:
        parts = {part["ages"]: part for part in told[each["area_code"].lstrip("'")]["people_by_age"] or ()}
        for name in ("0_6", "65_plus"):
            if name in parts:
                assert float(each[f"people_{name}_covered"]) == parts[name]["people"]["covered"]
            else:  # unknown is empty, not 0
                assert each[f"people_{name}"] == each[f"people_{name}_covered"] == ""


def test_pages_show_them(county):
    _store, client = county
    for address in (f"/coverage?service={SERVICE}", f"/?service={SERVICE}"):
        assert "65 岁及以上" in client.get(address + "&lang=zh").text
        assert "65 and older" in client.get(address + "&lang=en").text


def test_an_account_of_one_township_is_told_its_own(county):
    store, client = county
    sent = headers_of(store, "analyst", [WEST])
    rows = client.get(f"/api/services/{SERVICE}/coverage", headers=sent).json()["rows"]
    told = {each["area_code"]: [part["ages"] for part in each["people_by_age"] or ()] for each in rows}
    assert told[WEST] == ["0_6", "65_plus"]
    assert EAST not in told
    assert EAST not in str(rows)
