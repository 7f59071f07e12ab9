"""The page of the API for analysts: its examples run against a server of the demo county, in order, and print what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyogrio
import pytest
from api.own_server import served
from people import headers_of
from workspaces import copy_workspace

from geosvc.workflows.workspace import open_workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"```(python|sh|sh gdal)\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
# A refusal fails, and so does an answer that nobody saves and that says nothing.
CURL = 'set -euo pipefail\ncurl() { command curl --fail-with-body --silent --show-error --noproxy "*" "$@" | tee -a said; }\n'


@pytest.fixture(scope="module")
def server(demo_settings, tmp_path_factory) -> Iterator[dict[str, str]]:
    """BASE and KEY of a server of a copy of the demo county: the page saves and measures."""
    settings = replace(demo_settings, workspace=tmp_path_factory.mktemp("api-page") / "workspace")
    copy_workspace(demo_settings.workspace, settings.workspace)
    store = open_workspace(settings)
    key = headers_of(store, "analyst", name="分析员")["Authorization"].removeprefix("Bearer ")
    store.close()
    # In a process of its own: GDAL waits for an answer without letting Python go on.
    with served(settings.workspace, tmp_path_factory.mktemp("api-page-server")) as address:
        yield {"BASE": address, "KEY": key, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def test_every_block_runs_and_prints_what_it_says(server, monkeypatch, capsys, tmp_path):
    """Python in one namespace, its output to the character; curl and ogr2ogr by a shell, where a refusal fails."""
    monkeypatch.chdir(tmp_path)
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    names: dict[str, object] = {}
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert {language for language, _code, _shown in blocks} == {"python", "sh", "sh gdal"}
    for language, code, shown in blocks:
        if language == "python":
            exec(compile(code, PAGE.name, "exec"), names)
            assert capsys.readouterr().out == shown, code
        elif language == "sh" or shutil.which("ogr2ogr"):
            done = subprocess.run(["bash", "-c", CURL + code], env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, code + done.stdout[-500:] + done.stderr
    for file, begins in (("coverage.csv", b"\xef\xbb\xbfarea_code"), ("all.xlsx", b"PK"), ("gaps.gpkg", b"SQLite"), ("gaps.geojson", b"{"),
                         ("minutes.tif", b"II"), ("map.pdf", b"%PDF"), ("page.docx", b"PK"), ("map.html", b"<!"), ("compared.csv", b"\xef\xbb\xbf"),
                         ("gaps-then.gpkg", b"SQLite")):
        assert (tmp_path / file).read_bytes().lstrip().startswith(begins), file
    if shutil.which("ogr2ogr"):
        assert [name for name, _kind in pyogrio.list_layers(tmp_path / "registry.gpkg")] == ["facilities", "areas"]


def test_a_refused_example_would_be_seen(server, tmp_path):
    """The check of curl can fail: a misspelt filter ends the block."""
    done = subprocess.run(["bash", "-c", CURL + 'curl "$BASE/api/services?misspelt=1"'], env={**os.environ, **server}, cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "misspelt" in done.stdout


def test_qgis_is_told_what_gdal_reads(server):
    """The connection of QGIS is GDAL's OGC API - Features: with a key in its header it reads each collection that the page names."""
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip("this GDAL has no OAPIF driver")
    text = PAGE.read_text("utf-8")
    named = re.findall(r"typename='(\w+)'", text)
    assert named
    options = {"GDAL_HTTP_PROXY": "", "NO_PROXY": "127.0.0.1", "GDAL_HTTP_HEADERS": f"Authorization: Bearer {server['KEY']}"}
    pyogrio.set_gdal_config_options(options)
    try:
        assert {name for name, _kind in pyogrio.list_layers(f"OAPIF:{server['BASE']}/api")} >= {"facilities", "areas", *named}
        for name in named:
            assert len(pyogrio.read_dataframe(f"OAPIF:{server['BASE']}/api", layer=name))
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(options))


def test_the_page_names_addresses_and_words_that_there_are(demo_client):
    """Every address of the page under /api is one of the API's, and every status of its table has an error."""
    text = PAGE.read_text("utf-8")
    paths = demo_client.get("/api/openapi.json").json()["paths"]
    patterns = [re.compile(re.sub(r"{\w+}", "[^/]+", path) + "$") for path in [*paths, "/api/openapi.json"]]
    found = re.findall(r"\$BASE(/api[\w/.-]*)", text)
    assert len(found) > 15
    for address in found:
        assert any(each.match(address) for each in patterns), address
