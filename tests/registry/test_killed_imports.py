"""An import that is killed leaves all of it or none; ten at once lose nothing and double nothing."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from registry.made_files import HEADER, write_csv

from geosvc.registry import audit, facilities
from geosvc.store.engine import DATABASE_NAME
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.import_records import imports_page

PROGRAM = """
import sys
from pathlib import Path
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.workflows.importing import import_facilities
from geosvc.workflows.undoing import undo_import
from geosvc.workflows.workspace import open_workspace
settings = Settings(workspace=Path(sys.argv[1]), author=sys.argv[3])
store = open_workspace(settings)
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2].isdigit():
    print(undo_import(store, int(sys.argv[2]), author="x"))
else:
    print(import_facilities(store, Path(sys.argv[2]), FacilityOptions(), settings).as_dict()["new"])
"""


def start(store, what, author="x"):
    """Start a process that waits for a word before it begins."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store.folder), str(what), author], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def rows_of(count, *, first=0, beds=""):
    """Return rows of clinics, 200 m apart or more, each of another name."""
    names = "甲乙丙丁戊己庚辛壬癸"
    return [
        ["".join(names[int(digit)] for digit in f"{number:05d}") + "诊所", "D200", f"{126.8 + number % 80 * 0.0025:.4f}",
         f"{42.3 + number // 80 * 0.002:.4f}", "WGS84", beds]
        for number in range(first, first + count)
    ]


def table(path, rows):
    return write_csv(path, [[*HEADER, "床位"], *rows])


def counted(store):
    """Return how many facilities are registered, and how many of them have beds, after all checks of what is left."""
    with closing(sqlite3.connect(store.folder / DATABASE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchone() is None
    with store.reading() as session:
        verdict = audit.verify(session)
        assert verdict.holds, verdict.problem
        found = facilities.find(session, FacilityQuery())
    assert len({each.facility.name for each in found}) == len(found)
    return len(found), sum(bool(each.facility.beds) for each in found)


def killed_at_random(store, settings, tmp_path, *, times, rows, seed):
    """Kill an import that adds as many as it changes, and then its undo, again and again."""
    at = random.Random(seed)
    importing.import_facilities(store, table(tmp_path / "a.csv", rows_of(rows)), _options(), settings)
    changing = table(tmp_path / "b.csv", rows_of(2 * rows, beds="7"))
    before, after = (rows, 0), (2 * rows, 2 * rows)
    seen, longest = [], None
    while len(seen) < times:
        state = counted(store)
        what = changing if state == before else imports_page(store)[0][0]["id"]
        process = start(store, what)
        begun = time.monotonic()
        go(process)
        try:
            # The first one shows how long it takes; the others are killed anywhere up to a little after its end.
            process.wait(timeout=120 if longest is None else at.uniform(0, 1.1 * longest))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        longest = longest or time.monotonic() - begun
        reached = counted(store)
        assert reached in (before, after), "neither all nor none"
        seen.append((state, reached))
    return seen


def _options():
    from geosvc.registry.imports.facilities import FacilityOptions

    return FacilityOptions()


@pytest.mark.slow
def test_a_killed_import_leaves_all_or_none(store, settings, tmp_path):
    """A few times: 100 new and 100 changed facilities, and their undo, killed at any moment."""
    seen = killed_at_random(store, settings, tmp_path, times=3, rows=100, seed=1)
    assert seen[0][1] == (200, 200)


@pytest.mark.slow
def test_killed_many_times(store, settings, tmp_path):
    """Twenty times, with more rows; some are killed before they took effect, some after."""
    seen = killed_at_random(store, settings, tmp_path, times=20, rows=400, seed=2)
    assert any(state == reached for state, reached in seen)
    assert any(state != reached for state, reached in seen[1:])


TIMES = [2, pytest.param(10, marks=pytest.mark.slow)]


@pytest.mark.parametrize("many", TIMES)
def test_importers_at_once_lose_nothing_and_double_nothing(store, settings, tmp_path, many):
    """Many processes, each with its file, each overlapping the next: every facility is there once, and each wrote its record."""
    files = [table(tmp_path / f"{number}.csv", rows_of(60, first=30 * number)) for number in range(many)]
    processes = [start(store, path, author=path.stem) for path in files]
    for process in processes:
        go(process)
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.strip().isdigit()
    assert counted(store) == (30 * (many + 1), 0)
    records, matched, _ = imports_page(store, limit=20)
    assert sum(each["new"] for each in records) == 30 * (many + 1)
    assert all(each["new"] + each["unchanged"] == 60 for each in records)
    assert matched > many // 2  # who came after both neighbours found nothing new, and left no record


@pytest.mark.parametrize("many", TIMES)
def test_the_same_file_many_times_at_once_is_registered_once(store, settings, tmp_path, many):
    """Many people press the button together: one registers, the others find it unchanged."""
    path = table(tmp_path / "a.csv", rows_of(60))
    processes = [start(store, path) for _ in range(many)]
    for process in processes:
        go(process)
    told = sorted(int(process.communicate(timeout=120)[0]) for process in processes)
    assert told == [0] * (many - 1) + [60]
    assert counted(store) == (60, 0)


def test_who_waits_too_long_is_told_so(store, settings, tmp_path, monkeypatch):
    """Another import writes and does not end: the second one stores nothing and says what to do."""
    from geosvc.errors import StoreError
    from geosvc.store import engine

    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.2)
    second = engine.open_store(store.folder)
    try:
        with store.writing(), pytest.raises(StoreError, match="somebody else, perhaps a long import, .* nothing was stored; try again"):
            importing.import_facilities(second, table(tmp_path / "a.csv", rows_of(2)), _options(), settings)
    finally:
        second.close()
    assert counted(store) == (0, 0)
