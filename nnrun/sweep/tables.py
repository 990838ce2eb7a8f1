"""From records to tables: a row a trial, and a row an evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nnrun.errors import shown
from nnrun.layout import write_atomically
from nnrun.records.record import Record, join_records, settings_of
from nnrun.records.trials import METRICS

ROW_GROUP = 200_000
"""Rows of curves that are held before they are written together."""

CURVES_SCHEMA = pa.schema(
    [("setting", pa.string()), ("seed", pa.int64()), ("samples", pa.int64())]
    + [(metric, pa.float64()) for metric in METRICS]
)


class TrialRows(NamedTuple):
    """One setting's part of the trials table.

    Attributes:
        setting: Its id.
        columns: Values of shape (trial,), and of shape () where all trials share one.
    """

    setting: str
    columns: dict[str, Any]


def trial_rows(record: Record) -> TrialRows:
    """Make one setting's part of the trials table; the varying keys and the label come later."""
    final = {}
    for name, metric in zip(METRICS, record.trials.curves[1:], strict=True):
        # a copy: a view would keep the curves in memory
        last = metric[:, -1].copy() if metric.size else np.full(len(metric), np.nan)
        final[f"final_{name}"] = last
    columns = {
        "seed": record.seeds,
        **record.outcomes._asdict(),
        "task": record.meta["task"],
        "budget": record.meta["samples"],
        "horizon": record.horizon,
        **final,
        "ns_per_sample": record.trials.ns_per_sample,
    }
    return TrialRows(str(record.meta["setting"]), columns)


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


def curve_rows(record: Record) -> Iterator[pa.Table]:
    """Make one setting's part of the curves table, some trials at a time; NaN becomes null."""
    trials, ran = record.trials, record.trained
    if not ran.all():
        trials = trials.rows(np.flatnonzero(ran))
    samples, *metrics = trials.curves
    seeds = trials.seeds
    step = max(1, ROW_GROUP // max(1, len(samples)))
    for start in range(0, max(1, len(seeds)), step):
        some = slice(start, start + step)
        yield _curve_rows(record, seeds[some], samples, [metric[some] for metric in metrics])


def _curve_rows(
    record: Record,
    seeds: npt.NDArray[np.int64],
    samples: npt.NDArray[np.int64],
    metrics: Sequence[npt.NDArray[np.float64]],
) -> pa.Table:
    n = len(seeds) * len(samples)
    columns = [
        pa.repeat(str(record.meta["setting"]), n),
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


def _in_order(records: Sequence[Record], facts: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the settings of some records, as the sweep lists them."""
    by_setting = settings_of(records)
    return (join_records(by_setting[s["id"]]) for s in facts["settings"])


def _repeated(values: Sequence[Any], counts: list[int]) -> Any:
    """Repeat the value of each setting for each of its trials."""
    return pd.Series(values).repeat(counts).reset_index(drop=True)


def _column(values: Sequence[Any]) -> Sequence[Any]:
    """Make values of one column alike: all of one type, or all numbers, or else all text."""
    types = set(map(type, values))
    return values if len(types) == 1 or types == {int, float} else list(map(str, values))


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else shown(value)
