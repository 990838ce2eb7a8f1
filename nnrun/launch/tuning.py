"""Tuning: for each job of a sweep the values that do best, found on seeds that are not reported."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnrun.config.settings import Job
from nnrun.errors import as_typed
from nnrun.launch import terminal
from nnrun.layout import TUNING, write_text
from nnrun.masking import masked
from nnrun.records.labels import varying_keys
from nnrun.records.record import Record
from nnrun.results.results import csv_text
from nnrun.text import listing, shown
from nnrun.trials.cache import Cache
from nnrun.trials.forecast import Wanted
from nnrun.trials.run import Tally, run_jobs


class Score(NamedTuple):
    """How a job did with one choice of values; smaller is better, field by field.

    Attributes:
        restricted_mean: Mean of min(time to target, budget) in samples, over the seeds.
        final_test_loss: Median over the seeds; a diverged trial counts as inf.
        reached: Trials that reached the target, 0 or more; no part of the order.
    """

    restricted_mean: float
    final_test_loss: float
    reached: int


@dataclass(frozen=True)
class Arm:
    """A job of the grid with the choices that it is tried with.

    Attributes:
        number: Of the job.
        overrides: Its own, without the choices.
        choices: The values of each choice, by key, in the order given.
        jobs: What is trained for each choice, on the tuning seeds.
    """

    number: int
    overrides: Sequence[str]
    choices: Sequence[Mapping[str, Any]]
    jobs: Sequence[Job]


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        chosen: For each arm the index of its choice; 0 where every one failed.
        given_up: Why an arm has no choice, by the id of the setting that stands for it.
        keys: Dotted keys of a setting that tuning decides.
        seeds: First and last of the tuning seeds.
        rows: A row an arm and choice, as in ``tuning.csv``; None for what is not a finite number.
    """

    chosen: Sequence[int]
    given_up: Mapping[str, str]
    keys: Sequence[str]
    seeds: tuple[int, int]
    rows: Sequence[Mapping[str, Any]]

    @property
    def facts(self) -> dict[str, Any]:
        """What sweep.json says of it."""
        about = {"seeds": list(self.seeds), "rows": list(self.rows)}
        return {"tuned": list(self.keys), "tuning": about}

    def write(self, folder: Path) -> None:
        """Write ``tuning.csv``; a cell is empty where there is no finite number."""
        table = pd.DataFrame([{k: _cell(v) for k, v in row.items()} for row in self.rows])
        write_text(folder / TUNING, csv_text(table))


def tune(
    arms: Sequence[Arm],
    todo: Mapping[str, Wanted],
    cache: Cache,
    check: Callable[[], None] = lambda: None,
) -> Tuned:
    """Train every choice of every arm and choose; what arms share is trained once.

    The choice with the lowest restricted mean wins; among equals that with the lower final test
    loss, then the one that was given first. One whose training raised is not chosen.
    """
    jobs = [job for arm in arms for job in arm.jobs]
    found: dict[int, Score | str] = {}
    for index, record in run_jobs(jobs, Tally(), cache, check, todo):
        found[index] = record.meta["error"] or score(record)
    scores = iter(found[index] for index in range(len(jobs)))
    outcomes = [[next(scores) for _ in arm.jobs] for arm in arms]
    chosen = [best(outcome) for outcome in outcomes]
    given_up = {
        arm.jobs[0].setting.id: f"no value of the tuned keys could be trained:\n{outcome[0]}"
        for arm, outcome, choice in zip(arms, outcomes, chosen, strict=True)
        if choice is None
    }
    common = set.intersection(*(set(arm.overrides) for arm in arms)) if len(arms) > 1 else set()
    rows = [
        _row(arm, i, result, i == choice, common)
        for arm, outcome, choice in zip(arms, outcomes, chosen, strict=True)
        for i, result in enumerate(outcome)
    ]
    seeds = jobs[0].trial_seeds
    decided = [choice or 0 for choice in chosen]
    return Tuned(decided, given_up, _keys(arms), (seeds[0], seeds[-1]), rows)


def score(record: Record) -> Score:
    """Judge a job's trials by how soon they reach the target."""
    times, losses = record.outcomes.samples_to_target, record.trials.curves.test_loss[:, -1]
    restricted = np.where(np.isnan(times), record.meta["samples"], times)
    return Score(
        float(restricted.mean()),
        float(np.median(np.where(np.isnan(losses), np.inf, losses))),
        int((~np.isnan(times)).sum()),
    )


def best(outcomes: Sequence[Score | str]) -> int | None:
    """Return the index of the best choice; None if every one is an error.

    Example:
        >>> best([Score(9.0, 0.1, 1), Score(7.0, 0.3, 2), Score(7.0, 0.2, 1), "Traceback"])
        2
    """
    trained = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Score)]
    # min keeps the first of equals
    return min(trained, key=lambda i: outcomes[i][:2], default=None)


def say_what_was_chosen(arms: Sequence[Arm], tuned: Tuned) -> None:
    """Print the choices, how many jobs took each, and what is doubtful about them."""
    names = {row["job"]: row["overrides"] or "the setting" for row in tuned.rows}
    took: dict[str, list[str]] = {}
    for arm, choice in zip(arms, tuned.chosen, strict=True):
        if arm.jobs[0].setting.id not in tuned.given_up:
            took.setdefault(words(arm.choices[choice]), []).append(names[arm.number])
    listed = "; ".join(f"{choice} for {listing(own, 4)}" for choice, own in took.items())
    print(f"Chosen: {shown(listed) or 'nothing'}.", flush=True)
    edge = [names[row["job"]] for row in tuned.rows if row["edge"]]
    if edge:
        print(f"At an end of the values tried: {shown(listing(edge, 4))}.", flush=True)
    for row in tuned.rows:
        if row["error"]:
            tried = words({k: v for k, v in row.items() if k in arms[0].choices[0]})
            terminal.warn(f"#{row['job']} was not tuned with {tried}: {row['error']}")


def words(choice: Mapping[str, Any]) -> str:
    """Write a choice as the command line takes it, for instance ``lr=0.1``."""
    return " ".join(f"{key}={as_typed(value)}" for key, value in choice.items())


def _row(
    arm: Arm, index: int, result: Score | str, chosen: bool, common: Collection[str]
) -> dict[str, Any]:
    """Sum up a choice; of the job's overrides those that all jobs have in common are left out."""
    failed = isinstance(result, str)
    about = {
        "job": arm.number,
        "overrides": " ".join(masked(own) for own in arm.overrides if own not in common),
        **arm.choices[index],
        "seeds": arm.jobs[index].seeds,
        "reached": 0 if isinstance(result, str) else result.reached,
        "restricted_mean": None if isinstance(result, str) else result.restricted_mean,
        "final_test_loss": None,
        "chosen": chosen,
        "edge": chosen and any(_at_an_end(arm, index, key) for key in arm.choices[index]),
        "error": str(result).strip().splitlines()[-1] if failed else "",
    }
    if isinstance(result, Score) and isfinite(result.final_test_loss):
        about["final_test_loss"] = result.final_test_loss
    return about


def _at_an_end(arm: Arm, index: int, key: str) -> bool:
    """Say whether a choice's value is the smallest or the largest of several numbers tried."""
    tried = {choice[key] if _is_number(choice[key]) else None for choice in arm.choices}
    numbers = sorted(value for value in tried if value is not None)
    return len(numbers) == len(tried) > 1 and arm.choices[index][key] in (numbers[0], numbers[-1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _keys(arms: Sequence[Arm]) -> list[str]:
    """List the dotted keys in which the settings of any one arm differ."""
    different = (varying_keys([job.setting.flat for job in arm.jobs]) for arm in arms)
    return list(dict.fromkeys(key for keys in different for key in keys))


def _cell(value: Any) -> Any:
    return as_typed(value) if isinstance(value, list | dict | bool) else value
