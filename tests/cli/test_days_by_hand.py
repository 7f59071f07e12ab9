"""Days and divisions on the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner
from workflows.small_county import furnish

from geosvc.cli import app
from geosvc.errors import InvalidInput
from geosvc.settings import Settings


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("days")
    furnish(Settings(workspace=folder / "workspace"), folder).close()
    return folder / "workspace"


def run(*words, workspace):
    done = CliRunner().invoke(app, [*words, "-w", str(workspace)], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_service_is_measured_for_a_day(workspace):
    """The answer says of which day it is and how to see it."""
    told = run("measure", "hospital-drive", "--datetime", "2019-01-01", workspace=workspace)
    assert "as of 2019-01-01" in told
    assert "?datetime=2019-01-01" in told


def test_divisions_are_merged_and_listed(workspace):
    """Two townships become one; the list says when; a table of that day comes in with --valid-from."""
    told = json.loads(run("divisions", "merge", "990001100", "990001101", "--into", "990001900", "--name", "新镇", "--on", "2021-01-01",
                          "--note", "撤乡并镇", "--json", workspace=workspace))
    assert told["links"] == [["990001100", "990001900"], ["990001101", "990001900"]]
    listed = json.loads(run("divisions", "list", "--json", workspace=workspace))
    assert {(each["old"], each["new"], each["day"], each["note"]) for each in listed} == {
        (old, "990001900", "2021-01-01", "撤乡并镇") for old in ("990001100", "990001101")}
    path = workspace.parent / "areas.csv"
    path.write_text("code,name,level\n990001900,新新镇,township\n", encoding="utf-8")
    assert "1 changed" in run("import", "areas", str(path), "--valid-from", "2023-01-01", workspace=workspace)
    assert "1 unchanged" in run("import", "areas", str(path), "--valid-from", "2023-01-01", workspace=workspace)
    with pytest.raises(InvalidInput, match="valid_from must be a day"):
        run("import", "areas", str(path), "--valid-from", "next year", workspace=workspace)
    path.write_text("code,name,level\n990001100,西镇,township\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="ended on 2021-01-01 and became 990001900"):
        run("import", "areas", str(path), workspace=workspace)
