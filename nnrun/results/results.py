"""The tables of a sweep, as written beside its records and as read back."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_numeric_dtype,
    is_string_dtype,
)
from pyarrow.parquet import ParquetFile

from nnrun.errors import InputError, Issue
from nnrun.layout import A_SWEEP, CURVES, MARKDOWN, REPORT, SUMMARY, SWAPPING, TRIALS
from nnrun.records.labels import label
from nnrun.records.plain import Damaged, opened, reading
from nnrun.records.sweep import SWEEP as SWEEP
from nnrun.records.sweep import Sweep, read_sweep
from nnrun.records.trials import METRICS
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.curves import SettingBands, bands_of_curves
from nnrun.statistics.effects import effects
from nnrun.statistics.ladder import align, ladder_of_curves, profile
from nnrun.statistics.looks import history
from nnrun.statistics.sensitivity import sensitivity
from nnrun.statistics.summary import summarise
from nnrun.text import cell, from_cell, things

LEAST_ROWS, ROWS_A_BYTE = 1_000_000, 100
"""Rows that any table may have, and how many more for each of its bytes."""

Columns = Mapping[str, Callable[[Any], bool] | None]
"""The columns of a table, each with what tells whether values are of its type; None for any."""

TRIALS_COLUMNS: Columns = {
    **dict.fromkeys(("setting", "label", "status", "task"), is_string_dtype),
    "seed": is_integer_dtype,
    **dict.fromkeys(("budget", "horizon"), is_numeric_dtype),
    "plateaued": is_bool_dtype,
    **dict.fromkeys(("samples_to_target", "first_hit", "ns_per_sample"), is_float_dtype),
    **dict.fromkeys(("final_train_loss", "final_test_loss", "final_accuracy"), is_float_dtype),
}
CURVES_COLUMNS: Columns = {
    "setting": is_string_dtype,
    "seed": is_integer_dtype,
    "samples": is_numeric_dtype,
    **dict.fromkeys(METRICS, is_float_dtype),
}
ENDS = ("seeds", "reached", "exhausted", "diverged", "failed", "plateaued", "reached_then_diverged")
MEASURED = (
    "success_rate", "success_low", "success_high", "samples_median", "samples_q10", "samples_q90",
    "rmst", "rmst_low", "rmst_high", "ert", "ert_low", "ert_high", "final_train_loss_median",
    "final_test_loss_median", "final_test_loss_iqm", "final_accuracy_median",
    "final_accuracy_iqm", "ns_per_sample",
)  # fmt: skip
SUMMARY_COLUMNS: Columns = {
    **dict.fromkeys(("setting", "label"), is_string_dtype),
    **dict.fromkeys(ENDS, is_integer_dtype),
    **dict.fromkeys(MEASURED, is_numeric_dtype),
}


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """What a sweep found: tables, in notebooks as in its report.

    Only ``trials`` is held from the start, in the sweep's order of settings: the baseline comes
    first. All else is read from disk or computed when it is first asked for.

    Attributes:
        trials: A row a trial: ``setting`` (id), ``label`` (the varying keys in words), a column
            for each varying key (dotted name), ``seed``, ``status`` (reached, exhausted, diverged
            or failed), ``plateaued``, ``samples_to_target`` (training samples; NaN where
            censored), ``first_hit`` (likewise, without the hold), ``task`` (binary, multiclass or
            regression), ``budget`` (samples the trial could see), ``horizon`` (samples up to which
            it is judged: the last evaluation that all settings share), ``final_train_loss``,
            ``final_test_loss``, ``final_accuracy`` (a share; NaN for regression), ``ns_per_sample``
            (training cost in nanoseconds, a mean over the trials that were trained together).
        sweep: Provenance: the content of sweep.json.
        folder: Where the tables and the report are; None if they are nowhere.
        known: What need not be read or computed: values of ``curves``, ``summary``, ``ladder`` and
            ``bands``.
    """

    trials: pd.DataFrame
    sweep: Sweep
    folder: Path | None = None
    known: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def varying(self) -> list[str]:
        """Keys that differ between the settings, as dotted names; columns of ``trials``."""
        return list(self.sweep.varying)

    @property
    def telling(self) -> list[str]:
        """Those of them that do not follow from others, as one says them: data for data.name."""
        return [key.removesuffix(".name") for key in self.sweep.telling]

    @cached_property
    def tuned(self) -> dict[str, str]:
        """What was tuned for each setting, in words, by its id; empty where nothing was."""
        keys, settings = self.sweep.tuned, self.sweep.settings
        found = {setting.id: [k for k in keys if k in setting.config] for setting in settings}
        return {s.id: label(s.config, found[s.id], True) for s in settings if found[s.id]}

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A row an evaluation.

        ``setting``, ``seed``, ``samples`` (training samples seen), ``train_loss`` (mean since the
        evaluation before), ``test_loss``, ``accuracy``; NaN from the evaluation at which a trial
        diverged.

        Raises:
            InputError: If their file cannot be read.
        """
        if "curves" in self.known or self.folder is None:
            return self.known["curves"]
        return _table(self.folder / CURVES, CURVES_COLUMNS, self.sweep)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row a setting, as `nnrun.statistics.summary.summarise` returns it."""
        if "summary" in self.known:
            return self.known["summary"]
        return summarise(self.trials, self.varying)

    @cached_property
    def ladder(self) -> pd.DataFrame:
        """A row a trial, with the index and order of ``trials``.

        A column a rung of `nnrun.statistics.ladder.RUNGS`: samples; inf where it was not reached,
        NaN where the metric has no meaning and in trials that did not train.
        """
        if "ladder" in self.known:
            return self.known["ladder"]
        if self.sweep.measured is not None:  # its targets are of nnrun's own metrics
            return align(self.trials, ())
        return align(self.trials, ladder_of_curves(self.curves, self.trials, self.sweep))

    @cached_property
    def bands(self) -> Mapping[str, SettingBands]:
        """Learning curves over the seeds, by setting; none of a setting that did not train."""
        return self.known["bands"] if "bands" in self.known else bands_of_curves(self.curves)

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """What the sweep varied compared, as `nnrun.statistics.contrasts.contrasts` returns it."""
        return contrasts(self.trials, self.sweep)

    @cached_property
    def looks(self) -> pd.DataFrame:
        """What contrasts came to at each look, as `nnrun.statistics.looks.history` returns it."""
        return history(self.trials, self.sweep, self.contrasts)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """What the factors of a full grid account for."""
        return effects(self.trials, self.sweep)

    def of(self, sweep: Sweep, folder: Path | None) -> "Results":
        """Return the same tables with what else has become known of their sweep."""
        same = replace(self, sweep=sweep, folder=folder)
        if "contrasts" in vars(self):  # takes seconds where there are many
            vars(same)["contrasts"] = self.contrasts
        return same

    def profile(self, settings: Sequence[str]) -> pd.DataFrame:
        """Say how much of the whole target ladder some settings have solved by when."""
        return profile(self.ladder, self.trials, self.sweep, settings)

    def sensitivity(self, settings: Sequence[str]) -> pd.DataFrame:
        """Say how the speed-up of settings depends on target, budget and number of seeds."""
        return sensitivity(self.trials, self.ladder, self.sweep, settings)

    @property
    def verdict(self) -> list[str]:
        """What the report found, in sentences, the answer first; nothing without a report."""
        return list(self.sweep.verdict)

    @property
    def path(self) -> Path:
        """Of report.html; FileNotFoundError where results are in no folder."""
        if self.folder is None:
            raise FileNotFoundError("these results have no report: they are in no folder")
        return self.folder / REPORT

    @property
    def markdown(self) -> str:
        """The report as Markdown, for instance for a pull request."""
        return self.path.with_name(MARKDOWN).read_text(encoding="utf-8")

    @property
    def plot(self) -> Any:
        """Its figures: ``results.plot.time_to_target()`` is ``nnrun.plot.time_to_target(results)``.

        Example:
            >>> import nnrun
            >>> results = nnrun.load("outputs/sweeps/DATE_TIME")  # doctest: +SKIP
            >>> ax = results.plot.learning_curves("accuracy")  # doctest: +SKIP
        """
        return _figures().Plots(self)

    def __repr__(self) -> str:
        """Say how much it is, what was found, and where it is."""
        size = f"{things(len(self.summary), 'setting')}, {things(len(self.trials), 'trial')}"
        place = "" if self.folder is None else f" ({self.folder})"
        return "\n".join([f"Results of {size}{place}", *self.verdict[:1]])

    def _repr_html_(self) -> str:
        """Show verdict, time to target and summary in a notebook."""
        return str(_figures().card(self))


def _figures() -> Any:
    """Import what draws when it is asked for: it is made of results, and stands after them."""
    return import_module("nnrun.plot.bound")


def csv_text(table: pd.DataFrame) -> str:
    """Write a table as CSV of which no spreadsheet computes a text; `_read` reads it back."""
    safe = {str(name): table[name].map(cell) for name in table.select_dtypes(exclude="number")}
    named = table.assign(**safe).rename(columns=cell)
    return str(named.to_csv(index=False, lineterminator="\n"))


def load(path: str | Path) -> Results:
    """Read a sweep's or a run's tables.

    Args:
        path: A folder under outputs/sweeps or outputs/runs.

    Returns:
        Its trials, curves, summary and provenance.

    Raises:
        InputError: If the folder is not a finished sweep or run.
    """
    folder = Path(path)
    with reading("path", folder, "folder", ""):
        missing = [n for n in (TRIALS, CURVES, SUMMARY, SWEEP) if not os.path.lexists(folder / n)]
        if not missing and (folder / SWAPPING).exists():
            rule = "holds old tables beside new ones: who wrote them was killed"
            raise InputError(Issue("path", folder, rule, _anew(folder)))
    sweep = None if missing else read_sweep(folder, results=True)
    if sweep is None:
        rule = f"holds no {[*missing, SWEEP][0]}, so it is no finished sweep or run"
        raise InputError(Issue("path", folder, rule, f"for instance {A_SWEEP}"))
    of_trials = {**TRIALS_COLUMNS, **dict.fromkeys(sweep.varying)}
    trials = _table(folder / TRIALS, of_trials, sweep)
    summary = _table(folder / SUMMARY, SUMMARY_COLUMNS, sweep)
    with reading("path", folder / SUMMARY, "table", _anew(folder)):
        counts = trials[trials["status"] != "failed"].groupby("setting").size()
        counts = counts.reindex(trials["setting"].unique(), fill_value=0)
        if summary.set_index("setting")["seeds"].to_dict() != counts.to_dict():
            raise Damaged(f"it counts other seeds than {TRIALS} holds")
    return Results(in_order(trials, sweep), sweep, folder, {"summary": summary})


def in_order(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Sort trials as the sweep has its settings, then by seed: resampling goes by their order."""
    place = {setting.id: number for number, setting in enumerate(sweep.settings)}
    return trials.iloc[np.lexsort((trials["seed"], trials["setting"].map(place)))]


def _anew(folder: Path) -> str:
    return f"python -m nnrun.report {folder} writes it anew from the records"


def _table(path: Path, columns: Columns, sweep: Sweep) -> pd.DataFrame:
    """Read a table of a sweep.

    Args:
        path: Of a Parquet file, or of a text.
        columns: That it must have.
        sweep: The content of sweep.json.

    Raises:
        InputError: If it cannot be read, or is another table.
    """
    with reading("path", path, "table", _anew(path.parent)), opened(path) as file:
        table = _read(file, path.suffix)
        for name, kind in columns.items():
            if name not in table.columns:
                raise Damaged(f"it has no column '{name}'")
            if kind is not None and not kind(table[name].dtype):
                raise Damaged(f"its column '{name}' holds {table[name].dtype}")
        if not {one.id for one in sweep.settings}.issuperset(table["setting"]):
            raise Damaged(f"it has settings that {SWEEP} does not know")
    return table


def _require_moderate(file: IO[bytes]) -> None:
    """Check that a table does not claim more rows than its bytes may hold, all alike or empty.

    Raises:
        Damaged: If it does.
    """
    size = file.seek(0, 2)
    rows = ParquetFile(file).metadata.num_rows
    if rows > LEAST_ROWS + ROWS_A_BYTE * size:
        raise Damaged(f"it claims {rows:,} rows in {size:,} bytes")
    file.seek(0)


def _read(file: IO[bytes], ending: str) -> pd.DataFrame:
    try:
        if ending == ".parquet":
            _require_moderate(file)
            return pd.read_parquet(file, page_checksum_verification=True)
        # An id such as 1234567890 is a name, a value may be the word null, and only a lone
        # setting's label can be empty.
        only_empty: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
        found = pd.read_csv(file, dtype={"setting": str, "label": str}, **only_empty)
        found = found.fillna({"label": ""})
        texts = {
            str(name): found[name].map(from_cell) for name in found.select_dtypes(exclude="number")
        }
        return found.assign(**texts).rename(columns=from_cell)
    except Damaged:
        raise
    except Exception as error:  # whatever pandas and pyarrow make of a damaged file
        if isinstance(error, OSError) and error.errno is not None:
            raise
        why = str(error).rpartition("'<Buffer>': ")[2].strip().splitlines()
        raise Damaged(why[0] if why else type(error).__name__) from None
