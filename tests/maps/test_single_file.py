"""The map as one file: it asks nobody, is the same every time, and no name in it is a program."""

import copy
import json
import re
from html.parser import HTMLParser
from typing import Any

import folium
import folium.plugins
import pytest
from api.hostile_world import CLOSE, IMG, NAMES, TITLE

from geosvc.errors import InvalidInput
from geosvc.maps import figure
from geosvc.maps.figure import DATA_ID, OfflineFigure, coverage_map, json_block, page_parts, single_file
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import publishing
from geosvc.workflows.workspace import open_workspace

_NAMESPACES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1999/xlink")


class Reader(HTMLParser):
    """Reads a page as a browser does: elements with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._within: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._within = None

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)


def document_in(text: str) -> dict[str, Any]:
    """Return the JSON document that a browser would find in a map."""
    found = [inside for attributes, inside in Reader(text).scripts if attributes.get("id") == DATA_ID]
    assert len(found) == 1
    document: dict[str, Any] = json.loads(found[0])
    return document


def asked_for(text: str) -> list[str]:
    """Return the addresses that a browser would fetch by itself when it opens a page."""
    loading = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src",
               "audio": "src", "embed": "src", "object": "data", "input": "src", "base": "href", "use": "href"}
    found = [
        value for tag, attributes in Reader(text).elements
        if (value := attributes.get(loading.get(tag, ""), None)) is not None
    ]
    found += re.findall(r"url\(\s*['\"]?([^'\")]+)", text)
    found += re.findall(r"@import\s+['\"]([^'\"]+)", text)
    return [each for each in found if not each.startswith(("data:", "#"))]


def fetched_by_script(text: str) -> list[str]:
    """Return the complete addresses in scripts, without XML namespaces and credits."""
    found = re.findall(r"[\"'`(=]\s*((?:https?:)?//[\w.-]+\.[a-z]{2,}[^\"'`\s)]*)", text)
    credits = ("https://leafletjs.com",)
    return [each for each in found if each not in _NAMESPACES and not each.startswith(credits)]


@pytest.fixture(scope="module")
def demo_file(demo_document: dict[str, Any]) -> str:
    """The default map of the demo county as one file."""
    return single_file(demo_document)


def test_the_single_file_asks_nobody(demo_file: str):
    """No script, style, picture or font of the file comes from outside: it works on a USB stick."""
    assert [each for each in asked_for(demo_file) if "//" in each] == []
    assert fetched_by_script(demo_file) == []
    assert "@import" not in demo_file
    assert "sourceMappingURL" not in demo_file


def test_the_only_files_named_are_leaflets_own_pictures(demo_file: str):
    """What Leaflet's style sheet names without being used (layer and marker pictures) is all that is not inside."""
    assert {each.rpartition("/")[2] for each in asked_for(demo_file)} <= {"layers.png", "layers-2x.png", "marker-icon.png"}
    for name in ("layers", "marker-icon"):
        assert f"L.control.{name}" not in demo_file.rsplit(DATA_ID, maxsplit=1)[-1]


def test_a_plain_folium_map_would_be_noticed():
    """The check above bites: a plain Folium map asks many public servers."""
    plain = folium.Map(location=[42.4, 126.8]).get_root().render()
    outside = [each for each in asked_for(plain) if each.startswith("http")]
    assert len(outside) >= 5
    assert any("cdn" in each for each in outside)


def test_the_file_forbids_itself_every_request(demo_file: str):
    """As a second guard the file's own policy allows nothing from anywhere."""
    policy = next(attributes["content"] for tag, attributes in Reader(demo_file).elements
                  if tag == "meta" and (attributes.get("http-equiv") or "").lower() == "content-security-policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "connect-src" not in policy
    assert "'unsafe-eval'" not in policy


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_demo_map_is_small(demo_store: Store, language: str):
    """Each map of the demo is under 3 MB, fit for e-mail."""
    from geosvc.workflows.reading import list_services

    measured = [each for each in list_services(demo_store) if each["run"]]
    assert len(measured) >= 8
    for each in measured:
        document = publishing.map_of(demo_store, each["id"], language=language, title_block=True)
        text = single_file(document)
        assert 100_000 < len(text.encode()) < 3_000_000


def test_an_unknown_part_is_refused(demo_document: dict[str, Any]):
    """A Folium plug-in whose files are not shipped is refused by name, rather than drawn as a blank page."""
    drawing = coverage_map(demo_document)
    next(iter(drawing._children.values())).add_child(folium.plugins.MarkerCluster())
    with pytest.raises(InvalidInput, match="not shipped") as refusal:
        drawing.render()
    assert "marker" in str(refusal.value).lower()
    assert "VENDORED" in str(refusal.value)


def test_background_tiles_do_not_slip_in():
    """A Folium map with its usual tiles, put into our figure, still links no file outside."""
    drawing = OfflineFigure(title="x", language="en")
    drawing.add_child(folium.Map(location=[0, 0], tiles=None), name="map")
    text = drawing.render()
    assert [each for each in asked_for(text) if "//" in each] == []


def test_refusing_one_map_does_not_spoil_the_next(demo_document: dict[str, Any], demo_file: str):
    """Nothing of a refused map stays behind in the process: the next file is the same as ever."""
    drawing = coverage_map(demo_document)
    next(iter(drawing._children.values())).add_child(folium.plugins.MarkerCluster())
    with pytest.raises(InvalidInput):
        drawing.render()
    assert single_file(demo_document) == demo_file


def test_the_same_run_gives_the_same_bytes(demo_settings: Settings, demo_document: dict[str, Any], demo_file: str):
    """The map of a run is the same to the byte, drawn again, from a store opened again."""
    store = open_workspace(demo_settings)
    again = publishing.map_of(store, "hospital-drive", title_block=True)
    store.close()
    assert again == demo_document
    assert single_file(again) == demo_file
    assert single_file(copy.deepcopy(demo_document)) == demo_file


def test_writing_the_same_map_touches_nothing(demo_store: Store, tmp_path):
    """A file that already shows this run is left as it is, its date included."""
    target = tmp_path / "maps" / "hospital.html"
    publishing.write_map(demo_store, "hospital-drive", target)
    before = target.stat()
    publishing.write_map(demo_store, "hospital-drive", target)
    after = target.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert [each.name for each in target.parent.iterdir()] == ["hospital.html"]


def test_the_document_comes_back_from_the_file(demo_document: dict[str, Any], demo_file: str):
    """The block of JSON in the file is the document of the map, unchanged."""
    assert document_in(demo_file) == json.loads(json.dumps(demo_document))


@pytest.mark.parametrize("name", [*NAMES, TITLE, "\u2028\u2029", "&lt;", "]]>", "</SCRIPT >", "-->", "{#", "{{", "%}", "\\", "\\u003c"])
def test_no_name_ends_the_block_of_json(name: str):
    """A name like </script> cannot close the block: a browser reads back exactly what went in."""
    block = json_block({"name": name, "list": [{"name": name}], name: 1})
    assert document_in(f"<body>{block}<p>after</p></body>") == {"name": name, "list": [{"name": name}], name: 1}
    assert len(Reader(f"<body>{block}<p>after</p></body>").scripts) == 1
    inside = block.partition(">")[2].rpartition("</script>")[0]
    assert "<" not in inside
    assert "-->" not in inside


def test_the_reader_would_notice_a_closed_block():
    """The check above bites: a block that is not escaped is read wrongly."""
    careless = f'<script type="application/json" id="{DATA_ID}">{json.dumps({"name": CLOSE})}</script>'
    with pytest.raises(json.JSONDecodeError):
        document_in(careless)


def test_hostile_names_arrive_letter_by_letter(hostile_document: dict[str, Any]):
    """In a whole map of hostile names the document is intact and no name became an element."""
    text = single_file(hostile_document)
    read = document_in(text)
    assert read == json.loads(json.dumps(hostile_document))
    assert {f"所{name}" for name in NAMES} <= set(read["facilities"]["name"])
    assert read["title"].startswith(TITLE)
    elements = Reader(text).elements
    assert not [tag for tag, _ in elements if tag in ("img", "svg", "iframe", "object")]
    assert not [attributes for _, attributes in elements if any(name.startswith("on") for name in attributes)]
    assert IMG not in text


@pytest.mark.parametrize("name", ["{{ 7*7 }}", "{{ cycler.__init__.__globals__ }}", "{% raw %}", "{# comment #}", "{% endmacro %}"])
def test_a_name_is_never_run_as_a_template(demo_document: dict[str, Any], name: str):
    """Folium's templates never see a name: {{ 7*7 }} stays those letters, on the page and in the file."""
    changed = copy.deepcopy(demo_document)
    changed["title"] = name
    changed["facilities"]["name"][0] = name
    changed["words"]["legend"] = name
    for text in (single_file(changed), page_parts(changed)[0]):
        read = document_in(text)
        assert read["title"] == name
        assert read["facilities"]["name"][0] == name
        assert read["words"]["legend"] == name


def test_the_title_is_text(hostile_document: dict[str, Any]):
    """The window's title shows the study's name with its brackets, as text."""
    text = single_file(hostile_document)
    head = text.partition("</head>")[0]
    assert "<img" not in head.partition("<title>")[2].partition("</title>")[0]
    assert "&lt;img" in head


def test_the_page_and_the_file_draw_the_same(demo_document: dict[str, Any], demo_file: str):
    """The served page gets the same block and the same script as the file, with nothing inline but data."""
    html, script = page_parts(demo_document)
    assert document_in(html) == document_in(demo_file)
    assert script.strip() in demo_file
    reader = Reader(html)
    assert all(attributes.get("type") == "application/json" for attributes, _ in reader.scripts)
    assert "<script" not in script


def test_ids_in_the_page_are_valid_and_unique(demo_file: str):
    """Every id begins with a letter, holds no blank and stands once; what the script draws into exists."""
    ids = [attributes["id"] for _, attributes in Reader(demo_file).elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for each in ids:
        assert re.fullmatch(r"[A-Za-z][\w-]*", each), each
    script = page_parts(document_in(demo_file))[1]
    target = re.search(r"L\.map\(\s*\"([^\"]+)\"", script)
    assert target is not None
    assert target.group(1) in ids
    assert DATA_ID in ids


def test_the_reader_may_zoom(demo_file: str):
    """The file does not forbid enlarging it (WCAG 1.4.4): whoever sees badly can zoom the page."""
    told = [attributes.get("content") or "" for tag, attributes in Reader(demo_file).elements
            if tag == "meta" and attributes.get("name") == "viewport"]
    assert told
    for each in told:
        assert "maximum-scale" not in each
        assert "user-scalable=no" not in each.replace(" ", "")


def test_names_of_variables_are_valid(demo_document: dict[str, Any]):
    """The script of the map declares its map under a name that JavaScript accepts, whatever the run's id."""
    for run in ("0123456789ab", "deadbeef0000", "89e410000000"):
        _, script = page_parts({**demo_document, "run": run})
        for name in re.findall(r"(?:var|let|const)\s+([^\s=;]+)", script):
            assert re.fullmatch(r"[A-Za-z_$][\w$]*", name), name


def test_the_table_of_files_is_complete():
    """Each link that Folium may ask for is either shipped or declared unused, never both."""
    assert not set(figure.VENDORED) & set(figure.UNUSED)
    asked = {name for name, _ in [*folium.Map.default_js, *folium.Map.default_css]}
    assert asked <= set(figure.VENDORED) | set(figure.UNUSED)
    for name in figure.VENDORED.values():
        assert len(figure.asset_text(name)) > 1000
