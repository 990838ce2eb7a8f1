"""From records to tables, a setting at a time: memory does not grow with the curves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nnrun.config.evaluations import common_grid
from nnrun.layout import write_atomically, write_text
from nnrun.records.record import Record, join_records, read_record
from nnrun.records.trials import METRICS
from nnrun.results import CURVES, LADDER, SUMMARY, TRIALS, csv_text
from nnrun.statistics.curves import SettingBands, SettingCurves, setting_bands
from nnrun.statistics.findings import Findings
from nnrun.statistics.ladder import SettingLadder, align, setting_ladder
from nnrun.statistics.summary import summarise
from nnrun.statistics.targets import holds, judged_on
from nnrun.sweep.judge import judged_at
from nnrun.sweep.tables import (
    CURVES_SCHEMA,
    ROW_GROUP,
    TrialRows,
    assemble,
    curve_rows,
    trial_rows,
    write_parquet,
)


def by_setting(heads: Sequence[Record]) -> Iterator[list[Record]]:
    """Read records a setting at a time, in order of first appearance.

    Raises:
        InputError: If a record cannot be read.
    """
    return ([read_record(path) for path in found] for found in records_of(heads).values())


def records_of(heads: Iterable[Record]) -> dict[str, list[Path]]:
    """Collect the paths of each setting's records, by its id, in order of first appearance."""
    paths: dict[str, list[Path]] = {}
    for head in heads:
        paths.setdefault(str(head.meta["setting"]), []).append(head.path)
    return paths


def common_facts(heads: Iterable[Record]) -> dict[str, Any] | None:
    """Say at which points the settings of some records are judged, if their evaluations differ.

    Returns:
        As `nnrun.config.evaluations.CommonGrid.to_facts`; None where all were evaluated alike.
    """
    found = common_grid([head.samples for head in heads])
    return found and found.to_facts()


def tabulate(
    settings: Iterable[Sequence[Record]], facts: Mapping[str, Any], folder: Path
) -> Findings:
    """Write trials, curves, ladder and summary, each whole or not at all.

    Args:
        settings: The records of each setting, in the sweep's order of settings, at least one; read
            once, and no record is held after its turn.
        facts: Of the sweep, for its varying keys and labels, and for the points (``common_grid``)
            at which its settings are judged if their evaluations differ.
        folder: Where to.

    Returns:
        What the sweep found, ready for its report.
    """
    rows: list[TrialRows] = []
    bands: dict[str, SettingBands] = {}
    rungs: list[SettingLadder] = []
    hold, common = holds(facts), judged_on(facts)

    def curves() -> Iterator[pa.Table]:
        for records in settings:
            record = judged_at(join_records(records), common)
            rows.append(trial_rows(record))
            if record.trained.any():
                one = curves_of(record)
                bands[one.setting] = setting_bands(one.samples, one.metrics)
                rungs.append(setting_ladder(one, record.meta["task"], hold[one.setting], common))
            yield from curve_rows(record)

    write_curves(curves(), folder / CURVES)
    table = assemble(rows, facts)
    write_parquet(table, folder / TRIALS)
    ladder = align(table, rungs)
    write_parquet(pd.concat([table[["setting", "seed"]], ladder], axis=1), folder / LADDER)
    summary = summarise(table, facts["varying"])
    write_text(folder / SUMMARY, csv_text(summary))
    return Findings(table, bands, summary, facts, ladder)


def curves_of(record: Record) -> SettingCurves:
    """Take the curves of a setting's trained trials, in the order of their seeds."""
    order = np.flatnonzero(record.trained)
    order = order[np.argsort(record.seeds[order])]
    samples, *metrics = record.trials.curves
    as_they_are = np.array_equal(order, np.arange(len(record.seeds)))
    ordered = {
        name: values if as_they_are else values[order]
        for name, values in zip(METRICS, metrics, strict=True)
    }
    return SettingCurves(record.setting, record.seeds[order], samples, ordered)


def write_curves(parts: Iterable[pa.Table], path: Path) -> None:
    """Write the curves table as Parquet, or not at all, holding a piece of it at a time.

    Args:
        parts: Pieces as of `nnrun.sweep.tables.curve_rows`, in the order of the table.
        path: Where to.
    """

    def write(file: IO[bytes]) -> None:
        # measured values hardly repeat: a dictionary of them would only cost
        counts = [name for name in CURVES_SCHEMA.names if name not in METRICS]
        kept = {"use_dictionary": counts, "write_page_checksum": True}
        with pq.ParquetWriter(file, CURVES_SCHEMA, **kept) as writer:
            for group in _row_groups(parts):
                writer.write_table(group)

    write_atomically(path, write)


def _row_groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join pieces until they hold ``ROW_GROUP`` rows."""
    held: list[pa.Table] = []
    rows = 0
    for part in parts:
        held.append(part)
        rows += part.num_rows
        if rows >= ROW_GROUP:
            yield pa.concat_tables(held)
            held, rows = [], 0
    if rows:
        yield pa.concat_tables(held)
