"""Why a row was not taken, and what a report notes, in Chinese: the sentences themselves are English."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from geosvc.registry.imports.headers import FACILITY_FIELDS

# Names in a pattern that stand for a field, and are said in its words.
_FIELD = "what"
_LONGEST = 2_000
_WORDS = {**{name: zh for name, (zh, _en) in FACILITY_FIELDS.items()}, "longitude": "经度", "latitude": "纬度"}


@cache
def _known() -> list[tuple[re.Pattern[str], str]]:
    text = files("geosvc.registry").joinpath("codes/import_reasons.toml").read_text("utf-8")
    return [(re.compile(each["pattern"], re.DOTALL), each["zh"]) for each in tomllib.loads(text)["reason"]]


def in_chinese(sentence: str) -> str | None:
    """Return a reason or a note of an import in Chinese; None if its sentence is not known.

    Examples
    --------
    >>> in_chinese("the name is empty; every facility needs one")
    '机构名称是空的，每个机构都要有名称'
    >>> in_chinese("something else") is None
    True
    """
    if len(sentence) > _LONGEST:
        return None
    for pattern, zh in _known():
        found = pattern.fullmatch(sentence)
        if found is not None:
            told = {name: value or "" for name, value in found.groupdict().items()}
            if _FIELD in told:
                told[_FIELD] = _WORDS.get(told[_FIELD], told[_FIELD])
            return zh.format(**told)
    return None
