"""A setting as its MLflow run."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from nnrun.config.components import nested
from nnrun.config.settings import Tracking
from nnrun.errors import InputError, shown
from nnrun.pipeline.sums import Found, Summed, spans
from nnrun.records.record import Record
from nnrun.results.tabulate import TrialRows, curves_of
from nnrun.results.typical import network_of, representative
from nnrun.statistics.curves import METRICS, SettingCurves, bands_table, setting_bands
from nnrun.statistics.ladder import RUNGS, SettingLadder
from nnrun.statistics.summary import STATUSES
from nnrun.text import cell, seeds
from nnrun.tracking.entities import Artifact, Dataset, Line, SettingRun, TrialRun, curve_length

RARE = ("failed", "plateaued", "reached_then_diverged")
"""Counts that are told only if they are not zero."""

COUNTS = ("seeds", "reached", "exhausted", "diverged", *RARE)

SO_FAR = "success/so_far"
"""Curve of the share of seeds that have reached the target."""

LADDER = (0.9, 0.95, 0.99, 1.0, 0.1, 0.0316, 0.01, 0.00316, 0.001)
"""Rungs that are figures of a run; MLflow draws a chart of each. The table ladder has all."""

UNTIL = {"accuracy": "until_accuracy", "test_loss": "until_test_loss"}
"""Sections of MLflow's page, which it sorts by name: these come after the curves."""

RENAMED = {f"samples_{q}": f"samples_to_target_{q}" for q in ("median", "q10", "q90")}

Row = Mapping[Any, Any]

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one that is compiled is six times as fast."""


def setting_run(
    summed: Summed, facts: Mapping[str, Any], tags: Mapping[str, str], tracking: Tracking
) -> SettingRun:
    """Say of a setting what MLflow keeps of it.

    Args:
        summed: The setting with its trials.
        facts: Of the sweep, for its varying keys and its size.
        tags: What ties the run to its sweep.
        tracking: What else is wanted of a run.

    Raises:
        InputError: If the records do not say enough about their networks.
    """
    about, found, trials, row = summed.about, summed.found, summed.trials, summed.row
    records = [one.record for one in found]
    config, varying = about["config"], facts["varying"]
    keys = [*varying, *(key for key in config if key not in varying)]
    curves = curves_of(trials) if trials.trained.any() else None
    ways = {"nnrun.engine": str(records[0].meta["engine"]), "nnrun.status": _ended(row)}
    ways["mlflow.runColor"] = summed.color
    return SettingRun(
        setting=about["id"],
        name=about["label"],
        params={key: shown(config[key]) for key in keys if key in config},
        bands=_bands(curves),
        lines={} if curves is None else {SO_FAR: _share_reached(trials, curves)},
        summary={**_figures(row), **_ladder(summed.ladder), **_cost(trials, records[0])},
        tags={**tags, **ways},
        description=_described(row, config, facts, tags),
        datasets=_datasets(records[0].meta),
        texts={
            "config.yaml": yaml.dump(
                nested(config), Dumper=DUMPER, sort_keys=False, allow_unicode=True
            ),
            "trials.csv": _csv(summed, varying),
        },
        artifacts=_files(found),
        trials=list(_trial_runs(summed, varying)) if tracking.trials else (),
        network=_network(records, tracking),
        failed=not row["seeds"],
        points=curve_length(len(facts["settings"])),
    )


def _bands(curves: SettingCurves | None) -> pd.DataFrame:
    if curves is None:
        return bands_table({})
    return bands_table({curves.setting: setting_bands(curves.samples, curves.metrics)})


def _share_reached(trials: Record, curves: SettingCurves) -> Line:
    """Draw the share of seeds that have reached the target, evaluation by evaluation."""
    times = np.sort(trials.outcomes.samples_to_target[trials.trained])  # NaN last
    by_then = np.searchsorted(times, curves.samples, side="right")
    return Line(curves.samples, by_then / len(times))


def _figures(row: Row) -> dict[str, float]:
    """Take the figures of the summary, the one first that MLflow's pages show first."""
    figures = {
        RENAMED.get(key, key): float(row[key])
        for key in map(str, row)
        if key in (*COUNTS, "ns_per_sample")
        or key.startswith(("success_", "samples_", "final_", "rmst", "ert"))
    }
    first = RENAMED["samples_median"]
    rest = {k: v for k, v in figures.items() if v or k not in RARE}
    return {first: figures[first], **rest}


def _ladder(found: SettingLadder | None) -> dict[str, float]:
    """Give the median time to every target of the ladder; inf where most seeds never reach it."""
    if found is None:
        return {}
    medians = np.median(found.times, axis=0)
    return {
        f"{UNTIL[rung.metric]}/{rung.value:g}": float(median)
        for rung, median in zip(RUNGS, medians, strict=True)
        if rung.value in LADDER
    }


def _cost(trials: Record, record: Record) -> dict[str, float]:
    """Say what training took: seconds of one processor, and the size of a network."""
    seconds = np.nansum(trials.trials.ns_per_sample) * trials.meta["samples"] * 1e-9
    sizes = [part[0].size for layer in record.trials.params for part in layer]
    return {"train_seconds": float(seconds)} | ({"parameters": sum(sizes)} if sizes else {})


def _ended(row: Row) -> str:
    """Say how the trials ended, for instance ``16 reached, 4 exhausted``."""
    told = [f"{row[status]} {status}" for status in STATUSES if row[status]]
    if row["reached_then_diverged"]:
        told[0] += f" ({row['reached_then_diverged']} of them diverged then)"
    return ", ".join(told)


def _described(
    row: Row, config: Mapping[str, Any], facts: Mapping[str, Any], tags: Mapping[str, str]
) -> str:
    """Describe the setting in Markdown."""
    target = _target(config)
    lines = [f"**{row['label']}**"]
    if row["seeds"]:
        low, high = row["success_low"], row["success_high"]
        lines.append(
            f"{row['reached']} of {seeds(row['seeds'])} reached {target} "
            f"({row['success_rate']:.0%}, 95% interval {low:.0%} to {high:.0%})."
        )
        lines.append(_times(row))
    else:
        lines.append("No trial could be trained: see the sweep's report.")
    lines.append(f"Sweep `{tags['nnrun.sweep']}`, {len(facts['settings']):,} settings:")
    lines.append(f"```\n{tags['nnrun.command']}\n```")
    return "\n\n".join(lines)


def _target(config: Mapping[str, Any]) -> str:
    metric = str(config.get("target.metric", "its target"))
    if "target.value" not in config:
        return metric
    sign = "≥" if metric == "accuracy" else "≤"
    return f"{metric.replace('_', ' ')} {sign} {config['target.value']:g}"


def _times(row: Row) -> str:
    median, mean = row["samples_median"], row["rmst"]
    arrived = f"{median:,.0f} samples" if np.isfinite(median) else "not within the budget"
    bounds = ""
    if np.isfinite(row["rmst_low"]) and np.isfinite(row["rmst_high"]):
        bounds = f" (95% interval {row['rmst_low']:,.0f} to {row['rmst_high']:,.0f})"
    return f"Median time to target: {arrived}; restricted mean {mean:,.0f} samples{bounds}."


def _datasets(meta: Mapping[str, Any]) -> list[Dataset]:
    """Say what the setting was trained and tested on; nothing of a record from before 0.2."""
    data = meta.get("data")
    if not data:
        return []
    columns = {"inputs": data["inputs"], "outputs": data["outputs"]}
    config = meta["config"]
    file = config.get("data.path")
    name = Path(str(file)).stem if file else str(config.get("data.name", "data"))
    return [
        Dataset(name, role, data[role]["digest"], data["source"], columns, data[role]["samples"])
        for role in ("training", "test")
    ]


def _files(found: Sequence[Found]) -> list[Artifact]:
    """Keep the records, with the weights and curves of every seed; several in a folder each."""
    if len(found) == 1:
        return [Artifact(found[0].path)]
    return [Artifact(one.path, f"seeds_{spans([one.record])}") for one in found]


def _network(records: Sequence[Record], tracking: Tracking) -> Any:
    """Make the network that stands for the setting; None if none is wanted, or can be had."""
    if tracking.models == "off":
        return None
    chosen = representative(records, tracking.models)
    if chosen is None or not chosen.record.trials.params:
        return None
    try:
        return network_of(chosen)
    except InputError:  # a component of the user's own that is not there any more
        return None


def _csv(summed: Summed, varying: Sequence[str]) -> str:
    """Write the setting's part of the trials table; a missing value is empty."""
    about, config = summed.about, summed.about["config"]
    same = {"setting": about["id"], "label": about["label"]}
    same |= {key: shown(config.get(key)) for key in varying}
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*same, *summed.part.columns])
    for row in _rows(summed.part):
        values = [*same.values(), *("" if v != v else v for v in row.values())]
        rows.writerow(map(cell, values))
    return text.getvalue()


def _rows(part: TrialRows) -> Iterator[dict[str, Any]]:
    """Yield the trials of a setting, a value a column."""
    columns = part.columns
    n = len(columns["seed"])
    values = (v.tolist() if np.ndim(v) else [v] * n for v in columns.values())
    return (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))


def _trial_runs(summed: Summed, varying: Sequence[str]) -> Iterator[TrialRun]:
    """Make a run of each trial: its own curves and final figures."""
    trials, config = summed.trials, summed.about["config"]
    params = {key: shown(config[key]) for key in varying if key in config}
    samples, *metrics = trials.trials.curves
    for i, row in enumerate(_rows(summed.part)):
        lines = {
            name: Line(samples, values[i])
            for name, values in zip(METRICS, metrics, strict=True)
            if trials.trained[i]
        }
        figures = {
            key: float(value)
            for key, value in row.items()
            if key.startswith(("samples_to", "first_hit", "final", "ns_per"))
        }
        yield TrialRun(row["seed"], {**params, "seed": row["seed"]}, lines, figures, row["status"])
