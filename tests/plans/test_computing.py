"""One indicator of each way, computed by hand and argued in the words of the field. Unknown is never no, and no data is never 0."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plans.made_plans import CENSUS, evidence, plan_of

from geosvc.plans.answers import Coverage, Culprit, Why
from geosvc.plans.computing import compute
from geosvc.plans.verdicts import Verdict, standing_of
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility

YEAR = "2025"


def hospital(name: str = "县医院", beds: int | None = None, **more: Any) -> Facility:
    told = {} if beds is None else {"beds": [{"kind": "actual", "count": beds}]}
    return Facility(name=name, class_code="A100", ownership="公立", level="二级", **{**told, **more})


def clinic(name: str, village: str | None, **more: Any) -> Facility:
    return Facility(name=name, class_code="D600", area_code=village, **more)


def answered(indicator: str, given, *, day: str = "2025-07-01", kind: str = "DENS"):
    """Return (answer, standing) of an indicator written as in a plan file."""
    plan = plan_of(f"  - {{id: a, quote: q, kind: {kind}, year: {YEAR}, indicator: {{{indicator}}}}}\n")
    (statement,) = plan.statements
    (one,) = statement.indicators
    answer = compute(one, given)
    return answer, standing_of(statement, one, answer, day=day)


def test_density():
    """DENS: 300 and 130 beds for the 100,000 residents of the census are 4.3 for 1,000; 3.95 左右 is met."""
    answer, standing = answered("compute: {density: {measure: beds, per: 1000}}, target: 3.95左右", evidence([hospital(beds=300), hospital("二", beds=130)]))
    assert answer.value == pytest.approx(4.3)
    assert standing.verdict is Verdict.MET


def test_density_where_one_does_not_say():
    """A hospital that does not say its beds is not without: the rate is at least 3.0, and 7.25 may or may not be met."""
    answer, standing = answered("compute: {density: {measure: beds, per: 1000}}, target: 7.25左右", evidence([hospital(beds=300), hospital("二")]))
    assert (answer.value, answer.low, answer.high) == (None, pytest.approx(3.0), None)
    assert standing.verdict is Verdict.UNDECIDED
    assert [each.name for each in answer.culprits] == ["二"]


def test_density_with_every_number_of_people():
    """626 beds are 2.88 for 217,361 people and 5.77 for 108,478: side by side, the registered first."""
    people = [replace(CENSUS, people=108_478), replace(CENSUS, people=217_361, source="推算", status="estimate")]
    answer, _ = answered("compute: {density: {measure: beds, per: 1000}}, target: 7.25左右", evidence([hospital(beds=626)], people=people))
    assert [round(each["value"], 2) for each in answer.by_people] == [5.77, 2.88]
    assert round(answer.value, 2) == 5.77


def test_people_of_whom_it_is_not_said_whether_they_are_residents():
    """They may be either: a rate is told with them beside the residents, and beside the registered, who are no residents."""
    people = [CENSUS, replace(CENSUS, people=120_000, kind="registered"), replace(CENSUS, people=90_000, kind="unstated", status="estimate")]
    for which, told in (("", [100_000, 90_000]), ("people: registered, ", [120_000, 90_000])):
        answer, _ = answered(f"compute: {{density: {{measure: beds, {which}per: 1000}}}}, target: '7'", evidence([hospital(beds=900)], people=people))
        assert [each["people"] for each in answer.by_people] == told


def test_density_of_children():
    """儿科医师 for 1,000 children: 13 for the 15,000 under 15 are 0.87."""
    one = hospital(staff=[{"cadre": "paediatricians", "count": 13}])
    answer, standing = answered("compute: {density: {measure: paediatricians, per: 1000, people: 0_14}}, target: 0.85", evidence([one]))
    assert answer.value == pytest.approx(13 / 15)
    assert standing.verdict is Verdict.MET


def test_an_upper_bound():
    """≤6.6 beds for 1,000: 7.0 is 0.4 too many."""
    answer, standing = answered("compute: {density: {measure: beds, per: 1000}}, target: ≤6.6", evidence([hospital(beds=700)]))
    assert (standing.verdict, round(standing.distance, 3)) == (Verdict.BEHIND, 0.4)
    assert answer.value == pytest.approx(7.0)


@pytest.mark.parametrize(("given", "why"), [
    (evidence([]), Why.NO_FACILITIES), (evidence([hospital()]), Why.NO_FIGURES), (evidence([hospital(beds=3)], people=[]), Why.NO_PEOPLE)])
def test_density_that_cannot_be_said(given, why):
    """No hospital registered, none that says its beds, nobody to divide by: each is told, with the import that unlocks it; none is 0."""
    answer, standing = answered("compute: {density: {measure: beds, per: 1000}}, target: 7.25左右", given)
    assert (answer.why, answer.value, standing.verdict) == (why, None, Verdict.NOT_COMPUTABLE)
    assert answer.cure.startswith("geosvc import")


def test_authorised_beds_are_shown_beside_not_instead():
    """编制床位 stand beside where nobody says 实有床位; they give no verdict."""
    one = replace(hospital(), beds=[{"kind": "authorised", "count": 300}])
    answer, _ = answered("compute: {stock: {measure: beds}}", evidence([one]), kind="STOCK")
    assert (answer.why, answer.beside) == (Why.NO_FIGURES, (("beds_authorised", 300),))


def test_stock():
    """STOCK: 300 + 130 beds of public hospitals; a private one is none of them, one of unknown ownership may be."""
    private = replace(hospital("民营", beds=50), ownership="营利性")
    unknown = replace(hospital("不详", beds=20), ownership=None)
    told = [hospital(beds=300), hospital("二", beds=130), private]
    assert answered("compute: {stock: {measure: beds, of: public_hospital}}", evidence(told), kind="STOCK")[0].value == 430
    answer, _ = answered("compute: {stock: {measure: beds, of: public_hospital}}", evidence([*told, unknown]), kind="STOCK")
    assert (answer.value, answer.low, answer.high) == (None, 430, None)


def test_the_newest_year_counts():
    """Beds of two years are not added up."""
    one = replace(hospital(), beds=[{"kind": "actual", "count": 100, "year": 2020}, {"kind": "actual", "count": 120, "year": 2024}])
    assert answered("compute: {stock: {measure: beds}}", evidence([one]), kind="STOCK")[0].value == 120


def test_count_against_the_inventory():
    """FACT: the plan counts 4 hospitals, 2 are registered."""
    answer, standing = answered("compute: {count: {of: hospital}}, baseline: 4", evidence([hospital(), hospital("二"), clinic("村", None)]), kind="FACT")
    assert (answer.value, standing.verdict) == (2, Verdict.NO_TARGET)


@pytest.mark.parametrize(("values", "target", "low", "high", "verdict"), [
    (("yes", "yes"), "≥80", 100, 100, Verdict.MET), (("yes", "no"), "≥80", 50, 50, Verdict.BEHIND),
    (("yes", "unknown"), "≥80", 50, 100, Verdict.UNDECIDED), (("yes", None), "≥50", 50, 100, Verdict.MET),
    (("no", "unknown"), "≥80", 0, 50, Verdict.BEHIND)])
def test_share(values, target, low, high, verdict):
    """SHARE: a department that nobody reported is unknown, not missing; the verdict holds whichever it is, or none is given."""
    told = [hospital(str(n), capabilities=[] if each is None else [{"code": "老年医学科", "value": each}]) for n, each in enumerate(values)]
    answer, standing = answered(f"compute: {{share: {{of: secondary_general, having: [老年医学科]}}}}, target: {target}", evidence(told), kind="SHARE")
    assert (answer.low, answer.high, standing.verdict) == (low, high, verdict)


def test_share_of_which_nothing_is_known():
    """Nobody says whether it has the department: not computable, and never 0 %."""
    answer, standing = answered("compute: {share: {of: hospital, having: [老年医学科]}}, target: ≥80", evidence([hospital()]), kind="SHARE")
    assert (answer.why, standing.verdict) == (Why.NO_FIGURES, Verdict.NOT_COMPUTABLE)


def test_the_columns_that_would_say_it():
    """What the registry does not know is named by the columns of the table that would tell it."""
    assert answered("compute: {density: {measure: beds, per: 1000, of: public_hospital}}", evidence([hospital()]))[0].columns == ("beds_actual", "ownership")
    assert answered("compute: {share: {of: hospital, having: [急诊科, 'level:二级', 'staff:tcm_doctors']}}", evidence([replace(hospital(), level=None)]),
                    kind="SHARE")[0].columns == ("capabilities", "level", "staff")
    assert answered("compute: {stock: {measure: beds}}", evidence([hospital(beds=3)]), kind="STOCK")[0].columns == ()


def test_part():
    """公立医院床位15%的比例设置公立专科医院: 60 specialist beds of 360 are 16.7 %."""
    special = replace(hospital("专科", beds=60), class_code="A511")
    answer, _ = answered("compute: {part: {measure: beds, of: public_specialist_hospital, whole: beds, of_whole: public_hospital}}, target: 15%",
                         evidence([hospital(beds=300), special]), kind="SHARE")
    assert answer.value == pytest.approx(100 * 60 / 360)


def test_ratio():
    """RATIO 医护比: 100 doctors to 108 nurses are 1:1.08, behind 1:1.20."""
    one = hospital(staff=[{"cadre": "doctors", "count": 100}, {"cadre": "nurses", "count": 108}])
    answer, standing = answered("compute: {ratio: {measure: doctors, to: nurses}}, target: 1:1.20", evidence([one]), kind="RATIO")
    assert (answer.value, standing.verdict) == (pytest.approx(1.08), Verdict.BEHIND)


VILLAGES = [Area(code="990000", name="示例县", level="county"), Area(code="990000100", name="甲镇", level="township", parent_code="990000")] + [
    Area(code=f"99000010020{n}", name=f"{name}村", level="village", parent_code="990000100", kind="村") for n, name in enumerate("一二三四")]


def test_each_area():
    """UNIT: clinics in two of four villages are 50 %; the other two are named. A clinic that reaches one of them by 邻村延伸 fills it."""
    told = [clinic("一室", "990000100200"), clinic("二室", "990000100201")]
    asked = "compute: {each_area: {level: village, rule: village-clinic}}, target: 全部"
    answer, standing = answered(asked, evidence(told, areas=VILLAGES), kind="UNIT")
    assert (answer.value, standing.verdict) == (50, Verdict.BEHIND)
    assert [each.name for each in answer.culprits] == ["三村", "四村"]
    told[0] = replace(told[0], service_mode="邻村延伸", areas_served=["990000100202"])
    answer, _ = answered(asked, evidence(told, areas=VILLAGES), kind="UNIT")
    assert (answer.value, answer.counts["filled"]) == (75, 1)
    assert answered(asked, evidence([], areas=VILLAGES), kind="UNIT")[0].why is Why.NO_FACILITIES
    assert answered(asked, evidence(told), kind="UNIT")[0].why is Why.NO_AREAS


COUNTIES = [Area(code="990000", name="示例县", level="county"), Area(code="990001", name="示例区", level="county")]


def test_who_does_not_say_is_neither_there_nor_missing():
    """A hospital of unknown ownership may be the public one that every county must have: between none and all."""
    asked = "compute: {each_area: {level: county, of: public_hospital}}, target: ≥1"
    told = [replace(hospital(), ownership=None, area_code="990000")]
    answer, standing = answered(asked, evidence(told, areas=COUNTIES[:1]), kind="UNIT")
    assert (answer.low, answer.high, standing.verdict) == (0, 100, Verdict.UNDECIDED)
    answer, standing = answered(asked, evidence([replace(hospital(), area_code="990000")], areas=COUNTIES[:1]), kind="UNIT")
    assert (answer.value, standing.verdict) == (100, Verdict.MET)


TWO = "compute: {each_area: {level: county, of: hospital}}, target: 2—3"


def test_each_area_is_to_have_several():
    """每个县2—3所: a county with two has enough, and so has one with four; one hospital is not enough."""
    told = [replace(hospital(str(n)), area_code="990000") for n in range(2)] + [replace(hospital("区"), area_code="990001")]
    answer, standing = answered(TWO, evidence(told, areas=COUNTIES), kind="UNIT")
    assert (answer.value, standing.verdict, [each.name for each in answer.culprits]) == (50, Verdict.BEHIND, ["示例区"])
    told += [replace(hospital(str(n)), area_code="990001") for n in range(3)]
    answer, standing = answered(TWO, evidence(told, areas=COUNTIES), kind="UNIT")
    assert (answer.value, standing.verdict) == (100, Verdict.MET)
    assert answered(TWO.replace("2—3", "'>2'"), evidence(told, areas=COUNTIES), kind="UNIT")[0].value == 50
    assert answered(TWO.replace("2—3", "全部"), evidence(told[1:3], areas=COUNTIES), kind="UNIT")[0].value == 100


def test_the_second_of_an_area_may_be_one_of_which_nobody_knows():
    """A hospital that says neither ownership nor where it stands may be the second: neither met nor missed."""
    asked = TWO.replace("of: hospital", "of: public_hospital")
    first = replace(hospital("一"), area_code="990000")
    silent = replace(hospital("二"), ownership=None, area_code="990000")
    answer, standing = answered(asked, evidence([first, silent], areas=COUNTIES[:1]), kind="UNIT")
    assert (answer.low, answer.high, standing.verdict) == (0, 100, Verdict.UNDECIDED)
    answer, standing = answered(asked, evidence([first, hospital("三")], areas=COUNTIES[:1]), kind="UNIT")
    assert (answer.low, answer.high, standing.verdict) == (0, 100, Verdict.UNDECIDED)
    answer, standing = answered(asked.replace("2—3", "≥4"), evidence([first, silent, hospital("三")], areas=COUNTIES[:1]), kind="UNIT")
    assert (answer.value, standing.verdict) == (0, Verdict.BEHIND)


def test_a_share_of_those_that_are_asked_is_no_number_for_each():
    """UNIT in %: ≥50 asks for half of the counties and half of the centres, not for fifty hospitals in each."""
    told = [replace(hospital(), area_code="990000")]
    half = 'compute: {each_area: {level: county, of: hospital}}, unit: "%", target: ≥50'
    answer, standing = answered(half, evidence([*told, replace(hospital("二"), area_code="990001")], areas=COUNTIES), kind="UNIT")
    assert (answer.value, standing.verdict) == (100, Verdict.MET)
    staffed = [replace(hospital(str(n)), staff=[{"cadre": "doctors", "count": n}]) for n in (0, 3)]
    each = 'compute: {each_facility: {of: hospital, measure: doctors}}, unit: "%", target: ≥50'
    answer, standing = answered(each, evidence(staffed), kind="UNIT")
    assert (answer.value, standing.verdict) == (50, Verdict.MET)


def test_only_some_areas_are_asked():
    """每个县: a 区 without one does not count."""
    told = [replace(hospital(), area_code="990000")]
    assert answered("compute: {each_area: {level: county, of: hospital, only: [县]}}", evidence(told, areas=COUNTIES), kind="UNIT")[0].value == 100
    assert answered("compute: {each_area: {level: county, of: hospital}}", evidence(told, areas=COUNTIES), kind="UNIT")[0].value != 100


def test_one_of_two_capabilities():
    """发热门诊或发热诊室: one of them will do; none of both is known, and the other no, is unknown."""
    def of(*codes: tuple[str, str]) -> tuple[float | None, float | None]:
        one = hospital(capabilities=[{"code": code, "value": value} for code, value in codes])
        other = hospital("二", capabilities=[{"code": "发热门诊", "value": "no"}, {"code": "发热诊室", "value": "no"}])
        answer, _ = answered("compute: {share: {of: hospital, having: [发热门诊|发热诊室]}}", evidence([one, other]), kind="SHARE")
        return answer.low, answer.high

    assert of(("发热诊室", "yes"), ("发热门诊", "no")) == (50, 50)
    assert of(("发热诊室", "no")) == (0, 50)


def test_a_relation_to_the_right_ones():
    """Membership under a hospital counts, under a clinic it does not tell."""
    lead, clinic_ = hospital(), clinic("诊", None)
    centre = Facility(name="甲", class_code="C220", relations=[{"kind": "member_of", "facility_id": 1}])
    other = replace(centre, name="乙", relations=[{"kind": "member_of", "facility_id": 2}])
    answer, _ = answered("compute: {related: {relation: member_of, of: township_centre, to_group: hospital}}", evidence([lead, clinic_, centre, other]), kind="REL")
    assert (answer.low, answer.high) == (50, 100)


def test_mobile():
    """MOBILE: with the clinic that reaches a village 75 % are served, without 50 %."""
    told = [clinic("一室", "990000100200", service_mode="邻村延伸", areas_served=["990000100202"]), clinic("二室", "990000100201")]
    answer, _ = answered("compute: {mobile: {rule: village-clinic}}, target: 全覆盖", evidence(told, areas=VILLAGES), kind="MOBILE")
    assert (answer.value, answer.beside) == (75, (("without_mobile", 50.0),))


def test_each_facility():
    """乡镇卫生院至少配备1名公共卫生医师: one has 1, one has 0, one does not say: between 33 % and 67 %, and not met."""
    centre = Facility(name="甲", class_code="C220", staff=[{"cadre": "public_health_doctors", "count": 1}])
    told = [centre, replace(centre, name="乙", staff=[{"cadre": "public_health_doctors", "count": 0}]), replace(centre, name="丙", staff=[])]
    answer, standing = answered("compute: {each_facility: {of: township_centre, measure: public_health_doctors}}, target: ≥1", evidence(told), kind="UNIT")
    assert (round(answer.low), round(answer.high), standing.verdict) == (33, 67, Verdict.BEHIND)
    assert [(each.name, each.known) for each in answer.culprits] == [("乙", True), ("丙", False)]


def test_coverage():
    """TIME 全覆盖: 69.3 % of the people within the limit is not all of them; the township that lies beyond is named."""
    found = Coverage(share=0.693, covered=69_300, people=100_000, run="r", service="emergency-2h", threshold="120min",
                     areas=(Culprit(kind="area", id="990000100", name="甲镇", value=10.0),))
    answer, standing = answered("compute: {coverage: {service: emergency-2h, threshold: 120min}}, target: 全覆盖", evidence(coverage=found), kind="TIME")
    assert (round(answer.value, 1), standing.verdict, round(standing.distance, 1)) == (69.3, Verdict.BEHIND, 30.7)
    assert answered("compute: {coverage: {service: emergency-2h}}, target: 全覆盖", evidence(), kind="TIME")[0].why is Why.NOT_MEASURED


def test_related():
    """REL: one township centre is a member of the group, of the other nobody says: between half and all."""
    centre = Facility(name="甲", class_code="C220", relations=[{"kind": "member_of", "facility_id": 9}])
    answer, _ = answered("compute: {related: {relation: member_of, of: township_centre}}", evidence([centre, replace(centre, name="乙", relations=[])]), kind="REL")
    assert (answer.low, answer.high) == (50, 100)
    assert answered("compute: {related: {relation: member_of, of: township_centre}}", evidence([replace(centre, relations=[])]), kind="REL")[0].why is Why.NOT_RELATED


def test_bands():
    """COND: 15 infectious beds meet the 10 of fewer than 100,000 people and miss the 20 of more: both branches are told."""
    one = hospital(beds=None, capabilities=[])
    one = replace(one, beds=[{"kind": "actual", "use": "infectious", "count": 15}])
    bands = "compute: {bands: {measure: beds_infectious, bands: [{below: 100000, target: ≥10}, {below: 300000, target: ≥20}]}}"
    people = [replace(CENSUS, people=217_000), replace(CENSUS, people=58_000)]
    answer, standing = answered(bands, evidence([one], people=people), kind="COND")
    assert [each["target"] for each in answer.by_people] == ["≥20", "≥10"]
    assert standing.verdict is Verdict.BRANCHES
    assert answered(bands, evidence([one], people=people[:1]), kind="COND")[1].verdict is Verdict.BEHIND


def test_stored_figures_are_trended_not_computed():
    """PROC 33 -> 38.5 %: nothing reported since 2020 is no figure; 37.1 in 2023 is on course (36.6 expected at mid-way), 35 is behind."""
    def of(observed: str, day: str = "2023-07-01") -> Verdict:
        plan = plan_of(f"  - {{id: a, quote: q, kind: PROC, year: 2020->2025, indicator: {{baseline: '33', target: '38.5'{observed}}}}}\n")
        (statement,) = plan.statements
        return standing_of(statement, statement.indicators[0], None, day=day).verdict

    assert of("") is Verdict.NO_FIGURE
    assert of(", observed: [{year: 2023, value: '37.1', source: 年报}]") is Verdict.ON_COURSE
    assert of(", observed: [{year: 2023, value: '35', source: 年报}]") is Verdict.BEHIND
    assert of(", observed: [{year: 2025, value: '38.5', source: 年报}]", day="2025-12-31") is Verdict.MET
    assert of(", observed: [{year: 2025, value: '38.5', source: 年报}]") is Verdict.NO_FIGURE  # nobody had reported it by then


@pytest.mark.parametrize(("beds", "target", "of", "failing"), [
    (4, "5", "named", ["一"]), (5, "5", "named", []), (6, "5", "named", []), (4, "——", "named", []), (4, "5", "all", [])])
def test_what_is_asked_of_one_facility_by_name_fails_by_it(beds, target, of, failing):
    """编制床位 4 of 5: the facility that is named; of a sum over all no single one is what fails, though one alone is registered."""
    statement = f"  - {{id: a, quote: q, kind: STOCK, year: 2025, indicator: {{compute: {{stock: {{measure: beds, of: {of}}}}}, target: {target}}}}}\n"
    plan = plan_of(statement, "groups: {named: {zh: 一, names: [一]}}")
    answer = compute(plan.statements[0].indicators[0], evidence([hospital("一", beds=beds)]))
    assert answer is not None
    assert [(each.name, each.known) for each in answer.culprits] == [(name, True) for name in failing]


def test_no_target_is_not_zero():
    """—— is not set: no verdict, whatever the value."""
    answer, standing = answered("compute: {density: {measure: beds, per: 1000}}, target: ——", evidence([hospital(beds=300)]))
    assert (answer.value, standing.verdict) == (pytest.approx(3.0), Verdict.NO_TARGET)


def test_made_up_facilities_are_told():
    """示例 facilities mark what they enter."""
    answer, _ = answered("compute: {count: {of: hospital}}", evidence([replace(hospital(), illustrative=True)]), kind="FACT")
    assert answer.schematic
