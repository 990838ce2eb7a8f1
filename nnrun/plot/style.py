"""One palette, one style sheet, and one colour and dash a setting; loads no drawing library."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3.5,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.handlelength": 2.6,
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
    """

    color: str
    dark: str
    dashes: tuple[float, ...] = ()

    @property
    def matplotlib(self) -> dict[str, Any]:
        """The arguments that make a matplotlib line look so."""
        return {"color": self.color, "linestyle": (0, self.dashes) if self.dashes else "-"}


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
