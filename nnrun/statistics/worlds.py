"""Worlds of which it is known what kind of finding is right: how often is a headline wrong?

Sweeps are drawn from each and judged by the functions that the report calls. A headline is wrong
that claims what is not so in its world, pooled or at a level of another factor; 'not sure yet'
never is.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from nnrun.records.sweep import MARGIN, LabelledSetting, Sweep
from nnrun.statistics.contrasts import Rules, answered
from nnrun.statistics.findings import CLAIMS, DIRECTION
from nnrun.statistics.pairs import Question, clock

MEDIAN, BUDGET = 1_000.0, 20_000.0  # samples; only their ratio matters


class World(NamedTuple):
    """Log-normal times of two arms in one block or more; some seeds get stuck and never arrive.

    Attributes:
        right: The kinds of finding that are true of it, besides that one is not sure.
        ratios: The arm's times over the baseline's, block by block.
        stuck: Probability that a seed of the arm, and of the baseline, never arrives.
        sigma: Standard deviation of the log times, block by block or for all.
        seeds: Trials an arm and block.
        correlation: Of the log times that share a seed.
    """

    right: tuple[str, ...]
    ratios: tuple[float, ...] = (1.0,)
    stuck: tuple[float, float] = (0.0, 0.0)
    sigma: tuple[float, ...] = (0.5,)
    seeds: int = 20
    correlation: float = 0.5


class Tally(NamedTuple):
    """What the sweeps of a world gave.

    Attributes:
        wrong: Share of sweeps whose headline was wrong.
        found: Share of sweeps with a headline that was right, and more than 'not sure yet'.
    """

    wrong: float
    found: float


NEVER, ALIKE = ("arrives", "fails"), ("same",)
WORLDS = {
    "alike, 10% get stuck": World(ALIKE, stuck=(0.1, 0.1)),
    "alike, 30% get stuck, 30 seeds": World(ALIKE, stuck=(0.3, 0.3), seeds=30),
    "2.5 times as quick, 10% get stuck": World(
        ("sooner", "usually sooner"), (0.4,), stuck=(0.1, 0.1)
    ),
    "2.5 times as quick, 30% get stuck against none": World(
        ("usually sooner", "later"), (0.4,), stuck=(0.3, 0.0)
    ),
    "as quick, 30% get stuck against 5%": World(
        ("later", "usually later"), stuck=(0.3, 0.05)
    ),
    "two blocks, alike": World(ALIKE, (1.0, 1.0)),
    "two blocks, alike, 10% get stuck": World(ALIKE, (1.0, 1.0), stuck=(0.1, 0.1)),
    "two blocks, alike, one of which spreads four times as wide": World(
        ALIKE, (1.0, 1.0), sigma=(0.2, 0.8)
    ),
    "four blocks, alike": World(ALIKE, (1.0,) * 4),
    "two blocks, 1.5 times as quick in both": World(("sooner",), (0.67, 0.67)),
    "two blocks, 3 and 1.5 times as quick": World(("sooner", "depends"), (0.33, 0.67)),
    "two blocks, 1.7 times as quick and as slow": World(("depends",), (0.6, 1 / 0.6)),
    "two blocks, 1.7 times as slow and as quick": World(("depends",), (1 / 0.6, 0.6)),
    "three blocks, 0.7, 1 and 1.4 times": World(("depends",), (0.7, 1.0, 1.4), seeds=30),
    "the baseline never arrives": World(("arrives",), stuck=(0.1, 1.0)),
    "the arm arrives in 3%, the baseline in 90%": World(("fails",), stuck=(0.97, 0.1)),
    "both arrive in 5%": World((), stuck=(0.95, 0.95)),
}  # fmt: skip
"""By name."""

SHORT = ("alike, 10% get stuck", "two blocks, 1.7 times as quick and as slow")
"""Names of those that a test has time for."""


def tally(world: World, repeats: int, stream: int = 3, margin: float = MARGIN) -> Tally:
    """Draw sweeps of a world, and count headlines that are wrong, and those that are right.

    The same world and the same repeats always give the same sweeps. Two are called the same by the
    margin.
    """
    rng = np.random.default_rng([stream, *repr(world).encode()])
    trials, sweep = _drawn(world, repeats, rng)
    several = range(len(world.ratios))
    levels = {"block": [str(block) for block in several]}
    asked = [
        Question(
            "factor" if len(several) > 1 else "setting",
            *("arm", f"{r}/1/0", f"{r}/0/0", "arm=1", "arm=0"),
            [(f"{r}/1/{block}", f"{r}/0/{block}") for block in several],
            levels if len(several) > 1 else {},
        )
        for r in range(repeats)
    ]
    families = [f"{r}" for r in range(repeats)]
    table = answered(asked, clock(trials, sweep), Rules(margin=margin), families=families)
    headlines = table[table["family"] != "within"]
    wrong = ~headlines["verdict"].isin([*world.right, "unsure", "few", "incomparable"]).to_numpy()
    wrong |= _misled(world, table)
    found = headlines["verdict"].isin(world.right).to_numpy() & ~wrong
    return Tally(float(wrong.mean()), float(found.mean()))


def _misled(world: World, table: pd.DataFrame) -> np.ndarray:
    """Mark the sweeps of which a level is said to be what it is not."""
    is_level = (table["family"] == "within").to_numpy()
    sweep = np.cumsum(~is_level) - 1
    misled = np.zeros(sweep[-1] + 1, dtype=np.bool_)
    for place, level in zip(sweep[is_level], table[is_level].itertuples(), strict=True):
        ratio = world.ratios[int(str(level.within).partition("=")[2])]
        side = int(np.sign(round(np.log(ratio), 9)))
        kind = str(level.verdict)
        misled[place] |= kind in CLAIMS and DIRECTION[kind] != side
    return misled


def _drawn(world: World, repeats: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Sweep]:
    """Draw the trials of so many sweeps; their settings are called ``sweep/arm/block``."""
    blocks = len(world.ratios)
    shape = (repeats, 2, blocks, world.seeds)
    shared = rng.standard_normal((repeats, 1, 1, world.seeds))
    own, r = rng.standard_normal(shape), world.correlation
    sigma = np.resize(world.sigma, blocks)[:, None]
    times = MEDIAN * np.exp(sigma * (np.sqrt(r) * shared + np.sqrt(1 - r) * own))
    times[:, 1] *= np.array(world.ratios)[:, None]
    stuck = rng.random(shape) < np.array(world.stuck[::-1])[:, None, None]
    arrived = ~stuck & (times <= BUDGET)
    ids = [f"{i}/{arm}/{b}" for i in range(repeats) for arm in (0, 1) for b in range(blocks)]
    trials = pd.DataFrame(
        {
            "setting": np.repeat(ids, world.seeds),
            "seed": np.tile(np.arange(world.seeds), len(ids)),
            "status": np.where(arrived, "reached", "exhausted").ravel(),
            "samples_to_target": np.where(arrived, times, np.nan).ravel(),
            "budget": BUDGET,
        }
    )
    return trials, Sweep("complete", settings=[LabelledSetting(i, i, {}) for i in ids])
