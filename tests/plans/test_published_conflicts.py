"""The contradictions of the published plans, as an auditor found them by hand, are found by the checks; their tables are in the docs."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from plans.made_plans import CENSUS

from geosvc.plans.conflicts import find_conflicts
from geosvc.plans.plan import Plan
from geosvc.plans.reported import read_reported, with_reported
from geosvc.registry.moments import PRESENT
from geosvc.workflows import planning
from geosvc.workflows.plan_documents import shipped_plans

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def found(demo_store, demo_settings):
    """Return the contradictions of a plan by check."""
    def of(plan: str) -> dict[str, list[dict]]:
        by_check: dict[str, list[dict]] = {}
        for each in planning.plan_conflicts(demo_store, plan, PRESENT)["conflicts"]:
            by_check.setdefault(each["check"], []).append(each)
        return by_check

    return of


def named(conflicts: list[dict], *statements: str) -> dict:
    """Return the one that names all of some statements."""
    return next(each for each in conflicts if set(statements) <= set(each["statements"]))


def j(number: int) -> str:
    return f"jingyu-2025-{number:03d}"


def test_a1_rates_of_2020_divide_by_twice_the_registered_people(found):
    """626 beds at 2.88, 365 …: 217,000 people; the census has 108,478, which gives 5.77."""
    conflict = named(found("jingyu-2025")["implied_population"], j(9), j(30), j(51), j(52))
    assert 216_000 < conflict["values"]["implied"] < 218_500
    assert [(each["people"], round(each["value"], 2)) for each in conflict["instead"]] == [(108_478, 5.77)]


def test_a2_targets_divide_by_other_people(found):
    """(430 + 68) / 4.58 = 108,734 and 130 / 1.19 = 109,244: baseline and target cannot be compared."""
    changes = found("jingyu-2025")["denominator_changes"]
    assert named(changes, j(10))["values"]["target_people"] == 108_734
    assert named(changes, j(11))["values"]["target_people"] == pytest.approx(109_244, abs=1)


def test_a3_general_practitioners_and_chinese_medicine_imply_58_000(found):
    """49 at 8.45 for 10,000, 41 at 0.71 for 1,000."""
    conflict = named(found("jingyu-2025")["implied_population"], j(54), j(55))
    assert 57_300 < conflict["values"]["implied"] < 58_200


def test_a4_units_ten_times_off(found):
    """4.70 and 7.37 are for 10,000; as printed a part (4.70) is more than the whole (2.88)."""
    jingyu = found("jingyu-2025")
    assert {each["values"]["fits_per"] for each in jingyu["unit_factor"]} == {10_000}
    assert named(jingyu["unit_factor"], j(11), j(33))
    assert named(jingyu["unit_factor"], j(34))
    assert named(jingyu["part_over_whole"], j(11), j(9))


@pytest.mark.parametrize("statements", [(2, 12), (3, 13), (4, 15), (18, 55)])
def test_a5_two_values_of_one_indicator(found, statements):
    """Doctors 5.23 and 1.88, nurses 5.64 and 2.01, general practitioners 5.98 and 8.45, Chinese medicine 1.07 and 0.71."""
    assert named(found("jingyu-2025")["two_values"], *map(j, statements))


def test_a6_600_general_practitioners_for_10_000(found):
    jingyu = found("jingyu-2025")
    assert abs(named(jingyu["two_values_factor"], j(15), j(61))["values"]["factor"]) == 2
    assert named(jingyu["implausible"], j(61))["values"]["percent"] == 6


def test_a7_ratio_of_the_targets(found):
    """1:1.20 beside 5.25 and 5.65, which are 1:1.076."""
    assert named(found("jingyu-2025")["ratio"], j(16), j(12), j(13))["values"]["ratio"] == pytest.approx(1.076)


def test_a8_beds_that_do_not_add_up(found):
    """446 + 160 = 606 of 626; 365 beds of public hospitals beside 430 authorised, 102 beside 130."""
    jingyu = found("jingyu-2025")
    assert named(jingyu["sum"], j(30), j(32), j(34))["values"]["difference"] == 20
    assert named(jingyu["list_differs"], j(31))["values"]["listed"] == "430"
    assert named(jingyu["list_differs"], j(33))["values"]["listed"] == "130"


def test_a11_all_or_eighty_percent(found):
    """老年医学科: at least 80 % in the table, all in the text."""
    assert named(found("jingyu-2025")["two_values"], j(22), j(87))


def test_a13_ten_or_twenty_beds(found):
    """58,000 people ask for 10 infectious beds, 108,478 and 217,000 for 20."""
    branches = named(found("jingyu-2025")["branch"], j(67))["values"]["branches"]
    assert {each["target"] for each in branches} == {"≥10", "≥20"}


def test_b1_two_populations_of_2015(found):
    """What rose since 2015 implies 6.278 million by beds and 5.873 million by staff; the figures of 2020 fit the census."""
    xinxiang = found("xinxiang-2025")
    assert set(xinxiang) == {"populations_differ"}
    assert xinxiang["populations_differ"][0]["values"]["people"] == pytest.approx([5_873_230, 6_278_373], rel=1e-4)


def test_c1_more_grassroots_than_institutions(found):
    """142 grassroots institutions of 138 institutions; its own kinds add up to 131."""
    baotou = found("baotou-rare-earth-2025")
    assert baotou["part_over_whole"][0]["values"]["whole_text"] == "138"
    assert named(baotou["sum"], "baotou-rare-earth-2025-014")["values"]["sum"] == 131


def test_d1_targets_weaker_than_the_baseline(found):
    """Early deaths, management rates, vaccination, mental health, deaths of mothers: met before the plan began."""
    weaker = {each["statements"][0] for each in found("changbaishan-2025")["weaker"]}
    assert {f"changbaishan-2025-0{n}" for n in ("08", "26", "29", "31", "32")} <= weaker


def test_the_checks_name_no_statement():
    """No id of a statement or of a plan is written into the program."""
    import geosvc.plans

    folder = Path(geosvc.plans.__file__).parent
    for path in folder.glob("*.py"):
        assert not any(word in path.read_text("utf-8") for word in ("jingyu", "baotou", "xinxiang", "changbaishan")), path.name


def test_the_tables_of_the_docs_are_current(demo_store, demo_settings):
    """``python docs/make_plan_tables.py`` writes them anew."""
    spec = importlib.util.spec_from_file_location("make_plan_tables", DOCS / "make_plan_tables.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    page = (DOCS / "plans.md").read_text("utf-8")
    assert made.page_with(made.tables(demo_store), page) == page


@pytest.mark.parametrize("year", [2020, 2025])
@pytest.mark.parametrize("plan", list(shipped_plans().values()), ids=list(shipped_plans()))
def test_a_reported_0_of_anything_is_a_figure_like_any_other(plan: Plan, year: int) -> None:
    """Nobody died, no bed is there: the checks go on, whatever else is said of that year."""
    for one in [each for statement in plan.statements for each in statement.indicators]:
        with_zero = with_reported(plan, read_reported(f"指标编号,年份,数值,来源\n{one.id},{year},0,公报\n", plan, name="年报.csv", year=2026))
        assert not with_zero.problems
        find_conflicts(with_zero, [replace(CENSUS, people=108_478)])
