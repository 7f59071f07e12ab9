"""Copies of a workspace's database: taken while others write, and checked before they are trusted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from geosvc.errors import StoreError
from geosvc.store.engine import DATABASE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.store.engine import Store


def copy_database(store: Store, target: Path) -> None:
    """Write a copy of one state of the database, whoever reads or writes meanwhile (SQLite's online backup).

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    source = f"file:{store.folder / DATABASE_NAME}?mode=ro"
    try:
        with closing(sqlite3.connect(source, uri=True)) as here, closing(sqlite3.connect(target)) as there:
            here.backup(there)
            # One file, whole by itself: the journal beside it would have to travel too.
            there.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"the registry cannot be copied: {error}") from error
    check_database(target)


def check_database(path: Path) -> None:
    """Refuse a database that is damaged.

    Raises
    ------
    StoreError
        Naming the first fault.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{path.name} is not a readable registry ({error})") from error
    if verdict != "ok" or orphan is not None:
        raise StoreError(f"{path.name} is damaged: {verdict if verdict != 'ok' else f'a row of {orphan[0]} belongs to nothing'}")


def layers_named(path: Path) -> list[tuple[str, str]]:
    """Return (kind, SHA-256) of the layers that a copied database names."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [(str(kind), str(sha256)) for kind, sha256 in connection.execute("SELECT kind, sha256 FROM layer")]
