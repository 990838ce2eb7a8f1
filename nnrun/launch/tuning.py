"""Tuning: for each job of a sweep the values that do best, found on seeds that are not reported."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from nnrun.errors import as_typed
from nnrun.launch import terminal
from nnrun.launch.racing import Arm, Race
from nnrun.layout import TUNING, write_text
from nnrun.masking import masked
from nnrun.records.labels import varying_keys
from nnrun.results.results import csv_text
from nnrun.text import listing, shown
from nnrun.trials.cache import Cache
from nnrun.trials.forecast import wanted
from nnrun.trials.run import Tally, run_jobs

MOST_TOLD = 6
"""Most arms of which the terminal says who fell when, and most values that fell at once."""


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        chosen: For each arm the index of its choice; 0 where every one failed.
        given_up: Why an arm has no choice, by the id of the setting that stands for it.
        keys: Dotted keys of a setting that tuning decides.
        seeds: First and last of the tuning seeds.
        rows: A row an arm and choice, as in ``tuning.csv``; None for what is not a finite number.
            Figures are of the seeds that the choice had: one that fell had no more, since it was
            too far behind another.
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
    cache: Cache,
    check: Callable[[], None] = lambda: None,
    race: bool = True,
    only_cached: bool = False,
) -> Tuned | None:
    """Train the choices of every arm and choose; what arms share is trained once.

    Of those that have neither fallen nor raised, the choice with the lowest restricted mean wins;
    among equals that with the lower final test loss, then the one that was given first.

    Args:
        arms: What is tried for each job, on the same seeds.
        cache: Where earlier trials are found and new ones kept.
        check: Called often while training; what it raises ends it.
        race: Whether choices that are far behind get no more seeds, see `nnrun.statistics.racing`.
        only_cached: Whether to find trials only, and to train none.

    Returns:
        None if trials are missing that may not be trained.
    """
    races = [Race(arm, race) for arm in arms]
    while asked := [(one, i, job) for one in races for i, job in one.next().items()]:
        jobs = [job for _, _, job in asked]
        todo = wanted(jobs)
        if only_cached and not all(
            cache.held(want.setting, want.engine, want.seeds) == len(want.seeds)
            for want in todo.values()
        ):
            return None
        for index, record in run_jobs(jobs, Tally(), cache, check, todo, one_of_many=race):
            one, choice, _ = asked[index]
            one.entrants[choice].add(record)
        for one in races:
            one.look()
    return _outcome(races)


def _outcome(races: Sequence[Race]) -> Tuned:
    chosen, arms = [race.best for race in races], [race.arm for race in races]
    given_up = {
        race.arm.jobs[0].setting.id: "no value of the tuned keys could be trained:\n"
        f"{race.entrants[0].error}"
        for race, choice in zip(races, chosen, strict=True)
        if choice is None
    }
    common = set.intersection(*(set(arm.overrides) for arm in arms)) if len(arms) > 1 else set()
    rows = [
        _row(race, i, i == choice, common)
        for race, choice in zip(races, chosen, strict=True)
        for i in range(len(race.entrants))
    ]
    seeds = arms[0].jobs[0].trial_seeds
    decided = [choice or 0 for choice in chosen]
    return Tuned(decided, given_up, _keys(arms), (seeds[0], seeds[-1]), rows)


def say_what_was_chosen(arms: Sequence[Arm], tuned: Tuned) -> None:
    """Print the choices, how many jobs took each, and what is doubtful about them."""
    names = {row["job"]: row["overrides"] or "the setting" for row in tuned.rows}
    took: dict[str, list[str]] = {}
    for arm, choice in zip(arms, tuned.chosen, strict=True):
        if arm.jobs[0].setting.id not in tuned.given_up:
            took.setdefault(words(arm.choices[choice]), []).append(names[arm.number])
    listed = "; ".join(f"{choice} for {listing(own, 4)}" for choice, own in took.items())
    print(f"Chosen: {shown(listed) or 'nothing'}.", flush=True)
    for line in _falls(arms, tuned, names):
        print(shown(line), flush=True)
    edge = [names[row["job"]] for row in tuned.rows if row["edge"]]
    if edge:
        print(f"At an end of the values tried: {shown(listing(edge, 4))}.", flush=True)
    for row in tuned.rows:
        if row["error"]:
            tried = words({k: v for k, v in row.items() if k in arms[0].choices[0]})
            terminal.warn(f"#{row['job']} was not tuned with {tried}: {row['error']}")


def _falls(arms: Sequence[Arm], tuned: Tuned, names: Mapping[int, str]) -> Iterator[str]:
    """Say how many trials the race took, and of few arms which choice fell when."""
    fallen = [row for row in tuned.rows if row["fell"]]
    if not fallen:
        return
    most = sum(job.seeds for arm in arms for job in arm.jobs)
    took = sum(row["seeds"] for row in tuned.rows)
    fell = f"{len(fallen):,} of {len(tuned.rows):,} values fell"
    yield f"It took {took:,} of {most:,} trials: {fell}."
    for arm in arms if len(arms) <= MOST_TOLD else ():
        when: dict[int, list[str]] = {}
        for row in fallen:
            if row["job"] == arm.number:
                value = words({key: row[key] for key in arm.choices[0]})
                when.setdefault(row["seeds"], []).append(value)
        if when:
            told = (f"after {n:,} seeds {listing(when[n], MOST_TOLD)}" for n in sorted(when))
            yield f"  {f'{names[arm.number]}: ' if len(arms) > 1 else ''}{'; '.join(told)}."


def words(choice: Mapping[str, Any]) -> str:
    """Write a choice as the command line takes it, for instance ``lr=0.1``."""
    return " ".join(f"{key}={as_typed(value)}" for key, value in choice.items())


def _row(race: Race, index: int, chosen: bool, common: Collection[str]) -> dict[str, Any]:
    """Sum up a choice; of the job's overrides those that all jobs have in common are left out."""
    arm, one = race.arm, race.entrants[index]
    score = None if one.error else one.score
    return {
        "job": arm.number,
        "overrides": " ".join(masked(own) for own in arm.overrides if own not in common),
        **arm.choices[index],
        "seeds": one.seeds,
        "reached": score.reached if score else 0,
        "restricted_mean": score.restricted_mean if score else None,
        "final_test_loss": score.final_test_loss if score and isfinite(score[1]) else None,
        "fell": one.fell,
        "behind": "" if one.behind is None else words(arm.choices[one.behind]),
        "chosen": chosen,
        "edge": chosen and any(_at_an_end(arm, index, key) for key in arm.choices[index]),
        "error": one.error.strip().splitlines()[-1] if one.error else "",
    }


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
