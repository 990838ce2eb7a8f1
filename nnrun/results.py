"""The tables of a sweep, as written beside its records and as read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nnrun.errors import InputError, Issue

TRIALS = "trials.parquet"
CURVES = "curves.parquet"
LADDER = "ladder.parquet"
SUMMARY = "summary.csv"
TUNING = "tuning.csv"
SWEEP = "sweep.json"
REPORT = "report.html"
MARKDOWN = "report.md"
INDEX = "index.html"


@dataclass(frozen=True)
class Results:
    """What a sweep found.

    Attributes:
        trials: A row a trial: ``setting`` (id), ``label`` (the varying keys in words), a column
            for each varying key (dotted name), ``seed``, ``status`` (reached, exhausted, diverged
            or failed), ``plateaued``, ``samples_to_target`` (training samples; NaN where
            censored), ``first_hit`` (likewise, without the hold), ``task`` (binary, multiclass or
            regression), ``budget`` (samples the trial could see), ``horizon`` (samples up to which
            it is judged: the last evaluation that all settings share), ``final_train_loss``,
            ``final_test_loss``, ``final_accuracy`` (a share; NaN for regression), ``ns_per_sample``
            (training cost in nanoseconds, a mean over the trials that were trained together).
        curves: A row an evaluation: ``setting``, ``seed``, ``samples`` (training samples seen),
            ``train_loss`` (mean since the evaluation before), ``test_loss``, ``accuracy``. NaN
            from the evaluation at which a trial diverged.
        summary: A row a setting, in the order of the sweep.
        sweep: Provenance: the content of sweep.json.
    """

    trials: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame
    sweep: Mapping[str, Any]

    @property
    def varying(self) -> list[str]:
        """Keys that differ between the settings, as dotted names; columns of ``trials``."""
        return list(self.sweep["varying"])


def load(path: str | Path) -> Results:
    """Read a sweep's or a run's tables.

    Args:
        path: A folder under outputs/sweeps or outputs/runs.

    Returns:
        Its trials, curves, summary and provenance.

    Raises:
        InputError: If the folder is not a finished sweep or run.
    """
    folder = Path(path)
    missing = [n for n in (TRIALS, CURVES, SUMMARY, SWEEP) if not (folder / n).is_file()]
    if missing:
        rule = f"holds no {missing[0]}, so it is not the folder of a finished sweep or run"
        raise InputError(Issue("path", folder, rule, "for instance outputs/sweeps/DATE_TIME"))
    # An id such as 1234567890 is a name, a value may be the word null, and only a lone setting's
    # label can be empty.
    only_empty: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
    summary = pd.read_csv(folder / SUMMARY, dtype={"setting": str, "label": str}, **only_empty)
    return Results(
        trials=pd.read_parquet(folder / TRIALS),
        curves=pd.read_parquet(folder / CURVES),
        summary=summary.fillna({"label": ""}),
        sweep=json.loads((folder / SWEEP).read_text(encoding="utf-8")),
    )
