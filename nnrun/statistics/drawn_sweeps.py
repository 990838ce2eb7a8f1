"""Sweeps drawn from worlds of known truth: log-normal times to target of two or more arms."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import LabelledSetting, Sweep
from nnrun.statistics.findings import LEVEL
from nnrun.statistics.pairs import Question

Floats = NDArray[np.float64]

MEDIAN = 1_000.0  # samples, of the baseline; the scale changes nothing
ENDLESS = 1e9  # samples, the budget where nothing is censored
CORRELATION = 0.5
COARSE = 5  # evaluations in a decade: neighbours differ by a factor of 1.6
_NORMAL = NormalDist()


class Cell(NamedTuple):
    """A world from which sweeps are drawn: log-normal times to target in two or more arms.

    Attributes:
        seeds: Trials an arm.
        censored: Share of the baseline's trials for which the budget ends first.
        per_decade: Evaluations in a factor of ten of samples: a time is known to the evaluation
            after it, so that few of them make many ties. 0: times are known exactly.
        correlation: Of the log times of two arms that share a seed.
        sigma: Standard deviation of the log times.
        ratio: The baseline's times over those of the other arms, all of which are alike.
        arms: The baseline and those that are compared with it.
    """

    seeds: int
    censored: float = 0.0
    per_decade: int = 0
    correlation: float = 0.0
    sigma: float = 0.5
    ratio: float = 1.0
    arms: int = 2

    @property
    def budget(self) -> float:
        """Samples that a trial may see; a whole number of evaluations."""
        if not self.censored:
            return ENDLESS
        end = MEDIAN * np.exp(self.sigma * _NORMAL.inv_cdf(1 - self.censored))
        return float(self.seen(np.array([end]))[0])

    def seen(self, times: Floats) -> Floats:
        """Put times on the grid of evaluations: each goes up to the next."""
        if not self.per_decade:
            return times
        return 10 ** (np.ceil(np.log10(times) * self.per_decade) / self.per_decade)

    def means(self) -> Floats:
        """Compute the restricted mean times of the baseline and of another arm, in samples."""
        return np.array([_restricted_mean(self, MEDIAN), _restricted_mean(self, self.other)])

    def success(self) -> Floats:
        """Compute the shares of trials that arrive, of the baseline and of another arm."""
        centres = np.log([MEDIAN, self.other])
        return np.array([_below(self.budget, centre, self.sigma) for centre in centres])

    @property
    def other(self) -> float:
        """Median samples to target of the arms that are not the baseline."""
        return MEDIAN / self.ratio

    def sooner(self, draws: int = 400_000) -> float:
        """Find how often another arm beats the baseline with a seed, ties counted half."""
        if self.ratio == 1.0:
            return 0.5  # the arms are exchangeable
        times = np.minimum(_times(self, draws, np.random.default_rng(1), 2), self.budget)
        base, other = times[:, 0], times[:, 1]
        return float(np.mean((other < base) + (other == base) / 2))


def draw(cell: Cell, repeats: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw sweeps of a cell, one after another.

    Returns:
        Trials as `nnrun.Results.trials`, a row a trial: repeats, then arms, then seeds. The
        arms of repeat r have the ids ``r/0`` (the baseline), ``r/1`` and so on.
    """
    times = _times(cell, repeats * cell.seeds, rng, cell.arms)
    times = times.reshape(repeats, cell.seeds, cell.arms).transpose(0, 2, 1).ravel()
    arrived = times <= cell.budget
    names = [f"{r}/{arm}" for r in range(repeats) for arm in range(cell.arms)]
    return pd.DataFrame(
        {
            "setting": np.repeat(names, cell.seeds),
            "label": np.repeat(names, cell.seeds),
            "seed": np.tile(np.arange(cell.seeds), repeats * cell.arms),
            "status": np.where(arrived, "reached", "exhausted"),
            "plateaued": False,
            "samples_to_target": np.where(arrived, times, np.nan),
            "task": "binary",
            "budget": cell.budget,
            "final_train_loss": 0.0,
            "final_test_loss": 0.0,
            "final_accuracy": 1.0,
            "ns_per_sample": 1.0,
        }
    )


def sweep_of(cell: Cell, repeats: int) -> Sweep:
    """Describe drawn sweeps, as if all their arms were settings of one."""
    ids = [f"{repeat}/{arm}" for repeat in range(repeats) for arm in range(cell.arms)]
    settings = [LabelledSetting(i, f"arm={i}", {"arm": i}) for i in ids]
    target = {"metric": "accuracy", "value": 0.95, "hold": 3}
    return Sweep("complete", settings=settings, varying=["arm"], telling=["arm"], target=target)


def times_of(
    cell: Cell, repeats: int, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Draw sweeps of a cell as `draw` does, as arrays.

    Returns:
        Times restricted to the budget, and whether each trial arrived, shape (seed, sweep, arm).
    """
    times = _times(cell, repeats * cell.seeds, rng, cell.arms)
    times = times.reshape(repeats, cell.seeds, cell.arms).swapaxes(0, 1)
    return np.minimum(times, cell.budget), times <= cell.budget


def of_sweeps(cell: Cell, repeats: int) -> list[Question]:
    """List the contrasts of every arm with its sweep's baseline; their key is the sweep."""
    return [
        Question("setting", str(r), a, f"{r}/0", a, f"{r}/0", [(a, f"{r}/0")])
        for r in range(repeats)
        for a in (f"{r}/{arm}" for arm in range(1, cell.arms))
    ]


def _times(cell: Cell, rows: int, rng: np.random.Generator, arms: int) -> Floats:
    """Times to target as they are seen, shape (rows, arms): rows share a seed."""
    shared, own = rng.standard_normal((rows, 1)), rng.standard_normal((rows, arms))
    z = np.sqrt(cell.correlation) * shared + np.sqrt(1 - cell.correlation) * own
    medians = np.array([MEDIAN] + [cell.other] * (arms - 1))
    return cell.seen(medians * np.exp(cell.sigma * z))


def _below(time: float, centre: float, sigma: float) -> float:
    return _NORMAL.cdf((np.log(time) - centre) / sigma)


def _restricted_mean(cell: Cell, median: float) -> float:
    """The mean of min(time, budget): by formula, or as a sum over the evaluations."""
    centre, sigma, end = float(np.log(median)), cell.sigma, cell.budget
    if cell.per_decade:
        last = np.log10(min(end, median * np.exp(10 * sigma)))
        powers = np.arange(round(last * cell.per_decade) + 1) / cell.per_decade
        share = np.array([_below(g, centre, sigma) for g in 10**powers])
        return float((10**powers * np.diff(share, prepend=0.0)).sum() + end * (1 - share[-1]))
    arriving = np.exp(centre + sigma**2 / 2) * _below(end, centre + sigma**2, sigma)
    return float(arriving + end * (1 - _below(end, centre, sigma)))


def false_claim_limit(repeats: int) -> float:
    """Find the share of false claims that 5% would exceed once in a thousand times, or less."""
    return LEVEL + 3.09 * (LEVEL * (1 - LEVEL) / repeats) ** 0.5


def table_row(texts: Sequence[str]) -> str:
    """Write a row of a Markdown table."""
    return f"| {' | '.join(texts)} |"


def holds(table: pd.DataFrame, name: str, truth: Floats) -> NDArray[np.bool_]:
    """Tell which intervals of a table hold the truth, to rounding."""
    slack = 1e-9 * np.abs(truth)
    low, high = table[f"{name}_low"].to_numpy(), table[f"{name}_high"].to_numpy()
    return np.asarray((low <= truth + slack) & (truth - slack <= high))
