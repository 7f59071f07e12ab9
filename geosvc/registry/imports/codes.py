"""Codes out of cells: what a spreadsheet did to them, and the check digit of GB 32100."""

from __future__ import annotations

import re

from geosvc.errors import InvalidInput

# GB 32100-2015: 18 characters without I, O, S, V, Z; the last is the check character.
_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LENGTH = 18
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d+", re.IGNORECASE)
_FORMAT_AS_TEXT = "format the column as text in the spreadsheet and type or paste the code again"


def check_undamaged(text: str, what: str) -> None:
    """Refuse a code that a spreadsheet has turned into a number: its last digits are lost.

    Raises
    ------
    InvalidInput
    """
    scientific = _SCIENTIFIC.fullmatch(text) is not None
    # 15 digits are all that a spreadsheet keeps of a number; a code may end so by itself, then its check digit fits.
    zeroed = len(text) == _LENGTH and text.isdigit() and text.endswith("000") and not has_check_character(text)
    if scientific or zeroed:
        how = "it stands there as a number" if scientific else "its last digits became zeros"
        raise InvalidInput(f"{what} {text!r} was damaged by a spreadsheet ({how}, and digits are lost); {_FORMAT_AS_TEXT}")


def has_check_character(code: str) -> bool:
    """Return whether a unified social credit code (统一社会信用代码) ends with the character that GB 32100 asks for.

    Examples
    --------
    >>> has_check_character("91350100M000100Y43"), has_check_character("91350100M000100Y44")
    (True, False)
    """
    code = code.upper()
    if len(code) != _LENGTH or any(each not in _CHARACTERS for each in code):
        return False
    total = sum(_CHARACTERS.index(each) * pow(3, place, 31) for place, each in enumerate(code[:-1]))
    return _CHARACTERS[-total % 31] == code[-1]
