"""Blank spots: what is known of every village, argued case by case, and against a slow obvious twin."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geosvc.coverage.blank_spots import (
    FILLED,
    MODES,
    SpotState,
    count,
    find_blank_spots,
    read_rules,
    rules_named,
    shipped_rules,
)
from geosvc.coverage.tree import AreaTree
from geosvc.errors import DefinitionError, InvalidParameter
from geosvc.language import words
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, Registered

(VILLAGE,) = rules_named("village-clinic")
(TOWNSHIP,) = rules_named("township-centre")
COUNTY, EAST, WEST = "990001", "990001100", "990001101"
V = [f"{EAST}20{i}" for i in range(4)]
W = [f"{WEST}20{i}" for i in range(2)]


def tree(*more, outlines=False):
    """One county, two townships, four villages in the east and two in the west; with outlines a row of squares."""
    shapes = {code: shapely.box(100 + i, 40, 101 + i, 41) for i, code in enumerate([*V, *W])} if outlines else {}
    found = [
        Area(code=COUNTY, name="县", level="county"), Area(code=EAST, name="东镇", level="township"),
        Area(code=WEST, name="西镇", level="township"),
        *(Area(code=code, name=f"村{i}", level="village", geometry=shapes.get(code)) for i, code in enumerate([*V, *W])), *more,
    ]
    return AreaTree(tuple(sorted(found, key=lambda area: area.code)))


def clinic(area=None, *, one=1, cls="D600", mode=None, serves=(), lon=None, method=None):
    place = {} if lon is None else {"lon": lon, "lat": 40.5, "position_method": method or "surveyed"}
    facility = Facility(name=f"机构{one}", class_code=cls, area_code=area, service_mode=mode, areas_served=list(serves), **place)
    return Registered(id=one, revision=one, recorded_at="", valid_from=None, facility=facility)


def states(finding):
    return {spot.area.code: spot.state for spot in finding.spots}


def asked(*facilities, rule=VILLAGE, areas=None):
    return find_blank_spots(rule, areas or tree(), facilities)


def test_a_village_with_a_clinic_holds_it_and_one_without_is_blank():
    found = states(asked(clinic(V[0])))
    assert found[V[0]] == "held" and found[V[1]] == found[W[0]] == "blank"


@pytest.mark.parametrize("word", [each for each in MODES if each != "自设"])
def test_each_service_mode_is_counted_apart(word):
    """A clinic of one village that serves another by a mode: there it is that mode, neither held nor blank."""
    finding = asked(clinic(V[0]), clinic(V[1], one=2, mode=word, serves=[V[2]]))
    assert states(finding)[V[2]] == MODES[word]
    # Posted staff and mobile rounds are nobody's own clinic, wherever their record stands.
    assert states(finding)[V[1]] == ("held" if word in ("联合设置", "邻村延伸") else MODES[word])


def test_who_serves_a_village_without_saying_how_is_neither_blank_nor_a_mode():
    for mode in (None, "自设", "别的"):
        assert states(asked(clinic(V[0], mode=mode, serves=[V[1]])))[V[1]] == "mode_unknown"


def test_a_township_centre_serves_its_villages_without_being_their_clinic():
    """That a health centre is responsible for a village fills nothing; that it goes there on rounds does."""
    assert states(asked(clinic(V[0]), clinic(EAST, one=2, cls="C220", serves=[V[1]])))[V[1]] == "blank"
    assert states(asked(clinic(V[0]), clinic(EAST, one=2, cls="C220", mode="流动巡诊", serves=[V[1]])))[V[1]] == "mobile"
    assert states(asked(clinic(V[0]), clinic(EAST, one=2, cls="X002", mode="流动巡诊", serves=[V[1]])))[V[1]] == "blank"


def test_the_village_of_the_health_centre_is_exempt_and_counted_apart():
    finding = asked(clinic(V[0]), clinic(V[1], one=2, cls="C220"))
    assert states(finding)[V[1]] == "exempt" and count(finding.spots)["exempt"] == 1
    assert states(asked(clinic(V[1]), clinic(V[1], one=2, cls="C220")))[V[1]] == "held"


def test_communities_are_not_asked_for_a_village_clinic():
    """Their kind says so, else their name; a village whose kind is told is asked whatever it is called."""
    more = [Area(code=f"{EAST}001", name="甲社区", level="village"), Area(code=f"{EAST}002", name="乙", level="village", kind="社区"),
            Area(code=f"{EAST}203", name="大社区", level="village", kind="村")]
    found = states(asked(clinic(V[0]), areas=tree(*more[:2])))
    assert found[f"{EAST}001"] == found[f"{EAST}002"] == "not_asked"
    assert VILLAGE.asks(more[2])


def test_where_no_clinic_is_registered_nothing_is_blank():
    """No clinic at all: nobody imported them. None in one county: nobody imported those of that county."""
    finding = asked(clinic(EAST, cls="C220"))
    assert finding.why_not_computable == "no_facilities" and set(states(finding).values()) == {SpotState.NOT_COMPUTABLE}
    other = [Area(code="990002", name="邻县", level="county"), Area(code="990002100200", name="邻村", level="village", parent_code="990002")]
    finding = asked(clinic(V[0]), areas=tree(*other))
    assert finding.why_not_computable is None
    assert states(finding)["990002100200"] == "not_computable" and states(finding)[V[1]] == "blank"


def test_without_areas_of_the_level_nothing_can_be_asked():
    finding = find_blank_spots(VILLAGE, AreaTree((Area(code=COUNTY, name="县", level="county"),)), [clinic(COUNTY)])
    assert finding.why_not_computable == "no_areas"


def test_a_clinic_of_an_unknown_village_leaves_its_township_undecided():
    """It may stand in any village of the east; the west stays blank; and it takes one blank spot at most."""
    finding = asked(clinic(V[0]), clinic(EAST, one=2))
    found = states(finding)
    assert {found[code] for code in V[1:]} == {"undecided"} and found[W[0]] == "blank"
    assert finding.at_least(finding.spots) == 4 and [each.id for each in finding.unplaced] == [2]
    everywhere = asked(clinic(V[0]), clinic(None, one=2))
    assert SpotState.BLANK not in states(everywhere).values() and everywhere.at_least(everywhere.spots) == 4


def test_health_centres_of_unknown_villages_exempt_one_village_of_their_own_township():
    """Two centres of the west can exempt two villages there, and none in the east."""
    finding = asked(clinic(V[0]), *(clinic(WEST, one=i, cls="C220") for i in (2, 3, 4)))
    assert states(finding)[W[0]] == "blank" and finding.at_least(finding.spots) == 3


def test_a_facility_of_another_county_says_nothing_here():
    """A clinic whose code lies in no area of the registry stands in none of them."""
    finding = asked(clinic(V[0]), clinic("880001100200", one=2))
    assert states(finding)[V[1]] == "blank" and finding.unplaced == ()


def test_where_only_the_position_is_known_the_outline_tells_the_village():
    areas = tree(outlines=True)
    assert states(asked(clinic(lon=101.5), areas=areas))[V[1]] == "held"
    assert states(asked(clinic(EAST, lon=101.5), areas=areas))[V[1]] == "held"
    # A position outside of the township that the code names is not taken.
    contradicting = asked(clinic(WEST, lon=101.5), areas=areas)
    assert states(contradicting)[V[1]] == "blank" and states(contradicting)[W[0]] == "undecided"
    # The centre of an area tells nothing; a place outside of all outlines is in none of them.
    assert states(asked(clinic(V[0]), clinic(EAST, one=2, lon=101.5, method="area_centre"), areas=areas))[V[1]] == "undecided"
    assert states(asked(clinic(V[0]), clinic(None, one=2, lon=90.0), areas=areas))[V[1]] == "blank"


def test_a_township_is_held_by_a_facility_of_one_of_its_villages():
    found = states(asked(clinic(V[0], cls="C220"), rule=TOWNSHIP))
    assert found == {EAST: "held", WEST: "blank"}
    assert states(asked(clinic(EAST, cls="B100"), clinic(WEST, one=2, cls="D600"), rule=TOWNSHIP))[WEST] == "blank"


def test_codes_served_that_nobody_knows_are_told():
    assert asked(clinic(V[0], serves=["990001100999"])).served_unknown == ("990001100999",)


def _twin(facilities, areas):
    """Say of each village what is known, one rule after another, without outlines and unknown villages."""
    found = {}
    own = [each.facility for each in facilities if each.facility.class_code == "D600"]
    for area in areas.areas:
        if area.level != "village":
            continue
        here = [each for each in own if each.area_code == area.code]
        modes = {MODES.get(each.service_mode or "") for each in own if area.code in each.areas_served and each.area_code != area.code}
        coming = {MODES[each.service_mode] for each in here if each.service_mode in ("派驻", "流动巡诊")}
        if any(each.service_mode not in ("派驻", "流动巡诊") for each in here):
            found[area.code] = "held"
        elif known := [mode for mode in FILLED if mode in modes | coming]:
            found[area.code] = known[0]
        elif modes:
            found[area.code] = "mode_unknown"
        else:
            found[area.code] = "blank" if own else "not_computable"
    return found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([*V, *W]), st.sampled_from([None, *MODES]), st.sets(st.sampled_from([*V, *W]), max_size=3)), max_size=7))
def test_the_fast_search_says_what_the_slow_one_says(told):
    """Same states as the twin; they add up; one more clinic makes no village blank that was not."""
    facilities = [clinic(area, one=i, mode=mode, serves=sorted(serves)) for i, (area, mode, serves) in enumerate(told, start=1)]
    finding = asked(*facilities)
    assert states(finding) == _twin(facilities, tree())
    numbers = count(finding.spots)
    assert sum(numbers.values()) == len(finding.spots) == 6
    assert finding.at_least(finding.spots) == numbers["blank"] + numbers["undecided"]
    if facilities:
        more = count(asked(*facilities, clinic(V[0], one=99)).spots)
        assert more["blank"] <= numbers["blank"]


def test_rules_are_refused_with_what_is_wrong():
    with pytest.raises(InvalidParameter, match="township-centre, village-clinic"):
        rules_named("no-such")
    good = '[[rule]]\nid = "a"\nzh = "甲"\nen = "A"\nlevel = "village"\nfacility_classes = ["D600"]\n'
    assert read_rules(good)[0].facility_classes == ("D600",)
    for wrong in (good.replace("village", "hamlet"), good.replace("D600", "ZZ"), good.replace('"a"', '"A b"'), good + "x = 1\n", "x = 1"):
        with pytest.raises(DefinitionError):
            read_rules(wrong)


def test_every_state_mode_and_origin_has_its_word():
    for language in ("zh", "en"):
        known = words(language)
        assert {f"blank_state_{state}" for state in SpotState} | {f"blank_mode_{mode}" for mode in FILLED} <= set(known)
        assert {f"origin_{rule.origin}" for rule in shipped_rules()} <= set(known)
