"""A workspace in one file, and back: consistent while others write, verified byte by byte."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from geosvc import __version__
from geosvc.errors import InvalidInput, StoreError, UnreadableFile
from geosvc.registry.layers import folder_name
from geosvc.registry.moments import now
from geosvc.store.engine import DATABASE_NAME, SCHEMA
from geosvc.store.snapshots import check_database, copy_database, layers_named

if TYPE_CHECKING:
    from geosvc.store.engine import Store

Progress = Callable[[float, str], None]
MANIFEST = "manifest.json"
_FORMAT = "geosvc backup 1"
_FOLDERS = ("layers", "runs")  # every workspace has them
_PACKED = (*_FOLDERS, "plans")  # the last one: of workspaces from before
_PIECE = 1 << 20
_LARGEST_MANIFEST = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup holds."""

    path: Path
    created_at: str
    version: str
    schema: str
    files: int
    bytes: int


def write_backup(store: Store, target: Path, progress: Progress | None = None) -> Backup:
    """Write everything a workspace holds into one zip file; readers and writers go on meanwhile.

    The registry is one state of it; layers and runs never change once they are there. The
    manifest names every file with its size and SHA-256.

    Raises
    ------
    InvalidInput
        If the file is there already.
    StoreError
        If it cannot be written, or a layer that the registry names has no files.
    """
    if target.exists():
        raise InvalidInput(f"{target} is there already; name a new file, an old backup is never written over")
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="geosvc-backup-") as folder:
            database = Path(folder) / DATABASE_NAME
            copy_database(store, database)
            _refuse_lost_layers(store, database)
            made = _pack(store, database, partial, progress or (lambda _share, _text: None))
        partial.replace(target)
    except OSError as error:
        raise StoreError(f"the backup cannot be written to {target}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return _described(target, made)


def _refuse_lost_layers(store: Store, database: Path) -> None:
    lost = [kind for kind, sha256 in layers_named(database) if not (store.layers / folder_name(kind, sha256)).is_dir()]
    if lost:
        raise StoreError(
            f"the files of the layer {', '.join(lost)} are not in the workspace; if it was replaced this moment, try again, "
            "else import it again before the backup"
        )


def _pack(store: Store, database: Path, target: Path, tell: Progress) -> dict[str, Any]:
    held = [
        path for name in _PACKED for path in sorted((store.folder / name).rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(store.folder).parts)
    ]
    entries = [(DATABASE_NAME, database), *((path.relative_to(store.folder).as_posix(), path) for path in held)]
    files: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(target, "w", allowZip64=True) as archive:
        for number, (name, path) in enumerate(entries):
            tell(number / len(entries), name)
            packed = zipfile.ZIP_DEFLATED if path.suffix in ("", ".sqlite", ".fgb", ".json", ".csv") else zipfile.ZIP_STORED
            try:
                stream = path.open("rb")
            except FileNotFoundError:
                continue  # a run that was replaced this moment: it is computed again when it is asked for
            with stream, archive.open(_entry(name, packed), "w", force_zip64=True) as into:
                files[name] = _copy(stream, into)
        manifest = {"format": _FORMAT, "version": __version__, "schema": SCHEMA, "created_at": now(), "files": files}
        archive.writestr(_entry(MANIFEST, zipfile.ZIP_DEFLATED), json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def _entry(name: str, packed: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # without the clock of this machine
    entry.compress_type = packed
    entry.external_attr = 0o644 << 16
    return entry


def _copy(stream: IO[bytes], into: IO[bytes], most: int | None = None) -> dict[str, Any]:
    """Copy a stream and return its size and SHA-256; a stream with more than ``most`` bytes is cut one piece later."""
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
        into.write(piece)
        if most is not None and size > most:
            break
    return {"bytes": size, "sha256": digest.hexdigest()}


def restore_backup(archive: Path, folder: Path, progress: Progress | None = None) -> Backup:
    """Make a workspace out of a backup; it is there as a whole, every byte checked, or not at all.

    Raises
    ------
    UnreadableFile
        If the file is no backup, is damaged, or was changed.
    InvalidInput
        If the folder holds something already.
    StoreError
        If the registry in it is damaged, or the folder cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is not empty; name a new folder, a workspace is never written over")
    partial = folder.with_name(f".{folder.name}.restoring")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        with zipfile.ZipFile(archive) as opened:
            manifest = _manifest_of(opened, archive)
            _unpack(opened, manifest["files"], partial, archive, progress or (lambda _share, _text: None))
        check_database(partial / DATABASE_NAME)
        for name in _FOLDERS:
            (partial / name).mkdir(exist_ok=True)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except (zipfile.BadZipFile, EOFError) as error:
        raise UnreadableFile(f"{archive.name} is damaged or no backup of geosvc ({error}); copy it again") from None
    except OSError as error:
        raise StoreError(f"the backup cannot be restored to {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _described(archive, manifest)


def _manifest_of(opened: zipfile.ZipFile, archive: Path) -> dict[str, Any]:
    """Return the manifest, after checking that it names each file of the archive and no file outside of a workspace."""
    names = opened.namelist()
    told: Any = None
    if MANIFEST in names and opened.getinfo(MANIFEST).file_size <= _LARGEST_MANIFEST:
        try:
            told = json.loads(opened.read(MANIFEST))
        except ValueError:
            told = None
    if not isinstance(told, dict) or told.get("format") != _FORMAT or not isinstance(told.get("files"), dict):
        raise UnreadableFile(f"{archive.name} is no backup of geosvc (it has no manifest that says {_FORMAT!r})")
    if sorted(names) != sorted([MANIFEST, *told["files"]]):
        raise UnreadableFile(f"{archive.name} does not hold the files that its manifest names; it was changed, use another copy")
    for name in told["files"]:
        parts = PurePosixPath(name).parts
        if name != DATABASE_NAME and (parts[:1] not in [(each,) for each in _PACKED] or ".." in parts or "\\" in name):
            raise UnreadableFile(f"{archive.name} holds {name!r}, which belongs in no workspace; it was changed, use another copy")
    if DATABASE_NAME not in told["files"]:
        raise UnreadableFile(f"{archive.name} holds no registry; it was changed, use another copy")
    return told


def _unpack(
    opened: zipfile.ZipFile, files: dict[str, Any], folder: Path, archive: Path, tell: Progress
) -> None:
    for number, (name, said) in enumerate(files.items()):
        tell(number / len(files), name)
        target = folder.joinpath(*PurePosixPath(name).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(name) as stream, target.open("wb") as into:
            found = _copy(stream, into, most=int(said.get("bytes", 0)))
        if found != said:
            raise UnreadableFile(f"{archive.name}: {name} is not what the backup was made of (SHA-256 differs); use another copy")


def _described(path: Path, manifest: dict[str, Any]) -> Backup:
    return Backup(
        path=path, created_at=manifest["created_at"], version=manifest["version"], schema=manifest["schema"],
        files=len(manifest["files"]), bytes=sum(each["bytes"] for each in manifest["files"].values()),
    )
