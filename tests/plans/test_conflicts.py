"""Contradictions are found from the figures alone, and figures that fit are left in peace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans.made_plans import CENSUS, plan_of, rate, stock

from geosvc.plans.conflicts import find_conflicts, implied_people
from geosvc.plans.facts import facts_of, rounding


def checks(plan, people=(CENSUS,)) -> set[str]:
    return {each.check for each in find_conflicts(plan, people)}


def only(plan, check: str, people=(CENSUS,)):
    (found,) = [each for each in find_conflicts(plan, people) if each.check == check]
    return found


def test_count_and_rate_imply_people():
    """626 beds at 2.88 for 1,000 are 217,361 people, between 216,984 and 217,739; registered are half as many."""
    plan = plan_of(stock("a", "beds", "626") + rate("b", "beds", "2.88"))
    found = only(plan, "implied_population")
    assert found.statements == ("a", "b")
    assert (found.values["low"], found.values["high"]) == (216_984, 217_739)
    assert abs(found.values["implied"] - 217_361) < 5
    ((label, people, value),) = found.instead
    assert (people, round(value, 2)) == (100_000, 6.26)
    assert "普查" in label


def test_figures_of_the_registered_people_are_no_contradiction():
    """500 beds for 100,000 people are 5.00, whichever way it was rounded."""
    assert checks(plan_of(stock("a", "beds", "500") + rate("b", "beds", "5.00"))) == set()
    assert checks(plan_of(stock("a", "beds", "503") + rate("b", "beds", "5.0"))) == set()


@given(people=st.integers(20_000, 5_000_000), beds=st.integers(100, 5_000), nurses=st.integers(100, 5_000))
def test_a_plan_that_divides_rightly_has_no_contradiction(people: int, beds: int, nurses: int):
    """Law: figures of one number of people, rounded to two decimals, never contradict it."""
    stated = stock("a", "beds", str(beds)) + stock("c", "nurses", str(nurses))
    for name, measure, number in (("b", "beds", beds), ("d", "nurses", nurses)):
        text = f"{number / people * 1000:.2f}"
        if float(text) > 0.05:  # of less, rounding alone allows anything
            stated += rate(name, measure, text)
    assert not checks(plan_of(stated), [replace(CENSUS, people=people)]) - {"implausible"}


def test_two_populations_of_one_year():
    """Beds imply 217,000 people, general practitioners 58,000: both are told, in one sentence."""
    plan = plan_of(stock("a", "beds", "626") + rate("b", "beds", "2.88")
                   + stock("c", "general_practitioners", "49") + rate("d", "general_practitioners", "8.45", per=10_000))
    assert only(plan, "populations_differ").values["people"] == pytest.approx([57_988, 217_361], rel=1e-3)


def test_baseline_and_target_of_different_people():
    """365 beds are 1.68 for 1,000 of 217,000; the list adds to 430, which is 3.95 for 1,000 of 108,861."""
    named = "".join(
        f"  - {{id: h{n}, quote: q, kind: STOCK, year: 2020->2025, indicator: {{compute: {{stock: {{measure: beds_authorised, of: {group}}}}}, "
        f"baseline: '{beds}', target: '{beds}'}}}}\n" for n, (group, beds) in enumerate((("first", 300), ("second", 130))))
    own = """
groups:
  first: {zh: 县人民医院, classes: [A1], ownership: [公立], names: [县人民医院]}
  second: {zh: 县中医院, classes: [A2], ownership: [公立], names: [县中医院]}
"""
    plan = plan_of(stock("a", "beds", "365", of="public_hospital") + rate("b", "beds", "1.68", "3.95左右", of="public_hospital") + named, own)
    found = only(plan, "denominator_changes")
    assert found.values["target_people"] == 108_861
    assert found.values["baseline_people"] == pytest.approx(217_262, abs=2)
    assert only(plan, "list_differs").values["listed"] == "430"


def test_a_rate_that_is_for_ten_times_as_many():
    """102 beds at 4.70 for 1,000 are 21,702 people; for 10,000 they are the 217,000 of the other figures."""
    plan = plan_of(stock("a", "beds", "626") + rate("b", "beds", "2.88") + stock("c", "beds", "102", of="public_tcm_hospital")
                   + rate("d", "beds", "4.70", of="public_tcm_hospital"))
    found = only(plan, "unit_factor")
    assert (found.values["per"], found.values["fits_per"]) == (1_000, 10_000)
    assert only(plan, "part_over_whole").statements == ("d", "b")


def test_part_over_whole_by_count():
    """142 grassroots institutions cannot be among 138 institutions."""
    plan = plan_of("  - {id: a, quote: q, kind: FACT, year: 2020, indicator: {compute: {count: {of: all}}, baseline: '138'}}\n"
                   "  - {id: b, quote: q, kind: FACT, year: 2020, indicator: {compute: {count: {of: grassroots}}, baseline: '142'}}\n")
    assert only(plan, "part_over_whole").statements == ("b", "a")
    assert checks(plan_of("  - {id: a, quote: q, kind: FACT, year: 2020, indicator: {compute: {count: {of: all}}, baseline: '142'}}\n"
                          "  - {id: b, quote: q, kind: FACT, year: 2020, indicator: {compute: {count: {of: grassroots}}, baseline: '142'}}\n")) == set()


def test_two_values_of_one_indicator():
    """5.23 and 1.88 doctors for 1,000 in one year; 5.23 and 5.2 are one value, rounded."""
    assert only(plan_of(rate("a", "doctors", "5.23") + rate("b", "doctors", "1.88")), "two_values").statements == ("a", "b")
    assert "two_values" not in checks(plan_of(rate("a", "doctors", "5.23") + rate("b", "doctors", "5.2")))


def test_two_values_a_hundred_apart():
    """600 general practitioners for 10,000 beside 6.0: a power of ten; and 6 of 100 people is not plausible."""
    plan = plan_of(rate("a", "general_practitioners", "5.98", "6.0", per=10_000) + rate("b", "general_practitioners", "5.98", "600", per=10_000))
    assert abs(only(plan, "two_values_factor").values["factor"]) == 2
    assert only(plan, "implausible").values["percent"] == 6.0


def test_ratio_of_two_targets():
    """5.25 doctors and 5.65 nurses are 1:1.08, not 1:1.20; 4.0 and 4.8 are."""
    ratio = "  - {{id: r, quote: 医护比, kind: RATIO, year: 2025, indicator: {{compute: {{ratio: {{measure: doctors, to: nurses}}}}, target: '{}'}}}}\n"
    plan = plan_of(rate("a", "doctors", "5.23", "5.25") + rate("b", "nurses", "5.64", "5.65") + ratio.format("1:1.20"))
    assert only(plan, "ratio").values["ratio"] == pytest.approx(1.076, abs=1e-3)
    assert "ratio" not in checks(plan_of(rate("a", "doctors", "3.0", "4.0") + rate("b", "nurses", "3.0", "4.8") + ratio.format("1:1.20")))


def test_parts_that_do_not_add_up():
    """446 and 160 are 606, the total says 626; 180 + 4 + 3 are 187."""
    text = stock("a", "beds", "626") + stock("b", "beds", "446", of="public_hospital_or_grassroots") + stock("c", "beds", "160", of="non_public_hospital")
    found = only(plan_of(text, "sums: [{whole: a, parts: [b, c], year: 2020}]"), "sum")
    assert (found.values["sum"], found.values["difference"]) == (606, 20)
    fits = stock("a", "beds", "187") + stock("b", "beds", "184", of="public_hospital") + stock("c", "beds", "3", of="non_public_hospital")
    assert "sum" not in checks(plan_of(fits, "sums: [{whole: a, parts: [b, c], year: 2020}]"))


def test_a_band_that_turns_on_the_people():
    """58,000 people ask for 10 beds, 217,000 for 20: both are shown."""
    bands = ("  - {id: r, quote: q, kind: COND, year: 2025, indicator: {compute: {bands: {measure: beds_infectious, bands: "
             "[{below: 100000, target: '≥10'}, {below: 300000, target: '≥20'}]}}}}\n")
    plan = plan_of(bands + stock("a", "beds", "626") + rate("b", "beds", "2.88"), "")
    few = [replace(CENSUS, people=58_000)]
    assert [each["target"] for each in only(plan, "branch", few).values["branches"]] == ["≥10", "≥20"]
    assert "branch" not in checks(plan_of(bands), few)


def test_a_target_that_asks_for_less_than_there_is():
    """Early deaths 14.8 -> ≤15 (lower is better), vaccination 93.64 -> >90: met by the baseline. 65 -> ≥65 is met, not weaker."""
    def of(baseline: str, target: str, better: str) -> set[str]:
        return checks(plan_of(f"  - {{id: a, quote: q, kind: PROC, year: 2020->2025, indicator: {{baseline: '{baseline}', target: '{target}', better: {better}}}}}\n"))

    assert of("14.8", "≤15", "lower") == {"weaker"}
    assert of("93.64", ">90", "higher") == {"weaker"}
    assert of("65", "≥65", "higher") == {"already_met"}
    assert of("14.8", "≤14", "lower") == set()
    assert of("33", "38.5", "higher") == set()
    assert of("72", "提高1岁左右", "higher") == set()
    assert of("100", "保持稳定", "higher") == set()


def test_a_share_where_a_number_of_people_is_asked():
    """人 with a target of 100 %."""
    plan = plan_of("  - {id: a, quote: 病人数（人）, kind: PROC, year: 2025, indicator: {target: 100%}}\n")
    assert only(plan, "unit_mismatch").values["unit"] == "人"


def test_two_numbers_of_people():
    """The text says 170,000, the census 184,127."""
    text = replace(CENSUS, people=170_000, source="规划", status="estimate")
    for kind, found in (("resident", {"people_differ"}), ("unstated", {"people_differ"}), ("registered", set())):
        assert checks(plan_of(stock("a", "beds", "1")), [replace(CENSUS, people=184_127), replace(text, kind=kind)]) == found


def test_back_cast():
    """What rose by 9,708 beds and by 1.57 for 1,000 since 2015 tells the people of 2015, for beds others than for staff."""
    change = "  - {{id: {0}, quote: q, kind: STOCK, year: 2020, indicator: {{compute: {1}, baseline: '{2}', change: {{since: 2015, by: {3}}}}}}}\n"
    plan = plan_of(change.format("a", "{stock: {measure: beds}}", "41351", 9708) + change.format("b", "{density: {measure: beds, per: 1000}}", "6.61", 1.57)
                   + change.format("c", "{stock: {measure: health_technicians}}", "43800", 9794)
                   + change.format("d", "{density: {measure: health_technicians, per: 1000}}", "7.01", 1.22))
    found = only(plan, "populations_differ", [replace(CENSUS, people=6_251_929)])
    assert found.values["year"] == 2015
    assert found.values["people"] == pytest.approx([5_873_230, 6_278_373], rel=2e-3)


def test_rounding_intervals():
    """2.88 is printed for anything from 2.875 to 2.885; a whole number is itself."""
    assert rounding("2.88", 2.88) == (2.875, 2.885)
    assert rounding("7.25左右", 7.25) == (7.245, 7.255)
    (implied,) = implied_people(facts_of(plan_of(stock("a", "beds", "626") + rate("b", "beds", "2.88"))))
    assert implied.low < implied.middle < implied.high


@pytest.mark.parametrize("first", ["0", "-1", "-0.5", "0.0"])
def test_figures_of_nothing_and_below_break_no_check(first: str) -> None:
    """A growth rate may be negative, a count 0: neither implies a number of people, nor a power of ten."""
    text = (stock("a", "beds", first) + stock("a2", "beds", "12") + rate("b", "beds", "2.88") + rate("b2", "beds", first)
            + "  - {id: c, quote: q, kind: RATIO, year: 2020, indicator: {compute: {ratio: {measure: beds, to: nurses}}, baseline: '1:1.2'}}\n"
            + stock("d", "nurses", first))
    find_conflicts(plan_of(text), [CENSUS])
