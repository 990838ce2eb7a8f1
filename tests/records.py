"""Made-up records for the tests of what is made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from nnrun.records.labels import describe
from nnrun.records.record import Record, join_records, read_record, write_record
from nnrun.records.sweep import Sweep
from nnrun.records.trials import Curves, Outcomes, Trials
from nnrun.results.tabulate import assemble, curve_rows, records_of, trial_rows

GRID = np.array([10, 100, 1000])


def a_record(
    setting: str,
    lr: float = 0.1,
    seeds: Sequence[int] = range(3),
    losses: Sequence[float] | None = None,
    failed: bool = False,
    **meta: Any,
) -> Record:
    """A record of three evaluations; ``losses`` are the last ones, NaN for a diverged trial."""
    numbers = np.array(seeds, dtype=np.int64)
    last = np.full(len(numbers), 0.1) if losses is None else np.array(losses)
    start = np.full((len(numbers), 2), 0.5)
    curve = np.hstack([start, last[:, None]])
    grid = GRID
    diverged = np.isnan(last)
    status = np.where(diverged, "diverged", "reached")
    times = np.where(diverged, np.nan, 1000.0)
    if failed:
        grid, curve = GRID[:0], curve[:, :0]
        status, times = np.full(len(numbers), "failed"), np.full(len(numbers), np.nan)
    about = {
        "setting": setting,
        "number": 0,
        "seed": int(numbers[0]),
        "seeds": len(numbers),
        "overrides": [],
        "config": {"optimizer.lr": lr, "data.name": "xor"},
        "engine": "none" if failed else "compiled",
        "task": "binary",
        "samples": 1000,
        "error": "Traceback" if failed else None,
        **meta,
    }
    return Record(
        meta=about,
        trials=Trials(
            seeds=numbers,
            curves=Curves(grid, curve, curve, 1 - curve),
            params=(),
            ns_per_sample=np.full(len(numbers), np.nan if failed else 5.0),
            engine=about["engine"],
        ),
        outcomes=Outcomes(status, np.zeros(len(numbers), dtype=np.bool_), times, times),
    )


def changed(record: Record, **changes: Any) -> Record:
    """The record with other arrays of its trials."""
    return replace(record, trials=replace(record.trials, **changes))


def told(sweep: Sweep) -> dict[str, Any]:
    """What sweep.json says at least of a finished sweep."""
    return {**sweep.to_facts(), "target": {}}


def on_disk(record: Record) -> Path:
    """Write a record into a folder of its own below the working directory."""
    folder = Path(f"records/{record.setting}-{len(record.seeds)}")
    folder.mkdir(parents=True, exist_ok=True)
    return write_record(record, folder).path


def described(configs: Mapping[str, Mapping[str, Any]]) -> Sweep:
    """A sweep of some flat configurations, by the ids of their settings."""
    return Sweep("complete", **describe(configs))


def by_setting(heads: Sequence[Record]) -> Iterator[list[Record]]:
    """Read records a setting at a time, in order of first appearance."""
    return ([read_record(path) for path in found] for found in records_of(heads).values())


def trials_table(records: Sequence[Record], sweep: Sweep) -> pd.DataFrame:
    """The trials table of some records, in the sweep's order of settings."""
    return assemble([trial_rows(one) for one in _in_order(records, sweep)], sweep)


def curves_table(records: Sequence[Record], sweep: Sweep) -> pd.DataFrame:
    """Their curves table."""
    parts = [part for one in _in_order(records, sweep) for part in curve_rows([one])]
    return pa.concat_tables(parts).to_pandas()


def _in_order(records: Sequence[Record], sweep: Sweep) -> list[Record]:
    return [
        join_records([record for record in records if record.setting == one.id])
        for one in sweep.settings
    ]
