"""Metric histories of an MLflow experiment's runs as a table, a row a logged value."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from pandas.api.types import is_numeric_dtype

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.layout import STORE
from nnrun.masking import masked
from nnrun.text import listing, things
from nnrun.tracking.store import READING, connect, unusable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

AT_ONCE = 1_000
"""Runs that are asked for at once."""

THREADS = 8
"""Histories that are asked for at the same time."""

SEEDS = ("seed", "random_state", "random_seed", "rng_seed", "manual_seed")
"""What a param, or else a tag, is called that holds a run's seed, where nobody says."""

FAILED = ("FAILED", "KILLED")
"""States of a run that was to log more than it has."""

OF_RUNS = ("run", "run_name")
"""Columns that say which run a row is of."""


class Histories(NamedTuple):
    """The metric histories of an experiment.

    Attributes:
        frame: A row a logged value: ``run`` (id), ``run_name``, ``step``, ``seconds`` (since the
            run's start), the metric, a column a param, and the seed's tag, if it is one.
        setting: Params that vary, less the seed: what tells settings apart.
        seed: The column of seeds.
        told: What was understood of the store, in lines.
        notes: What was left out, in sentences.
    """

    frame: pd.DataFrame
    setting: Sequence[str]
    seed: str
    told: Sequence[str]
    notes: Sequence[str]


def histories(
    experiment: str,
    metric: str,
    setting: Sequence[str] = (),
    seed: str | None = None,
    uri: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> Histories:
    """Read the history of a metric of every run of an experiment.

    A run that failed or was killed before it logged the metric is there, too, with NaN wherever
    the longest run of its setting has a value: to leave it out would judge the others only.

    Args:
        experiment: Its name.
        metric: Whose history.
        setting: Params, or tags, that tell settings apart; none for all params that vary.
        seed: The param or tag that holds a run's seed; None for one that is called like that.
        uri: Of the store; empty for that of MLFLOW_TRACKING_URI, else outputs/mlflow.db.
        say: Is told what is being done.

    Raises:
        InputError: If the store, the experiment or the metric cannot be had, or seeds are not told.
    """
    uri = uri or os.environ.get(STORE, "") or Tracking().uri
    with TemporaryDirectory(prefix="nnrun-") as folder:
        client = connect(uri, Path(folder))
        try:
            runs = _runs(client, uri, experiment)
            having = [run for run in runs if metric in run.data.metrics]
            if not having:
                known = sorted({name for run in runs for name in run.data.metrics})
                rule = f"is no metric of {things(len(runs), 'run')} of '{experiment}'"
                raise InputError(Issue("y", metric, rule, did_you_mean(metric, known)))
            values = _values(client, having, metric, say)
        except InputError:
            raise
        except Exception as error:
            raise unusable(uri, error, READING) from error
    rest = [run for run in runs if metric not in run.data.metrics]
    table = _table(having, values, metric, setting, seed, _ended(having), uri)
    return _with_lost(table, having, rest, metric) if rest else table


def _runs(client: "MlflowClient", uri: str, experiment: str) -> "list[Run]":
    """Find all runs of an experiment, the oldest first."""
    place = client.get_experiment_by_name(experiment)
    if place is None:
        names = [known.name for known in client.search_experiments()]
        rule = f"is no experiment of {masked(uri)}"
        raise InputError(Issue("experiment", experiment, rule, did_you_mean(experiment, names)))
    found: list[Run] = []
    page: str | None = None
    while True:
        more = client.search_runs(
            [place.experiment_id],
            max_results=AT_ONCE,
            order_by=["attributes.start_time ASC"],
            page_token=page,
        )
        found += more
        page = more.token
        if not page:
            break
    if not found:
        raise InputError(Issue("experiment", experiment, f"has no run in {masked(uri)}", ""))
    return found


def _values(
    client: "MlflowClient", runs: "Sequence[Run]", metric: str, say: Callable[[str], None]
) -> list[list[tuple[int, float, int]]]:
    """Read step, value and time of all that each run logged."""

    def one(run: "Run") -> list[tuple[int, float, int]]:
        history = client.get_metric_history(run.info.run_id, metric)
        return [(point.step, point.value, point.timestamp) for point in history]

    found = []
    with ThreadPoolExecutor(THREADS) as pool:
        for n, several in enumerate(pool.map(one, runs), start=1):
            found.append(several)
            if n % 20 == 0:
                say(f"reading {n:,} of {things(len(runs), 'run')}")
    return found


def _ended(having: "Sequence[Run]") -> list[str]:
    """Say which runs with the metric have not ended well."""
    other = [run for run in having if run.info.status != "FINISHED"]
    return [f"Not all runs are finished in MLflow: {_states(other)}."] if other else []


def _states(runs: "Sequence[Run]") -> str:
    states = Counter(run.info.status for run in runs)
    return listing([f"{n:,} {state}" for state, n in sorted(states.items())])


def _with_lost(
    table: Histories, having: "Sequence[Run]", rest: "Sequence[Run]", metric: str
) -> Histories:
    """Add runs that failed before they logged the metric, as curves without a finite value.

    Those are left out, and counted, whose setting no run with the metric has, or whose seed is not
    told, or was run again; and those that did not fail.
    """
    frame, numbers = table.frame, is_numeric_dtype(table.frame[table.seed])
    ends = frame.groupby("run")["step"].max()
    longest: dict[tuple[float | str, ...], str] = {}
    taken = set()
    for run in having:
        key, name = _key(run, table.setting), run.info.run_id
        taken.add((key, _key(run, [table.seed])))
        longest[key] = max(longest.get(key, name), name, key=lambda one: ends.get(one, -1))
    parts, lost, again, left = [frame], list[str](), [], []
    for run in rest:
        key, (seed,) = _key(run, table.setting), _key(run, [table.seed])
        untold = seed == "" or (numbers and isinstance(seed, str))
        if run.info.status not in FAILED or key not in longest or untold:
            left.append(run)
        elif (key, (seed,)) in taken:
            again.append(run)
        else:
            taken.add((key, (seed,)))
            own = {"run": run.info.run_id, "run_name": run.info.run_name, metric: math.nan}
            own[table.seed] = int(float(seed)) if numbers else _told(run, table.seed)
            parts.append(frame[frame["run"] == longest[key]].assign(**own))
            told = [f"{name}={_told(run, name)}" for name in table.setting if _told(run, name)]
            lost.append(f"{' '.join(told)} {run.info.status}")
    notes = [*_without(lost, again, left, metric), *table.notes]
    return table._replace(frame=pd.concat(parts, ignore_index=True), notes=notes)


def _without(
    lost: Sequence[str], again: "Sequence[Run]", left: "Sequence[Run]", metric: str
) -> Iterator[str]:
    """Say what became of runs without the metric."""
    if lost:
        each = listing([f"{n:,} of {of}" for of, n in Counter(lost).items()], 8)
        yield (
            f"{things(len(lost), 'run')} failed before the first {metric} ({each}): they count as "
            "not arriving, as diverged ones do."
        )
    if again:
        yield (
            f"{things(len(again), 'run')} without {metric} ({_states(again)}) had the setting and "
            "seed of another: the one that has it counts."
        )
    if left:
        are = "is" if len(left) == 1 else "are"
        yield f"{things(len(left), 'run')} without {metric} {are} left out: {_states(left)}."


def _key(run: "Run", names: Sequence[str]) -> tuple[float | str, ...]:
    """Return a run's values, numbers as numbers."""
    found: list[float | str] = []
    for told in (_told(run, name) or "" for name in names):
        try:
            number = float(told)
        except ValueError:
            number = math.nan
        found.append(number if math.isfinite(number) else told)
    return tuple(found)


def _told(run: "Run", name: str) -> str | None:
    """Return a param of a run, or else a tag."""
    own = dict(zip(OF_RUNS, (run.info.run_id, run.info.run_name), strict=True))
    found: str | None = {**run.data.tags, **run.data.params, **own}.get(name)
    return found


def _table(
    runs: "Sequence[Run]",
    values: Sequence[Sequence[tuple[int, float, int]]],
    metric: str,
    setting: Sequence[str],
    seed: str | None,
    notes: list[str],
    uri: str,
) -> Histories:
    params: dict[str, list[Any]] = {
        name: [run.data.params.get(name) for run in runs]
        for name in dict.fromkeys(key for run in runs for key in run.data.params)
    }
    tags = [run.data.tags for run in runs]
    wanted = [*setting, *([seed] if seed else [])]
    seed = seed or _seed(list(params), tags)
    for name in dict.fromkeys([*wanted, seed]):
        if name not in params and any(name in tag for tag in tags):
            params[name] = [tag.get(name) for tag in tags]
    known = [name for name in params if name not in (*OF_RUNS, metric, "step", "seconds")]
    own = {"run": [run.info.run_id for run in runs], "run_name": [r.info.run_name for r in runs]}
    typed = {name: _typed(pd.Series(params[name], dtype=object)) for name in known}
    about = pd.DataFrame({**own, **typed})
    if seed not in about:
        rule = "is no param and no tag of these runs"
        hint = did_you_mean(seed, [str(name) for name in about])
        raise InputError(Issue("seed", seed, f"{rule}; run, for one seed a run, is always", hint))
    if not setting:
        setting = _varying(about, [name for name in known if name != seed], notes)
    frame, again = _rows(about, runs, values, metric)
    if again:
        notes.append(f"Of {things(again, 'value')} logged again at a step the last counts.")
    told = [f"MLflow {masked(uri)}", things(len(runs), "run"), things(len(frame), "value")]
    return Histories(frame, setting, seed, told, notes)


def _seed(params: Sequence[str], tags: Sequence[Any]) -> str:
    """Find the param, or else the tag, that holds seeds."""
    for names in (params, list(dict.fromkeys(name for tag in tags for name in tag))):
        found = [name for name in names if name.rsplit(".", 1)[-1].lower() in SEEDS]
        if len(found) == 1:
            return found[0]
        if found:
            rule = f"may be {listing(found)}"
            raise InputError(Issue("seed", None, rule, "say which: --seed NAME"))
    rule = "is no param and no tag of these runs that is called like that"
    hint = "--seed NAME, or --seed run: each run is a seed of its own"
    raise InputError(Issue("seed", None, rule, hint))


def _varying(about: pd.DataFrame, names: Sequence[str], notes: list[str]) -> list[str]:
    """Choose the params that tell settings apart: those that vary, but not from run to run."""
    several = {name: about[name].nunique(dropna=False) for name in names}
    own = [name for name, n in several.items() if n == len(about) > 2]
    if own:
        notes.append(f"{listing(own)} {'is' if len(own) == 1 else 'are'} another in every run, and "
                     "tells no settings apart.")  # fmt: skip
    found = [name for name, n in several.items() if 1 < n < len(about) or (n > 1 and not own)]
    if not found:
        found = [name for name in names if name not in own][:1]
    if not found:
        rule = "is told by no param of these runs"
        raise InputError(Issue("setting", None, rule, "say which param or tag: --setting NAME"))
    return found


def _typed(texts: "pd.Series[Any]") -> "pd.Series[Any]":
    """Take texts for numbers where all are."""
    numbers = pd.to_numeric(texts, errors="coerce")
    return texts if (numbers.isna() & texts.notna()).any() else numbers


def _rows(
    about: pd.DataFrame,
    runs: "Sequence[Run]",
    values: Sequence[Sequence[tuple[int, float, int]]],
    metric: str,
) -> tuple[pd.DataFrame, int]:
    """Make a row a logged value; of several at one step of a run the last to be logged."""
    rows = [
        (place, step, value, time, (time - (run.info.start_time or time)) / 1000, n)
        for place, (run, several) in enumerate(zip(runs, values, strict=True))
        for n, (step, value, time) in enumerate(several, start=1)
    ]
    columns = ["place", "step", metric, "time", "seconds", "order"]
    table = pd.DataFrame(rows, columns=columns)
    if (table["step"] == 0).all() and table["order"].max() > 1:  # logged without steps
        table["step"] = table["order"]
    table = table.sort_values(["place", "step", "time", "order"], kind="stable")
    kept = table.drop_duplicates(["place", "step"], keep="last")
    told = about.iloc[kept["place"]].reset_index(drop=True)
    own = kept[["step", "seconds", metric]].reset_index(drop=True)
    return pd.concat([told, own], axis=1), len(table) - len(kept)
