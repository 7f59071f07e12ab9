"""Two languages, one set of words: nothing is said in one that cannot be said in the other."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from geosvc.language import LANGUAGES, Counting, words

PACKAGE = Path(str(files("geosvc")))
TEMPLATES = sorted((PACKAGE / "web" / "templates").glob("*.html"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def raw(language: str) -> dict[str, str]:
    """Return the words of a language file."""
    return tomllib.loads((PACKAGE / "languages" / f"{language}.toml").read_text("utf-8"))


def words_of_template(source: str) -> set[str]:
    """Return the keys that a template takes from ``t`` and by ``view.fill``."""
    tree = Environment(autoescape=True).parse(source)
    found = {each.attr for each in tree.find_all(nodes.Getattr) if isinstance(each.node, nodes.Name) and each.node.name == "t"}
    found |= {
        each.arg.value for each in tree.find_all(nodes.Getitem)
        if isinstance(each.node, nodes.Name) and each.node.name == "t" and isinstance(each.arg, nodes.Const)
    }
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr == "fill" and isinstance(call.args[0], nodes.Const):
            found.add(call.args[0].value)
    return found


def prefixes_of_template(source: str) -> set[str]:
    """Return the families of words that a template takes by ``view.word(prefix, code)``."""
    tree = Environment(autoescape=True).parse(source)
    return {
        call.args[0].value for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Getattr) and call.node.attr == "word" and isinstance(call.args[0], nodes.Const)
    }


def test_both_languages_have_the_same_words():
    """zh.toml and en.toml have the same keys, and none is empty without its twin's leave."""
    first, second = (raw(language) for language in LANGUAGES)
    assert set(first) == set(second)
    assert len(first) > 150
    assert [key for key in first if not first[key].strip() and not second[key].strip()] == []


def test_both_languages_have_the_same_gaps_to_fill():
    """A sentence with blanks such as {count} has the same blanks in both languages."""
    first, second = (raw(language) for language in LANGUAGES)
    for key in first:
        assert set(re.findall(r"{(\w+)}", first[key])) == set(re.findall(r"{(\w+)}", second[key])), key


def test_words_end_by_the_number_before_them():
    """One facility, two facilities; a number that is written with commas is several."""
    told = Counting("{count} facilit{count:y is|ies are} left of {all:>3}")
    assert told.format(count=1, all=2) == "1 facility is left of   2"
    assert told.format(count="1,200", all=2) == "1,200 facilities are left of   2"
    assert words("en")["locating_lead"].format(count=1).startswith("1 facility has no usable position: it is on no map")
    assert words("zh")["locating_lead"].format(count=1).startswith("1")


def test_endings_are_chosen_where_words_are_shown():
    """Endings go by a gap that the sentence has, and who shows it fills it: no page shows braces."""
    for language in LANGUAGES:
        for key, text in raw(language).items():
            assert set(re.findall(r"{(\w+):[^}]*\|", text)) <= set(re.findall(r"{(\w+)}", text)), key
    ending = [key for key, text in raw("en").items() if "|" in text]
    assert len(ending) > 30
    shown = "\n".join(each.read_text("utf-8") for each in TEMPLATES)
    assert [key for key in ending if re.search(rf"\bt\.{key}\b(?!\.format)", shown)] == []
    scripts = "\n".join(each.read_text("utf-8") for each in (PACKAGE / "web" / "static").rglob("*.js"))
    assert [key for key in ending if re.search(rf"(?<!fill\()'{key}'", scripts)] == []


def test_each_language_is_itself():
    """English words hold no Chinese letters but the name of the other language; Chinese ones mostly do."""
    assert [key for key, text in raw("en").items() if CHINESE.search(text)] == ["switch_language"]
    chinese = raw("zh")
    assert sum(bool(CHINESE.search(text)) for text in chinese.values()) > 0.9 * len(chinese)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_word_of_a_template_exists(template: Path):
    """Whatever a template asks of t stands in the language files."""
    source = template.read_text("utf-8")
    assert words_of_template(source) - set(words("zh")) == set()
    for prefix in prefixes_of_template(source):
        assert any(key.startswith(f"{prefix}_") for key in words("zh")), prefix


def test_templates_were_looked_at():
    """The check above sees what it should: templates are there and ask for many words."""
    assert {path.name for path in TEMPLATES} >= {"base.html", "map.html", "gaps.html", "facilities.html", "about.html", "error.html"}
    asked = set().union(*(words_of_template(path.read_text("utf-8")) for path in TEMPLATES))
    assert len(asked) > 60
    assert words_of_template("{{ t.no_such }} {{ t['nor_this'] }} {{ view.fill('or_that', x=1) }}") == {"no_such", "nor_this", "or_that"}


def test_templates_hold_no_chinese_of_their_own():
    """Letters in Chinese stand in the language files only, so that the English page can be complete."""
    for template in TEMPLATES:
        text = re.sub(r"{#.*?#}", "", template.read_text("utf-8"), flags=re.DOTALL)
        found = set(CHINESE.findall(text))
        assert not found, (template.name, found)


@pytest.mark.parametrize("prefix", ["state", "method", "level", "origin", "applies", "kind", "status", "group", "layer"])
def test_every_code_has_its_word(prefix: str):
    """Each state, position method, level, origin, kind and group that data can carry has a word."""
    from geosvc.coverage.services import APPLIES_TO, ORIGINS, shipped_services
    from geosvc.registry.areas import LEVELS
    from geosvc.registry.classes import facility_classes
    from geosvc.registry.facilities import PositionMethod, State
    from geosvc.registry.layers import KINDS

    codes = {
        "state": set(State), "method": set(PositionMethod), "level": {*LEVELS, "total", "outside"}, "origin": set(ORIGINS),
        "applies": set(APPLIES_TO), "kind": {"resident", "registered"}, "status": {"census", "survey", "estimate", "schematic"},
        "group": {each.group for each in facility_classes().values()} | {each.group for each in shipped_services()},
        "layer": set(KINDS),
    }[prefix]
    assert {f"{prefix}_{code}" for code in codes} - set(words("en")) == set()
