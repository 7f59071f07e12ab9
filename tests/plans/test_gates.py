"""DYN: whether growth is stopped. No new beds where occupancy is below 75 % and stays are above 9 days, or where the planned total is passed."""

from __future__ import annotations

from typing import Any

import pytest
from plans.made_plans import evidence, plan_of

from geosvc.plans.answers import Answer, Why
from geosvc.plans.computing import compute
from geosvc.plans.documents import read_plan
from geosvc.plans.gates import is_closed
from geosvc.plans.reasons import in_chinese
from geosvc.plans.reported import form_of, read_reported, with_reported
from geosvc.plans.verdicts import Verdict, standing_of
from geosvc.registry.facilities import Facility

BOTH = "{name: 床位使用率, value: <75%}, {name: 平均住院日, value: '>9天'}"
BEDS = "  - {id: beds, quote: 每千人口床位数, kind: DENS, year: 2025, indicator: {compute: {density: {measure: beds, per: 1000}}, target: 7.25左右}}\n"
HEAD = "指标编号,指标,年份,数值,来源\n"


def gated(conditions: str, join: str = "") -> str:
    return f"  - {{id: a, quote: q, kind: DYN, year: 2025, indicator: {{better: lower, compute: {{gate: {{conditions: [{conditions}]{join}}}}}}}}}\n"


def answered(rows: str = "", join: str = "", *, year: int = 2024) -> Answer:
    """Return what the gate says of what was reported until a year."""
    plan = plan_of(gated(BOTH, join))
    plan = with_reported(plan, read_reported(HEAD + rows, plan, name="年报.csv", year=2026))
    assert not plan.problems, plan.problems
    found = compute(plan.statements[0].indicators[0], evidence(year=year))
    assert found is not None
    return found


def closed(answer: Answer) -> dict[str, Any]:
    assert answer.gate is not None
    told: dict[str, Any] = answer.gate["closed"]
    return told


@pytest.mark.parametrize(("holds", "joined_or", "joined_and"), [
    ((True, False), True, False), ((True, None), True, None), ((False, None), None, False), ((False, False), False, False), ((True, True), True, True)])
def test_one_or_all(holds: tuple[bool | None, ...], joined_or: bool | None, joined_and: bool | None) -> None:
    assert is_closed(holds, "or") is joined_or
    assert is_closed(holds, "and") is joined_and


def test_where_the_plan_does_not_say_both_readings_are_told() -> None:
    """71.3 % is below 75 %, 8.6 days are not above 9: no new beds if one is enough, and new beds if both must hold."""
    answer = answered("a.1,床位使用率,2023,71.3%,统计公报\na.2,平均住院日,2023,8.6天,统计公报\n")
    assert answer.is_computable
    assert closed(answer) == {"or": True, "and": False}
    assert [(each["name"], each["asked"], each["value"], each["year"], each["source"], each["holds"]) for each in answer.gate["conditions"]] == [
        ("床位使用率", "<75%", 71.3, 2023, "统计公报", True), ("平均住院日", ">9天", 8.6, 2023, "统计公报", False)]


def test_the_plan_file_may_say_which() -> None:
    rows = "a.1,,2023,71.3%,公报\na.2,,2023,8.6天,公报\n"
    assert closed(answered(rows, ", join: and")) == {"and": False}
    assert closed(answered(rows, ", join: or")) == {"or": True}


def test_a_bound_itself_is_not_passed() -> None:
    """低于75% and 高于9天 hold neither at 75 % nor at 9 days."""
    assert closed(answered("a.1,,2023,75%,公报\na.2,,2023,9天,公报\n")) == {"or": False, "and": False}


def test_what_nobody_reported_is_neither_yes_nor_no() -> None:
    """80 % occupancy alone: both cannot hold; whether one does is not known."""
    assert closed(answered("a.1,,2023,80%,公报\n")) == {"or": None, "and": False}
    answer = answered()
    assert (answer.why, answer.cure) == (Why.NOT_REPORTED, "geosvc plan report PLAN FILE")
    assert closed(answer) == {"or": None, "and": None}


def test_the_newest_figure_until_the_day_decides() -> None:
    """Occupancy fell from 80 % in 2022 to 70 % in 2024; in 2023 that was not known yet."""
    rows = "a.1,,2022,80%,公报\na.1,,2024,70%,公报\n"
    assert closed(answered(rows, year=2023)) == {"or": None, "and": False}
    assert closed(answered(rows, year=2024)) == {"or": True, "and": None}


@pytest.mark.parametrize(("beds", "silent", "expected"), [(780, 0, True), (725, 0, False), (780, 1, True), (300, 1, None)])
def test_over_the_planned_total(beds: int, silent: int, expected: bool | None) -> None:
    """780 beds for 100,000 people are 7.8 for 1,000, above 7.25, also if a hospital does not say; 300 and a silent one may be."""
    plan = plan_of(BEDS + gated("{indicator: beds, value: '>7.25'}"))
    hospitals = [Facility(name="县医院", class_code="A100", beds=[{"kind": "actual", "count": beds}]), *(Facility(name=f"{n}", class_code="A100") for n in range(silent))]
    rate = compute(plan.statements[0].indicators[0], evidence(hospitals))
    assert rate is not None
    gate = plan.statements[1].indicators[0]
    answer = compute(gate, evidence(hospitals, answer={"beds": rate}.__getitem__))
    assert answer is not None
    assert closed(answer) == {"or": expected}
    assert answer.gate["conditions"][0]["name"] == "每千人口床位数"
    assert answer.is_computable == (expected is not None)
    assert standing_of(plan.statements[1], gate, answer, day="2025-01-01").verdict is (Verdict.NOT_COMPUTABLE if expected is None else Verdict.NO_TARGET)


@pytest.mark.parametrize(("condition", "said", "cure"), [
    ("{indicator: bed, value: '>7.25'}", "no 'bed'", "an indicator of this plan that is computed"),
    ("{indicator: a, value: '>7.25'}", "no 'a'", "that is computed"),
    ("{name: 床位使用率, value: 75%}", "'75%'", "a bound, such as <75% or >9天"),
    ("{value: <75%}", "needs the name", "or the id of an indicator"),
])
def test_a_condition_that_cannot_be_asked_is_refused(condition: str, said: str, cure: str) -> None:
    """With file and line; the other statement still loads."""
    plan = read_plan(f'plan: {{id: made, title: 示例, period: 2021-2025, area: "990000"}}\nstatements:\n{BEDS}{gated(condition)}', name="p.yaml")
    (problem,) = plan.problems
    assert (problem.file, problem.line, problem.statement) == ("p.yaml", 4, "a")
    assert said in problem.text
    assert cure in problem.text
    assert [each.id for each in plan.statements] == ["beds"]


def test_the_form_asks_for_the_conditions() -> None:
    """Not for what is computed of another indicator."""
    plan = plan_of(BEDS + gated(BOTH + ", {indicator: beds, value: '>7.25'}"))
    assert form_of(plan)[1:] == [["a.1", "床位使用率", "", "", ""], ["a.2", "平均住院日", "", "", ""]]
    (problem,) = read_reported(HEAD + "a.3,,2023,7.5,公报\n", plan, name="年报.csv", year=2024).problems
    assert "no indicator 'a.3'" in problem.text


def test_a_bound_is_in_the_unit_of_what_it_asks_for() -> None:
    """Beds for 1,000 people are no share; a figure of days is no share either."""
    beds = BEDS.replace("indicator: {compute", "indicator: {unit: 张/千人, compute")
    wrong = read_plan(f"plan: {{id: made, title: 示例, period: 2021-2025}}\nstatements:\n{beds}{gated('{indicator: beds, value: >7%}'.replace('>7%', chr(39) + '>7%' + chr(39)))}")
    assert [each.text for each in wrong.problems] == ["beds is counted in 张/千人, and '>7%' is not; give the bound in that unit"]
    assert in_chinese(wrong.problems[0].text) == "beds 的单位是 张/千人，这里是“>7%”，请换算后填写"
    plan = plan_of(beds + gated("{indicator: beds, value: '>7.25张'}"))
    assert not plan.problems
    days = plan_of(gated(BOTH))
    (problem,) = read_reported(HEAD + "a.2,,2023,12%,年报\n", days, name="年报.csv", year=2026).problems
    assert problem.text == "a.2 is counted in 天, and '12%' is not; give the number in 天"
