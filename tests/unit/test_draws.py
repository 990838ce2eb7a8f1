"""The random numbers of trials: uniform, independent, and spread as each role says.

``python -m tests.unit.test_draws 100_000_000`` asks the same of more numbers, for half an hour.
"""

import sys
from functools import partial

import numpy as np
import pytest
from scipy import stats

from nnrun.config.settings import Network
from nnrun.network.initializers import Constant
from nnrun.network.losses import LOSSES
from nnrun.network.randomness import Role
from nnrun.problem.feature_sets import Terms
from nnrun.problem.features import make_problem
from nnrun.problem.generator_base import CLASSES, LABELS, MOVES, beside
from nnrun.problem.pattern_generators import Patterns
from nnrun.problem.planar_generators import Xor
from nnrun.rows.draws import Draws
from nnrun.rows.streams import record_of
from nnrun.training.compiled.run import CompiledEngine
from nnrun.training.engine import Past, first_params
from nnrun.training.sources import Source
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting
from tests.unit.test_generators import ENTRIES

RAW = Terms(("x", "y"))

N, PIECE = 100_000, 1_000_000
"""Numbers a case, and how many are held at once."""

LEAST = 1e-4
"""How unlikely what is seen may be. Seeds are fixed: what passes once passes always."""

NORMAL = 200
PURPOSES = {"points": None, "moves": MOVES, "labels": LABELS, "classes": CLASSES, "spawned": 128}
PURPOSES["normal"] = NORMAL


def draw(purpose, rng, n):
    """Draw two numbers a sample for a purpose."""
    rng = rng if purpose is None else beside(rng, purpose)
    both = (rng.standard_normal if purpose == NORMAL else rng.random)((n, 2))
    return both[:, :1], both[:, 1:]


DRAWS = {name: partial(draw, purpose) for name, purpose in PURPOSES.items()}


def numbers(name, seeds, places, which=0, role=Role.DATA):
    """Return one number of each sample, shape (n,)."""
    record = record_of(DRAWS[name], role)
    found = record.evaluate(seeds, places)[:, which]
    return stats.norm.cdf(found) if name == "normal" else found


def two(one, other):
    """Return a function of n, and the first, to two arrays; each a name, seeds, places, more."""

    def found(k, n):
        at = np.arange(k, k + n, dtype=np.uint64)
        return [numbers(name, *where(at), *more) for name, where, *more in (one, other)]

    return found


def of_seed(seed=11, by=0):
    """Samples of a seed."""
    return lambda at: (seed, at + np.uint64(by))


def of_seeds(by=0):
    """The first sample of seeds."""
    return lambda at: (at + np.uint64(by), np.zeros_like(at))


POINTS = ("points", of_seed())
PAIRS = {  # numbers that must know nothing of each other
    "two of a sample": two(POINTS, (*POINTS, 1)),
    "samples 1 apart": two(POINTS, ("points", of_seed(by=1))),
    "samples 4096 apart": two(POINTS, ("points", of_seed(by=4096))),
    "samples 2^32 apart": two(POINTS, ("points", of_seed(by=2**32))),
    "seeds 1 apart": two(POINTS, ("points", of_seed(12))),
    "seeds 2^32 apart": two(POINTS, ("points", of_seed(11 + 2**32))),
    "seeds 2^61 apart": two(POINTS, ("points", of_seed(11 + 2**61))),
    "the first of seeds in a row": two(("points", of_seeds()), ("points", of_seeds(1))),
    "points and moves": two(POINTS, ("moves", of_seed())),
    "points and labels": two(POINTS, ("labels", of_seed())),
    "points and classes": two(POINTS, ("classes", of_seed())),
    "points and spawned": two(POINTS, ("spawned", of_seed())),
    "moves and labels": two(("moves", of_seed()), ("labels", of_seed())),
    "data and dropout": two(POINTS, (*POINTS, 0, Role.NOISE)),
    "normal": two(("normal", of_seed()), ("normal", of_seed(), 1)),
}


def chances(name, n):
    """Return how likely a pair's numbers are if each is uniform, and if they are independent."""
    cells, fine = np.zeros((32, 32)), np.zeros((2, 2**16))
    for k in range(0, n, PIECE):
        both = PAIRS[name](k, min(PIECE, n - k))
        cells += np.histogram2d(*both, bins=32, range=[(0, 1), (0, 1)])[0]
        fine += [np.histogram(one, bins=fine.shape[1], range=(0, 1))[0] for one in both]
    # Kolmogorov and Smirnov's distance of the counts: that of the numbers, but for a 65,536th
    even = np.arange(1, fine.shape[1] + 1) / fine.shape[1]
    apart = np.abs(fine.cumsum(axis=1) / n - even).max(axis=1)
    uniform = stats.kstwobign.sf(apart * np.sqrt(n))
    return *uniform.tolist(), float(stats.chisquare(cells.ravel()).pvalue)


@pytest.mark.parametrize("name", PAIRS)
def test_numbers_are_uniform_and_independent(name):
    assert min(chances(name, N)) > LEAST


def test_units_are_dropped_independently_of_each_other():
    places = np.arange(N, dtype=np.uint64)
    kept, many = (
        Draws(np.array([seed], np.uint64), places, Role.NOISE).kept(10, share)
        for seed, share in ((11, 0.5), (12, 0.7))
    )
    patterns = (kept > 0) @ (1 << np.arange(10))
    assert stats.chisquare(np.bincount(patterns, minlength=1024)).pvalue > LEAST
    assert set(np.unique(many)) == {0.0, 1 / 0.7}
    n_kept = int((many > 0).sum())
    assert stats.binomtest(n_kept, many.size, 0.7).pvalue > LEAST


def test_every_order_of_a_set_is_as_likely_and_epochs_and_seeds_differ():
    problem = make_problem(Xor(n_train=4), RAW)
    orders = Source(problem, range(300)).order(0, 4 * 100).reshape(300, 100, 4)
    number = orders @ [64, 16, 4, 1]
    assert len(np.unique(number)) == 24
    assert stats.chisquare(np.unique(number, return_counts=True)[1]).pvalue > LEAST
    rank = np.unique(number, return_inverse=True)[1].reshape(number.shape)
    for one, other in ((rank[:, 1:], rank[:, :-1]), (rank[1:], rank[:-1])):  # epochs, seeds
        pairs = np.bincount((one * 24 + other).ravel(), minlength=24**2)
        assert stats.chisquare(pairs).pvalue > LEAST
    wide = Source(make_problem(Xor(n_train=50), RAW), range(400)).order(0, 50)
    places = np.array([np.bincount(column, minlength=50) for column in wide.T])
    assert stats.chisquare(places.ravel()).pvalue > LEAST


GENERATORS = [n for n in ENTRIES if not issubclass(ENTRIES[n], Patterns) and ENTRIES[n].planar]


@pytest.mark.parametrize("seen", [0, 5, 2**40])
@pytest.mark.parametrize("name", GENERATORS)
def test_lanes_draw_what_numpy_draws_to_the_last_bit(name, seen):
    """After one step from 0 a linear network's bias is t, and its weights are t times x."""
    entry = ENTRIES[name](noise=0.3, label_noise=0.1)
    setting = make_setting(
        data=entry, features=RAW, network=Network((), output="linear"), init=Constant(value=0.0),
        lr=1.0, loss=LOSSES["squared_error"](),
    )  # fmt: skip
    stack = Stack(tuple(Trial(setting, seed) for seed in (*range(36), 2**62)))
    source = Source(setting.problem, stack.seeds)
    assert source.kind == "drawn"
    engine = CompiledEngine(stack)
    memory = engine.begin(stack, source, first_params(stack)).memory()
    started = engine.begin(stack, source, first_params(stack), Past(memory, seen))
    started.train(1)
    (layer,) = started.params()
    inputs, targets, which, _ = source.take(seen, 1)
    np.testing.assert_array_equal(layer.bias, targets[which])
    wanted = targets[which][:, 0, None, :] * inputs[which][:, 0, :, None]
    np.testing.assert_array_equal(layer.weights, wanted)
    assert np.unique(wanted).size > 12


if __name__ == "__main__":
    for name in PAIRS:
        print(name, *(f"{chance:.3g}" for chance in chances(name, int(sys.argv[1]))), flush=True)
