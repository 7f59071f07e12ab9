"""Folders that are written beside their place and moved there when they are whole; what a killed process left of them.

The name says who writes it. At the next start those of nobody who lives are removed: on this machine by the process's
number; of another machine (or an older version) nobody can ask, so they must be a day old, and writing takes seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path

_BEGINS = ".partial-"
_OURS = re.compile(r"\.partial-(?P<host>[\w-]+)\.(?P<process>\d{1,10})\.")
_SURELY_LEFT_SECONDS = 24 * 3600.0


def partial_folder(parent: Path) -> Path:
    """Return a new folder in ``parent`` to be filled and then moved to its place; others may read it.

    Raises
    ------
    OSError
    """
    made = Path(tempfile.mkdtemp(prefix=f"{_BEGINS}{_host()}.{os.getpid()}.", dir=parent))
    made.chmod(0o755)
    return made


def remove_left_over(parent: Path) -> list[str]:
    """Remove what killed processes left in a folder; return the names. What cannot be removed stays: nobody reads it."""
    if not parent.is_dir():
        return []
    left = [each for each in parent.glob(f"{_BEGINS}*") if each.is_dir() and not each.is_symlink() and _is_left(each)]
    for each in left:
        shutil.rmtree(each, ignore_errors=True)
    return sorted(each.name for each in left if not each.exists())


def _is_left(folder: Path) -> bool:
    named = _OURS.match(folder.name)
    # Without signals nobody can be asked whether they live.
    if named is not None and named["host"] == _host() and os.name == "posix":
        return not _lives(int(named["process"]))
    try:
        return time.time() - folder.stat().st_mtime > _SURELY_LEFT_SECONDS
    except OSError:  # its writer moved it this moment
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks, and sends nothing
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _host() -> str:
    return re.sub(r"[^\w-]", "-", socket.gethostname(), flags=re.ASCII)[:40] or "host"
