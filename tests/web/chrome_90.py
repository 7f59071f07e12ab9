"""Says what Chrome 90 would not understand: of scripts, of style sheets, and of markup.

What is newer than Chrome 90 stands in ``after_chrome_90.json``. A style with a fallback is let through: within ``@supports``,
or after an older value of the same property. A script's is as well: what it asks for first (``typeof Name``, ``'name' in x``).
"""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tinycss2
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MODIFIER = re.compile(r"\(\?[ims]*-?[ims]+:")
# Units that style sheets learnt later: of the small, large and dynamic view, of a container, of a line, of a sign.
_UNITS = re.compile(r"[sld]v([whib]|min|max)|cq([whib]|min|max)|r?(lh|cap|ic)|r(ex|ch)|v[ib]")
_NEW_NODES = {"class_static_block": "a static block of a class (94)", "import_attribute": "an import attribute (123)", "using_declaration": "using (134)"}


@cache
def after_90() -> dict[str, Any]:
    """Return what browsers learnt after Chrome 90."""
    table: dict[str, Any] = json.loads(Path(__file__).with_name("after_chrome_90.json").read_text("utf-8"))
    return table


# -- scripts -----------------------------------------------------------------------------------


def faults_of_script(text: str, own: Iterable[str] = ()) -> list[str]:
    """Return what Chrome 90 would not understand of a script; ``own`` are members that it has given such names itself."""
    tree = Parser(Language(tree_sitter_javascript.language())).parse(text.encode())
    nodes = list(_all(tree.root_node))
    asked = _asked_for(nodes)
    found = [f"line {node.start_point.row + 1}: {fault}" for node in nodes for fault in _of_node(node, asked | set(own))]
    return list(dict.fromkeys(found))


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode()


def _asked_for(nodes: list[Node]) -> set[str]:
    """Return the names that a script asks for before it uses them."""
    found = set()
    for node in nodes:
        if node.type == "unary_expression" and _text(node.child_by_field_name("operator")) == "typeof":
            found.add(_text(node.child_by_field_name("argument")).rpartition(".")[2])
        if node.type == "binary_expression" and _text(node.child_by_field_name("operator")) == "in":
            found.add(_text(node.child_by_field_name("left")).strip("'\""))
    return found


def _of_node(node: Node, known: set[str]) -> Iterator[str]:
    if node.type == "ERROR" or node.is_missing:
        yield f"no script: {_text(node)[:40]!r}"
    elif node.type in _NEW_NODES:
        yield _NEW_NODES[node.type]
    elif node.type == "binary_expression" and _text(node.child_by_field_name("left")).startswith("#"):
        yield "#name in an object (91)"
    elif node.type == "regex":
        if "v" in _text(node.child_by_field_name("flags")):
            yield "a regular expression with the flag v (112)"
        if _MODIFIER.search(_text(node.child_by_field_name("pattern"))):
            yield "a regular expression with modifiers (125)"
    elif node.type == "member_expression":
        yield from _of_member(node, known)
    elif node.type == "identifier" and _text(node) not in known:
        version = after_90()["script"]["globals"].get(_text(node))
        if version is not None:
            yield f"{_text(node)} ({version:g})"
        elif _text(node) in ("structuredClone", "reportError"):  # members of a window's mixin, used as globals
            yield f"{_text(node)} (98)"


def _of_member(node: Node, known: set[str]) -> Iterator[str]:
    thing, name = node.child_by_field_name("object"), _text(node.child_by_field_name("property"))
    owner = _text(thing).removeprefix("window.")
    called = node.parent is not None and node.parent.type == "call_expression"
    if name in known or owner.endswith(".dataset") or (name == "at" and not called):  # places of our own are called so
        return
    told = after_90()["script"]
    # crypto is an object of the class Crypto, and so on.
    version = told["statics"].get(f"{owner}.{name}") or told["members"].get(name)
    if version is not None:
        yield f".{name} ({version:g})"
    if thing is not None and thing.type == "member_expression" and _text(thing.child_by_field_name("property")) == "style":
        prop = _CAMEL.sub("-", name).lower()
        if prop in after_90()["css"]["properties"]:
            yield f".style.{name}: {_since(after_90()['css']['properties'][prop])}"


def _since(version: float | None) -> str:
    return "Chrome has never had it" if version is None else f"({version:g})"


# -- style sheets ------------------------------------------------------------------------------


def faults_of_style(text: str) -> list[str]:
    """Return what Chrome 90 would not understand of a style sheet."""
    return [f"line {line}: {fault}" for line, fault in _of_rules(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True))]


def faults_of_inline_style(text: str) -> list[str]:
    """Return what Chrome 90 would not understand of a ``style`` attribute."""
    return [fault for _line, fault in _of_contents(text)]


def _of_rules(rules: list[Any]) -> Iterator[tuple[int, str]]:
    for rule in rules:
        line = rule.source_line
        if rule.type == "error":
            yield line, f"no style: {rule.message}"
        elif rule.type == "qualified-rule":
            yield from ((line, fault) for fault in _of_selector(rule.prelude))
            yield from _of_contents(rule.content)
        elif rule.type == "at-rule":
            yield from _of_at_rule(rule)


def _of_at_rule(rule: Any) -> Iterator[tuple[int, str]]:
    name = rule.lower_at_keyword
    if name == "supports":
        return  # a browser without it reads what stands outside
    if name in after_90()["css"]["at_rules"]:
        yield rule.source_line, f"@{name} {_since(after_90()['css']['at_rules'][name])}"
    elif name == "media":
        told = tinycss2.serialize(rule.prelude)
        if re.search(r"[<>]", told) or re.search(r"\)\s+or\s+\(", told):
            yield rule.source_line, f"@media {told.strip()} (104)"
        yield from _of_rules(tinycss2.parse_rule_list(rule.content or [], skip_comments=True, skip_whitespace=True))
    elif name in ("page", "font-face") and rule.content is not None:
        yield from (each for each in _of_contents(rule.content) if not each[1].startswith("size:"))  # a page has one, a box has not


def _of_selector(prelude: list[Any]) -> Iterator[str]:
    for before, token in zip([None, *prelude], prelude, strict=False):
        if token.type == "function":
            yield from _of_selector(token.arguments)
        if before is not None and before.type == "literal" and before.value == ":":
            name = token.lower_name if token.type == "function" else token.lower_value if token.type == "ident" else ""
            if name in after_90()["css"]["pseudo"]:
                yield f":{name} {_since(after_90()['css']['pseudo'][name])}"
        if token.type == "error":
            yield f"no style: {token.message}"
        if token.type == "literal" and token.value == "&":
            yield "a nested rule (120)"


def _of_contents(content: Any) -> Iterator[tuple[int, str]]:
    """Look at what stands between the braces of one rule."""
    plain: set[str] = set()  # properties that were given a value which every browser reads
    for each in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if each.type == "declaration":
            faults = [] if each.name.startswith("--") else list(_of_declaration(each))
            prefixed = {each.lower_name, f"-webkit-{each.lower_name}"} & plain
            if not faults:
                plain.add(each.lower_name)
            elif not prefixed:
                yield from ((each.source_line, fault) for fault in faults)
        elif each.type == "error":
            yield each.source_line, f"no style: {each.message}"
        else:
            yield each.source_line, "a nested rule (120)"


def _of_declaration(one: Any) -> Iterator[str]:
    css = after_90()["css"]
    if one.lower_name in css["properties"]:
        yield f"{one.name}: {_since(css['properties'][one.lower_name])}"
    for token in _tokens(one.value):
        word = token.lower_name if token.type == "function" else token.lower_value if token.type == "ident" else ""
        version = css["values"].get(one.lower_name, {}).get(word) or (css["functions"].get(word) if token.type == "function" else None)
        if version is not None:
            yield f"{one.name}: {word} ({version:g})"
        if token.type == "dimension" and _UNITS.fullmatch(token.lower_unit):
            yield f"{one.name}: the unit {token.unit}"


def _tokens(tokens: list[Any]) -> Iterator[Any]:
    for each in tokens:
        yield each
        yield from _tokens(getattr(each, "arguments", None) or getattr(each, "content", None) or [])


# -- markup ------------------------------------------------------------------------------------

_JINJA = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
_VALUE = re.compile(r"{{.*?}}", re.DOTALL)


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        html, line = after_90()["html"], self.getpos()[0]
        self.inside = tag
        if tag in html["elements"]:
            self.found.append(f"line {line}: <{tag}> {_since(html['elements'][tag])}")
        for name, value in attrs:
            if name in html["attributes"]:
                self.found.append(f"line {line}: {name} {_since(html['attributes'][name])}")
            if name == "style":
                self.found += [f"line {line}: {fault}" for fault in faults_of_inline_style(value or "")]
            if name.startswith("on"):
                self.found.append(f"line {line}: a script within the page ({name}), which its policy forbids")

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.found += [f"line {self.getpos()[0]}: {fault}" for fault in faults_of_style(data)]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def faults_of_template(text: str) -> list[str]:
    """Return what Chrome 90 would not understand of a template: elements, attributes, styles within it."""
    parser = _Markup()
    keep_lines = lambda found: "\n" * found.group().count("\n")  # noqa: E731
    parser.feed(_VALUE.sub(lambda found: "0" + keep_lines(found), _JINJA.sub(keep_lines, text)))
    parser.close()
    return parser.found
