"""``geosvc jobs``: what waits for the server is listed and cancelled where the server is."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner
from workflows.small_county import furnish

from geosvc.accounts.people import Person, Role, rights_of
from geosvc.cli import app
from geosvc.errors import InvalidParameter, JobNotFound
from geosvc.workflows import jobs

WANG = Person(name="wang", rights=rights_of(Role.ANALYST), role=Role.ANALYST, account_id=7)


@pytest.fixture
def run(settings, tmp_path):
    store = furnish(settings, tmp_path)
    for service in ("hospital-drive", "township-centre-drive"):
        jobs.submit(store, settings, WANG, "measure", {"service": service, "conditions": ["winter"]})
    store.close()

    def one(*words):
        return CliRunner().invoke(app, ["jobs", *words, "--workspace", str(settings.workspace)])

    return one


def test_listed_and_cancelled(run):
    listed = run("list", "--state", "open").output
    assert "hospital-drive conditions=winter" in " ".join(listed.replace("service=", "").split())
    assert listed.count("waiting") == 2
    assert "job 1 is cancelled" in run("cancel", "1").output
    told = json.loads(run("list", "--json").output)
    assert [(each["id"], each["state"]) for each in told] == [(2, "waiting"), (1, "cancelled")]
    assert json.loads(run("cancel", "2", "--json").output)["state"] == "cancelled"
    assert "There is no job." in run("list", "--state", "open").output


def test_what_is_not_there(run):
    assert isinstance(run("cancel", "9").exception, JobNotFound)
    assert isinstance(run("list", "--state", "asleep").exception, InvalidParameter)
