"""Backup and restore: the whole workspace, consistent while others write, refused when damaged."""

from __future__ import annotations

import json
import threading
import zipfile
from pathlib import Path

import pytest
from registry.made_files import HEADER, snapshot, write_csv
from workflows.small_county import furnish

from geosvc.errors import InvalidInput, StoreError, UnreadableFile
from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.engine import DATABASE_NAME, open_store
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing, reading
from geosvc.workflows.backup import MANIFEST, restore_backup, write_backup
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.publishing import write_map
from geosvc.workflows.study import Study


@pytest.fixture
def county(settings, tmp_path):
    """The small county, measured."""
    store = furnish(settings, tmp_path)
    measure_service(Study(store, settings), "hospital-drive")
    yield store
    store.close()


@pytest.fixture
def archive(county, tmp_path) -> Path:
    """A backup of it."""
    return write_backup(county, tmp_path / "b" / "county.zip").path


def changed(archive: Path, target: Path, *, leave_out=(), replaced=None, added=None) -> Path:
    """Write a copy of an archive with other content."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name not in leave_out:
                new.writestr(name, (replaced or {}).get(name, old.read(name)))
        for name, content in (added or {}).items():
            new.writestr(name, content)
    return target


def test_what_is_restored_is_what_was_there(county, archive, tmp_path):
    """Every row and every file; the same answer and the same map, to the byte; measured again it is the same run."""
    made = restore_backup(archive, tmp_path / "again")
    assert made.files == len(json.loads(zipfile.ZipFile(archive).read(MANIFEST))["files"]) > 5
    assert snapshot(tmp_path / "again") == snapshot(county.folder)
    twin = open_store(tmp_path / "again")
    assert reading.default_answer(twin, "hospital-drive") == reading.default_answer(county, "hospital-drive")
    here, there = (write_map(store, "hospital-drive", tmp_path / f"{n}.html") for n, store in enumerate((county, twin)))
    assert here.read_bytes() == there.read_bytes()
    run = measure_service(Study(twin, Settings(workspace=tmp_path / "again")), "hospital-drive")
    assert run.id == reading.default_answer(county, "hospital-drive")["run"]
    twin.close()


def test_a_backup_taken_while_others_write_is_one_state(county, settings, tmp_path):
    """Imports of ten facilities go on meanwhile: the copy holds whole imports only."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            rows = [[f"诊所{number}-{i}", "D200", "126.85", "42.35", "WGS84"] for i in range(10)]
            importing.import_facilities(county, write_csv(tmp_path / "more.csv", [HEADER, *rows]), FacilityOptions(answers=dict.fromkeys(range(2, 12), "new")), settings)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            restore_backup(write_backup(county, tmp_path / f"{number}.zip").path, tmp_path / f"copy{number}")
            twin = open_store(tmp_path / f"copy{number}")
            with twin.reading() as session:
                assert facilities.count(session, FacilityQuery(class_prefixes=["D200"])) % 10 == 0
            twin.close()
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(("how", "words"), [
    (lambda a, t: changed(a, t, leave_out=[MANIFEST]), "no manifest"),
    (lambda a, t: changed(a, t, leave_out=[DATABASE_NAME]), "does not hold the files"),
    (lambda a, t: changed(a, t, added={"layers/more.txt": "x"}), "does not hold the files"),
    (lambda a, t: changed(a, t, replaced={DATABASE_NAME: b"SQLite format 3\x00" + b"x" * 9000}), "SHA-256"),
    (lambda a, t: changed(a, t, replaced={MANIFEST: "{"}), "no manifest"),
    (lambda a, t: changed(a, t, added={"../../evil": "x"}, replaced={MANIFEST: json.dumps({
        "format": "geosvc backup 1", "files": {name: {} for name in [*zipfile.ZipFile(a).namelist(), "../../evil"] if name != MANIFEST}})}),
     "belongs in no workspace"),
    (lambda a, t: t.write_bytes(a.read_bytes()[:5000]) and t, "damaged or no backup"),
    (lambda _a, t: t.write_bytes(b"not a zip") and t, "damaged or no backup"),
])
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(archive, tmp_path, how, words):
    """Cut off, changed, with a file that leads out of the folder: refused, and no workspace is made."""
    bad = tmp_path / "bad.zip"
    how(archive, bad)
    with pytest.raises((UnreadableFile, StoreError), match=words):
        restore_backup(bad, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".new*"))
    assert not (tmp_path.parent / "evil").exists()


def test_nothing_is_written_over(county, archive, settings):
    """Neither an old backup nor a workspace."""
    with pytest.raises(InvalidInput, match="there already"):
        write_backup(county, archive)
    with pytest.raises(InvalidInput, match="not empty"):
        restore_backup(archive, settings.workspace)


def test_a_layer_without_its_files_is_no_backup(county, tmp_path):
    """A backup that could not be restored whole is not made."""
    (folder,) = county.layers.glob("roads-*")
    folder.rename(tmp_path / "gone")
    with pytest.raises(StoreError, match="roads"):
        write_backup(county, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
    assert not list(tmp_path.glob(".b.zip*"))


def test_by_hand(county, tmp_path, capsys):
    """The two commands, one after the other."""
    from geosvc.cli import app

    told = []
    for words in (["backup", "-w", str(county.folder), "-o", str(tmp_path / "x.zip")],
                  ["restore", str(tmp_path / "x.zip"), "-w", str(tmp_path / "y")]):
        with pytest.raises(SystemExit) as ended:
            app(words)
        assert ended.value.code == 0
        told.append(capsys.readouterr().out)
    assert "files" in told[0]
    assert "geosvc init" in told[1]
    open_store(tmp_path / "y").close()
