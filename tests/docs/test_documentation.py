"""The documentation says what the program does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from geosvc.cli import app
from geosvc.coverage.services import shipped_services
from geosvc.settings import PREFIX, Settings
from geosvc.store.engine import SCHEMA
from geosvc.workflows.reading import default_answer

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language in a Markdown text."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_python_of_the_readme_runs(capsys):
    """The engine's example is executed: a clinic, a river, one bridge."""
    (code,) = blocks((ROOT / "README.md").read_text("utf-8"), "python")
    names: dict[str, object] = {}
    exec(code, names)
    field = names["field"]
    assert np.isinf(field.seconds[0, 2])
    assert field.seconds[0, 1] == pytest.approx(720)
    assert "inf" in capsys.readouterr().out


def test_the_three_numbers_of_the_readme_are_the_demo_s(demo_store):
    """People covered, people in gaps, facilities to be located: as the demo prints them."""
    text = (ROOT / "README.md").read_text("utf-8")
    answer = default_answer(demo_store)
    for name, number in (("people covered", answer["people_covered"]), ("people in gaps", answer["people_in_gaps"]),
                         ("facilities to be located", answer["to_be_located"])):
        (shown,) = re.findall(rf"^{name} +([\d,]+)", text, flags=re.MULTILINE)
        assert shown == f"{number:,.0f}", name


def test_every_setting_is_documented_with_its_default():
    """docs/settings.md has a row for each field of Settings, and no other."""
    rows = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \| `([^`]*)`", (ROOT / "docs/settings.md").read_text("utf-8"), flags=re.MULTILINE))
    assert rows == {each.name.upper(): str(each.default).lower() if isinstance(each.default, bool) else str(each.default) for each in fields(Settings)}


@pytest.mark.parametrize("name", READMES)
def test_the_commands_of_the_readme_exist(name):
    """Every command that a README shows is one of the program's, with services that are declared."""
    import typer

    group = typer.main.get_command(app)
    shown = re.findall(r"^geosvc (\w+)(?: +(\S+))?", "\n".join(blocks((ROOT / name).read_text("utf-8"), "")), flags=re.MULTILINE)
    assert len(shown) > 8
    services = {each.id for each in shipped_services()}
    for command, argument in shown:
        assert command in group.commands, command
        if command == "import":
            assert argument in group.commands["import"].commands
        if command in ("gaps", "map"):
            assert argument in services


LINKING = [*READMES, "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", *(str(each.relative_to(ROOT)) for each in sorted(ROOT.glob("docs/**/*.md")))]


@pytest.mark.parametrize("name", LINKING)
def test_links_lead_somewhere(name):
    """Every relative link of a document is a file of the repository."""
    path = ROOT / name
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_schema_named_in_code_is_the_newest_migration():
    """A new migration without a new SCHEMA would let old programs write into new workspaces."""
    versions = [each.name[:4] for each in (ROOT / "geosvc/store/migrations/versions").glob("0*.py")]
    assert max(versions) == SCHEMA


def test_a_migrated_workspace_has_the_tables_that_the_code_declares(store):
    """The migrations and the declared tables say the same."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from geosvc.store import (  # noqa: F401
        accounts,
        areas,
        duplicates,
        facilities,
        jobs,
        layers,
        populations,
        proposals,
        runs,
        scenarios,
        services,
        study,
    )
    from geosvc.store.base import Base

    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
