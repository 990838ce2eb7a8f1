"""A setting's records as its MLflow run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nnrun.errors import shown
from nnrun.statistics.bands import bands_table, setting_bands
from nnrun.statistics.summary import summarise
from nnrun.statistics.tabulate import curves_of
from nnrun.sweep.store import Record
from nnrun.sweep.tables import assemble, setting_trials, trial_rows
from nnrun.tracking import SettingRun
from nnrun.tracking.entities import curve_length

COUNTS = ("seeds", "reached", "exhausted", "diverged", "failed", "plateaued")


def setting_run(
    records: Sequence[Record],
    setting: Mapping[str, Any],
    facts: Mapping[str, Any],
    tags: Mapping[str, str],
) -> SettingRun:
    """Sum up a setting's trials for MLflow.

    Args:
        records: Of the setting.
        setting: Its id, label and flat config.
        facts: Of the sweep, for its varying keys and its size.
        tags: What ties the run to its sweep.

    Returns:
        A run that holds none of the records' arrays.
    """
    config, varying = setting["config"], facts["varying"]
    keys = [*varying, *(key for key in config if key not in varying)]
    row, curves = _measured(records, {**facts, "settings": [setting]})
    return SettingRun(
        setting=setting["id"],
        name=setting["label"],
        params={key: shown(config[key]) for key in keys if key in config},
        bands=curves,
        summary=_metrics(row),
        tags={**tags, "nnrun.engine": records[0].meta["engine"]},
        failed=not row["seeds"],
        points=curve_length(len(facts["settings"])),
    )


def spans(records: Sequence[Record]) -> str:
    """Write the seeds of records as spans, for instance ``0-9,20``."""
    seeds = np.unique(np.concatenate([record.seeds for record in records]))
    pieces = np.split(seeds, np.flatnonzero(np.diff(seeds) > 1) + 1)
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in pieces)


def _measured(
    records: Sequence[Record], facts: Mapping[str, Any]
) -> tuple[Mapping[Any, Any], pd.DataFrame]:
    """Sum up one setting: its row of the summary, and its learning curves."""
    trials = setting_trials(records)
    table = assemble([trial_rows(trials)], facts)
    row = summarise(table, facts["varying"]).iloc[0].to_dict()
    if not trials.trained.any():
        return row, bands_table({})
    one = curves_of(trials)
    return row, bands_table({one.setting: setting_bands(one.samples, one.metrics)})


def _metrics(row: Mapping[Any, Any]) -> dict[str, float]:
    renamed = {f"samples_{q}": f"samples_to_target_{q}" for q in ("median", "q10", "q90")}
    return {
        renamed.get(key, key): float(value)
        for key, value in row.items()
        if key in (*COUNTS, "rmst", "ns_per_sample")
        or str(key).startswith(("success", "samples", "final"))
    }
