"""Access rules of roads: whom a tag shuts out, declared as data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

# Who travels, and the column of the stored roads that says whom a road shuts out.
BARRED = {"motor": "no_motor", "foot": "no_foot", "bicycle": "no_bicycle"}


@cache
def access_keys() -> dict[str, tuple[str, ...]]:
    """Return the tags that speak for each kind of traveller, the most exact first."""
    return {who: tuple(keys) for who, keys in _document()["keys"].items()}


def barred_by(text: str) -> frozenset[str] | None:
    """Return whom a word shuts out (motor, foot, bicycle); None if the list does not know the word.

    Examples
    --------
    >>> sorted(barred_by("private")), sorted(barred_by("customers")), sorted(barred_by("agricultural;forestry"))
    (['motor'], [], ['motor'])
    >>> barred_by("on sundays") is None
    True
    """
    found = [_words().get(word.strip()) for word in text.lower().split(";") if word.strip()]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    return frozenset.intersection(*known)


@cache
def _words() -> dict[str, frozenset[str]]:
    return {word: frozenset(rule["bars"]) for rule in _document()["rule"] for word in rule["words"]}


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("geosvc.registry").joinpath("codes/access.toml").read_text("utf-8"))
