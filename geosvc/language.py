"""The two languages of pages and maps: Chinese first, English by a switch."""

from __future__ import annotations

import re
import string
import tomllib
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

LANGUAGES = ("zh", "en")
_LONGEST_SENTENCE = 2_000


class _Endings(string.Formatter):
    """Fills ``{count:y|ies}`` with what one has, or what several have."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, several, ending = format_spec.partition("|")
        return str(super().format_field(value, format_spec)) if not several else one if str(value) == "1" else ending


class Counting(str):
    """A sentence whose words have endings by a number in it: "{count} facilit{count:y|ies}"."""

    __slots__ = ()

    def format(self, *args: object, **values: object) -> str:
        """Fill the gaps, and choose the endings."""
        return _Endings().vformat(self, args, values)


@cache
def words(language: str) -> Mapping[str, str]:
    """Return the words of a language by key; an unknown language is Chinese."""
    name = language if language in LANGUAGES else LANGUAGES[0]
    text = files("geosvc").joinpath(f"languages/{name}.toml").read_text("utf-8")
    return MappingProxyType({key: Counting(told) if "|" in told else told for key, told in tomllib.loads(text).items()})


def join(parts: list[str], language: str) -> str:
    """Return a list as a reader of the language writes it."""
    return ("、" if language == "zh" else ", ").join(parts)


def sentences(text: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the English sentences of a document (.toml, ``pattern``) as patterns, each with the Chinese one (``zh``)."""
    return [(re.compile(each["pattern"], re.DOTALL), each["zh"]) for each in tomllib.loads(text)["reason"]]


def in_chinese(sentence: str, known: Sequence[tuple[re.Pattern[str], str]], named: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return a sentence that the program says in English in Chinese; None if it is not known.

    Parameters
    ----------
    sentence : str
    known : sequence of (pattern, str)
        As :func:`sentences` returns them; the first that reads the whole sentence decides.
    named : mapping of str to mapping
        Words by the parts of a pattern that they may stand in; what is not among them is said as it is.
    """
    if len(sentence) > _LONGEST_SENTENCE:
        return None
    for pattern, zh in known:
        found = pattern.fullmatch(sentence)
        if found is not None:
            return zh.format(**{part: named.get(part, {}).get(text or "", text or "") for part, text in found.groupdict().items()})
    return None
