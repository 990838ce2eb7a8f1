"""The figures that a sweep's records can fill: as files, and as drawings inside the page."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nnrun.plot import canvas
from nnrun.plot.figures import learning_curves, time_to_target
from nnrun.plot.styles import GRID, INK, LINE_STYLES, MUTED, LineStyle
from nnrun.report.captions import curve_caption, time_caption
from nnrun.statistics.bands import bands_table
from nnrun.statistics.findings import Findings
from nnrun.statistics.survival import common_budget, trained
from nnrun.statistics.targets import shared_target
from nnrun.words import setting_name

WIDE, NARROW = 7.2, 4.4  # inches: beside each other or alone on a desk, and on a phone
CURVES = ("test_loss", "accuracy")
TITLES = {
    "time_to_target": "Time to target",
    "test_loss": "Test loss over training",
    "accuracy": "Accuracy over training",
}


def draw_pictures(
    findings: Findings, line_styles: Mapping[str, LineStyle], folder: Path
) -> dict[str, dict[str, Any]]:
    """Draw every figure that the findings can fill, and write its files.

    Args:
        findings: What the sweep found.
        line_styles: The settings to draw, in order, and how.
        folder: Where the files go, made if need be.

    Returns:
        By name (``time_to_target`` first): ``title``, ``caption``, and the inline drawings
        ``wide`` and ``narrow``. Empty if there is no setting to draw.
    """
    if not line_styles:
        return {}
    ran = trained(findings.trials)
    names = list(line_styles)
    about = findings.summary.set_index("setting")["label"]
    labels = {name: setting_name(about[name]) for name in names}
    drawn = ran[ran["setting"].isin(names)]
    draw = partial(time_to_target, trials=drawn, line_styles=line_styles, labels=labels)
    draw = partial(draw, horizon=common_budget(ran))
    caption = time_caption(ran, names, findings.sweep)
    made = {"time_to_target": _picture("time_to_target", draw, caption, folder)}
    table = bands_table({s: findings.bands[s] for s in names if s in findings.bands})
    for metric in CURVES:
        if metric not in set(table["metric"]):
            continue
        draw = partial(learning_curves, bands=table, metric=metric, labels=labels)
        draw = partial(draw, line_styles=line_styles, target=_level(findings.sweep, metric))
        caption = curve_caption(table, metric, len(findings.bands))
        made[metric] = _picture(metric, draw, caption, folder)
    return made


def _picture(name: str, draw: Any, caption: str, folder: Path) -> dict[str, Any]:
    """Write one figure's files; return its title, its caption and its inline drawings."""
    wide, narrow = canvas.paint(draw, WIDE), canvas.paint(draw, NARROW)
    text = canvas.svg(wide)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    (folder / f"{name}.png").write_bytes(canvas.png(wide))
    return {
        "title": TITLES[name],
        "caption": caption,
        "wide": inline(text, f"{name}-w-"),
        "narrow": inline(canvas.svg(narrow), f"{name}-n-"),
    }


def inline(svg: str, prefix: str) -> Markup:
    """Make an SVG file part of a page: themed by the page's colours, its ids unique there.

    Args:
        svg: As `canvas.svg` writes it; its text is escaped already.
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
    theme = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--grid)", "#ffffff": "none"}
    theme |= {style.color: f"var(--s{i})" for i, style in enumerate(LINE_STYLES)}
    # Only inside style attributes: a label may well hold the name of a colour.
    colours = re.compile("|".join(map(re.escape, theme)))
    body = re.sub(
        r'style="[^"]*"', lambda m: colours.sub(lambda colour: theme[colour[0]], m[0]), body
    )
    return Markup(body)


def _level(sweep: Mapping[str, Any], metric: str) -> float | None:
    """The target's value where all settings share one on this metric."""
    target = shared_target(sweep)
    return float(target["value"]) if target and target["metric"] == metric else None
