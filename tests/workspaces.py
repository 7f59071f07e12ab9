"""Workspaces of tests: copies of one that is in use."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from geosvc.store.engine import DATABASE_NAME


def copy_workspace(source: Path, target: Path) -> Path:
    """Copy a workspace that others have open.

    The database is copied by SQLite. To open its file by hand and to close it drops the locks of the whole process on it,
    and a server beside then writes over what is being written here.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(f"{DATABASE_NAME}*"))
    with closing(sqlite3.connect(source / DATABASE_NAME)) as one, closing(sqlite3.connect(target / DATABASE_NAME)) as other:
        one.backup(other)
    return target
