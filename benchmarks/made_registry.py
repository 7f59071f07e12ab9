"""A made registry: as many facilities as asked for, the same ones every time.

Names, classes, areas and gaps in what is known are mixed as in the lists of real counties; no place
and no institution is real. Areas are 12-digit codes of divisions of a province that does not exist (99).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, PositionMethod, State
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows.workspace import init_workspace

_FIRST = "靖安清平永长新大东西南北青白红金银石龙凤云双三太福兴和德仁义文武江河湖山林松柳杨桃桂"
_SECOND = "宇远丰泉岭岗坡沟塘桥店寨屯营堡关口湾溪川原田畈坪垭垸洼庄家城台阳阴宁昌盛"
# (class, share of 1,000, what the name ends with): village clinics are two thirds of a real list.
_KINDS = (
    ("D600", 640, ("村卫生室", "村第一卫生室", "村中心卫生室")), ("D200", 140, ("诊所", "中医诊所", "口腔诊所")),
    ("C220", 50, ("镇卫生院", "乡卫生院")), ("C210", 12, ("镇中心卫生院",)), ("B200", 40, ("社区卫生服务站",)),
    ("B100", 14, ("社区卫生服务中心",)), ("A100", 20, ("人民医院", "第一人民医院", "仁爱医院")), ("A210", 10, ("中医院",)),
    ("A511", 8, ("口腔医院",)), ("D100", 25, ("门诊部",)), ("E300", 10, ("急救站",)), ("G100", 4, ("妇幼保健院",)),
    ("J100", 4, ("疾病预防控制中心",)), ("X001", 3, ("储血点",)), ("D400", 20, ("小学医务室", "公司医务室")),
)
_STATES = ((State.OPERATING, 92), (State.SUSPENDED, 3), (State.CLOSED, 3), (State.PLANNED, 2))
_COUNTIES = 200
_TOWNSHIPS = 14


def made_areas() -> list[Area]:
    """Return the counties and their townships."""
    chance = random.Random(7)
    found = []
    for county in range(_COUNTIES):
        code, name = _county(county)
        found.append(Area(code=code, name=name, level="county"))
        found += [Area(code=f"{code}{township + 100:03d}", name=_place(chance) + "镇", level="township", parent_code=code)
                  for township in range(_TOWNSHIPS)]
    return found


def made_facilities(count: int, *, seed: int = 0) -> Iterator[Facility]:
    """Yield facilities; another seed gives others."""
    chance = random.Random(seed)
    kinds = [(code, endings) for code, share, endings in _KINDS for _ in range(share)]
    states = [state for state, share in _STATES for _ in range(share)]
    for number in range(count):
        yield _facility(chance, seed * 10_000_000 + number, *chance.choice(kinds), chance.choice(states))


def fill(store: Store, count: int) -> None:
    """Register facilities through the registry's own door, in transactions of 10,000."""
    with store.writing() as session:
        for area in made_areas():
            areas.save(session, area, author="bench", origin="bench")
    made = made_facilities(count)
    for start in range(0, count, 10_000):
        with store.writing() as session:
            for _number, facility in zip(range(start, min(start + 10_000, count)), made, strict=False):
                facilities.save(session, facility, facility_id=None, author="bench", origin="bench")


def made_registry(folder: Path, count: int) -> Store:
    """Make a workspace with that many facilities."""
    store = init_workspace(Settings(workspace=folder), title="百县（虚构）")
    fill(store, count)
    return store


def _county(number: int) -> tuple[str, str]:
    chance = random.Random(1000 + number)
    return f"99{number // 20 + 1:02d}{number % 20 + 21:02d}", _place(chance) + "县"


def _place(chance: random.Random) -> str:
    return chance.choice(_FIRST) + chance.choice(_SECOND)


def _facility(chance: random.Random, number: int, code: str, endings: tuple[str, ...], state: State) -> Facility:
    county = chance.randrange(_COUNTIES)
    area, county_name = _county_of(county)
    township = f"{area}{chance.randrange(_TOWNSHIPS) + 100:03d}"
    place = _place(chance) + (_place(chance) if chance.random() < 0.7 else "")
    name = f"{county_name}{place}{chance.choice(endings)}"
    located = chance.random() < 0.94
    lon = round(100.0 + county % 20 + chance.random(), 6) if located else None
    lat = round(25.0 + county // 20 + chance.random(), 6) if located else None
    hospital = code[0] in "ABCG"
    return Facility(
        name=name, class_code=code, short_name=name[3:] if hospital else None, state=state,
        level=chance.choice(("一级", "二级", "三级", "未定级")) if hospital else None,
        ownership=chance.choice(("公立", "民营")), area_code=f"{township}{chance.randrange(20) + 200:03d}",
        lon=lon, lat=lat, raw_x=None if lon is None else str(lon), raw_y=None if lat is None else str(lat),
        raw_datum="WGS84" if located else None,
        position_method=chance.choice((PositionMethod.SURVEYED, PositionMethod.GEOCODED, PositionMethod.SETTLEMENT_POINT))
        if located else PositionMethod.NONE,
        address=f"{county_name}{place}镇解放路{chance.randrange(400) + 1}号" if chance.random() < 0.8 else None,
        identifiers=_identifiers(chance, number),
        aliases=[f"{county_name}{_place(chance)}卫生所"] if chance.random() < 0.08 else [],
        beds=[{"kind": "authorised", "count": chance.randrange(10, 600), "year": None}] if hospital else [],
        staff=[{"cadre": "doctors", "count": chance.randrange(1, 90)}] if chance.random() < 0.4 else [],
        capabilities=[{"code": "发热门诊", "value": chance.choice(("yes", "no", "unknown"))}] if hospital else [],
        contact={"telephone": f"0999-{chance.randrange(10**7):07d}"} if chance.random() < 0.5 else {},
        source=f"{county_name}卫生健康局 2025 年机构名录", illustrative=chance.random() < 0.01,
    )


def _county_of(number: int) -> tuple[str, str]:
    if number not in _KNOWN:
        _KNOWN[number] = _county(number)
    return _KNOWN[number]


_KNOWN: dict[int, tuple[str, str]] = {}


def _identifiers(chance: random.Random, number: int) -> list[dict[str, str]]:
    found = [{"scheme": "local", "value": f"JG{number:08d}"}]
    if chance.random() < 0.3:
        found.append({"scheme": "uscc", "value": f"12{chance.randrange(10**6):06d}{number:09d}X"})
    return found
