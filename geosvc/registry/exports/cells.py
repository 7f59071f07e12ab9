"""What one cell of an exported table holds, both ways.

Text stays text: one that a spreadsheet would take for a formula is written with an apostrophe
before it, which the importer takes off again. Groups (beds, staff, capabilities …) are one cell
that a person can edit, ``编制床位:120; 2025年规划床位:150; 发热门诊=有 (date=2024-05-01)``; what cannot
be said so is written as JSON, so that reading always gives back exactly what was written.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from geosvc.errors import InvalidInput

# A spreadsheet computes what begins with these; the full-width ones are typed in Chinese and taken for the same.
_FORMULA_BEGINS = "=+-@＝＋－＠"
# More digits than a spreadsheet keeps of a number.
_FEWEST_LOST = 16
_LOST_DIGITS = re.compile(rf"\d{{{_FEWEST_LOST},}}")
# XML has no such characters, a database no halves of a pair.
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_SPECIAL = ';；:：=＝()（）,，"\n'
_TOKEN = re.compile(rf'[^\S\n]*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark>[{_SPECIAL}])|(?P<bare>[^{_SPECIAL}]+))')
_YEAR_OF = re.compile(r"(\d{4})年(.+)")
_ENDS, _ASSIGNS, _OPENS, _CLOSES, _ALSO = ";；\n", ":：=＝", "(（", ")）", ",，"


@cache
def choices(name: str) -> dict[str, str]:
    """Return the words of a code list by code."""
    return {str(code): str(word) for code, word in _document()[name].items()}


def offered(name: str) -> list[str]:
    """Return the words that a drop-down offers for a field of free text."""
    return list(_document()["offered"][name])


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("geosvc.registry").joinpath("codes/choices.toml").read_text("utf-8"))


@cache
def _codes(name: str) -> dict[str, str]:
    return {word: code for code, word in choices(name).items()}


def code_of(name: str, word: str) -> str:
    """Return the code that a word of a list means; any other text is returned as it is."""
    return _codes(name).get(word, word)


# -- text ------------------------------------------------------------------------------------


def tidy(text: str | None) -> str:
    r"""Return text as a table can hold it: lines end with a line feed, no control characters, no blanks around it.

    Examples
    --------
    >>> tidy(" 一\r\n二\x00 ")
    '一\n二'
    """
    if not text:
        return ""
    if not text.isprintable():
        text = _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip()


def guarded(text: str, *, computed: bool = True) -> str:
    """Return a tidy text so that no spreadsheet computes it or cuts its digits.

    ``computed`` is False where cells have a type of their own (.xlsx) or nobody computes (map
    files): only what the importer would take for guarded is guarded there.

    Examples
    --------
    >>> guarded("=1+1"), guarded("县医院"), guarded("'=1"), guarded("=1+1", computed=False)
    ("'=1+1", '县医院', "''=1", '=1+1')
    """
    if len(text) < _FEWEST_LOST and text.isalnum():  # nearly every cell
        return text
    if text and (_is_guarded(text) or (computed and (text[0] in _FORMULA_BEGINS or _LOST_DIGITS.fullmatch(text)))):
        return f"'{text}"
    return text


def unguarded(cell: str) -> str:
    """Return the text that was written as a cell, tidy."""
    text = tidy(cell)
    return text[1:] if _is_guarded(text) else text


def _is_guarded(text: str) -> bool:
    return text[:1] == "'" and (text[1:2] in tuple(f"{_FORMULA_BEGINS}'") or _LOST_DIGITS.fullmatch(text[1:]) is not None)


# -- groups ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Group:
    """How a list of entries is written: ``label:value (more=…)``, a year before the label.

    ``words`` and ``value_words`` name the code lists whose words are shown; ``textual`` values
    are never numbers; ``always`` is in every entry that is read.
    """

    what: str
    label: str
    value: str
    words: str | None = None
    value_words: str | None = None
    assign: str = ":"
    textual: bool = False
    count: bool = False
    always: dict[str, Any] = field(default_factory=dict)
    example: str = ""

    def written(self, entries: list[dict[str, Any]]) -> str:
        """Return the cell; JSON where entries cannot be said in words."""
        if not entries:
            return ""
        try:
            text = tidy("; ".join(self._entry(each) for each in entries))
            if self.read(text) == entries:
                return text
        except (InvalidInput, KeyError, TypeError, AttributeError, ValueError):
            pass
        return json.dumps(entries, ensure_ascii=True)

    def _entry(self, entry: dict[str, Any]) -> str:
        label = _shown(entry[self.label], self.words, textual=True)
        year = entry.get("year")
        rest = {
            name: value for name, value in entry.items()
            if name not in (self.label, self.value) and not (name == "year" and (isinstance(year, int) or year is None))
            and not (name in self.always and value == self.always[name])
        }
        more = ", ".join(f"{_shown(name, None, textual=True)}={_shown(value, None)}" for name, value in rest.items())
        before = f"{year}年" if isinstance(year, int) else ""
        value = _shown(entry[self.value], self.value_words, textual=self.textual)
        return f"{before}{label}{self.assign}{value}" + (f" ({more})" if more else "")

    def read(self, text: str) -> list[dict[str, Any]]:
        """Return the entries of a cell.

        Raises
        ------
        InvalidInput
            If it cannot be understood; the message shows how it is written.
        """
        if not text:
            return []
        if text[0] == "[":
            return _entries_of_json(text, self.what)
        return [self._read_entry(tokens, text) for tokens in _split(text, self.what)]

    def _read_entry(self, tokens: list[tuple[str, str]], text: str) -> dict[str, Any]:
        kinds = [kind for kind, _ in tokens]
        if len(tokens) < 3 or kinds[0] == "mark" or tokens[1][1] not in _ASSIGNS or kinds[2] == "mark":
            raise self._unclear(text)
        entry = dict(self.always)
        label = _text_of(tokens[0])
        dated = _YEAR_OF.fullmatch(label) if kinds[0] == "bare" else None
        if dated:
            entry["year"], label = int(dated[1]), dated[2].strip()
        entry[self.label] = code_of(self.words, label) if self.words and kinds[0] == "bare" else label
        value = _text_of(tokens[2]) if self.textual else _value_of(tokens[2])
        if self.value_words and kinds[2] == "bare" and isinstance(value, str):
            value = code_of(self.value_words, value)
        if self.count and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise InvalidInput(f"{self.what}: {_text_of(tokens[0])} must be a whole number of 0 or more, got {_text_of(tokens[2])!r}")
        entry[self.value] = value
        entry.update(self._more(tokens[3:], text))
        return entry

    def _more(self, tokens: list[tuple[str, str]], text: str) -> dict[str, Any]:
        if not tokens:
            return {}
        if tokens[0][1] not in _OPENS or tokens[-1][1] not in _CLOSES or tokens[-1][0] != "mark":
            raise self._unclear(text)
        inner = tokens[1:-1]
        more: dict[str, Any] = {}
        for start in range(0, len(inner), 4):
            part = inner[start : start + 4]
            wellformed = len(part) >= 3 and part[0][0] != "mark" and part[1][1] in _ASSIGNS and part[2][0] != "mark"
            if not wellformed or (len(part) == 4 and (part[3][1] not in _ALSO or start + 4 == len(inner))):
                raise self._unclear(text)
            more[_text_of(part[0])] = _value_of(part[2])
        return more

    def _unclear(self, text: str) -> InvalidInput:
        return InvalidInput(f"{self.what} {text[:60]!r} is not understood; write it as {self.example}")


def _shown(value: Any, words: str | None, *, textual: bool = False) -> str:
    """Return a word or a value; quoted where it would be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = choices(words).get(value, value) if words else value
    plain_word = text and text == tidy(text) and not any(mark in text for mark in _SPECIAL + "'[{")
    if plain_word and (textual or not (_NUMBER.fullmatch(text) or text in ("true", "false", "null"))):
        return text
    return json.dumps(text, ensure_ascii=False)


def _split(text: str, what: str) -> list[list[tuple[str, str]]]:
    """Return the tokens of each entry; entries end with ; or at the end of a line."""
    parts: list[list[tuple[str, str]]] = [[]]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if text[at:].strip():
                raise InvalidInput(f"{what} {text[:60]!r}: a quotation mark is not closed")
            break
        at = match.end()
        kind = str(match.lastgroup)
        token = match[kind].strip() if kind == "bare" else match[kind]
        if kind == "bare" and not token:
            continue
        if kind == "mark" and token in _ENDS:
            parts.append([])
        else:
            parts[-1].append((kind, token))
    return [part for part in parts if part]


def _text_of(token: tuple[str, str]) -> str:
    kind, text = token
    if kind != "quoted":
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        raise InvalidInput(f"{text} is not a text in quotation marks") from None


def _value_of(token: tuple[str, str]) -> Any:
    kind, text = token
    if kind == "bare" and (_NUMBER.fullmatch(text) or text in ("true", "false", "null")):
        return json.loads(text)
    return _text_of(token)


def _entries_of_json(text: str, what: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput(f"{what} begins with [ but is not a list of objects in JSON")
    return found


def written_list(texts: list[str]) -> str:
    """Return a list of texts as one cell.

    Examples
    --------
    >>> written_list(["县医院", "人民医院; 本部"])
    '县医院; "人民医院; 本部"'
    """
    cell = tidy("; ".join(_listed(each) for each in texts))
    return cell if read_list(cell) == texts else json.dumps(texts, ensure_ascii=True)


def _listed(text: str) -> str:
    awkward = not text or text != tidy(text) or any(mark in text for mark in ';；"\n') or text[0] in "['"
    return json.dumps(text, ensure_ascii=False) if awkward else text


def read_list(cell: str) -> list[str]:
    """Return the texts of a cell that holds a list.

    Raises
    ------
    InvalidInput
    """
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found
    parts = re.findall(r'\s*("(?:[^"\\]|\\.)*"|[^;；\n]*)\s*(?:[;；\n]|$)', cell)
    found = []
    for part in filter(None, (each.strip() for each in parts)):
        quoted = len(part) > 1 and part[0] == part[-1] == '"'
        found.append(_text_of(("quoted", part)) if quoted else part)
    return found


BEDS = Group(what="床位明细", label="kind", value="count", words="bed_kind", count=True, always={"year": None},
             example="编制床位:120; 实有床位:98; 2025年规划床位:150")
STAFF = Group(what="人员明细", label="cadre", value="count", words="cadre", count=True, example="医师:12; 2024年护士:20")
VEHICLES = Group(what="车辆明细", label="kind", value="count", count=True, example="救护车:2; 采血车:1")
CAPABILITIES = Group(what="能力明细", label="code", value="value", words=None, value_words="answer", assign="=",
                     example="发热门诊=有; 中医馆=未知 (date=2024-05-01)")
RELATIONS = Group(what="关系明细", label="kind", value="facility_id", words="relation",
                  example="隶属:12 (from=2020-01-01); 对口支援:3")
IDENTIFIERS = Group(what="其他标识", label="scheme", value="value", textual=True, example="local:0042; 医保:H22062200012")
_CONTACT = Group(what="联系明细", label="key", value="value", words="contact", example='开放时间:"8:00-17:00"; 负责人:王某')


def written_contact(contact: dict[str, Any]) -> str:
    """Return what is known of a contact besides its telephone as one cell."""
    return _CONTACT.written([{"key": key, "value": value} for key, value in contact.items()])


def read_contact(cell: str) -> dict[str, Any]:
    """Return a contact of a cell.

    Raises
    ------
    InvalidInput
    """
    return {str(each["key"]): each["value"] for each in _CONTACT.read(cell)}
