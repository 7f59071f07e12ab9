"""A font of this machine that has Chinese: what is drawn on paper carries its letters with it, so there must be one."""

from __future__ import annotations

import os
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from geosvc.errors import FontMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# By how well they read on paper. All have TrueType outlines: those of fonts-noto-cjk (CFF) cannot be embedded.
KNOWN = (
    "NotoSansSC-Regular.ttf", "SourceHanSansSC-Regular.ttf", "msyh.ttc", "wqy-microhei.ttc", "Deng.ttf", "wqy-zenhei.ttc",
    "simhei.ttf", "STHeiti Light.ttc", "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf", "simsun.ttc", "uming.ttc",
    "Arial Unicode.ttf",
)
_PROBE = "覆盖人口"
_CURE = ("install one and ask again (Debian, Ubuntu, 麒麟, 统信: fonts-wqy-microhei; Fedora, openEuler: wqy-microhei-fonts), "
         "or name a TrueType font in GEOSVC_FONT")


def folders() -> tuple[Path, ...]:
    """Return where this machine keeps its fonts."""
    home = Path.home()
    windows = Path(os.environ.get("WINDIR", "C:/Windows"))
    return (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts",
            windows / "Fonts", Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")


class Fonts:
    """The fonts to write with, the best first; a letter that one lacks is taken from the next.

    Parameters
    ----------
    files : sequence of Path
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._fonts = [font for font in map(_registered, files) if font is not None]
        self._cmaps = [font.face.charToGlyph for font in self._fonts]

    def __bool__(self) -> bool:
        return bool(self._fonts) and all(self._at(letter) is not None for letter in _PROBE)

    @property
    def first(self) -> str:
        """The name of the best font, for a page before anything is written."""
        return str(self._fonts[0].fontName)

    def _at(self, letter: str) -> int | None:
        return next((i for i, cmap in enumerate(self._cmaps) if ord(letter) in cmap), None)

    def pieces(self, text: str) -> list[tuple[str, str]]:
        """Return (name of a font, piece of the text) in order.

        Raises
        ------
        FontMissing
            If no font has a letter: a box is never written in its place.
        """
        found: list[tuple[str, str]] = []
        for letter in printable(text):
            place = self._at(letter)
            if place is None:
                raise FontMissing(
                    f"no font of this machine has the character {letter!r} (U+{ord(letter):04X}) of {text[:40]!r}; {_CURE}")
            name = self._fonts[place].fontName
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1] + letter)
            else:
                found.append((name, letter))
        return found

    def width(self, text: str, size: float) -> float:
        """Return how wide a text is, in points."""
        return sum(pdfmetrics.stringWidth(piece, name, size) for name, piece in self.pieces(text))


def printable(text: str) -> str:
    r"""Return a text without what has no shape: control characters, joiners, spaces of other widths.

    Examples
    --------
    >>> printable("a\tb\u200bc\u00a0d")
    'a bc d'
    """
    kept = []
    for letter in text:
        kind = unicodedata.category(letter)
        if kind in ("Cc", "Zs", "Zl", "Zp"):
            kept.append(" ")
        elif kind not in ("Cf", "Cs", "Co", "Cn"):
            kept.append(letter)
    return "".join(kept)


def fonts_of_machine(named: str = "") -> Fonts:
    """Return the fonts to write with: the one that the settings name first, then those known of this machine.

    Raises
    ------
    FontMissing
        If none of them has Chinese, or the one that the settings name cannot be used.
    """
    own = [Path(named)] if named else []
    if named and not Fonts(own):
        raise FontMissing(f"the font {named!r} (GEOSVC_FONT) is not there, cannot be embedded, or has no Chinese: it must be a TrueType font, .ttf or .ttc")
    found = Fonts([*own, *_known_files(folders())])
    if not found:
        raise FontMissing(f"this machine has no Chinese TrueType font, so a sheet would show boxes in place of characters; {_CURE}")
    return found


def has_fonts(named: str = "") -> bool:
    """Return whether a sheet can be written on this machine."""
    try:
        fonts_of_machine(named)
    except FontMissing:
        return False
    return True


def _known_files(places: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the known fonts, the best first; looked up each time, for one may be installed while the server runs."""
    there = {path.name.lower(): path for place in reversed(places) for path in _files_under(place)}
    return tuple(there[name.lower()] for name in KNOWN if name.lower() in there)


def _files_under(place: Path) -> Iterator[Path]:
    for folder, _inner, names in os.walk(place):
        for name in sorted(names, reverse=True):
            yield Path(folder) / name


@lru_cache(maxsize=32)
def _registered(path: Path) -> TTFont | None:
    """Return a font known to reportlab; None if it is not there or cannot be embedded."""
    try:
        font = TTFont(f"geosvc-{path.stem.replace(' ', '')}", str(path), subfontIndex=0)
    except (TTFError, OSError):
        return None
    pdfmetrics.registerFont(font)
    return font
