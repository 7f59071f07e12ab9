"""Exporting on the command line, and taking the file in again."""

from __future__ import annotations

import json
import sys

import pytest
from registry.made_files import county_files

from geosvc import cli


@pytest.fixture
def geosvc(monkeypatch, capsys, tmp_path):
    """Call the command line in this process, with a workspace that holds one hospital; return (code, JSON)."""
    monkeypatch.setenv("GEOSVC_WORKSPACE", str(tmp_path / "workspace"))

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["geosvc", *map(str, words), "--json"])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code or 0
        told = capsys.readouterr()
        return code, json.loads(told.out or told.err)

    call("init")
    call("import", "facilities", county_files(tmp_path)["facilities"])
    return call


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "geojson", "gpkg"])
def test_export_and_import_again(geosvc, tmp_path, suffix):
    """What `geosvc export facilities` wrote, `geosvc import facilities` finds unchanged."""
    path = tmp_path / "新" / f"机构.{suffix}"
    code, told = geosvc("export", "facilities", "-o", path, "--datum", "BD09", "--with-contacts", "--class", "a", "--state", "operating")
    assert (code, told["facilities"], told["datum"], told["contacts"]) == (0, 1, "BD09", True)
    assert told["bytes"] == path.stat().st_size
    code, report = geosvc("import", "facilities", path)
    assert (code, report["new"], report["changed"], report["unchanged"]) == (0, 0, 0, 1)
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


def test_templates_and_refusals(geosvc, tmp_path):
    """A template with and without values; an unknown suffix, datum or state is refused with exit code 3."""
    assert geosvc("export", "template", "-o", tmp_path / "t.xlsx")[1]["facilities"] == 1
    assert geosvc("export", "template", "-o", tmp_path / "t.xlsx", "--empty")[1]["facilities"] == 0
    for words in (["-o", tmp_path / "x.pdf"], ["-o", tmp_path / "x.csv", "--datum", "XIAN80"], ["-o", tmp_path / "x.csv", "--state", "open"],
                  ["-o", tmp_path / "x.csv", "--date", "gestern"]):
        assert geosvc("export", "facilities", *words)[0] == 3
    assert not list(tmp_path.glob("x.*"))
    assert geosvc("export", "facilities", "-o", "/proc/no/x.csv")[0] == 6
