"""From curves to outcomes: when each trial reached its target, or why it did not."""

import numpy as np
import numpy.typing as npt

from nnrun.config.evaluation_grid import CommonGrid
from nnrun.config.settings import Target
from nnrun.network.activations import Array
from nnrun.records.trials import Curves, Outcomes, Status

WINDOW = 100
"""Samples over which a training loss is averaged at least before it is held against a target."""


def outcomes(curves: Curves, target: Target, window: int = WINDOW) -> Outcomes:
    """Judge every trial against the target.

    The resolution is the evaluation grid: no interpolation is made. A target that is first met at
    one of the last ``hold - 1`` evaluations has not been seen to hold, and counts as not reached.
    A training loss is averaged over a window first, as of `loss_window`: the loss of a few samples
    that were easy is not that of the network.
    """
    metric: Array = getattr(curves, target.metric)
    if target.metric == "train_loss":
        metric = averaged(metric, curves.samples, window)
    # NaN compares false, so nothing is met after divergence
    met = metric >= target.value if target.metric == "accuracy" else metric <= target.value
    sustained = held(met, target.hold)
    reached, diverged = sustained.any(axis=1), np.isnan(curves.test_loss).any(axis=1)
    status = np.full(reached.shape, Status.EXHAUSTED.value, dtype="<U9")
    status[diverged] = Status.DIVERGED
    status[reached] = Status.REACHED
    flat = plateaued(curves.samples, curves.test_loss) & (status == Status.EXHAUSTED)
    return Outcomes(
        status, flat, first_time(sustained, curves.samples), first_time(met, curves.samples)
    )


def loss_window(n_train: int | None) -> int:
    """Return the samples of a training loss's window: a hundred, or all of a smaller set."""
    return WINDOW if n_train is None else min(WINDOW, n_train)


def averaged(train_loss: Array, samples: npt.NDArray[np.int64], window: int) -> Array:
    """Average a training loss over the last so many samples, or since the evaluation before.

    Args:
        train_loss: Mean since the evaluation before, shape (trial, n_evals); NaN after divergence.
        samples: Samples seen, shape (n_evals,).
        window: Samples that a mean takes at least: as many evaluations back as that needs.

    Returns:
        Same shape; NaN where fewer samples were seen at all.

    Example:
        >>> averaged(np.array([[4.0, 2.0, 1.0]]), np.array([1, 3, 10]), 3)
        array([[       nan, 2.66666667, 1.        ]])
    """
    ends = np.concatenate([[0], samples])
    begin = np.searchsorted(ends, samples - window, side="right") - 1
    total = np.cumsum(train_loss * np.diff(ends), axis=1)
    total = np.concatenate([np.zeros((len(total), 1)), total], axis=1)
    mean = (total[:, 1:] - total[:, begin]) / (samples - ends[begin])
    alone = begin == np.arange(len(samples))
    return np.where(begin < 0, np.nan, np.where(alone, train_loss, mean))


def at_points(curves: Curves, common: CommonGrid) -> Curves:
    """Take curves as if trials had been evaluated at common points and at no others.

    The evaluation nearest to each point stands for it; the training loss is the mean since the
    point before.
    """
    places = common.places(curves.samples)
    ends = np.concatenate([[0], curves.samples[places]])
    total = np.cumsum(curves.train_loss * np.diff(curves.samples, prepend=0), axis=1)[:, places]
    train_loss = np.diff(total, axis=1, prepend=0.0) / np.diff(ends)
    return Curves(
        common.samples, train_loss, curves.test_loss[:, places], curves.accuracy[:, places]
    )


def held(met: npt.NDArray[np.bool_], hold: int) -> npt.NDArray[np.bool_]:
    """Mark the evaluations from which ``hold`` in a row meet the target, shape (trial, n_evals).

    The last ``hold - 1`` columns are False.

    Example:
        >>> held(np.array([[True, False, True, True, True]]), 2)
        array([[False, False,  True,  True, False]])
    """
    result = np.zeros_like(met)
    n_starts = met.shape[1] - hold + 1
    if n_starts > 0:
        windows = np.lib.stride_tricks.sliding_window_view(met, hold, axis=1)
        result[:, :n_starts] = windows.all(axis=-1)
    return result


def first_time(marks: npt.NDArray[np.bool_], samples: npt.NDArray[np.int64]) -> Array:
    """Return the sample count of each row's first mark, shape (trial,); NaN where there is none."""
    return np.where(marks.any(axis=1), samples[marks.argmax(axis=1)], np.nan)


def plateaued(samples: npt.NDArray[np.int64], test_loss: Array) -> npt.NDArray[np.bool_]:
    """Mark trials whose best test loss improved by less than 1% in the budget's second half.

    Shape (trial,); False where a half holds no evaluation.
    """
    half = int(np.searchsorted(samples, samples[-1] / 2, side="right"))
    if half in (0, len(samples)):
        return np.zeros(len(test_loss), dtype=np.bool_)
    before = np.fmin.reduce(test_loss[:, :half], axis=1)
    after = np.fmin.reduce(test_loss[:, half:], axis=1)
    flat: npt.NDArray[np.bool_] = before - after < 0.01 * np.abs(before)
    return flat
