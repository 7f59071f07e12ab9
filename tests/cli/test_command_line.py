"""The command line: exit codes, one clear sentence, JSON for scripts, and the whole way by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from registry.made_files import HEADER, snapshot, write_csv, write_sparse
from workflows.small_county import write_county

from geosvc import __version__, cli


class Answer:
    """What one call of the command line left behind."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def refusal(self):
        return json.loads(self.err)


@pytest.fixture
def geosvc(monkeypatch, capsys, tmp_path):
    """Call the command line in this process, with the workspace of this test, as a shell would."""
    monkeypatch.setenv("GEOSVC_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "200")
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
        return Answer(code, told.out, told.err)

    return call


@pytest.fixture
def files(tmp_path):
    """The files of the small county."""
    folder = tmp_path / "files"
    folder.mkdir()
    return write_county(folder)


@pytest.fixture
def county(geosvc, files):
    """The command line with the small county imported."""
    geosvc("init", "--cell-size", "300")
    for kind, name in (("areas", "areas"), ("facilities", "facilities"), ("population", "people"), ("roads", "roads")):
        assert geosvc("import", kind, files[name]).code == 0
    return geosvc


def commands():
    """Every command with its words, hidden ones included."""
    from typer.main import get_command

    def walk(command, words):
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, [*words, name])

    return list(walk(get_command(cli.app), []))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(geosvc, words):
    """--help of every command says what it does, in a sentence of its own, and every option has words."""
    told = geosvc(*words, "--help")
    assert told.code == 0
    assert told.err == ""
    assert len(told.out.split()) > 10
    assert "Traceback" not in told.out
    assert " ".join(["geosvc", *words]) in " ".join(told.out.split())


def test_every_option_has_a_help_text():
    """A help that lists an option without saying what it is for does not read like documentation."""
    from typer.main import get_command

    def walk(command, words):
        for parameter in command.params:
            if parameter.name not in ("help", "install_completion", "show_completion"):
                assert getattr(parameter, "help", None), (words, parameter.name)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, [*words, name])

    walk(get_command(cli.app), [])


def test_help_tells_the_exit_codes(geosvc):
    """Scripts find the exit codes where they look for them."""
    told = geosvc("--help").out
    for code in "023456":
        assert f"{code} " in told


def test_the_whole_way_by_hand(geosvc, files, tmp_path):
    """init, import, services, measure, gaps, map: each says what it did and leaves with 0."""
    init = geosvc("init", tmp_path / "workspace", "--cell-size", "300", "--title", "试验")
    assert (init.code, "0 facilities" in init.out) == (0, True)
    report = geosvc("import", "areas", files["areas"])
    assert "3 new, 0 changed, 0 unchanged, 0 refused" in report.out
    for kind, name in (("facilities", "facilities"), ("population", "people"), ("roads", "roads"), ("landcover", "landcover")):
        assert geosvc("import", kind, files[name]).code == 0
    assert "hospital-drive" in geosvc("services").out
    measured = geosvc("measure", "hospital-drive")
    assert measured.code == 0
    assert "people covered" in measured.out
    assert "run " in measured.out
    gaps = geosvc("gaps", "hospital-drive", "--output", tmp_path / "out" / "gaps.geojson")
    assert (gaps.code, "gaps" in gaps.out) == (0, True)
    collection = json.loads((tmp_path / "out" / "gaps.geojson").read_text("utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert len(collection["features"]) == collection["numberMatched"]
    assert collection["run"] in measured.out
    assert collection["schematic"] is False
    assert "no_elevation" in [note["code"] for note in collection["notes"]]
    assert collection["notes"][0]["zh"] in measured.out
    page = tmp_path / "out" / "map.html"
    assert geosvc("map", "hospital-drive", "-o", page).code == 0
    assert "试验" in page.read_text("utf-8")


def test_json_on_success_is_json_and_nothing_else(geosvc, files, tmp_path):
    """Every verb with --json prints one document on stdout and nothing on stderr."""
    calls = [
        ("init", "--cell-size", "300"), ("import", "areas", files["areas"]), ("import", "facilities", files["facilities"]),
        ("import", "population", files["people"]), ("import", "roads", files["roads"]),
        ("import", "landcover", files["landcover"]), ("import", "elevation", files["people"]), ("services",),
        ("measure", "hospital-drive", "basic-radius"), ("measure",), ("gaps", "basic-radius"), ("gaps", "basic-radius", "--threshold", "10km"),
        ("map", "hospital-drive", "-o", tmp_path / "m.html"), ("map", "hospital-drive", "-o", tmp_path / "e.html", "--language", "en"),
    ]
    for words in calls:
        told = geosvc(*words, "--json")
        assert (told.code, told.err) == (0, ""), words
        assert told.json is not None


def test_the_numbers_of_the_table_and_of_json_are_the_same(county):
    """What a person reads is what a script reads."""
    (answer,) = county("measure", "basic-radius", "--json").json["measured"]
    text = county("measure", "basic-radius").out
    assert f"{answer['people_covered']:,.0f} of {answer['people_total']:,.0f} people covered" in text
    assert answer["run"] in text


def test_importing_again_reports_unchanged(county, files):
    """The second time is 0 new, 0 changed."""
    told = county("import", "areas", files["areas"], "--json").json
    assert (told["new"], told["changed"], told["unchanged"]) == (0, 0, 3)


def test_code_2_the_command_was_not_understood(geosvc):
    """An unknown verb, a missing argument, an option that is not there."""
    for words in (("fly",), ("import",), ("import", "facilities"), ("gaps",), ("map", "hospital-drive"), ("measure", "--nothing"),
                  ("gaps", "x", "--limit", "0")):
        told = geosvc(*words)
        assert told.code == 2, words
        assert "Traceback" not in told.err


def test_code_3_the_input_was_refused(county, tmp_path):
    """A bad file, a folder, two gigabytes, an unknown language, a grid in degrees: 3, a sentence, nothing changed."""
    before = snapshot(tmp_path / "workspace")
    bad = write_csv(tmp_path / "bad.csv", [HEADER[:2], ["院", "A100"]])
    for words in (
        ("import", "facilities", bad), ("import", "facilities", tmp_path), ("import", "roads", write_sparse(tmp_path / "huge.gpkg")),
        ("import", "population", tmp_path / "gone.tif"), ("init", "--grid-crs", "EPSG:4326"), ("init", "--cell-size", "0"),
        ("init", "--cell-size", "nan"), ("init", "--margin", "-1"), ("services", "--add", bad),
        ("map", "hospital-drive", "-o", tmp_path / "m.html", "--language", "fr"), ("measure", "hospital-drive", "--speed", "0"),
        ("measure", "hospital-drive", "--speed", "nan"),
    ):
        told = county(*words)
        assert told.code == 3, (words, told.err)
        assert told.err.startswith("geosvc: "), words
        assert told.out == ""
        assert "Traceback" not in told.err
    assert snapshot(tmp_path / "workspace") == before


def test_code_4_nothing_has_that_name(county, tmp_path):
    """An unknown service, an unknown limit, a service that has not been measured."""
    for words in (("measure", "teleport"), ("gaps", "teleport"), ("gaps", "hospital-drive"), ("map", "hospital-drive", "-o", tmp_path / "m.html")):
        told = county(*words)
        assert told.code == 4, words
        assert told.err.startswith("geosvc: ")
    assert "geosvc measure hospital-drive" in county("gaps", "hospital-drive").err
    county("measure", "hospital-drive")
    assert county("gaps", "hospital-drive", "--threshold", "5min").code == 4


def test_code_5_no_answer_with_this_data(county):
    """No blood point is registered: 5, and the cure."""
    told = county("measure", "blood-drive")
    assert told.code == 5
    assert "geosvc import facilities" in told.err


@pytest.mark.parametrize("words", [("measure",), ("measure", "--json")], ids=" ".join)
def test_code_5_when_nothing_at_all_can_be_measured(geosvc, files, words):
    """In a workspace without facilities no service has an answer: 5 for people and for scripts."""
    geosvc("init")
    geosvc("import", "areas", files["areas"])
    assert geosvc(*words).code == 5


def test_all_services_that_can_be_measured_are(county):
    """Without a name everything computable is measured and the rest is named with its reason."""
    told = county("measure", "--json")
    assert told.code == 0
    assert {each["service"] for each in told.json["measured"]} == {"hospital-drive", "basic-radius", "township-centre-drive"}
    assert "blood-drive" in told.json["not_computable"]


def test_code_6_the_workspace_cannot_be_read(geosvc, tmp_path):
    """No workspace, and the command that makes one; a file where the folder should be; a damaged database."""
    told = geosvc("services")
    assert told.code == 6
    assert "geosvc init" in told.err
    (tmp_path / "file").write_text("x", "utf-8")
    assert geosvc("init", tmp_path / "file").code == 6
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "registry.sqlite").write_bytes(b"this is not a database" * 200)
    assert geosvc("services", "-w", damaged).code == 6
    assert geosvc("init", damaged).code == 6


def test_code_6_where_the_map_cannot_be_written(county, tmp_path):
    """A folder where the map should go is said, and no half map is left beside it."""
    county("measure", "basic-radius")
    target = tmp_path / "maps.html"
    target.mkdir()
    (target / "x").write_text("", "utf-8")
    told = county("map", "basic-radius", "-o", target)
    assert told.code == 6
    assert "maps.html" in told.err
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    (tmp_path / "gaps.geojson").mkdir()
    assert county("gaps", "basic-radius", "-o", tmp_path / "gaps.geojson").code == 6
    assert county("gaps", "basic-radius", "-o", tmp_path / "gaps.pdf").code == 3


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("import", "facilities", "gone.csv"), 3, "UnreadableFile"), (("gaps", "teleport"), 4, "ServiceNotFound"),
        (("measure", "blood-drive"), 5, "NoFacility"), (("services", "-w", "nowhere"), 6, "WorkspaceNotFound"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else str(each),
)
def test_a_refusal_in_json_is_json_on_stderr(county, words, code, error):
    """With --json a refusal is one JSON object on stderr with the name of the error, and stdout stays empty."""
    told = county(*words, "--json")
    assert told.code == code
    assert told.out == ""
    assert told.refusal["error"] == error
    assert told.refusal["detail"]


def test_refused_rows_are_all_listed(county, tmp_path):
    """A script gets every refused row; a person sees the first ones and the others below."""
    bad = write_csv(tmp_path / "bad.csv", [HEADER, *[[f"院{i}", "A100", "", "42.35", "WGS84"] for i in range(6)]])
    told = county("import", "facilities", bad, "--json")
    assert [each["row"] for each in told.refusal["refused"]] == [2, 3, 4, 5, 6, 7]
    text = county("import", "facilities", bad).err
    for row in range(2, 8):
        assert f"row {row}" in text


def test_skip_bad_and_without_positions(county, tmp_path):
    """The two options that take less than a perfect file say what they left out."""
    bad = write_csv(tmp_path / "bad.csv", [HEADER, ["甲", "D600", "", "42.35", "WGS84"], ["乙", "D600", "126.9", "42.35", "WGS84"]])
    told = county("import", "facilities", bad, "--skip-bad")
    assert (told.code, "1 new, 0 changed, 0 unchanged, 1 refused" in told.out, "row 2" in told.out) == (0, True, True)
    bare = write_csv(tmp_path / "bare.csv", [["name", "class_code"], ["丙", "D600"]])
    assert county("import", "facilities", bare, "--without-positions", "--json").json["to_be_located"] == 1


def test_markup_in_a_name_is_text(county, tmp_path):
    """A file name or class with square brackets is printed as it is, not taken for markup."""
    odd = write_csv(tmp_path / "[bold]x.csv", [HEADER, ["甲", "[red]类[/]", "126.9", "42.35", "WGS84"]])
    told = county("import", "facilities", odd)
    assert told.code == 0
    assert "[bold]x.csv: 1 new" in told.out
    assert "[red]类[/]" in told.out
    assert "[bold]gone.csv" in county("import", "facilities", tmp_path / "[bold]gone.csv").err


def test_services_can_be_added_without_programming(county, tmp_path):
    """A TOML file with one table makes a question that can be measured at once."""
    own = tmp_path / "own.toml"
    own.write_text(
        '[[service]]\nid = "own"\nzh = "自定"\nen = "Own"\nfacility_classes = ["A"]\nmethod = "travel_time"\n'
        'profile = "walk"\nthresholds = [{ id = "30min", value = 30 }]\n', "utf-8")
    listed = county("services", "--add", own, "--json").json
    assert listed[-1]["id"] == "own"
    assert county("measure", "own").code == 0
    assert "1 new" not in county("services", "--add", own).out


def test_gaps_can_be_filtered(county):
    """By area and by people; the number matched says how many there are."""
    county("measure", "basic-radius")
    everything = county("gaps", "basic-radius", "--json", "--limit", "1000").json["features"]
    assert everything
    west = county("gaps", "basic-radius", "--area", "990001100", "--json", "--limit", "1000").json["features"]
    assert {each["properties"]["area_code"] for each in west} <= {"990001100"}
    most = everything[0]["properties"]["people"]
    top = county("gaps", "basic-radius", "--min-people", str(most), "--json").json
    assert [each["properties"]["people"] for each in top["features"]] == [most]


def test_a_setting_from_the_environment_is_checked(geosvc, monkeypatch):
    """GEOSVC_MAX_CELLS=many is refused by name."""
    geosvc("init")
    monkeypatch.setenv("GEOSVC_MAX_CELLS", "many")
    told = geosvc("services")
    assert told.code == 3
    assert "GEOSVC_MAX_CELLS must be int, got 'many'" in told.err


def test_the_option_wins_over_the_environment(geosvc, tmp_path):
    """--workspace names another folder than GEOSVC_WORKSPACE."""
    geosvc("init", "-w", tmp_path / "other")
    assert (tmp_path / "other" / "registry.sqlite").is_file()
    assert not (tmp_path / "workspace").exists()


def test_init_again_changes_only_what_is_named(geosvc, tmp_path):
    """A second init keeps the title and the registry, and a refused one makes no folder."""
    geosvc("init", "--title", "试验县", "--cell-size", "300")
    told = geosvc("init", "--margin", "1", "--json").json
    assert told["title"] == "试验县"
    assert geosvc("init", tmp_path / "new", "--grid-crs", "EPSG:4326").code == 3
    assert not (tmp_path / "new").exists()


def run_process(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "geosvc", *map(str, words)], capture_output=True, check=False, timeout=120,
        env={**os.environ, "PYTHONUTF8": "1", **environment}, text=True, encoding="utf-8",
    )


def test_as_a_process_of_its_own(tmp_path):
    """Python -m geosvc leaves with the same codes, and a refusal is one line without a traceback."""
    told = run_process("--version")
    assert (told.returncode, told.stdout.strip()) == (0, f"geosvc {__version__}")
    told = run_process("services", "-w", tmp_path / "none", "--json")
    assert (told.returncode, told.stdout) == (6, "")
    assert json.loads(told.stderr)["error"] == "WorkspaceNotFound"
    assert run_process("fly").returncode == 2


@pytest.mark.slow
def test_a_plain_terminal_is_enough(tmp_path):
    """With an ASCII terminal (LANG=C) Chinese names do not end in a traceback."""
    folder = Path(tmp_path)
    told = run_process("init", folder / "w", "--title", "靖宇县", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C", PYTHONIOENCODING="")
    assert told.returncode == 0
    told = run_process("services", "-w", folder / "w", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C", PYTHONIOENCODING="")
    assert "Traceback" not in told.stderr
    assert told.returncode == 0


@pytest.mark.slow
def test_the_demo_by_command(tmp_path):
    """Geosvc demo --no-serve prints three numbers and writes the maps; --json gives the same numbers."""
    told = run_process("demo", "-w", tmp_path / "w", "--maps", tmp_path / "maps", "--no-serve")
    assert told.returncode == 0
    assert "people covered" in told.stdout
    answer = json.loads(run_process("demo", "-w", tmp_path / "w", "--maps", tmp_path / "maps", "--no-serve", "--json").stdout)["answer"]
    assert f"{answer['people_covered']:,.0f}" in told.stdout
    assert answer["people_total"] == pytest.approx(108_478, abs=1e-6)
    assert list((tmp_path / "maps").glob("*.html"))


def test_exit_codes_of_every_family_are_told_apart():
    """Each family of errors has its own code, and none of them is 0, 1 or 2."""
    assert sorted(cli.EXIT_CODES.values()) == [3, 4, 5, 6, 7, 8]
    assert issubclass(typer.Exit, Exception)


def test_a_port_in_use_is_named_with_the_cure(geosvc, tmp_path):
    """Starting a second server says which address is taken and how to choose another."""
    import socket

    geosvc("init", str(tmp_path / "w"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = geosvc("serve", "-w", str(tmp_path / "w"), "--port", port)
    assert answer.code == 3
    assert port in answer.err
    assert "--port" in answer.err


@pytest.mark.parametrize("least", ["nan", "-5"])
def test_at_least_so_many_people_is_a_number_from_0_up(county, least):
    """Nobody is told that there are no gaps because of a slip of the pen."""
    county("measure", "hospital-drive")
    told = county("gaps", "hospital-drive", "--min-people", least)
    assert told.code == 3
    assert "0 or more" in told.err


def test_limits_for_different_people_are_printed_side_by_side(county):
    """Nobody knows who is urban: three radii, and why none of them is the answer."""
    told = county("measure", "basic-radius").out
    for limit in ("(5 km, urban)", "(10 km, rural)", "(20 km, rural)"):
        assert limit in told
    assert "不作达标判定" in told
    assert "verdict" in told
