"""Which registered facility a row means: found for certain, by a score with its reasons, or asked of a person."""

from __future__ import annotations

import csv

import pytest
from registry.made_files import HEADER, snapshot, write_csv

from geosvc.errors import InvalidInput, WaitingRows
from geosvc.registry import audit, facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.import_records import imports_page
from geosvc.workflows.undoing import undo_import

HEAD = [*HEADER, "区划代码", "统一社会信用代码", "地址"]


def row(name, klass="C220", lon="126.85", lat="42.35", area="", code="", address="", datum="WGS84"):
    return [name, klass, lon, lat, datum if lon else "", area, code, address]


def take(store, settings, path, rows, **options):
    return importing.import_facilities(store, write_csv(path, [HEAD, *rows]), FacilityOptions(**options), settings)


def dry(store, settings, path, rows, **options):
    return importing.preview_facilities(store, write_csv(path, [HEAD, *rows]), FacilityOptions(**options), settings)


def names(store):
    with store.reading() as session:
        return {each.id: each.facility.name for each in facilities.find(session, FacilityQuery())}


@pytest.fixture
def county(store, settings, tmp_path):
    """Three facilities, one of them to be located."""
    take(store, settings, tmp_path / "county.csv", [
        row("靖宇县靖宇镇卫生院", address="吉林省靖宇县靖宇大街1号"),
        row("第一人民医院", "A100", "126.9", "42.33", area="220622100"),
        row("赤松乡卫生院", "C220", "", "", area="220622200"),
    ])
    return store


def test_a_name_without_its_county_is_found_with_the_reasons(county, settings, tmp_path):
    """靖宇镇卫生院 at the same place is 靖宇县靖宇镇卫生院: one facility, and the report says why."""
    report = take(county, settings, tmp_path / "a.csv", [row("靖宇镇卫生院", lon="126.8502", address="吉林省靖宇县靖宇大街1号")])
    assert report.changes == {"changed": 1}
    assert report.figures["matched_by"] == {"score": 1}
    (match,) = report.as_dict()["matched"]
    (one,) = match["candidates"]
    assert (match["row"], one["id"], one["score"] > 0.95) == (2, 1, True)
    assert {"name", "distance", "class"} <= {each["code"] for each in one["reasons"]}
    assert len(names(county)) == 3


@pytest.mark.parametrize(("told", "met"), [
    (row("第1人民医院", "A100", "126.9", "42.33", area="220622100"), 2),  # 第一 and 第1
    (row("赤松乡卫生院", area="220622200"), 3),  # registered without a place
    (row("靖宇县靖宇镇卫生院", lon="126.86"), 1),  # 800 m away: moved
])
def test_what_is_certain_is_the_same(county, settings, tmp_path, told, met):
    """The same name in another spelling, with a place, or moved a little: the same facility, nobody is asked."""
    before = names(county)
    take(county, settings, tmp_path / "a.csv", [told])
    after = names(county)
    assert after.keys() == before.keys()
    assert after[met] == told[0]


@pytest.mark.parametrize("told", [
    row("靖宇镇卫生院急诊", address="吉林省靖宇县靖宇大街1号"),  # a department
    row("靖宇镇卫生院东街分院", lon="126.8505"),  # a branch
    row("第二人民医院", "A100", "126.9", "42.33", area="220622100"),  # another number
    row("靖宇镇药房", "X080", lon="126.8501"),  # another kind next door
    row("赤松村卫生室", "D600", "", "", area="220622200"),
], ids=lambda each: each[0])
def test_what_is_clearly_another_is_new(county, settings, tmp_path, told):
    """Departments, branches, other numbers and other kinds are facilities of their own."""
    assert take(county, settings, tmp_path / "a.csv", [told]).changes == {"new": 1}


UNSURE = row("靖宇县靖宇镇卫生院", "C210", "126.8503", "42.3503")  # a township's, now said to be a central one


def test_what_is_not_clear_waits_for_a_person(county, settings, tmp_path):
    """The same name at the same place and another class: nothing is stored, and the candidates stand there with score and reasons."""
    before = snapshot(settings.workspace)
    with pytest.raises(WaitingRows, match=r"1 row may be a facility that is registered already, and nothing was stored: row 2.*--answer ROW=ID") as refused:
        take(county, settings, tmp_path / "a.csv", [UNSURE, row("新诊所", "D200", "126.95")])
    (waiting,) = refused.value.waiting
    assert (waiting["row"], [each["id"] for each in waiting["candidates"]]) == (2, [1])
    assert waiting["candidates"][0]["reasons"]
    assert snapshot(settings.workspace) == before


def test_a_dry_run_counts_what_waits(county, settings, tmp_path):
    """It says which rows wait and what to do; --skip-bad takes the others and hands these back with the reason."""
    report = dry(county, settings, tmp_path / "a.csv", [UNSURE, row("新诊所", "D200", "126.95")])
    assert (report.changes, len(report.waiting)) == ({"new": 1}, 1)
    assert any("--answer" in note for note in report.notes)
    target = tmp_path / "refused.csv"
    path = write_csv(tmp_path / "a.csv", [HEAD, UNSURE, row("新诊所", "D200", "126.95")])
    taken = importing.import_facilities(county, path, FacilityOptions(skip_bad=True), settings, refused_to=target)
    assert (taken.changes, len(taken.waiting)) == ({"new": 1}, 1)
    with target.open(encoding="utf-8-sig") as stream:
        _head, back = list(csv.reader(stream))
    assert back[0] == "靖宇县靖宇镇卫生院"
    assert "may be registered already: 1 靖宇县靖宇镇卫生院 (score" in back[-1]


@pytest.mark.parametrize(("answer", "facilities_after"), [(1, 3), ("new", 4)])
def test_an_answer_decides_and_is_never_asked_again(county, settings, tmp_path, answer, facilities_after):
    """Answered once; the same file again changes nothing and asks nothing, wherever the row stands in it."""
    take(county, settings, tmp_path / "a.csv", [UNSURE], answers={2: answer})
    assert len(names(county)) == facilities_after
    again = take(county, settings, tmp_path / "b.csv", [row("第一人民医院", "A100", "126.9", "42.33", area="220622100"), UNSURE])
    assert again.changes == {"unchanged": 2}
    with county.reading() as session:
        assert audit.verify(session).holds
        assert [each["author"] for each in audit.lines(session, limit=9) if each["subject"].startswith("match_answer:")] == ["local"]


def test_an_answer_is_remembered_when_the_name_was_corrected_since(county, settings, tmp_path):
    """The row is facility 1, somebody said; its name was corrected back by hand, and still the row is facility 1."""
    told = row("镇卫生院（老院）", "C220", "126.8503", "42.3503")
    take(county, settings, tmp_path / "a.csv", [told], answers={2: 1})
    take(county, settings, tmp_path / "b.csv", [row("靖宇县靖宇镇卫生院")], answers={2: 1})
    assert names(county)[1] == "靖宇县靖宇镇卫生院"
    report = dry(county, settings, tmp_path / "a.csv", [told])
    assert (report.changes, report.figures["matched_by"]) == ({"changed": 1}, {"answer": 1})


def test_an_undo_forgets_the_answers_of_that_import(county, settings, tmp_path):
    """The answer was the mistake: after the undo the row waits again."""
    take(county, settings, tmp_path / "a.csv", [UNSURE], answers={2: 1})
    undo_import(county, imports_page(county)[0][0]["id"], author="王")
    with pytest.raises(WaitingRows):
        take(county, settings, tmp_path / "a.csv", [UNSURE])
    with county.reading() as session:
        assert audit.verify(session).holds


@pytest.mark.parametrize(("answers", "message"), [
    ({9: 1}, "answer for row 9 fits no row"),
    ({2: 99}, "answer for row 2 must be the id of a registered facility, or new; got 99"),
    ({2: "no"}, "got 'no'"),
    ({2: 1, 3: 1}, "answer for row 3 is facility 1, which another row is already"),
])
def test_answers_that_cannot_be(county, settings, tmp_path, answers, message):
    """Of a row that is not there, of a facility that is not there, of one facility twice."""
    before = snapshot(settings.workspace)
    with pytest.raises(InvalidInput, match=message):
        take(county, settings, tmp_path / "a.csv", [UNSURE, row("新诊所", "D200", "126.95")], answers=answers)
    assert snapshot(settings.workspace) == before


def test_rows_of_one_file_are_never_taken_for_each_other(store, settings, tmp_path):
    """A hospital, its department, its branch and a namesake: four, however often they come."""
    rows = [row("县医院", "A100"), row("县医院急诊", "A100"), row("县医院（西院）", "A100", "126.851"), row("县医院", "A100", "126.99", "42.31")]
    assert take(store, settings, tmp_path / "a.csv", rows).changes == {"new": 4}
    assert take(store, settings, tmp_path / "a.csv", rows).changes == {"unchanged": 4}
    assert take(store, settings, tmp_path / "a.csv", rows[::-1]).changes == {"unchanged": 4}


def test_two_rows_that_both_fit_one_facility_wait(county, settings, tmp_path):
    """Neither of two rows is clearly the one."""
    rows = [row("靖宇镇卫生院", address="靖宇大街1号"), row("靖宇县靖宇镇卫生院。", lon="126.8501")]
    with pytest.raises(WaitingRows) as refused:
        take(county, settings, tmp_path / "a.csv", rows)
    assert [each["row"] for each in refused.value.waiting] == [2, 3]


def test_a_hospital_that_jumps_across_the_county_is_looked_at(county, settings, tmp_path):
    """The same name and class 20 km away, and no area code that would say it is the same: a person looks."""
    with pytest.raises(WaitingRows):
        take(county, settings, tmp_path / "a.csv", [row("靖宇县靖宇镇卫生院", lon="127.1")])


def test_village_clinics_that_are_called_nothing_else_are_told_by_their_place(store, settings, tmp_path):
    """卫生室 here is not 卫生室 ten kilometres away, although both names and classes are equal."""
    take(store, settings, tmp_path / "a.csv", [row("卫生室", "D600", "126.82")])
    assert take(store, settings, tmp_path / "b.csv", [row("卫生室", "D600", "126.95")]).changes == {"new": 1}


def test_another_credit_code_is_another_facility(store, settings, tmp_path):
    """Two clinics of nearly one name next to each other, each with its own code."""
    take(store, settings, tmp_path / "a.csv", [row("康健口腔诊所", "D200", code="12220622412761234X")])
    told = [row("康健齿科诊所", "D200", code="91220622MA1234567L")]
    assert take(store, settings, tmp_path / "b.csv", told).changes == {"new": 1}


def test_an_account_of_some_areas_is_told_which_rows_are_not_its_own(county, settings, tmp_path):
    """Rows of facilities elsewhere are refused one by one; candidates elsewhere are not named."""
    limited = county.limited_to(["220622100"])
    rows = [row("第一人民医院", "A100", "126.9", "42.33", area="220622100", address="新街1号"), row("外县医院", "A100", area="220623100"),
            row("赤松乡卫生院", "C220", area="220622200")]
    report = dry(limited, settings, tmp_path / "a.csv", rows)
    assert (report.changes, [each.row for each in report.refusals]) == ({"changed": 1}, [3, 4])
    assert "limited to 220622100" in report.refusals[0].reason
    assert take(limited, settings, tmp_path / "a.csv", rows, skip_bad=True).changes == {"changed": 1}


def test_a_merged_facility_does_not_come_back_with_its_file(store, settings, tmp_path):
    """Two rows were found to be one clinic: the same file again changes nothing, and says which row was merged."""
    from geosvc.registry.merging import merge

    rows = [row("康健口腔诊所", "D200"), row("康健齿科", "D200", "126.8501")]
    take(store, settings, tmp_path / "a.csv", rows)
    with store.writing() as session:
        merge(session, 1, [2], author="王", reason="同一诊所", origin="form")
    for _ in range(2):
        report = take(store, settings, tmp_path / "a.csv", rows, skip_bad=True)
        assert (report.changes["new"], len(names(store))) == (0, 1)
        assert [(each.row, each.reason) for each in report.left_out] == [(3, "was merged into facility 1, whose own row counts")]
    assert report.changes == {"unchanged": 1}
