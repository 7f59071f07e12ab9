"""A dry run says what the import would do, and stores nothing."""

from __future__ import annotations

import json

import pytest
from registry.made_files import GOOD_ROW, HEADER, snapshot, write_csv

from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.workflows import importing

BEDS = [*HEADER, "床位"]
ROWS = [[*GOOD_ROW, "100"], ["中医院", "A210", "126.9", "42.35", "WGS84", "50"], ["镇卫生院", "C220", "126.95", "42.33", "WGS84", "20"]]


@pytest.fixture
def registered(store, settings, tmp_path):
    """Three facilities are registered already."""
    importing.import_facilities(store, write_csv(tmp_path / "before.csv", [BEDS, *ROWS]), FacilityOptions(), settings)
    return store


def counts(report):
    return {name: report.changes[name] for name in ("new", "changed", "unchanged")} | {"refused": len(report.refusals)}


def test_it_counts_new_changed_unchanged_and_refused(registered, settings, tmp_path):
    """One of each kind; the changed one with its fields, from what to what."""
    rows = [[*GOOD_ROW, "120"], ROWS[1], ["新诊所", "D200", "126.81", "42.31", "WGS84", ""], ["坏", "D200", "", "42.31", "WGS84", ""]]
    report = importing.preview_facilities(registered, write_csv(tmp_path / "a.csv", [BEDS, *rows]), FacilityOptions(), settings)
    assert counts(report) == {"new": 1, "changed": 1, "unchanged": 1, "refused": 1}
    told = report.as_dict()
    assert told["dry_run"] is True
    assert told["changed_fields"] == {"beds": 1}
    (changed,) = told["differences"]
    assert changed["name"] == "县人民医院"
    was, will = changed["fields"]["beds"]
    assert (was[0]["count"], will[0]["count"]) == (100, 120)
    assert any("--skip-bad" in note for note in report.notes)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_nothing_is_stored(registered, settings, tmp_path, skip_bad):
    """Every row of every table and every file is what it was."""
    before = snapshot(settings.workspace)
    rows = [[*GOOD_ROW, "120"], ["新诊所", "D200", "126.81", "42.31", "WGS84", ""], ["坏", "D200", "", "42.31", "WGS84", ""]]
    path = write_csv(tmp_path / "a.csv", [BEDS, *rows])
    importing.preview_facilities(registered, path, FacilityOptions(skip_bad=skip_bad), settings)
    assert snapshot(settings.workspace) == before


def test_the_import_afterwards_does_what_was_said(registered, settings, tmp_path):
    """The numbers of the dry run are those of the import; a second dry run finds all unchanged."""
    path = write_csv(tmp_path / "a.csv", [BEDS, [*GOOD_ROW, "120"], *ROWS[1:], ["新诊所", "D200", "126.81", "42.31", "WGS84", ""]])
    said = importing.preview_facilities(registered, path, FacilityOptions(), settings)
    assert counts(importing.import_facilities(registered, path, FacilityOptions(), settings)) == counts(said)
    assert counts(importing.preview_facilities(registered, path, FacilityOptions(), settings)) == {
        "new": 0, "changed": 0, "unchanged": 4, "refused": 0}


def test_suspected_duplicates_in_the_file_and_in_the_registry_are_named(registered, settings, tmp_path):
    """A new row beside a registered one, and two new rows of one name, each with its reasons."""
    rows = [["县第一人民医院门诊", "A100", "126.97", "42.38", "WGS84", ""], ["县第1人民医院门诊", "A100", "126.97", "42.38", "WGS84", ""],
            ["中医院（门诊楼）", "A210", "126.9", "42.35", "WGS84", ""]]
    report = importing.preview_facilities(registered, write_csv(tmp_path / "a.csv", [BEDS, *rows]), FacilityOptions(), settings)
    assert (report.figures["suspected_duplicates_in_file"], report.figures["suspected_duplicates_in_registry"]) == (1, 1)
    by_place = {each["with"]: each for each in report.duplicates}
    assert by_place["file"]["score"] == 1.0
    assert by_place["registry"]["first"]["name"] == "中医院"
    assert all(each["reasons"] for each in report.duplicates)


def test_the_command_says_it_in_text_and_json(registered, settings, tmp_path, capsys):
    """Counts, the fields that change, the refused rows and where they are written; --json has all of it."""
    from geosvc.cli import app

    rows = [[*GOOD_ROW, "120"], ["中医院（门诊楼）", "A210", "126.9", "42.35", "WGS84", ""], ["坏", "D200", "", "42.31", "WGS84", ""]]
    path, target = write_csv(tmp_path / "a.csv", [BEDS, *rows]), tmp_path / "refused.xlsx"
    words = ["import", "facilities", str(path), "--workspace", str(settings.workspace), "--dry-run", "--refused-to", str(target)]
    app(words, standalone_mode=False)
    told = capsys.readouterr().out
    for part in ("1 new, 1 changed, 0 unchanged, 1 refused", "changed 1 县人民医院: beds", "nothing was stored", "refused.xlsx", "中医院"):
        assert part in told
    assert target.exists()
    app([*words, "--json"], standalone_mode=False)
    body = json.loads(capsys.readouterr().out)
    assert (body["new"], body["changed"], len(body["refused"]), len(body["suspected_duplicates"])) == (1, 1, 1, 1)


def test_registered_pairs_are_not_told_again(registered, settings, tmp_path):
    """A dry run of a file that adds nothing suspects nothing."""
    path = write_csv(tmp_path / "a.csv", [BEDS, *ROWS])
    assert importing.preview_facilities(registered, path, FacilityOptions(), settings).duplicates == []
