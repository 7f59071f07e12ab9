"""Opening the workspace's database, and its sessions."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from geosvc.errors import SchemaMismatch, StoreError, WorkspaceNotFound
from geosvc.store.audit import Trail
from geosvc.store.memory import Answer, Memory
from geosvc.store.scope import limit_reading, limit_writing, refuse_unpublished

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

__all__ = ["DATABASE_NAME", "SCHEMA", "Session", "Store", "create_store", "open_store"]

DATABASE_NAME = "registry.sqlite"
# The newest migration under migrations/versions; a test holds the two together.
SCHEMA = "0015"
_BUSY_SECONDS = 30


class Store:
    """One workspace: a database and the folders of files beside it.

    Use :func:`create_store` or :func:`open_store`; close it when done.
    """

    def __init__(
        self, folder: Path, engine: Engine, areas: tuple[str, ...] | None = None, memory: Memory | None = None,
        *, proposes: bool = False,
    ) -> None:
        """Keep the folder, the engine, the areas it is limited to (None: everywhere), and whether changes wait for approval."""
        self._memory = memory or Memory()
        self.folder = folder
        self.areas = areas
        self.proposes = proposes
        self._engine = engine

    def limited_to(self, areas: Sequence[str] | None) -> Store:
        """Return this store as an account of some areas sees it; see :mod:`geosvc.store.scope`.

        The codes are taken as they are; which codes the areas of an account mean (zones, divisions that got
        another code) is found out by :func:`geosvc.workflows.scopes.as_seen_by`.
        """
        return self if areas is None else Store(self.folder, self._engine, tuple(areas), self._memory, proposes=self.proposes)

    def everywhere(self) -> Store:
        """Return this store without limits: what a run rests on is more than what an account may see."""
        return self if self.areas is None else Store(self.folder, self._engine, memory=self._memory, proposes=self.proposes)

    def proposing(self) -> Store:
        """Return this store for somebody whose changes of facilities wait until an administrator publishes them."""
        return Store(self.folder, self._engine, self.areas, self._memory, proposes=True)

    def recall(self, session: Session, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """Return what ``work`` finds out in a session of this store, remembered until the registry changes.

        See :class:`geosvc.store.memory.Memory`; ``key`` names the question.
        """
        return self._memory.recall(session, (self.areas, key), work)

    def recall_large(self, session: Session, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """Return what ``work`` finds out, as :meth:`recall` does, where it is large: the last few answers are remembered."""
        return self._memory.recall_large(session, (self.areas, key), work)

    @property
    def layers(self) -> Path:
        """Folder of imported layers."""
        return self.folder / "layers"

    @property
    def uploads(self) -> Path:
        """Folder of files that wait to be imported."""
        return self.folder / "uploads"

    @property
    def runs(self) -> Path:
        """Folder of surfaces and other files that runs leave."""
        return self.folder / "runs"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the database and writes nothing."""
        with Session(self._engine, expire_on_commit=False) as session:
            if self.areas is not None:
                limit_reading(session, self.areas)
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
                if self.areas is not None:
                    limit_writing(session, self.areas)
                if self.proposes:
                    refuse_unpublished(session)
                trail = Trail(session)
                yield session
                trail.write()
                session.commit()
            except DBAPIError as error:
                session.rollback()
                raise StoreError(_why_not_written(str(error.orig))) from error
            except BaseException:
                session.rollback()
                raise

    @contextmanager
    def trying(self) -> Iterator[Session]:
        """Give a session that may do all that a writing one of this account may, and of which nothing is kept.

        Raises
        ------
        StoreError
        """
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                session.connection(execution_options={"geosvc_write": True})
                if self.areas is not None:
                    limit_writing(session, self.areas)
                yield session
            except DBAPIError as error:
                raise StoreError(_why_not_written(str(error.orig))) from error
            finally:
                session.rollback()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


class _Compiler(SQLiteCompiler):
    """Writes the hints of statements for SQLite ("INDEXED BY ..."), which SQLAlchemy leaves out."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """Return the hint that stands behind a table."""
        del table
        return text


def _json_text(value: Any) -> str:
    """Return JSON in which Chinese is readable and can be searched; half a pair of surrogates stays escaped."""
    if value == []:  # most groups of a facility: nothing to be written
        return "[]"
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def _json_value(text: str) -> Any:
    """Return what JSON says; most groups of a facility are empty, and an empty one needs no parser."""
    return [] if text == "[]" else json.loads(text)


def _why_not_written(told: str) -> str:
    """Return what a person can do about a database that cannot be written."""
    if "locked" in told:
        return (f"the workspace cannot be written: somebody else, perhaps a long import, has been writing for more than {_BUSY_SECONDS} seconds; "
                "nothing was stored; try again in a minute")
    if "full" in told:
        return f"the workspace cannot be written: {told}; nothing was stored; make room on its disk, then try again"
    return f"the workspace cannot be written: {told}; nothing was stored"


def _connect(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS}, json_serializer=_json_text, json_deserializer=_json_value)
    engine.dialect.statement_compiler = _Compiler

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
