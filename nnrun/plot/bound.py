"""Figures bound to results: what they draw by themselves, and what a notebook shows of them."""

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from markupsafe import Markup

import nnrun.plot as functions
from nnrun.errors import InputError
from nnrun.plot import canvas
from nnrun.plot.api import arrivals
from nnrun.plot.style import GRID, INK, MUTED, PAPER
from nnrun.results.listing import headings, rows
from nnrun.results.results import Results
from nnrun.text import setting_name

ROWS = 12
"""Most settings that a notebook lists."""

SHOWN = 5
"""Cells of a row: the cost of training is the machine's."""

WIDE = 7.2
"""Inches of a notebook's figure."""

STYLE = f"""
.nnrun {{ max-width: 52em; padding: 0.7em 1em; border-radius: 6px; background: {PAPER};
  color: {INK}; font: 14px/1.45 system-ui, sans-serif }}
.nnrun p {{ margin: 0.3em 0 }} .nnrun .answer {{ font-size: 1.1em; font-weight: 600 }}
.nnrun details {{ color: {MUTED} }} .nnrun ul {{ margin: 0.2em 0; padding-left: 1.2em }}
.nnrun svg {{ max-width: 100%; height: auto; margin-top: 0.4em }}
.nnrun table {{ border-collapse: collapse; margin: 0.5em 0; font-variant-numeric: tabular-nums;
  color: {INK}; border: 0; font-size: 13px }}
.nnrun th, .nnrun td {{ padding: 0.15em 0.7em; text-align: right; white-space: nowrap;
  background: {PAPER};  border: 0; border-bottom: 1px solid {GRID} }}
.nnrun th {{ color: {MUTED}; font-weight: 400 }}
.nnrun th:first-child, .nnrun td:first-child {{ text-align: left; padding-left: 0 }}
.nnrun .where {{ color: {MUTED}; font-size: 0.9em }}
"""


class Plots:
    """The figures of some results: ``results.plot.time_to_target()`` and its like.

    Each is the function of its name in ``nnrun.plot``, without its first argument.

    Args:
        results: What they draw.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    def __repr__(self) -> str:
        return f"figures of these results: {', '.join(functions.__all__)}"


def _bound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method of a figure: the results go without saying."""

    @wraps(function)
    def method(self: Plots, *args: Any, **how: Any) -> Any:
        return function(self._results, *args, **how)

    first, *others = inspect.signature(function).parameters.values()
    own = first.replace(name="self", annotation=inspect.Parameter.empty)
    signature = inspect.signature(function).replace(parameters=[own, *others])
    method.__signature__ = signature  # type: ignore[attr-defined]
    said = inspect.getdoc(function) or ""
    line = "    results: What ``nnrun.load`` returns.\n"
    call = rf"nnrun\.plot\.{function.__name__}\(results(, )?"
    method.__doc__ = re.sub(call, f"results.plot.{function.__name__}(", said.replace(line, ""))
    return method


for _name in functions.__all__:
    setattr(Plots, _name, _bound(getattr(functions, _name)))


def card(results: Results) -> str:
    """Write what a notebook shows of results: verdict, time to target, a row a setting."""
    answer, *more = results.verdict or [""]
    told = Markup('<p class="answer">{}</p>').format(answer) if answer else Markup()
    if more:
        lines = Markup().join(Markup("<li>{}</li>").format(line) for line in more)
        told += Markup("<details><summary>At length</summary><ul>{}</ul></details>").format(lines)
    place = "" if results.folder is None else str(results.folder)
    if results.folder is not None and results.path.exists():
        place = str(results.path)
    where = Markup('<p class="where">{}</p>').format(place) if place else Markup()
    style = Markup("<style>{}</style>").format(Markup(STYLE))
    inside = told + _figure(results) + _table(results) + where
    return Markup('<div class="nnrun">{}{}</div>').format(style, inside)


def _figure(results: Results) -> Markup:
    """Draw when seeds arrived; nothing where there is nothing to draw."""
    try:
        draw = arrivals(results)
    except InputError:
        return Markup()
    text = canvas.svg(canvas.paint(draw, WIDE))
    return Markup(text[text.index("<svg") :])


def _table(results: Results) -> Markup:
    """List settings as the terminal does, but for what they cost."""
    over = headings(results.sweep)[:SHOWN]
    listed = [Markup("<tr>{}</tr>").format(_cells("th", ("setting", *over)))]
    for label, cells in rows(results, ROWS):
        inside = _cells("td", (setting_name(label), *cells[:SHOWN]))
        listed.append(Markup("<tr>{}</tr>").format(inside))
    more = len(results.summary) - ROWS
    rest = (
        Markup("<p>... and {:,} more: <code>.summary</code></p>").format(more) if more > 0 else ""
    )
    return Markup("<table>{}</table>{}").format(Markup().join(listed), rest)


def _cells(tag: str, texts: tuple[str, ...]) -> Markup:
    cell = Markup(f"<{tag}>{{}}</{tag}>")
    return Markup().join(cell.format(text) for text in texts)
