"""A file is uploaded, looked at, tried and imported, or thrown away; nobody else sees it, and it cannot be anything."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile

import openpyxl
import pytest
from registry.made_files import GOOD_ROW, HEADER, write_csv, write_xlsx

from geosvc.errors import Conflict, InvalidInput, RefusedRows, TooLarge, UnreadableFile, UploadNotFound
from geosvc.registry import facilities, history
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import staging
from geosvc.workflows.import_records import imports_page

ME = {"author": "王"}
BAD = ["坏", "D200", "", "42.31", "WGS84"]


def text_of(tmp_path, rows, name="a.csv"):
    return write_csv(tmp_path / name, rows).read_bytes()


def stage(store, name, data, **options):
    return staging.stage(store, name, io.BytesIO(data), **{"author": "王", "max_mb": 5, **options})


@pytest.fixture
def table(tmp_path):
    return text_of(tmp_path, [HEADER, GOOD_ROW])


@pytest.fixture
def upload(store, table):
    return stage(store, "名单.csv", table)


def waiting_in(store):
    return sorted(each.name for each in store.uploads.iterdir()) if store.uploads.exists() else []


def registered(store):
    with store.reading() as session:
        return {each.id: each.facility.name for each in facilities.find(session, FacilityQuery())}


def test_the_whole_way(store, settings, upload):
    """Describe, preview, import: the import does what the preview said, in the person's name, and the file is gone."""
    told = staging.describe(store, upload.id, settings=settings, **ME)
    assert (told["file_name"], told["missing"], told["datum"]["by"]) == ("名单.csv", [], "column")
    said = staging.preview(store, upload.id, FacilityOptions(), settings=settings, **ME)
    assert (said["new"], said["dry_run"], registered(store)) == (1, True, {})
    report = staging.commit(store, upload.id, said["preview"], settings=settings, **ME)
    assert report.changes == {"new": 1}
    assert imports_page(store)[0][0]["author"] == "王"
    assert imports_page(store)[0][0]["id"] == report.import_id
    assert waiting_in(store) == []


def test_a_staged_file_belongs_to_who_brought_it(store, settings, upload):
    """Another person asks for it, looks, imports or throws it away: it is not there."""
    for ask in (
        lambda: staging.staged(store, upload.id, author="李"),
        lambda: staging.describe(store, upload.id, author="李", settings=settings),
        lambda: staging.preview(store, upload.id, FacilityOptions(), author="李", settings=settings),
        lambda: staging.commit(store, upload.id, "x", author="李", settings=settings),
        lambda: staging.refused_rows(store, upload.id, author="李"),
        lambda: staging.discard(store, upload.id, author="李"),
    ):
        with pytest.raises(UploadNotFound, match="no staged file of yours"):
            ask()
    assert staging.staged(store, upload.id, **ME).file_name == "名单.csv"


@pytest.mark.parametrize("number", ["..", "../../registry.sqlite", "", "a" * 22, "é" * 22, "a" * 4000, ".hidden-hidden-hidden"])
def test_an_id_is_no_path(store, upload, number):
    """What is not an id that was given out is not found, whatever it would be as a path."""
    with pytest.raises(UploadNotFound):
        staging.staged(store, number, **ME)


@pytest.mark.parametrize(("name", "kept"), [
    ("../../../etc/passwd.csv", "passwd.csv"), ("C:\\temp\\机构 (1).CSV", "机构 (1).csv"), ("..csv", "upload.csv"), ("a\x00b\n.csv", "a_b_.csv"),
    ("-rf.csv", "rf.csv"), (".csv", "upload.csv"), ("名" * 400 + ".csv", "名" * 60 + ".csv"), ("=cmd|' /C calc'!A0.csv", "C calc__A0.csv"),
    ("<script>.csv", "script.csv"),
])
def test_a_name_is_only_a_name(store, table, name, kept):
    """Folders, signs and endless names: the file lies in its own folder of the workspace, under a plain name."""
    one = stage(store, name, table)
    assert one.file_name.strip("_") == kept.replace("a_b_", "a_b").strip("_") or one.file_name == kept
    assert one.path.parent.parent.parent == store.uploads
    assert one.path.read_bytes() == table


def bomb():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (300 << 20))
    return target.getvalue()


@pytest.mark.parametrize(("name", "data", "error", "message"), [
    ("a.exe", b"MZ", UnreadableFile, r"type that is not read here \(\.exe\)"),
    ("a", b"x", UnreadableFile, "no suffix"),
    ("a.shp", b"x", UnreadableFile, "not read here"),
    ("a.csv", b"", UnreadableFile, "empty"),
    ("a.xlsx", b"\x89PNG\r\n\x1a\n" + b"0" * 99, UnreadableFile, "is a picture .PNG., whatever its name says"),
    ("a.csv", b"\xff\xd8\xff\xe0" + b"0" * 99, UnreadableFile, "is a picture .JPEG."),
    ("a.csv", b"BM\x00\x00" + b"0" * 99, UnreadableFile, "is a picture .BMP."),
    ("a.xlsx", b"name,class\n", UnreadableFile, "no .xlsx workbook inside"),
    ("a.csv", b"PK\x03\x04" + b"0" * 99, UnreadableFile, "is a zip archive or a workbook"),
    ("a.csv", b"x" * (6 << 20), TooLarge, "more than the 5 MiB"),
], ids=lambda value: str(value)[:12])
def test_what_is_no_table_is_refused_and_not_kept(store, name, data, error, message):
    """Programs, pictures, empty and endless files: the message says what came, and nothing is left behind."""
    with pytest.raises(error, match=message):
        stage(store, name, data)
    assert waiting_in(store) == []


def test_a_zip_bomb_is_refused_unopened(store):
    """300 MiB of zeros in 300 KiB."""
    with pytest.raises(UnreadableFile, match="300 MiB once unpacked"):
        stage(store, "a.xlsx", bomb())
    assert waiting_in(store) == []


def test_a_text_that_begins_like_a_program_is_a_text(store, tmp_path):
    """The first header is BMI: that is no picture."""
    assert stage(store, "a.csv", b"BMI," + text_of(tmp_path, [HEADER, GOOD_ROW])).size_bytes


def test_reading_stops_where_it_is_too_much(store):
    """A sender who never ends is not read to the end."""
    class Endless(io.RawIOBase):
        read_bytes = 0

        def readable(self):
            return True

        def read(self, size=-1):
            self.read_bytes += size
            return b"x" * size

    sender = Endless()
    with pytest.raises(TooLarge):
        staging.stage(store, "a.csv", sender, author="王", max_mb=2)
    assert sender.read_bytes <= 4 << 20


def test_the_import_needs_the_preview_that_was_seen(store, settings, upload):
    """Without a preview, or with an older one, nothing is imported."""
    with pytest.raises(InvalidInput, match="has no preview yet"):
        staging.commit(store, upload.id, "x", settings=settings, **ME)
    first = staging.preview(store, upload.id, FacilityOptions(), settings=settings, **ME)
    staging.preview(store, upload.id, FacilityOptions(default_class="D200"), settings=settings, **ME)
    with pytest.raises(Conflict, match="another preview"):
        staging.commit(store, upload.id, first["preview"], settings=settings, **ME)
    assert registered(store) == {}


def test_a_registry_that_changed_meanwhile_is_a_conflict(store, settings, upload, tmp_path):
    """Somebody registered the hospital in between: nothing is stored until the preview was looked at again."""
    said = staging.preview(store, upload.id, FacilityOptions(), settings=settings, **ME)
    other = stage(store, "b.csv", text_of(tmp_path, [HEADER, GOOD_ROW], "b.csv"), author="李")
    theirs = staging.preview(store, other.id, FacilityOptions(), author="李", settings=settings)
    staging.commit(store, other.id, theirs["preview"], author="李", settings=settings)
    with pytest.raises(Conflict, match="nothing was stored; the registry.* changed since the dry run"):
        staging.commit(store, upload.id, said["preview"], settings=settings, **ME)
    assert len(registered(store)) == 1
    again = staging.preview(store, upload.id, FacilityOptions(), settings=settings, **ME)
    assert staging.commit(store, upload.id, again["preview"], settings=settings, **ME).changes == {"unchanged": 1}


def test_a_change_elsewhere_is_no_conflict(store, settings, upload, tmp_path):
    """What other people do to other facilities does not hold the import up."""
    one = stage(store, "b.csv", text_of(tmp_path, [HEADER, ["远诊所", "D200", "126.99", "42.31", "WGS84"]], "b.csv"))
    staging.commit(store, one.id, staging.preview(store, one.id, FacilityOptions(), settings=settings, **ME)["preview"], settings=settings, **ME)
    said = staging.preview(store, upload.id, FacilityOptions(), settings=settings, **ME)
    with store.writing() as session:
        far = facilities.get(session, 1).facility
        history.correct(session, 1, type(far)(**{**far.__dict__, "note": "改"}), author="李", origin="form")
    assert staging.commit(store, upload.id, said["preview"], settings=settings, **ME).changes == {"new": 1}


def test_refused_rows_come_back_as_the_users_own_workbook(store, settings, tmp_path):
    """Of a workbook a workbook, with the reason; the import refuses unless bad rows are to be left out."""
    book = write_xlsx(tmp_path / "a.xlsx", [HEADER, GOOD_ROW, BAD]).read_bytes()
    one = stage(store, "名单.xlsx", book)
    said = staging.preview(store, one.id, FacilityOptions(), settings=settings, **ME)
    assert [each["row"] for each in said["refused"]] == [3]
    path = staging.refused_rows(store, one.id, **ME)
    page = openpyxl.load_workbook(path).active
    assert (path.name, page["A2"].value) == ("名单_refused.xlsx", "坏")
    assert str(store.folder) not in json.dumps(said, ensure_ascii=False)
    with pytest.raises(RefusedRows):
        staging.commit(store, one.id, said["preview"], settings=settings, **ME)
    good = staging.preview(store, one.id, FacilityOptions(skip_bad=True), settings=settings, **ME)
    assert staging.commit(store, one.id, good["preview"], settings=settings, **ME).changes == {"new": 1}


def test_answers_and_mapping_travel_from_the_preview_to_the_import(store, settings, tmp_path):
    """What was said for the preview counts for the import."""
    odd = [["医疗点", "性质", "东向", "北向"], ["康健所", "村所", "126.85", "42.35"]]
    one = stage(store, "a.csv", text_of(tmp_path, odd))
    options = FacilityOptions(
        mapping={"医疗点": "name", "性质": "class_code", "东向": "longitude", "北向": "latitude"}, source_types={"村所": "D600"}, datum="WGS84",
        answers={2: "new"})
    said = staging.preview(store, one.id, options, settings=settings, **ME)
    staging.commit(store, one.id, said["preview"], settings=settings, **ME)
    assert registered(store) == {1: "康健所"}


def test_old_ones_are_swept(store, upload, table):
    """What nobody has touched for a day goes when the next one comes; newer ones stay."""
    yesterday = time.time() - 25 * 3600
    os.utime(upload.path.parent.parent, (yesterday, yesterday))
    new = stage(store, "b.csv", table)
    assert waiting_in(store) == [new.id]
    with pytest.raises(UploadNotFound, match="24 hours"):
        staging.staged(store, upload.id, **ME)


def test_thrown_away_is_gone(store, upload):
    """Discarded, it is found no more."""
    staging.discard(store, upload.id, **ME)
    assert waiting_in(store) == []
    with pytest.raises(UploadNotFound):
        staging.discard(store, upload.id, **ME)
