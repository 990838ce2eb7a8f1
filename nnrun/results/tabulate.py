"""From records to tables, a setting at a time: memory does not grow with the curves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nnrun.config.evaluation_grid import CommonGrid, common_grid
from nnrun.config.settings import Target
from nnrun.errors import as_typed
from nnrun.layout import CURVES, LADDER, SUMMARY, TRIALS, write_atomically, write_text
from nnrun.records.record import Record, join_records
from nnrun.records.sweep import Sweep
from nnrun.records.trials import METRICS, Curves, Outcomes
from nnrun.results.results import Results, csv_text
from nnrun.statistics.curves import SettingBands, SettingCurves, setting_bands
from nnrun.statistics.ladder import SettingLadder, align, ladders
from nnrun.statistics.summary import summarise
from nnrun.statistics.survival import holds, judged_on
from nnrun.training.convergence import at_points, loss_window, outcomes

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


def assemble(parts: Sequence[TrialRows], facts: Sweep) -> pd.DataFrame:
    """Make the trials table: columns as ``nnrun.Results.trials`` says.

    Args:
        parts: At least one, in the order of the table.
        facts: Of the sweep, for its varying keys and labels.
    """
    about = {s.id: s for s in facts.settings}
    found = [about[part.setting] for part in parts]
    counts = [len(part.columns["seed"]) for part in parts]
    table = {"setting": _repeated([part.setting for part in parts], counts)}
    table["label"] = _repeated([s.label for s in found], counts)
    for key in facts.varying:
        table[key] = _repeated(_column([_cell(s.config.get(key)) for s in found]), counts)
    for key, first in parts[0].columns.items():
        values = [part.columns[key] for part in parts]
        shared = np.ndim(first) == 0
        table[key] = _repeated(values, counts) if shared else np.concatenate(values)
    return pd.DataFrame(table)


def curve_rows(records: Sequence[Record]) -> Iterator[pa.Table]:
    """Make some settings' part of the curves table; NaN becomes null.

    One setting of more than ``ROW_GROUP`` rows comes some trials at a time.
    """
    pieces = [piece for record in records for piece in _pieces(record)]
    if len(records) == 1:
        yield from (_curve_rows([piece]) for piece in pieces)
    else:
        yield _curve_rows(pieces)


Piece = tuple[str, NDArray[np.int64], Curves]
"""A setting's id, the seeds of some of its trials, and their curves."""


def _pieces(record: Record) -> Iterator[Piece]:
    trials, ran = record.trials, record.trained
    if not ran.all():
        trials = trials.rows(np.flatnonzero(ran))
    samples, *metrics = trials.curves
    step = max(1, ROW_GROUP // max(1, len(samples)))
    for start in range(0, max(1, len(trials.seeds)), step):
        some = slice(start, start + step)
        yield record.setting, trials.seeds[some], Curves(samples, *(m[some] for m in metrics))


def _curve_rows(pieces: Sequence[Piece]) -> pa.Table:
    names = pa.array([setting for setting, _, _ in pieces])
    rows = [len(seeds) * len(curves.samples) for _, seeds, curves in pieces]
    metrics = zip(*(curves[1:] for _, _, curves in pieces), strict=True)
    columns = [
        names.take(pa.array(np.repeat(np.arange(len(pieces)), rows))),
        pa.array(np.concatenate([np.repeat(seeds, len(c.samples)) for _, seeds, c in pieces])),
        pa.array(np.concatenate([np.tile(c.samples, len(seeds)) for _, seeds, c in pieces])),
        # copied: a piece that waits to be written holds no record
        *(
            pa.array(np.concatenate([part.ravel() for part in metric]), from_pandas=True)
            for metric in metrics
        ),
    ]
    return pa.Table.from_arrays(columns, schema=CURVES_SCHEMA)


def _stacked(records: Sequence[Record]) -> Curves:
    """Put the curves of several settings, at the same evaluations, one after the other."""
    if len(records) == 1:
        return records[0].trials.curves
    metrics = zip(*(record.trials.curves[1:] for record in records), strict=True)
    return Curves(records[0].samples, *map(np.concatenate, metrics))


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet, or not at all."""
    data = pa.Table.from_pandas(table, preserve_index=False)
    write_atomically(path, lambda file: pq.write_table(data, file, write_page_checksum=True))


def _repeated(values: Sequence[Any], counts: list[int]) -> Any:
    """Repeat the value of each setting for each of its trials."""
    return pd.Series(values).repeat(counts).reset_index(drop=True)


def _column(values: Sequence[Any]) -> Sequence[Any]:
    """Make values of one column alike: all of one type, or all numbers, or else all text."""
    types = set(map(type, values))
    return values if len(types) == 1 or types == {int, float} else list(map(str, values))


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else as_typed(value)


def judged(record: Record) -> Record:
    """Judge a record's trials by the target in its configuration; failed ones stay failed."""
    if not record.samples.size:
        return record
    return replace(record, outcomes=_outcomes(record.trials.curves, record.meta))


def judged_at(records: Sequence[Record], common: CommonGrid | None) -> Sequence[Record]:
    """Judge trials as if they had been evaluated at common points and nowhere else.

    Args:
        records: Of settings that are evaluated and judged alike; failed trials stay failed.
        common: The points; None to leave the trials as they are.

    Returns:
        The trials with other outcomes, and with the last point as their horizon; their curves are
        what was measured.
    """
    if common is None:
        return records
    horizon = int(common.samples[-1])
    ran = np.concatenate([record.trained for record in records])
    fates: list[Any] = [
        np.concatenate(fate) for fate in zip(*(r.outcomes for r in records), strict=True)
    ]
    if ran.any():
        samples, *metrics = _stacked(records)
        if not ran.all():
            metrics = [metric[ran] for metric in metrics]
        found = _outcomes(Curves(samples, *metrics), records[0].meta, common)
        for fate, now in zip(fates, found, strict=True):
            fate[ran] = now
    ends = np.cumsum([len(record.seeds) for record in records])[:-1]
    apart = zip(*(np.split(fate, ends) for fate in fates), strict=True)
    return [
        replace(record, meta={**record.meta, "horizon": horizon}, outcomes=Outcomes(*own))
        for record, own in zip(records, apart, strict=True)
    ]


def _outcomes(
    curves: Curves, meta: Mapping[str, Any], common: CommonGrid | None = None
) -> Outcomes:
    config, data = meta["config"], meta.get("data")
    target = Target(**{key: config[f"target.{key}"] for key in ("metric", "value", "hold")})
    if common is not None:
        curves, target = at_points(curves, common), replace(target, hold=common.hold(target.hold))
    # records from before 0.2 do not say how many samples there were
    return outcomes(curves, target, loss_window(data["training"]["samples"] if data else None))


def records_of(heads: Iterable[Record]) -> dict[str, list[Path]]:
    """Collect the paths of each setting's records, by its id, in order of first appearance."""
    paths: dict[str, list[Path]] = {}
    for head in heads:
        paths.setdefault(str(head.meta["setting"]), []).append(head.path)
    return paths


def common_facts(heads: Iterable[Record]) -> dict[str, Any] | None:
    """Say at which points the settings of some records are judged, if their evaluations differ.

    Returns:
        As `nnrun.config.evaluation_grid.CommonGrid.to_facts`; None where all were evaluated alike.
    """
    found = common_grid([head.samples for head in heads])
    return found and found.to_facts()


def tabulate(settings: Iterable[Sequence[Record]], facts: Sweep, folder: Path) -> Results:
    """Write trials, curves, ladder and summary, each whole or not at all.

    Args:
        settings: The records of each setting, in the sweep's order of settings, at least one; read
            once, and held for a row group of curves.
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
        for window in _windows(map(join_records, settings)):
            found: dict[str, Record] = {}
            measured: dict[str, tuple[SettingCurves, SettingLadder]] = {}
            for alike in _alike(window, hold):
                judged = judged_at(alike, common)
                found |= {record.setting: record for record in judged}
                drawn = [curves_of(record) for record in judged if record.trained.any()]
                if drawn:
                    task, held = judged[0].meta["task"], hold[drawn[0].setting]
                    pairs = zip(drawn, ladders(drawn, task, held, common), strict=True)
                    measured |= {one.setting: (one, reached) for one, reached in pairs}
            for key, record in ((one.setting, found[one.setting]) for one in window):
                rows.append(trial_rows(record))
                if key in measured:
                    one, reached = measured[key]
                    bands[key] = setting_bands(one.samples, one.metrics)
                    rungs.append(reached)
            yield from curve_rows(window)

    write_curves(curves(), folder / CURVES)
    table = assemble(rows, facts)
    rows.clear()  # of a million trials they take as much as what is made of them
    write_parquet(table, folder / TRIALS)
    ladder = align(table, (rungs.pop() for _ in range(len(rungs))))  # each is let go when placed
    write_parquet(pd.concat([table[["setting", "seed"]], ladder], axis=1), folder / LADDER)
    summary = summarise(table, facts.varying)
    write_text(folder / SUMMARY, csv_text(summary))
    known = {"bands": bands, "ladder": ladder, "summary": summary}
    return Results(table, facts, folder, known)


def tabulate_trials(records: Sequence[Record], facts: Sweep) -> pd.DataFrame:
    """Make the trials table of some settings, without their curves.

    Args:
        records: One a setting, in the order of the table.
        facts: As of `tabulate`.
    """
    hold, common = holds(facts), judged_on(facts)
    judged = (one for alike in _alike(records, hold) for one in judged_at(alike, common))
    found = {record.setting: record for record in judged}
    return assemble([trial_rows(found[record.setting]) for record in records], facts)


def _windows(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Take as many settings at once as fill a row group of curves."""
    window: list[Record] = []
    rows = 0
    for record in records:
        window.append(record)
        rows += len(record.seeds) * len(record.samples)
        if rows >= ROW_GROUP:
            yield window
            window, rows = [], 0
    if window:
        yield window


def _alike(records: Sequence[Record], hold: Mapping[str, int]) -> Iterable[list[Record]]:
    """Sort settings by how they are evaluated and judged: those alike count as one array."""
    groups: dict[Any, list[Record]] = {}
    for record in records:
        config, data = record.meta["config"], record.meta.get("data") or {}
        target = [config.get(f"target.{key}") for key in ("metric", "value", "hold")]
        told = (record.meta["task"], hold.get(record.setting), target, data.get("training"))
        groups.setdefault((record.samples.tobytes(), repr(told)), []).append(record)
    return groups.values()


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
        parts: Pieces as of `nnrun.results.tabulate.curve_rows`, in the order of the table.
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
