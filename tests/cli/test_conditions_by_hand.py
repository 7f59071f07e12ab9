"""Barriers and conditions by hand: import, list, try, and what is refused on the way."""

from __future__ import annotations

import json
import sys

import pytest
from registry.made_files import NORTH, SOUTH, write_geojson
from shapely import LineString, box
from workflows.small_county import write_county

from geosvc import cli


@pytest.fixture
def geosvc(monkeypatch, capsys, tmp_path):
    """Call the command line as a shell would; return exit code and what was printed."""
    monkeypatch.setenv("GEOSVC_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["geosvc", *map(str, words)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code or 0
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def covered(text):
    """Return the people covered of the one service that was measured."""
    (answer,) = json.loads(text)["measured"]
    return answer["people_covered"]


def test_a_river_a_flood_and_a_winter_by_hand(geosvc, tmp_path):
    """A county imported file by file; winter and flood cover fewer, are trials, and the service keeps its answer."""
    files = write_county(tmp_path)
    barriers = write_geojson(tmp_path / "barriers.geojson", [
        ({"类型": "河流"}, LineString([(126.9, SOUTH - 0.01), (126.9, NORTH + 0.01)])),
        ({"类型": "淹没区"}, box(126.93, 42.33, 126.94, 42.37))])
    geosvc("init", "--cell-size", "300")
    for kind, name in (("areas", "areas"), ("facilities", "facilities"), ("population", "people"), ("roads", "roads")):
        assert geosvc("import", kind, files[name])[0] == 0
    code, out, _ = geosvc("import", "barriers", barriers, "--json")
    assert (code, json.loads(out)["classes"]) == (0, {"flood_area": 1, "river": 1})
    code, out, _ = geosvc("conditions", "--json")
    assert (code, {each["id"]: each["barriers"] for each in json.loads(out)}) == (0, {"winter": 0, "night": 0, "rain": 0, "flood": 1, "road-closed": 0})
    assert "winter" in geosvc("conditions")[1]
    usual = covered(geosvc("measure", "hospital-drive", "--json")[1])
    winter = covered(geosvc("measure", "hospital-drive", "--condition", "winter", "--json")[1])
    flood = covered(geosvc("measure", "hospital-drive", "--condition", "flood@990001101", "--json")[1])
    assert usual > winter
    assert usual > flood
    assert "a trial under 冬季" in geosvc("measure", "hospital-drive", "--condition", "冬季")[1]
    services = {each["id"]: each for each in json.loads(geosvc("services", "--json")[1])}
    assert services["hospital-drive"]["changed_since"] == []
    # All services at once: those in a straight line feel no winter and are left out.
    code, out, _ = geosvc("measure", "--condition", "winter", "--json")
    assert code == 0
    assert "basic-radius" not in {each["service"] for each in json.loads(out)["measured"]}


@pytest.mark.parametrize(("asked", "code", "words"), [
    ("fog", 3, "no condition is called 'fog'; there are: winter, night, rain, flood"), ("winter@99", 4, "'99'"),
    ("flood", 5, "geosvc import barriers"),
])
def test_a_condition_that_cannot_be_asked_has_its_exit_code(geosvc, tmp_path, asked, code, words):
    """Unknown condition 3, unknown area 4, a flood without flooded land 5."""
    files = write_county(tmp_path)
    geosvc("init", "--cell-size", "300")
    for kind in ("areas", "facilities"):
        geosvc("import", kind, files[kind])
    found, _, err = geosvc("measure", "hospital-drive", "--condition", asked)
    assert found == code
    assert words in err.replace("\n", " ")
