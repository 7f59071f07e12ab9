"""Why a row was not taken, and what a report notes, in Chinese: the sentences themselves are English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from geosvc import language
from geosvc.registry.imports.headers import FACILITY_FIELDS

if TYPE_CHECKING:
    import re

# The part of a pattern that stands for a field is said in its words.
_WORDS = {"what": {**{name: zh for name, (zh, _en) in FACILITY_FIELDS.items()}, "longitude": "经度", "latitude": "纬度"}}


@cache
def _known() -> list[tuple[re.Pattern[str], str]]:
    return language.sentences(files("geosvc.registry").joinpath("codes/import_reasons.toml").read_text("utf-8"))


def in_chinese(sentence: str) -> str | None:
    """Return a reason or a note of an import in Chinese; None if its sentence is not known.

    Examples
    --------
    >>> in_chinese("the name is empty; every facility needs one")
    '机构名称是空的，每个机构都要有名称'
    >>> in_chinese("something else") is None
    True
    """
    return language.in_chinese(sentence, _known(), _WORDS)
