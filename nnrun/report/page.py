"""The report page: one self-contained HTML file, its figures also as files beside it."""

import math
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nnrun.report import captions, figures, statistics
from nnrun.report.captions import verdict
from nnrun.results import REPORT, Results

__all__ = ["build", "verdict"]

WIDE, NARROW = 7.2, 4.4  # inches: beside each other or alone on a desk, and on a phone
CURVES = ("test_loss", "accuracy")
TITLES = {
    "time_to_target": "Time to target",
    "test_loss": "Test loss over training",
    "accuracy": "Accuracy over training",
}


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
    trials = captions.in_order(results)
    summary = statistics.summarise(trials, results.varying)
    line_styles = figures.styles(statistics.shown(summary))
    pictures = _pictures(results, trials, line_styles, folder / "figures")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = ("number", "count", "share", "seeds", "setting_name", "target_text")
    environment.filters.update({word: getattr(captions, word) for word in words})
    html = environment.get_template("template.html.j2").render(
        sweep=results.sweep,
        varying=results.varying,
        target=_target(results.sweep),
        trials=len(statistics.trained(trials)),
        statements=captions.statements(trials, summary, results.sweep),
        cautions=captions.cautions(summary, results.sweep),
        rows=summary.to_dict("records"),
        ratios=captions.ratios(summary, results.sweep),
        summary_caption=_summary_caption(summary, trials),
        styles=line_styles,
        palette=figures.LINE_STYLES,
        pictures=pictures,
        failures=_failures(results),
        missing=_missing(results),
        limits=_limits(results, trials),
        provenance=_provenance(results.sweep),
    )
    return _written(folder / REPORT, html)


def _pictures(
    results: Results,
    trials: pd.DataFrame,
    line_styles: Mapping[str, figures.LineStyle],
    folder: Path,
) -> dict[str, dict[str, Any]]:
    """Draw every figure that the records can fill, by name, and write its files."""
    if not line_styles:
        return {}
    ran = statistics.trained(trials)
    names = list(line_styles)
    labels = {
        str(s): captions.setting_name(label)
        for s, label in ran.groupby("setting", sort=False)["label"].first().items()
    }
    draw = partial(figures.time_to_target, trials=ran, line_styles=line_styles, labels=labels)
    draw = partial(draw, horizon=statistics.common_budget(trials))
    caption = captions.time_caption(ran, names, results.sweep)
    made = {"time_to_target": _picture("time_to_target", draw, caption, folder)}
    bands = statistics.bands(results.curves)
    for metric in CURVES:
        if metric not in set(bands.loc[bands["setting"].isin(names), "metric"]):
            continue
        draw = partial(figures.learning_curves, bands=bands, metric=metric, labels=labels)
        draw = partial(draw, line_styles=line_styles, target=_level(results.sweep, metric))
        caption = captions.curve_caption(bands, metric, names)
        made[metric] = _picture(metric, draw, caption, folder)
    return made


def _picture(name: str, draw: Any, caption: str, folder: Path) -> dict[str, Any]:
    """Write one figure's files; return its title, its caption and its inline drawings."""
    wide, narrow = figures.paint(draw, WIDE), figures.paint(draw, NARROW)
    text = figures.svg(wide)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    (folder / f"{name}.png").write_bytes(figures.png(wide))
    return {
        "title": TITLES[name],
        "caption": caption,
        "wide": inline(text, f"{name}-w-"),
        "narrow": inline(figures.svg(narrow), f"{name}-n-"),
    }


def inline(svg: str, prefix: str) -> Markup:
    """Make an SVG file part of a page: themed by the page's colours, its ids unique there.

    Args:
        svg: As `figures.svg` writes it; its text is escaped already.
        prefix: Put before every id.

    Returns:
        Markup from ``<svg`` to ``</svg>`` with the fixed colours as CSS variables.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    head, rest = body.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    body = f'<svg {view[0] if view else ""} aria-hidden="true">{rest}'
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", body.replace("xlink:href", "href"))
    theme = {figures.INK: "currentColor", figures.MUTED: "var(--muted)", "#ffffff": "none"}
    theme |= {figures.GRID: "var(--grid)"}
    theme |= {style.color: f"var(--s{i})" for i, style in enumerate(figures.LINE_STYLES)}
    # Only inside style attributes: a label may well hold the name of a colour.
    colours = re.compile("|".join(map(re.escape, theme)))
    body = re.sub(
        r'style="[^"]*"', lambda m: colours.sub(lambda colour: theme[colour[0]], m[0]), body
    )
    return Markup(body)


def _target(sweep: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The target that all settings share, or None."""
    if not sweep["settings"] or not captions.one_target(sweep):
        return None
    target = captions.setting_target(sweep, sweep["settings"][0]["id"])
    return target if captions.is_target(target) else None


def _level(sweep: Mapping[str, Any], metric: str) -> float | None:
    """The target's value where all settings share one on this metric."""
    target = _target(sweep)
    return float(target["value"]) if target and target["metric"] == metric else None


def _summary_caption(summary: pd.DataFrame, trials: pd.DataFrame) -> str:
    if summary.empty:
        return ""
    return captions.summary_caption(summary, statistics.common_budget(trials))


def _failures(results: Results) -> list[dict[str, str]]:
    """Jobs that ended with an error, and what it said."""
    jobs = results.sweep.get("jobs") or []
    return [
        {"name": _job_name(job), "error": str(job.get("error") or "no message was kept")}
        for job in jobs
        if job.get("error") or job.get("status") == "failed"
    ]


def _missing(results: Results) -> list[str]:
    """Jobs without a record, and settings without a trial or an error."""
    jobs = results.sweep.get("jobs") or []
    failed = {job.get("setting") for job in jobs if job.get("error")}
    seen = set(results.trials["setting"]) | failed
    settings = [s for s in results.sweep["settings"] if s["id"] not in seen]
    return [_job_name(job) for job in jobs if job.get("status") == "missing"] + [
        captions.setting_name(s["label"]) for s in settings
    ]


def _job_name(job: Mapping[str, Any]) -> str:
    return str(job.get("label") or " ".join(job.get("overrides") or []) or "a job")


def _limits(results: Results, trials: pd.DataFrame) -> list[str]:
    """What a reader must know before leaning on the numbers."""
    ran = statistics.trained(trials)
    n, status = len(ran), ran["status"].value_counts()
    if not n:
        return []
    late, lost = int(status.get("exhausted", 0)), int(status.get("diverged", 0))
    limits = [
        f"Censoring: {late + lost:,} of {n:,} trained seeds ({captions.share((late + lost) / n)}) "
        f"did not reach the target; in {late:,} the budget ended first "
        f"({int(ran['plateaued'].eq(True).sum()):,} of them on a plateau), {lost:,} diverged."
    ]
    if ran["budget"].min() < ran["budget"].max():
        limits.append(
            "Budgets differ: success rates are taken at each setting's own budget, the figure and "
            f"the restricted mean at the smallest, {captions.count(ran['budget'].min())} samples."
        )
    grid = np.sort(results.curves["samples"].unique()).astype(np.float64)
    steps = grid[1:] / grid[:-1] if (grid > 0).all() else np.array([])
    if steps.size:
        limits.append(
            "Resolution: a time to target is known to the evaluation grid, without interpolation; "
            f"an evaluation has {captions.number(float(np.median(steps)))} times the samples of "
            "the one before it (median)."
        )
    return limits


def _provenance(sweep: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the numbers come from, as pairs of a term and its value."""
    tracking = sweep.get("tracking") or {}
    shown = ("experiment", "uri", "ui", "error")
    tracking = {key: tracking[key] for key in shown if tracking.get(key)}
    seconds = (sweep.get("stages") or {}).items()
    pairs = [
        ("Command", sweep.get("command")),
        ("Started", sweep.get("started")),
        ("Git commit", sweep.get("git") or "not in a repository"),
        ("Processor", sweep.get("processor")),
        ("Versions", _joined(sweep.get("versions"))),
        ("Budget", _joined(sweep.get("budget"))),
        ("Target", _joined(_target(sweep)) or "differs between the settings"),
        ("Stages", ", ".join(f"{name} {captions.number(s)} s" for name, s in seconds)),
        ("MLflow", _joined(tracking)),
    ]
    return [(term, str(value)) for term, value in pairs if value not in (None, "")]


def _joined(value: Any) -> str:
    """Write a record's value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_joined(v)}" for k, v in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(_joined, value))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return "" if value is None else str(value)


def _written(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)
