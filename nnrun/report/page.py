"""The report page: one self-contained HTML file, its figures also as files beside it."""

from pathlib import Path

from jinja2 import Environment

from nnrun import words
from nnrun.plot.styles import LINE_STYLES, styles
from nnrun.report.captions import summary_caption
from nnrun.report.jobs import failures, incomplete, missing
from nnrun.report.limits import reading_limits
from nnrun.report.pictures import draw_pictures
from nnrun.report.provenance import provenance
from nnrun.report.rows import left_out, row_groups
from nnrun.report.verdict import cautions, ratios, statements
from nnrun.results import REPORT
from nnrun.statistics.findings import Findings
from nnrun.statistics.summary import shown
from nnrun.statistics.survival import common_budget, trained
from nnrun.statistics.targets import shared_target, target_text
from nnrun.templates import environment


def build(findings: Findings, folder: Path) -> Path:
    """Write report.html and its figures.

    The page holds its figures, styles and tables, loads nothing and needs no scripts. The same
    findings give the same bytes.

    Args:
        findings: What a sweep or a run found.
        folder: Where to write: ``report.html`` and ``figures/*.svg`` and ``*.png``.

    Returns:
        Path of report.html.
    """
    folder = Path(folder)
    summary, sweep = findings.summary, findings.sweep
    line_styles = styles(shown(summary))
    groups = row_groups(summary, line_styles)
    template = _environment().get_template("template.html.j2")
    html = template.render(
        sweep=sweep,
        incomplete=incomplete(sweep),
        varying=findings.telling,
        target=shared_target(sweep),
        settings=len(summary),
        trials=len(trained(findings.trials)),
        statements=statements(findings),
        cautions=cautions(summary, sweep),
        groups=groups,
        left_out=left_out(summary, groups),
        ratios=ratios(summary, sweep),
        summary_caption=_summary_caption(findings),
        styles=line_styles,
        palette=LINE_STYLES,
        pictures=draw_pictures(findings, line_styles, folder / "figures"),
        failures=failures(sweep),
        missing=missing(findings),
        limits=reading_limits(findings),
        provenance=provenance(sweep),
    )
    return _written(folder / REPORT, html)


def _environment() -> Environment:
    """The page's template language: escapes all text, and knows the filters for numbers."""
    language = environment(Path(__file__).parent)
    for name in ("number", "count", "share", "seeds", "setting_name"):
        language.filters[name] = getattr(words, name)
    language.filters["target_text"] = target_text
    return language


def _summary_caption(findings: Findings) -> str:
    if findings.summary.empty:
        return ""
    return summary_caption(findings.summary, common_budget(findings.trials))


def _written(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)
