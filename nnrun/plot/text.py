"""Text of a figure: names in lines that fit or cut so that they differ, and fonts for them."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import takewhile
from typing import Any
from unicodedata import combining, east_asian_width

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from nnrun.plot.style import STYLE
from nnrun.trials.progress import say

CUT = "…"


def cells(text: str) -> int:
    """Measure a text in widths of a letter: Chinese, Japanese and Korean ones take two.

    Example:
        >>> cells("lr=0.1"), cells("入力=x")
        (6, 6)
    """
    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def one_line(text: str) -> str:
    r"""Make a name safe for a figure: one line, and what cannot be seen as its escape.

    Example:
        >>> print(one_line("two\nlines"))
        two\nlines
    """
    seen = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    # a second space would be lost where text is laid out in lines
    return re.sub("^ | $| (?= )", "\N{NO-BREAK SPACE}", seen)


def wrapped(text: str, width: int) -> str:
    """Break a long name into lines: at spaces, else behind commas, slashes or underscores.

    Example:
        >>> print(wrapped("terms=[x,y,x*y,sin(x)] hidden=[4]", 16))
        terms=[x,y,x*y,
        sin(x)]
        hidden=[4]
    """
    lines = [""]
    for piece in _pieces(text, width):
        if lines[-1] and cells(lines[-1] + piece.rstrip(" ")) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip(" ") for line in lines) or " "


def told_apart(texts: Sequence[str], room: int) -> list[str]:
    """Cut long names from their middle, or around what they differ in; equal ones stay equal.

    Args:
        texts: As they shall be read.
        room: Letters that there is room for, see `cells`.

    Returns:
        The names in one line each, as many as ``texts``. Names that differ are different; where
        nothing else does it, a number in front tells them apart.

    Example:
        >>> told_apart(["[x,y,x*y,x**2,sin(x)]", "[x,y]", "[x,y,x*y,x**2,cos(x)]"], 18)
        ['[x,y,x*y,…,sin(x)]', '[x,y]', '[x,y,x*y,…,cos(x)]']
    """
    names = [one_line(text) for text in texts]
    several = list(dict.fromkeys(names))
    found = {name: name for name in several if cells(name) <= room}
    cut = _cut([name for name in several if name not in found], room)
    found |= {name: re.sub(f"{CUT}+", CUT, text) for name, text in cut.items()}
    if len(set(found.values())) < len(several) or max(map(cells, found.values())) > room:
        for number, name in enumerate(cut, start=1):
            found[name] = _middle(f"({number}) {name}", room, len(f"({number}) "))
    return [found[name] for name in names]


def in_lines(texts: Sequence[str], width: int, most: int) -> list[str]:
    """Break names into a few lines each; cut those that need more, see `told_apart`."""
    for room in range(width * most, width, -max(1, width // 8)):
        found = [wrapped(text, width) for text in told_apart(texts, room)]
        if all(text.count("\n") < most for text in found):
            return found
    return told_apart(texts, width)


def _pieces(text: str, width: int) -> Iterator[str]:
    """Split a name where it may be broken, into pieces that each fit into a line."""
    for word in re.findall("[^ ]+ *| +", text):
        parts = [word] if cells(word.rstrip(" ")) <= width else re.split("(?<=[,/_])", word)
        for part in parts:
            while cells(part.rstrip(" ")) > width:
                head = _head(part, width)
                yield head
                part = part[len(head) :]
            yield part


def _cut(names: Sequence[str], room: int) -> dict[str, str]:
    """Cut names that are too long; those that their ends do not tell apart, around a difference."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_middle(name, room), []).append(name)
    found: dict[str, str] = {}
    for text, group in groups.items():
        found |= {group[0]: text} if len(group) == 1 else _around(group, room)
    return found


def _around(group: Sequence[str], room: int) -> dict[str, str]:
    """Show where names begin to differ, with as much before and behind it as there is room for."""
    start = _alike(group)
    rest = [name[start:] for name in group]
    end = _alike([text[::-1] for text in rest])
    longest = max(cells(text[: len(text) - end]) for text in rest)
    spare = max(0, room - 2 - longest)
    before = min(start, (spare + 1) // 2)
    before -= 0 < before < start and group[0][start - before] in ",/"
    behind = min(end, spare - before)
    shown = {n: n[start - before : len(n) - end + behind] for n in group}
    marks = CUT * (before < start), CUT * (behind < end)
    inner = _cut([text for text in shown.values() if cells(text) > room - 2], room - 2)
    return {name: f"{marks[0]}{inner.get(text, text)}{marks[1]}" for name, text in shown.items()}


def _alike(texts: Sequence[str]) -> int:
    """Count the letters at the beginning that all texts share."""
    return sum(1 for _ in takewhile(lambda at: len(set(at)) == 1, zip(*texts, strict=False)))


def _middle(name: str, room: int, keep: int = 0) -> str:
    """Cut a name's middle, so that at least ``keep`` letters of its beginning stay."""
    if cells(name) <= room:
        return name
    # the end of a path says more than its beginning
    head = _head(name, max(room // 4 if "/" in name else room // 2, keep))
    if not keep:
        head = _whole(head)
    tail = _head(name[::-1], max(room - 1 - cells(head), 0))
    return f"{head}{CUT}{_whole(tail)[::-1]}"


def _whole(text: str) -> str:
    """Drop the beginning of a term or of a folder's name, if no more than a third goes with it."""
    last = max(text.rfind(","), text.rfind("/"), text.rfind(" "))
    return text[: last + 1] if last + 1 >= 2 * len(text) / 3 else text


def _head(text: str, room: int) -> str:
    """Take as many letters as there is room for, at least one."""
    taken = 1
    while taken < len(text) and cells(text[: taken + 1]) <= room:
        taken += 1
    return text[:taken]


OWN = str(STYLE["font.family"])
NOTE = (
    "note: no font on this machine has all letters of the names: in PNG, PDF and GIF files they "
    "are boxes, in pages what their reader's fonts have; installing one such as Noto Sans CJK helps"
)


def find_letters(drawn: Figure | Axes) -> None:
    """Give every text of a figure fonts that have its letters; say once if there are none."""
    for text in _texts(drawn):
        said = text.get_text()
        if not said.isascii():
            first = tuple(text.get_fontfamily())
            families, whole = _families(frozenset(c for c in said if c.isprintable()), first)
            if len(families) > len(first):
                text.set_fontfamily(families)
            if not whole:
                say(NOTE)


def _texts(artist: Artist) -> Iterator[Text]:
    """Yield the texts of an artist; ticks of scales that are not drawn would be made in vain."""
    for child in artist.get_children():
        if isinstance(child, Text):
            yield child
        elif not isinstance(child, Axis) or child.axes.axison:
            yield from _texts(child)


@cache
def _families(letters: frozenset[str], first: tuple[str, ...] = (OWN,)) -> tuple[list[str], bool]:
    """Find fonts that have the letters between them, and whether they have all of them."""
    missing, found = {ord(c) for c in letters}, list(first)
    for name in first if OWN in first else (*first, OWN):
        has = missing & _letters(findfont(FontProperties(family=[name])))
        found += [name] if has and name not in first else []
        missing -= has
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
