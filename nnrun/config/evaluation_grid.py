"""Where trials are evaluated: the grid of a setting, and the points that several grids share."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

DENSE = 100
"""In the last so many parts of the budget evaluations are dense."""

APART = (0.0, 0.01, 0.02, 0.03, 0.05, 0.1)
"""How far apart evaluations may be to count as one, as shares of their samples: the first that
leaves enough points, else the last; and never more than half of the way to the next point."""

POINTS, STEP, REACH = 10, 1.4, 0.8
"""Enough points: so many, in the last two decades none with more than so many times the samples of
the one before (the first: of the first that could be one), and the last at no less than this share
of the smallest budget."""


class CommonGrid(NamedTuple):
    """The points at which settings whose evaluations differ are judged.

    Attributes:
        samples: Training samples, shape (n_points,), increasing; the last is where judging ends.
        apart: How far the evaluations that count as one of these points lie from each other at
            most, as a share of their samples; 0 where all settings were evaluated there exactly.
        one_in: Of the evaluations of the coarsest grid, in the last two decades, one in so many is
            one of these points.
    """

    samples: Ints
    apart: float
    one_in: float = 1.0

    def places(self, grid: Ints) -> npt.NDArray[np.intp]:
        """Find the evaluation of a setting that stands for each point: the nearest by ratio."""
        return _nearest(grid, self.samples)

    def hold(self, declared: int) -> int:
        """Say at how many of the points a target must hold: about as long as was declared.

        So many evaluations in a row as were declared span, where one in twelve is a point, many
        times the samples, and a network that met its target late could not be seen to hold it.

        Example:
            >>> thin = CommonGrid(np.array([10, 50, 100]), 0.0, one_in=2.0)
            >>> thin.hold(5), thin.hold(1)
            (3, 1)
        """
        return 1 + round((declared - 1) / self.one_in)

    def to_facts(self) -> dict[str, Any]:
        """Return it as plain values, for sweep.json."""
        return {"samples": self.samples.tolist(), "apart": self.apart, "one_in": self.one_in}

    @classmethod
    def from_facts(cls, found: Mapping[str, Any] | None) -> Self | None:
        """Take it from plain values; None where each setting is judged on its own."""
        if found is None:
            return None
        samples = as_grid(found["samples"])
        return cls(samples, float(found["apart"]), float(found.get("one_in", 1.0)))


def evaluation_grid(budget: int, batch_size: int, evals: int) -> Ints:
    """Space evaluations on a log scale, from the first batch to the budget.

    From a hundredth of the budget on, where targets are met, they lie twice as densely as before.
    Counts are rounded to whole batches; equal ones are merged, so that a small budget has fewer
    points than asked for.

    Args:
        budget: Most samples a trial may see; cut to whole batches.
        batch_size: Samples an update.
        evals: Points asked for.

    Returns:
        Samples seen, strictly increasing, shape (n_evals,) with n_evals <= evals.

    Example:
        >>> evaluation_grid(budget=100_000, batch_size=10, evals=7)
        array([    10,    100,   1000,   3160,  10000,  31620, 100000])
    """
    steps = budget // batch_size
    if evals == 1:
        return np.array([steps * batch_size])
    late = min(math.log(steps), math.log(DENSE))
    early = math.log(steps) - late
    at = np.linspace(0, early + 2 * late, evals)
    wanted = np.rint(np.exp(at - np.maximum(at - early, 0) / 2)).astype(np.int64)
    wanted[-1] = steps  # which the exponential misses in its last digits
    return np.unique(wanted) * batch_size


@lru_cache(maxsize=4096)
def n_evaluations(budget: int, batch_size: int, evals: int) -> int:
    """Count the points of an evaluation grid."""
    return len(evaluation_grid(budget, batch_size, evals))


def common_grid(grids: Sequence[Ints]) -> CommonGrid | None:
    """Find where settings can be judged alike, though their evaluations differ.

    Whoever is looked at more often seems to arrive sooner, and to hold a target more easily. So
    all are judged as if they had been evaluated at the same points and at no others: at those of
    the coarsest grid, up to the smallest budget, to which every other grid has an evaluation near
    by (`APART`). A trial that arrives in between, trained twice alike to the bit, seems to arrive a
    point apart, in either direction. On average that comes to no more than ``apart``, by which
    intervals are widened; and where it is asked who is first, neighbouring points tie.

    Args:
        grids: Samples seen at the evaluations of each setting, each increasing; empty ones (of
            settings that did not train) do not count.

    Returns:
        The points; None if all grids are equal. The same for grids in any order.

    Example:
        >>> found = common_grid([np.array([1, 10, 100, 200]), np.array([2, 10, 40, 101])])
        >>> found.samples, round(found.apart, 6)
        (array([ 10, 100]), 0.01)
    """
    several = sorted({tuple(grid.tolist()) for grid in grids if grid.size})
    if len(several) < 2:
        return None
    whole = [as_grid(grid) for grid in several]
    end = min(grid[-1] for grid in whole)
    base = min((grid[grid <= end] for grid in whole), key=len)
    if not base.size:
        return CommonGrid(base, 0.0)
    matched = np.array([grid[_nearest(grid, base)] for grid in whole])
    apart = matched.max(axis=0) / matched.min(axis=0) - 1
    for most in APART:
        chosen = _chosen(np.log(base), np.log1p(apart), math.log1p(most))
        if _enough(base[chosen], base, end):
            break
    points = base[chosen]
    return CommonGrid(points, float(apart[chosen].max(initial=0.0)), _one_in(points, base))


def as_grid(values: npt.ArrayLike) -> Ints:
    """Make an array of whole numbers, as samples are; of others, as seconds are, where any is."""
    found = np.asarray(values)
    return found if found.dtype.kind == "f" else found.astype(np.int64)


def _one_in(points: Ints, base: Ints) -> float:
    """Find how many steps of the coarsest grid a step of the points takes, late in training."""
    late = _late(points, points[-1]) if points.size else points
    if len(late) < 2:
        return 1.0
    between = np.searchsorted(base, late[-1]) - np.searchsorted(base, late[0])
    return float(between) / (len(late) - 1)


def _enough(points: Ints, base: Ints, end: int) -> bool:
    if len(points) < POINTS or points[-1] < REACH * end:
        return False
    late, possible = _late(points, points[-1]), _late(base, points[-1])
    before = np.concatenate([possible[:1], late[:-1]])
    return bool((late <= STEP * before).all())


def _late(grid: Ints, last: int) -> Ints:
    return grid[grid >= last / DENSE]


def _chosen(
    place: npt.NDArray[np.float64], apart: npt.NDArray[np.float64], most: float
) -> list[int]:
    """Choose points from the last to the first, each far enough from the one after it."""
    chosen: list[int] = []
    for i in reversed(range(len(place))):
        after = chosen[-1] if chosen else i
        way = place[after] - place[i] if chosen else place[i] - place[i - 1] if i else np.inf
        if max(apart[i], apart[after]) <= min(most, way / 2):
            chosen.append(i)
    return chosen[::-1]


def _nearest(grid: Ints, wanted: Ints) -> npt.NDArray[np.intp]:
    """Find the value of a grid that is nearest to each wanted one by ratio; the lower of two."""
    above = np.clip(np.searchsorted(grid, wanted), 1, max(len(grid) - 1, 1))
    if len(grid) == 1:
        return np.zeros(len(wanted), dtype=np.intp)
    low, high = grid[above - 1].astype(np.float64), grid[above]
    return np.where(wanted / low <= high / wanted, above - 1, above)
