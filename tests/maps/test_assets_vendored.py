"""Files of others that travel with the maps: complete, unchanged, with their licence."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

VENDOR = Path(str(files("geosvc.maps"))) / "assets" / "vendor"


def manifest() -> dict[str, Any]:
    """Return the manifest of the vendored files."""
    found: dict[str, Any] = json.loads((VENDOR / "manifest.json").read_text("utf-8"))
    return found


def differences(folder: Path, entries: dict[str, Any]) -> list[str]:
    """Return what in a folder does not agree with its manifest."""
    found = []
    for package, entry in entries.items():
        there = {path.relative_to(folder / package).as_posix() for path in (folder / package).rglob("*") if path.is_file()}
        found += [f"{package}/{name} is not in the manifest" for name in sorted(there - set(entry["sha256"]))]
        for name, checksum in entry["sha256"].items():
            path = folder / package / name
            if not path.is_file():
                found.append(f"{package}/{name} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
                found.append(f"{package}/{name} was changed")
    listed = {path.name for path in folder.iterdir() if path.is_dir()}
    return found + [f"{name} has no entry" for name in sorted(listed - set(entries))]


def test_vendored_files_are_those_of_the_manifest():
    """Every vendored file has the checksum of its manifest, and no file stands beside it unlisted."""
    assert differences(VENDOR, manifest()) == []


def test_a_changed_file_would_be_noticed(tmp_path: Path):
    """The check bites: one changed byte, one file too many, one missing are each told."""
    import shutil

    copy = tmp_path / "vendor"
    shutil.copytree(VENDOR, copy)
    package = next(iter(manifest()))
    with (copy / package / "leaflet.js").open("ab") as stream:
        stream.write(b" ")
    (copy / package / "extra.js").write_text("1")
    (copy / package / "LICENSE").unlink()
    told = " ".join(differences(copy, manifest()))
    for expected in ("leaflet.js was changed", "extra.js is not in the manifest", "LICENSE is missing"):
        assert expected in told


@pytest.mark.parametrize("package", sorted(manifest()))
def test_each_package_has_version_and_licence(package: str):
    """The manifest says name, version and licence; the licence's text is shipped."""
    entry = manifest()[package]
    assert package == f"{entry['npm_package']}-{entry['version']}"
    assert entry["licence"]
    licence = (VENDOR / package / "LICENSE").read_text("utf-8")
    assert "Redistribution" in licence or "Permission is hereby granted" in licence


def test_vendored_scripts_ask_for_no_other_file():
    """No vendored script or style names a source map or a file of another server to load."""
    for path in VENDOR.rglob("*"):
        if path.suffix in (".js", ".css"):
            text = path.read_text("utf-8")
            assert "sourceMappingURL" not in text, path.name
            assert "@import" not in text, path.name
            assert "url(http" not in text, path.name
