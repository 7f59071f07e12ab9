"""How a file is to be read: its columns with a guess for each, what is missing, and how it was read last time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput, UnreadableFile
from geosvc.geo.datums import DATUMS
from geosvc.geo.files import sha256_of, sidecar_of
from geosvc.registry.classes import class_of, facility_classes
from geosvc.registry.imports.facilities import EXPECTED, UNCLASSIFIED, FacilityOptions
from geosvc.registry.imports.headers import FACILITY_FIELDS, fingerprint_of
from geosvc.registry.imports.refused_rows import REASON_HEADER
from geosvc.registry.imports.tables import layout_of
from geosvc.registry.moments import now
from geosvc.registry.source_types import source_type_of
from geosvc.store.imports import ImportMappingRow, select_mappings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from geosvc.registry.imports.tables import Layout
    from geosvc.store.engine import Session, Store

_KIND = "facilities"
_SAMPLE = 5
_SEVERAL = 2
_WORDS_SHOWN = 200
_CLASS_FIELDS = ("class_code", "class_word")
_REMEMBERED = ("datum", "crs", "layer", "default_class", "without_positions", "source_types")


def describe_file(
    store: Store, path: Path, *, max_mb: int, layer: str | None = None, crs: str | None = None,
    mapping: Mapping[str, str] | None = None, source: str = "",
) -> dict[str, Any]:
    """Return what a person needs to say how a file of facilities is read; nothing is stored.

    Parameters
    ----------
    store : Store
    path : Path
    max_mb : int
        Largest file, mebibytes.
    layer, crs : str, optional
        The sheet or layer, the first unless named; the CRS of a map file that does not say it.
    mapping : mapping of str to str, optional
        What the person has said so far: it goes before what is remembered, and that before the guess.
    source : str
        Whose file it is, where several have the same headers.

    Returns
    -------
    dict
        ``headers`` (each with ``guess`` and ``field``, "" where it is left out), ``sample`` (the first five
        rows), ``fields`` (all there are), ``missing`` (required and not there), ``datum`` (``told``, or to be
        asked), ``classes`` (words of the class column with what each means) and ``remembered``.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate, InvalidInput
    """
    layout = layout_of(path, max_mb=max_mb, expected=EXPECTED, layer=layer, crs=crs)
    if not layout.rows and len(layout.layers) < _SEVERAL:  # another sheet may have the rows
        raise UnreadableFile(f"{path.name} has a header and no rows; expected {EXPECTED}")
    with store.reading() as session:
        known = _remembered(session, layout.headers, source)
    said = {**({} if known is None else known.mapping), **(mapping or {})}
    fields = _fields(layout, said)
    return {
        "file_name": path.name, "sha256": sha256_of(path), "rows": len(layout.rows), "layers": layout.layers, "layer": layout.layer,
        "has_geometry": layout.has_geometry,
        "headers": [
            {"header": header, "guess": _of_facilities(guess), "field": name}
            for header, guess, name in zip(layout.headers, layout.guesses, fields, strict=True) if header
        ],
        "sample": [_row(layout, row) for row in layout.rows[:_SAMPLE]],
        "fields": [{"field": name, "zh": zh, "en": en} for name, (zh, en) in FACILITY_FIELDS.items()],
        "missing": _missing(layout, fields, known),
        "datum": _datum(path, layout, fields, known),
        "classes": _classes(layout, fields, {} if known is None else known.options.get("source_types") or {}),
        "remembered": None if known is None else {
            "mapping": known.mapping, "options": known.options, "source": known.source, "at": known.at, "author": known.author},
    }


def options_as_before(
    store: Store, path: Path, *, max_mb: int, layer: str | None = None, crs: str | None = None, source: str = ""
) -> dict[str, Any]:
    """Return the fields of :class:`FacilityOptions` with which a file of the same headers was read last.

    Raises
    ------
    InvalidInput
        If none was.
    """
    layout = layout_of(path, max_mb=max_mb, expected=EXPECTED, layer=layer, crs=crs)
    with store.reading() as session:
        known = _remembered(session, layout.headers, source)
    if known is None:
        raise InvalidInput(f"no file with the columns of {path.name} was imported before; say how it is read (--map, --datum, --class)")
    return {**known.options, "mapping": known.mapping}


def remember(session: Session, headers: Sequence[str], options: FacilityOptions, *, author: str) -> None:
    """Keep how a file was read, if somebody said anything of it; the same again is not written again."""
    told = {name: value for name in _REMEMBERED if (value := getattr(options, name))}
    told = {name: dict(value) if name == "source_types" else value for name, value in told.items()}
    mapping = dict(options.mapping)
    if not told and not mapping:
        return
    mark = _mark(headers)
    row = next((each for each in select_mappings(session, _KIND, mark) if each.source == options.source), None)
    if row is None:
        row = ImportMappingRow(kind=_KIND, headers=mark, source=options.source, mapping={}, options={}, at="", author=author)
        session.add(row)
    if (row.mapping, row.options) != (mapping, told):
        row.mapping, row.options, row.at, row.author = mapping, told, now(), author


def _remembered(session: Session, headers: Sequence[str], source: str) -> ImportMappingRow | None:
    """Return how files of these headers were read: those of the source, else the last."""
    rows = select_mappings(session, _KIND, _mark(headers))
    return next((each for each in rows if each.source == source), None if source or not rows else rows[0])


def _mark(headers: Sequence[str]) -> str:
    # A file of refused rows has one column more than the file that it was made of.
    return fingerprint_of(headers, without=[REASON_HEADER.lower()])


def _of_facilities(guess: str | None) -> str:
    return guess if guess in FACILITY_FIELDS else ""


def _fields(layout: Layout, said: Mapping[str, str]) -> list[str]:
    """Return the field of each column: as said, else as guessed; a field that was said or guessed before stays where it is."""
    taken = {name for header, name in said.items() if header in layout.headers and name}
    fields = []
    for header, guess in zip(layout.headers, layout.guesses, strict=True):
        name = said.get(header)
        if name is None:
            name = _of_facilities(guess)
            name = "" if name in taken else name
            taken.add(name)
        fields.append(name)
    return fields


def _row(layout: Layout, row: Sequence[str]) -> list[str]:
    """Return the cells of a row under the headers that are shown."""
    cells = [*row, *[""] * (len(layout.headers) - len(row))]
    return [cell.strip() for header, cell in zip(layout.headers, cells, strict=False) if header]


def _missing(layout: Layout, fields: Sequence[str], known: ImportMappingRow | None) -> list[str]:
    """Return what must be there and is not; a number of this registry makes up for all of it."""
    if "facility_id" in fields:
        return []
    options = {} if known is None else known.options
    missing = [] if "name" in fields else ["name"]
    if not {*_CLASS_FIELDS} & {*fields} and not options.get("default_class"):
        missing.append("class_code")
    if not layout.has_geometry and not options.get("without_positions"):
        missing += [name for name in ("longitude", "latitude") if name not in fields]
    return missing


def _datum(path: Path, layout: Layout, fields: Sequence[str], known: ImportMappingRow | None) -> dict[str, Any]:
    """Return which datum is told and by what; ``ask`` where a person must say it."""
    before = None if known is None else known.options.get("datum")
    told: tuple[str | None, str | None] = (None, None)
    if layout.has_geometry:
        told = ("WGS84", "geometry")
    elif "datum" in fields:
        told = (None, "column")
    elif sidecar := sidecar_of(path).get("crs"):
        told = (str(sidecar), "sidecar")
    placed = {"longitude", "latitude"} <= {*fields}
    return {"told": told[0], "by": told[1], "ask": placed and told[1] is None, "before": before, "choices": list(DATUMS)}


def _classes(layout: Layout, fields: Sequence[str], told: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the words of the class column, the most frequent first, with the class that each is read as."""
    place = next((fields.index(name) for name in _CLASS_FIELDS if name in fields), None)
    if place is None:
        return []
    counts = Counter(row[place].strip() for row in layout.rows if place < len(row) and row[place].strip())
    words = []
    for word, count in counts.most_common(_WORDS_SHOWN):
        code, refuse = _class_of_word(word, told)
        klass = facility_classes()[code]
        words.append({"word": word, "rows": count, "class_code": code, "class_zh": klass.zh, "class_en": klass.en, "left_out": refuse})
    return words


def _class_of_word(word: str, told: Mapping[str, str]) -> tuple[str, str | None]:
    if word in told:
        return class_of(told[word]).code, None
    for part in (word, word.split(maxsplit=1)[0]):
        try:
            return class_of(part).code, None
        except InvalidInput:
            continue
    meant = source_type_of(word, "")
    return (UNCLASSIFIED, None) if meant is None else (meant.class_code or UNCLASSIFIED, meant.refuse or None)
