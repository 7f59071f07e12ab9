"""What a facility is found by and where it stands in a list, derived from its name, aliases and identifiers.

It is stored beside each revision (see :class:`~geosvc.store.facilities.FacilityRevisionRow`) and is no content of it. A search
asks one text instead of four columns; capitals tell what stands in a text, as a word is always asked in small letters:

- ``search_text``: the name, then short name, aliases (small letters), then identifiers (large letters), each a line;
- ``search_sounds``: the initials of the name, then its pinyin, each syllable with a large letter in front, then what is
  written in Latin letters in name, short name and aliases (large letters), each a line: a word of letters asks this text alone.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from geosvc.store.pinyin import order_of, sounds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LETTERS = re.compile(r"[a-z]+")
# A word of so many letters is looked for anywhere in the sounds; a shorter one would find half of all through their pinyin.
_ANYWHERE = 3
# What a person may type between and instead of letters: xi'an, nü.
_TYPED = str.maketrans({"'": None, "’": None, "ü": "v"})
# Half a pair is no text that a database can hold.
_HALVES = re.compile("[\ud800-\udfff]")
_LARGE = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def plain(text: str) -> str:
    """Return a text in one spelling: width (NFKC), small letters, one line.

    >>> plain("ＩＣＵ 中心")
    'icu 中心'
    """
    if text.isascii():
        return text.lower().replace("\n", " ")
    return unicodedata.normalize("NFKC", _HALVES.sub("\ufffd", text)).lower().replace("\n", " ")


def search_columns(name: str, short_name: str | None, aliases: Sequence[str], identifiers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    r"""Return the derived columns of a revision.

    >>> search_columns("靖宇县医院", "县医院", ["ICU"], [{"scheme": "local", "value": "jg-7"}])["search_text"]
    '靖宇县医院\nicu\nJG-7\n'
    """
    text = f"{plain(name)}\n"
    for each in map(plain, (short_name or "", *aliases)):
        if each not in text:  # a part of the name is found in the name
            text += f"{each}\n"
    latin = " ".join(each for each in _LETTERS.findall(text) if len(each) >= _ANYWHERE)
    for identifier in identifiers:
        text += f"{plain(str(identifier.get('value', ''))).translate(_LARGE)}\n"
    return {"search_text": text, "search_sounds": f"\n{sounds_of(name)}\n{latin.translate(_LARGE)}", "name_order": order_of(name)}


def has_letters(word: str) -> bool:
    """Return whether a plain word holds a Latin letter, so that a large and a small one are to be told apart."""
    return any("a" <= each <= "z" for each in word)


def sound_pattern(word: str) -> str | None:
    r"""Return the pattern of GLOB by which ``search_sounds`` holds a plain word; None where the word is no pinyin.

    Three letters and more may begin at any syllable or initial, two only where the name begins: "yy" would find every
    hospital (医院). One letter is none.

    >>> sound_pattern("yy"), sound_pattern("wss"), sound_pattern("y"), sound_pattern("icu2")
    ('*\nY[yY]*', '*W[sS][sS]*', None, None)
    """
    typed = word.translate(_TYPED)
    if not _LETTERS.fullmatch(typed) or len(typed) < 2:
        return None
    begin = "" if len(typed) >= _ANYWHERE else "\n"
    return f"*{begin}{typed[0].upper()}{''.join(f'[{each}{each.upper()}]' for each in typed[1:])}*"


def is_in_sounds(word: str) -> bool:
    """Return whether ``search_sounds`` alone answers for a plain word."""
    return len(word) >= _ANYWHERE and _LETTERS.fullmatch(word) is not None
