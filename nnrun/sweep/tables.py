"""From records to tables: a row a trial, and a row an evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nnrun.config import label, varying_keys
from nnrun.errors import shown
from nnrun.sweep.store import Record, write_atomically


def merged(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Group records by setting, in order of first appearance."""
    settings: dict[str, list[Record]] = {}
    for record in records:
        settings.setdefault(record.setting, []).append(record)
    return settings


def describe(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Say what varies between the settings of a sweep, and what does not.

    Args:
        configs: The flat configuration of each setting, by id.

    Returns:
        ``settings`` (a list of id, label and flat config), ``varying`` (dotted keys) and
        ``constant`` (a flat mapping).
    """
    varying = varying_keys(list(configs.values()))
    first = next(iter(configs.values()), {})
    return {
        "settings": [
            {"id": key, "label": label(config, varying), "config": config}
            for key, config in configs.items()
        ],
        "varying": varying,
        "constant": {key: value for key, value in first.items() if key not in varying},
    }


def trials_table(records: Sequence[Record], facts: Mapping[str, Any]) -> pd.DataFrame:
    """Make the trials table: columns as ``nnrun.results.Results.trials`` says.

    A seed that two records of a setting share stands in the table once.
    """
    labels = {s["id"]: s["label"] for s in facts["settings"]}
    parts = []
    for record in _in_order(records, facts):
        config, last = record.meta["config"], record.curves.samples.size - 1
        final = {
            f"final_{name}": metric[:, last] if last >= 0 else np.full(len(record.seeds), np.nan)
            for name, metric in list(record.curves._asdict().items())[1:]
        }
        parts.append(
            pd.DataFrame(
                {
                    "setting": record.setting,
                    "label": labels[record.setting],
                    **{key: _cell(config.get(key)) for key in facts["varying"]},
                    "seed": record.seeds,
                    **record.outcomes._asdict(),
                    "task": record.meta["task"],
                    "budget": record.meta["samples"],
                    **final,
                    "ns_per_sample": record.ns_per_sample,
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    for key in facts["varying"]:
        if table[key].map(type).nunique() > 1 and not pd.api.types.is_numeric_dtype(table[key]):
            table[key] = table[key].map(str)
    return table.drop_duplicates(["setting", "seed"], ignore_index=True)


def curves_table(records: Sequence[Record], facts: Mapping[str, Any]) -> pd.DataFrame:
    """Make the curves table: columns as ``nnrun.results.Results.curves`` says."""
    parts = []
    for record in _in_order(records, facts):
        n_evals = len(record.curves.samples)
        parts.append(
            pd.DataFrame(
                {
                    "setting": record.setting,
                    "seed": np.repeat(record.seeds, n_evals),
                    "samples": np.tile(record.curves.samples, len(record.seeds)),
                    **{k: v.ravel() for k, v in list(record.curves._asdict().items())[1:]},
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table.drop_duplicates(["setting", "seed", "samples"], ignore_index=True)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, or not at all."""
    data = pa.Table.from_pandas(table, preserve_index=False)
    write_atomically(path, lambda file: pq.write_table(data, file))


def _in_order(records: Sequence[Record], facts: Mapping[str, Any]) -> list[Record]:
    """Sort records by setting, as the sweep lists them; within one, as they came."""
    by_setting = merged(records)
    return [record for s in facts["settings"] for record in by_setting[s["id"]]]


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else shown(value)
