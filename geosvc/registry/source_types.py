"""What the types of other taxonomies mean in ours: 医疗保健服务;综合医院;三级甲等医院 is A100, 三级, 甲等."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

_BRACKETS_BEHIND = re.compile(r"(\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】)+$")


@dataclass(frozen=True, kw_only=True)
class SourceType:
    """What a source's type means: a class and what else it says, or why it is no facility of ours.

    ``word`` is the step of the path that decided; ``by_name`` is the ending of the name that did, if one did.
    """

    word: str
    class_code: str
    level: str | None = None
    grade: str | None = None
    by_name: str | None = None
    refuse: str | None = None


@cache
def _document() -> dict[str, Any]:
    text = files("geosvc.registry").joinpath("codes/source_types.toml").read_text("utf-8")
    return tomllib.loads(text)


def source_words() -> dict[str, dict[str, Any]]:
    """Return every word of other taxonomies that is known, with what it means."""
    known: dict[str, dict[str, Any]] = _document()["types"]
    return known


@lru_cache(maxsize=65536)
def source_type_of(text: str, name: str = "") -> SourceType | None:
    """Return what the type of a source means; None if no step of it is known.

    Parameters
    ----------
    text : str
        One path or several joined by ``|``, steps separated by ``;``.
    name : str
        Name of the facility: where a word is wide, the ending of the name decides.

    Examples
    --------
    >>> source_type_of("医疗保健服务;综合医院;三级甲等医院").level
    '三级'
    >>> source_type_of("医疗保健服务;诊所;诊所", "临海村卫生室").class_code
    'D600'
    >>> source_type_of("医疗保健服务;动物医疗场所;宠物诊所").refuse
    'not human health'
    """
    told = [each for path in unicodedata.normalize("NFKC", text).split("|") if (each := _deciding(path))]
    if not told:
        return None
    refused = next((word for word, _ in told if "refuse" in source_words()[word]), None)
    if refused is not None:
        return SourceType(word=refused, class_code="", refuse=source_words()[refused]["refuse"])
    word = max(told, key=lambda each: each[1])[0]  # of equals max takes the first
    entry = source_words()[word]
    ending = _ending_of(name) if entry.get("by_name") else None
    graded: dict[str, Any] = next((each for each in (source_words()[word] for word, _ in told) if "level" in each), {})
    return SourceType(
        word=word, class_code=entry["class"] if ending is None else _document()["names"][ending],
        level=graded.get("level"), grade=graded.get("grade"), by_name=ending,
    )


def _deciding(path: str) -> tuple[str, int] | None:
    """Return the most specific known step of a path, and how many different steps lead to it."""
    steps = list(dict.fromkeys(step.strip() for step in path.split(";") if step.strip()))
    for count in range(len(steps), 0, -1):
        if steps[count - 1] in source_words():
            return steps[count - 1], count
    return None


def _ending_of(name: str) -> str | None:
    plain = _BRACKETS_BEHIND.sub("", unicodedata.normalize("NFKC", name).strip()).strip()
    fitting = [ending for ending in _document()["names"] if plain.endswith(ending)]
    return max(fitting, key=len, default=None)
