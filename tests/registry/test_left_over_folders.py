"""What a killed process left half written is removed at the next start, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from fastapi.testclient import TestClient

from geosvc.application import create_app
from geosvc.store import partial
from geosvc.store.partial import partial_folder, remove_left_over


def _of_a_process_that_ended(parent):
    """A folder with a file in it whose writer was killed."""
    code = "import os, sys; from pathlib import Path; from geosvc.store.partial import partial_folder; print(partial_folder(Path(sys.argv[1]))); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code, str(parent)], capture_output=True, text=True, check=False, timeout=60)
    (name,) = [each.name for each in parent.iterdir() if each.name in done.stdout]
    (parent / name / "surface.tif").write_bytes(b"half")
    return name


def test_what_a_killed_process_left_goes_at_the_next_start(store, settings):
    """What this process writes, and every run, stays."""
    left, own = _of_a_process_that_ended(store.runs), partial_folder(store.runs)
    (store.runs / "3f0c9a7be512").mkdir()
    with TestClient(create_app(settings)):
        assert sorted(each.name for each in store.runs.iterdir()) == sorted([own.name, "3f0c9a7be512"])
    assert not (store.runs / left).exists()


def test_of_another_machine_only_what_is_a_day_old(tmp_path, monkeypatch):
    """Whether its writer lives cannot be asked; an older version did not say who it was."""
    monkeypatch.setattr(partial.socket, "gethostname", lambda: "other.machine")
    fresh, old = partial_folder(tmp_path), partial_folder(tmp_path)
    monkeypatch.undo()
    unnamed = tmp_path / ".partial-abc123"
    unnamed.mkdir()
    for each in (old, unnamed):
        os.utime(each, (time.time() - 2 * 86400,) * 2)
    assert remove_left_over(tmp_path) == sorted([old.name, unnamed.name])
    assert fresh.exists()


def test_nothing_to_remove(tmp_path):
    """A workspace without the folder, a link, a file: left alone."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".partial-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".partial-file").write_text("x")
    assert remove_left_over(tmp_path) == remove_left_over(tmp_path / "none") == []
