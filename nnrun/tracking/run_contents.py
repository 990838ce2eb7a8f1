"""What MLflow is told of a setting and of a sweep, as their runs.

A setting's run says at first what its records alone tell (``setting_run``), and what takes all
settings in the end (``updates``), from the tables that the sweep's report is made of.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from nnrun.config.components import nested
from nnrun.config.settings import Tracking
from nnrun.errors import InputError, as_typed
from nnrun.layout import CURVES, FIGURES, LADDER, MARKDOWN, REPORT, SUMMARY, TRIALS, TUNING
from nnrun.model.load import chosen
from nnrun.plot.style import LINE_STYLES
from nnrun.records.plain import is_itself
from nnrun.records.record import Record, join_records
from nnrun.records.sweep import SWEEP, LabelledSetting, Sweep
from nnrun.records.trials import METRICS
from nnrun.results.results import Results, load
from nnrun.results.tabulate import TrialRows, curves_of, judged, judged_at, trial_rows
from nnrun.results.typical import representative
from nnrun.statistics.curves import bands_table, setting_bands
from nnrun.statistics.ladder import RUNGS, rung_name
from nnrun.statistics.summary import STATUSES
from nnrun.statistics.survival import judged_on
from nnrun.text import cell, seeds, things
from nnrun.tracking.entities import (
    SO_FAR,
    UNTIL,
    Artifact,
    Dataset,
    Line,
    SettingRun,
    Status,
    SweepRun,
    TrialRun,
    Update,
    curve_length,
    literal,
)
from nnrun.tracking.registry import target_words

RARE = ("failed", "plateaued", "reached_then_diverged")
"""Counts that are told only if they are not zero."""

COUNTS = ("seeds", "reached", "exhausted", "diverged", *RARE)

RUNGS_TOLD = (0.9, 0.95, 0.99, 1.0, 0.1, 0.0316, 0.01, 0.00316, 0.001)
"""Rungs that are figures of a run; MLflow draws a chart of each. The table ladder has all."""

RENAMED = {f"samples_{q}": f"samples_to_target_{q}" for q in ("median", "q10", "q90")}

FIRST = "rmst"
"""The figure that MLflow compares runs by unless told otherwise: the one that it was told first.
This one is never blank, and not the same for all."""

ALL_QUARTILES = 100
"""Most settings of a sweep whose runs have quartiles of all metrics, not of the target's alone."""

ENDED_AS: dict[str, Status] = {
    "complete": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
    "missing": "FAILED",
}

LEGEND = """\
A run is a setting with all of its seeds; a step is a training sample. `rmst` is the mean number \
of samples to the target, a seed that does not reach it counted with the budget; `success_rate` is \
the share of seeds that reach it. `samples_to_target_median` is blank where most never do. A \
setting's duration is the processor time of its training."""
"""What the names on MLflow's pages mean."""

GREY = "#9a9a9a"
"""Of a sweep's own run, among those of its settings."""

TRIALS_TOLD = "trials.csv"
"""A setting's part of the trials table, among its run's files."""

PAGES = (REPORT, MARKDOWN, FIGURES, "animation.html", "animation.gif")
TABLES = (SUMMARY, TRIALS, CURVES, LADDER, TUNING, SWEEP)

Row = Mapping[Any, Any]

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one that is compiled is six times as fast."""


def read_tables(folder: Path) -> Results:
    """Read a sweep's tables; the ladder may be missing in those of earlier versions.

    Raises:
        InputError: If the folder is not that of a finished sweep or run.
    """
    found, path = load(folder), folder / LADDER
    ladder = pd.read_parquet(path) if path.is_file() else found.trials[["setting", "seed"]]
    return replace(found, known={**found.known, "ladder": ladder})


def setting_run(
    records: Sequence[Record],
    about: LabelledSetting,
    sweep: Sweep,
    tags: Mapping[str, str],
    tracking: Tracking,
) -> SettingRun:
    """Say of a setting what its records tell.

    Args:
        records: Of the setting, read whole; judged anew where it has another target than they.
        about: The setting as the sweep has it.
        sweep: As far as it is known by now.
        tags: What ties the run to its sweep.
        tracking: What else is wanted of a run.

    Raises:
        InputError: If the records do not belong together.
    """
    config, varying = about.config, sweep.varying
    records = [_under(record, about) for record in records]
    (trials,) = judged_at([join_records(records)], judged_on(sweep))
    keys = [*varying, *(key for key in config if key not in varying)]
    counts, many = _counts(trials), len(sweep.settings) > ALL_QUARTILES
    part = trial_rows(trials)
    run = SettingRun(
        setting=about.id,
        name=about.label,
        params={key: as_typed(config[key]) for key in keys if key in config},
        bands=bands_table({}),
        summary={**_mean_time(part, sweep), **counts, **_cost(trials, records[0])},
        tags={
            **tags,
            "nnrun.engine": str(records[0].meta["engine"]),
            "nnrun.status": _ended(counts),
            "mlflow.runColor": _colors(sweep)[about.id],
        },
        datasets=_datasets(records[0].meta),
        texts={
            "config.yaml": yaml.dump(
                nested(config), Dumper=DUMPER, sort_keys=False, allow_unicode=True
            ),
            TRIALS_TOLD: _csv(part, about, varying),
        },
        artifacts=_files(records),
        trials=list(_trial_runs(trials, part, about, varying)) if tracking.trials else (),
        network=_network(records, tracking),
        failed=not counts["seeds"],
        points=curve_length(len(sweep.settings)),
        quartiles_of=str(config.get("target.metric")) if many else None,
    )
    if not trials.trained.any():
        return run
    curves = curves_of(trials)
    bands = bands_table({curves.setting: setting_bands(curves.samples, curves.metrics)})
    times = np.sort(trials.outcomes.samples_to_target[trials.trained])  # NaN last
    by_then = np.searchsorted(times, curves.samples, side="right") / len(times)
    return replace(run, bands=bands, lines={SO_FAR: Line(curves.samples, by_then)})


def updates(sweep: Sweep, results: Results, tags: Mapping[str, str]) -> dict[str, Update]:
    """Say of every setting, by its id, what takes the whole sweep: label, colour and figures."""
    configs = {about.id: about.config for about in sweep.settings}
    ladders, colors = _ladders(results), _colors(sweep)
    return {
        row["setting"]: Update(
            name=row["label"],
            tags={
                "nnrun.status": _ended(row),
                "mlflow.runColor": colors[row["setting"]],
                "mlflow.note.content": _setting_described(
                    row, configs[row["setting"]], sweep, tags
                ),
            },
            metrics={**_figures(row), **ladders.get(row["setting"], {})},
        )
        for row in results.summary.to_dict("records")
    }


def _under(record: Record, about: LabelledSetting) -> Record:
    """Take a record as one of a setting, which may have another target by now."""
    if record.setting == about.id:
        return record
    meta = {**record.meta, "setting": about.id, "config": dict(about.config)}
    return judged(replace(record, meta=meta))


def _counts(trials: Record) -> dict[str, float]:
    """Count how the trials ended, as the summary does."""
    ends = trials.outcomes.status
    counts = {status: int(np.sum(ends == status)) for status in STATUSES}
    found = {"seeds": int(trials.trained.sum()), **counts}
    return {key: count for key, count in found.items() if count or key not in RARE}


def _colors(sweep: Sweep) -> dict[str, str]:
    """Give each setting the colour that the report draws it in, if it draws all settings."""
    styles = zip(sweep.settings, cycle(LINE_STYLES), strict=False)
    return {about.id: style.color for about, style in styles}


def _figures(row: Row) -> dict[str, float]:
    """Take the figures of the summary, the one first that MLflow compares runs by at first."""
    figures = {
        RENAMED.get(key, key): float(row[key])
        for key in map(str, row)
        if key in (*COUNTS, "ns_per_sample")
        or key.startswith(("success_", "samples_", "final_", "rmst", "ert"))
    }
    rest = {k: v for k, v in figures.items() if v or k not in RARE}
    return {FIRST: figures[FIRST], **rest}


def _ladders(results: Results) -> dict[str, dict[str, float]]:
    """Give the median times to targets, by setting; inf where most seeds never reach one."""
    told = {
        rung_name(rung): f"{UNTIL[rung.metric]}/{rung.value:g}"
        for rung in RUNGS
        if rung.value in RUNGS_TOLD and rung_name(rung) in results.ladder.columns
    }
    times = results.ladder[list(told)].rename(columns=told)
    medians = times.groupby(results.trials["setting"].to_numpy()).median()
    rows = zip(medians.index, medians.to_numpy(), strict=True)
    return {
        str(setting): dict(zip(told.values(), row.tolist(), strict=True)) for setting, row in rows
    }


def _mean_time(part: TrialRows, sweep: Sweep) -> dict[str, float]:
    """Give the restricted mean as far as it is known by now: that of all takes its place."""
    columns = part.columns
    ran = np.asarray(columns["status"]) != "failed"
    if not ran.any():
        return {}
    budgets = [float(s.config["budget"]) for s in sweep.settings if "budget" in s.config]
    until = min([float(np.min(columns["horizon"])), *budgets])
    arrived = (np.asarray(columns["status"]) == "reached")[ran]
    times = np.asarray(columns["samples_to_target"], dtype=np.float64)[ran]
    times = np.where(arrived & (times <= until), times, until)
    return {FIRST: float(times.mean())}


def _cost(trials: Record, record: Record) -> dict[str, float]:
    """Say what training took: seconds of one processor, and the size of a network."""
    seconds = np.nansum(trials.trials.ns_per_sample) * trials.meta["samples"] * 1e-9
    sizes = [part[0].size for layer in record.trials.params for part in layer]
    return {"train_seconds": float(seconds)} | ({"parameters": sum(sizes)} if sizes else {})


def _ended(row: Row) -> str:
    """Say how the trials ended, for instance ``16 reached, 4 exhausted``."""
    told = [f"{row[status]} {status}" for status in STATUSES if row.get(status)]
    if after := row.get("reached_then_diverged"):
        told[0] += f" ({after} of them diverged then)"
    return ", ".join(told)


def _setting_described(
    row: Row, config: Mapping[str, Any], sweep: Sweep, tags: Mapping[str, str]
) -> str:
    """Describe the setting in Markdown."""
    target = target_words(config)
    lines = [f"**{literal(row['label'])}**"]
    if row["seeds"]:
        low, high = row["success_low"], row["success_high"]
        lines.append(
            f"{row['reached']} of {seeds(row['seeds'])} reached {target} "
            f"({row['success_rate']:.0%}, 95% interval {low:.0%} to {high:.0%})."
        )
        lines.append(_times(row))
    else:
        lines.append("No trial could be trained: see the sweep's report.")
    lines.append(f"Sweep `{tags['nnrun.sweep']}`, {len(sweep.settings):,} settings:")
    lines.append(f"```\n{tags['nnrun.command']}\n```")
    return "\n\n".join(lines)


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


def _files(records: Sequence[Record]) -> list[Artifact]:
    """Keep the records, with the weights and curves of every seed; several in a folder each."""
    if len(records) == 1:
        return [Artifact(records[0].path)]
    return [Artifact(one.path, f"seeds_{spans([one])}") for one in records]


def spans(records: Sequence[Record]) -> str:
    """Write the seeds of records as spans, for instance ``0-9,20``."""
    found = np.unique(np.concatenate([record.seeds for record in records]))
    pieces = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in pieces)


def _network(records: Sequence[Record], tracking: Tracking) -> Any:
    """Make the network that stands for the setting; None if none is wanted, or can be had."""
    if tracking.models == "off":
        return None
    found = representative(records, tracking.models)
    if found is None:
        return None
    try:
        return chosen(*found)
    except InputError:  # a component of the user's own that is not there any more
        return None


def _csv(part: TrialRows, about: LabelledSetting, varying: Sequence[str]) -> str:
    """Write the setting's part of the trials table; a missing value is empty."""
    config = about.config
    same = {"setting": about.id, "label": about.label}
    same |= {key: as_typed(config.get(key)) for key in varying}
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*same, *part.columns])
    for row in _rows(part):
        values = [*same.values(), *("" if v != v else v for v in row.values())]
        rows.writerow(map(cell, values))
    return text.getvalue()


def _rows(part: TrialRows) -> Iterator[dict[str, Any]]:
    """Yield the trials of a setting, a value a column."""
    columns = part.columns
    n = len(columns["seed"])
    values = (v.tolist() if np.ndim(v) else [v] * n for v in columns.values())
    return (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))


def _trial_runs(
    trials: Record, part: TrialRows, about: LabelledSetting, varying: Sequence[str]
) -> Iterator[TrialRun]:
    """Make a run of each trial: its own curves and final figures."""
    config = about.config
    params = {key: as_typed(config[key]) for key in varying if key in config}
    samples, *metrics = trials.trials.curves
    for i, row in enumerate(_rows(part)):
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


def sweep_run(
    sweep: Sweep, summary: pd.DataFrame, folder: Path, tags: Mapping[str, str]
) -> SweepRun:
    """Sum up a sweep for MLflow; its folder has its report and tables."""
    totals = {"settings": len(summary), **{key: int(summary[key].sum()) for key in COUNTS}}
    counts = {f"nnrun.total.{k}": str(n) for k, n in totals.items() if n or k not in RARE}
    return SweepRun(
        name=f"{'sweep' if len(sweep.jobs) > 1 else 'run'} {folder.name}",
        description=_sweep_described(sweep),
        tags={
            **tags,
            **counts,  # as metrics each would be a chart on the page that compares the settings
            "nnrun.status": str(sweep.status),
            "mlflow.runColor": GREY,
        },
        artifacts=[
            Artifact((folder / name).absolute())
            for name in (*PAGES, *TABLES)
            if is_itself(folder / name)
        ],
        status=ENDED_AS[sweep.status],
    )


def digest(sweep: Sweep, folder: Path) -> str:
    """Tell whether a sweep's own run is what its folder holds now: another answer, another digest.

    Where its runs are, and the time it took, do not count; of the larger files the size does.
    """
    said = {k: v for k, v in sweep.to_facts().items() if k not in ("tracking", "stages")}
    found = hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=16)
    if is_itself(folder / SUMMARY):
        found.update((folder / SUMMARY).read_bytes())
    sizes = {
        name: (folder / name).stat().st_size
        for name in (*PAGES, *TABLES[1:-1])
        if is_itself(folder / name)
    }
    found.update(json.dumps(sizes).encode())
    return found.hexdigest()


def _sweep_described(sweep: Sweep) -> str:
    """Give the verdict, the pages with its settings and the command in Markdown."""
    pages = zip(("charts", "all charts"), _pages(sweep), strict=False)
    links = " · ".join(f"[{name} of its settings]({page})" for name, page in pages)
    parts = [*map(literal, sweep.verdict), links, f"```\n{sweep.command}\n```"]
    return "\n\n".join(part for part in parts if part)


def experiment_described(sweep: Sweep, name: str, run: str) -> str:
    """Describe an experiment by its newest sweep, in Markdown.

    MLflow shows the first line on every page of the experiment: it leads to the sweep's own page.

    Args:
        sweep: As it was logged.
        name: Its name.
        run: Place of the page of its own run.
    """
    told, pages = (sweep.verdict or [f"Sweep {name}"])[0], _pages(sweep)
    first = f"[{literal(told)}]({pages[0]})" if pages else literal(told)
    settings = things(len(sweep.settings), "setting")
    links = [f"Sweep {name} of {settings}: [its run, with report and tables]({run})"]
    links += [f"[its charts and table]({page})" for page in pages[:1]]
    return "\n\n".join((first, " · ".join(links), LEGEND))


def _pages(sweep: Sweep) -> list[str]:
    """List the pages with a sweep's settings, the best first, as any server has them."""
    told = sweep.tracking or {}
    found = (told.get(name) for name in ("view", "charts"))
    return [address[address.index("#") :] for address in found if address]
