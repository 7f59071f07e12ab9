"""Opening the workspace's database, and its sessions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from geosvc.errors import SchemaMismatch, StoreError, WorkspaceNotFound
from geosvc.store.audit import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DATABASE_NAME", "SCHEMA", "Session", "Store", "create_store", "open_store"]

DATABASE_NAME = "registry.sqlite"
# The newest migration under migrations/versions; a test holds the two together.
SCHEMA = "0006"
_BUSY_SECONDS = 30


class Store:
    """One workspace: a database and the folders of files beside it.

    Use :func:`create_store` or :func:`open_store`; close it when done.
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        """Keep the folder and the engine."""
        self.folder = folder
        self._engine = engine

    @property
    def layers(self) -> Path:
        """Folder of imported layers."""
        return self.folder / "layers"

    @property
    def runs(self) -> Path:
        """Folder of surfaces and other files that runs leave."""
        return self.folder / "runs"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the database and writes nothing."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes all take effect at its end, or none of them do.

        Raises
        ------
        StoreError
            If the database is locked by another writer for too long, read-only, or full.
        """
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                session.connection(execution_options={"geosvc_write": True})
                trail = Trail(session)
                yield session
                trail.write()
                session.commit()
            except DBAPIError as error:
                session.rollback()
                raise StoreError(f"the workspace cannot be written: {error.orig}") from error
            except BaseException:
                session.rollback()
                raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _connect(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin late (at the first write); begin them ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A writer takes its lock at once: two writers that both read first would deadlock.
        writing = connection.get_execution_options().get("geosvc_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def create_store(folder: Path) -> Store:
    """Make a workspace in a folder (new or empty of one), or bring an old one up to date.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        engine = _connect(folder / DATABASE_NAME)
        if _schema_of(engine) != SCHEMA:
            from geosvc.store.migrate import upgrade  # noqa: PLC0415  Alembic is slow to import

            upgrade(engine)
        store = Store(folder, engine)
        store.layers.mkdir(exist_ok=True)
        store.runs.mkdir(exist_ok=True)
    except (OSError, DatabaseError) as error:
        raise StoreError(f"no workspace can be made in {folder}: {error}") from error
    return store


def open_store(folder: Path) -> Store:
    """Open the workspace in a folder.

    Raises
    ------
    WorkspaceNotFound
        If there is none.
    SchemaMismatch
        If it was written by another version.
    """
    path = folder / DATABASE_NAME
    if not path.is_file():
        raise WorkspaceNotFound(f"{folder} is not a workspace; make one with: geosvc init {folder}")
    engine = _connect(path)
    try:
        found = _schema_of(engine)
    except DatabaseError as error:
        engine.dispose()
        raise StoreError(f"{path} is not a readable registry ({error.orig})") from error
    if found != SCHEMA:
        engine.dispose()
        raise SchemaMismatch(
            f"{path} has schema {found}, this version reads {SCHEMA}; "
            f"bring it up to date with: geosvc init {folder}, or install the version that wrote it"
        )
    return Store(folder, engine)


def _schema_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if version is None else str(version)
