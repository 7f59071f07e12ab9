"""Files that wait to be imported: uploaded, looked at, mapped, tried, then imported or thrown away.

A staged file lies in a folder of its own under ``uploads`` in the workspace, whose name nobody can
guess, and belongs to the person who brought it. What nobody has touched for a day is swept away.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.errors import Conflict, InvalidInput, StoreError, TooLarge, UploadNotFound
from geosvc.geo.files import check_file, check_kind, safe_name, sha256_of
from geosvc.geo.vector import VECTOR_SUFFIXES
from geosvc.registry.imports.facilities import EXPECTED, FacilityOptions, check_rows
from geosvc.registry.imports.tables import SHEET_SUFFIXES, TEXT_SUFFIXES
from geosvc.registry.moments import now
from geosvc.workflows.facility_imports import import_facilities, preview_facilities
from geosvc.workflows.mapping import describe_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from geosvc.registry.imports.report import ImportReport
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

# A Shapefile is several files, OpenStreetMap's are no tables, how far an .xlsb reaches is not seen beforehand:
# they come over the command line.
SUFFIXES = frozenset((TEXT_SUFFIXES | SHEET_SUFFIXES | VECTOR_SUFFIXES) - {".shp", ".pbf", ".osm", ".parquet", ".gml", ".fgb", ".xlsb"})
KEPT_HOURS = 24
# More rows, or more files that wait, are for the command line.
MOST_ROWS, MOST_WAITING = 100_000, 20
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_CHUNK = 1 << 20
_ABOUT, _PREVIEW, _REPORT, _REFUSED, _FILE = "about.json", "preview.json", "report.json", "refused", "file"
_MEBIBYTE = 1 << 20
_CHOICES = ("datum", "layer", "crs", "default_class", "without_positions", "skip_bad", "mapping", "source_types", "source")


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A file that waits: ``path`` is where it lies, under a safe name; the others are as they came in."""

    id: str
    file_name: str
    sha256: str
    size_bytes: int
    author: str
    at: str
    path: Path

    def as_dict(self) -> dict[str, Any]:
        """Return it for a reader; where it lies is nobody's business."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


def stage(store: Store, file_name: str, stream: BinaryIO, *, author: str, max_mb: int) -> Staged:
    """Keep an uploaded file.

    Parameters
    ----------
    store : Store
    file_name : str
        As the sender calls it; folders in it mean nothing.
    stream : binary file
        Read in parts, and no further than allowed.
    author : str
        Whose it is; nobody else sees it.
    max_mb : int
        Largest file, mebibytes.

    Raises
    ------
    UnreadableFile
        If it is empty, of a type that is not read, or not what its name says.
    TooLarge
        If it is larger than ``max_mb``.
    StoreError
        If it cannot be kept.
    """
    sweep(store)
    name = safe_name(file_name, suffixes=SUFFIXES, expected=EXPECTED)
    if len(waiting(store, author=author)) >= MOST_WAITING:
        raise InvalidInput(f"{MOST_WAITING} files of yours wait to be imported already; import or throw away one of them first")
    number = secrets.token_urlsafe(16)
    try:
        store.uploads.mkdir(exist_ok=True)
        making = store.uploads / f".{number}"
        making.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"no file can be kept in the workspace: {error}") from error
    try:
        # In a folder of its own: whatever it is called, it is none of our own files.
        (making / _FILE).mkdir()
        path = making / _FILE / name
        _receive(stream, path, max_mb)
        check_file(path, max_mb=max_mb, expected=EXPECTED)
        check_kind(path, expected=EXPECTED)
        about = {"file_name": name, "sha256": sha256_of(path), "size_bytes": path.stat().st_size, "author": author, "at": now()}
        _write_json(making / _ABOUT, about)
        making.rename(store.uploads / number)  # from here on it is there, whole
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise StoreError(f"{name} cannot be kept: {error}; is the disk full?") from error
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return staged(store, number, author=author)


def _receive(stream: BinaryIO, path: Path, max_mb: int) -> None:
    size = 0
    with path.open("xb") as target:
        while part := stream.read(_CHUNK):
            size += len(part)
            if size > max_mb * _MEBIBYTE:
                raise TooLarge(
                    f"{path.name} has more than the {max_mb:,} MiB allowed; send the rows in several files, or raise GEOSVC_MAX_FILE_MB")
            target.write(part)


def staged(store: Store, upload_id: str, *, author: str) -> Staged:
    """Return a staged file of a person.

    Raises
    ------
    UploadNotFound
        If there is none of that id, or it is another person's.
    """
    told = _about(store, upload_id, author)
    if "import_id" in told:
        raise UploadNotFound(f"{told['file_name']} was imported already; of it only the refused rows are kept")
    return Staged(id=upload_id, path=_folder(store, upload_id) / _FILE / told["file_name"], **told)


def _about(store: Store, upload_id: str, author: str) -> dict[str, Any]:
    """Return what is kept of a file of a person; ``import_id`` where it was imported."""
    try:
        told: dict[str, Any] = json.loads((_folder(store, upload_id) / _ABOUT).read_text("utf-8"))
    except (OSError, ValueError):
        told = {}
    if told.get("author") != author:
        raise UploadNotFound(f"no staged file of yours has the id {upload_id!r}; staged files are kept for {KEPT_HOURS} hours; upload it again")
    return told


def waiting(store: Store, *, author: str) -> list[Staged]:
    """Return the staged files of a person, the newest first."""
    found = []
    with suppress(FileNotFoundError):
        for folder in store.uploads.iterdir():
            with suppress(UploadNotFound):
                found.append(staged(store, folder.name, author=author))
    return sorted(found, key=lambda each: each.at, reverse=True)


def with_refused_rows(store: Store, import_id: int, *, author: str) -> str | None:
    """Return the id of a person's staged file that this import took, while its refused rows are kept; None afterwards."""
    with suppress(FileNotFoundError):
        for folder in store.uploads.iterdir():
            with suppress(UploadNotFound):
                if _about(store, folder.name, author).get("import_id") == import_id and _refusals_in(folder) is not None:
                    return folder.name
    return None


def _folder(store: Store, upload_id: str) -> Path:
    if not _ID.fullmatch(upload_id):
        raise UploadNotFound(f"no staged file has the id {upload_id[:40]!r}")
    return store.uploads / upload_id


def describe(
    store: Store, upload_id: str, *, author: str, settings: Settings, layer: str | None = None, crs: str | None = None,
    mapping: Mapping[str, str] | None = None, source: str = "",
) -> dict[str, Any]:
    """Return the columns of a staged file: see :func:`~geosvc.workflows.mapping.describe_file`.

    Raises
    ------
    UploadNotFound, UnreadableFile, TooLarge, MissingCRS, InvalidCoordinate, InvalidInput
    """
    one = staged(store, upload_id, author=author)
    told = describe_file(store, one.path, max_mb=settings.max_file_mb, layer=layer, crs=crs, mapping=mapping, source=source)
    check_rows(one.path, told["rows"], MOST_ROWS)
    return told


def preview(store: Store, upload_id: str, options: FacilityOptions, *, author: str, settings: Settings) -> dict[str, Any]:
    """Say what importing a staged file would do; :func:`commit` then does just that.

    Rows that would not be taken can be fetched afterwards (:func:`refused_rows`).

    Returns
    -------
    dict
        The report, and ``preview``: the id that :func:`commit` asks for.

    Raises
    ------
    UploadNotFound, TooLarge, InvalidInput
    """
    one = staged(store, upload_id, author=author)
    options = replace(options, max_mb=settings.max_file_mb, most_rows=MOST_ROWS)
    with _fresh_refusals(one) as refused_to:
        report = preview_facilities(store, one.path, options, settings, refused_to=refused_to)
    _own_words(report, refused_to)
    said = {"seal": report.seal, "options": _as_json(options), "id": secrets.token_urlsafe(8)}
    told = {**report.as_dict(), "preview": said["id"]}
    _write_json(one.path.parent.parent / _REPORT, told)
    _write_json(one.path.parent.parent / _PREVIEW, said)
    return told


def last_preview(store: Store, upload_id: str, *, author: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return what the last preview of a staged file was asked (as of :class:`FacilityOptions`) and said; None before the first.

    Raises
    ------
    UploadNotFound
    """
    folder = staged(store, upload_id, author=author).path.parent.parent
    try:
        said, told = (json.loads((folder / name).read_text("utf-8")) for name in (_PREVIEW, _REPORT))
    except (OSError, ValueError):
        return None
    return (said["options"], told) if said["id"] == told["preview"] else None


def commit(
    store: Store, upload_id: str, preview_id: str, *, author: str, settings: Settings, skip_bad: bool | None = None
) -> ImportReport:
    """Import a staged file just as its preview said, with the same options and answers; then it is no longer staged.

    ``skip_bad`` True takes the good rows and leaves the others, as the preview counted them; those can still be
    fetched (:func:`refused_rows`) until they are swept away. Unless given it is as of the preview.

    Raises
    ------
    UploadNotFound
    Conflict
        If another preview was made since, or the registry changed so that the import would do something else.
    RefusedRows, WaitingRows
        If rows are refused or wait, and ``skip_bad`` was not among the options.
    InvalidInput
        If no preview was made.
    """
    one = staged(store, upload_id, author=author)
    try:
        said = json.loads((one.path.parent.parent / _PREVIEW).read_text("utf-8"))
    except (OSError, ValueError):
        raise InvalidInput(f"{one.file_name} has no preview yet; look at one, then import") from None
    if said["id"] != preview_id:
        raise Conflict(f"another preview of {one.file_name} was made since, with other options; look at it, then import")
    if sha256_of(one.path) != one.sha256:
        raise Conflict(f"{one.file_name} is no longer the file that was uploaded; upload it again")
    options = _from_json(said["options"], settings)
    options = options if skip_bad is None else replace(options, skip_bad=skip_bad)
    report = import_facilities(store, one.path, options, settings, author=author, seal=said["seal"])
    if _refusals_in(one.path.parent.parent) is None:
        discard(store, upload_id, author=author)
    else:
        _keep_refusals(one, report.import_id or 0)
    return report


def _keep_refusals(one: Staged, import_id: int) -> None:
    """Leave of a file that was imported only the rows that were not."""
    folder = one.path.parent.parent
    about = {name: value for name, value in one.as_dict().items() if name != "id"}
    _write_json(folder / _ABOUT, {**about, "import_id": import_id})
    for path in (one.path, folder / _PREVIEW, folder / _REPORT):
        path.unlink(missing_ok=True)


def refused_rows(store: Store, upload_id: str, *, author: str) -> Path | None:
    """Return the file of rows that the last preview would not take, as the user's own workbook; None if all are taken.

    Raises
    ------
    UploadNotFound
    """
    _about(store, upload_id, author)
    return _refusals_in(_folder(store, upload_id))


def _refusals_in(folder: Path) -> Path | None:
    return next((each for each in sorted((folder / _REFUSED).glob("*")) if each.is_file()), None)


def discard(store: Store, upload_id: str, *, author: str) -> None:
    """Throw a staged file away.

    Raises
    ------
    UploadNotFound
    """
    shutil.rmtree(staged(store, upload_id, author=author).path.parent.parent, ignore_errors=True)


def sweep(store: Store, *, older_than_hours: float = KEPT_HOURS) -> int:
    """Remove what was staged longer ago, and what was left half-received; return how many."""
    before, removed = time.time() - older_than_hours * 3600, 0
    with suppress(FileNotFoundError):
        for folder in list(store.uploads.iterdir()):
            with suppress(FileNotFoundError):
                if folder.is_dir() and folder.stat().st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
    return removed


@contextmanager
def _fresh_refusals(one: Staged) -> Iterator[Path]:
    """Give the path for rows that are not taken: a workbook for a workbook, else CSV; those of earlier previews go."""
    folder = one.path.parent.parent / _REFUSED
    shutil.rmtree(folder, ignore_errors=True)
    suffix = ".xlsx" if one.path.suffix.lower() in SHEET_SUFFIXES else ".csv"
    yield folder / f"{one.path.stem}_refused{suffix}"


def _own_words(report: ImportReport, refused_to: Path) -> None:
    """Leave out of the notes where on the server something lies."""
    report.notes = [each for each in report.notes if str(refused_to) not in each]


def _as_json(options: FacilityOptions) -> dict[str, Any]:
    told = {name: getattr(options, name) for name in _CHOICES}
    told |= {name: dict(told[name]) for name in ("mapping", "source_types")}
    return {**told, "answers": {str(row): answer for row, answer in options.answers.items()}}


def _from_json(told: dict[str, Any], settings: Settings) -> FacilityOptions:
    answers = {int(row): answer for row, answer in told["answers"].items()}
    return FacilityOptions(**{**told, "answers": answers}, max_mb=settings.max_file_mb, most_rows=MOST_ROWS)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Write beside the place and move into it, so that a half-written file is never there."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105
