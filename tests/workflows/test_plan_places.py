"""Which facilities belong to a plan's area: by code, by position where the code does not tell, and which of neither nobody knows."""

from __future__ import annotations

import pytest
import shapely
from people import BY
from sqlalchemy.orm import Session

from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, PositionMethod
from geosvc.registry.moments import PRESENT
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import plan_documents, planning
from geosvc.workflows.plan_places import members_of
from geosvc.workflows.study import tree_of
from geosvc.workflows.workspace import init_workspace

COUNTY, TOWNSHIP, OTHER = "990001", "990001100", "990002"
INSIDE, OUTSIDE = (126.5, 42.5), (127.5, 42.5)
PLAN = """
plan: {id: made, title: 示例规划, issuer: 试验县, period: 2021-2025, area: "990001"}
statements:
  - {id: made-1, quote: 村卫生室达到4个, kind: FACT, year: 2025, indicator: {unit: 所, compute: {count: {of: village_clinic}}, target: 4}}
  - {id: made-2, quote: 每所卫生室有床位, kind: UNIT, year: 2025, indicator: {unit: "%", compute: {each_facility: {of: village_clinic, measure: beds}}, target: ≥1}}
"""


def at(place: tuple[float, float], **more: object) -> dict[str, object]:
    return {"lon": place[0], "lat": place[1], "position_method": PositionMethod.SURVEYED, **more}


# name -> what is registered of it, and whether it belongs (None: nobody knows)
FACILITIES: dict[str, tuple[dict[str, object], bool | None]] = {
    "有区域无位置": ({"area_code": TOWNSHIP}, True),
    "无区域在县内": (at(INSIDE), True),
    "上级代码在县内": (at(INSIDE, area_code="9900"), True),
    "无区域在县外": (at(OUTSIDE), False),
    "上级代码在县外": (at(OUTSIDE, area_code="9900"), False),
    "邻县代码在县内": (at(INSIDE, area_code=OTHER), False),  # a position that contradicts the code is not taken
    "无区域无位置": ({}, None),
    "无区域在区域中心": (at(INSIDE, position_method=PositionMethod.AREA_CENTRE), None),
}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Settings]:
    folder = tmp_path_factory.mktemp("places")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = init_workspace(settings)
    with store.writing() as session:
        for one in (
            Area(code="9900", name="试验市", level="prefecture"),
            Area(code=COUNTY, name="试验县", level="county", geometry=shapely.box(126, 42, 127, 43)),
            Area(code=TOWNSHIP, name="东镇", level="township"),
            Area(code=OTHER, name="邻县", level="county", geometry=shapely.box(127, 42, 128, 43)),
        ):
            areas.save(session, one, **BY)
        for name, (told, _belongs) in FACILITIES.items():
            facilities.register(session, [Facility(name=name, class_code="D600", **told)], **BY)  # type: ignore[arg-type]
    plan_documents.add_plan(store, PLAN.encode(), "made.yaml", author="test")
    return store, settings


def members(session: Session, area: str = COUNTY) -> tuple[set[str], set[str], int]:
    found = members_of(session, tree_of(session, PRESENT), area, PRESENT)
    return {each.facility.name for each in found.found}, {each.facility.name for each in found.found if each.id in found.by_position}, found.unplaced


def test_a_position_counts_where_the_code_does_not_tell(county: tuple[Store, Settings]) -> None:
    """Each facility is one of the three: in the area, elsewhere, or nobody knows."""
    with county[0].reading() as session:
        names, by_position, unplaced = members(session)
    assert names == {name for name, (_told, belongs) in FACILITIES.items() if belongs}
    assert by_position == {"无区域在县内", "上级代码在县内"}
    assert unplaced == sum(belongs is None for _told, belongs in FACILITIES.values())


def test_the_same_as_asked_one_by_one(county: tuple[Store, Settings]) -> None:
    """Slow twin: code first; without one that tells, a point in the polygon."""
    with county[0].reading() as session:
        shape = areas.get(session, COUNTY).geometry
        assert shape is not None
        expected = set()
        for number in range(1, len(FACILITIES) + 1):
            one = facilities.get(session, number).facility
            tells = one.area_code is not None and one.area_code != "9900"
            placed = one.lon is not None and one.position_method != PositionMethod.AREA_CENTRE
            if (one.area_code or "").startswith(COUNTY) if tells else placed and shape.contains(shapely.Point(one.lon, one.lat)):
                expected.add(one.name)
        assert members(session)[0] == expected


def test_without_an_outline_a_position_tells_nothing_of_the_area(county: tuple[Store, Settings]) -> None:
    """What stands in the county stands perhaps in its township that has no outline; what stands in the other county does not."""
    with county[0].reading() as session:
        names, by_position, unplaced = members(session, TOWNSHIP)
    assert (names, by_position) == ({"有区域无位置"}, set())
    assert unplaced == 2 + 2  # without a place, and those in the county


def test_a_zone_holds_what_lies_in_its_members(county: tuple[Store, Settings]) -> None:
    """And, as everywhere, whatever lies in its outline."""
    with county[0].writing() as session:
        areas.save(session, Area(code="Z1", name="管委会", level="zone", members=(COUNTY,)), **BY)
    with county[0].reading() as session:
        assert members(session, "Z1")[0] > members(session)[0]
        assert not {"无区域在县外", "上级代码在县外"} & members(session, "Z1")[0]


def test_the_plan_counts_them_and_says_so(county: tuple[Store, Settings]) -> None:
    store, settings = county
    told = planning.plan_board(store, "made", PRESENT)
    assert (told["by_position"], told["unplaced"]) == (2, 2)
    count = told["statements"][0]["indicators"][0]
    assert (count["now"]["value"], count["verdict"], count["distance"]) == (3.0, "behind", 1.0)


def test_an_account_of_the_county_reads_no_name_of_a_facility_without_its_code(county: tuple[Store, Settings]) -> None:
    """The number is the same for all; the name of what an account may not read stays out of every list."""
    store, settings = county
    limited = store.limited_to((COUNTY,))
    told = planning.plan_board(limited, "made", PRESENT)
    each = told["statements"][1]["indicators"][0]["now"]
    assert each["unknown"] == 3
    assert sorted(str(one["name"]) for one in each["culprits"]) == ["None", "None", "有区域无位置"]
    listed = planning.plan_failing(limited, "made", PRESENT)["failing"]
    assert [each["id"] for each in listed if each["facility_or_area"] is None] == [None, None]
    whole = planning.plan_board(store, "made", PRESENT)["statements"][1]["indicators"][0]["now"]["culprits"]
    assert {one["name"] for one in whole} == {"有区域无位置", "无区域在县内", "上级代码在县内"}
