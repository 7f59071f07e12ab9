"""Services by areas over HTTP: the same numbers as the coverage of each service, and never 0 for what is not known."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from fastapi.testclient import TestClient
from people import headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.errors import InvalidParameter
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import AsOf, today
from geosvc.settings import Settings
from geosvc.workflows import cross_table, reading
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

ADDRESS = "/api/coverage"
HOSPITAL, RADIUS, CLINIC, CENTRE = "hospital-drive", "basic-radius", "village-clinic-walk", "township-centre-drive"
COUNTY, WEST, EAST_TOWN, OPENED, DAY = "990001", "990001100", "990001101", "2024-07-01", "2020-01-01"
KNOWN = ("people_covered", "share")


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """The small county, in which a hospital opened in the east in 2024; measured for today and, for one service, before."""
    folder = tmp_path_factory.mktemp("cross")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder)
    with store.writing() as session:
        facilities.save(session, Facility(name="东镇医院", class_code="A100", lon=126.97, lat=42.32, position_method="surveyed",
                                          opened_on=OPENED), facility_id=None, author="王", origin="form")
    measure_service(Study(store, settings), HOSPITAL)
    measure_service(Study(store, settings), RADIUS)
    measure_service(Study(store, settings, AsOf(valid_at=DAY)), HOSPITAL)
    yield store, settings
    store.close()


@pytest.fixture(scope="module")
def client(county):
    with TestClient(create_app(county[1]), raise_server_exceptions=False) as made:
        yield made


def asked(client, **query):
    answer = client.get(ADDRESS, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def place(table, service, threshold=None):
    """Return the place of a service's column."""
    return next(i for i, each in enumerate(table["columns"]) if each["service"] == service and threshold in (None, each["threshold"]["id"]))


def test_a_cell_says_what_the_coverage_of_its_service_says(client):
    """Every cell with figures, and the total, is the row of /api/services/{id}/coverage, for counties and townships."""
    for level in ("county", "township"):
        table = asked(client, level=level)
        for i, column in enumerate(table["columns"]):
            if column["state"] != "measured":
                continue
            told = client.get(f"/api/services/{column['service']}/coverage", params={"threshold": column["threshold"]["id"]}).json()
            assert column["run"] == told["run"]
            rows = {row["area_code"]: row for row in told["rows"]}
            assert [row["area_code"] for row in table["rows"]] == [row["area_code"] for row in told["rows"] if row["level"] == level]
            for code, cell in [("*total", table["total"]["cells"][i]), *((row["area_code"], row["cells"][i]) for row in table["rows"])]:
                assert cell == {"state": "known", "people_covered": rows[code]["people"]["covered"],
                                "people_total": rows[code]["people_total"], "share": rows[code]["share"]["of_all_people"]}


def test_limits_for_different_people_have_a_column_each(client):
    """One column for the first limit of a service; three where none speaks for everybody, measured or not."""
    table = asked(client)
    told = {name: [each["threshold"]["id"] for each in table["columns"] if each["service"] == name] for name in (HOSPITAL, RADIUS, "ems-radius")}
    assert told == {HOSPITAL: ["30min"], RADIUS: ["5km", "10km", "20km"], "ems-radius": ["5km", "10km", "20km"]}
    assert {each["service"]: each["one_of_several"] for each in table["columns"]}[RADIUS] is True


def test_what_is_not_known_is_never_nought(client):
    """Not measured (with the command) and not computable: every figure is null, and the state says why."""
    table = asked(client)
    for service, state, cure in ((CENTRE, "not_measured", f"geosvc measure {CENTRE}"), (CLINIC, "not_computable", None)):
        i = place(table, service)
        assert (table["columns"][i]["state"], table["columns"][i]["cure"], table["columns"][i]["run"]) == (state, cure, None)
        for row in [*table["rows"], table["total"]]:
            assert row["cells"][i] == {"state": state, "people_covered": None, "share": None, "people_total": None}


def test_without_people_there_are_no_figures(tmp_path):
    """Nobody was counted: no data, and not 0 people."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path, leave_out=("people",), cell_size_m=400.0)
    measure_service(Study(store, settings), HOSPITAL)
    table = cross_table.cross_table(store, settings, AsOf(), service_ids=[HOSPITAL])
    assert [cell["state"] for row in [*table["rows"], table["total"]] for cell in row["cells"]] == ["no_data"] * 3
    assert all(cell[name] is None for row in table["rows"] for cell in row["cells"] for name in KNOWN)
    store.close()


def test_services_are_chosen_and_ordered(client):
    """Columns as they are asked for, each once."""
    table = asked(client, services=f"{RADIUS},{HOSPITAL},{RADIUS}")
    assert [each["service"] for each in table["columns"]] == [RADIUS] * 3 + [HOSPITAL]
    assert all(len(row["cells"]) == 4 for row in table["rows"])


def test_another_day_and_the_difference(client):
    """In 2020 there was one hospital: every cell has that day's figures and the difference; what was not measured then is unknown."""
    before, now = asked(client, datetime=DAY), asked(client)
    table = asked(client, compared_with=DAY)
    assert table["compared_with"]["datetime"] == DAY
    i, other = place(table, HOSPITAL), place(table, RADIUS)
    assert before["columns"][i]["run"] == table["columns"][i]["run_before"] != table["columns"][i]["run"]
    for row, was, now_is in zip([*table["rows"], table["total"]], [*before["rows"], before["total"]], [*now["rows"], now["total"]], strict=True):
        cell = row["cells"][i]
        assert {name: cell["before"][name] for name in KNOWN} == {name: was["cells"][i][name] for name in KNOWN}
        for name in KNOWN:
            assert cell["difference"][name] == pytest.approx(now_is["cells"][i][name] - was["cells"][i][name])
        assert row["cells"][other]["state"] == "known"
        assert row["cells"][other]["difference"] == {"people_covered": None, "share": None}
    assert table["total"]["cells"][i]["difference"]["people_covered"] > 0
    assert table["columns"][other]["state_before"] == "not_measured"
    assert table["columns"][other]["cure_before"] == f"geosvc measure {RADIUS} --datetime {DAY}"


def test_a_note_of_some_services_names_them(client):
    """What is true of every measured service is said once; what is not says of which it is."""
    table = asked(client, services=f"{HOSPITAL},{RADIUS}")
    notes = {name: {note["zh"] for each in table["columns"] if each["service"] == name for note in each["notes"]} for name in (HOSPITAL, RADIUS)}
    shared, own = notes[HOSPITAL] & notes[RADIUS], notes[HOSPITAL] - notes[RADIUS]
    assert shared
    assert own
    names = {each["service"]: each["zh"] for each in table["columns"]}
    told = [note["zh"] for note in table["notes"]]
    assert len(told) == len(set(told))
    assert set(told) == shared | {f"{names[HOSPITAL]}：{each}" for each in own} | {f"{names[RADIUS]}：{each}" for each in notes[RADIUS] - notes[HOSPITAL]}


def test_today_is_now(client):
    """Today's table is the newest one."""
    assert asked(client, datetime=today()) == asked(client)


def test_csv_and_workbook_have_the_figures_of_the_answer(client, tmp_path):
    """Numbers are numbers, what is not known is in words, code cells are text, and the reader is told what it is."""
    table = asked(client)
    answer = client.get(ADDRESS, params={"f": "csv", "language": "en"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, total, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    place_of = header.index("Time to the nearest hospital · 30 min · people covered")
    i = place(table, HOSPITAL)
    assert [float(row[place_of]) for row in (total, *rows)] == [row["cells"][i]["people_covered"] for row in (table["total"], *table["rows"])]
    assert [row[0] for row in rows] == [row["area_code"] for row in table["rows"]]
    clinic = header.index("Time to the nearest village clinic · 15 min · share covered")
    assert {row[clinic] for row in rows} == {"not computable"}

    answer = client.get(ADDRESS, params={"f": "xlsx", "compared_with": DAY})
    assert f"coverage-township-{DAY}-{today()}.xlsx" in answer.headers["content-disposition"]
    assert client.get(ADDRESS, params={"f": "xlsx", "compared_with": DAY}).content == answer.content
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["覆盖人口", "覆盖率", "对比日覆盖人口", "对比日覆盖率", "覆盖人口增减", "覆盖率增减", "说明"]
    shares = list(book["覆盖率"].values)
    assert [row[2 + i] for row in shares[1:]] == pytest.approx([row["cells"][i]["share"] for row in (table["total"], *table["rows"])])
    assert {row[2 + place(table, CLINIC)] for row in shares[1:]} == {"不可计算"}
    assert {row[2 + place(table, CENTRE)] for row in shares[1:]} == {"尚未计算"}
    assert {row[2 + place(table, RADIUS)] for row in list(book["覆盖率增减"].values)[1:]} == {"未知"}
    about = {row[0]: row[1] for row in book["说明"].values}
    assert table["columns"][i]["run"] in about["到最近医院的时间 · 30 分钟"]


@pytest.mark.parametrize(("query", "status", "told"), [
    ({"level": "parish"}, 400, "township"), ({"level": "total"}, 400, "township"), ({"services": "hospital-fly"}, 404, "hospital-drive"),
    ({"services": "hospital-drive,,"}, 400, "commas"), ({"datetime": "yesterday"}, 400, "yesterday"), ({"compared_with": "once"}, 400, "compared_with: expected one instant"),
    ({"f": "pdf"}, 400, "pdf"), ({"service": "hospital-drive"}, 400, "services"),
])
def test_what_cannot_be_asked_is_refused(client, query, status, told):
    """One sentence that names what was expected."""
    answer = client.get(ADDRESS, params=query)
    assert answer.status_code == status
    assert told in answer.json()["detail"]


def test_a_file_of_another_format_is_refused(county, tmp_path):
    """The suffix says the format."""
    with pytest.raises(InvalidParameter, match="csv"):
        cross_table.write_cross_table({}, tmp_path / "table.pdf")


# -- accounts of some areas, and equity ------------------------------------------------------


def test_an_account_of_some_areas_has_their_rows(county, client):
    """One township: its row, its total; the other's people are nowhere in the answer."""
    whole = asked(client)
    answer = client.get(ADDRESS, headers=headers_of(county[0], "viewer", [WEST]))
    table = answer.json()
    i = place(whole, HOSPITAL)
    assert [row["area_code"] for row in table["rows"]] == [WEST]
    own = next(row for row in whole["rows"] if row["area_code"] == WEST)["cells"][i]
    assert table["rows"][0]["cells"][i] == own
    assert table["total"]["cells"][i]["people_total"] == pytest.approx(own["people_total"])
    assert EAST_TOWN not in answer.text


def test_equity_is_told_with_the_coverage(client):
    """Of the townships and of the travel of all; one county has none; asking for one level leaves it out of nothing."""
    answer = client.get(f"/api/services/{HOSPITAL}/coverage", params={"level": "county"}).json()
    assert set(answer["equity"]["levels"]) == {"township"}
    told = answer["equity"]["levels"]["township"]
    rows = [row for row in client.get(f"/api/services/{HOSPITAL}/coverage").json()["rows"] if row["level"] == "township"]
    shares, people = [row["share"]["of_all_people"] for row in rows], [row["people_total"] for row in rows]
    mean = sum(s * p for s, p in zip(shares, people, strict=True)) / sum(people)
    by_hand = people[0] * people[1] * abs(shares[0] - shares[1]) / (sum(people) ** 2 * mean)
    assert told["gini"] == pytest.approx(by_hand)
    assert told["worst_fifth"]["share"] == pytest.approx(min(shares))
    assert 0 < answer["equity"]["travel"]["gini"] < 1
    assert answer["equity"]["travel"]["people"] == pytest.approx(sum(people), rel=0.01)


@pytest.mark.parametrize(("areas", "told"), [([WEST], set()), ([COUNTY], {"township"}), ([WEST, EAST_TOWN], {"township"})])
def test_equity_of_a_part_is_of_all_of_it(county, client, areas, told):
    """An account of one township is told none between townships; who has all of a part is told that of the part."""
    headers = headers_of(county[0], "viewer", areas, name=f"equity-{len(areas)}-{areas[0]}")
    answer = client.get(f"/api/services/{HOSPITAL}/coverage", headers=headers).json()
    assert set(answer["equity"]["levels"]) == told


def test_equity_between_some_townships_is_not_that_of_a_part_with_more(demo_store):
    """Two townships and a village of a third: between the townships would leave the village out, between villages nobody is."""
    rows = reading.coverage_table(demo_store, HOSPITAL)["rows"]
    first, second, third = [row["area_code"] for row in rows if row["level"] == "township"][:3]
    village = next(row["area_code"] for row in rows if row["level"] == "village" and row["area_code"].startswith(third))
    told = reading.coverage_table(demo_store.limited_to([first, second, village]), HOSPITAL)["equity"]
    assert set(told["levels"]) == {"village"}
    assert set(reading.coverage_table(demo_store.limited_to([first, second]), HOSPITAL)["equity"]["levels"]) == {"township", "village"}
