"""The audit log: one sealed line for every change, and nothing changed past it."""

from __future__ import annotations

import csv
import json
import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from geosvc.errors import StoreError
from geosvc.registry import areas, audit, facilities, history, populations
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.populations import Population
from geosvc.store.engine import DATABASE_NAME, _connect, open_store
from geosvc.store.facilities import FacilityQuery
from geosvc.store.migrate import upgrade
from geosvc.workflows.importing import import_facilities
from geosvc.workflows.workspace import init_workspace

TELEPHONE = "13812345678"
CLINIC = Facility(name="西村卫生室", class_code="D600", lon=126, lat=42.5, position_method="surveyed",
                  beds=[{"kind": "actual", "year": None, "count": 2}], contact={"telephone": TELEPHONE, "officer": "李四"})
BY = {"author": "王", "origin": "form"}


def lines(store, **query):
    with store.reading() as session:
        return audit.lines(session, after=0, limit=10_000, **query)


def verdict(store, **options):
    with store.reading() as session:
        return audit.verify(session, **options)


def past_the_log(store, statement, **values):
    """Change the database as somebody with the file in hands would."""
    with sqlite3.connect(store.folder / DATABASE_NAME) as connection:
        connection.execute("DROP TRIGGER IF EXISTS audit_no_update")
        connection.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


@pytest.fixture
def busy(store):
    """A workspace in which every kind of thing was changed."""
    with store.writing() as session:
        number, _ = facilities.save(session, CLINIC, facility_id=None, **BY)
        areas.save(session, Area(code="990001", name="县", level="county"), **BY)
        populations.save(session, Population(area_code="990001", year=2020, kind="resident", people=10, status="census", source="公报"), **BY)
    with store.writing() as session:
        history.correct(session, number, replace(CLINIC, name="新名"), reason="改名", **BY)
        areas.save(session, Area(code="990001", name="新县", level="county"), **BY)
        populations.save(session, Population(area_code="990001", year=2020, kind="resident", people=12, status="census", source="公报"), **BY)
    return store


def test_every_change_has_a_line(busy):
    """Facilities, areas, people and services: who did what to which, when, why, through which door."""
    found = [(each["subject"], each["action"]) for each in lines(busy) if not each["subject"].startswith("service:")]
    people = "population:990001/2020/resident/census/"
    assert sorted(found) == [
        ("area:990001", "correction"), ("area:990001", "create"), ("facility:1", "correction"), ("facility:1", "create"),
        (f"{people}1", "create"), (f"{people}2", "change"),
    ]
    (line,) = lines(busy, subject="facility:1", action="correction")
    assert (line["author"], line["origin"], line["reason"], line["revision"]) == ("王", "form", "改名", 2)
    assert lines(busy)[0]["subject"].startswith("service:")


def test_the_chain_holds(busy):
    """Each line carries the seal of the one before it; the check says how many hold."""
    found = lines(busy)
    assert [each["previous"] for each in found[1:]] == [each["hash"] for each in found[:-1]]
    told = verdict(busy, seal=found[2]["hash"])
    assert (told.holds, told.lines, told.seal) == (True, len(found), found[-1]["hash"])


def test_nothing_changed_leaves_no_line(busy):
    """Saving what is there adds nothing to the log."""
    before = len(lines(busy))
    with busy.writing() as session:
        facilities.save(session, replace(CLINIC, name="新名"), facility_id=1, **BY)
        areas.save(session, Area(code="990001", name="新县", level="county"), **BY)
    assert len(lines(busy)) == before


def test_what_failed_leaves_no_line(busy):
    """A write that is given up is given up with its lines."""
    before = lines(busy)
    with pytest.raises(RuntimeError, match="power cut"), busy.writing() as session:
        facilities.save(session, CLINIC, facility_id=None, **BY)
        session.flush()
        raise RuntimeError("power cut")
    assert lines(busy) == before
    assert verdict(busy).holds


@pytest.mark.parametrize("statement", ["UPDATE audit SET author = 'x' WHERE id = 1", "DELETE FROM audit WHERE id = 1"])
def test_the_database_refuses_to_change_a_line(busy, statement):
    """The log is append-only for the program itself."""
    with pytest.raises((DBAPIError, StoreError), match="append-only"), busy.writing() as session:
        session.execute(text(statement))


@pytest.mark.parametrize("column", ["at", "author", "action", "subject", "revision", "reason", "origin", "content", "previous", "hash"])
def test_a_changed_line_is_named(busy, column):
    """Whichever word of a line is changed, the check names that line (or the next, whose link is broken)."""
    number = lines(busy, subject="facility:1")[-1]["line"]
    past_the_log(busy, f"UPDATE audit SET {column} = 7 WHERE id = :id", id=number)
    told = verdict(busy)
    assert (told.holds, told.line) == (False, number)


def test_a_missing_line_is_named(busy):
    """A line taken out leaves a hole that is named; one cut off at the end is told by a seal written down."""
    found = lines(busy)
    past_the_log(busy, "DELETE FROM audit WHERE id = :id", id=found[4]["line"])
    told = verdict(busy)
    assert (told.holds, told.line) == (False, found[4]["line"])


def test_a_log_cut_off_is_told_by_the_seal(busy):
    """Who takes away the last line and what it answers for is found out by whoever wrote the seal down."""
    seal = lines(busy)[-1]["hash"]
    with busy.writing() as session:
        areas.save(session, Area(code="990002", name="乡", level="township"), **BY)
    past_the_log(busy, "DELETE FROM area WHERE code = '990002'")
    past_the_log(busy, "DELETE FROM audit WHERE subject = 'area:990002'")
    assert verdict(busy, seal=seal).holds
    past_the_log(busy, "DELETE FROM audit WHERE hash = :seal", seal=seal)
    assert verdict(busy, seal=seal).problem


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("UPDATE facility_revision SET name = '改' WHERE id = 1", "facility:1"),
        ("UPDATE facility_revision SET lon = 126.5 WHERE id = 2", "facility:1"),
        ("UPDATE facility_revision SET valid_from = '2001-01-01' WHERE id = 2", "facility:1"),
        ("UPDATE facility_revision SET superseded_at = NULL WHERE id = 1", "revision 1"),
        ("UPDATE facility_revision SET superseded_at = '2026-01-01' WHERE id = 2", "revision 2"),
        ("DELETE FROM facility_revision WHERE id = 1", "revision 1"),
        ("UPDATE area SET name = '改' WHERE superseded_at IS NULL", "area:990001"),
        ("UPDATE area SET name = '改' WHERE superseded_at IS NOT NULL", "area:990001"),
        ("UPDATE area SET superseded_at = NULL WHERE superseded_at IS NOT NULL", "revision 1"),
        ("UPDATE area SET superseded_at = '2026-01-01' WHERE superseded_at IS NULL", "revision 2 of area:990001"),
        ("DELETE FROM area WHERE superseded_at IS NULL", "revision 2 (area)"),
        ("UPDATE population SET people = 99 WHERE superseded_at IS NULL", "population:990001"),
        ("UPDATE population SET people = 99 WHERE superseded_at IS NOT NULL", "population:990001"),
        ("DELETE FROM population WHERE superseded_at IS NOT NULL", "population:990001"),
        ("UPDATE service SET definition = '{}' WHERE position = 0", "service:"),
        (("INSERT INTO area (code, name, level, schematic, recorded_at, change, author, origin) "
         "SELECT '1', name, level, schematic, recorded_at, change, author, origin FROM area WHERE superseded_at IS NULL"), "area:1"),
    ],
)
def test_what_was_changed_past_the_log_is_found(busy, statement, subject):
    """A row changed, removed or slipped in without the program does not fit its line any more."""
    assert verdict(busy).holds
    past_the_log(busy, statement)
    told = verdict(busy)
    assert not told.holds
    assert subject in told.problem


def test_contacts_are_never_in_the_log(busy):
    """Neither telephone nor officer, nor a checksum of them, stands in the log."""
    with busy.writing() as session:
        history.correct(session, 1, replace(CLINIC, name="新名", contact={"telephone": "13900000000"}), **BY)
    found = lines(busy, subject="facility:1")
    text = json.dumps(found, ensure_ascii=False)
    assert TELEPHONE not in text
    assert "李四" not in text
    with busy.reading() as session:
        told = history.versions(session, 1)[0]
    assert told.changed == {"contact": ("***", "***")}


def import_rows(store, settings, folder, suffix=""):
    file = folder / "机构.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "class_code", "longitude", "latitude", "address"])
        writer.writerows([f"第{n}卫生室", "D600", 126.5 + n / 1000, 42.2, f"{n}号{suffix}"] for n in range(40))
    return import_facilities(store, file, FacilityOptions(datum="WGS84"), settings)


def test_a_bulk_import_has_a_line_for_each_facility_and_one_for_the_batch(store, settings, tmp_path):
    """Nothing in bulk passes by the log; the same file again leaves nothing."""
    import_rows(store, settings, tmp_path)
    found = [each for each in lines(store) if each["origin"] == "import:1"]
    assert len(found) == 40
    (batch,) = lines(store, subject="import:1")
    assert batch["action"] == "import"
    before = len(lines(store))
    import_rows(store, settings, tmp_path)
    assert len(lines(store)) == before
    import_rows(store, settings, tmp_path, "甲")
    assert len(lines(store)) == before + 41
    assert verdict(store).holds


def test_an_old_workspace_is_brought_up_to_date(settings):
    """A workspace of the first schema with data keeps all of it; its history enters the log, and the chain holds."""
    settings.workspace.mkdir(parents=True)
    engine = _connect(settings.workspace / DATABASE_NAME)
    upgrade(engine, "0001")
    with engine.begin() as connection:
        run = connection.exec_driver_sql
        columns = ("facility_id, valid_from, recorded_at, superseded_at, deleted, kind, author, origin, reason, name, class_code, state, lon, lat, "
                   "position_method, areas_served, identifiers, aliases, beds, staff, vehicles, capabilities, relations, contact, illustrative")
        rest = "0, :kind, '王', 'import:1', :reason, :name, 'D600', 'operating', 126, 42.5, 'surveyed', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]', '{\"telephone\": \"1\"}', 0"
        for number, (facility, begin, at, end, kind, reason, name) in enumerate([
            (1, "2003年5月", "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z", "create", None, "旧名"),
            (1, "2003年5月", "2026-02-01T00:00:00.000000Z", None, "correction", "改名", "新名"),
            (2, "建国初期", "2026-01-01T00:00:00.000000Z", None, "create", None, "老站"),
        ]):
            run("INSERT OR IGNORE INTO facility (id, created_at) VALUES (?, ?)", (facility, at))
            connection.execute(text(f"INSERT INTO facility_revision (id, {columns}) VALUES (:id, :facility, :begin, :at, :end, {rest})"), {
                "id": number + 1, "facility": facility, "begin": begin, "at": at, "end": end, "kind": kind, "reason": reason, "name": name})
        run("INSERT INTO area (code, name, level, schematic, recorded_at, author, origin) VALUES ('990001', '县', 'county', 0, '2026-01-01', '王', 'import:1')")
        run("INSERT INTO population (area_code, year, kind, people, status, source, groups, recorded_at, author, origin) "
            "VALUES ('990001', 2020, 'resident', 10.5, 'census', '公报', '{\"65_plus\": 2}', '2026-01-01', '王', 'import:1')")
        run("INSERT INTO import_batch (kind, file_name, sha256, at, author, report) VALUES ('facilities', 'a.csv', 'x', '2026-01-01', '王', '{\"new\": 2}')")
    engine.dispose()
    store = init_workspace(settings)
    with store.reading() as session:
        found = {each.id: each for each in facilities.find(session, FacilityQuery())}
        assert [(each.facility.name, each.valid_from) for each in found.values()] == [("新名", "2003-05-01"), ("老站", None)]
        versions = history.versions(session, 1)
        assert [(each.kind, each.reason) for each in versions] == [("correction", "改名"), ("create", None)]
        assert versions[0].changed == {"name": ("旧名", "新名")}
        told = audit.lines(session, after=0, limit=100)
        assert told[0]["action"] == "upgrade"
        assert [each["revision"] for each in told if each["revision"]] == [1, 3, 2]
        assert {"area:990001", "import:1"} <= {each["subject"] for each in told}
    told = verdict(store)
    assert told.holds, told.problem
    with store.writing() as session:
        history.confirm(session, 1, **BY)
    assert verdict(store).holds
    store.close()
    open_store(settings.workspace).close()
