"""The report page: one self-contained HTML file, its figures also as files beside it."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nnrun.report import words
from nnrun.report.captions import summary_caption
from nnrun.report.limits import reading_limits
from nnrun.report.pictures import draw_pictures
from nnrun.report.provenance import failures, missing, provenance
from nnrun.report.styles import LINE_STYLES, styles
from nnrun.report.summary import in_order, shown, summarise
from nnrun.report.survival import common_budget, trained
from nnrun.report.targets import shared_target, target_text
from nnrun.report.verdict import cautions, ratios, statements
from nnrun.results import REPORT, Results


def build(results: Results, folder: Path) -> Path:
    """Write report.html and its figures.

    The page holds its figures, styles and tables, loads nothing and needs no scripts. The same
    results give the same bytes.

    Args:
        results: A sweep's or a run's tables.
        folder: Where to write: ``report.html`` and ``figures/*.svg`` and ``*.png``.

    Returns:
        Path of report.html.
    """
    folder = Path(folder)
    trials = in_order(results)
    summary = summarise(trials, results.varying)
    line_styles = styles(shown(summary))
    template = _environment().get_template("template.html.j2")
    html = template.render(
        sweep=results.sweep,
        varying=results.varying,
        target=shared_target(results.sweep),
        trials=len(trained(trials)),
        statements=statements(trials, summary, results.sweep),
        cautions=cautions(summary, results.sweep),
        rows=summary.to_dict("records"),
        ratios=ratios(summary, results.sweep),
        summary_caption=_summary_caption(summary, trials),
        styles=line_styles,
        palette=LINE_STYLES,
        pictures=draw_pictures(results, trials, line_styles, folder / "figures"),
        failures=failures(results),
        missing=missing(results),
        limits=reading_limits(results, trials),
        provenance=provenance(results.sweep),
    )
    return _written(folder / REPORT, html)


def _environment() -> Environment:
    """The page's template language: escapes all text, and knows the filters for numbers."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "count", "share", "seeds", "setting_name"):
        environment.filters[name] = getattr(words, name)
    environment.filters["target_text"] = target_text
    return environment


def _summary_caption(summary: pd.DataFrame, trials: pd.DataFrame) -> str:
    if summary.empty:
        return ""
    return summary_caption(summary, common_budget(trials))


def _written(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)
