"""Figures that a study's page can ask for: SVG, in panels of one factor."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nnrun.plot import canvas
from nnrun.plot.arrival import time_to_target
from nnrun.plot.facets import layout
from nnrun.plot.targets import target_times as draw_target_times
from nnrun.report.pictures import WIDE, panels
from nnrun.statistics.findings import Findings
from nnrun.statistics.survival import common_budget, trained
from nnrun.statistics.target_times import target_times
from nnrun.statistics.targets import shared_target

Draw = Callable[[Findings, pd.DataFrame, str], str]

ACCURACIES = tuple(float(a) for a in np.round(np.arange(0.6, 1.0001, 0.01), 2))


def arrival(findings: Findings, curves: pd.DataFrame, facet: str) -> str:
    """Draw the share of seeds at the target against samples."""
    ran = trained(findings.trials)
    draw = partial(time_to_target, trials=ran, horizon=common_budget(ran))
    return _svg(draw, findings, facet)


def targets(findings: Findings, curves: pd.DataFrame, facet: str) -> str:
    """Draw the samples to every accuracy from 60% to 100%."""
    target: Mapping[str, Any] = shared_target(findings.sweep) or {"hold": 1, "value": None}
    mine = curves[curves["setting"].isin(list(findings.summary["setting"]))]
    table = target_times(mine, ACCURACIES, int(target["hold"]))
    horizon = common_budget(findings.trials)
    draw = partial(draw_target_times, table=table, horizon=horizon, target=target["value"])
    return _svg(draw, findings, facet)


FIGURES: Mapping[str, Draw] = {"arrival": arrival, "targets": targets}


def _svg(draw: Callable[..., Any], findings: Findings, facet: str) -> str:
    lay = layout(findings.summary, findings.sweep, facet)
    return canvas.svg(panels(partial(draw, line_styles=lay.line_styles), lay)(WIDE))
