"""Whatever is wrong with a plan file or a table of figures is said in Chinese on a Chinese page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from plans.test_plan_files import FAULTS, GOOD

import geosvc.plans
from geosvc.errors import DefinitionError
from geosvc.plans.documents import read_plan
from geosvc.plans.reasons import in_chinese

SAYERS = {"Refused", "refuse", "InvalidInput", "DefinitionError", "_problem", "TooLarge"}
# What only the files that are shipped can get wrong, and what a folder of the command line says.
NOT_FOR_READERS = ("measure ", "{} ")


def said_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the sentence of whatever a module refuses, with {} for every part that varies."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) in SAYERS:
            for each in node.args:
                if isinstance(each, ast.JoinedStr):
                    yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in each.values)
                elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield node.lineno, each.value


def sentences() -> Iterator[tuple[str, str]]:
    folder = Path(geosvc.plans.__file__).parent
    for path in [folder / f"{name}.py" for name in ("documents", "fields", "ways", "targets", "reported", "vocabulary")]:
        for line, text in said_in(path):
            plain = text.removeprefix("{}:1: ").removeprefix("{}:{}: ").removeprefix("{}: ")
            if plain.strip("{}: ") and not plain.startswith(NOT_FOR_READERS):
                yield f"{path.name}:{line}", plain


def test_the_sentences_are_found() -> None:
    """If a refusal is spelled another way one day, this test sees fewer."""
    assert len(list(sentences())) > 55


@pytest.mark.parametrize(("place", "text"), list(sentences()))
def test_every_refusal_has_its_chinese(place: str, text: str) -> None:
    # A part that varies may stand in quotation marks (a text), or be a number, or a list.
    tried = [text.replace("{}", part) for part in ("7", "'县'", "group")]
    assert any(in_chinese(each) for each in tried), f"{place}: no pattern in geosvc/plans/reasons.toml reads {text!r}"


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_files_are_said_in_chinese_and_name_what_came(fault: str) -> None:
    what, instead, _line, _lost, said, _cure = FAULTS[fault]
    problems = read_plan(GOOD.replace(what, instead, 1), name="示例.yaml").problems  # what names the lost statement is told as well
    told = {each.text: in_chinese(each.text) for each in problems}
    assert None not in told.values(), told
    if said.startswith("'") and said != "''":
        assert any(said.strip("'") in str(each) for each in told.values()), told


@pytest.mark.parametrize("text", ["", "plan: {id: x\n", "plan:\n  id: x\n  title: a: b\n", GOOD.replace("id: made\n", "id: 靖宇\n"), "plan: *nothing\n",
                                  GOOD.replace("  issuer: 示例县\n", "  by: 示例县\n"), GOOD.replace("period: 2021-2025", "period: soon")])
def test_refusals_of_a_whole_file_are_said_in_chinese(text: str) -> None:
    with pytest.raises(DefinitionError) as told:
        read_plan(text, name="示例.yaml")
    sentence = str(told.value).removeprefix("示例.yaml:").lstrip("0123456789: ")
    assert in_chinese(sentence), sentence


def test_words_of_what_it_is() -> None:
    assert in_chinese("'goal' is no field of a indicator; expected name, unit") == "指标没有“goal”这一栏，可用：name, unit"
    assert in_chinese("there is no group 'county_hospitals'; county_hospital is near; geosvc plan words lists them") == (
        "没有机构组“county_hospitals”，相近的有 county_hospital")
