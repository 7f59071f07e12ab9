"""Folium without internet: a figure whose links are files of our own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import folium
from branca.element import CssLink, Element, Figure, JavascriptLink, MacroElement
from jinja2 import Template

from geosvc.errors import InvalidInput
from geosvc.maps.document import OWN_SCRIPT, OWN_STYLE, asset_text

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_ID = "geosvc-coverage"
_VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>')
_TEMPLATE_BRACE = re.compile(r"\{(?=[{%#])")
_LEAFLET = "vendor/leaflet-1.9.4"
# Folium's link names and the files that take their place. A name that is in neither table is
# refused: a map that asks the internet for a file is a blank page on an intranet.
VENDORED: Mapping[str, str] = {"leaflet": f"{_LEAFLET}/leaflet.js", "leaflet_css": f"{_LEAFLET}/leaflet.css"}
# Folium always asks for these; nothing on our maps uses them.
UNUSED = frozenset({
    "jquery", "bootstrap", "awesome_markers", "bootstrap_css", "awesome_markers_css", "awesome_rotate_css",
    "fontawesome_css", "glyphicons_css", "awesome_markers_font_css",
})


class OfflineFigure(Figure):
    """A Folium figure that is one file and asks nobody for anything."""

    _template = Template(
        "<!DOCTYPE html>\n<html lang='{{ this.language }}'>\n<head>\n"
        '<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; script-src \'unsafe-inline\'; '
        "style-src 'unsafe-inline'; img-src data: blob:; font-src data:\">\n"
        '<meta name="geosvc-map" content="{{ this.fingerprint | e }}">\n'
        "<title>{{ this.title | e }}</title>\n{{ this.header.render(**kwargs) }}\n</head>\n<body>\n"
        "{{ this.html.render(**kwargs) }}\n<script>\n{{ this.script.render(**kwargs) }}\n</script>\n</body>\n</html>\n"
    )

    def __init__(self, *, title: str, language: str, fingerprint: str = "") -> None:
        """Make an empty figure."""
        super().__init__(title=title)
        self.fingerprint = fingerprint
        self.language = language

    def render(self, **kwargs: Any) -> str:
        """Return the HTML.

        Raises
        ------
        InvalidInput
            If a part of the map links to a file that is not shipped.
        """
        for child in list(self._children.values()):
            child.render(**kwargs)
        replace_links(self)
        # Folium forbids zooming a page; who needs larger letters must be able to (WCAG 1.4.4).
        text = str(self._template.render(this=self, kwargs=kwargs))
        return _VIEWPORT.sub('<meta name="viewport" content="width=device-width, initial-scale=1">', text)


def replace_links(figure: Figure) -> None:
    """Put the text of our own files in place of every link that the children registered."""
    for name, child in list(figure.header._children.items()):  # noqa: SLF001  branca has no other door
        if not isinstance(child, JavascriptLink | CssLink):
            continue
        del figure.header._children[name]  # noqa: SLF001
        if name in UNUSED:
            continue
        if name not in VENDORED:
            raise InvalidInput(
                f"the map links to {name!r} ({child.url}), which is not shipped; add the file under "
                "geosvc/maps/assets/vendor and name it in VENDORED"
            )
        tag = "script" if isinstance(child, JavascriptLink) else "style"
        _add_block(figure, f"own_{name}", tag, asset_text(VENDORED[name]))
    _add_block(figure, "own_style", "style", asset_text(OWN_STYLE))
    _add_block(figure, "own_script", "script", asset_text(OWN_SCRIPT))


def _add_block(figure: Figure, name: str, tag: str, text: str) -> None:
    # An Element's text is a template: the braces of a script must not be read as one.
    block = Element(f"<{tag}>\n{{% raw %}}\n{text}\n{{% endraw %}}\n</{tag}>")
    figure.header.add_child(block, name=name)


class CoverageLayers(MacroElement):
    """Our own layers on a Folium map: surface, gaps, facilities, legend.

    They are drawn by ``coverage.js`` from a block of JSON, so that no name is ever markup.
    """

    _template = Template(
        "{% macro html(this, kwargs) %}{{ this.block }}{% endmacro %}"
        "{% macro script(this, kwargs) %}\n"
        "geosvcCoverage.draw({{ this._parent.get_name() }}, {{ this.data_id | tojson }});\n{% endmacro %}"
    )

    def __init__(self, document: dict[str, Any]) -> None:
        """Keep the document as a block of JSON that cannot end its own element."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "CoverageLayers"
        self.data_id = DATA_ID
        self.block = json_block(document)


def json_block(document: dict[str, Any], data_id: str = DATA_ID) -> str:
    """Return a JSON document as an HTML element that nothing inside it can close; ``data_id`` is one of our own names."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    safe = safe.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    # Folium compiles what a part of the map returns as a template: a name must not be one.
    # Such a brace only ever stands inside a JSON string, where it may be written as its code.
    safe = _TEMPLATE_BRACE.sub(r"\\u007b", safe)
    return f'<script type="application/json" id="{data_id}">{safe}</script>'


def coverage_map(document: dict[str, Any]) -> OfflineFigure:
    """Return the Folium figure of a document; a new one for every rendering.

    Names that Folium draws by chance are made from the run, so that the same run gives the
    same bytes.
    """
    west, south, east, north = document["bounds"]
    figure = OfflineFigure(title=document["title"], language="zh-CN" if document["language"] == "zh" else "en",
                           fingerprint=document.get("fingerprint", ""))
    drawn = folium.Map(
        location=[(south + north) / 2, (west + east) / 2], zoom_start=9, tiles=None, control_scale=False,
        minZoom=4, maxZoom=17, zoomSnap=0.25, zoomDelta=0.5,
    )
    drawn._id = f"{document['run']}"  # noqa: SLF001
    layers = CoverageLayers(document)
    layers._id = f"{document['run']}"  # noqa: SLF001
    drawn.add_child(layers, name="coverage")
    figure.add_child(drawn, name="map")
    return figure


def single_file(document: dict[str, Any]) -> str:
    """Return a map as one HTML file for e-mail or a USB stick; it needs no server and no network."""
    return coverage_map(document).render()


def page_parts(document: dict[str, Any]) -> tuple[str, str]:
    """Return (HTML, script) of a map for a page that links the style sheets and scripts itself.

    The script is served as a file, because the pages forbid scripts inside the page.
    """
    figure = coverage_map(document)
    for child in figure._children.values():  # noqa: SLF001
        child.render()
    return str(figure.html.render()), str(figure.script.render())


