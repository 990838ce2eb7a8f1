"""Sweeps of known truth that are looked at again and again, each time with more seeds.

Every contrast stops at the look that decides it. What the report's own functions then say is
counted: claims that are false, intervals that miss the truth, and the pairs that a decision took.
"""

import sys
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.records.sweep import MARGIN
from nnrun.statistics.drawn_sweeps import (
    COARSE,
    CORRELATION,
    Cell,
    false_claim_limit,
    holds,
    table_row,
    times_of,
)
from nnrun.statistics.findings import CLAIMS, DIRECTION, corrected, finding, settled
from nnrun.statistics.measures import measure
from nnrun.statistics.pairs import RARELY
from nnrun.statistics.resampling import t_quantile
from nnrun.statistics.sequences import Looks
from nnrun.text import share

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EVERY = 10
LOOKS = 50
SHORT_LOOKS = 10
POWER = 0.9
NEAR = 1.1
"""A ratio that is not the same within 10%."""

_STREAM = 24
_OPEN = "not decided yet"


class Stopped(NamedTuple):
    """What the contrasts of sweeps came to where they stopped.

    Attributes:
        verdict: Shape (sweep, contrast).
        pairs: At the stop, or at the last look; shape (sweep, contrast).
        held: Whether the interval of the ratio then held the truth; shape (sweep, contrast).
    """

    verdict: NDArray[np.str_]
    pairs: Ints
    held: NDArray[np.bool_]

    def claimed(self, side: int = 0) -> float:
        """Share of sweeps with a claim, or with one that the arm is ahead (-1) or behind (1)."""
        kinds = [kind for kind in CLAIMS if not side or DIRECTION[kind] == side]
        return float(np.isin(self.verdict, kinds).any(axis=1).mean())

    def same(self) -> float:
        """Share of sweeps in which arms were called the same."""
        return float((self.verdict == "same").any(axis=1).mean())


def stop(cell: Cell, repeats: int, looks: Sequence[int], rule: Looks | None) -> Stopped:
    """Draw sweeps and look at them until every contrast is decided, or at the last look.

    Args:
        cell: The world.
        repeats: Sweeps that are drawn; the same cell and repeats give the same sweeps.
        looks: Seeds at each.
        rule: At which looks tests and intervals hold; None for those that are made for one look.
    """
    times, arrived = times_of(cell._replace(seeds=max(looks)), repeats, _rng(cell))
    base, other = cell.means()
    shape = repeats, cell.arms - 1
    pairs, held, verdict = np.zeros(shape, np.int64), np.zeros(shape, bool), np.full(shape, _OPEN)
    table = pd.DataFrame(index=range(pairs.size))
    for seeds in looks:
        going = verdict == _OPEN
        # where all contrasts of a sweep are decided it is done; else the decided stay in the family
        if not going.any():
            break
        sweep, arm = np.nonzero(going)
        a, b = times[:seeds, sweep, arm + 1, None], times[:seeds, sweep, 0, None]
        found = pd.DataFrame(
            {
                **{"family": sweep, "why": "", "pairs": seeds, "blocks": 1, "p_depends": np.nan},
                **{"sequential": rule is not None, "margin": MARGIN, "p_logrank": np.nan},
                **_counts("a", arrived[:seeds, sweep, arm + 1]),
                **_counts("b", arrived[:seeds, sweep, 0]),
                **measure(a, b, looks=rule),
            },
            index=np.flatnonzero(going),
        )
        table = found.combine_first(table) if len(found) < len(table) else found
        alive = table[np.repeat(going.any(axis=1), shape[1])]
        rows = corrected(alive).loc[found.index].to_dict("records")
        kinds = np.array([finding(row) for row in rows])
        told = [{**row, "verdict": kind} for row, kind in zip(rows, kinds, strict=True)]
        open_ = np.array([not settled(row) for row in told])
        pairs[going] = seeds
        held[going] = holds(found, "ratio", np.array(other / base))
        verdict[going] = np.where(open_, _OPEN, kinds)
    return Stopped(verdict, pairs, held)


def _counts(arm: str, arrived: NDArray[np.bool_]) -> dict[str, Any]:
    n, reached = len(arrived), arrived.sum(axis=0)
    return {f"n_{arm}": n, f"reached_{arm}": reached, f"rarely_{arm}": reached <= RARELY * n}


def _rng(cell: Cell, *more: int) -> np.random.Generator:
    return np.random.default_rng([_STREAM, *more, *repr(cell).encode()])


def fixed_design(cell: Cell, most: int, draws: int = 4_000) -> int:
    """Find with how many pairs a t-test of the log ratios shows the difference with 90% power.

    Of the usual tests it needs the fewest in worlds of log-normal times.
    """
    times, _ = times_of(cell._replace(seeds=most), draws, _rng(cell, 1))
    logs = np.log(times[:, :, 1] / times[:, :, 0])
    n = np.arange(1, most + 1)[:, None]
    means = np.cumsum(logs, axis=0) / n
    spread = np.maximum(np.cumsum(logs**2, axis=0) / n - means**2, 1e-12)
    far = np.abs(means[2:]) / np.sqrt(spread[2:] / (n[2:] - 1))
    bounds = np.array([t_quantile(0.975, k - 1) for k in range(3, most + 1)])
    power = (far > bounds[:, None]).mean(axis=1)
    # the power rises but for noise
    enough = power >= POWER
    return int(np.argmax(enough) + 3) if enough.any() else most


def plan(cell: Cell, fixed: int, repeats: int, every: int = EVERY) -> tuple[Looks, Stopped]:
    """Find the fewest planned blocks with which 90% of the sweeps end in the right claim."""
    most = -(-fixed // every) * every
    while True:
        rule = Looks(every, most)
        found = stop(cell, repeats, rule.until(most).tolist(), rule)
        if found.claimed(-1) >= POWER or most > 2 * fixed + every:
            return rule, found
        most += max(every, most // (10 * every) * every)


def report_looks(repeats: int, looks: int) -> Generator[str, None, int]:
    """Write a Markdown table of false claims at many looks, and of intervals where one stops.

    Returns:
        The number of worlds with more false claims than chance explains.
    """
    several = _worlds(few=looks < LOOKS)
    heads = ["world", "bets", "their interval holds", "planned", "its interval holds", "one look's"]
    yield table_row(heads)
    yield table_row(["---"] + ["---:"] * 5)
    at = [EVERY * (i + 1) for i in range(looks)]
    limit, exceeded, some = false_claim_limit(repeats), 0, -(-repeats // 20)
    for i, (name, cell) in enumerate(several.items(), start=1):
        print(f"{i} of {len(several)}: {name}", file=sys.stderr, flush=True)
        found = [stop(cell, repeats, at, rule) for rule in (Looks(), Looks(EVERY, at[-1]))]
        false = [x.claimed() if cell.ratio == 1 else x.same() for x in found]
        exceeded += max(false) > limit
        texts = [
            _share(x) for x in (false[0], found[0].held.mean(), false[1], found[1].held.mean())
        ]
        once = "-"
        if cell.correlation and not cell.per_decade and cell.ratio == 1:
            once = f"{100 * stop(cell, some, at, None).claimed():.0f}%"
        yield table_row([name, *texts, once])
    yield ""
    yield (
        f"{repeats:,} sweeps a world, {looks} looks, {EVERY} seeds apart, up to the one that "
        "decides. Of arms that are alike claims are false, of a ratio of 1.1 'the same within "
        f"10%': at most 5% are allowed, {_share(limit)} with binomial error; {exceeded} of "
        f"{len(several)} are above. Intervals are those of the ratio where contrasts stopped. One "
        f"look's: tests and intervals made for one look, taken at all of them, {some} sweeps."
    )
    return exceeded


def report_stops(repeats: int, few: bool = False) -> Generator[str, None, int]:
    """Write a Markdown table of pairs at the decision, over those of a fixed design."""
    heads = ["world", "fixed", "bets", "of fixed", "planned", "pairs", "of fixed", "power"]
    yield table_row(heads)
    yield table_row(["---"] + ["---:"] * 7)
    cells = [
        Cell(0, censored, 0, correlation, sigma, ratio)
        for ratio in ((1.5,) if few else (1.2, 1.5, 2.0))
        for sigma in ((0.5,) if few else (0.5, 0.8))
        for correlation in (CORRELATION, 0.0)
        for censored in (0.0, 0.3)
    ]
    for i, cell in enumerate(cells, start=1):
        paired = ", paired" if cell.correlation else ""
        name = f"ratio {cell.ratio}, sigma {cell.sigma}{paired}, {share(cell.censored)} censored"
        print(f"{i} of {len(cells)}: {name}", file=sys.stderr, flush=True)
        fixed = fixed_design(cell, 700 if cell.ratio < 1.5 else 200)
        looks = list(range(EVERY, min(1000, 5 * fixed + 50) + 1, EVERY))
        bets = stop(cell, repeats, looks, Looks()).pairs.mean()
        rule, found = plan(cell, fixed, repeats, EVERY if fixed > 6 * EVERY else EVERY // 2)
        planned, blocks = found.pairs.mean(), f"{rule.most} by {rule.every}"
        texts = [f"{bets:.1f}", f"{bets / fixed:.2f}", blocks, f"{planned:.1f}"]
        more = [f"{planned / fixed:.2f}", f"{100 * found.claimed(-1):.0f}%"]
        yield table_row([name, f"{fixed}", *texts, *more])
    yield ""
    yield (
        f"{repeats:,} sweeps a world, looked at every {EVERY} pairs, or as planned. Fixed: pairs "
        "with which a t-test of the log ratios, planned with the true ratio and spread, has 90% "
        "power."
    )
    return 0


def _worlds(few: bool) -> dict[str, Cell]:
    """Name the worlds in which nothing is to be found, or a ratio that is not the same."""
    found = {}
    for censored in (0.3,) if few else (0.0, 0.3, 0.6):
        name = f"A/A, {share(censored)} censored"
        paired = Cell(0, censored, correlation=CORRELATION)
        found[f"{name}, paired"] = paired
        if few:
            continue
        found[name] = Cell(0, censored)
        found[f"{name}, paired, coarse grid"] = paired._replace(per_decade=COARSE)
        found[f"5 A/A contrasts, {share(censored)} censored, paired"] = paired._replace(arms=6)
        if censored < 0.2:  # of arms that seldom arrive nobody says that they are the same
            near = f"ratio {NEAR}, {share(censored)} censored"
            found[near] = Cell(0, censored, ratio=NEAR)
            found[f"{near}, paired"] = paired._replace(ratio=NEAR)
            tight = paired._replace(ratio=NEAR, sigma=0.2)
            found[f"{near}, paired, sigma 0.2"] = tight
    return found


def _share(x: float) -> str:
    return f"{100 * x:.1f}%"
