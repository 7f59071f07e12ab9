"""The built wheel, installed where the repository cannot be seen, runs the demo with its own data."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def run(command: list[str | Path], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without any of our settings, and return what it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GEOSVC_", "PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, env={**clean, **environment}, capture_output=True, text=True,
        check=False, timeout=600,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the repository as it is."""
    target = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT], target)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment that holds the wheel, and of this one only the libraries."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    inside = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).stdout.strip())
    # A plain path in a .pth adds the libraries but reads none of their own .pth files: the
    # editable install of the repository stays invisible.
    (inside / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", wheel], folder)
    return python.parent


def test_what_travels_in_the_wheel(wheel: Path):
    """Code lists, languages, templates, scripts, vendored files, migrations and the demo's data are inside."""
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [
        str(path.relative_to(ROOT)) for path in (ROOT / "geosvc").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.relative_to(ROOT).as_posix() not in names
    ]
    assert missing == []
    for expected in (
        "geosvc/languages/zh.toml", "geosvc/coverage/services.toml", "geosvc/web/templates/map.html",
        "geosvc/maps/assets/vendor/leaflet-1.9.4/leaflet.js", "geosvc/maps/assets/vendor/manifest.json",
        "geosvc/store/migrations/versions/0001_the_first_schema.py", "geosvc/demo_data/facilities/jingyu_facilities.csv",
        "geosvc/demo_data/boundaries/jingyu_county.geojson",
    ):
        assert expected in names
    for path in (ROOT / "data").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert f"geosvc/demo_data/{path.relative_to(ROOT / 'data').as_posix()}" in names


def test_nothing_else_travels_in_the_wheel(wheel: Path):
    """No tests, no caches, no workspace, and nothing beside the one package."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"geosvc"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".sqlite", ".db")) or "/tests/" in name]
    assert any(name.endswith(("licenses/LICENSE", "/LICENSE")) for name in names)


def test_the_wheel_runs_the_demo(installed: Path, tmp_path: Path):
    """Geosvc demo works from the wheel alone: its data, its pages and its package lie in the new environment."""
    where = run([installed / "python", "-c", "import geosvc; print(geosvc.__file__)"], tmp_path).stdout.strip()
    assert where.startswith(str(installed.parent)), "the test must not see the repository"
    data = run(
        [installed / "python", "-c", "from geosvc.workflows.demo import demo_data; print(demo_data())"], tmp_path).stdout.strip()
    assert data.startswith(str(installed.parent))
    assert data.endswith("demo_data")
    told = json.loads(run([installed / "geosvc", "demo", "--no-serve", "--json"], tmp_path).stdout)
    assert told["answer"]["people_total"] == pytest.approx(108_478)
    assert told["answer"]["to_be_located"] == 4
    assert 0 < told["answer"]["people_covered"] < told["answer"]["people_total"]
    assert len(told["maps"]) >= 8
    for each in told["maps"]:
        assert (tmp_path / each).stat().st_size > 100_000
    assert {path.name for path in tmp_path.iterdir()} == {"maps", "workspace"}
    again = json.loads(run([installed / "geosvc", "demo", "--no-serve", "--json"], tmp_path).stdout)
    assert again == told


def test_the_wheel_serves_its_pages(installed: Path, tmp_path: Path):
    """Templates, static files and the API answer from the installed package."""
    code = (
        "import json; from pathlib import Path; from starlette.testclient import TestClient; "
        "from geosvc.application import create_app; from geosvc.settings import Settings; "
        "from geosvc.workflows.workspace import init_workspace; s = Settings(workspace=Path('w'), public_read=True); init_workspace(s).close(); "
        "c = TestClient(create_app(s)); print(json.dumps({p: c.get(p).status_code for p in "
        "['/', '/gaps', '/facilities', '/about', '/api', '/static/geosvc.css', '/static/maps/coverage.js']}))"
    )
    told = json.loads(run([installed / "python", "-c", code], tmp_path).stdout.splitlines()[-1])
    assert set(told.values()) == {200}
