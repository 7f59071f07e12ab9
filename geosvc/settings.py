"""One frozen object with every setting; the only reader of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from geosvc.errors import InvalidParameter

PREFIX = "GEOSVC_"
_YES_NO = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


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
        Who is written into the history by the command line.
    public_read : bool
        Whether the registry, its maps and its coverage can be read without signing in; contacts never.
    session_hours : int
        How long a browser stays signed in.
    what_if_mb : int
        The memory that the live what-if keeps between questions, in mebibytes.
    warm_up : bool
        Whether ``geosvc serve`` asks the live what-if ahead, in the background.
    webhook_private : bool
        Whether webhooks may lie in private networks or on this machine.
    maps : Path
        Folder of the maps to hand over that the gallery lists.
    font : str
        A TrueType font with Chinese for sheets of paper; empty: one that the machine has.
    oidc_issuer, oidc_client_id, oidc_client_secret : str
        The identity provider of the house (OpenID Connect), if there is one.
    oidc_claim : str
        Which of its claims is the name of an account here.
    """

    workspace: Path = Path("workspace")
    host: str = "127.0.0.1"
    port: int = 8000
    language: str = "zh"
    max_file_mb: int = 1024
    max_cells: int = 200_000_000
    author: str = "local"
    public_read: bool = False
    session_hours: int = 12
    what_if_mb: int = 512
    warm_up: bool = True
    webhook_private: bool = False
    maps: Path = Path("maps")
    font: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_claim: str = "preferred_username"

    def __post_init__(self) -> None:
        """Refuse combinations that cannot work."""
        if self.language not in ("zh", "en"):
            raise InvalidParameter(f"language must be zh or en, got {self.language!r}")
        if not 0 <= self.port <= 65535:
            raise InvalidParameter(f"port must lie between 0 and 65535, got {self.port}")
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise InvalidParameter("an identity provider needs both oidc_issuer and oidc_client_id")
        for name in ("max_file_mb", "max_cells", "session_hours", "what_if_mb"):
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
        for each in fields(cls):
            text = os.environ.get(PREFIX + each.name.upper())
            if text is not None:
                values[each.name] = _read(each.name, text, type(each.default))
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)


def _read(name: str, text: str, kind: type) -> Any:
    try:
        if kind is bool:
            return _YES_NO[text.strip().lower()]
        return Path(text) if issubclass(kind, Path) else int(text) if kind is int else text
    except (ValueError, KeyError):
        raise InvalidParameter(
            f"{PREFIX}{name.upper()} must be {kind.__name__}, got {text!r}; correct or unset it"
        ) from None
