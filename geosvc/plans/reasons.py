"""What is wrong with a plan file or a table of reported figures, in Chinese: the sentences themselves are English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from geosvc import language

if TYPE_CHECKING:
    import re

_WORDS = {"part": {
    "plan": "规划", "section": "章节", "statement": "条目", "indicator": "指标", "sum": "合计", "inventory": "清单", "number of people": "人口数",
    "baseline": "基期值", "target": "目标值", "observed": "观测值", "change": "变化", "band": "分档", "condition": "条件", "group": "机构组", "measure": "数量"}}


@cache
def _known() -> list[tuple[re.Pattern[str], str]]:
    return language.sentences(files("geosvc.plans").joinpath("reasons.toml").read_text("utf-8"))


def in_chinese(sentence: str) -> str | None:
    """Return what is wrong in Chinese; None if the sentence is not known.

    Examples
    --------
    >>> in_chinese("the plan has no title")
    '规划没有名称（title）'
    """
    return language.in_chinese(sentence, _known(), _WORDS)
