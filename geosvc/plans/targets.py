"""The target of an indicator as a plan writes it: read into bounds, and printed back as quoted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from geosvc.errors import InvalidInput

# 左右 has no number in any plan: this share of the value is taken for it, and said wherever it decides.
ABOUT = 0.05


class Form(StrEnum):
    """What kind of promise a target is."""

    VALUE = "value"                # 3.95, 7.25左右
    AT_LEAST = "at_least"          # ≥80, 不低于85%, 65%以上
    AT_MOST = "at_most"            # ≤6.6, 30%以内
    RANGE = "range"                # 1—1.5, 2%—3%
    RATIO = "ratio"                # 1:1.20
    ALL = "all"                    # 全覆盖, 全部设置: 100 %
    STABLE = "stable"              # 保持稳定: no worse than the baseline
    CHANGE = "change"              # 提高1岁左右: on the baseline
    ANNUAL_CHANGE = "annual_change"    # 力争每年降低0.5个百分点以上
    PROPORTIONAL = "proportional"  # 同比例提高: with another indicator; no number of its own
    NOT_SET = "not_set"            # ——: never 0


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target: its text, and what it asks for.

    ``low`` and ``high`` bound the value (of a change: the change, negative where it falls); None is open.
    ``strict`` excludes the bound itself (>90). ``about`` is 左右: see :data:`ABOUT`.
    """

    text: str
    form: Form
    low: float | None = None
    high: float | None = None
    unit: str = ""
    strict: bool = False
    about: bool = False

    def __str__(self) -> str:
        """Return the target as the plan quotes it."""
        return self.text

    @property
    def number(self) -> float | None:
        """The number of a target that has one only; of a range or of none None."""
        known = {each for each in (self.low, self.high) if each is not None}
        return known.pop() if len(known) == 1 else None

    def bounds(self, baseline: float | None = None, *, years: float | None = None, better: str = "higher") -> tuple[float | None, float | None] | None:
        """Return the lowest and the highest value that meet the target; None where that cannot be said.

        Parameters
        ----------
        baseline : float, optional
            The value that a change is counted from.
        years : float, optional
            Between baseline and target, for a change of every year.
        better : {"higher", "lower", "equal"}
            Which side of a plain value meets it too.
        """
        if self.form in (Form.NOT_SET, Form.PROPORTIONAL):
            return None
        if self.form is Form.STABLE:
            return None if baseline is None else _side(baseline, better)
        if self.form in (Form.CHANGE, Form.ANNUAL_CHANGE):
            return self._changed(baseline, 1.0 if self.form is Form.CHANGE else years)
        low, high = self.low, self.high
        if self.form in (Form.VALUE, Form.RATIO) and low is not None:
            spread = ABOUT * abs(low) if self.about else 0.0
            return (low - spread, None) if better == "higher" else (None, low + spread) if better == "lower" else (low - spread, low + spread)
        return low, high

    def _changed(self, baseline: float | None, times: float | None) -> tuple[float | None, float | None] | None:
        if baseline is None or times is None:
            return None
        slack = 1 - ABOUT if self.about else 1.0
        low = None if self.low is None else baseline + times * self.low * slack
        high = None if self.high is None else baseline + times * self.high * slack
        return low, high

    def meets(self, value: float, bounds: tuple[float | None, float | None]) -> bool:
        """Return whether a value lies within bounds of this target."""
        low, high = bounds
        if self.strict:
            return (low is None or value > low) and (high is None or value < high)
        return (low is None or value >= low - _ROUNDED) and (high is None or value <= high + _ROUNDED)


_ROUNDED = 1e-9
_NUMBER = r"(\d+(?:\.\d+)?)(万)?"
# A unit is a sign or a word (张, 个百分点, 人/10万人), and none of the words that make a form of their own.
_WORD = r"(?:(?!以|左右|上下|至|到|和|或|及|约|不|多|余|一|每|全|提|降)[\u4e00-\u9fff])"
_NAMED = rf"(?:%|‰|[A-Za-z]{{1,3}}|(?:{_WORD}{{1,5}})?(?:/(?:10万{_WORD}{{0,4}}|[万千]?{_WORD}{{1,4}}))?)"
_UNIT = rf"((?:{_NAMED})?)"
_DASH = r"(?:--?|~|至|一)"
Parts = re.Match[str]


def _side(value: float, better: str) -> tuple[float | None, float | None]:
    return (value, None) if better == "higher" else (None, value) if better == "lower" else (value, value)


def _number(match: Parts, group: int) -> float:
    return float(match[group]) * (10_000 if match[group + 1] else 1)


def _one(form: Form, side: str, *, strict: bool = False) -> Callable[[Parts], dict[str, Any]]:
    """Return a reader of one number with its unit."""

    def read(match: Parts) -> dict[str, Any]:
        value = _number(match, 1)
        given: dict[str, Any] = {"form": form, "unit": match[3] or "", "strict": strict}
        return {**given, "low": value if side in ("low", "both") else None, "high": value if side in ("high", "both") else None}

    return read


def _range(match: Parts) -> dict[str, Any]:
    low, high = _number(match, 1), _number(match, 4)
    if low > high:
        raise InvalidInput(f"{match[0]!r} goes from {low:g} down to {high:g}; write the smaller number first")
    return {"form": Form.RANGE, "low": low, "high": high, "unit": match[6] or match[3] or ""}


def _ratio(match: Parts) -> dict[str, Any]:
    first, second = float(match[1]), float(match[2])
    if first == 0:
        raise InvalidInput(f"{match[0]!r} is a ratio to 0")
    return {"form": Form.RATIO, "low": second / first, "high": second / first}


def _change(form: Form) -> Callable[[Parts], dict[str, Any]]:
    def read(match: Parts) -> dict[str, Any]:
        rises = match["verb"] in _RISES
        value = float(match["number"]) * (1 if rises else -1)
        return {"form": form, "low" if rises else "high": value, "unit": match["unit"] or ""}

    return read


def _plain(form: Form) -> Callable[[Parts], dict[str, Any]]:
    return lambda _match: {"form": form}


_RISES = ("提高", "增加", "上升", "提升", "+")
_VERB = "(?P<verb>提高|增加|上升|提升|降低|下降|减少|\\+|-)"
_AMOUNT = rf"(?P<number>\d+(?:\.\d+)?)(?P<unit>(?:{_NAMED})?)"
# The first that reads the whole text decides. 左右 and 约 have been taken off before, full-width signs are plain.
_FORMS: tuple[tuple[str, Callable[[Parts], dict[str, Any]]], ...] = (
    (r"-+|/|未设定|未确定|notset", _plain(Form.NOT_SET)),
    (r"全覆盖|全部覆盖|全部设置|全部达到|全部|均|100%?全覆盖", lambda _match: {"form": Form.ALL, "low": 100.0, "unit": "%"}),
    (r"保持稳定|稳定", _plain(Form.STABLE)),
    (r"(?:与.*)?同(?:比例|比)(?:提高|降低)", _plain(Form.PROPORTIONAL)),
    (rf"(?:力争)?每年{_VERB}{_AMOUNT}(?:以上)?", _change(Form.ANNUAL_CHANGE)),
    (rf"(?:在\d+年基础上)?(?:继续)?{_VERB}{_AMOUNT}(?:以上)?", _change(Form.CHANGE)),
    (r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", _ratio),
    (rf"{_NUMBER}{_UNIT}{_DASH}{_NUMBER}{_UNIT}", _range),
    (rf"(?:>=|不低于|不少于|至少|达到){_NUMBER}{_UNIT}(?:以上)?", _one(Form.AT_LEAST, "low")),
    (rf"(?:<=|不高于|不超过|至多){_NUMBER}{_UNIT}", _one(Form.AT_MOST, "high")),
    (rf"(?:控制在)?{_NUMBER}{_UNIT}(?:以内|以下)", _one(Form.AT_MOST, "high")),
    (rf"(?:>|高于|超过){_NUMBER}{_UNIT}", _one(Form.AT_LEAST, "low", strict=True)),
    (rf"(?:<|低于){_NUMBER}{_UNIT}", _one(Form.AT_MOST, "high", strict=True)),
    (rf"{_NUMBER}{_UNIT}以上", _one(Form.AT_LEAST, "low")),
    (rf"(?:=|控制在|稳定在)?{_NUMBER}{_UNIT}", _one(Form.VALUE, "both")),
)
_SIGNS = str.maketrans({"≥": ">=", "≤": "<=", "—": "-", "–": "-", "－": "-", "～": "~", "：": ":"})
_THOUSANDS = re.compile(r"(?<![\d.])[1-9]\d{0,2}(?:,\d{3})+(?!\d)", re.ASCII)  # 5,358: as spreadsheets write numbers
_LONGEST = 80


def target_of(text: str) -> Target:
    """Read one target.

    Raises
    ------
    InvalidInput
        If the text is of no form that targets have, or holds more than one (see :func:`targets_of`).

    Examples
    --------
    >>> target_of("7.25左右").bounds()
    (6.8875, None)
    >>> target_of("≤6.6").bounds()
    (None, 6.6)
    >>> target_of("——").form
    <Form.NOT_SET: 'not_set'>
    """
    counted = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", counted.translate(_SIGNS)).translate(_SIGNS))
    if not plain or len(plain) > _LONGEST:
        raise InvalidInput(f"a target is some characters, such as ≥80; got {text[:_LONGEST]!r}; where a plan sets none write ——")
    about = plain.endswith(("左右", "上下")) or plain.startswith("约")
    told = plain.removesuffix("左右").removesuffix("上下").removeprefix("约")
    for pattern, read in _FORMS:
        match = re.fullmatch(pattern, told)
        if match is not None:
            return Target(text=text, about=about, **read(match))
    raise InvalidInput(
        f"{text!r} is no target that can be read; expected such as 7.25左右, ≥80, ≤6.6, 1:1.20, 1—1.5, 2%—3%, 全覆盖, 保持稳定, "
        "提高1岁左右, 力争每年降低0.5个百分点以上, or —— where none is set")


def targets_of(text: str) -> tuple[Target, ...]:
    """Read a cell that may hold several targets, one of each indicator (98/91).

    Raises
    ------
    InvalidInput
    """
    parts = re.split(r"(?<=[\d%])\s*[/／]\s*(?!10万)(?=[\d≥≤><])", text.strip())
    return tuple(target_of(part) for part in parts)


_COUNTERS = frozenset("个所家处支座间名人张辆种项")  # words that count one by one


def is_of_unit(said: str, asked: str) -> bool:
    """Return whether a value may be in a unit: in that of its indicator, in the first word of it (张 of 张/千人), or in none.

    Examples
    --------
    >>> is_of_unit("张", "张/千人"), is_of_unit("", "‰"), is_of_unit("%", "‰")
    (True, True, False)
    """
    return not said or not asked or asked == said or asked.startswith(f"{said}/") or {said, asked} <= _COUNTERS


def band_of(bands: Sequence[dict[str, Any]], people: float) -> dict[str, Any] | None:
    """Return the band that a number of people falls in; None beyond the last."""
    return next((each for each in bands if each["below"] is None or people < each["below"]), None)
