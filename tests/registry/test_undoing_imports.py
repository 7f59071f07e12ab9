"""An import is undone exactly: the export afterwards is the one from before, and the history says what happened."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from registry.made_files import GOOD_ROW, HEADER, county_files, snapshot, write_csv

from geosvc.errors import ImportNotFound, NotAllowed, NotUndoable
from geosvc.registry import audit, facilities, history
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.moments import now
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.exporting import export_facilities
from geosvc.workflows.import_records import import_record, imports_page
from geosvc.workflows.undoing import undo_import
from geosvc.workflows.workspace import init_workspace

BEDS = [*HEADER, "床位", "开业日期"]
FIRST = [[*GOOD_ROW, "100", "1998"], ["中医院", "A210", "126.9", "42.33", "WGS84", "50", ""]]
SECOND = [[*GOOD_ROW, "120", "1990"], FIRST[1], ["新诊所", "D200", "126.95", "42.31", "WGS84", "", ""]]
BY = {"author": "李", "origin": "form"}


def take(store, path, rows, **options):
    """Import rows and return the number of the import."""
    importing.import_facilities(store, write_csv(path, rows), FacilityOptions(**options), Settings(workspace=store.folder))
    return imports_page(store)[0][0]["id"]


def exported(store, folder, **times):
    """Return an export, byte for byte."""
    export_facilities(store, folder / "export.csv", with_contacts=True, **times)
    return (folder / "export.csv").read_bytes()


def found(store):
    with store.reading() as session:
        return {each.id: each.facility for each in facilities.find(session, FacilityQuery())}


def holds(store):
    with store.reading() as session:
        verdict = audit.verify(session)
    return verdict.holds, verdict.problem


@pytest.fixture
def twice(store, tmp_path):
    """A registry of two, and an import that corrected one and brought a third."""
    take(store, tmp_path / "first.csv", [BEDS, *FIRST])
    before = exported(store, tmp_path)
    number = take(store, tmp_path / "second.csv", [BEDS, *SECOND])
    return store, number, before


def test_what_was_new_is_gone_and_what_changed_is_as_before(twice, tmp_path):
    """One corrected, one unchanged, one new: after the undo the export is that from before."""
    store, number, before = twice
    assert exported(store, tmp_path) != before
    report = undo_import(store, number, author="王", reason="上月的文件")
    assert (report.deleted, report.believed_again, report.confirmations) == (1, 1, 0)
    assert exported(store, tmp_path) == before
    assert holds(store) == (True, None)


def test_all_valid_times_are_as_before(twice, tmp_path):
    """The import moved the day of opening from 1998 to 1990; undone, nothing is known of 1995 again."""
    store, number, _before = twice
    assert "县人民医院".encode() in exported(store, tmp_path, date="1995-01-01")
    undo_import(store, number, author="王")
    assert "县人民医院".encode() not in exported(store, tmp_path, date="1995-01-01")


def test_the_history_says_what_happened(twice):
    """Who undid which import, when and why stands in the history, in the log, and in the list of imports."""
    store, number, _before = twice
    undo_import(store, number, author="王", reason="上月的文件")
    with store.reading() as session:
        newest = history.versions(session, 1)[0]
        gone = history.versions(session, 3)[0]
        lines = audit.lines(session, subject=f"import:{number}", limit=10)
    assert (newest.kind, newest.author, newest.origin) == ("undo", "王", f"undo:{number}")
    assert "second.csv" in newest.reason
    assert "上月的文件" in newest.reason
    assert newest.changed["beds"][1][0]["count"] == 100
    assert newest.content_revision == 1
    assert gone.deleted
    assert [(line["action"], line["author"]) for line in lines] == [("undo", "王"), ("import", "local")]
    (first, *_rest), matched, following = imports_page(store)
    assert (first["id"], first["undone_by"], first["undone_reason"], first["undoable"], first["not_undoable"]) == (
        number, "王", "上月的文件", False, "undone")
    assert (matched, following) == (2, None)


def test_between_import_and_undo_the_import_is_seen(twice, tmp_path):
    """As known in between, the third facility is there; as known before and now it is not."""
    store, number, before = twice
    between, during = now(), exported(store, tmp_path)
    undo_import(store, number, author="王")
    assert exported(store, tmp_path, recorded=between).splitlines()[1:] == during.splitlines()[1:]
    assert exported(store, tmp_path) == before


def test_undoing_twice_says_that_it_was_undone(twice):
    """The second time nothing happens, and the message says who did it and how to have it back."""
    store, number, _before = twice
    undo_import(store, number, author="王")
    state = snapshot(store.folder)
    with pytest.raises(NotUndoable, match=r"undone already, at .* by 王; to have it back, import the file again"):
        undo_import(store, number, author="王")
    assert snapshot(store.folder) == state


def test_importing_the_file_again_brings_it_back(twice, tmp_path):
    """Redo is the import of the same file: the same content again, under a new number."""
    store, number, _before = twice
    undo_import(store, number, author="王")
    again = take(store, tmp_path / "second.csv", [BEDS, *SECOND])
    assert again != number
    assert sorted(each.name for each in found(store).values()) == ["中医院", "县人民医院", "新诊所"]
    assert undo_import(store, again, author="王").deleted == 1


def change_name(store, number, name):
    with store.writing() as session:
        one = facilities.get(session, number).facility
        history.correct(session, number, type(one)(**{**one.__dict__, "name": name}), **BY)


@pytest.mark.parametrize(("number", "kind"), [(1, "correction"), (3, "correction")])
def test_a_later_edit_stands_in_the_way_and_is_named(twice, number, kind):
    """A facility that the import corrected, or brought, was edited since: refused as a whole, with its name."""
    store, batch, _before = twice
    change_name(store, number, "改过的名")
    state = snapshot(store.folder)
    with pytest.raises(NotUndoable, match=rf"1 facility has .*{number} 改过的名 \({kind} by 李, form") as refused:
        undo_import(store, batch, author="王")
    assert [(each["facility_id"], each["kind"]) for each in refused.value.later] == [(number, kind)]
    assert snapshot(store.folder) == state
    record = import_record(store, batch)
    assert (record["undoable"], record["not_undoable"], record["later_changes"]) == (False, "later", 1)


def test_an_edit_that_was_taken_back_is_no_obstacle(twice, tmp_path):
    """Corrected to another name and back: what is believed is what the import said."""
    store, batch, before = twice
    change_name(store, 3, "改过的名")
    change_name(store, 3, "新诊所")
    assert import_record(store, batch)["undoable"]
    undo_import(store, batch, author="王")
    assert exported(store, tmp_path) == before


def test_imports_on_top_of_each_other_are_undone_from_the_top(twice, tmp_path):
    """A third import changed the same facility: it goes first, then the second, then the first."""
    store, second, before = twice
    third = take(store, tmp_path / "third.csv", [BEDS, [*GOOD_ROW, "130", "1990"]])
    with pytest.raises(NotUndoable, match=f"import:{third}"):
        undo_import(store, second, author="王")
    undo_import(store, third, author="王")
    undo_import(store, second, author="王")
    assert exported(store, tmp_path) == before
    undo_import(store, 1, author="王")
    assert found(store) == {}
    assert holds(store) == (True, None)


def test_an_edit_of_another_facility_is_no_obstacle(twice):
    """Somebody edited a facility that the import found unchanged: the undo leaves the edit alone."""
    store, batch, _before = twice
    change_name(store, 2, "县中医院")
    undo_import(store, batch, author="王")
    assert {number: each.name for number, each in found(store).items()} == {1: "县人民医院", 2: "县中医院"}


def test_a_confirmation_is_asked_about(twice, tmp_path):
    """Somebody has said since that it is so: the undo says who, and goes on only if told to."""
    store, batch, before = twice
    with store.writing() as session:
        history.confirm(session, 3, **BY)
    with pytest.raises(NotUndoable, match="confirmed since as the import said: 3 新诊所 .*confirmed-too"):
        undo_import(store, batch, author="王")
    assert import_record(store, batch)["not_undoable"] == "confirmed"
    assert undo_import(store, batch, author="王", confirmed_too=True).confirmations == 1
    assert exported(store, tmp_path) == before


def test_a_facility_that_belongs_to_a_new_one_stands_in_the_way(twice):
    """The county hospital was put under a facility that came with the import: that would be a member of nothing."""
    store, batch, _before = twice
    with store.writing() as session:
        one = facilities.get(session, 2).facility
        joined = type(one)(**{**one.__dict__, "relations": [{"kind": "member_of", "facility_id": 3}]})
        history.correct(session, 2, joined, **BY)
    with pytest.raises(NotUndoable, match="2 中医院 .belongs to one of the facilities that came with it"):
        undo_import(store, batch, author="王")


def test_only_imports_of_facilities_can_be_undone(store, settings, tmp_path):
    """Areas came in: the message says so, and what to do instead."""
    importing.import_areas(store, county_files(tmp_path)["areas"], settings)
    with pytest.raises(NotUndoable, match="is of areas; only imports of facilities can be undone"):
        undo_import(store, 1, author="王")
    assert imports_page(store)[0][0]["not_undoable"] == "kind"
    with pytest.raises(ImportNotFound, match="no import has the number 7"):
        undo_import(store, 7, author="王")


def test_an_account_of_some_areas_undoes_only_its_own(store, tmp_path):
    """The import brought facilities of two townships: an account of one of them cannot undo it, nor half of it."""
    rows = [[*each, code] for each, code in zip(FIRST, ("990001100", "990001200"), strict=True)]
    number = take(store, tmp_path / "first.csv", [[*BEDS, "区划代码"], *rows])
    state = snapshot(store.folder)
    with pytest.raises(NotAllowed, match=r"outside of the areas of this account \(990001100\)"):
        undo_import(store.limited_to(["990001100"]), number, author="王")
    assert snapshot(store.folder) == state
    assert undo_import(store.limited_to(["990001"]), number, author="王").deleted == 2


def test_one_that_opens_later_is_planned_no_more(store, tmp_path):
    """An import foretold an opening: undone, neither the plan nor the opening is left."""
    take(store, tmp_path / "first.csv", [BEDS, FIRST[1]])
    number = take(store, tmp_path / "second.csv", [BEDS, [*FIRST[1][:-1], "2100-01-01"], [*GOOD_ROW, "1", "2100-05-01"]])
    undo_import(store, number, author="王")
    for date in (None, "2101-01-01"):
        assert "县人民医院".encode() not in exported(store, tmp_path, date=date)
    with store.reading() as session:
        assert facilities.find(session, FacilityQuery(valid_at="2101-01-01"))[0].facility.opened_on is None
    assert holds(store) == (True, None)


NAMES = ["甲医院", "乙卫生院", "丙诊所", "丁门诊部", "戊护理站", "己急救站"]
one_row = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["D200", "C220"]), st.sampled_from(["126.85", "126.9"]), st.just("42.35"), st.just("WGS84"),
    st.sampled_from(["", "5", "60"]), st.sampled_from(["", "1998", "2003-05-01", "2100-01-01"]),
).map(list)
tables = st.lists(one_row, min_size=1, max_size=6, unique_by=lambda row: (row[0], row[1]))


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(registered=tables, brought=tables, edited=st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["名", "confirm", "delete", "update"])), max_size=3))
@pytest.mark.slow
def test_an_undo_gives_the_registry_from_before(registered, brought, edited):
    """Any registry, any import, any edits of facilities that it left alone: byte for byte the export without the import."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = init_workspace(Settings(workspace=folder / "w"))
        try:
            take(store, folder / "a.csv", [BEDS, *registered], skip_bad=True)
            before, existing = exported(store, folder), set(found(store))
            report = importing.import_facilities(
                store, write_csv(folder / "b.csv", [BEDS, *brought]), FacilityOptions(skip_bad=True), Settings(workspace=store.folder))
            if not report.changes["new"] + report.changes["changed"]:
                assert exported(store, folder) == before
                return
            batch = imports_page(store)[0][0]["id"]
            between, during = now(), exported(store, folder)
            with store.reading() as session:
                left_alone = [number for number in existing if history.versions(session, number)[0].origin != f"import:{batch}"]
            for number, what in edited:
                if number in left_alone:
                    edit(store, number, what)
            undone = undo_import(store, batch, author="王")
            assert (undone.deleted, undone.believed_again) == (report.changes["new"], report.changes["changed"])
            if not any(number in left_alone for number, _ in edited):
                assert exported(store, folder) == before
            assert set(found(store)) <= existing
            assert exported(store, folder, recorded=between).splitlines()[1:] == during.splitlines()[1:]
            assert holds(store) == (True, None)
        finally:
            store.close()


def edit(store, number, what):
    with contextlib.suppress(LookupError), store.writing() as session:
        one = facilities.get(session, number).facility
        if what == "confirm":
            history.confirm(session, number, **BY)
        elif what == "delete":
            history.delete(session, number, reason="登记两次", **BY)
        elif what == "update":
            history.update(session, number, type(one)(**{**one.__dict__, "state": "closed"}), valid_from="2024-01-01", **BY)
        else:
            history.correct(session, number, type(one)(**{**one.__dict__, "name": f"{one.name}{what}"}), **BY)
