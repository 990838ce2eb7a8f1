"""From curves to trials: the points that all share, times to target, and what is censored."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.config.evaluation_grid import CommonGrid, common_grid
from nnrun.errors import InputError, Issue
from nnrun.judging.columns import Floats, Ints
from nnrun.judging.ends import ends_of, told
from nnrun.judging.frame import Curves
from nnrun.judging.target import Target
from nnrun.records.sweep import LabelledSetting
from nnrun.records.trials import Status
from nnrun.statistics.curves import FAILURE, SettingBands, setting_bands
from nnrun.statistics.summary import RISING
from nnrun.text import things
from nnrun.training.convergence import first_time, held, plateaued


class Judged(NamedTuple):
    """Curves as if all had been evaluated at the same points, and when each met the target.

    Attributes:
        points: Shape (n_points,), increasing; the last is where judging ends.
        common: How far apart evaluations lie that count as one; None where all curves have these
            points and no others.
        y: Shape (curve, n_points); NaN from a divergence on, and beyond a curve's own end but for
            one that ends with the target held.
        status: Shape (curve,).
        plateaued: Shape (curve,).
        time: First point from which the target held, shape (curve,); NaN where it never did.
        hit: First point that met it at all, likewise.
        early: Which curves end before the budget without having met the target, shape (curve,).
        notes: What is decided about curves, in sentences.
    """

    points: Ints | Floats
    common: CommonGrid | None
    y: Floats
    status: NDArray[np.str_]
    plateaued: NDArray[np.bool_]
    time: Floats
    hit: Floats
    early: NDArray[np.bool_]
    notes: Sequence[str]


def judged(curves: Curves, target: Target, hold: int, unit: str, upto: float | None) -> Judged:
    """Judge every curve against the target.

    A curve that ends well before the budget, as `nnrun.judging.ends.ends_of` finds them, and has
    not met the target by then, counts as one that never does, as a diverged one does: what stopped
    it may well be what it did. One that ends with the target held keeps its last value: points that
    all share may lie beyond its end.

    Args:
        curves: As `nnrun.judging.frame.curves_of` cuts them.
        target: With a direction.
        hold: Evaluations in a row at which it must be met.
        unit: What x counts, in the plural.
        upto: The budget that was asked for; None for the one that all settings share.

    Raises:
        InputError: If the settings share no budget, or too few evaluations to see a target hold.
    """
    ends = ends_of(curves, target, hold, unit, upto)
    grids, which = _grids(curves)
    points, common = _points(grids, which, ends.open, unit, hold)
    needed = hold if common is None else common.hold(hold)
    y = _at_points(curves, grids, which, points, common, target, ends.arrived)
    met = target.met(y)
    sustained = held(met, needed)
    reached = sustained.any(axis=1)
    lost = np.isnan(curves.y[curves.first + curves.lengths - 1]) & ~curves.empty
    status = np.where(reached, Status.REACHED, np.where(lost, Status.DIVERGED, Status.EXHAUSTED))
    early = (ends.short | curves.empty) & ~reached & ~lost
    loss = -y if target.rising else y
    flat = plateaued(points, np.where(np.isinf(loss), np.nan, loss))
    flat &= (status == Status.EXHAUSTED) & ~early
    notes = list(told(curves, ends, early, met, needed, unit))
    time, hit = first_time(sustained, points), first_time(met, points)
    return Judged(points, common, y, status.astype("<U9"), flat, time, hit, early, notes)


def _grids(curves: Curves) -> tuple[list[Any], Ints]:
    """Find the distinct grids of evaluations, and which of them each curve has."""
    lengths = curves.lengths
    place = np.arange(len(curves.x)) - np.repeat(curves.first, lengths)
    rng = np.random.default_rng(25)
    odd = rng.integers(2**63, size=int(lengths.max()), dtype=np.uint64) * np.uint64(2) + np.uint64(
        1
    )
    bits = np.ascontiguousarray(curves.x, dtype=np.float64).view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * odd[place]
    keys = np.stack([np.add.reduceat(mixed, curves.first), lengths.astype(np.uint64)], axis=1)
    _, some, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1).astype(np.int64)
    grids = [curves.x[curves.first[i] : curves.first[i] + lengths[i]] for i in some]
    alike = curves.x == curves.x[np.repeat(curves.first[some[which]], lengths) + place]
    assert alike.all(), "two grids have one hash"
    return grids, which


def _points(
    grids: Sequence[Any], which: Ints, short: NDArray[np.bool_], unit: str, hold: int
) -> tuple[Any, CommonGrid | None]:
    """Find the points at which all curves can be judged."""
    whole = np.unique(which[~short])
    found = [grids[i] for i in whole]
    base = min(found, key=len)
    # of a curve that ends early it is not known when it would have been evaluated later
    for i in np.setdiff1d(np.unique(which), whole):
        grid = grids[i]
        found.append(np.concatenate([grid, base[base > grid[-1]]]))
    common = common_grid(found)
    points = found[0] if common is None else common.samples
    if len(points) < hold and (common is None or len(points) < 1 or len(points) < hold):
        few = things(len(points), "evaluation")
        rule = f"the curves have {few} in common, and a target must hold at {hold}"
        hint = "a smaller --hold"
        if not len(points):
            hint = (
                f"evaluate all curves at the same {unit}; or, where these are seconds, give each a "
                "row at the same few of them, with its last value before; or count steps"
            )
        raise InputError(Issue("hold", hold, rule, hint))
    return points, common


def _at_points(
    curves: Curves,
    grids: Sequence[Any],
    which: Ints,
    points: Any,
    common: CommonGrid | None,
    target: Target,
    arrived: NDArray[np.bool_],
) -> Floats:
    """Take curves at the points that all share; beyond its end, one that arrived stays there."""
    worst = -np.inf if target.rising else np.inf
    values = np.where(np.isinf(curves.y), worst, curves.y)
    apart = 0.0 if common is None else common.apart
    y = np.full((len(which), len(points)), np.nan)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(grids)))
    for grid, mine in zip(grids, np.split(order, ends[:-1]), strict=True):
        places = np.arange(len(grid)) if common is None else common.places(grid)
        there = points[: len(places)] <= grid[-1] * (1 + apart) * (1 + 1e-12)
        n = int(there.sum())
        y[mine, :n] = values[curves.first[mine][:, None] + places[:n]]
        kept = mine[arrived[mine]]
        y[kept, n:] = values[curves.first[kept] + len(grid) - 1][:, None]
    return y


def trials_table(
    curves: Curves, found: Judged, settings: Sequence[LabelledSetting], rising: bool
) -> pd.DataFrame:
    """Make the trials table, with the columns that `nnrun.Results.trials` has."""
    of = curves.setting
    ids, labels = (
        pd.array([getattr(s, name) for s in settings], dtype="str") for name in ("id", "label")
    )
    n, horizon = len(of), found.points[-1]
    empty = np.full(n, np.nan)
    ends = curves.y[curves.first + curves.lengths - 1]
    levels = {name: curves.levels[name].array.take(of) for name in curves.levels}
    return pd.DataFrame(
        {
            "setting": ids.take(of),
            "label": labels.take(of),
            **levels,
            "seed": curves.seed,
            "status": found.status,
            "plateaued": found.plateaued,
            "samples_to_target": found.time,
            "first_hit": found.hit,
            "task": RISING if rising else "regression",
            "budget": np.maximum(curves.last, horizon),
            "horizon": np.full(n, horizon),
            "final_train_loss": empty,
            "final_test_loss": empty if rising else ends,
            "final_accuracy": ends if rising else empty,
            "ns_per_sample": empty,
        }
    )


def curves_table(curves: Curves, settings: Sequence[LabelledSetting], rising: bool) -> pd.DataFrame:
    """Make the curves table, with the columns that `nnrun.Results.curves` has."""
    of = np.repeat(curves.setting, curves.lengths)
    ids = pd.array([s.id for s in settings], dtype="str")
    empty = np.full(len(of), np.nan)
    return pd.DataFrame(
        {
            "setting": ids.take(of),
            "seed": np.repeat(curves.seed, curves.lengths),
            "samples": curves.x,
            "train_loss": empty,
            "test_loss": empty if rising else curves.y,
            "accuracy": curves.y if rising else empty,
        }
    )


def bands_of(
    curves: Curves, found: Judged, settings: Sequence[LabelledSetting], rising: bool
) -> dict[str, SettingBands]:
    """Summarise the curves of every setting at the points at which they are judged."""
    order = np.argsort(curves.setting, kind="stable")
    ends = np.cumsum(np.bincount(curves.setting, minlength=len(settings)))
    bands = {}
    for one, mine in zip(settings, np.split(order, ends[:-1]), strict=True):
        y = found.y[mine]
        nothing = np.full(y.shape, np.nan)
        metrics = {
            "train_loss": nothing,
            "test_loss": nothing if rising else y,
            "accuracy": y if rising else nothing,
        }
        bands[one.id] = setting_bands(found.points, metrics, {**FAILURE, "accuracy": -np.inf})
    return bands
