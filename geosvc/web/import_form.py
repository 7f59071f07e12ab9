"""The forms of an import: which column is what, and what a person decides after a dry run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput
from geosvc.geo.datums import DATUMS
from geosvc.registry.classes import class_of, facility_classes
from geosvc.registry.imports.facilities import UNCLASSIFIED
from geosvc.registry.imports.headers import FACILITY_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAMPLES, _LONGEST = 3, 40
_LONGEST_SOURCE = 100
_PLACE = frozenset({"longitude", "latitude"})
NEW, LATER = "new", ""


@dataclass(kw_only=True)
class ColumnsForm:
    """What the form of the columns shows: as typed, else as of the last dry run, as remembered, as guessed.

    ``problems`` are keys of words by the name of the field that they stand beside.
    """

    fields: list[str]
    datum: str = ""
    layer: str = ""
    crs: str = ""
    default_class: str = ""
    without_positions: bool = False
    source: str = ""
    problems: dict[str, str] = field(default_factory=dict)


def shown_columns(told: Mapping[str, Any], options: Mapping[str, Any] | None) -> ColumnsForm:
    """Return the form as it is shown first: of what was remembered all but the datum and the source, which are asked each time."""
    known = options or (told["remembered"] or {}).get("options", {})
    mapping = (options or {}).get("mapping", {})
    return ColumnsForm(
        fields=[mapping.get(each["header"], each["field"]) for each in told["headers"]], datum=(options or {}).get("datum") or "",
        layer=told["layer"] or "", crs=known.get("crs") or "", default_class=class_text(known.get("default_class")),
        without_positions=bool(known.get("without_positions")), source=(options or {}).get("source") or "")


def typed_columns(told: Mapping[str, Any], sent: Mapping[str, str]) -> ColumnsForm:
    """Return the form as it was sent; columns of another sheet than is shown now are as guessed."""
    same = sent.get("layer_shown", "") == (told["layer"] or "")
    fields = [sent.get(f"column.{place}", "") if same else each["field"] for place, each in enumerate(told["headers"])]
    datum = sent.get("datum", "")
    return ColumnsForm(
        fields=[each if each in FACILITY_FIELDS else "" for each in fields], datum=datum if datum in DATUMS else "", layer=told["layer"] or "",
        crs=sent.get("crs", ""), default_class=sent.get("default_class", "").strip(), without_positions="without_positions" in sent,
        source=sent.get("source", "").strip()[:_LONGEST_SOURCE])


def check_columns(form: ColumnsForm, told: Mapping[str, Any]) -> None:
    """Put beside each field what keeps the file from being tried."""
    there, often = set(form.fields), Counter(form.fields)
    for place, name in enumerate(form.fields):
        if name and often[name] > 1:
            form.problems[f"column.{place}"] = "import_twice"
    if form.default_class:
        try:
            class_of(code_in(form.default_class))
        except InvalidInput:
            form.problems["default_class"] = "import_class_unknown"
    if "facility_id" in there:
        by_number = True
    else:
        by_number = False
        if "name" not in there:
            form.problems["name"] = "import_name_missing"
        if not {"class_code", "class_word"} & there and not form.default_class:
            form.problems["default_class"] = "import_class_missing"
    _check_place(form, told, there, by_number=by_number)


def _check_place(form: ColumnsForm, told: Mapping[str, Any], there: set[str], *, by_number: bool) -> None:
    if told["has_geometry"]:
        return
    placed = there >= _PLACE
    if not placed and not form.without_positions and not (by_number and not _PLACE & there):
        form.problems["without_positions"] = "import_place_half" if _PLACE & there else "import_place_missing"
    if placed and not form.datum and "datum" not in there and told["datum"]["by"] != "sidecar":
        form.problems["datum"] = "import_datum_missing"


def options_of(form: ColumnsForm, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of :class:`~geosvc.registry.imports.facilities.FacilityOptions` that a form without problems says."""
    return {
        "mapping": {each["header"]: name for each, name in zip(told["headers"], form.fields, strict=True)}, "datum": form.datum or None,
        "layer": form.layer or None, "crs": form.crs.strip() or None, "default_class": class_of(code_in(form.default_class)).code if form.default_class else None,
        "without_positions": form.without_positions, "source": form.source,
    }


def samples(told: Mapping[str, Any], place: int) -> list[str]:
    """Return the first values of a column, shortened."""
    values = dict.fromkeys(row[place] for row in told["sample"] if place < len(row) and row[place])
    return [each if len(each) <= _LONGEST else f"{each[:_LONGEST]}…" for each in list(values)[:_SAMPLES]]


def class_text(code: str | None) -> str:
    """Return a class as the forms write it: code and name."""
    klass = facility_classes().get(code or "")
    return code or "" if klass is None else f"{klass.code} {klass.zh}"


def code_in(text: str) -> str:
    """Return what names the class in a text that begins with a code or is a name."""
    text = text.strip()
    first = text.split(maxsplit=1)[0] if text else ""
    return first if first.upper() in facility_classes() else text


# -- what is decided after a dry run ----------------------------------------------------------


@dataclass(kw_only=True)
class Decisions:
    """Answers of rows that wait, and classes of words; ``problems`` are words whose class is not one, with what was typed."""

    answers: dict[int, int | str] = field(default_factory=dict)
    source_types: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def read_decisions(sent: Mapping[str, str], options: Mapping[str, Any]) -> Decisions:
    """Return what a person has decided: what the form does not ask again stays as it was."""
    made = Decisions(answers={int(row): answer for row, answer in options["answers"].items()}, source_types=dict(options["source_types"]))
    for name, told in sent.items():
        kind, _, number = name.partition(".")
        if kind == "answer" and number.isdigit() and len(number) < 10:
            _answer(made, int(number), told)
        elif kind == "class" and f"word.{number}" in sent:
            _class(made, sent[f"word.{number}"], told.strip())
    return made


def _answer(made: Decisions, row: int, told: str) -> None:
    if told == NEW:
        made.answers[row] = NEW
    elif told.isascii() and told.isdigit() and len(told) < 19:
        made.answers[row] = int(told)
    else:
        made.answers.pop(row, None)


def _class(made: Decisions, word: str, told: str) -> None:
    made.source_types.pop(word, None)
    if not told:
        return
    try:
        made.source_types[word] = class_of(code_in(told)).code
    except InvalidInput:
        made.problems[word] = told


def words_of_classes(told: Mapping[str, Any], options: Mapping[str, Any], problems: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the words of the class column: those that nobody understands first, each with what was said of it."""
    entries = []
    for each in told["classes"]:
        said = options["source_types"].get(each["word"])
        klass = facility_classes()[said or each["class_code"]]
        entries.append({
            **each, "said": problems.get(each["word"], class_text(said)), "wrong": each["word"] in problems, "zh": klass.zh, "en": klass.en, "code": klass.code,
            "unknown": klass.code == UNCLASSIFIED and not each["left_out"] and said is None})
    return sorted(entries, key=lambda each: not (each["unknown"] or each["wrong"]))
