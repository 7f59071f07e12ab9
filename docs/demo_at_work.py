"""The demo county with people at work in it: something to see on every page, for pictures of them.

Names are made up; nobody needs to know the passwords, for the folder is gone in a minute.
"""

from __future__ import annotations

import csv
import io
import math
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.proposals import Proposed
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import (
    editing,
    importing,
    jobs,
    people,
    plan_documents,
    scenario_runs,
    scenarios,
    staging,
    webhooks,
)
from geosvc.workflows.editing import Intent
from geosvc.workflows.rules import change_rules

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.accounts.people import Person
    from geosvc.registry.facilities import Registered
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

SERVICE = "hospital-drive"
_EDITOR, _ADMIN, _ANALYST, _CLERK = "王丽", "赵敏", "陈工", "李青"
_BY = {"author": _EDITOR, "origin": "form"}
_TOWN = "220622102"
_FIGURES = [["指标编号", "年份", "数值", "来源"], ["jingyu-2025-028.1", "2023", "71.3%", "示例年报"], ["jingyu-2025-028.2", "2023", "8.6", "示例年报"]]
_NEW = {"number": 1, "class_code": "A100", "name": "东部医院", "lon": 127.098, "lat": 42.249}


@dataclass(frozen=True)
class Work:
    """What was put into the demo: sessions of people by role, and the numbers of what can be opened."""

    tokens: dict[str, str]
    welcome: str
    one: Registered
    twin: int
    scenario: int
    job: int
    upload: str
    checked: str
    record: int

    @property
    def numbers(self) -> dict[str, object]:
        """What stands in the addresses of pages."""
        return {name: getattr(self, name) for name in ("welcome", "twin", "scenario", "job", "upload", "checked", "record")} | {"one": self.one.id}


def fill(store: Store, settings: Settings, folder: Path) -> Work:
    """Let people work in a demo for a while."""
    tokens = {role: _signed_in(store, name, role) for name, role in ((_ADMIN, "admin"), (_ANALYST, "analyst"), (_EDITOR, "editor"))}
    people.create_account(store, _CLERK, role="editor", areas=[_TOWN], display_name="濛江乡卫生院 李青", **_BY)
    welcome = people.create_account(store, "孙主任", role="viewer", areas=None, **_BY)[1].rsplit("/", 1)[-1]
    one, twin = _clinics(store)
    _patch(store, one.id, {"address": "靖宇大街 18 号", "note": "2026 年现场核实"}, "现场核实")
    for address in ("https://zhyl.example.gov.cn/hooks/geosvc", "https://data.example.gov.cn/receive"):
        webhooks.add_webhook(store, address, private=False, **_BY)
    analyst, admin = (_person(store, tokens[role]) for role in ("analyst", "admin"))
    scenario = _scenarios(store, settings, analyst)
    job = jobs.submit(store, settings, analyst, "measure", {"service": "emergency-2h"})["id"]
    plan_documents.report_figures(store, "jingyu-2025", "\n".join(",".join(row) for row in _FIGURES).encode(), "填报表.csv", author=admin.name)
    upload, checked, record = _imports(store, settings, folder, admin.name, one)
    return Work(tokens=tokens, welcome=welcome, one=editing.seen(store, one.id), twin=twin, scenario=scenario, job=job,
                upload=upload, checked=checked, record=record)


def _signed_in(store: Store, name: str, role: str) -> str:
    account, link = people.create_account(store, name, role=role, areas=None, **_BY)
    return people.use_link(store, link.rsplit("/", 1)[-1], secrets.token_urlsafe(18), name=account.name, hours=1).token


def _person(store: Store, token: str) -> Person:
    person = people.person_of_token(store, token)
    assert person is not None  # it was made above
    return person


def _clinics(store: Store) -> tuple[Registered, int]:
    """Register a clinic twice, and one without a place; return the first, and the number of its twin."""
    with store.reading() as session:
        one = next(each for each in facilities.find(session, FacilityQuery(class_prefixes=["C2"])) if each.facility.located)
    like = replace(one.facility, identifiers=[], aliases=[])
    lon, lat = like.lon or 0.0, like.lat or 0.0
    with store.writing() as session:
        twin, _kind = facilities.save(
            session, replace(like, name=like.name.removeprefix("靖宇县"), lon=lon + 0.0006, lat=lat, level=None), facility_id=None, **_BY)
        facilities.save(session, replace(
            like, name=f"{like.name}第二卫生室", class_code="D600", lon=None, lat=None, position_method="none", raw_x=f"{lat:.4f}", raw_y=f"{lon:.4f}", raw_datum="GCJ02"),
            facility_id=None, **_BY)
    return one, twin


def _patch(store: Store, number: int, properties: dict[str, str], reason: str) -> None:
    editing.patch(store, number, {"properties": properties}, Intent(**_BY, reason=reason), expected=editing.seen(store, number).revision)


def change_meanwhile(store: Store, one: Registered) -> None:
    """Let the second person be first: whoever has the form open is told of it when they save."""
    _patch(store, one.id, {"address": "靖宇大街 20 号", "ownership": "公立"}, "门牌更换")


def ask_for_approval(store: Store, one: Registered) -> int:
    """Let changes wait for approval from now on, and propose one; return its number."""
    change_rules(store, author=_ADMIN, approval=True)
    try:
        editing.patch(store.proposing(), one.id, {"properties": {"address": "靖宇大街 22 号", "note": "新址挂牌"}},
                      Intent(**_BY, reason="迁入新址"), expected=editing.seen(store, one.id).revision)
    except Proposed as told:
        return int(told.told["id"])
    raise AssertionError("the change was made, not proposed")


def _scenarios(store: Store, settings: Settings, person: Person) -> int:
    """Save two scenarios and measure the first; return its number."""
    documents = (
        {"name": "东部新建医院", "notes": "示例：在赤松镇一带新建一家综合医院，看看 30 分钟覆盖率能提高多少。", "changes": {"open": [_NEW]}},
        {"name": "东部新建医院（冬季）", "notes": "", "changes": {"open": [_NEW], "conditions": ["winter"]}},
    )
    first, _second = [scenarios.create(store, person, each, origin="form")["id"] for each in documents]
    scenario_runs.measure(store, settings, person, first, service_ids=[SERVICE])
    return int(first)


def _imports(store: Store, settings: Settings, folder: Path, author: str, one: Registered) -> tuple[str, str, int]:
    """Send one list, look through another, import a third, as clerks have them; return what each is called by."""
    lon, lat = one.facility.lon or 0.0, one.facility.lat or 0.0
    header = ["单位名称", "类型", "经度", "纬度", "编制床位"]

    def clinics(first: int) -> list[list[str]]:
        return [[f"示例第{number}村卫生室", "村卫生室", f"{lon + 0.13 * math.cos(number):.5f}", f"{lat + 0.1 * math.sin(number):.5f}", ""]
                for number in range(first, first + 6)]

    known = [one.facility.name, "乡卫生院", f"{lon:.5f}", f"{lat:.5f}", "24"]
    wrong = [["缺纬度诊所", "诊所", f"{lon:.5f}", "", ""], ["床位写成汉字的诊所", "诊所", f"{lon + 0.02:.5f}", f"{lat:.5f}", "三张"]]
    options = FacilityOptions(datum="WGS84", source="县卫生健康局")
    upload, checked = (
        staging.stage(store, name, io.BytesIO(_csv([header, *rows])), author=author, max_mb=1).id
        for name, rows in (("诊所备案名单.csv", clinics(11)), ("卫生机构名单.csv", [known, *clinics(1), *wrong])))
    staging.preview(store, checked, options, author=author, settings=settings)
    path = folder / "村卫生室名单.csv"
    path.write_bytes(_csv([header, *clinics(21), *wrong[:1]]))
    report = importing.import_facilities(store, path, replace(options, skip_bad=True), settings, author=author)
    return upload, checked, int(report.import_id or 0)


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("gb18030")
