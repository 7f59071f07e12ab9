"""One frozen object with every setting; the only reader of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from geosvc.errors import InvalidParameter

PREFIX = "GEOSVC_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What can be set from outside; each field is read from ``GEOSVC_<NAME>``.

    Parameters
    ----------
    workspace : Path
        Folder that holds the registry, its layers and its runs.
    host, port : str, int
        Where ``geosvc serve`` listens. The default is this machine only.
    language : str
        ``zh`` or ``en``: the language of a page when the visitor has not chosen.
    max_file_mb : int
        The largest file an import accepts, in mebibytes.
    max_cells : int
        The largest grid a run may have, in cells.
    author : str
        Who is written into the history when nobody has signed in.
    """

    workspace: Path = Path("workspace")
    host: str = "127.0.0.1"
    port: int = 8000
    language: str = "zh"
    max_file_mb: int = 1024
    max_cells: int = 200_000_000
    author: str = "local"

    def __post_init__(self) -> None:
        """Refuse combinations that cannot work."""
        if self.language not in ("zh", "en"):
            raise InvalidParameter(f"language must be zh or en, got {self.language!r}")
        if not 0 <= self.port <= 65535:
            raise InvalidParameter(f"port must lie between 0 and 65535, got {self.port}")
        for name in ("max_file_mb", "max_cells"):
            if getattr(self, name) <= 0:
                raise InvalidParameter(f"{name} must be positive, got {getattr(self, name)}")

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """Read ``GEOSVC_*``; a keyword that is not None wins over the environment.

        Raises
        ------
        InvalidParameter
            If a variable cannot be read as its field's type.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            text = os.environ.get(PREFIX + field.name.upper())
            if text is not None:
                values[field.name] = _read(field.name, text, type(field.default))
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)


def _read(name: str, text: str, kind: type) -> Any:
    try:
        return Path(text) if issubclass(kind, Path) else int(text) if kind is int else text
    except ValueError:
        raise InvalidParameter(
            f"{PREFIX}{name.upper()} must be {kind.__name__}, got {text!r}; correct or unset it"
        ) from None
