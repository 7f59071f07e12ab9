"""Maps on paper: true to scale, with their legend, in Chinese, the same bytes for the same run, and never a box for a character."""

import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import docx
import numpy as np
import pypdfium2
import pytest
from api.hostile_world import IMG, SERVICE
from PIL import Image

from geosvc.coverage import services
from geosvc.errors import FontMissing, InvalidParameter
from geosvc.geo.crs import distance_m, to_degrees
from geosvc.geo.grid import Grid
from geosvc.language import words
from geosvc.maps.document import asset_text, map_document
from geosvc.maps.paper import drawing, fonts, frame, palette, pen, sheet
from geosvc.maps.picture import _numbers_of_cells
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import handing_over, publishing, reading
from geosvc.workflows.run_files import surface_of_run
from geosvc.workflows.workspace import open_workspace

ZH = words("zh")
SERVICE_ID, RADIUS = "hospital-drive", "basic-radius"
needs_font = pytest.mark.skipif(not fonts.has_fonts(), reason="this machine has no Chinese TrueType font (fonts-wqy-microhei)")


def tool(name: str) -> str:
    """Return a program of poppler."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (poppler-utils)")
    return found


def text_of(pdf: bytes) -> str:
    """Return the text of a PDF, as somebody copies it, without the spaces between columns."""
    document = pypdfium2.PdfDocument(pdf)
    found = document[0].get_textpage().get_text_bounded()
    document.close()
    return re.sub(r"\s+", "", found)


@pytest.fixture(scope="module")
def content(demo_store: Store) -> Any:
    return publishing.content_of(demo_store, SERVICE_ID)


@pytest.fixture(scope="module")
def hospital(demo_store: Store) -> sheet.Sheet:
    return handing_over.sheet_of(demo_store, SERVICE_ID)


# -- colours ------------------------------------------------------------------------------------


def test_paper_has_the_colours_of_the_screen():
    """Every colour and break is that of coverage.js; there is no second palette."""
    script = asset_text("coverage.js")

    def listed(name: str) -> list[str]:
        return re.findall(r"'(#[0-9a-f]{6})'", re.search(rf"var {name} = \[(.*?)\];", script)[1])

    assert tuple(listed("NEAR")) == palette.NEAR
    assert tuple(listed("FAR")) == palette.FAR
    assert tuple(json.loads(re.search(r"var POLICY = (\[.*?\]);", script)[1])) == palette.POLICY
    for name in ("UNREACHABLE", "NO_DATA", "EVERY_LIMIT"):
        assert re.search(rf"var {name} = '(#\w+)'", script)[1] == getattr(palette, name)
    groups = re.search(r"var GROUPS = \{(.*?)\};", script, re.DOTALL)[1]
    assert dict(re.findall(r"(\w+): '(#\w+)'", groups)) == palette.GROUPS


def test_bands_split_at_the_limit_which_is_covered():
    """A limit between two values of policies splits there; what is just within has a colour of those covered."""
    assert [band.label for band in palette.bands_for(30)] == ["≤ 10", "10–15", "15–20", "20–30", "30–45", "45–60", "60–90", "> 90"]
    assert [band.label for band in palette.bands_for(7)] == ["≤ 1", "1–2", "2–5", "5–7", "7–10", "10–15", "15–20", "> 20"]
    assert palette.bands_for(1)[0].label == "≤ 1"
    for limit in (1, 7, 30, 240, 500):
        record = {"step": limit / 100, "no_data": 255, "unreachable": 254, "outside": 253, "farther": 250}
        table = palette.colour_table(record, palette.bands_for(limit))
        assert tuple(table[100][:3]) in map(palette.rgb, palette.NEAR), limit
        assert tuple(table[101][:3]) in map(palette.rgb, palette.FAR), limit
        assert table[253][3] == 0
        assert tuple(table[254][:3]) == palette.rgb(palette.UNREACHABLE)


# -- the map itself -----------------------------------------------------------------------------


def test_the_surface_on_paper_is_that_of_the_cells(demo_store: Store, content: Any):
    """Cell by cell the number is that of the surface, but for cells on a border between two numbers."""
    document = map_document(content, language="zh", title_block=True)
    grid = Grid(**content.run["inputs"]["grid"])
    shown = drawing.numbers_on_grid(drawing.numbers_of(document), document["picture"], grid)
    with demo_store.reading() as session:
        run = reading.run_of(session, SERVICE_ID)
    surface, _people, study = surface_of_run(demo_store, run)
    service = services.service_from(run.parameters["service"])
    true = _numbers_of_cells(surface, document["picture"]["step"] * service.units_per_shown)
    true[~study] = document["picture"]["outside"]
    assert shown.shape == true.shape
    limit = round(document["threshold"]["value"] / document["picture"]["step"])
    assert ((shown <= limit) == (true <= limit)).mean() > 0.995
    near = np.abs(shown.astype(int) - true.astype(int)) <= 2
    assert near[study].mean() > 0.95


def test_a_grid_of_many_cells_is_thinned(content: Any, monkeypatch: pytest.MonkeyPatch):
    """What paper cannot show is not carried; the shape stays."""
    monkeypatch.setattr(drawing, "_MOST_PIXELS", 100)
    document = map_document(content, language="zh", title_block=True)
    grid = Grid(**content.run["inputs"]["grid"])
    image, box = drawing.surface_image(document, grid)
    assert max(image.size) == 100
    assert image.size[0] / image.size[1] == pytest.approx((box[2] - box[0]) / (box[3] - box[1]), rel=0.02)


class _Page:
    height, canvas, fonts = 600.0, None, None


def test_the_scale_holds(hospital: sheet.Sheet):
    """A distance on paper times the scale is the distance on the ground; the whole study lies inside of the frame."""
    box = (30.0, 60.0, 500.0, 400.0)
    shown = frame.Frame(_Page(), box, hospital.map)
    west, south, east, north = hospital.map.box
    one, other = (west + 1000, south + 2000), (east - 3000, north - 500)
    (x1, y1), (x2, y2) = shown.at(*one), shown.at(*other)
    on_paper_m = np.hypot(x2 - x1, y2 - y1) / pen.MM / 1000
    lon, lat = to_degrees([one[0], other[0]], [one[1], other[1]], crs=hospital.map.crs)
    assert on_paper_m * shown.scale == pytest.approx(distance_m(lon[0], lat[0], lon[1], lat[1]), rel=1e-3)
    for corner in ((west, south), (east, north)):
        x, y = shown.at(*corner)
        assert box[0] < x < box[0] + box[2] and box[1] < y < box[1] + box[3]
    assert y2 < y1  # north is up


def test_facilities_of_one_place_are_one_dot_with_their_count(hospital: sheet.Sheet, content: Any):
    """No facility is hidden under another: the names on the dots are all that were used."""
    names = [name for dot in hospital.map.dots for name in dot.names]
    assert sorted(names) == sorted(each.facility.name.removeprefix("靖宇县") for each in content.facilities)
    assert max(len(dot.names) for dot in hospital.map.dots) == 2


def test_a_name_is_not_cut_to_nothing():
    """The name of the study is left out where enough of a name is left."""
    assert [drawing._without("靖宇县", name) for name in ("靖宇县人民医院", "靖宇县", "县医院", "靖宇县院")] == ["人民医院", "靖宇县", "县医院", "靖宇县院"]


# -- what is said --------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_sheet_has_its_legend_with_counts(demo_client: Any, demo_store: Store):
    """Bands, gaps, unreachable, no data, facilities by group, those to be located: nothing is left out, of no service."""
    for each in demo_client.get("/api/services").json()["services"]:
        if not each["run"]:
            continue
        for language in ("zh", "en"):
            told, text = handing_over.sheet_of(demo_store, each["id"], language=language), words(language)
            rows = {row.text: row for row in told.legend}
            assert sum(row.kind == "band" for row in told.legend) >= 5
            assert rows[text["unreachable"]].count and rows[text["no_data"]].count
            assert rows[text["to_be_located"]].count == "4"
            counted = sum(int(row.count) for row in told.legend if row.kind == "dot")
            assert counted == len(reading.run_record(demo_store, told.run)["summary"]["facilities"]["ids"])
            assert ("hatch" in {row.kind for row in told.legend}) is (len(each["thresholds"]) == 1 or each["id"] != RADIUS)


def test_a_sheet_names_what_it_rests_on(hospital: sheet.Sheet, demo_store: Store):
    """Run, dates of the data, CRS, whose limit, whose people, who made it, and that it is schematic and not reviewed."""
    facts = dict(hospital.facts)
    assert hospital.run in facts[ZH["run"]]
    assert {ZH["denominator_label"], ZH["data_dates"], ZH["limit"], ZH["profile"], ZH["review_number"], ZH["paper_makers"]} <= set(facts)
    assert "CGCS2000" in facts[ZH["crs_label"]]
    assert hospital.marks == (ZH["paper_schematic"], ZH["paper_internal"])
    assert len([flag for flag in hospital.flags if "示意" in flag]) >= 3
    named = handing_over.sheet_of(demo_store, SERVICE_ID, makers="靖宇县卫生健康局")
    assert dict(named.facts)[ZH["paper_makers"]].startswith("靖宇县卫生健康局 · geosvc")
    with pytest.raises(InvalidParameter, match="80"):
        handing_over.sheet_of(demo_store, SERVICE_ID, makers="长" * 81)


def test_a_reviewed_boundary_has_its_number(content: Any):
    """With a 审图号 the sheet says it in place of the mark of internal use."""
    reviewed = dataclasses.replace(content, areas=[dataclasses.replace(each, review_number="吉S(2026)1号") for each in content.areas])
    told = sheet.sheet_of(reviewed, [], language="zh")
    assert told.marks == (ZH["paper_schematic"], "审图号：吉S(2026)1号")


def test_unknown_people_are_not_nobody(content: Any):
    """Without population the sheet says so; no number of people is 0."""
    run = json.loads(json.dumps(content.run))
    run["summary"]["people_total"] = None
    for found in run["summary"]["thresholds"].values():
        found["people"], found["share"] = None, {}
    told = sheet.sheet_of(dataclasses.replace(content, run=run), [], language="zh")
    assert told.numbers[0].text == ZH["no_population"]
    assert told.told == ""
    assert told.worst.none == ZH["paper_no_areas"]
    assert "0 人" not in " ".join(f"{row.count}" for row in told.legend)


def test_the_worst_places_are_those_of_the_table(demo_store: Store, demo_client: Any):
    """The five townships with most people beyond the limit or unreachable, most first, as a plain sort of the table finds them."""
    for each in demo_client.get("/api/services").json()["services"]:
        if not each["run"] or each["id"] == RADIUS:
            continue
        for limit in each["thresholds"]:
            rows = demo_client.get(f"/api/services/{each['id']}/coverage", params={"threshold": limit["id"], "level": "township"}).json()["rows"]
            lacking = [(row["people"]["beyond"] + row["people"]["unreachable"], row["name"]) for row in rows]
            expected = [name for count, name in sorted(lacking, key=lambda pair: -pair[0]) if count > 0][:5]
            told = handing_over.sheet_of(demo_store, each["id"], threshold_id=limit["id"])
            assert [row[0] for row in told.worst.rows] == expected
            assert bool(told.worst.none) is not bool(expected)


def test_where_no_limit_speaks_for_all_none_is_used_to_rank(demo_store: Store):
    """Limits for different people stand side by side; places are ranked by how far they are."""
    told = handing_over.sheet_of(demo_store, RADIUS)
    assert [each.label for each in told.numbers] == ["5 公里（城镇）", "10 公里（乡村）", "20 公里（乡村）"]
    assert told.verdict and not told.told
    assert told.worst.title == ZH["paper_farthest"].format(level=ZH["level_township"])
    far = [float(row[-1].split()[0]) for row in told.worst.rows]
    assert far == sorted(far, reverse=True) and len(far) == 5
    chosen = handing_over.sheet_of(demo_store, RADIUS, threshold_id="20km")
    assert "20 公里" in chosen.worst.title


# -- fonts ---------------------------------------------------------------------------------------


def test_without_a_chinese_font_there_is_a_sentence_and_no_box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demo_store: Store, demo_settings: Settings):
    """It names the package to install; a font in the settings that cannot be used is said to be so."""
    monkeypatch.setattr(fonts, "folders", lambda: (tmp_path,))
    assert not handing_over.can_be_drawn(demo_settings)
    with pytest.raises(FontMissing, match="fonts-wqy-microhei"):
        handing_over.map_sheet(demo_store, demo_settings, SERVICE_ID)
    with pytest.raises(FontMissing, match="GEOSVC_FONT"):
        handing_over.summary(demo_store, dataclasses.replace(demo_settings, font=str(tmp_path / "none.ttf")), SERVICE_ID)


@needs_font
def test_a_character_that_no_font_has_is_named():
    """It is refused with the character, not drawn as a box."""
    found = fonts.fonts_of_machine()
    assert "".join(piece for _name, piece in found.pieces("靖宇县 12 km²")) == "靖宇县 12 km²"
    with pytest.raises(FontMissing, match=r"U\+10FFFD|U\+16A0"):
        found.pieces("ᚠ")


@needs_font
def test_lines_break_where_chinese_may_be_broken():
    """No line is wider than its column, none begins with a closing mark, and nothing is lost."""
    page = pen.Pen(None, fonts.fonts_of_machine(), 100.0)
    text = "人口分布为示意数据（总数与普查一致）；行政区边界为示意，道路为示意数据，CGCS2000 / 3-degree Gauss-Kruger CM 126E。" * 3
    for width in (18.0, 60.0, 133.3, 400.0):
        lines = page.lines(text, 7, width)
        assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
        if width > 30:
            assert max(page.fonts.width(line, 7) for line in lines) <= width + 0.01
            assert not any(line[0] in "，。；）" for line in lines)


# -- files ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(demo_store: Store, demo_settings: Settings) -> dict[str, bytes]:
    """Sheet and summary of the default service in every form."""
    if not fonts.has_fonts():
        pytest.skip("this machine has no Chinese TrueType font (fonts-wqy-microhei)")
    made = {f"sheet.{form}": handing_over.map_sheet(demo_store, demo_settings, SERVICE_ID, form=form).content for form in ("pdf", "png")}
    made |= {f"summary.{form}": handing_over.summary(demo_store, demo_settings, SERVICE_ID, form=form).content for form in ("pdf", "docx")}
    return {**made, "a3.pdf": handing_over.map_sheet(demo_store, demo_settings, SERVICE_ID, paper="a3").content}


def test_the_paper_is_the_paper(files: dict[str, bytes]):
    """A4 and A3 landscape, the summary A4 upright; one page each; a picture at 150 to the inch."""
    sizes = {"sheet.pdf": (297, 210), "a3.pdf": (420, 297), "summary.pdf": (210, 297)}
    for name, size in sizes.items():
        document = pypdfium2.PdfDocument(files[name])
        assert len(document) == 1
        assert document[0].get_size() == pytest.approx([side / 25.4 * 72 for side in size], abs=0.5), name
        document.close()
    with Image.open(io.BytesIO(files["sheet.png"])) as picture:
        assert picture.size == pytest.approx((297 / 25.4 * 150, 210 / 25.4 * 150), abs=2)


def test_title_block_and_legend_are_on_the_page(files: dict[str, bytes], hospital: sheet.Sheet):
    """Whatever the sheet says can be read and copied from both papers; an export without its legend is a bug."""
    for name in ("sheet.pdf", "a3.pdf", "summary.pdf"):
        found = text_of(files[name])
        said = [hospital.title, hospital.subtitle, hospital.day, *hospital.marks, hospital.credits[:12], ZH["paper_grid_north"]]
        said += [part for each in hospital.numbers for part in (each.label, each.text, each.beside)]
        said += [part for row in hospital.legend for part in (row.text, row.count)]
        said += [label for label, _text in hospital.facts]
        for part in said:
            assert re.sub(r"\s+", "", part) in found, (name, part)
        assert hospital.run in found
    summary = text_of(files["summary.pdf"])
    assert re.sub(r"\s+", "", hospital.told) in summary
    for row in hospital.worst.rows:
        assert all(re.sub(r"\s+", "", cell) in summary for cell in row)
    assert "1:650,000" in text_of(files["sheet.pdf"])


def test_the_scale_of_a3_is_a_round_one_too_and_larger(files: dict[str, bytes], hospital: sheet.Sheet):
    """On twice the paper the scale is chosen anew; what is printed is what the frame was drawn with."""
    one, two = (int(re.search(r"1:([\d,]+)（", text_of(files[name]))[1].replace(",", "")) for name in ("sheet.pdf", "a3.pdf"))
    assert 1.2 < one / two < 1.7
    assert two % 10_000 == 0
    box = (30.0, 60.0, 500.0, 400.0)
    shown = frame.Frame(_Page(), box, hospital.map, enlarged=2**0.5)
    (x1, _y1), (x2, _y2) = shown.at(0.0, 0.0), shown.at(10_000.0, 0.0)
    printed_m = (x2 - x1) * 2**0.5 / pen.MM / 1000
    assert printed_m * shown.scale == pytest.approx(10_000)
    west, south, east, north = hospital.map.box
    for x, y in (shown.at(west, south), shown.at(east, north)):
        assert box[0] < x < box[0] + box[2] and box[1] < y < box[1] + box[3]


@pytest.mark.parametrize("service", ["township-centre-drive", "fitness-15-walk-elderly"])
def test_no_title_of_the_demo_is_cut(demo_store: Store, demo_settings: Settings, service: str):
    """In English the marks leave little room beside the title: it becomes smaller and stays whole."""
    wanted = handing_over.sheet_of(demo_store, service, language="en").title
    made = handing_over.summary(demo_store, demo_settings, service, form="pdf", language="en").content
    assert re.sub(r"\s+", "", wanted) in text_of(made)
    assert "…" not in text_of(made)[:200]


def test_a_sentence_has_no_capital_in_its_middle(demo_store: Store):
    found = handing_over.sheet_of(demo_store, SERVICE_ID, language="en")
    assert re.search(r"; people beyond", found.told), found.told
    assert found.numbers[1].beside == "Gaps: 3 (1 with people)"


def test_chinese_is_embedded(files: dict[str, bytes], tmp_path: Path):
    """Every font of every page travels with it, and pdftotext reads the Chinese."""
    for name in ("sheet.pdf", "summary.pdf"):
        path = tmp_path / name
        path.write_bytes(files[name])
        listed = subprocess.run([tool("pdffonts"), path], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
        assert listed
        assert all(re.search(r"\byes +yes +yes\b", line) for line in listed), listed
        told = subprocess.run([tool("pdftotext"), path, "-"], capture_output=True, text=True, check=True).stdout
        assert "靖宇县" in told and "内部资料" in told


def test_the_gaps_are_hatched(demo_store: Store, demo_settings: Settings, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch):
    """The colour of the hatching is on the map, and is not where there are no gaps."""
    def hatched(png: bytes) -> int:
        with Image.open(io.BytesIO(png)) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)[150:900, 60:1100]
        return int((np.abs(pixels - palette.rgb(pen.GAP)).sum(axis=2) < 60).sum())

    with_gaps = hatched(files["sheet.png"])
    real = drawing.drawing_of
    monkeypatch.setattr(sheet, "drawing_of", lambda *args: dataclasses.replace(real(*args), gaps=[]))
    without = hatched(handing_over.map_sheet(demo_store, demo_settings, SERVICE_ID, form="png").content)
    assert with_gaps > 500
    assert without < 50


def test_the_word_document_says_the_same(files: dict[str, bytes], hospital: sheet.Sheet):
    """Numbers, places, notes and facts are those of the sheet; the map is in it with its legend; its record names the run."""
    document = docx.Document(io.BytesIO(files["summary.docx"]))
    texts = [each.text for each in document.paragraphs]
    cells = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    assert hospital.title in texts and hospital.told in texts
    assert cells[0] == [f"{each.label}\n{each.text}\n{each.beside}" for each in hospital.numbers]
    assert [tuple(row) for row in cells[1:]] == [hospital.worst.headers, *((f"{n}  {row[0]}", *row[1:]) for n, row in enumerate(hospital.worst.rows, 1))]
    assert all(flag in " ".join(texts) for flag in hospital.flags)
    assert hospital.run in document.core_properties.subject
    assert len(document.inline_shapes) == 1
    assert not [part.partname for part in document.part.package.iter_parts() if "thumbnail" in part.partname]  # that of the library's template
    (picture,) = [part.blob for part in document.part.package.iter_parts() if part.partname.endswith(".png")]
    with Image.open(io.BytesIO(picture)) as image:
        colours = {tuple(pixel[:3]) for pixel in np.asarray(image.convert("RGB"))[:, -415:-350].reshape(-1, 3)}
    assert {palette.rgb(band.colour) for band in palette.bands_for(30)} <= colours  # the legend beside the map


def test_a_name_stays_a_name_on_paper(hostile_settings: Settings):
    """Markup, templates and scripts in names are letters in the PDF, and keep the Word document well formed."""
    if not fonts.has_fonts():
        pytest.skip("this machine has no Chinese TrueType font (fonts-wqy-microhei)")
    store = open_workspace(hostile_settings)
    pdf = handing_over.map_sheet(store, hostile_settings, SERVICE).content
    summary = handing_over.summary(store, hostile_settings, SERVICE, form="docx").content
    store.close()
    found = text_of(pdf)
    assert re.sub(r"\s+", "", IMG)[:12] in found
    with zipfile.ZipFile(io.BytesIO(summary)) as packed:
        for name in packed.namelist():
            if name.endswith((".xml", ".rels")):
                ET.fromstring(packed.read(name))


# -- the same run, the same bytes ------------------------------------------------------------------

_MAKE = """
import contextlib, hashlib, io, json, sqlite3, sys, tempfile, zipfile
from pathlib import Path
from fastapi.testclient import TestClient
from geosvc.application import create_app
from geosvc.settings import Settings

def rows_of(content):
    # Every row of the tables of a GeoPackage, but for when each was last changed.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.gpkg"
        path.write_bytes(content)
        with contextlib.closing(sqlite3.connect(path)) as opened:
            tables = [name for (name,) in opened.execute("SELECT table_name FROM gpkg_contents ORDER BY 1")]
            found = [opened.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in tables]
    assert tables and all(found)
    return repr((tables, found)).encode()

def stripped(name, content):
    if name.endswith("xlsx"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = b"".join(packed.read(each) for each in sorted(packed.namelist()) if not each.startswith("docProps/"))
    if name.endswith("gpkg"):
        content = rows_of(content)
    return content

with TestClient(create_app(Settings(workspace=Path(sys.argv[1]), public_read=True))) as client:
    made = {}
    for name in json.loads(sys.argv[2]):
        answer = client.get(name)
        assert answer.status_code == 200, (name, answer.text[:300])
        made[name] = hashlib.sha256(stripped(name, answer.content)).hexdigest()
print(json.dumps(made))
"""


@needs_font
@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_in_another_process(demo_settings: Settings):
    """HTML, CSV, GeoJSON, TIFF, PDF, PNG and Word byte for byte; XLSX and GeoPackage but for when they were written."""
    base, query = f"/api/services/{SERVICE_ID}", f"service={SERVICE_ID}"
    names = [
        f"{base}/map", f"{base}/coverage?f=csv", f"{base}/surface", f"{base}/isochrones?limits=15,30", f"{base}/sheet", f"{base}/sheet?f=png",
        f"{base}/sheet?paper=a3", f"{base}/summary", f"{base}/summary?f=docx",
        f"/api/collections/gaps/export?{query}&f=csv", f"/api/collections/gaps/export?{query}&f=geojson", f"/api/collections/gaps/export?{query}&f=xlsx",
        f"/api/collections/gaps/export?{query}&f=gpkg",
    ]
    made = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _MAKE, str(demo_settings.workspace), json.dumps(names)], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Shanghai" if seed == "1" else "UTC"})
        assert done.returncode == 0, done.stderr[-2000:]
        made.append(json.loads(done.stdout.splitlines()[-1]))
    assert [name for name in names if made[0][name] != made[1][name]] == []
    assert len(set(made[0].values())) == len(names)


def test_files_name_the_time_of_the_run_and_not_of_their_making(files: dict[str, bytes], hospital: sheet.Sheet):
    """The record of a PDF and of a Word document says when the run was computed."""
    document = pypdfium2.PdfDocument(files["sheet.pdf"])
    told = document.get_metadata_dict()
    document.close()
    assert re.sub(r"\D", "", hospital.made_at)[:12] in told["CreationDate"]
    assert hospital.run in told["Subject"] and hospital.title == told["Title"]
    created = docx.Document(io.BytesIO(files["summary.docx"])).core_properties.created
    assert created.isoformat()[:16] == hospital.made_at[:16]
    with Image.open(io.BytesIO(files["sheet.png"])) as picture:
        assert picture.text["Run"] == hospital.run
