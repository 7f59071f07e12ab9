"""Plan files with faults: each is told with file, line, statement and cure, and the other statements still load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from geosvc.errors import DefinitionError
from geosvc.plans.documents import MOST_BYTES, read_plan, read_plan_file
from geosvc.plans.plan import MOST_PROBLEMS, WAYS, Kind, Plan, Status

GOOD = """\
plan:
  id: made
  title: 示例规划
  issuer: 示例县
  period: 2021-2025
people:
  - {year: 2020, people: 100000, kind: resident, status: census, source: 普查, groups: {0_14: 15000}}
groups:
  county_hospital: {zh: 县医院, classes: [A1], names: [示例县医院]}
sums:
  - {whole: made-1, parts: [made-1], year: 2020}
statements:
  - id: made-1
    quote: 床位数
    kind: DENS
    year: 2020->2025
    status: 预期性
    indicator: {unit: 张/千人, compute: {density: {measure: beds, per: 1000}}, baseline: 2.88, target: 7.25左右}
  - id: made-2
    quote: 设置感染性疾病科
    kind: SHARE
    year: 2025
    indicator: {unit: "%", compute: {share: {of: county_hospital, having: [感染性疾病科]}}, target: 全部}
  - id: made-3
    quote: 中期评估
    kind: GOV
    recorded: 规划的实施管理，没有可计算的数值
"""
ALL = ["made-1", "made-2", "made-3"]


def read(text: str) -> Plan:
    return read_plan(text, name="示例.yaml")


def test_the_good_file_has_no_problems() -> None:
    plan = read(GOOD)
    assert plan.problems == ()
    assert [each.id for each in plan.statements] == ALL
    first = plan.statements[0]
    assert (first.kind, first.status, first.line) == (Kind.DENS, Status.EXPECTED, GOOD.splitlines().index("  - id: made-1") + 1)
    assert first.indicators[0].baseline is not None
    assert (first.indicators[0].baseline.text, first.indicators[0].baseline.year) == ("2.88", 2020)
    assert [(each.year, each.people, each.groups) for each in plan.denominators] == [(2020, 100_000, {"0_14": 15_000})]


# what, what is put in its place, the line that is named, the statement that is lost, what is said, the cure
FAULTS = {
    "unknown kind": ("kind: SHARE", "kind: PART", 19, "made-2", "'PART'", "must be one of RADIUS"),
    "no kind": ("    kind: SHARE\n", "", 19, "made-2", "''", "must be one of RADIUS"),
    "unknown status": ("status: 预期性", "status: 大概", 13, "made-1", "'大概'", "must be one of 约束性"),
    "unit that does not exist": ("unit: 张/千人", "unit: 张每千人", 18, "made-1", "'张每千人'", "张/千人"),
    "target that does not parse": ("target: 7.25左右", "target: 七张多", 18, "made-1", "'七张多'", "such as 7.25左右"),
    "baseline that does not parse": ("baseline: 2.88", "baseline: two", 18, "made-1", "'two'", "where none is set"),
    "empty target": ("target: 7.25左右", "target: ", 18, "made-1", "''", "write ——"),
    "figure with a mapping for its source": ("baseline: 2.88", "baseline: {year: 2020, value: 2.88, source: {a: b}}", 18, "made-1", "source", "must be a text"),
    "indicator recorded with a list": ("unit: 张/千人", "unit: 张/千人, recorded: [x, y]", 18, "made-1", "recorded", "must be a text"),
    "condition of a list": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {gate: {conditions: [{indicator: [a], value: <75%}]}}", 23, "made-2", "indicator", "must be a text"),
    "key of our own": ("    kind: SHARE\n", '    kind: SHARE\n    "\\0twice": x\n', 19, "made-2", "twice", "no field of a statement"),
    "target before its baseline": ("year: 2020->2025", "year: 2025->2020", 18, "made-1", "2020", "before its baseline of 2025"),
    "year that is not known": ("year: 2020->2025", "year: now->2025", 18, "made-1", "'2.88'", "write {year: 2020, value: …}"),
    "year that is none": ("baseline: 2.88", "baseline: {year: 20.5, value: 2.88}", 18, "made-1", "'20.5'", "four digits"),
    "year that is no number": ("baseline: 2.88", "baseline: {year: nan, value: 2.88}", 18, "made-1", "'nan'", "must be a number"),
    "unknown way": ("compute: {density:", "compute: {density2:", 18, "made-1", "density2", "must be one of density"),
    "way without what it needs": ("{measure: beds, per: 1000}", "{measure: beds}", 18, "made-1", "density", "needs per"),
    "field of another way": ("{measure: beds, per: 1000}", "{measure: beds, per: 1000, rule: village-clinic}", 18, "made-1", "'rule'", "expected measure, per"),
    "number of people nobody divides by": ("per: 1000}", "per: 1500}", 18, "made-1", "'1500'", "1000, 10000, 100000"),
    "unknown measure": ("measure: beds", "measure: bedz", 18, "made-1", "'bedz'", "geosvc plan words"),
    "unknown group": ("of: county_hospital", "of: county_hospitals", 23, "made-2", "'county_hospitals'", "county_hospital is near"),
    "unknown staff": ("having: [感染性疾病科]", "having: [staff:tcm]", 23, "made-2", "'tcm'", "geosvc plan words"),
    "capability that is no text": ("having: [感染性疾病科]", "having: [{a: b}]", 23, "made-2", "having", "such as [感染性疾病科"),
    "unknown field of an indicator": ('unit: "%",', 'unit: "%", goal: 5,', 23, "made-2", "'goal'", "expected name, unit"),
    "unknown field of a statement": ("    recorded: 规划", "    because: x\n    recorded: 规划", 24, "made-3", "'because'", "expected id, quote"),
    "key twice in an indicator": ("baseline: 2.88,", "baseline: 2.88, baseline: 2.89,", 18, "made-1", "'baseline'", "keep one"),
    "key twice in a statement": ("    kind: SHARE\n", "    kind: SHARE\n    kind: DENS\n", 22, "made-2", "'kind'", "keep one"),
    "no quote": ("    quote: 设置感染性疾病科\n", "", 19, "made-2", "quote", "the plan's own words"),
    "quote that YAML takes for a list": ("quote: 设置感染性疾病科", "quote: [设置]感染性疾病科".replace("]感染性疾病科", "]"), 19, "made-2", "quote", "quotation marks"),
    "no computation and no reason": ("    recorded: 规划的实施管理，没有可计算的数值\n", "", 24, "made-3", "nothing is said", "recorded with the reason"),
    "indicator that says nothing": ("recorded: 规划的实施管理，没有可计算的数值", "indicator: {unit: 个}", 27, "made-3", "needs compute", "recorded with the reason"),
    "both indicator and indicators": ("    recorded: 规划", "    indicators: [{unit: 个, target: 1}]\n    indicator: {unit: 个, target: 1}\n    recorded: 规划", 24, "made-3", "not both", "list of them"),
    "indicators that are no list": ("    recorded: 规划", "    indicators: {unit: 个, target: 1}\n    recorded: 规划", 24, "made-3", "indicators", "list of them"),
    "id in capitals": ("id: made-2", "id: Made_2", 19, "Made_2", "'Made_2'", "lower-case"),
    "rule that does not exist": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {mobile: {rule: village}}", 23, "made-2", "'village'", "village-clinic"),
    "level that does not exist": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {each_area: {level: 县, of: hospital}}", 23, "made-2", "'县'", "county"),
    "areas of a group without classes": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {each_area: {level: county, of: all}}", 23, "made-2", "each_area", "a group with classes"),
    "nothing asked of each": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {each_facility: {of: hospital}}", 23, "made-2", "each_facility", "needs a measure"),
    "relation that does not exist": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {related: {relation: likes}}", 23, "made-2", "'likes'", "member_of"),
    "join that is none": ("compute: {share: {of: county_hospital, having: [感染性疾病科]}}", "compute: {gate: {conditions: [{name: x, value: <75%}], join: maybe}}", 23, "made-2", "'maybe'", "or, and"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_line_and_cure_and_the_others_load(fault: str) -> None:
    good, bad, line, lost, said, cure = FAULTS[fault]
    assert GOOD.count(good) == 1, "the fault must be planted in one place"
    plan = read(GOOD.replace(good, bad))
    told = [each for each in plan.problems if each.statement == lost]
    assert len(told) == 1, plan.problems
    assert str(told[0]).startswith(f"示例.yaml:{line}: {lost}: ")
    assert said in told[0].text
    assert cure in told[0].text
    gone = {"Made_2": "made-2"}.get(lost, lost)
    assert [each.id for each in plan.statements] == [each for each in ALL if each != gone]
    assert len([each for each in plan.problems if each.statement != lost]) == (gone == "made-1"), "the sum misses what it adds up, and nothing else"


# what, in its place, the line, what is said; all statements still load
OTHERS = {
    "unknown class": ("classes: [A1]", "classes: [Q9]", 9, "'Q9'"),
    "field of a group": ("names: [示例县医院]", "name: 示例县医院", 9, "'name'"),
    "field of a group that is no list": ("names: [示例县医院]", "names: 示例县医院", 9, "must be a list"),
    "section without a title": ("  - id: made-2", "  - {section: '', en: Two}\n  - id: made-2", 19, "such as '- section: 主要指标'"),
    "section with more": ("  - id: made-2", "  - {section: 二, kind: GOV}\n  - id: made-2", 19, "'kind' is no field of a section"),
    "people without a year": ("year: 2020, people", "people", 7, "needs its year"),
    "people without a source": (", source: 普查", "", 7, "needs its source"),
    "no people": ("people: 100000", "people: 0", 7, "more than 0"),
    "people of no kind": ("kind: resident", "kind: human", 7, "'human'"),
    "more children than people": ("0_14: 15000", "0_14: 150000", 7, "0_14"),
    "age groups that are a list": ("{0_14: 15000}", "[0_14]", 7, "groups must be numbers by age"),
    "sum of what is not there": ("parts: [made-1]", "parts: [made-9]", 11, "'made-9'"),
    "sum of nothing": ("parts: [made-1]", "parts: []", 11, "parts"),
    "sum of mappings": ("parts: [made-1]", "parts: [{a: b}]", 11, "there is no"),
    "sum without a year": (", year: 2020}\nstatements", "}\nstatements", 11, "year"),
    "inventory of a group that is not there": ("sums:\n", "inventories:\n  - {of: everything, parts: [made-1], year: 2020}\nsums:\n", 11, "'everything'"),
    "inventory of what is not there": ("sums:\n", "inventories:\n  - {of: all, parts: [made-9], year: 2020}\nsums:\n", 11, "'made-9'"),
    "key twice among people": ("people: 100000,", "people: 100000, people: 5,", 7, "'people'"),
}


@pytest.mark.parametrize("fault", OTHERS)
def test_a_fault_beside_the_statements_is_told_with_its_line(fault: str) -> None:
    good, bad, line, said = OTHERS[fault]
    assert GOOD.count(good) == 1
    plan = read(GOOD.replace(good, bad))
    assert said in plan.problems[0].text
    assert (plan.problems[0].file, plan.problems[0].line) == ("示例.yaml", line)
    lost = {"made-2"} if "of: county_hospital" in GOOD and line == 9 else set()
    assert [each.id for each in plan.statements] == [each for each in ALL if each not in lost]


@pytest.mark.parametrize(("part", "said"), [
    ("groups: [a, b]", "groups must be a mapping"), ("groups:\n  a: 5", "group a must be a mapping"), ("people: 5", "people must be a list"),
    ("people: [5]", "an entry of people must be a mapping"), ("sums: [made-1]", "an entry of sums must be a mapping"), ("goals: []", "'goals' is no part"),
    ("groups:\n  a: {classes: [A]}\n  a: {classes: [B]}", "'a' stands twice"),
])
def test_parts_of_the_wrong_shape(part: str, said: str) -> None:
    name = part.split(":", maxsplit=1)[0]
    blocks = re.split(r"(?m)^(?=[a-z]+:)", GOOD)
    plan = read("".join(each for each in blocks if not each.startswith(f"{name}:")) + part + "\n")
    assert any(said in each.text for each in plan.problems), plan.problems
    assert {"made-1", "made-3"} <= {each.id for each in plan.statements}


def test_a_heading_is_that_of_the_statements_after_it() -> None:
    plan = read(GOOD.replace("  - id: made-2", "  - {section: 第二章, en: Chapter 2}\n  - id: made-2"))
    assert [(each.section, each.section_en) for each in plan.statements] == [("", ""), ("第二章", "Chapter 2"), ("第二章", "Chapter 2")]
    assert read(GOOD.replace("  - id: made-2", "  - section: 第二章\n  - id: made-2")).statements[1].section_en == "第二章"


def test_an_id_that_stands_twice_is_told_at_both_and_the_others_load() -> None:
    plan = read(GOOD.replace("id: made-3", "id: made-2"))
    assert [(each.line, each.statement) for each in plan.problems] == [(19, "made-2"), (24, "made-2")]
    assert all("every statement has its own" in each.text for each in plan.problems)
    assert [each.id for each in plan.statements] == ["made-1"]


def test_two_faults_are_both_told() -> None:
    plan = read(GOOD.replace("kind: SHARE", "kind: PART").replace("unit: 张/千人", "unit: 张每千人").replace("sums:", "sum:"))
    assert {each.statement for each in plan.problems} == {None, "made-1", "made-2"}
    assert [each.id for each in plan.statements] == ["made-3"]


# -- files that are no plan at all ---------------------------------------------------------


@pytest.mark.parametrize(("text", "said"), [
    ("", "begins with 'plan:'"),
    ("- a\n- b\n", "begins with 'plan:'"),
    ("plan: 靖宇\n", "begins with 'plan:'"),
    ("statements: []\n", "begins with 'plan:'"),
    ("plan:\n  id: x\n title: 5\n", "示例.yaml:3: not YAML"),
    ("plan: {id: x\n", "not YAML"),
    ('plan:\n  id: x\n  title: "unfinished\n', "not YAML"),
    ("plan:\n  id: x\n  title: a: b\n", "quote texts that hold"),
    ("plan:\n  id: x\n  target: >9天\n", "not YAML"),
    ("[" * 5000, "not YAML"),
    ("plan: *nothing\n", "no aliases"),
    # Nine lines that unfold to ten thousand million texts.
    ("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{each + 1}: &a{each + 1} [{', '.join([f'*a{each}'] * 10)}]\n" for each in range(9))
     + "plan: {id: x, title: *a9}\n", "示例.yaml:2: not YAML: a plan file has no aliases (*); write it out"),
    ("plan:\n  id: x\n  title: t\n  period: 2021-2025\nplan:\n  id: y\n", "示例.yaml:5: 'plan' stands twice"),
    (GOOD.replace("id: made\n", "id: 靖宇\n"), "示例.yaml:2: id must be lower-case"),
    (GOOD.replace("  id: made\n", ""), "id must be lower-case"),
    (GOOD.replace("  title: 示例规划\n", ""), "no title"),
    (GOOD.replace("period: 2021-2025", "period: 2021"), "two years"),
    (GOOD.replace("period: 2021-2025", "period: soon"), "such as 2021-2025"),
    (GOOD.replace("period: 2021-2025", "period: 0001-9999"), "1900 to 2200"),
    (GOOD.replace("  issuer: 示例县\n", "  issuer: {a: b}\n"), "issuer must be a text"),
    (GOOD.replace("  issuer: 示例县\n", "  area: {a: b}\n"), "area must be a text"),
    (GOOD.replace("  issuer: 示例县\n", "  date: [2021, 2022]\n"), "date must be a text"),
    (GOOD.replace("  issuer: 示例县\n", '  "\\0twice": x\n'), "is no field of a plan"),
    (GOOD.replace("period: 2021-2025", "period: 2025-2021"), "earlier year first"),
    (GOOD.replace("  issuer: 示例县\n", "  state: final\n"), "published, draft"),
    (GOOD.replace("  issuer: 示例县\n", "  by: 示例县\n"), "'by' is no field of a plan"),
    (GOOD.replace("  issuer: 示例县\n", "  issuer: a\n  issuer: b\n"), "示例.yaml:5: 'issuer' stands twice"),
    ("x" * (MOST_BYTES + 1), "at most"),
])
def test_what_is_no_plan_file_is_refused_whole(text: str, said: str) -> None:
    with pytest.raises(DefinitionError) as told:
        read(text)
    assert "示例.yaml" in str(told.value)
    assert said in str(told.value)


def test_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "靖宇.yaml"
    path.write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(DefinitionError, match=r"靖宇\.yaml: a plan file is UTF-8 text; byte \d+ is not\. Save it as UTF-8"):
        read_plan_file(path)


def test_a_byte_order_mark_and_other_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    plan = read_plan_file(path)
    assert plan.problems == ()
    assert [each.id for each in plan.statements] == ALL


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="No such file"):
        read_plan_file(tmp_path / "none.yaml")


def test_numbers_stay_as_they_are_written() -> None:
    """1.20 is not 1.2: the figures are printed back as quoted."""
    plan = read(GOOD.replace("baseline: 2.88", "baseline: 2.80").replace("target: 7.25左右", 'target: "1.20"'))
    first = plan.statements[0].indicators[0]
    assert first.baseline is not None
    assert first.target is not None
    assert (first.baseline.text, first.target.text) == ("2.80", "1.20")


def test_no_tag_of_yaml_makes_an_object() -> None:
    text = GOOD.replace("quote: 床位数", "quote: !!python/object/apply:os.getcwd []")
    plan = read(text)
    assert [each.id for each in plan.statements] == ["made-2", "made-3"]


@settings(max_examples=150, deadline=None)
@given(st.recursive(
    st.sampled_from(["", "2020", "-1", "nan", "made", "床位", "全部", "beds", "all", "——", "1:1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "quote", "kind", "year", "indicator", "indicators", "compute", "recorded", "of", "having", "value", "whole", "parts", "people", "groups",
                         "source", "zh", "classes", "any", "bands", "conditions", "since", "by", "baseline", "target", "change", "observed", *WAYS]), inner, max_size=4),
    max_leaves=12), st.sampled_from(["people", "groups", "sums", "statements"]))
def test_any_shape_is_read_or_told_and_nothing_falls(shape: object, part: str) -> None:
    """Whatever a file holds, the answer is a plan with problems or a refusal; never a crash."""
    document = {"plan": {"id": "x", "title": "t", "period": "2021-2025"}, part: shape}
    wrapped = {**document, part: [shape]} if part != "groups" else {**document, part: {"g": shape}}
    for each in (document, wrapped, {**document, part: [{"id": "a", "quote": "q", "kind": "GOV", "year": "2020->2025", "indicator": shape}]}):
        plan = read(yaml.safe_dump(each, allow_unicode=True))
        assert all(str(problem) for problem in plan.problems)


def test_of_very_many_faults_some_are_told() -> None:
    """Whoever sends a list of nonsense is not answered with hundreds of megabytes."""
    text = GOOD.replace("sums:", "inventories:") + "sums: [" + ", ".join(["a"] * 50_000) + "]\n"
    assert len(read(text).problems) == MOST_PROBLEMS
