"""Which settings are drawn together: all in one panel, small multiples, or a telling few."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.plot.axes import WIDE, height, letters_wide, points, write
from nnrun.plot.colours import toned
from nnrun.plot.fit import ABOVE, inches, lift_legend
from nnrun.plot.style import LINE_STYLES, LineStyle, keys_of_two, styles, styles_of_two
from nnrun.plot.text import cells, one_line, wrapped
from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import levels, names
from nnrun.statistics.summary import SHOWN, shown
from nnrun.text import setting_name

MOST_PANELS = 6


@dataclass(frozen=True)
class Layout:
    """Which settings stand in which panel, and how each is drawn, in every figure alike.

    Attributes:
        panels: By title the settings of a panel, in order; a lone panel has no title.
        line_styles: How each setting is drawn, panel by panel. Over all panels equal levels of
            the keys that remain look alike.
        labels: What a setting's line is called: in one panel by its label, in several by what
            the panel's title does not say.
        key: The dotted key that tells the panels apart; None for one panel.
        left_out: How many trained settings are in no panel.
    """

    panels: Mapping[str, tuple[str, ...]]
    line_styles: Mapping[str, LineStyle]
    labels: Mapping[str, str]
    key: str | None = None
    left_out: int = 0

    @property
    def legend(self) -> dict[str, LineStyle]:
        """The distinct names of lines, in the order of the palette; none of a lone line."""
        if len(set(self.line_styles.values())) < 2:
            return {}
        if two_factors(self.line_styles.values()):
            colours, dashes = keys_of_two(self.line_styles.values())
            return colours | dashes
        named = {self.labels[s]: style for s, style in self.line_styles.items()}
        return dict(sorted(named.items(), key=lambda pair: LINE_STYLES.index(pair[1])))


def layout(summary: pd.DataFrame, sweep: Sweep, facet: str | None = None) -> Layout:
    """Decide which settings are drawn together.

    Up to eight settings share one panel. Of more, the factor is sought whose levels make the
    fewest panels, six at most, with eight lines or fewer in each. Without one, a panel shows the
    selection of `nnrun.statistics.summary.shown`.

    Raises:
        InputError: If ``facet`` is no factor, or would leave too many lines in a panel.
    """
    trained = [str(s) for s in summary.loc[summary["seeds"] > 0, "setting"]]
    if facet is not None:
        return _asked(trained, sweep, facet)
    if len(trained) > SHOWN:
        found = [_faceted(trained, sweep, key) for key in names(sweep)]
        fitting = [one for one in found if one and len(one.panels) <= MOST_PANELS]
        if fitting:
            return min(fitting, key=lambda one: len(one.panels))
    return one_panel(summary, sweep)


def one_panel(summary: pd.DataFrame, sweep: Sweep) -> Layout:
    """Put all settings into one panel, or of more than eight a selection."""
    chosen, about = shown(summary), summary.set_index("setting")["label"]
    labels = {name: setting_name(about[name]) for name in chosen}
    left_out = int((summary["seeds"] > 0).sum()) - len(chosen)
    return Layout({"": tuple(chosen)}, _looks(chosen, sweep), labels, left_out=left_out)


def _looks(chosen: Sequence[str], sweep: Sweep) -> dict[str, LineStyle]:
    """Give settings their looks: colour and dashes by two factors, where exactly two vary."""
    said, table = list(names(sweep)), levels(sweep)
    if len(said) != 2:
        return styles(chosen)
    pairs = {s: (str(table[said[0]][s]), str(table[said[1]][s])) for s in chosen}
    return _by_two(pairs, list(names(sweep).values())) or styles(chosen)


def _by_two(
    pairs: Mapping[str, tuple[str, str]], said: Sequence[str]
) -> dict[str, LineStyle] | None:
    """Find looks by two factors that tell all lines apart."""
    return styles_of_two(pairs, said) if len(set(pairs.values())) == len(pairs) else None


def _asked(trained: Sequence[str], sweep: Sweep, facet: str) -> Layout:
    """Make a panel of each level of the factor that was asked for."""
    said = names(sweep)
    key = facet if facet in said else {name: key for key, name in said.items()}.get(facet)
    if key is None:
        hint = did_you_mean(facet, said.values()) if said else "nothing varies but the seed"
        raise InputError(Issue("facet", facet, "is not a key that varies", hint))
    found = _faceted(trained, sweep, key)
    if found is None:
        rule = f"leaves more than {SHOWN} lines to a panel, or two that no other key tells apart"
        raise InputError(Issue("facet", facet, rule, "leave facet out, or name another key"))
    return found


def _faceted(trained: Sequence[str], sweep: Sweep, key: str) -> Layout | None:
    """Make a panel of each level of a factor; None if its lines could not be told apart."""
    said, table = names(sweep), levels(sweep).loc[list(trained)]
    others = [other for other in said if other != key]
    rest = {
        setting: " ".join(f"{said[o]}={row[o]}" for o in others)
        for setting, row in table.to_dict("index").items()
    }
    lines = list(dict.fromkeys(rest.values()))
    titles = {setting: f"{said[key]}={level}" for setting, level in table[key].items()}
    if len(lines) > SHOWN or len(set(zip(titles.values(), rest.values(), strict=True))) < len(rest):
        return None
    looks = styles(lines)
    if len(others) == 2:
        pairs = {rest[s]: (str(row[others[0]]), str(row[others[1]])) for s, row in table.iterrows()}
        looks = _by_two(pairs, [said[other] for other in others]) or looks
    panels: dict[str, tuple[str, ...]] = {}
    for setting, title in titles.items():
        panels[title] = (*panels.get(title, ()), str(setting))
    drawn = [setting for panel in panels.values() for setting in panel]
    labels = {setting: rest[setting] or titles[setting] for setting in drawn}
    return Layout(panels, {s: looks[rest[s]] for s in drawn}, labels, key)


DIRECT_CHARACTERS = 20  # longest line of a label that is written beside its curve
ROW = 13.0  # points from one row of counts at risk, or one line label, to the next
_LETTER = 0.58  # of its height, which a letter takes across
_BESIDE = 0.35  # inches left of an axis, below which its legend does not stand
LOST = "diverged at once"  # said of a line that has no point


def name_lines(
    ax: Axes,
    ends: Mapping[str, tuple[float, float]],
    line_styles: Mapping[str, LineStyle],
    labels: Mapping[str, str],
) -> None:
    """Name lines at their ends where the names fit without collision, else in a legend."""
    if len(ends) < 2 or not labels:
        return
    looks = [line_styles[s] for s in ends]
    if two_factors(looks):
        _legend(ax, [], looks)
        return
    names = {s: one_line(labels[s]) for s in ends}
    beside = {s: wrapped(name, DIRECT_CHARACTERS) for s, name in names.items()}
    rows = {s: text.count("\n") + 1 for s, text in beside.items()}
    right = ax.get_xlim()[1]
    fits = letters_wide(ax) > WIDE and max(rows.values()) <= 2
    fits = fits and all(x == right and np.isfinite(y) for x, y in ends.values())
    if fits and _apart(ax, [(y, rows[s]) for s, (_, y) in ends.items()]):
        for setting, (x, y) in ends.items():
            _direct_label(ax, x, y, beside[setting], line_styles[setting])
    else:
        drawn = [f"{name} ({LOST})" if np.isnan(ends[s][0]) else name for s, name in names.items()]
        _legend(ax, drawn, looks)


def two_factors(looks: Iterable[LineStyle]) -> bool:
    """Whether colours and dashes say which levels of two factors lines have."""
    return all(style.means for style in looks)


def legend_below(figure: Figure, lay: Layout) -> None:
    """Name the lines of all panels of a figure, once, below them; lone lines need no names."""
    if lay.legend:
        looks, several = list(lay.line_styles.values()), list[str]()
        if not two_factors(looks):
            looks, several = list(lay.legend.values()), [one_line(name) for name in lay.legend]
        place: dict[str, Any] = {"loc": "outside lower left", "borderpad": 0}
        lines, texts, how = _entries(several, looks, figure.get_figwidth())
        fill(figure.legend(lines, [" "] * len(texts), **place, **how), texts)


def _entries(
    names: Sequence[str], looks: Sequence[LineStyle], wide: float
) -> tuple[list[Line2D], list[str], dict[str, Any]]:
    """Lay out a legend row by row: its lines, their names, and how they stand."""
    groups, how = [dict(zip(names, looks, strict=True))] if names else [], dict[str, Any]()
    if not names:  # of two factors, what each is called stands above
        both = keys_of_two(looks)
        said = [one_line(next(iter(found)).split("=")[0]) for found in both]
        how |= {"title": f"colour: {said[0]} · line: {said[1]}", "alignment": "left"}
        how |= {"title_fontproperties": {"size": points(8)}}
        groups = [{one_line(k.split("=", 1)[1]): style for k, style in g.items()} for g in both]
    _, columns = legend_columns([name for group in groups for name in group], wide)
    columns = min(columns, max(map(len, groups)))
    rows: list[tuple[str, Line2D]] = []
    for group in groups:
        texts, _ = legend_columns(list(group), wide)
        rows += zip(texts, _lines(list(group.values())), strict=True)
        rows += [("", Line2D([], [], linestyle="none"))] * (-len(group) % columns)
    entries = [row for column in range(columns) for row in rows[column::columns]]
    return [line for _, line in entries], [text for text, _ in entries], {**how, "ncols": columns}


def _apart(ax: Axes, places: Sequence[tuple[float, int]]) -> bool:
    """Whether labels at these values, of so many rows each, keep clear of each other."""
    to_axes = ax.transData - ax.transAxes
    right, high = ax.get_xlim()[1], 72 * height(ax)
    at = [(high * to_axes.transform((right, y))[1], n) for y, n in sorted(places)]
    return all(
        above - below >= points(ROW) * (m + n) / 2 for (below, m), (above, n) in pairwise(at)
    )


def _direct_label(ax: Axes, x: float, y: float, name: str, style: LineStyle) -> None:
    stub: dict[str, Any] = {
        "arrowstyle": "-",
        "color": style.color,
        "linewidth": 1.2,
        "shrinkA": 0,
        "shrinkB": 2,
    }
    write(ax, name, (x, y), offset=(points(14), 0), arrowprops=stub, fontsize=points(9))


def _legend(ax: Axes, names: Sequence[str], looks: Sequence[LineStyle]) -> None:
    wide = inches(ax)[0] - _BESIDE * points(1)
    lines, texts, how = _entries(names, looks, wide)
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    legend = ax.legend(lines, [" "] * len(texts), borderpad=0, **place, **how)
    fill(legend, texts)
    legend.set_label(ABOVE)
    lift_legend(ax)


def legend_columns(names: Sequence[str], wide: float) -> tuple[list[str], int]:
    """Break the names of a legend into lines that fit, and find how many stand in a row."""
    room = 72 * wide / points(9)  # in heights of a letter
    key, apart = rcParams["legend.handlelength"], rcParams["legend.columnspacing"]
    around = key + apart + rcParams["legend.handletextpad"]
    texts = [wrapped(name, max(8, int((room - around) / _LETTER))) for name in names]
    longest = max(cells(line) for text in texts for line in text.split("\n"))
    return texts, max(1, min(len(names), 4, int((room + apart) / (longest * _LETTER + around))))


def _lines(looks: Sequence[LineStyle]) -> list[Line2D]:
    seen = toned(dict(enumerate(looks)))
    return [Line2D([], [], **style.matplotlib) for style in seen.values()]


def fill(legend: Legend, texts: Sequence[str]) -> None:
    """Write the names into a legend, never read as mathematics."""
    legend.get_title().set_parse_math(False)
    for text, name in zip(legend.get_texts(), texts, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
