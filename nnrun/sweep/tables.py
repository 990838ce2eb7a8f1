"""From records to tables: a row a trial, and a row an evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nnrun.errors import InputError, Issue, shown
from nnrun.layout import write_atomically
from nnrun.records.record import Record
from nnrun.records.trials import Curves, Outcomes, Status

METRICS = Curves._fields[1:]
ROW_GROUP = 200_000
"""Rows of curves that are held before they are written together."""

CURVES_SCHEMA = pa.schema(
    [("setting", pa.string()), ("seed", pa.int64()), ("samples", pa.int64())]
    + [(metric, pa.float64()) for metric in METRICS]
)


def merged(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Group records by setting, in order of first appearance."""
    settings: dict[str, list[Record]] = {}
    for record in records:
        settings.setdefault(record.setting, []).append(record)
    return settings


class SettingTrials(NamedTuple):
    """All trials of one setting, each seed once.

    Attributes:
        meta: Of the first record.
        seeds: Shape (trial,).
        trained: Whether the trial was trained, rather than stopped by an error; shape (trial,).
        curves: Measurements of the trained trials only, with the trials as their first axis.
        outcomes: How each trial ended, shape (trial,).
        ns_per_sample: Training cost in nanoseconds, shape (trial,).
        horizon: Samples up to which the trials are judged.
    """

    meta: Mapping[str, Any]
    seeds: npt.NDArray[np.int64]
    trained: npt.NDArray[np.bool_]
    curves: Curves
    outcomes: Outcomes
    ns_per_sample: npt.NDArray[np.float64]
    horizon: int


def setting_trials(records: Sequence[Record]) -> SettingTrials:
    """Put the records of one setting together.

    Of a seed in several records one trial remains: the first that was trained, in the place where
    the seed stood first.

    Raises:
        InputError: If two records were evaluated at different numbers of samples.
    """
    whole = [record for record in records if record.curves.samples.size] or list(records[:1])
    grid = whole[0].curves.samples
    if any(not np.array_equal(grid, record.curves.samples) for record in whole):
        rule = "has records of different evaluations: they are not of one sweep"
        raise InputError(Issue("setting", whole[0].setting, rule))
    seeds = np.concatenate([record.seeds for record in records])
    status = np.concatenate([record.outcomes.status for record in records])
    trained = status != Status.FAILED.value
    keep = _one_a_seed(seeds, trained)
    kept = keep[trained[keep]]
    metrics = (
        _rows([_padded(getattr(r.curves, m), len(grid)) for r in records], kept) for m in METRICS
    )
    fates = zip(*(record.outcomes for record in records), strict=True)
    return SettingTrials(
        meta=records[0].meta,
        seeds=seeds[keep],
        trained=trained[keep],
        curves=Curves(grid, *metrics),
        outcomes=Outcomes(*(np.concatenate(fate)[keep] for fate in fates)),
        ns_per_sample=np.concatenate([record.ns_per_sample for record in records])[keep],
        horizon=int(records[0].meta["samples"]),
    )


def _rows(parts: Sequence[npt.NDArray[Any]], rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Take rows of parts put together: of one part, all in their order, that part itself."""
    if len(parts) == 1 and np.array_equal(rows, np.arange(len(parts[0]))):
        return parts[0]
    return np.concatenate(parts)[rows]


def _one_a_seed(
    seeds: npt.NDArray[np.int64], trained: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    place: dict[int, int] = {}
    for i, seed in enumerate(seeds.tolist()):
        if seed not in place or (trained[i] and not trained[place[seed]]):
            place[seed] = i
    return np.array(list(place.values()), dtype=np.intp)


def _padded(metric: npt.NDArray[np.float64], n_evals: int) -> npt.NDArray[np.float64]:
    """Give the trials of a failed job, which have no evaluations, ones without values."""
    return metric if metric.shape[1] else np.full((len(metric), n_evals), np.nan)


class TrialRows(NamedTuple):
    """One setting's part of the trials table.

    Attributes:
        setting: Its id.
        columns: Values of shape (trial,), and of shape () where all trials share one.
    """

    setting: str
    columns: dict[str, Any]


def trial_rows(trials: SettingTrials) -> TrialRows:
    """Make one setting's part of the trials table; the varying keys and the label come later."""
    final = {}
    for name, metric in zip(METRICS, trials.curves[1:], strict=True):
        values = np.full(len(trials.seeds), np.nan)
        values[trials.trained] = metric[:, -1] if metric.size else np.nan
        final[f"final_{name}"] = values
    columns = {
        "seed": trials.seeds,
        **trials.outcomes._asdict(),
        "task": trials.meta["task"],
        "budget": trials.meta["samples"],
        "horizon": trials.horizon,
        **final,
        "ns_per_sample": trials.ns_per_sample,
    }
    return TrialRows(str(trials.meta["setting"]), columns)


def assemble(parts: Sequence[TrialRows], facts: Mapping[str, Any]) -> pd.DataFrame:
    """Make the trials table: columns as ``nnrun.results.Results.trials`` says.

    Args:
        parts: At least one, in the order of the table.
        facts: Of the sweep, for its varying keys and labels.
    """
    about = {s["id"]: s for s in facts["settings"]}
    found = [about[part.setting] for part in parts]
    counts = [len(part.columns["seed"]) for part in parts]
    table = {"setting": _repeated([part.setting for part in parts], counts)}
    table["label"] = _repeated([s["label"] for s in found], counts)
    for key in facts["varying"]:
        table[key] = _repeated(_column([_cell(s["config"].get(key)) for s in found]), counts)
    for key, first in parts[0].columns.items():
        values = [part.columns[key] for part in parts]
        shared = np.ndim(first) == 0
        table[key] = _repeated(values, counts) if shared else np.concatenate(values)
    return pd.DataFrame(table)


def curve_rows(trials: SettingTrials) -> Iterator[pa.Table]:
    """Make one setting's part of the curves table, some trials at a time; NaN becomes null."""
    samples, *metrics = trials.curves
    seeds = trials.seeds[trials.trained]
    step = max(1, ROW_GROUP // max(1, len(samples)))
    for start in range(0, max(1, len(seeds)), step):
        some = slice(start, start + step)
        yield _curve_rows(trials, seeds[some], samples, [metric[some] for metric in metrics])


def _curve_rows(
    trials: SettingTrials,
    seeds: npt.NDArray[np.int64],
    samples: npt.NDArray[np.int64],
    metrics: Sequence[npt.NDArray[np.float64]],
) -> pa.Table:
    n = len(seeds) * len(samples)
    columns = [
        pa.repeat(str(trials.meta["setting"]), n),
        pa.array(np.repeat(seeds, len(samples))),
        pa.array(np.tile(samples, len(seeds))),
        # flattened: a piece that waits to be written holds no record
        *(pa.array(metric.flatten(), from_pandas=True) for metric in metrics),
    ]
    return pa.Table.from_arrays(columns, schema=CURVES_SCHEMA)


def trials_table(records: Sequence[Record], facts: Mapping[str, Any]) -> pd.DataFrame:
    """Make the trials table of some records, in the sweep's order of settings."""
    return assemble([trial_rows(trials) for trials in _in_order(records, facts)], facts)


def curves_table(records: Sequence[Record], facts: Mapping[str, Any]) -> pd.DataFrame:
    """Make the curves table: columns as ``nnrun.results.Results.curves`` says."""
    parts = [part for trials in _in_order(records, facts) for part in curve_rows(trials)]
    return pa.concat_tables(parts).to_pandas()


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, or not at all."""
    data = pa.Table.from_pandas(table, preserve_index=False)
    write_atomically(path, lambda file: pq.write_table(data, file, write_page_checksum=True))


def _in_order(records: Sequence[Record], facts: Mapping[str, Any]) -> Iterator[SettingTrials]:
    """Yield the settings of some records, as the sweep lists them."""
    by_setting = merged(records)
    return (setting_trials(by_setting[s["id"]]) for s in facts["settings"])


def _repeated(values: Sequence[Any], counts: list[int]) -> Any:
    """Repeat the value of each setting for each of its trials."""
    return pd.Series(values).repeat(counts).reset_index(drop=True)


def _column(values: Sequence[Any]) -> Sequence[Any]:
    """Make values of one column alike: all of one type, or all numbers, or else all text."""
    types = set(map(type, values))
    return values if len(types) == 1 or types == {int, float} else list(map(str, values))


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else shown(value)
