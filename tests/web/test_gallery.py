"""The gallery: what can be taken away, by whom, and what it says where there is nothing."""

from __future__ import annotations

import dataclasses
import io
import re
from html import unescape

import numpy as np
import pytest
from fastapi.testclient import TestClient
from people import headers_of
from PIL import Image
from playwright.sync_api import expect
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.language import words
from geosvc.maps.paper import fonts, palette
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

ZH, DRIVE = words("zh"), "hospital-drive"


def links_of(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'href="(/[^"]+)"', page)]


@pytest.fixture
def folder(demo_settings: Settings, tmp_path):
    """A client of the demo county whose folder of maps is the test's own."""
    (tmp_path / "maps").mkdir()
    settings = dataclasses.replace(demo_settings, maps=tmp_path / "maps")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client, tmp_path / "maps"


@pytest.mark.slow
def test_every_measured_service_can_be_taken_away(folder):
    """Each with its picture and every form; every address of the page answers with the run that it names."""
    client, _maps = folder
    page = client.get("/gallery").text
    measured = [each for each in client.get("/api/services").json()["services"] if each["run"]]
    assert len(measured) == page.count("<li>") > 5
    links = links_of(page)
    for each in measured:
        own = [link for link in links if link.startswith(f"/api/services/{each['id']}/")]
        choices = [*([""] if any(limit["applies_to"] != "any" for limit in each["thresholds"]) else []), *(limit["id"] for limit in each["thresholds"])]
        assert len(own) == 6 * len(choices)
        assert all(f"run={each['run']}" in link for link in own)
        for choice in choices:
            assert sum(f"threshold={choice}&" in link if choice else "threshold=" not in link for link in own) == 6
    if fonts.has_fonts():
        for link in [link for link in links if link.startswith("/api/services/hospital-drive/")]:
            assert client.get(link).status_code == 200, link
    assert ZH["gallery_other_services"] in page  # those that are not computable are named, not hidden


def test_a_scenario_a_day_and_the_makers_go_into_every_file(tmp_path):
    """What is chosen on the page stands in its addresses, and what is not measured so is not offered."""
    settings = Settings(workspace=tmp_path / "workspace", public_read=True, maps=tmp_path / "maps")
    store = furnish(settings, tmp_path)
    baseline = measure_service(Study(store, settings), DRIVE).id
    measure_service(Study(store, settings), "basic-radius")
    keys = headers_of(store, "analyst")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        number = client.post("/api/scenarios", headers=keys, json={"name": "冬季", "notes": "", "changes": {"conditions": ["winter"]}}).json()["id"]
        assert ZH["gallery_none_so"] in client.get(f"/gallery?scenario={number}").text
        assert "<option" not in client.get("/gallery").text  # no scenario has an answer yet
        client.post(f"/api/scenarios/{number}/measure?service={DRIVE}", headers=keys)
        [measured] = client.get(f"/api/scenarios/{number}").json()["measured"]
        page = client.get("/gallery", params={"scenario": number, "makers": "卫健局 & 测绘院"}).text
        links = [link for link in links_of(page) if link.startswith("/api/services/")]
        assert {link.split("/")[3] for link in links} == {DRIVE}
        assert all(f"run={measured['run']}" in link and baseline not in link for link in links)
        assert all(("makers=%E5%8D%AB" in link) == ("/map?" not in link) for link in links)
        for link in links:
            assert client.get(link).status_code in ((200,) if fonts.has_fonts() or "/map?" in link else (409,)), link
        assert ZH["gap_of_scenario"] in page and f'<option value="{number}" selected' in page
        day = client.get("/gallery?datetime=2024-01-01").text  # the same facilities and people on that day
        on_day = [link for link in links_of(day) if link.startswith(f"/api/services/{DRIVE}/")]
        assert on_day and all("datetime=2024-01-01" in link and "run=" not in link for link in on_day)
        assert client.get(f"/gallery?scenario={number}&datetime=2024-01-01").status_code == 400
        assert client.get("/gallery?scenario=999").status_code == 404
        assert client.get("/gallery", params={"makers": "长" * 81}).status_code == 400
    store.close()


def test_the_picture_is_the_surface_in_its_colours(folder):
    """The small picture has the colours of the bands, and is clear outside of the study."""
    client, _maps = folder
    run = client.get("/api/services/hospital-drive").json()["run"]
    answer = client.get(f"/gallery/hospital-drive/{run}.png")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width == 320
        pixels = np.asarray(picture)
    assert (pixels[..., 3] == 0).mean() > 0.2
    colours = {tuple(pixel) for pixel in pixels[pixels[..., 3] == 255][:, :3].tolist()}
    assert {palette.rgb(palette.NEAR[0]), palette.rgb(palette.FAR[-1])} <= colours
    assert client.get(f"/gallery/basic-radius/{run}.png").status_code == 404
    assert client.get("/gallery/hospital-drive/nope.png").status_code == 404


def test_saved_maps_are_listed_and_given_as_files(folder):
    """Only maps, only of that folder, never opened in the page of the server."""
    client, maps = folder
    assert ZH["gallery_saved_none"].format(folder="maps") in client.get("/gallery").text
    for name in ("a <b>.html", "b.pdf", ".hidden.html", "README.md", "key.txt"):
        (maps / name).write_bytes(b"<script>1</script>")
    (maps.parent / "secret.html").write_text("secret", encoding="utf-8")
    page = client.get("/gallery").text
    assert "a &lt;b&gt;.html" in page and "b.pdf" in page
    assert "README.md" not in page and ".hidden" not in page and "key.txt" not in page
    answer = client.get("/gallery/files/a%20%3Cb%3E.html")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    for name in ("..%2Fsecret.html", "README.md", "key.txt", ".hidden.html", "%2Fetc%2Fpasswd", "none.html"):
        assert client.get(f"/gallery/files/{name}").status_code == 404, name


def test_saved_maps_are_of_the_whole_study(folder, demo_store: Store):
    """An account of some areas is neither shown nor given them."""
    client, maps = folder
    (maps / "whole.html").write_text("x", encoding="utf-8")
    key = headers_of(demo_store, "viewer", ["220622100"], name="gallery-part")
    assert "whole.html" not in client.get("/gallery", headers=key).text
    assert client.get("/gallery/files/whole.html", headers=key).status_code == 404
    assert client.get("/gallery/files/whole.html").status_code == 200


def test_an_empty_workspace_says_what_to_do(settings: Settings, store: Store, tmp_path):
    """No measured service: a sentence and a command, not an empty page."""
    with TestClient(create_app(dataclasses.replace(settings, maps=tmp_path / "none"))) as client:
        page = client.get("/gallery").text
    assert ZH["gallery_none"] in page and "geosvc measure" in page
    assert ZH["gallery_saved_none"].format(folder="none") in page


def test_without_a_font_the_page_says_so(folder, monkeypatch, tmp_path):
    """No links that cannot work; the single file stays."""
    client, _maps = folder
    monkeypatch.setattr(fonts, "folders", lambda: (tmp_path / "nowhere",))
    page = client.get("/gallery").text
    assert "fonts-wqy-microhei" in page
    assert not [link for link in links_of(page) if "/sheet" in link or "/summary" in link]
    assert [link for link in links_of(page) if "/map?" in link]


def test_map_and_about_lead_here(demo_client: TestClient):
    """The downloads of the map are those of its run, limit and language."""
    page = demo_client.get("/", params={"service": "hospital-drive", "threshold": "60min", "lang": "en"}).text
    links = links_of(page)
    run = demo_client.get("/api/services/hospital-drive").json()["run"]
    own = [link for link in links if "/sheet" in link or "/summary" in link]
    assert len(own) == 4
    assert all(f"threshold=60min&run={run}&language=en" in link for link in own)
    assert "/gallery" in links
    assert "/gallery" in links_of(demo_client.get("/about").text)
    demo_client.cookies.clear()


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1280, 720), (360, 740)])
@pytest.mark.slow
def test_the_gallery_in_a_browser(open_page, demo_server: str, size):
    """Pictures are there, nothing is cut off at the side, targets are 24 px high."""
    page = open_page(demo_server, "/gallery")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    expect(page.locator(".gallery li")).not_to_have_count(0)
    first = page.locator(".gallery img").first
    expect(first).to_have_js_property("complete", value=True)
    assert first.evaluate("image => image.naturalWidth") == 320
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    heights = page.locator(".gallery dd a[href*='/services/']").evaluate_all("links => links.map(link => link.getBoundingClientRect().height)")
    assert min(heights) >= 24
