"""A whole sweep as its MLflow run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nnrun.layout import CURVES, FIGURES, LADDER, MARKDOWN, REPORT, SUMMARY, TRIALS, TUNING
from nnrun.pipeline.setting_run import COUNTS
from nnrun.records.plain import is_itself
from nnrun.records.sweep import SWEEP
from nnrun.tracking.entities import Artifact, Status, SweepRun

STATUSES: dict[str, Status] = {
    "complete": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
    "missing": "FAILED",
}

PAGES = (REPORT, MARKDOWN, FIGURES, "animation.html", "animation.gif")
TABLES = (SUMMARY, TRIALS, CURVES, LADDER, TUNING, SWEEP)


def sweep_run(
    facts: Mapping[str, Any], summary: pd.DataFrame, folder: Path, tags: Mapping[str, str]
) -> SweepRun:
    """Sum up a sweep for MLflow.

    Args:
        facts: The content of its sweep.json.
        summary: A row a setting.
        folder: Where its report and tables are.
        tags: What ties the run to its settings.
    """
    totals = {"settings": float(len(summary))}
    totals |= {key: float(summary[key].sum()) for key in COUNTS}
    return SweepRun(
        name=f"{'sweep' if len(facts['jobs']) > 1 else 'run'} {folder.name}",
        description=_described(facts),
        metrics={f"sweep/{key}": value for key, value in totals.items()},
        tags={**tags, "nnrun.status": str(facts["status"])},
        artifacts=[
            Artifact((folder / name).absolute())
            for name in (*PAGES, *TABLES)
            if is_itself(folder / name)
        ],
        status=STATUSES[facts["status"]],
    )


def best_setting(summary: pd.DataFrame) -> str:
    """Return the setting whose seeds arrive soonest: the lowest restricted mean.

    Equal means are those of settings of which none arrives by the budget that all have: of these
    the one that arrives most often on its own, then the lowest test loss.
    """
    keys = ["rmst", "success_rate", "final_test_loss_median"]
    ranked = summary.sort_values(keys, ascending=[True, False, True], kind="stable")
    return str(ranked["setting"].iloc[0])


def _described(facts: Mapping[str, Any]) -> str:
    """Give the verdict, the pages with its settings and the command in Markdown."""
    told = facts.get("tracking") or {}
    # relative to the server that shows it, whatever its address is by then
    pages = {
        name: address[address.index("#") :]
        for name, address in (("charts", told.get("view")), ("all charts", told.get("charts")))
        if address
    }
    links = " · ".join(f"[{name} of its settings]({page})" for name, page in pages.items())
    parts = [*facts.get("verdict", []), links, f"```\n{facts['command']}\n```"]
    return "\n\n".join(part for part in parts if part)
