"""From a table of evaluations to a verdict: what `nnrun.judge` does."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.config.settings import Report
from nnrun.errors import InputError, Issue
from nnrun.judging.columns import columns_of
from nnrun.judging.doubts import doubts
from nnrun.judging.frame import curves_of
from nnrun.judging.pairing import unpaired
from nnrun.judging.target import Target, directed, read_target
from nnrun.judging.trials import bands_of, curves_table, judged, trials_table
from nnrun.launch.choices import find_key, with_baseline
from nnrun.launch.history import Note, looked_at, spans_of
from nnrun.layout import CURVES, SUMMARY, TRIALS, together, write_text
from nnrun.records.labels import describe, label
from nnrun.records.lock import alone_in
from nnrun.records.sweep import MARGIN, LabelledSetting, Sweep, read_sweep
from nnrun.report.page import write_report
from nnrun.report.sentences import CLAIMED, mark
from nnrun.report.verdict import verdict
from nnrun.results.results import SUMMARY_COLUMNS, TRIALS_COLUMNS, Results, csv_text, in_order
from nnrun.results.tabulate import write_parquet
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.looks import SAME
from nnrun.statistics.summary import summarise
from nnrun.trials.provenance import versions

HOLD = 3
"""Evaluations in a row at which a target must be met, where nothing else is asked for."""

NAMED = 4
"""Findings that are named that hang on curves that end early."""


@dataclass(frozen=True)
class Asked:
    """What is asked of curves: as `judge` takes it.

    Attributes:
        setting: Columns whose values tell settings apart.
        seed: Column of seeds; None to guess.
        x: Column of steps, epochs or seconds; None to guess.
        y: Column of the metric; None for the one that the target names.
        target: What counts as converged.
        hold: Evaluations in a row at which it must be met.
        budget: Up to where is judged; None for what all settings come to.
        baseline: The setting that the others are compared with; None for the first.
        within: The column within each of whose values the others are compared.
        margin: Share by which times may differ that count as the same.
        paired: Whether equal seeds of two settings belong together; None to see by the seeds.
        name: Of the page.
    """

    setting: str | Sequence[str]
    target: str | float
    seed: str | None = None
    x: str | None = None
    y: str | None = None
    hold: int = HOLD
    budget: float | None = None
    baseline: str | None = None
    within: str | None = None
    margin: float = MARGIN
    paired: bool | None = None
    name: str = "judged"


@dataclass(frozen=True)
class Origin:
    """Where a table comes from.

    Attributes:
        command: The command line; None from Python.
        tables: What was understood of each file, in lines.
        notes: What a reader should know of it.
        looked: Adds to a sweep at how many seeds its results were looked at before.
    """

    command: str | None = None
    tables: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    looked: Callable[[Sweep], Sweep] = lambda sweep: sweep


def judge(
    frame: pd.DataFrame,
    *,
    setting: str | Sequence[str],
    target: str | float,
    seed: str | None = None,
    x: str | None = None,
    y: str | None = None,
    hold: int = HOLD,
    budget: float | None = None,
    baseline: str | None = None,
    within: str | None = None,
    margin: float = MARGIN,
    paired: bool | None = None,
    name: str = "judged",
    out: str | Path | None = None,
) -> Results:
    """Judge learning curves of any origin as nnrun judges those of its own networks.

    A setting is compared with the first by how many steps its seeds take to a target, with
    intervals, tests and censoring as of a sweep. All curves are judged at the points at which all
    were evaluated, up to the budget that all settings share. A curve whose last values are not
    finite has diverged; one that ends before the budget without having met the target counts as not
    arriving; one that ends with the target held limits no budget. This, and all else that was
    decided, is said in ``results.sweep.notes``.

    Args:
        frame: A row an evaluation, in any order: columns that tell settings apart, of the seed,
            of ``x`` (steps, epochs, seconds: whatever the budget is counted in) and of ``y``.
        setting: The columns whose values tell settings apart; the first setting in the table is
            the baseline.
        target: What counts as converged: ``"val_acc>=0.9"``, ``"loss<=0.1"``, or a number where
            the curves tell which way.
        seed: The column of seeds; guessed where None, if one is called like that.
        x: The column of steps, likewise.
        y: The column of the metric; None where the target names it.
        hold: At how many evaluations in a row the target must be met; the time is the first's.
        budget: Up to where is judged, in units of ``x``, at most the longest curve: those that
            end before it without having met the target do not arrive. None for what all settings
            come to.
        baseline: The setting that the others are compared with: its label, or values such as
            ``"optimizer=sgd"``.
        within: The column within each of whose values the others are compared.
        margin: The share by which times may differ that count as the same.
        paired: Whether the same seed in two settings is the same luck (first weights, order of
            data), so that settings are compared seed by seed. None to go by the seeds: paired if
            settings share most of them, unpaired if none.
        name: Of the page.
        out: A folder for tables and page; None for none. Curves that were judged there before, with
            fewer seeds, make this another look, and tests and intervals allow for it.

    Returns:
        Tables (`Results.trials`, ``summary``, ``contrasts`` and others, in which ``samples`` stands
        for ``x``, and ``accuracy`` or ``test_loss`` for ``y``), the verdict in sentences, the path
        of the page. A notebook shows verdict and summary.

    Raises:
        InputError: If the table cannot be judged: columns that are not there, two evaluations at
            one x, no budget in common, too few evaluations in common to see a target hold, or
            curves that end before it could be seen to.

    Example:
        >>> rows = [
        ...     (name, seed, step, 1 - 0.9 ** (step * rate * (1 + seed % 3)))
        ...     for name, rate in [("sgd", 0.1), ("adam", 0.3)]
        ...     for seed in range(20)
        ...     for step in range(1, 101)
        ... ]
        >>> frame = pd.DataFrame(rows, columns=["optimizer", "seed", "step", "val_acc"])
        >>> judge(frame, setting="optimizer", target="val_acc>=0.9").verdict[0]
        'Yes: optimizer=adam converges sooner than optimizer=sgd.'
    """
    asked = Asked(setting, target, seed, x, y, hold, budget, baseline, within, margin, paired, name)
    results = results_of(frame, asked)
    return results if out is None else written(results, Path(out))


def results_of(frame: pd.DataFrame, asked: Asked, origin: Origin = Origin()) -> Results:
    """Judge a table, and write nothing.

    Raises:
        InputError: As `judge`.
    """
    notes = list(origin.notes)
    _require_sound(asked)
    target = read_target(asked.target)
    columns = columns_of(frame, asked.setting, asked.seed, asked.x, metric_of(asked, target), notes)
    curves = curves_of(frame, columns, asked.budget)
    target = directed(target, curves, columns.y)
    measured = {"x": columns.x, "y": columns.y, "rising": bool(target.rising)}
    aim = {
        "metric": "accuracy" if target.rising else "test_loss",
        "value": target.value,
        "hold": asked.hold,
        "name": columns.y,
    }
    curves = replace(curves, levels=_keyed(curves.levels))
    configs = [_config(row, aim) for row in curves.levels.to_dict("records")]
    about = describe({_id(config): config for config in configs})
    if len(configs) == 1:
        only = about["settings"][0]
        about["settings"] = [
            replace(only, label=label(only.config, [str(key) for key in curves.levels]))
        ]
    settings: list[LabelledSetting] = about["settings"]
    about["constant"] = {k: v for k, v in about["constant"].items() if k[:7] != "target."}
    sweep = Sweep(
        "complete",
        name=asked.name,
        command=origin.command,
        versions={"python": platform.python_version(), **versions()},
        target=aim,
        tables=origin.tables,
        margin=asked.margin,
        measured=measured,
        **about,
    )
    if asked.baseline is not None:
        sweep = replace(with_baseline(sweep, asked.baseline), target=aim)
    baseline = [one.id for one in settings].index(sweep.settings[0].id)
    sweep = replace(sweep, unpaired=unpaired(curves, baseline, asked.paired, notes))
    found = judged(curves, target, asked.hold, sweep.words.unit, asked.budget)
    names = [setting.label or "the setting" for setting in settings]
    notes += [*curves.notes, *found.notes, *doubts(curves, target, names, columns.y)]
    rising = bool(target.rising)
    table = trials_table(curves, found, settings, rising)
    sweep = replace(
        sweep,
        budget=table["budget"].max().item(),
        common_grid=found.common and found.common.to_facts(),
        notes=notes,
    )
    if asked.within is not None:
        sweep = replace(sweep, within=find_key("within", asked.within, sweep.telling))
    sweep = origin.looked(sweep)
    known: dict[str, Any] = {
        "curves": curves_table(curves, settings, rising),
        "bands": bands_of(curves, found, settings, rising),
    }
    table = in_order(table, sweep)
    known["summary"] = summarise(table, sweep.varying)
    results = Results(table, sweep, None, known)
    if found.early.any():
        told = _without(results, found.early[table.index])
        results = results.of(replace(sweep, notes=[*notes, told]), None)
    return _told(results)


def _without(results: Results, early: NDArray[np.bool_]) -> str:
    """Say what is found where curves that end early are left out, instead of not arriving."""
    kept = results.trials.assign(status=results.trials["status"].mask(early, "failed"))
    other = contrasts(kept, results.sweep).set_index(list(SAME))
    here = results.contrasts.set_index(list(SAME))
    then = other["verdict"].reindex(here.index)
    changed = here[(then != here["verdict"]).to_numpy()]
    if changed.empty:
        return "Left out instead, they change no finding."
    margin = results.sweep.margin
    parts = [
        f"{row['name_a']} against {row['name_b']} is '{mark(row['verdict'], margin)}', and would "
        f"be '{mark(kind, margin) if kind in CLAIMED else 'not compared'}'"
        for (_, row), kind in zip(changed.iterrows(), then[changed.index], strict=True)
    ]
    more = len(parts) - NAMED
    said = "; ".join(parts[:NAMED]) + (f"; and {more:,} more" if more > 0 else "")
    return f"Left out instead, they would change findings: {said}."


def _told(results: Results) -> Results:
    """Add to results what they come to in sentences."""
    return results.of(replace(results.sweep, verdict=verdict(results)), results.folder)


def written(results: Results, folder: Path, pdf: bool = False) -> Results:
    """Write tables, sweep.json and page into a folder, and count what was looked at there before.

    Raises:
        InputError: If another writes there, or what stands there are results of something else.
        OSError: If the system refuses a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder, "out"):
        sweep = _looked_at_before(results, folder)
        if sweep.looks != results.sweep.looks:
            results = _told(Results(results.trials, sweep, None, results.known))
        results = results.of(results.sweep, folder)
        with together(folder) as new:
            write_parquet(results.trials, new / TRIALS)
            write_parquet(results.curves, new / CURVES)
            write_text(new / SUMMARY, csv_text(results.summary))
            results.sweep.write(new)
            write_report(results, new, {}, pdf=pdf)
    return results


def _looked_at_before(results: Results, folder: Path) -> Sweep:
    """Add to a sweep at how many seeds it was looked at before in this folder."""
    before = read_sweep(folder)
    if before is None:
        return results.sweep
    if before.measured is None:
        rule = "holds results of a sweep, not of curves that were judged"
        raise InputError(Issue("out", folder, rule, "take another folder"))
    then: pd.DataFrame | None = None
    with suppress(OSError, ValueError, KeyError):  # damaged: there is nothing to go by
        then = pd.read_parquet(folder / TRIALS, columns=["setting", "seed"])
    if then is None:
        return results.sweep
    sweep = results.sweep
    return looked_at(
        sweep, _seen(results.trials, sweep), [Note(_seen(then, sweep), before.looks)], 1
    )


def _seen(trials: pd.DataFrame, sweep: Sweep) -> dict[str, Any]:
    """List the seeds with which each setting is compared: those that the baseline has, too."""
    seeds = {str(key): set(own) for key, own in trials.groupby("setting", sort=False)["seed"]}
    if not sweep.unpaired:
        of_first = seeds.pop(sweep.settings[0].id, set())
        seeds = {key: own & of_first for key, own in seeds.items()}
    return {key: spans_of(own) for key, own in seeds.items()}


def _require_sound(asked: Asked) -> None:
    """Check what is asked for, whatever the table."""
    if asked.hold < 1:
        raise InputError(Issue("hold", asked.hold, "must be 1 or more", "1: met once is met"))
    if asked.budget is not None and not 0 < asked.budget < np.inf:
        raise InputError(Issue("budget", asked.budget, "must be above 0 and finite", ""))
    Report(margin=asked.margin)


def metric_of(asked: Asked, target: Target) -> str:
    """Name the metric that is asked for.

    Raises:
        InputError: If nobody names it, or two do not agree.
    """
    if asked.y is not None and target.y and asked.y != target.y:
        rule = f"is of '{target.y}', and y is '{asked.y}'"
        raise InputError(Issue("target", asked.target, rule, "leave one of them out"))
    if not (asked.y or target.y):
        rule = "does not name a metric, and nothing else does"
        raise InputError(Issue("target", asked.target, rule, "for instance 'val_acc>=0.9'"))
    return asked.y or target.y


TAKEN = {*TRIALS_COLUMNS, *SUMMARY_COLUMNS, "samples"}
"""Names that columns of tables have already."""


def _keyed(levels: pd.DataFrame) -> pd.DataFrame:
    """Call columns otherwise whose names the tables have already; labels say them as they were."""
    taken = {name for name in levels if name in TAKEN or str(name).startswith("target.")}
    named = {name: f"setting.{name}" if name in taken else str(name) for name in levels}
    plain = {name: _alike([_value(v) for v in levels[name]]) for name in levels}
    return pd.DataFrame(
        {
            named[name]: pd.Series(values, dtype=object).infer_objects()
            for name, values in plain.items()
        }
    )


def _value(value: Any) -> Any:
    """Return a level as plain values; None where there is none."""
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value != value or value is pd.NA:
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _alike(values: Sequence[Any]) -> list[Any]:
    """Make the values of a column alike, so that it can be written: of one type, or text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2 or kinds == {int, float}:
        return list(values)
    return [None if value is None else str(value) for value in values]


def _config(row: Mapping[Any, Any], aim: Mapping[str, Any]) -> dict[str, Any]:
    levels = {str(key): _value(value) for key, value in row.items()}
    target = {f"target.{key}": value for key, value in aim.items()}
    return {**{key: value for key, value in levels.items() if value is not None}, **target}


def _id(config: Mapping[str, Any]) -> str:
    """Name a setting by its values, whatever it is judged by."""
    kept = {key: value for key, value in config.items() if not key.startswith("target.")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
