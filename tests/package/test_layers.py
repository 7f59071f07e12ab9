"""Imports go down only, and the check that says so can fail."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package that lies in a folder, with the folder's own contracts."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    code = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with its contracts; the original is never touched."""
    shutil.copytree(ROOT / "geosvc", tmp_path / "geosvc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_the_layers_hold(copy: Path):
    """lint-imports finds every contract kept."""
    told = lint_imports(copy)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"[5-9] kept, 0 broken", told.stdout)


@pytest.mark.parametrize(("module", "line", "contract"), [
    ("store/engine.py", "from geosvc.workflows import reading", "Imports go down only"),
    ("geo/grid.py", "import geosvc.coverage.services", "Imports go down only"),
    ("travel/ground.py", "from geosvc.registry import facilities", "Imports go down only"),
    ("api/landing.py", "import folium", "Folium has one door"),
    ("registry/areas.py", "import sqlalchemy", "SQLAlchemy has one door"),
    ("workflows/reading.py", "import fastapi", "FastAPI has one door"),
])
def test_a_planted_upward_import_breaks_them(copy: Path, module: str, line: str, contract: str):
    """One import in the wrong direction, or one tool through another door, and the check fails and names it."""
    target = copy / "geosvc" / module
    target.write_text(target.read_text("utf-8") + f"\n{line}  # planted\n", encoding="utf-8")
    told = lint_imports(copy)
    assert told.returncode != 0
    assert f"{contract} BROKEN" in told.stdout


def test_a_module_outside_the_layers_breaks_them(copy: Path):
    """A new package that has no place in the layers is noticed: the list is exhaustive."""
    (copy / "geosvc" / "stray.py").write_text('"""Nobody placed me."""\n', encoding="utf-8")
    told = lint_imports(copy)
    assert told.returncode != 0
    assert "stray" in told.stdout + told.stderr
