"""The figures that a sweep's results can fill: as files, inside the page, and of a study's page."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from nnrun.errors import InputError
from nnrun.plot import canvas
from nnrun.plot.figures.contrasts import contrasts, contrasts_height
from nnrun.plot.figures.coordinates import coordinates, coordinates_height
from nnrun.plot.figures.effects import effects, effects_height
from nnrun.plot.figures.heatmap import Grid, grid, heatmap, panels_key
from nnrun.plot.figures.learning_curves import TRACED, learning_curves
from nnrun.plot.figures.looks import looks
from nnrun.plot.figures.sensitivity import sensitivity
from nnrun.plot.figures.target_times import target_times as draw_target_times
from nnrun.plot.figures.time_to_target import profile, time_to_target
from nnrun.plot.layout import Layout, layout, legend_below
from nnrun.plot.style import GRID, INK, LINE_STYLES, MUTED, PAPER
from nnrun.records.sweep import Sweep
from nnrun.report import captions
from nnrun.report.second_process import shared
from nnrun.report.verdict import headline
from nnrun.results.results import Results
from nnrun.statistics.curves import TRACES, bands_table, target_times
from nnrun.statistics.factors import factors
from nnrun.statistics.ladder import rungs_used
from nnrun.statistics.looks import SAME
from nnrun.statistics.survival import common_budget, judged_on, shared_target, trained
from nnrun.text import Words, shown

WIDE, NARROW = 7.2, 4.4  # inches: across the page, and half of it or a phone
MOST_ROWS = 16  # contrasts that a figure has room for
MOST_LOOKED_AT = 8  # contrasts whose looks are drawn

TITLES = {
    "time_to_target": "Time to target",
    "contrasts": "How much sooner, and how surely",
    "looks": "As seeds were added",
    "test_loss": "Test loss over training",
    "accuracy": "Accuracy over training",
    "profile": "Runtime profile",
    "success_rate": "Success rate",
    "rmst": "Restricted mean samples to target",
    "speedup": "Speed-up",
    "sensitivity_target": "Against the target",
    "sensitivity_budget": "Against the budget",
    "sensitivity_seeds": "Against the number of seeds",
    "effects": "What the variance goes with",
    "coordinates": "Parallel coordinates",
}
ALONE = ("time_to_target", "contrasts", "looks", "profile", "coordinates")
"""Figures that get the whole width of the page; the files of the others are narrow, too."""

Paint = Callable[[float], Any]  # from a width in inches to a matplotlib figure


class Picture(NamedTuple):
    """A figure of the page.

    Attributes:
        name: Of its files.
        title: Its heading.
        caption: What is drawn, of how many seeds, and how.
        wide: As a drawing inside the page, for the whole of its width; empty if it gets a half.
        narrow: The same for a half, or for a phone.
    """

    name: str
    title: str
    caption: str
    wide: Markup
    narrow: Markup


class Drawn(NamedTuple):
    """All figures of a page.

    Attributes:
        pictures: By name, in the order of ``TITLES``.
        layout: Which settings are drawn together, and how.
    """

    pictures: dict[str, Picture]
    layout: Layout


@contextmanager
def drawing(results: Results, folder: Path, pdf: bool = False) -> Iterator[Callable[[], Drawn]]:
    """Draw every figure that the results can fill, and write its files, while the block runs.

    What the block yields waits for all of them.
    """
    lay = layout(results.summary, results.sweep, results.sweep.facet)
    if not lay.line_styles:
        yield lambda: Drawn({}, lay)
        return
    folder.mkdir(parents=True, exist_ok=True)
    asked = [
        partial(_written, name, caption, paint, folder, pdf, results.sweep.words)
        for figures in (_lines, _contrasts, _looks, _grids, _sensitivity, _effects)
        for name, caption, paint in figures(results, lay)
    ]

    def drawn() -> Drawn:
        made = {picture.name: picture for picture in done()}
        return Drawn({name: made[name] for name in TITLES if name in made}, lay)

    with shared(asked) as done:
        yield drawn


def _titled(name: str, said: Words) -> str:
    """Title a figure."""
    if not said.own and name in said.metrics:
        return f"{said.metrics[name]} against {said.seen}"
    return f"Restricted mean {said.unit} to target" if name == "rmst" else TITLES[name]


def _written(
    name: str, caption: str, paint: Paint, folder: Path, pdf: bool, said: Words
) -> Picture:
    """Write one figure's files; return it as part of a page."""
    alone, title = name in ALONE, _titled(name, said)
    text = canvas.write_files(paint(WIDE if alone else NARROW), folder / name, pdf)
    wide = inline(text, f"{name}-w-", title) if alone else Markup("")
    text = canvas.svg(paint(NARROW)) if alone else text
    return Picture(name, title, caption, wide, inline(text, f"{name}-n-", title))


def _lines(results: Results, lay: Layout) -> Iterator[tuple[str, str, Paint]]:
    """Figures of a line a setting."""
    ran, names = trained(results.trials), list(lay.line_styles)
    said = results.sweep.words
    styled: dict[str, Any] = {"line_styles": lay.line_styles, "said": said}
    drawn = ran[ran["setting"].isin(names)]
    draw = partial(time_to_target, trials=drawn, horizon=common_budget(ran), **styled)
    yield "time_to_target", captions.time_caption(ran, names, results.sweep), panels(draw, lay)
    table = bands_table({s: results.bands[s] for s in names if s in results.bands})
    traces = TRACES if max(map(len, lay.panels.values())) <= TRACED else 0
    for metric in ("test_loss", "accuracy"):
        if metric in set(table["metric"]):
            draw = partial(learning_curves, bands=table, metric=metric, traces=results.bands)
            draw = partial(draw, target=_level(results.sweep, metric), **styled)
            about = (len(results.bands), common_budget(ran), traces, said)
            yield metric, captions.curve_caption(table, metric, *about), panels(draw, lay)
    rungs = rungs_used(results.ladder, results.trials, results.sweep, names)
    solved = results.profile(names)
    if len(solved):
        draw = partial(profile, table=solved, line_styles=lay.line_styles)
        caption = captions.profile_caption(results, [str(r) for r in rungs], names)
        yield "profile", caption, panels(draw, lay)


def _contrasts(results: Results, lay: Layout) -> Iterator[tuple[str, str, Paint]]:
    table, first = results.contrasts, headline(results)
    settings = table[(table["family"] == "setting") & table["a"].isin(list(lay.line_styles))]
    rows = table[table["family"] != "setting"] if (first["family"] != "setting").any() else settings
    if len(rows) + len(settings) <= MOST_ROWS and rows is not settings:
        rows = table.loc[[*rows.index, *settings.index]]
    rows = rows[rows["ratio"].notna()].head(MOST_ROWS)
    if len(rows):
        yield (
            "contrasts",
            captions.forest_caption(results, len(rows)),
            lambda width: canvas.paint(
                partial(contrasts, table=rows), width, contrasts_height(rows, width)
            ),
        )


def _looks(results: Results, lay: Layout) -> Iterator[tuple[str, str, Paint]]:
    """A panel each for what the verdict is made of, where it was looked at more than once."""
    if len(results.sweep.looks) < 2:
        return
    table = results.looks.merge(headline(results)[list(SAME)], on=list(SAME))
    several = list(dict.fromkeys(table["arm"]))
    drawn = table[table["arm"].isin(several[:MOST_LOOKED_AT])]
    if len(drawn):
        caption = captions.looks_caption(drawn, results, several[MOST_LOOKED_AT:])
        draw = partial(_panels_of_looks, drawn, several[:MOST_LOOKED_AT])
        yield "looks", caption, draw


def _panels_of_looks(table: pd.DataFrame, arms: Sequence[str], width: float) -> Any:
    if len(arms) == 1:
        return canvas.paint(partial(looks, table=table, arm=arms[0]), width)
    return canvas.paint_panels(lambda ax, arm: looks(ax, table, arm, panel=True), arms, width)


def _grids(results: Results, lay: Layout) -> Iterator[tuple[str, str, Paint]]:
    for value in ("success_rate", "rmst", "speedup"):
        with suppress(InputError):  # not a grid of two or three factors, or nothing to compare
            cells = grid(results.summary, results.sweep, value)
            yield value, captions.heatmap_caption(results, value), partial(_heatmap, cells)


def _heatmap(cells: Grid, width: float) -> Any:
    if list(cells.panels) == [""]:
        return canvas.paint(partial(heatmap, cells=cells), width, cells.height)
    return canvas.paint_panels(
        lambda ax, panel: heatmap(ax, cells, panel, key=False),
        list(cells.panels),
        width,
        cells.height,
        lambda figure, axes: panels_key(figure, axes, cells),
    )


def _sensitivity(results: Results, lay: Layout) -> Iterator[tuple[str, str, Paint]]:
    first = results.sweep.settings[0].id
    table = results.sensitivity([s for s in lay.line_styles if s != first])
    for kind in ("target", "budget", "seeds"):
        if (table["kind"] == kind).any():
            look: dict[str, Any] = {"line_styles": lay.line_styles, "said": results.sweep.words}
            draw = partial(sensitivity, table=table, kind=kind, **look)
            caption = captions.sensitivity_caption(results, kind)
            yield f"sensitivity_{kind}", caption, panels(draw, lay)


def _effects(results: Results, lay: Layout) -> Iterator[tuple[str, str, Paint]]:
    if len(factors(results.sweep)) < 2:  # with a single one the contrasts say it all
        return
    table = results.effects
    if len(table):
        height = effects_height(table)
        draw = partial(effects, table=table)
        caption = captions.effects_caption(results)
        yield "effects", caption, partial(canvas.paint, draw, height=height)
    if len(lay.line_styles) > 2:
        draw = partial(coordinates, summary=results.summary, sweep=results.sweep)
        caption = captions.coordinates_caption(results)
        height = coordinates_height(results.sweep)
        yield "coordinates", caption, partial(canvas.paint, draw, height=height)


def panels(draw: Callable[..., Any], lay: Layout) -> Paint:
    """Paint lines of settings on one axis, or on a panel for each level of a factor."""
    if lay.key is None:
        return lambda width: canvas.paint(partial(draw, labels=lay.labels), width)
    return lambda width: canvas.paint_panels(
        lambda ax, panel: draw(ax, labels={}, only=lay.panels[panel]),
        list(lay.panels),
        width,
        finish=lambda figure, axes: legend_below(figure, lay),
    )


def _level(sweep: Sweep, metric: str) -> float | None:
    """The target's value where all settings share one on this metric."""
    target = shared_target(sweep)
    return float(target["value"]) if target and target["metric"] == metric else None


Draw = Callable[[Results, pd.DataFrame, str], str]

ACCURACIES = tuple(float(a) for a in np.round(np.arange(0.6, 1.0001, 0.01), 2))


def arrival(results: Results, curves: pd.DataFrame, facet: str) -> str:
    """Draw the share of seeds at the target against samples."""
    ran = trained(results.trials)
    draw = partial(time_to_target, trials=ran, horizon=common_budget(ran))
    return _svg(draw, results, facet)


def targets(results: Results, curves: pd.DataFrame, facet: str) -> str:
    """Draw the samples to every accuracy from 60% to 100%."""
    target: Mapping[str, Any] = shared_target(results.sweep) or {"hold": 1, "value": None}
    mine = curves[curves["setting"].isin(list(results.summary["setting"]))]
    table = target_times(mine, ACCURACIES, int(target["hold"]), judged_on(results.sweep))
    horizon = common_budget(results.trials)
    draw = partial(draw_target_times, table=table, horizon=horizon, target=target["value"])
    return _svg(draw, results, facet)


FIGURES: Mapping[str, Draw] = {"arrival": arrival, "targets": targets}


def _svg(draw: Callable[..., Any], results: Results, facet: str) -> str:
    lay = layout(results.summary, results.sweep, facet)
    figure = panels(partial(draw, line_styles=lay.line_styles), lay)(WIDE)
    return canvas.svg(figure, outlines=True)


THEME = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--grid)", "#ffffff": "none"}
THEME |= {PAPER: "var(--card)"}
THEME |= {style.color: f"var(--s{i})" for i, style in enumerate(LINE_STYLES)}


def inline(svg: str, prefix: str, title: str) -> Markup:
    """Make an SVG file part of a page: themed by the page's colours, its ids unique there."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    head, rest = body.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    named = f'role="img" aria-labelledby="{prefix}title"'
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", rest))
    rest = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", rest)
    rest = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", rest.replace("xlink:href", "href"))
    # Only inside style attributes: a label may well hold the name of a colour.
    colours = re.compile("|".join(map(re.escape, THEME)))
    rest = re.sub(
        r'style="[^"]*"', lambda m: colours.sub(lambda colour: THEME[colour[0]], m[0]), rest
    )
    heading = f'<title id="{prefix}title">{escape(shown(title))}</title>'
    return Markup(f"<svg {view[0] if view else ''} {named}>{heading}{rest}")


SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def md(text: object) -> Markup:
    r"""Escape what Markdown, or HTML inside it, would take for more than text.

    Example:
        >>> md("a|b <i>*x*</i>")
        Markup('a\\|b &lt;i&gt;\\*x\\*&lt;/i&gt;')
    """
    line = shown(" ".join(str(text).split()))
    # a name after @ would be told of the report
    return Markup(SPECIAL.sub(r"\\\1", str(escape(line))).replace("@", "&#64;"))
