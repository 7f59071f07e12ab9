"""Files that are written as a whole, in the format that their suffix names."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from geosvc.errors import InvalidParameter, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def format_of(path: Path, formats: Collection[str], given: str | None = None) -> str:
    """Return the format that a file's suffix names; ``given`` says it in its place.

    Raises
    ------
    InvalidParameter
        If it is none of ``formats``.
    """
    name = given or path.suffix.lower().removeprefix(".")
    if name not in formats:
        raise InvalidParameter(f"{path.name}: the suffix says the format; expected one of .{', .'.join(formats)}")
    return name


def write_whole(path: Path, write: Callable[[Path], object], *, suffix: str) -> None:
    """Write beside the place and move into it, so that a half-written file is never there.

    Raises
    ------
    StoreError
        If the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            made = Path(folder) / f"made{suffix}"
            write(made)
            os.replace(made, path)  # noqa: PTH105
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
