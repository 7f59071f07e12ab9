"""The plans that are shipped: complete, quoted letter by letter, every figure as the plan prints it."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from plans.made_plans import evidence

from geosvc.coverage.blank_spots import shipped_rules
from geosvc.coverage.services import shipped_services
from geosvc.plans.computing import compute
from geosvc.plans.documents import read_plan, read_plan_file
from geosvc.plans.plan import Indicator, Kind, Plan, Statement, Status
from geosvc.plans.targets import Form
from geosvc.plans.vocabulary import groups, measures
from geosvc.registry.exports.cells import choices, offered

STATEMENTS = {"changbaishan-2025": 39, "jingyu-2025": 110, "national-2025": 27, "xinxiang-2025": 47, "baotou-rare-earth-2025": 89}
FOLDER = Path(str(files("geosvc.plans").joinpath("published")))
# The words of the plans for what a facility has that the registry's drop-down does not offer; any other is a slip of the pen.
OWN = ("level", "grade", "ownership", "service_mode", "staff")
MOST_PER_REASON = 2


@cache
def plan(name: str) -> Plan:
    return read_plan_file(FOLDER / f"{name}.yaml")


@cache
def raw(name: str) -> dict[str, dict[str, object]]:
    """Return the statements as they stand in the file, read without our reader."""
    document = yaml.load((FOLDER / f"{name}.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
    return {each["id"]: each for each in document["statements"] if "section" not in each}


def every_statement() -> list[Statement]:
    return [each for name in STATEMENTS for each in plan(name).statements]


def every_indicator() -> list[Indicator]:
    return [each for statement in every_statement() for each in statement.indicators]


def facts(name: str) -> list[dict[str, str]]:
    """Return a table of the plans' own statements, which is no part of the project."""
    folder = Path(os.environ.get("GEOSVC_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")).parent / "facts" / "plans"
    if not (folder / name).is_file():
        pytest.skip(f"the statements of the plans are not at {folder / name}; set GEOSVC_TEST_DATA to run this test")
    with (folder / name).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def rows() -> dict[str, dict[str, str]]:
    return {each["id"]: each for each in facts("plan_rules.csv")}


# -- what needs nothing else ---------------------------------------------------------------


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_plan_loads_without_problems_and_is_complete(name: str) -> None:
    read = plan(name)
    assert [str(each) for each in read.problems] == []
    assert read.id == name
    assert [each.id for each in read.statements] == [f"{name}-{n:03d}" for n in range(1, STATEMENTS[name] + 1)]
    assert read.title
    assert read.title_en
    assert read.issuer
    assert read.date or read.date_note, "a plan without a date says so"


def test_no_file_is_shipped_that_is_no_plan() -> None:
    assert {each.stem for each in FOLDER.iterdir()} == set(STATEMENTS)


def test_every_statement_is_computed_stored_or_says_why_not() -> None:
    for statement in every_statement():
        assert statement.indicators or statement.recorded, statement.id
        for each in statement.indicators:
            assert each.way or each.figures or each.recorded, each.id


def test_every_computed_indicator_says_its_unit_and_what_is_asked() -> None:
    for each in every_indicator():
        assert each.unit or each.way == "gate", each.id
        if each.way:
            assert each.figures or each.way in ("gate", "bands"), f"{each.id}: a target that is not set is written ——"


def test_a_reason_is_of_its_statement_alone() -> None:
    """A reason that fits everything explains nothing."""
    told = [(statement, reason) for statement in every_statement()
            for reason in (statement.recorded, *(each.recorded for each in statement.indicators)) if reason is not None]
    assert told
    often = Counter(reason for statement, reason in told if statement.kind not in (Kind.GOV, Kind.PROC))
    assert [reason for reason, times in often.items() if times > MOST_PER_REASON] == []
    assert [statement.id for statement, reason in told if len(reason) < 12 or "TODO" in reason] == []


def test_the_names_of_indicators_of_a_statement_differ() -> None:
    for statement in every_statement():
        names = [each.name for each in statement.indicators]
        assert len(names) == len(set(names)), statement.id


def test_services_rules_and_capabilities_exist() -> None:
    """What would never be found would stay unknown for ever, and nobody would be told."""
    services = {each.id: {one.id for one in each.thresholds} for each in shipped_services()}
    rules = {each.id: each.level for each in shipped_rules()}
    for each in every_indicator():
        given = each.given
        if each.way == "coverage":
            assert given["service"] in services, each.id
            assert given.get("threshold") is None or given["threshold"] in services[given["service"]], each.id
            assert given.get("origin", "default") == "default", each.id
        if "rule" in given:
            assert given["rule"] in rules, each.id
            assert given.get("level", rules[given["rule"]]) == rules[given["rule"]], each.id
        if each.way == "related":
            assert given["relation"] in choices("relation"), each.id
        for word in given.get("having", ()):
            name, _, wanted = word.partition(":")
            if wanted:
                assert name in OWN, f"{each.id}: {word}"
                assert name == "staff" or set(wanted.split("|")) <= set(offered(name)), f"{each.id}: {word}"
            else:
                assert set(word.split("|")) <= set(offered("capability")), f"{each.id}: {word}"


def test_what_plans_count_can_be_written_in_a_table() -> None:
    """Every cadre has its word for tables of facilities: else nobody could register what a plan asks for."""
    assert {each.cadre for each in measures().values() if each.cadre} <= set(choices("cadre"))


def test_every_group_of_a_plan_is_used_and_means_facilities() -> None:
    for name in STATEMENTS:
        text = (FOLDER / f"{name}.yaml").read_text("utf-8")
        told = yaml.load(text, Loader=yaml.BaseLoader).get("groups") or {}
        for key, value in told.items():
            assert key not in groups(), f"{name}: {key} hides a group of all plans"
            assert len(re.findall(rf"\b{key}\b", text)) > 1, f"{name}: nothing speaks of {key}"
            assert set(value) & {"classes", "names", "any"}, f"{name}: {key} is every facility"
            assert set(value.get("ownership", ())) <= set(offered("ownership"))
            assert set(value.get("levels", ())) <= set(offered("level"))


def test_where_a_plan_gives_no_radius_the_limit_is_a_default() -> None:
    """A limit that the plan does not give must never look like its target."""
    for statement in every_statement():
        for each in statement.indicators:
            if each.way == "coverage" and statement.kind is Kind.RADIUS:
                assert each.given["origin"] == "default", each.id
                assert each.target is not None
                assert each.target.target.form is Form.NOT_SET, each.id
                assert "国家指导意见" in statement.note, statement.id


def test_a_target_that_is_not_set_is_no_number() -> None:
    unset = [each for each in plan("baotou-rare-earth-2025").statements if each.kind is Kind.PROC
             and all(one.target is not None and one.target.text == "——" for one in each.indicators)]
    assert len(unset) == 14
    assert all(one.target is not None and one.target.value is None for each in unset for one in each.indicators)


def test_provisional_and_binding() -> None:
    statuses = Counter(each.status for each in plan("baotou-rare-earth-2025").statements)
    assert statuses[Status.PROVISIONAL] > 30
    assert statuses[Status.BINDING] == 11
    assert {each.status for each in plan("national-2025").statements} == {Status.UNSTATED}


def test_the_named_facilities_add_up_as_the_plan_lists_them() -> None:
    """300 + 130, and with the townships and the maternal hospital 481 now, 498 in 2025."""
    listed = [each for statement in plan("jingyu-2025").statements[34:49] for each in statement.indicators]
    assert len(listed) == 15
    assert {each.given["measure"].id for each in listed} == {"beds_authorised"}
    assert sum(each.baseline.value for each in listed if each.baseline) == 481
    assert sum(each.target.value for each in listed if each.target) == 498
    public, both = groups()["public_hospital"], groups()["public_hospital_or_grassroots"]
    assert [each.of.zh for each in listed if each.of and each.of.within(public)] == ["县人民医院", "县中医院"]
    assert all(each.of.within(both) for each in listed if each.of)


def test_people_are_those_of_the_census() -> None:
    census = {name: [each.people for each in plan(name).denominators if each.status == "census"] for name in STATEMENTS}
    assert census == {
        "changbaishan-2025": [], "jingyu-2025": [108_478], "national-2025": [], "xinxiang-2025": [6_251_929], "baotou-rare-earth-2025": [184_127]}


def test_people_are_called_residents_only_where_the_text_says_so() -> None:
    """约17万 of 包头 is neither 常住 nor 户籍 in the plan; a file that leaves the kind out does not say it either."""
    assert [(each.people, each.kind) for each in plan("baotou-rare-earth-2025").denominators] == [(184_127, "resident"), (170_000, "unstated")]
    text = "plan: {id: own, title: 自己的, period: 2021-2025}\npeople: [{year: 2020, people: 9, status: estimate, source: 文中}]\nstatements: []\n"
    assert [each.kind for each in read_plan(text, name="own.yaml").denominators] == ["unstated"]


LESS_IS_BETTER = re.compile("死亡率|吸烟率|近视率|携带率|平均住院日|个人卫生支出|致贫率|龋患率|每千人口医疗机构床位数")


def test_less_is_better_of_what_a_plan_wants_less_of() -> None:
    """A mortality that falls must not be told as behind, nor a coverage that falls as met."""
    for each in every_indicator():
        if each.way == "gate":
            continue
        wanted = "lower" if LESS_IS_BETTER.search(each.name) else "higher"
        assert each.better == wanted, f"{each.id} {each.name}"
        if each.target is not None and each.target.target.form in (Form.AT_LEAST, Form.AT_MOST):
            assert (each.target.target.form is Form.AT_MOST) == (wanted == "lower"), each.id


def test_every_computed_indicator_can_be_asked_of_an_empty_registry() -> None:
    """Nothing is known: each says why and how to cure it, and none says 0."""
    for each in every_indicator():
        answer = compute(each, evidence(people=()))
        assert (answer is None) == (each.way is None), each.id
        if answer is not None:
            assert not answer.is_computable, each.id
            assert answer.value is None, each.id


def test_a_fault_in_one_statement_leaves_the_others() -> None:
    text = (FOLDER / "jingyu-2025.yaml").read_text("utf-8")
    faulty = read_plan(text.replace("kind: RATIO", "kind: RATION", 1), name="jingyu.yaml")
    assert len(faulty.statements) == STATEMENTS["jingyu-2025"] - 1
    assert [each.statement for each in faulty.problems] == ["jingyu-2025-016"]


# -- beside the statements as they were taken from the plans ------------------------------


@pytest.mark.real_data
def test_every_statement_of_the_plans_is_there_letter_by_letter() -> None:
    told = rows()
    ours = {each.id: each for each in every_statement()}
    assert list(ours) == [name for plan_name in STATEMENTS for name in told if told[name]["plan"] == plan_name]
    for name, row in told.items():
        assert ours[name].quote == row["quote_zh"], name
        assert ours[name].kind == row["kind"], name
        assert ours[name].level == row["unit"].replace("-", ""), name
        assert ours[name].facility == ("" if row["facility"] == "-" else row["facility"]), name
        assert ours[name].year == row["year"].replace("now", "2020").removeprefix("-"), name


@pytest.mark.real_data
def test_binding_is_what_the_plan_calls_binding() -> None:
    told = rows()
    for each in every_statement():
        assert (each.status is Status.BINDING) == ("约束性" in told[each.id]["target"]), each.id


@pytest.mark.real_data
@pytest.mark.parametrize("name", STATEMENTS)
def test_the_plans_are_told_as_they_are(name: str) -> None:
    row = next(each for each in facts("plans.csv") if each["plan"] == name)
    read = plan(name)
    assert (read.title, read.issuer, f"{read.period[0]}-{read.period[1]}") == (row["title_zh"], row["issuer"], row["period"])
    assert read.date == (None if row["date"].startswith("not stated") else row["date"])
    assert read.state == ("draft" if row["state"].startswith("draft") else "published")


# Of the table: what a figure is for, not the figure; levels of hospitals and laboratories; remarks and marks of conflicts.
_NOT_FIGURES = re.compile(r"/\s*(?:1000|100k|10k|10万|万|千)|km2|BSL-2|\b[A-E]\d\b|level>=\d|\(typo for .*?\)")


def numbers(text: str) -> set[float]:
    return {float(each) * (1000 if k else 1) for each, k in re.findall(r"(\d+(?:\.\d+)?)(k?)", text)}


@pytest.mark.real_data
def test_every_number_of_a_target_is_a_figure_or_told() -> None:
    """Each number that the plan gives stands in a figure, in what is computed, or in the note; none is lost."""
    lost = {}
    for name, row in rows().items():
        mine = {key: value for key, value in raw(row["plan"])[name].items() if key not in ("id", "quote", "year", "facility", "level")}
        ours = numbers(str(mine))
        if re.search(r"'(?:全部|全部设置|全覆盖|全部覆盖)'", str(mine)):
            ours.add(100.0)
        missing = numbers(_NOT_FIGURES.sub(" ", row["target"])) - ours
        if missing:
            lost[name] = (row["target"], sorted(missing))
    assert lost == {}


@pytest.mark.real_data
def test_a_plain_change_of_a_table_is_baseline_and_target() -> None:
    """Rows of one figure before and one after: both as printed, neither turned round."""
    seen, told = 0, rows()
    for statement in every_statement():
        row = told[statement.id]
        match = re.fullmatch(r"(?:编制床位 )?([\d.:]+|-) -> ([^/;(]+?)(?: %)?(?: \(约束性\))?", row["target"])
        if match is None or len(statement.indicators) != 1 or "->" not in row["year"]:
            continue
        (one,) = statement.indicators
        before, after = match[1], match[2].replace(">=", "≥").replace("<=", "≤")
        if after.startswith("-"):
            continue
        assert (one.baseline is None) if before == "-" else (one.baseline is not None and one.baseline.text == before), statement.id
        assert one.target is not None, statement.id
        assert one.target.text == after, statement.id
        seen += 1
    assert seen >= 35
