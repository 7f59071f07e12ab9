"""An edit that is killed leaves all of it or none, and what was acknowledged is there; a full disk says so and stores nothing."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from sqlalchemy import event

from geosvc.errors import StoreError
from geosvc.registry import audit, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.store.engine import DATABASE_NAME
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import editing
from geosvc.workflows.editing import Intent

# Moves its facility to and fro, and says of each change that it is done, as an answer over HTTP would.
PROGRAM = """
import sys
from pathlib import Path
from geosvc.settings import Settings
from geosvc.workflows import editing, features
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows.editing import Intent
from geosvc.workflows.workspace import open_workspace
store = open_workspace(Settings(workspace=Path(sys.argv[1])))
revision = int(sys.argv[2])
number = int(sys.argv[3])
print("ready", flush=True)
while True:
    number += 1
    patch = {"properties": {"note": str(number)}, "geometry": {"type": "Point", "coordinates": [126.0 + number % 100 / 1000, 42.0]}}
    done = editing.patch(store, 1, patch, Intent(author="x", origin="api", reason=str(number)), expected=revision)
    revision = done.feature["properties"]["revision"]
    print(number, flush=True)
"""


def _kill_often(store, times):
    with store.writing() as session:
        facilities.save(session, Facility(name="院", class_code="A100", lon=126.0, lat=42.0, position_method="surveyed"), facility_id=None, author="x", origin="t")
    chance = random.Random(7)
    number = 0
    for _each in range(times):
        with store.reading() as session:
            revision = facilities.get(session, 1).revision
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(store.folder), str(revision), str(number)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.02, 0.4))
        process.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in re.findall(r"(\d+)\n", process.stdout.read())]
        process.stdout.close()
        process.wait()
        with store.reading() as session:
            one = facilities.get(session, 1).facility
            versions = history.versions(session, 1)
            assert audit.verify(session).holds
        last = int(one.note or 0)
        # What was said to be done is done; at most the change under way is done beyond it.
        assert last in ((acknowledged or [number])[-1], (acknowledged or [number])[-1] + 1)
        assert one.lon == pytest.approx(126.0 + last % 100 / 1000)
        assert [int(each.reason or 0) for each in reversed(versions)] == list(range(last + 1))
        assert sum(each.superseded_at is None for each in versions) == 1
        number = last
    with closing(sqlite3.connect(store.folder / DATABASE_NAME)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert number > 0


def test_a_killed_edit_is_there_or_not(store):
    _kill_often(store, 3)


@pytest.mark.slow
def test_edits_killed_at_many_moments(store):
    _kill_often(store, 40)


def test_a_full_disk_stores_nothing_and_says_so(store):
    """SQLite is told that the disk ends here: the change is refused in words, the registry stands as before, and goes on when there is room."""
    with store.writing() as session:
        for number in range(20):
            facilities.save(session, Facility(name=f"院{number}", class_code="A100"), facility_id=None, author="x", origin="t")
    room = {"pages": 1}

    @event.listens_for(store._engine, "checkout")
    def _limit(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {room['pages']}")  # never below what is used

    store._engine.dispose()
    with store.reading() as session:
        before = facilities.find(session, FacilityQuery())
    document = {"type": "Feature", "geometry": None, "properties": {"name": "新", "class_code": "A100", "note": "长" * 2000}}
    with pytest.raises(StoreError, match="full"):
        for _each in range(50):
            editing.create(store, document, Intent(author="x", origin="api"))
    with store.reading() as session:
        after = facilities.find(session, FacilityQuery())
        assert [each for each in after if each.facility.name != "新"] == before
        assert audit.verify(session).holds
    room["pages"] = 1_000_000
    store._engine.dispose()
    assert editing.create(store, document, Intent(author="x", origin="api")).changed
