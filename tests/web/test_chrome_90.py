"""Every script, style sheet and template of ours is understood by Chrome 90, the oldest browser that the pages are written for."""

from __future__ import annotations

from pathlib import Path

import pytest
from web.chrome_90 import faults_of_script, faults_of_style, faults_of_template

import geosvc

PACKAGE = Path(geosvc.__file__).parent
# Members of our own that are called as a newer one of the browser's objects is called.
OWN = {
    "leaflet.js": {"layers", "move"},
    "pins.js": {"move"}, "trial.js": {"move"},
}
# Leaflet closes seams between tiles with it; without it they show, and we have no tiles.
KNOWN = {"leaflet.css": ["line 65: mix-blend-mode: plus-lighter (100)"]}


def files(suffix: str) -> list[Path]:
    return sorted(each for each in PACKAGE.rglob(f"*{suffix}") if "demo_data" not in each.parts)


@pytest.mark.parametrize("path", files(".js"), ids=lambda path: path.name)
def test_scripts(path: Path):
    """Leaflet too: it is ours to answer for."""
    assert faults_of_script(path.read_text("utf-8"), OWN.get(path.name, ())) == []


@pytest.mark.parametrize("path", files(".css"), ids=lambda path: path.name)
def test_style_sheets(path: Path):
    assert faults_of_style(path.read_text("utf-8")) == KNOWN.get(path.name, [])


@pytest.mark.parametrize("path", files(".html"), ids=lambda path: path.name)
def test_templates(path: Path):
    assert faults_of_template(path.read_text("utf-8")) == []


def test_nothing_is_missed():
    """The lists of files are not empty, and every name that is let through is used."""
    assert len(files(".js")) > 15
    assert len(files(".css")) > 3
    assert len(files(".html")) > 30
    for name, members in OWN.items():
        (path,) = [each for each in files(".js") if each.name == name]
        assert all(faults_of_script(path.read_text("utf-8"), members - {one}) for one in members)


@pytest.mark.parametrize(("text", "fault"), [
    ("class A { static { x(); } }", "static block"), ("class A { #x; has(o) { return #x in o; } }", "#name in"),
    ("var r = /[a--b]/v;", "flag v"), ("var r = /(?i:a)/;", "modifiers"), ("var last = list.at(-1);", ".at (92)"),
    ("Object.hasOwn(a, 'b');", ".hasOwn (93)"), ("var b = structuredClone(a);", "structuredClone (98)"), ("list.findLast(f);", ".findLast (97)"),
    ("list.toSorted();", ".toSorted (110)"), ("AbortSignal.timeout(5);", ".timeout (103)"), ("window.crypto.randomUUID();", ".randomUUID (92)"),
    ("new Set().union(b);", ".union (122)"), ("box.showPopover();", ".showPopover (114)"), ("node.style.accentColor = 'red';", "style.accentColor"),
    ("new URLPattern();", "URLPattern (95)"), ("var a = ;", "no script"), ("import x from './x.json' with { type: 'json' };", "import attribute"),
    ("Promise.withResolvers();", ".withResolvers (119)"), ("Object.groupBy(a, f);", ".groupBy (117)"),
])
def test_a_script_that_is_too_new_is_refused(text: str, fault: str):
    found = faults_of_script(text)
    assert len(found) == 1, found
    assert fault in found[0]


@pytest.mark.parametrize("text", [
    "a ??= b?.c ?? 1_000;", "const { b, ...rest } = a; list.flat().flatMap(f);", "text.replaceAll('a', 'b');", "await import('./x.js');",
    "class A { #x = 1; static y = 2; get x() { return this.#x; } }", "box.replaceChildren(a);", "var r = /(?<y>\\d+)/su;",
    "if ('findLast' in list) { list.findLast(f); }", "if (typeof structuredClone === 'function') { structuredClone(a); }", "new ResizeObserver(f);",
])
def test_what_chrome_90_has_is_let_through(text: str):
    """So is what is asked for before it is used."""
    assert faults_of_script(text) == []


@pytest.mark.parametrize(("text", "fault"), [
    ("a:has(b) { top: 0 }", ":has (105)"), ("a { height: 100dvh }", "unit dvh"), ("a { b { top: 0 } }", "nested"), ("a { &:hover { top: 0 } }", "nested"),
    ("@layer a { b { top: 0 } }", "@layer (99)"), ("@container (min-width: 9rem) { a { top: 0 } }", "@container (105)"),
    ("a { color: color-mix(in srgb, red, blue) }", "color-mix (111)"), ("a { background: linear-gradient(oklch(1 1 1), red) }", "oklch (111)"),
    ("a { accent-color: red }", "accent-color: (93)"), ("a { grid-template-rows: subgrid }", "subgrid (117)"), ("a { rotate: 1deg }", "rotate: (104)"),
    ("a { scrollbar-gutter: stable }", "scrollbar-gutter: (94)"), ("a { text-wrap: balance }", "text-wrap: (114)"), ("a { width: 5cqw }", "unit cqw"),
    ("@media (width >= 40rem) { a { top: 0 } }", "(104)"), ("@media print { a:user-invalid { top: 0 } }", ":user-invalid (119)"),
    ("a { top: 0 } } b { top: 0 }", "no style"), ("a { color red }", "no style"), ("a { no-browser-has-it: 1; field-sizing: content }", "field-sizing"),
])
def test_a_style_that_is_too_new_is_refused(text: str, fault: str):
    found = faults_of_style(text)
    assert len(found) == 1, found
    assert fault in found[0]


@pytest.mark.parametrize("text", [
    "a { inset: 0; aspect-ratio: 1; gap: 1rem; overflow: clip }", "a:is(b, c):focus-visible::before { top: 0 }", "a { width: min(50vw, max(1rem, 2ch)) }",
    "@supports (height: 100dvh) { a { height: 100dvh } }", "a { height: 100vh; height: 100dvh }", "@media (prefers-reduced-motion) { a { top: 0 } }",
    "a { -webkit-print-color-adjust: exact; print-color-adjust: exact }", "@page { size: A4 landscape; margin: 8mm }", "a { --any: oklch(1 1 1) }",
])
def test_a_style_that_chrome_90_has_is_let_through(text: str):
    """So is one with a fallback."""
    assert faults_of_style(text) == []


@pytest.mark.parametrize(("text", "fault"), [
    ('<p style="width: {{ x }}%; height: 1dvh">', "unit dvh"), ("<search>", "<search>"), ("<div {% if x %}inert{% endif %}>", "inert"),
    ("<style>\na:has(b) { top: 0 }</style>", ":has"), ('<a onclick="x()">', "onclick"), ("\n\n<b popover>", "line 3: popover"),
])
def test_markup_that_is_too_new_is_refused(text: str, fault: str):
    found = faults_of_template(text)
    assert len(found) == 1, found
    assert fault in found[0]
