"""What every file must pass before a reader touches it."""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_MEBIBYTE = 1024 * 1024
SIDECAR_SUFFIX = ".meta.json"
_LONGEST_STEM, _NAME_SHOWN = 60, 80
_ZIP = b"PK\x03\x04"
_ZIPPED = frozenset({".xlsx", ".xlsm", ".xlsb", ".ods"})
_UNPACKED_MIB, _LARGEST_RATIO = 200, 100
_NO_TABLES = {
    b"\x89PNG": "a picture (PNG)", b"\xff\xd8\xff": "a picture (JPEG)", b"GIF8": "a picture (GIF)", b"BM": "a picture (BMP)",
    b"%PDF": "a PDF", b"MZ": "a program", b"\x7fELF": "a program", b"Rar!": "an archive (RAR)", b"7z\xbc\xaf": "an archive (7z)",
    b"\x1f\x8b": "an archive (gzip)",
}


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
        raise UnreadableFile(f"{path.name} is empty (0 bytes); expected {expected}; was the export cut off?")
    if size > max_mb * _MEBIBYTE:
        raise UnreadableFile(
            f"{path.name} has {size / _MEBIBYTE:,.0f} MiB, more than the {max_mb:,} allowed; expected "
            f"{expected}; if it is really meant, clip it to the study area or raise GEOSVC_MAX_FILE_MB"
        )
    return path


def safe_name(name: str, *, suffixes: Collection[str], expected: str) -> str:
    """Return a name for a file that came from elsewhere: its own, without folders and signs that mean something to a system.

    Raises
    ------
    UnreadableFile
        If its suffix is none of those that are read.

    Examples
    --------
    >>> safe_name("../../etc/医院 名单(1).CSV", suffixes={".csv"}, expected="a table")
    '医院 名单(1).csv'
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = last.rpartition(".")
    stem, suffix = (stem, f".{ending}".lower()) if dot else (last, "")
    if suffix not in suffixes:
        raise UnreadableFile(f"{last[:_NAME_SHOWN] or 'the file'} is of a type that is not read here ({suffix or 'no suffix'}); expected {expected}")
    kept = "".join(each if each.isalnum() or each in " _-()（）【】" else "_" for each in stem).strip(" _-")
    return (kept[:_LONGEST_STEM].strip() or "upload") + suffix


def check_kind(path: Path, *, expected: str) -> None:
    """Refuse a file that is something else than its suffix says, or far larger inside than outside.

    Raises
    ------
    UnreadableFile
    """
    with path.open("rb") as stream:
        head = stream.read(16)
    for sign, what in _NO_TABLES.items():
        # Two letters may begin a text; then it has no zero bytes.
        if head.startswith(sign) and (len(sign) > 2 or b"\x00" in head):
            raise UnreadableFile(f"{path.name} is {what}, whatever its name says; expected {expected}")
    if head.startswith(_ZIP) and path.suffix.lower() not in _ZIPPED:
        raise UnreadableFile(f"{path.name} is a zip archive or a workbook, whatever its name says; expected {expected}")
    if path.suffix.lower() in _ZIPPED:
        check_zip(path, expected=expected)


def check_zip(path: Path, *, expected: str) -> None:
    """Refuse a workbook that would fill the memory once it is unpacked.

    Raises
    ------
    UnreadableFile
    """
    if not zipfile.is_zipfile(path):
        if path.suffix.lower() == ".xls":
            return
        raise UnreadableFile(f"{path.name} is no {path.suffix.lower()} workbook inside; expected {expected}; was it renamed or cut off?")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableFile(f"{path.name} is damaged ({error}); expected {expected}") from None
    packed = max(path.stat().st_size, 1)
    if size > _UNPACKED_MIB * _MEBIBYTE and size > _LARGEST_RATIO * packed:
        raise UnreadableFile(
            f"{path.name} would have {size / _MEBIBYTE:,.0f} MiB once unpacked, {size / packed:,.0f} times its size: "
            f"no table of facilities is like that, and it is not opened; expected {expected}"
        )


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
