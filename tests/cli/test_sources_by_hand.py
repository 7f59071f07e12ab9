"""Who made the data, said at an import, is named on the maps of the runs that were computed on them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from cli.test_command_line import files, geosvc  # noqa: F401 (fixtures)
from fastapi.testclient import TestClient

from geosvc.application import create_app
from geosvc.language import words
from geosvc.settings import Settings

ZH = words("zh")


def credits_of(geosvc, tmp_path):  # noqa: F811
    target = tmp_path / "map.html"
    assert geosvc("map", "hospital-drive", "-o", target).code == 0
    return target.read_text("utf-8")


@pytest.fixture
def measured(geosvc, files):  # noqa: F811
    geosvc("init", "--cell-size", "300")
    assert geosvc("import", "areas", files["areas"], "--source", "示例县民政局").code == 0
    assert geosvc("import", "facilities", files["facilities"]).code == 0
    told = geosvc("import", "population", files["people"], "--source", "示例县统计局", "--dated", "2020")
    assert "nobody is named" not in told.out
    assert "nobody is named" in geosvc("import", "roads", files["roads"]).out
    assert geosvc("measure", "hospital-drive").code == 0
    return geosvc


def test_sources_stand_on_the_map_and_can_be_corrected(measured, files, tmp_path):  # noqa: F811
    """A source that was left out is said by importing the same file again; the run stays what it is."""
    shown = credits_of(measured, tmp_path)
    assert "示例县民政局" in shown
    assert "示例县统计局" in shown
    assert "示例县交通局" not in shown
    again = json.loads(measured("import", "roads", files["roads"], "--source", "示例县交通局", "--licence", "内部资料", "--json").out)
    assert again["changed"] == 1
    assert json.loads(measured("import", "roads", files["roads"], "--source", "示例县交通局", "--licence", "内部资料", "--json").out)["unchanged"] == 1
    assert "示例县交通局" in credits_of(measured, tmp_path)
    assert json.loads(measured("measure", "hospital-drive", "--json").out)


def test_a_run_names_the_sources_it_was_computed_on(measured, files, tmp_path):  # noqa: F811
    """Other roads that came later are not credited on the map of a run before them."""
    other = tmp_path / "other.geojson"
    document = json.loads(files["roads"].read_text("utf-8"))
    document["features"][0]["geometry"]["coordinates"][-1][0] += 0.001
    other.write_text(json.dumps(document), encoding="utf-8")
    assert measured("import", "roads", other, "--source", "别的道路").code == 0
    shown = credits_of(measured, tmp_path)
    assert "示例县统计局" in shown
    assert "别的道路" not in shown


def test_the_page_about_the_data_says_where_people_come_from(measured):
    """People of a layer are people: figures by area are what is missing, and what nobody said is unknown."""
    settings = Settings(workspace=Path(os.environ["GEOSVC_WORKSPACE"]), public_read=True)
    with TestClient(create_app(settings)) as client:
        shown = client.get("/about?lang=zh").text
    assert ZH["no_figures_by_area"] in shown
    assert ZH["no_population"] not in shown
    row = re.search(r'<tr><th scope="row">[^<]*</th><td>[^<]*<span.*?</tr>', shown)
    assert row is not None
    assert "示例县民政局" in row[0]
    assert f'<td class="wide">{ZH["unknown"]}</td>' in row[0]
