"""The analysts' page is a notebook: its code runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analysis.md"
CELLS = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)


def test_every_block_runs_and_prints_what_it_says(demo_settings, monkeypatch, capsys):
    """In order, in one namespace, beside the demo's workspace; not a character differs."""
    monkeypatch.chdir(demo_settings.workspace.parent)
    names: dict[str, object] = {}
    cells = CELLS.findall(PAGE.read_text("utf-8"))
    assert len(cells) > 8
    for code, shown in cells:
        exec(compile(code, PAGE.name, "exec"), names)
        assert capsys.readouterr().out == shown, code


@pytest.mark.parametrize("package", ["travel", "coverage"])
def test_the_page_uses_public_names(package):
    """What it imports from the two packages is in their list of names."""
    import importlib

    module = importlib.import_module(f"geosvc.{package}")
    used = re.findall(rf"^from geosvc\.{package} import (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    assert used
    for name in ", ".join(used).split(", "):
        assert name in module.__all__, name


@pytest.mark.parametrize("package", ["travel", "coverage"])
def test_every_public_name_is_explained(package):
    """A docstring for each, with its parameters or fields, and what it raises where it refuses."""
    import importlib

    module = importlib.import_module(f"geosvc.{package}")
    for name in module.__all__:
        text = getattr(module, name).__doc__ or ""
        assert len(text.strip()) > 20, name
        assert "(*args" not in text, name
