"""Nanoseconds a trial and sample, beside the peers. Run: pytest tests/benchmarks."""

import importlib.util
from functools import partial

import pytest

from nnrun.config.settings import Network
from nnrun.network.losses import CategoricalCrossEntropy
from nnrun.network.mlp import count_parameters
from nnrun.network.optimizers import Adam
from nnrun.problem.feature_sets import Terms
from nnrun.problem.split_tables import Digits
from tests.benchmarks import peers
from tests.benchmarks.peers import Work
from tests.conftest import make_setting

SEED = make_setting(lr=0.03, budget=10**9)
PLAYGROUND = make_setting(
    lr=0.003, budget=10**9, batch_size=10, optimizer=Adam(), features=Terms(("x", "y")),
    network=Network((8, 8), "tanh", "tanh"),
)  # fmt: skip
DIGITS = make_setting(
    lr=0.05, budget=10**9, batch_size=32, data=Digits(), features=Terms(),
    network=Network((128,), "relu", "softmax"), loss=CategoricalCrossEntropy(),
)  # fmt: skip

SEED_WORK = [
    Work("3-[2,1]-1 batch 1, 20 trials", SEED, 20, 20_000),
    Work("3-[2,1]-1 batch 1, 1,000 trials", SEED, 1000, 2_000),
    Work("3-[2,1]-1 batch 1, 10,000 trials", SEED, 10_000, 300),
]
PLAYGROUND_WORK = Work("2-[8,8]-1 adam batch 10, 200 trials", PLAYGROUND, 200, 2_000)
DIGITS_WORK = Work("64-[128]-10 batch 32, 20 trials", DIGITS, 20, 640)

PEERS = {
    "nnrun auto": partial(peers.nnrun, engine="auto"),
    "nnrun reference": partial(peers.nnrun, engine="reference"),
    "jax vmap+scan": peers.jax_vmap_scan,
    "torch loop": peers.torch_loop,
    "sklearn partial_fit": peers.sklearn_partial_fit,
}
NEEDS = {"jax vmap+scan": "jax", "torch loop": "torch"}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("work", [*SEED_WORK, PLAYGROUND_WORK, DIGITS_WORK], ids=lambda w: w.name)
def test_beside_peers(benchmark, work, peer):
    if peer in NEEDS and importlib.util.find_spec(NEEDS[peer]) is None:
        pytest.skip(f"{NEEDS[peer]} is not installed: pip install -e '.[bench]'")
    measure(benchmark, work.name, peer, PEERS[peer](work))


@pytest.mark.parametrize("trials", [100, 1_000, 10_000, 100_000])
def test_growth_with_trials(benchmark, trials):
    work = Work("growth with trials", SEED, trials, max(64, 2_000_000 // trials))
    measure(benchmark, work.name, f"{trials:,} trials", peers.nnrun(work, "compiled"))


@pytest.mark.parametrize("hidden", [(2, 1), (8, 8), (28, 28), (96, 96)])
def test_growth_with_weights(benchmark, hidden):
    setting = make_setting(lr=0.01, budget=10**9, network=Network(hidden, "tanh", "sigmoid"))
    weights = count_parameters(3, (*hidden, 1))
    work = Work("growth with weights", setting, 64, max(64, 400_000 // weights))
    measure(benchmark, work.name, f"{weights:,} weights", peers.nnrun(work, "compiled"))


def measure(benchmark, group, name, task):
    """Time a task, five times after a warm-up, and note what it costs a trial and sample."""
    once, amount = task
    benchmark.group = group
    benchmark.pedantic(once, rounds=5, warmup_rounds=1)
    benchmark.extra_info.update(group=group, peer=name, amount=amount)
