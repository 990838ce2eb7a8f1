"""Letters that the house's font lacks: another font draws them, if one of this machine can."""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from nnrun.plot.styles import STYLE

OWN = str(STYLE["font.family"])
NOTE = (
    "note: no font on this machine has all letters of the names: in PNG, PDF and GIF files they "
    "are boxes, in pages what their reader's fonts have; installing one such as Noto Sans CJK helps"
)


def find_letters(figure: Figure) -> None:
    """Give every text of a figure fonts that have its letters; say once if there are none."""
    for text in figure.findobj(Text):
        said = text.get_text()
        if not said.isascii():
            families, whole = _families(frozenset(c for c in said if c.isprintable()))
            if len(families) > 1:
                text.set_fontfamily(families)
            if not whole:
                _say_once()


@cache
def _families(letters: frozenset[str]) -> tuple[list[str], bool]:
    """Find fonts that have the letters between them, and whether they have all of them."""
    missing = {ord(c) for c in letters} - _letters(findfont(OWN))
    found = [OWN]
    while missing:
        name, has = max(
            ((font.name, missing & _letters(font.fname)) for font in _fonts()),
            key=lambda pair: len(pair[1]),
            default=("", set[int]()),
        )
        if not has:
            break
        found.append(name)
        missing -= has
    return found, not missing


def _fonts() -> Iterator[Any]:
    """Go through the upright fonts of this machine in one order, those without serifs first."""
    upright = [f for f in fontManager.ttflist if f.style == "normal" and "resort" not in _key(f)]
    return iter(sorted(upright, key=lambda f: ("sans" not in _key(f), f.name, f.fname)))


def _key(font: Any) -> str:
    return str(font.name).lower()


@cache
def _letters(path: str) -> frozenset[int]:
    """List the code points that a font has; none if it cannot be read."""
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _say_once() -> None:
    print(NOTE, file=sys.stderr, flush=True)
