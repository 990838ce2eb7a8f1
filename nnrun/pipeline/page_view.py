"""What MLflow's page shows of a sweep when it is opened by its saved view."""

from collections.abc import Mapping
from typing import Any

from nnrun.pipeline.setting_run import SO_FAR, UNTIL
from nnrun.tracking.view import View

FIGURES = ("success_rate", "samples_to_target_median", "rmst")

SECTIONS = ("accuracy", "success", "test_loss", "train_loss", *UNTIL.values(), "Model metrics")
"""The page's own sections, which begin closed: what they draw is one click away."""

DRAWN = 10
"""Runs that the page draws at first: of more settings, the fastest."""


def page_view(facts: Mapping[str, Any]) -> View:
    """Choose charts and columns for a sweep.

    Args:
        facts: Its sweep.json: what varies, and the target.
    """
    metric = facts["target"].get("metric") or "accuracy"
    other = "test_loss" if metric != "test_loss" else "train_loss"
    panels = [[f"{metric}/{q}" for q in ("median", "q25", "q75")], [f"{other}/median"], [SO_FAR]]
    many = len(facts["settings"]) > DRAWN
    order = "metrics.`rmst`" if many else "attributes.start_time"
    return View(panels, facts["telling"], FIGURES, SECTIONS, order)
