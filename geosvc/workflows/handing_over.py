"""Maps to hand over: a sheet to print, a page for leaders, and what there is to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter, NotFound
from geosvc.maps.document import map_document
from geosvc.workflows import publishing, reading
from geosvc.workflows.files import format_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geosvc.maps.paper.fonts import Fonts
    from geosvc.maps.paper.sheet import Sheet
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

# reportlab, PDFium and python-docx are slow to import and needed for paper only: they are imported where it is drawn.

TYPES = {
    "pdf": "application/pdf", "png": "image/png",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
SHEET_FORMATS, SUMMARY_FORMATS, PAPERS = ("pdf", "png"), ("pdf", "docx"), ("a4", "a3")
SAVED = (".html", ".pdf", ".png", ".docx")  # what the gallery lists of a folder
MOST_MAKERS = 80
THUMBNAIL_WIDTH = 320


@dataclass(frozen=True)
class Handout:
    """A file to hand over: what it is called, what is in it, and the run it names."""

    name: str
    content: bytes
    media_type: str
    run: str


def sheet_of(
    store: Store, service_id: str | None, *, run_id: str | None = None, threshold_id: str | None = None, language: str = "zh",
    makers: str = "", day: str | None = None,
) -> Sheet:
    """Return what a sheet of a service says; a store of some areas is told its part, and that it is one.

    Parameters
    ----------
    threshold_id : str, optional
        The first limit unless named; where limits are for different people, none unless named.
    makers : str
        Who hands it over, at most 80 characters.
    day : str, optional
        The day that was asked for, where a run of another day with the same inputs answers.

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    """
    from geosvc.maps.paper.sheet import sheet_of as described  # noqa: PLC0415

    if len(makers) > MOST_MAKERS:
        raise InvalidParameter(f"makers must have at most {MOST_MAKERS} characters, got {len(makers)}")
    content = publishing.content_of(store, service_id, run_id=run_id, threshold_id=threshold_id)
    limit = None if content.threshold is None else content.threshold.id
    table = reading.coverage_table(store, content.service.id, run_id=content.run["id"], threshold_id=limit)
    return described(content, table["rows"], language=language, makers=makers, day=day)


def map_sheet(
    store: Store, settings: Settings, service_id: str | None, *, form: str = "pdf", paper: str = "a4", **asked: Any
) -> Handout:
    """Return the map of a service to print, with title block and legend.

    Parameters
    ----------
    form : {"pdf", "png"}
    paper : {"a4", "a3"}
        Landscape.
    **asked
        As :func:`sheet_of` takes it.

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    FontMissing
        If the machine has no font with the characters of the sheet.
    """
    from geosvc.maps.paper import pages  # noqa: PLC0415

    _check(form, SHEET_FORMATS, "form")
    _check(paper, PAPERS, "paper")
    fonts = _fonts(settings)
    sheet = sheet_of(store, service_id, **asked)
    pdf = pages.map_sheet_pdf(sheet, fonts, paper=paper)
    content = pdf if form == "pdf" else pages.png_of_pdf(pdf, sheet)
    return _handout(sheet, service_id, asked, f"-{paper}.{form}", content)


def summary(store: Store, settings: Settings, service_id: str | None, *, form: str = "pdf", **asked: Any) -> Handout:
    """Return the page for leaders: the finding, three numbers, the map with its legend, the five worst places.

    Parameters
    ----------
    form : {"pdf", "docx"}
    **asked
        As :func:`sheet_of` takes it.

    Raises
    ------
    ServiceNotFound, RunNotFound, InvalidParameter
    FontMissing
    """
    from geosvc.maps.paper import pages, word  # noqa: PLC0415

    _check(form, SUMMARY_FORMATS, "form")
    fonts = _fonts(settings)
    sheet = sheet_of(store, service_id, **asked)
    content = pages.summary_pdf(sheet, fonts) if form == "pdf" else word.summary_docx(sheet, fonts)
    return _handout(sheet, service_id, asked, f"-summary.{form}", content)


def write_handout(target: Path, make: Callable[[str], Handout], forms: tuple[str, ...]) -> Handout:
    """Write what is made for the suffix of a file.

    Raises
    ------
    InvalidParameter
        If the suffix is of no form that can be made.
    StoreError
        If the file cannot be written.
    """
    made = make(format_of(target, forms))
    write_whole(target, lambda path: path.write_bytes(made.content), suffix=target.suffix)
    return made


def can_be_drawn(settings: Settings) -> bool:
    """Return whether this machine has a font for paper."""
    from geosvc.maps.paper.fonts import has_fonts  # noqa: PLC0415

    return has_fonts(settings.font)


def thumbnail(store: Store, service_id: str, run_id: str, threshold_id: str | None) -> bytes:
    """Return the surface of a run in the colours of its map as a small PNG.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    from geosvc.maps.paper.drawing import thumbnail as drawn  # noqa: PLC0415

    content = publishing.content_of(store, service_id, run_id=run_id, threshold_id=threshold_id)
    return drawn(map_document(content, language="zh", title_block=False), width=THUMBNAIL_WIDTH)


# -- what there is --------------------------------------------------------------------------


def saved_maps(settings: Settings) -> list[dict[str, Any]]:
    """Return the maps in the folder of the settings, by name: each with its size in bytes and its kind."""
    folder = settings.maps
    if not folder.is_dir():
        return []
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SAVED and path.is_file() and not path.name.startswith("."))
    return [{"name": path.name, "bytes": path.stat().st_size, "kind": path.suffix.lower().removeprefix(".")} for path in found]


def saved_map(settings: Settings, name: str) -> Path:
    """Return the file of a saved map: one that is listed, and nothing else of the machine.

    Raises
    ------
    NotFound
    """
    if name not in {each["name"] for each in saved_maps(settings)}:
        raise NotFound(f"no map is called {name!r} in the folder {settings.maps}")
    return settings.maps / name


def _check(value: str, known: tuple[str, ...], what: str) -> None:
    if value not in known:
        raise InvalidParameter(f"{what} must be {' or '.join(known)}, got {value!r}")


def _fonts(settings: Settings) -> Fonts:
    from geosvc.maps.paper.fonts import fonts_of_machine  # noqa: PLC0415

    return fonts_of_machine(settings.font)


def _handout(sheet: Sheet, service_id: str | None, asked: dict[str, Any], ending: str, content: bytes) -> Handout:
    limit = asked.get("threshold_id")
    name = "-".join(part for part in (service_id or "map", limit, sheet.run) if part)
    return Handout(f"{name}{ending}", content, TYPES[ending.rpartition(".")[2]], sheet.run)
