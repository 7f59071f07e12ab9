"""Gaps under a scenario say when the registry changed since they were measured."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient
from people import BY, headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry import facilities
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery

ZH, DRIVE = words("zh"), "hospital-drive"


def test_gaps_of_yesterday_are_not_shown_as_those_of_today(tmp_path):
    settings = Settings(workspace=tmp_path / "workspace", public_read=True)
    store = furnish(settings, tmp_path)
    with TestClient(create_app(settings), headers=headers_of(store, "analyst")) as client:
        number = client.post("/api/scenarios", json={"name": "冬季", "notes": "", "changes": {"conditions": ["winter"]}}).json()["id"]
        assert client.post(f"/api/scenarios/{number}/measure?service={DRIVE}").status_code == 200
        address = f"/gaps?service={DRIVE}&scenario={number}&threshold=30min&lang=zh"
        assert ZH["changed_since"] not in client.get(address).text
        with store.writing() as session:
            one = next(each for each in facilities.find(session, FacilityQuery()) if each.facility.class_code.startswith("A") and each.facility.located)
            facilities.save(session, replace(one.facility, lon=one.facility.lon + 0.01), facility_id=one.id, **BY)
        shown = client.get(address).text
    store.close()
    assert ZH["changed_since"] in shown
    assert f'<a href="/scenarios/{number}">冬季</a></p>' in shown
