"""One palette, one style sheet, and one colour and dash a setting; loads no drawing library."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

INK, MUTED, GRID = "#1c2127", "#5b6571", "#dde2e7"
PAPER = "#fffffe"
"""What a hollow marker is filled with: the ground that a page puts under its figures."""

SOONER, LATER, VAGUE = "#0072b2", "#d55e00", "#98a1ab"
"""Markers of what arrives sooner or later, and of what nothing can be said about."""

ON_LIGHT, ON_DARK = "#16191d", "#fdfdfd"
"""Numbers inside a coloured cell; unlike ``INK`` they don't follow a page's light and dark."""

BAND_ALPHA = 0.14
TRACE_ALPHA = 0.22

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.titlesize": 9.0,
    "axes.titlecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3.5,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.2,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "nnrun",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}


@dataclass(frozen=True)
class LineStyle:
    """How a setting is drawn, in every figure.

    Attributes:
        color: Hex colour for light paper.
        dark: Hex colour for a dark screen.
        dashes: Lengths on and off in points; empty for a solid line.
        means: What the colour says, and what the dashes do, such as ("lr=0.1", "hidden=[4]"),
            where two factors vary; empty where both together say which setting it is.
    """

    color: str
    dark: str
    dashes: tuple[float, ...] = ()
    means: tuple[str, ...] = ()

    @property
    def matplotlib(self) -> dict[str, Any]:
        """The arguments that make a matplotlib line look so."""
        return {"color": self.color, "linestyle": (0, self.dashes) if self.dashes else "-"}

    @property
    def place(self) -> int:
        """Which colour of the palette it has."""
        return [style.dark for style in LINE_STYLES].index(self.dark)


# After Okabe and Ito's palette for colour-blind readers; a neutral baseline, and no yellow, which
# paper does not carry. Dashes tell apart what grey print does not.
LINE_STYLES = (
    LineStyle("#4a5058", "#c3cad2"),
    LineStyle("#0072b2", "#4fb0ea"),
    LineStyle("#d55e00", "#ff8f45", (6.0, 1.8)),
    LineStyle("#00875f", "#2fc797", (1.4, 1.4)),
    LineStyle("#b0498a", "#e28cc1", (6.0, 1.6, 1.4, 1.6)),
    LineStyle("#c98500", "#f2b63c", (3.2, 1.4)),
    LineStyle("#3b9bd0", "#8fd0f5", (9.0, 2.4)),
    LineStyle("#7a5230", "#c9a27d", (3.2, 1.2, 1.2, 1.2, 1.2, 1.2)),
)


def styles(settings: Sequence[str]) -> dict[str, LineStyle]:
    """Give each shown setting its colour and dashes, the first being the baseline.

    Raises:
        ValueError: If there are more settings than a reader can tell apart.
    """
    if len(settings) > len(LINE_STYLES):
        raise ValueError(f"settings: {len(settings)} received, at most {len(LINE_STYLES)} fit")
    return dict(zip(settings, LINE_STYLES, strict=False))


DASHES = ((), (5.0, 1.8), (1.4, 1.4), (6.0, 1.6, 1.4, 1.6))
"""Lines that are told apart whatever their colour."""


def styles_of_two(
    levels: Mapping[str, tuple[str, str]], said: Sequence[str]
) -> dict[str, LineStyle] | None:
    """Give one of two factors its colours and the other its dashes.

    Args:
        levels: By setting its level of the first and of the second factor.
        said: What the two are called.

    Returns:
        By setting how it looks; None if there are more levels than a reader can tell apart, or
        only one of either.
    """
    first, second = (list(dict.fromkeys(pair[i] for pair in levels.values())) for i in (0, 1))
    swap = len(second) > len(first)
    colours, dashes = (second, first) if swap else (first, second)
    palette = LINE_STYLES[1:]  # grey is left to the keys of the dashes
    if not (1 < len(colours) <= len(palette) and 1 < len(dashes) <= len(DASHES)):
        return None
    found = {}
    for setting, pair in levels.items():
        hue, line = pair[swap], pair[not swap]
        means = f"{said[swap]}={hue}", f"{said[not swap]}={line}"
        style = palette[colours.index(hue)]
        found[setting] = replace(style, dashes=DASHES[dashes.index(line)], means=means)
    return found


def keys_of_two(looks: Iterable[LineStyle]) -> tuple[dict[str, LineStyle], dict[str, LineStyle]]:
    """List what colours mean, as solid lines, and what dashes do, as lines without a colour."""
    colours: dict[str, LineStyle] = {}
    dashes: dict[str, LineStyle] = {}
    for style in looks:
        colours.setdefault(style.means[0], replace(style, dashes=(), means=()))
        dashes.setdefault(style.means[1], replace(LINE_STYLES[0], dashes=style.dashes))
    by_place = sorted(colours.items(), key=lambda pair: pair[1].place)
    by_dash = sorted(dashes.items(), key=lambda pair: DASHES.index(pair[1].dashes))
    return dict(by_place), dict(by_dash)
