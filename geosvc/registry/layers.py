"""Layers: the files that runs are computed on, kept in the workspace under their checksum."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import StoreError
from geosvc.geo.files import joint_checksum
from geosvc.registry.moments import now
from geosvc.store.layers import LayerRow, select_layers
from geosvc.store.partial import partial_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from geosvc.store.engine import Session, Store

ROADS, POPULATION, ELEVATION, LANDCOVER = "roads", "population", "elevation", "landcover"
BARRIERS = "barriers"
KINDS = (ROADS, POPULATION, ELEVATION, LANDCOVER, BARRIERS)
_CHECKSUM_IN_NAME = 12


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Who made some data, under what licence, and of which day they are: maps name the source, 数据说明 all three."""

    source: str | None = None
    licence: str | None = None
    dated: str | None = None


UNSAID = Provenance()


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer. ``folder`` holds its files; ``summary`` says what was read from them."""

    kind: str
    title: str
    file_name: str
    folder: Path
    sha256: str
    source: str | None = None
    licence: str | None = None
    dated: str | None = None
    schematic: bool = False
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """The files of the layer, by name."""
        return sorted(self.folder.iterdir())


def find(store: Store, session: Session, kind: str | None = None, *, recorded_at: str | None = None) -> list[Layer]:
    """Return the layers in force, of one kind or of all; those that were in force at a moment."""
    return [_layer(store, row) for row in select_layers(session, kind, recorded_at=recorded_at)]


def _layer(store: Store, row: LayerRow) -> Layer:
    return Layer(
        kind=row.kind, title=row.title, file_name=row.file_name, folder=store.layers / row.path,
        sha256=row.sha256, source=row.source, licence=row.licence, dated=row.dated,
        schematic=row.schematic, summary=row.summary,
    )


def folder_name(kind: str, sha256: str) -> str:
    """Return the name of a layer's folder in the workspace."""
    return f"{kind}-{sha256[:_CHECKSUM_IN_NAME]}"


def save(session: Session, layer: Layer, *, author: str) -> str:
    """Put a layer in force; one of the same kind that was in force before is replaced.

    Returns
    -------
    change : str
        ``new``, ``changed`` (it replaces another) or ``unchanged``.
    """
    moment = now()
    change = "new"
    for row in select_layers(session, layer.kind):
        if (row.sha256, row.summary, row.source, row.licence, row.dated) == (layer.sha256, layer.summary, layer.source, layer.licence, layer.dated):
            return "unchanged"
        row.replaced_at = moment
        change = "changed"
    session.add(
        LayerRow(
            kind=layer.kind, title=layer.title, file_name=layer.file_name, path=layer.folder.name,
            sha256=layer.sha256, source=layer.source, licence=layer.licence, dated=layer.dated,
            schematic=layer.schematic, summary=layer.summary, recorded_at=moment, author=author,
        )
    )
    session.flush()
    return change


@contextmanager
def files_of(store: Store, kind: str, write: Callable[[Path], None]) -> Iterator[tuple[Path, str]]:
    """Give the folder and the checksum of a new layer; if what follows fails, the folder is gone again.

    The checksum is that of what is stored, so that it changes whenever a run would change: with
    another layer of the same file, or with attributes that stand in a file beside it.

    Parameters
    ----------
    store : Store
    kind : str
    write : callable
        Puts the files into a folder.

    Raises
    ------
    StoreError
        If the disk is full or the workspace cannot be written.
    """
    final: Path | None = None
    partial: Path | None = None
    try:
        partial = partial_folder(store.layers)
        write(partial)
        sha256 = joint_checksum(list(partial.iterdir()))
        folder = store.layers / folder_name(kind, sha256)
        if not folder.exists():
            partial.rename(folder)
            final = folder  # ours to remove if what follows fails
        yield folder, sha256
    except BaseException as error:
        if final is not None:
            shutil.rmtree(final, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, StoreError):
            raise StoreError(f"the layer cannot be stored in the workspace: {error}") from error
        raise
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
