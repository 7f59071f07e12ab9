"""Blank spots over HTTP and on their page: as of a day, in one's own areas, as tables, and where nothing can be said."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows.workspace import init_workspace

ADDRESS = "/api/blank-spots"
COUNTY, EAST, WEST = "990001", "990001100", "990001101"
V, W = [f"{EAST}20{i}" for i in range(3)], [f"{WEST}20{i}" for i in range(2)]


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """Two townships; the clinic of the first eastern village opened in 2020 and serves a western one by extension."""
    folder = tmp_path_factory.mktemp("spots")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = init_workspace(settings)
    with store.writing() as session:
        named = {COUNTY: "试验县", EAST: "东镇", WEST: "西镇", **{code: f"村{code[-4:]}" for code in [*V, *W]}}
        for code, name in named.items():
            level = {6: "county", 9: "township"}.get(len(code), "village")
            areas.save(session, Area(code=code, name=name, level=level), **BY)
        for facility in (
            Facility(name="=东村卫生室", class_code="D600", area_code=V[0], service_mode="邻村延伸", areas_served=[W[0]], opened_on="2020-05-01"),
            Facility(name="东镇卫生院", class_code="C220", area_code=EAST),
            Facility(name="西镇卫生院", class_code="C220", area_code=W[1], illustrative=True),
        ):
            facilities.register(session, [facility], **BY)
    yield store, settings
    store.close()


@pytest.fixture(scope="module")
def client(county):
    with TestClient(create_app(county[1]), raise_server_exceptions=False) as made:
        yield made


def rule(client, name="village-clinic", headers=None, **asked):
    (found,) = client.get(ADDRESS, params={"rule": name, **asked}, headers=headers).json()["rules"]
    return found


def states(found):
    return {each["code"]: each["state"] for each in found["areas"]}


def test_each_village_has_one_state_and_the_counts_add_up(client):
    found = rule(client)
    assert states(found) == {V[0]: "held", V[1]: "blank", V[2]: "blank", W[0]: "extended", W[1]: "exempt"}
    assert sum(found["counts"].values()) == found["total"] == 5
    assert {each["code"]: (each["total"], each["counts"]["blank"]) for each in found["by_parent"]} == {EAST: (3, 2), WEST: (2, 0)}
    # The health centre of the east stands in one of its villages, nobody knows in which.
    assert (found["counts"]["blank"], found["blank_at_least"]) == (2, 1)
    assert {each["code"] for each in found["notes"]} == {"illustrative_facilities", "exempting_unplaced"} and found["schematic"]
    assert all(source["zh"] and source["en"] for source in found["sources"])
    assert states(rule(client, "township-centre")) == {EAST: "held", WEST: "held"}


def test_before_the_first_clinic_opened_nothing_is_said_to_be_blank(client):
    """As of a day on which no clinic is registered the rule is not computable, and the import that changes it is named."""
    found = rule(client, datetime="2019-01-01")
    assert not found["computable"] and set(states(found).values()) == {"not_computable", "exempt"}
    assert found["why_not"]["code"] == "no_facilities" and "geosvc import facilities" in found["why_not"]["command"]
    assert "村卫生室" in found["why_not"]["zh"] and "Village clinic" in found["why_not"]["en"]
    assert rule(client, datetime="2021-01-01")["counts"]["held"] == 1


def test_filters(client):
    assert list(states(rule(client, state="blank"))) == V[1:] and rule(client, state="blank")["total"] == 5
    found = rule(client, area=WEST)
    assert set(states(found)) == set(W) and found["total"] == 2 and found["counts"]["blank"] == 0
    assert len(client.get(ADDRESS).json()["rules"]) == 2


def test_a_code_that_no_area_has_is_refused_and_never_free_of_blank_spots(client):
    """A slip of the key must not read as "no blank spot here"; a village asked about townships is told that none lies there."""
    answer = client.get(ADDRESS, params={"area": "98"})
    assert (answer.status_code, answer.json()["title"]) == (404, "AreaNotFound")
    assert rule(client, "township-centre", area=W[0])["total"] == 0
    page = client.get("/blank-spots", params={"area": W[0], "rule": "township-centre", "lang": "zh"}).text
    assert words("zh")["blank_none_of_level"].format(level=words("zh")["level_township"]) in page
    assert words("zh")["blank_nowhere"] not in page


@pytest.mark.parametrize("asked", [{"rule": "no-such"}, {"state": "empty"}, {"datetime": "yesterday"}, {"f": "pdf"}, {"level": "village"}])
def test_what_cannot_be_asked_is_refused(client, asked):
    answer = client.get(ADDRESS, params=asked)
    assert answer.status_code in (400, 422) and answer.json()["detail"]


def test_an_account_of_some_areas_is_told_of_these_and_names_nobody_else(client, county):
    """The west is served from the east: that counts, and who it is stays untold."""
    found = rule(client, headers=headers_of(county[0], "analyst", [WEST]))
    assert states(found) == {W[0]: "extended", W[1]: "exempt"} and found["total"] == 2
    (by,) = found["areas"][0]["facilities"]
    assert by["elsewhere"] and by["name"] is None and by["id"] is None and by["mode"] == "extended"
    assert [each["code"] for each in found["by_parent"]] == [WEST]
    # There is a clinic in the registry, though none in these areas: a blank spot is one.
    alone = rule(client, headers=headers_of(county[0], "analyst", [V[1]]))
    assert alone["computable"] and states(alone) == {V[1]: "blank"}
    sent = headers_of(county[0], "viewer", [WEST], name="w2")
    for kind in ("csv", "xlsx"):
        content = client.get(ADDRESS, params={"f": kind}, headers=sent).content
        text = content.decode("utf-8-sig") if kind == "csv" else _cells(content)
        assert "东村卫生室" not in text and "东镇" not in text and "其他区域的机构" in text


def _cells(content):
    book = openpyxl.load_workbook(io.BytesIO(content))
    text = "\n".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None)
    assert "f" not in {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    book.close()
    return text


def test_tables_hold_what_the_answer_holds(client):
    answer = client.get(ADDRESS, params={"rule": "village-clinic", "f": "csv", "language": "en"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["Code"]: row["State"] for row in rows} == states(rule(client))
    assert rows[0]["Facilities and modes"].startswith("'=东村卫生室") and "blank-spots-village-clinic" in answer.headers["content-disposition"]
    workbook = client.get(ADDRESS, params={"f": "xlsx"}).content
    assert workbook == client.get(ADDRESS, params={"f": "xlsx"}).content
    text = _cells(workbook)
    assert "每个行政村有一所村卫生室" in text and "新乡市" in text and "=东村卫生室" in text


def test_the_page_lists_what_is_missing_and_counts_the_rest_apart(client):
    text = client.get("/blank-spots", params={"lang": "en"}).text
    for word in ("Blank spot", "Extended from a neighbour", "Exempt (health centre there)", "At least 1 and at most 2"):
        assert word in text
    assert f"<td>{V[1]}</td>" in text and f"<td>{V[0]}</td>" not in text
    shown = client.get("/blank-spots", params={"state": "held", "rule": "village-clinic"}).text
    assert f"<td>{V[0]}</td>" in shown and f"<td>{V[1]}</td>" not in shown
    assert client.get("/blank-spots", params={"state": "none"}, headers={"accept": "text/html"}).status_code == 400


def test_the_page_says_what_is_not_there(client, tmp_path):
    """Without clinics on a day, and in an empty workspace: not computable, with the import; never a failure."""
    text = client.get("/blank-spots", params={"datetime": "2019-01-01", "lang": "zh"}).text
    assert "不可计算" in text and "geosvc import facilities" in text and "已登记 5 个" in text
    settings = Settings(workspace=tmp_path / "empty", public_read=True)
    init_workspace(settings).close()
    with TestClient(create_app(settings)) as empty:
        body = empty.get(ADDRESS).json()
        assert [each["why_not"]["code"] for each in body["rules"]] == ["no_areas", "no_areas"]
        text = empty.get("/blank-spots", params={"lang": "zh"}).text
        assert "geosvc import areas FILE --level village" in text
        assert "不要求边界" in text


def test_the_demo_county_has_health_centres_everywhere_and_no_clinics_to_judge(demo_client):
    """Eight townships hold theirs; of the 118 villages and communities none is called blank."""
    assert rule(demo_client, "township-centre")["counts"]["held"] == 8
    found = rule(demo_client)
    assert not found["computable"] and found["counts"]["blank"] == 0 and found["total"] == 118
