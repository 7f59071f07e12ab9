"""What every file must pass before a reader touches it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEBIBYTE = 1024 * 1024
SIDECAR_SUFFIX = ".meta.json"


def check_file(path: Path, *, max_mb: int, expected: str) -> Path:
    """Return ``path`` if it is a file of a size that can be read.

    Parameters
    ----------
    path : Path
    max_mb : int
        The largest size accepted, mebibytes.
    expected : str
        What should have come, for the message: "a table of facilities (CSV, …)".

    Raises
    ------
    UnreadableFile
        If it does not exist, is a folder, is empty, or is too large.
    """
    if path.is_dir():
        raise UnreadableFile(f"{path} is a folder; expected {expected}; name the file inside it")
    if not path.exists():
        raise UnreadableFile(f"{path} does not exist; expected {expected}")
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFile(f"{path} is empty (0 bytes); expected {expected}; was the export cut off?")
    if size > max_mb * _MEBIBYTE:
        raise UnreadableFile(
            f"{path} has {size / _MEBIBYTE:,.0f} MiB, more than the {max_mb:,} allowed; expected "
            f"{expected}; if it is really meant, clip it to the study area or raise GEOSVC_MAX_FILE_MB"
        )
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def joint_checksum(paths: Sequence[Path]) -> str:
    """Return one SHA-256 for several files, by name and content, whatever their order."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda each: each.name):
        digest.update(f"{path.name}:{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def sidecar_of(path: Path) -> dict[str, Any]:
    """Return what ``<file>.meta.json`` says of a file: source, licence, date, crs; {} without one.

    Raises
    ------
    UnreadableFile
        If the sidecar is not JSON, or the checksum in it is not that of the file.
    """
    sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
    if not sidecar.exists():
        return {}
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnreadableFile(f"{sidecar} is not JSON ({error}); correct it or remove it") from None
    if not isinstance(told, dict):
        raise UnreadableFile(f"{sidecar} must hold one JSON object with source, licence, date, crs")
    expected = told.get("sha256")
    if expected and expected != sha256_of(path):
        raise UnreadableFile(
            f"{path} is not the file that {sidecar.name} describes (sha256 differs); "
            "update the sidecar if the file was changed on purpose"
        )
    return told
