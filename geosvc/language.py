"""The two languages of pages and maps: Chinese first, English by a switch."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("zh", "en")


@cache
def words(language: str) -> Mapping[str, str]:
    """Return the words of a language by key; an unknown language is Chinese."""
    name = language if language in LANGUAGES else LANGUAGES[0]
    text = files("geosvc").joinpath(f"languages/{name}.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


def join(parts: list[str], language: str) -> str:
    """Return a list as a reader of the language writes it."""
    return ("、" if language == "zh" else ", ").join(parts)
