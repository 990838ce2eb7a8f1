"""How much of the spread of the times each factor of a full grid accounts for."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import factors, is_full_grid, levels, names
from nnrun.statistics.pairs import clock
from nnrun.statistics.survival import not_comparable

Floats = NDArray[np.float64]

COLUMNS = ("term", "degrees", "share", "F", "p")
ROUNDING = 1e-12  # A smaller share of the total sum of squares is nothing but rounding


class Part(NamedTuple):
    """One term of the decomposition: its name, degrees of freedom and sum of squares."""

    term: str
    degrees: int
    squares: float


def effects(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Decompose the variance of the log time to target over the factors of a full grid.

    It is the analysis of variance of a grid that is crossed with seeds: each factor, each pair of
    factors, the seed (which all settings share), and the rest. The seeds are those that trained in
    every setting, so the grid is balanced and the order of the terms does not matter.

    A trial that had not arrived by the common budget counts with that budget. The shares are then
    of what the budget lets be seen: slow settings look alike, factors that act among them seem
    weaker, factors may seem to interact, and the spread within a setting, by which F divides,
    comes out too small. Shares are a description; the claims are those of the contrasts.

    Args:
        trials: As `nnrun.Results.trials`; trials stopped by an error are left out.
        sweep: The content of sweep.json.

    Returns:
        A row a term: ``term`` (in the words of the labels, as ``lr``, ``lr × hidden``; then
        ``seed`` and ``rest``), ``degrees`` (of freedom), ``share`` (of the total sum of squares),
        ``F`` and ``p`` (NaN of the rest, and where the rest has no degrees of freedom). With one
        seed there is no row for it. Empty where the settings are no full grid, have different
        targets or no seed in common, or all times are equal.

    References:
        R. A. Fisher: The Design of Experiments, 1935 (randomised blocks: a block is a seed here).
    """
    nothing = pd.DataFrame(columns=list(COLUMNS))
    if not is_full_grid(sweep) or not_comparable(sweep) or sweep.unpaired:
        return nothing
    grid = _grid(trials, sweep)
    if grid.size == 0 or np.ptp(grid) == 0:
        return nothing
    parts = decompose(grid, list(names(sweep).values()))
    total = sum(part.squares for part in parts)
    f, p = _tests(parts)
    return pd.DataFrame(
        {
            "term": [part.term for part in parts],
            "degrees": [part.degrees for part in parts],
            "share": [part.squares / total for part in parts],
            "F": f,
            "p": p,
        }
    )


def decompose(values: Floats, names: list[str]) -> list[Part]:
    """Split the sum of squares about the mean of a balanced grid.

    Args:
        values: Shape (seed, levels of the first factor, of the second, ...), at least one factor.
        names: Of the factors.

    Returns:
        The factors, the pairs of factors where there are two or more, ``seed`` where there are
        two or more, and ``rest``.

    Example:
        >>> [tuple(part) for part in decompose(np.array([[1.0, 3.0], [2.0, 6.0]]), ["lr"])]
        [('lr', 1, 9.0), ('seed', 1, 4.0), ('rest', 1, 1.0)]
    """
    centred = values - values.mean()
    total = float((centred**2).sum())
    axes = range(1, values.ndim)
    main = {axis: _mean(centred, axis) for axis in range(values.ndim)}
    parts = [_part(names[axis - 1], values, (axis,), main[axis], total) for axis in axes]
    for one, two in combinations(axes, 2):
        joint = _mean(centred, one, two) - main[one] - main[two]
        name = f"{names[one - 1]} × {names[two - 1]}"
        parts.append(_part(name, values, (one, two), joint, total))
    if len(values) > 1:
        parts.append(_part("seed", values, (0,), main[0], total))
    left = values.size - 1 - sum(part.degrees for part in parts)
    rest = total - sum(part.squares for part in parts)
    return [*parts, Part("rest", left, rest if rest > ROUNDING * total else 0.0)]


def _part(term: str, values: Floats, axes: tuple[int, ...], effect: Floats, total: float) -> Part:
    """Weigh the effect of some axes by the trials behind each of its cells."""
    squares = float((effect**2).sum()) * values.size / effect.size
    degrees = int(np.prod([values.shape[axis] - 1 for axis in axes]))
    return Part(term, degrees, squares if squares > ROUNDING * total else 0.0)


def _mean(values: Floats, *axes: int) -> Floats:
    """Average over all axes but some, which keep their places."""
    others = tuple(axis for axis in range(values.ndim) if axis not in axes)
    return values.mean(axis=others, keepdims=True)


def _tests(parts: list[Part]) -> tuple[Floats, Floats]:
    """F and its p of each part against the last, the rest; NaN for the rest itself."""
    from scipy.special import fdtrc  # only here: it takes a while to load

    *terms, rest = parts
    squares, degrees = (
        np.array([getattr(part, key) for part in terms], dtype=np.float64)
        for key in ("squares", "degrees")
    )
    if rest.degrees == 0:
        f = np.full(len(terms), np.nan)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):  # no rest at all: inf, 0 / 0 is NaN
            f = squares / degrees / np.float64(rest.squares / rest.degrees)
    p = np.where(np.isinf(f), 0.0, fdtrc(degrees, max(rest.degrees, 1), f))
    return np.append(f, np.nan), np.append(p, np.nan)


def _grid(trials: pd.DataFrame, sweep: Sweep) -> Floats:
    """Lay the log times of the seeds that every setting has out as a grid."""
    on = clock(trials, sweep)
    whole = ~np.isnan(on.times).any(axis=1)
    table, several = levels(sweep), factors(sweep)
    shape = tuple(len(texts) for texts in several.values())
    codes = tuple(
        table[key].map({text: i for i, text in enumerate(texts)}).to_numpy(dtype=np.int64)
        for key, texts in several.items()
    )
    grid: Floats = np.empty((int(whole.sum()), len(table)))
    grid[:, np.ravel_multi_index(codes, shape)] = np.log(on.times[whole])
    return grid.reshape(-1, *shape)
