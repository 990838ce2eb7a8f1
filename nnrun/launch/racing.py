"""A job's choices of tuned values, and the race between them for seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nnrun.config.settings import Job
from nnrun.records.record import Record
from nnrun.statistics.racing import CHANCE, NEVER, Floats, chances, looks


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
        jobs: What is trained for each choice at most, on the tuning seeds.
    """

    number: int
    overrides: Sequence[str]
    choices: Sequence[Mapping[str, Any]]
    jobs: Sequence[Job]


@dataclass
class Entrant:
    """A choice in a race.

    Attributes:
        seeds: That it was trained on so far, or raised on.
        times: Restricted times, a seed each.
        losses: Final test losses, likewise; inf after divergence.
        reached: How many reached the target.
        error: Why its training ended; empty if it did not.
        fell: Whether it gets no more seeds since it was behind.
        behind: The choice that was the best then.
    """

    seeds: int = 0
    times: Floats = field(default_factory=lambda: np.empty(0))
    losses: Floats = field(default_factory=lambda: np.empty(0))
    reached: int = 0
    error: str = ""
    fell: bool = False
    behind: int | None = None

    def add(self, record: Record) -> None:
        """Take in trials of new seeds."""
        self.seeds += record.meta["seeds"]
        if record.meta["error"]:
            self.error = record.meta["error"]
            return
        times, losses = record.outcomes.samples_to_target, record.trials.curves.test_loss[:, -1]
        late = np.isnan(times)
        self.times = np.append(self.times, np.where(late, record.meta["samples"], times))
        self.losses = np.append(self.losses, np.where(np.isnan(losses), np.inf, losses))
        self.reached += int((~late).sum())

    @property
    def score(self) -> Score:
        """How soon its trials reach the target."""
        return Score(float(self.times.mean()), float(np.median(self.losses)), self.reached)


class Race:
    """The choices of an arm, until one is left or those that are left have all seeds.

    Args:
        arm: Whose.
        falling: Whether choices fall; else each has all seeds.

    Attributes:
        entrants: One a choice.
    """

    def __init__(self, arm: Arm, falling: bool = True) -> None:
        self.arm = arm
        self.entrants = [Entrant() for _ in arm.jobs]
        self._most = arm.jobs[0].seeds
        self._looks = looks(self._most) if falling else [self._most]

    @property
    def left(self) -> list[int]:
        """The choices that have neither fallen nor raised."""
        return [i for i, one in enumerate(self.entrants) if not (one.fell or one.error)]

    @property
    def best(self) -> int | None:
        """The best choice of those that are left; None if every one has raised.

        That with the lowest restricted mean; among equals that with the lower final test loss, then
        the one that was given first.
        """
        return min(self.left, key=lambda i: self.entrants[i].score[:2], default=None)

    def next(self) -> dict[int, Job]:
        """List what is to be trained before the next look, by choice; nothing when it is over."""
        left = self.left
        have = {i: self.entrants[i].seeds for i in left}
        if not left or min(have.values()) >= (self._looks[0] if len(left) == 1 else self._most):
            return {}
        until = next(n for n in self._looks if n > min(have.values()))
        return {i: self.arm.jobs[i].part(n, until) for i, n in have.items() if n < until}

    def look(self) -> None:
        """Let those fall that are too far behind; where all that are left raised, take all back."""
        best, left = self.best, self.left
        if best is None:
            for one in self.entrants:
                one.fell, one.behind = False, None
            return
        if len({self.entrants[i].seeds for i in left}) > 1:
            return  # some were taken back, and catch up first
        if self.entrants[best].seeds == self._most:
            return
        chance = chances(self._compared(left), left.index(best), self._most)
        for i, p in zip(left, chance, strict=True):
            if i != best and p < CHANCE:
                self.entrants[i].fell, self.entrants[i].behind = True, best

    def _compared(self, left: Sequence[int]) -> Floats:
        """Return what choices are compared by, shape (choice, seed): times, or if need be losses.

        A choice of which 8 seeds did not arrive will not be much sooner than others of which none
        did either; but of those the one with the lowest loss is taken.
        """
        some = [self.entrants[i] for i in left]
        if some[0].seeds < NEVER or any(one.reached for one in some):
            return np.stack([one.times for one in some])
        losses = np.stack([one.losses for one in some])
        worst = losses[np.isfinite(losses)].max(initial=1.0)
        return np.asarray(np.minimum(losses, 10 * worst))
