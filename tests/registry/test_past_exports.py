"""Every moment of the past stays as it was: the export of then, asked for now, is the export that was taken then."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from registry.made_files import HEADER, write_csv

from geosvc.errors import GeosvcError
from geosvc.registry import audit, facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.moments import now
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import duplicates, editing, importing, locating
from geosvc.workflows.editing import Intent
from geosvc.workflows.exporting import export_facilities
from geosvc.workflows.import_records import imports_page
from geosvc.workflows.undoing import undo_import
from geosvc.workflows.workspace import init_workspace

NAMES = ["甲医院", "乙卫生院", "丙诊所", "丁门诊部"]
INTENT = Intent(author="王", origin="form", reason="改")
rows = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["D200", "C220"]), st.sampled_from(["126.85", "126.9", ""]), st.sampled_from(["42.35"]),
                          st.just("WGS84")).map(lambda row: [*row[:3], row[3] if row[2] else "", row[4]]), min_size=1, max_size=3, unique_by=lambda row: row[0])
number = st.integers(1, 6)
steps = st.lists(st.one_of(
    st.tuples(st.just("import"), rows), st.tuples(st.just("undo"), number), st.tuples(st.just("correct"), number, st.sampled_from(NAMES)),
    st.tuples(st.just("update"), number, st.sampled_from(["2020-01-01", "2100-01-01"])), st.tuples(st.just("delete"), number),
    st.tuples(st.just("restore"), number), st.tuples(st.just("confirm"), number), st.tuples(st.just("merge"), number, number),
    st.tuples(st.just("unmerge"), number), st.tuples(st.just("place"), number),
), min_size=3, max_size=8)


def _revision(store, facility):
    with store.reading() as session:
        return facilities.get(session, facility).revision


def _do(store, folder, step):
    what, *told = step
    if what == "import":
        importing.import_facilities(store, write_csv(folder / "in.csv", [HEADER[:5], *told[0]]), FacilityOptions(skip_bad=True), Settings(workspace=store.folder))
    elif what == "undo":
        undo_import(store, imports_page(store)[0][told[0] - 1]["id"], author="王", confirmed_too=True)
    elif what == "correct":
        editing.patch(store, told[0], {"properties": {"name": told[1]}}, INTENT, expected=_revision(store, told[0]))
    elif what == "update":
        intent = Intent(author="王", origin="form", valid_from=told[1])
        editing.patch(store, told[0], {"properties": {"state": "closed"}}, intent, expected=_revision(store, told[0]))
    elif what == "delete":
        editing.delete(store, told[0], INTENT, expected=_revision(store, told[0]))
    elif what == "restore":
        editing.restore(store, told[0], INTENT)
    elif what == "confirm":
        editing.confirm(store, told[0], INTENT, expected=_revision(store, told[0]))
    elif what == "merge":
        duplicates.merge_facilities(store, told[0], [told[1]], author="王", reason="同一机构",
                                    expected={one: _revision(store, one) for one in told})
    elif what == "unmerge":
        duplicates.unmerge_facilities(store, told[0], author="王", keep_edits=True)
    else:
        locating.place(store, told[0], 126.8, 42.4, method="surveyed", datum="GCJ02", author="王", expected=_revision(store, told[0]), reason="实测")


@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_the_past_is_exported_as_it_was(steps):
    """Whatever was imported, undone, corrected, updated, deleted, restored, merged, placed since: byte for byte."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = init_workspace(Settings(workspace=folder / "w"))
        try:
            kept = []
            for step in [("import", [[name, "D200", "126.85", "42.35", "WGS84"] for name in NAMES[:2]]), *steps]:
                with suppress(GeosvcError, IndexError):  # what cannot be done at that time is refused, and changes nothing
                    _do(store, folder, step)
                moment = now()
                export_facilities(store, folder / "then.csv", recorded=moment)
                kept.append((moment, (folder / "then.csv").read_bytes()))
            for moment, then in kept:
                export_facilities(store, folder / "now.csv", recorded=moment)
                assert (folder / "now.csv").read_bytes() == then
            with store.reading() as session:
                assert audit.verify(session).holds
                assert len(facilities.find(session, FacilityQuery())) == facilities.count(session, FacilityQuery())
        finally:
            store.close()


def test_the_steps_above_do_happen(store, tmp_path):
    """Each kind of step changes something in some registry, so that the test above is not empty."""
    rows = [[name, "D200", x, "42.35" if x else "", "WGS84"] for name, x in zip(NAMES, ("126.85", "126.8501", "", "126.9"), strict=True)]
    with store.reading() as session:
        lines = audit.count(session)
    for step in (("import", rows), ("correct", 1, "新名"), ("update", 2, "2020-01-01"), ("confirm", 1), ("place", 3), ("merge", 1, 4), ("unmerge", 1),
                 ("delete", 2), ("restore", 2), ("import", [["戊医院", "C220", "126.7", "42.3", "WGS84"]]), ("undo", 1)):
        _do(store, tmp_path, step)
        with store.reading() as session:
            assert audit.count(session) > lines, step
            lines = audit.count(session)
