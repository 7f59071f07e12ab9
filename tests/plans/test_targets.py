"""Targets as plans write them: read into bounds, printed back letter by letter; nonsense is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geosvc.errors import InvalidInput
from geosvc.plans.targets import ABOUT, Form, Target, band_of, target_of, targets_of

# text, form, low, high, unit
FORMS = [
    ("3.95", Form.VALUE, 3.95, 3.95, ""),
    ("626", Form.VALUE, 626, 626, ""),
    ("0", Form.VALUE, 0, 0, ""),
    ("7.25左右", Form.VALUE, 7.25, 7.25, ""),
    ("45%左右", Form.VALUE, 45, 45, "%"),
    ("约17万", Form.VALUE, 170_000, 170_000, ""),
    ("4.45万", Form.VALUE, 44_500, 44_500, ""),
    ("控制在27%左右", Form.VALUE, 27, 27, "%"),
    ("稳定在65%左右", Form.VALUE, 65, 65, "%"),
    ("≥80", Form.AT_LEAST, 80, None, ""),
    ("≥79.3", Form.AT_LEAST, 79.3, None, ""),
    (">=80%", Form.AT_LEAST, 80, None, "%"),
    ("不低于85%", Form.AT_LEAST, 85, None, "%"),
    ("至少2名", Form.AT_LEAST, 2, None, "名"),
    ("65%以上", Form.AT_LEAST, 65, None, "%"),
    ("达到80岁以上", Form.AT_LEAST, 80, None, "岁"),
    (">90", Form.AT_LEAST, 90, None, ""),
    (">9天", Form.AT_LEAST, 9, None, "天"),
    ("≤6.6", Form.AT_MOST, None, 6.6, ""),
    ("控制在30%以内", Form.AT_MOST, None, 30, "%"),
    ("30%以内", Form.AT_MOST, None, 30, "%"),
    ("不超过8天", Form.AT_MOST, None, 8, "天"),
    ("<75%", Form.AT_MOST, None, 75, "%"),
    ("1:1.20", Form.RATIO, 1.2, 1.2, ""),
    ("1：1.85", Form.RATIO, 1.85, 1.85, ""),
    ("1—1.5", Form.RANGE, 1, 1.5, ""),
    ("1—2", Form.RANGE, 1, 2, ""),
    ("1-1.5", Form.RANGE, 1, 1.5, ""),
    ("10万一30万", Form.RANGE, 100_000, 300_000, ""),
    ("2%—3%", Form.RANGE, 2, 3, "%"),
    ("2%——3%", Form.RANGE, 2, 3, "%"),
    ("≤14.5/10万", Form.AT_MOST, None, 14.5, "/10万"),
    ("8人/10万人", Form.VALUE, 8, 8, "人/10万人"),
    ("全覆盖", Form.ALL, 100, None, "%"),
    ("全部设置", Form.ALL, 100, None, "%"),
    ("全部", Form.ALL, 100, None, "%"),
    ("保持稳定", Form.STABLE, None, None, ""),
    ("提高1岁左右", Form.CHANGE, 1, None, "岁"),
    ("+1岁左右", Form.CHANGE, 1, None, "岁"),
    ("在2020年基础上继续提高1岁左右", Form.CHANGE, 1, None, "岁"),
    ("下降0.5个百分点", Form.CHANGE, None, -0.5, "个百分点"),
    ("力争每年降低0.5个百分点以上", Form.ANNUAL_CHANGE, None, -0.5, "个百分点"),
    ("每年提高1个百分点", Form.ANNUAL_CHANGE, 1, None, "个百分点"),
    ("同比例提高", Form.PROPORTIONAL, None, None, ""),
    ("与人均预期寿命同比例提高", Form.PROPORTIONAL, None, None, ""),
    ("5,358", Form.VALUE, 5358, 5358, ""),
    ("≥1,200.5张", Form.AT_LEAST, 1200.5, None, "张"),
    ("——", Form.NOT_SET, None, None, ""),
    ("—", Form.NOT_SET, None, None, ""),
    ("-", Form.NOT_SET, None, None, ""),
]


@pytest.mark.parametrize(("text", "form", "low", "high", "unit"), FORMS, ids=[each[0] for each in FORMS])
def test_a_target_is_read_and_printed_back_as_quoted(text: str, form: Form, low: float | None, high: float | None, unit: str) -> None:
    target = target_of(text)
    assert (target.form, target.low, target.high, target.unit) == (form, low, high, unit)
    assert str(target) == text
    assert target.about == ("左右" in text or text.startswith("约"))
    assert target.strict == (text[0] in "<>" and text[1] != "=")


@pytest.mark.parametrize("text", ["", " ", "abc", "八成", "98/91", "98,91", "98，100", "0.1,200", "3.95; 1.19", "626 张和 7 张", "1:0:2", "0:1", "3—1", "5—", "≥", "≥≥80", "≥eighty", "1.2.3", "左右",
                                  "约", "提高", "每年", "nan", "inf", "1e5", "-5%以上左右 天", "全部不设置", "9" * 200, "7%%", "5%/", "2/", "80以上以内", "5张多"])
def test_nonsense_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(InvalidInput) as told:
        target_of(text)
    assert re.search(r"such as|first|ratio to 0", str(told.value)), told.value


def test_what_is_not_set_is_never_0() -> None:
    unset = target_of("——")
    assert unset.number is None
    assert unset.bounds(0.0, years=5) is None
    assert target_of("0").number == 0
    assert target_of("0").bounds(better="lower") == (None, 0)


def test_two_targets_in_one_cell() -> None:
    assert [(each.text, each.number) for each in targets_of("98/91")] == [("98", 98), ("91", 91)]
    assert [each.text for each in targets_of("98%/91%")] == ["98%", "91%"]
    assert [each.form for each in targets_of("≥95/≥90")] == [Form.AT_LEAST, Form.AT_LEAST]
    assert [each.text for each in targets_of("7.25左右")] == ["7.25左右"]
    with pytest.raises(InvalidInput):
        targets_of("98/many")
    assert [each.text for each in targets_of("3.81/10万")] == ["3.81/10万"]


def test_about_is_a_share_of_the_value_on_the_worse_side() -> None:
    target = target_of("7.25左右")
    assert target.bounds() == (pytest.approx(7.25 * (1 - ABOUT)), None)
    assert target.bounds(better="lower") == (None, pytest.approx(7.25 * (1 + ABOUT)))
    assert target.bounds(better="equal") == (pytest.approx(7.25 * (1 - ABOUT)), pytest.approx(7.25 * (1 + ABOUT)))
    assert target_of("7.25").bounds() == (7.25, None)


def test_a_change_is_counted_from_the_baseline() -> None:
    assert target_of("提高1岁左右").bounds(72.0) == (pytest.approx(72 + (1 - ABOUT)), None)
    assert target_of("提高1岁").bounds(72.0) == (73.0, None)
    assert target_of("下降0.5个百分点").bounds(65.1) == (None, 64.6)
    assert target_of("提高1岁").bounds() is None, "without a baseline it cannot be said"


def test_a_change_of_every_year_needs_the_years() -> None:
    target = target_of("力争每年降低0.5个百分点以上")
    assert target.bounds(65.1, years=5) == (None, pytest.approx(62.6))
    assert target.bounds(65.1) is None
    assert target.bounds(years=5) is None


def test_stable_is_no_worse_than_the_baseline() -> None:
    target = target_of("保持稳定")
    assert target.bounds(98.85) == (98.85, None)
    assert target.bounds(98.85, better="lower") == (None, 98.85)
    assert target.bounds(98.85, better="equal") == (98.85, 98.85)
    assert target.bounds() is None


def test_a_strict_bound_is_not_met_by_itself() -> None:
    above, least = target_of(">90"), target_of("≥90")
    assert not above.meets(90.0, above.bounds() or (None, None))
    assert above.meets(90.01, above.bounds() or (None, None))
    assert least.meets(90.0, least.bounds() or (None, None))
    assert not least.meets(89.99, least.bounds() or (None, None))


def test_a_range_has_no_one_number_and_both_ends_meet_it() -> None:
    target = target_of("1—1.5")
    assert target.number is None
    assert [target.meets(value, target.bounds() or (None, None)) for value in (0.99, 1, 1.25, 1.5, 1.51)] == [False, True, True, True, False]


def test_a_band_ends_before_its_limit() -> None:
    bands = [{"below": 100_000.0, "target": "≥10"}, {"below": 300_000.0, "target": "≥20"}]
    told = [band_of(bands, people) for people in (57_988, 99_999, 100_000, 108_478, 299_999, 300_000)]
    assert [each and each["target"] for each in told] == ["≥10", "≥10", "≥20", "≥20", "≥20", None]
    assert band_of([*bands, {"below": None, "target": "≥30"}], 10**9) == {"below": None, "target": "≥30"}


# -- laws ------------------------------------------------------------------------------------

NUMBERS = st.decimals(min_value=0, max_value=10**7, places=2).map(lambda each: format(each.normalize(), "f"))
UNITS = st.sampled_from(["", "%", "张", "人", "岁", "天", "个百分点", "元"])
SIGNS = st.sampled_from(["≥", "≤", ">", "<", ">=", "<=", "不低于", "不超过", ""])
TAILS = st.sampled_from(["", "左右"])


@given(number=NUMBERS, unit=UNITS, sign=SIGNS, tail=TAILS)
@example(number="0", unit="", sign="", tail="")
@example(number="1.20", unit="", sign="≥", tail="")
def test_every_number_comes_back_as_bound_and_as_text(number: str, unit: str, sign: str, tail: str) -> None:
    text = f"{sign}{number}{unit}{tail}"
    target = target_of(text)
    assert str(target) == text
    assert target.number == float(number)
    assert target.unit == unit
    assert target.about == bool(tail)
    low, high = (sign in ("≥", ">", ">=", "不低于", "")), (sign in ("≤", "<", "<=", "不超过", ""))
    assert (target.low is not None, target.high is not None) == (low, high)


@given(first=NUMBERS, second=NUMBERS, dash=st.sampled_from(["—", "-", "~", "–", "～", "至", "——"]), unit=st.sampled_from(["", "%", "人"]))
def test_a_range_comes_back_or_is_told_to_be_turned_round(first: str, second: str, dash: str, unit: str) -> None:
    text = f"{first}{unit}{dash}{second}{unit}"
    if float(first) > float(second):
        with pytest.raises(InvalidInput, match="smaller number first"):
            target_of(text)
        return
    target = target_of(text)
    assert (target.low, target.high, target.unit) == (float(first), float(second), unit)
    assert str(target) == text


@given(number=NUMBERS, tail=TAILS, better=st.sampled_from(["higher", "lower", "equal"]))
def test_the_value_of_a_target_meets_it(number: str, tail: str, better: str) -> None:
    target = target_of(f"{number}{tail}")
    bounds = target.bounds(better=better)
    assert bounds is not None
    assert target.meets(float(number), bounds)


@given(text=st.text(alphabet="0123456789.%≥≤<>=:：—-~/ 万左右以上内全部每年提高降低约张人岁", max_size=14))
@example("1:")
@example(".5")
@example("每年-")
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        target = target_of(text)
    except InvalidInput:
        return
    assert isinstance(target, Target)
    assert str(target) == text
    if target.low is not None and target.high is not None:
        assert target.low <= target.high
