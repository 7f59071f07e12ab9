"""``geosvc band``: a readable table, JSON for scripts, own assumptions, exit codes."""

from __future__ import annotations

import json
import sys
from importlib.resources import files

import pytest
from workflows.small_county import furnish

from geosvc import cli
from geosvc.cli import uncertainty as command
from geosvc.settings import Settings
from geosvc.workflows import uncertainty
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The small county, one service measured."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder, cell_size_m=400.0)
    measure_service(Study(store, settings), "hospital-drive")
    store.close()
    return settings.workspace


@pytest.fixture
def band(monkeypatch, capsys, workspace):
    """Call ``geosvc band`` in this process; return its exit code, what it printed, and its complaint."""
    monkeypatch.setenv("GEOSVC_WORKSPACE", str(workspace))
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["geosvc", "band", *map(str, words)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code or 0
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_the_table_has_the_run_and_its_band(band):
    """The total and each township with the run's figure, the three percentiles, and who is not certain; then the notes."""
    code, told, _ = band("hospital-drive", "--draws", 20)
    assert code == 0
    for word in ("people covered", "5 %", "50 %", "95 %", "not certain", "试验县", "西镇", "东镇", "20 draws, seed 1", "区间由 20 次抽样"):
        assert word in told
    (row,) = [line for line in told.splitlines() if "西镇" in line]
    covered, low, middle, high = (int(cell.replace(",", "")) for cell in row.split("│")[2:6])
    assert low <= middle <= high
    assert low <= covered


def test_json_is_the_answer_itself(band):
    """Scripts get what the API gives, and own assumptions are another question."""
    code, told, _ = band("hospital-drive", "--draws", 20, "--json")
    assert code == 0
    assert json.loads(told)["rows"][0]["area_code"] == "*total"


def test_own_assumptions_are_drawn_from_and_named(band, tmp_path):
    """A file with surer speeds narrows the band; the answer keeps its numbers."""
    text = files("geosvc.coverage").joinpath("uncertainty.toml").read_text("utf-8")
    path = tmp_path / "surer.toml"
    for sigma in ("0.20", "0.15", "0.30"):
        text = text.replace(f"sigma = {sigma}", "sigma = 0.01")
    path.write_text(text, "utf-8")
    shipped, surer = (json.loads(band("hospital-drive", "--draws", 20, "--json", *more)[1]) for more in ((), ("--assumptions", path)))
    assert surer["assumptions"]["sigma"]["motor_road"] == 0.01
    width = [each["rows"][0]["people_covered"]["p95"] - each["rows"][0]["people_covered"]["p5"] for each in (surer, shipped)]
    assert width[0] < width[1]


@pytest.mark.parametrize(("words", "code", "told"), [
    (("hospital-drive", "--draws", 0), 3, "between 20 and 2000"),
    (("hospital-drive", "--draws", 20, "--seed", -1), 3, "seed"),
    (("hospital-drive", "--threshold", "45min"), 4, "30min, 60min"),
    (("hospital-fly",), 4, "hospital-drive"),
    (("township-centre-drive",), 4, "geosvc measure township-centre-drive"),
    (("hospital-drive", "--assumptions", "none.toml"), 3, "none.toml"),
    ((), 2, "service"),
])
def test_what_cannot_be_answered_is_one_sentence_and_an_exit_code(band, words, code, told):
    """The refusal says what was expected or which command comes first."""
    found, _, complaint = band(*words)
    assert found == code
    assert told in complaint


def test_the_defaults_of_the_command_are_those_of_the_workflow():
    """Typer reads them before the workflow is imported; they must not part."""
    assert (command._DRAWS, command._SEED) == (uncertainty.DEFAULT_DRAWS, uncertainty.DEFAULT_SEED)
