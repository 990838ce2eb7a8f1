"""Nanoseconds a trial and sample of whole jobs, beside the peers. Run: pytest tests/benchmarks."""

import importlib.util
from dataclasses import replace
from functools import partial

import pytest

from nnrun.config.settings import Network
from nnrun.network.losses import CategoricalCrossEntropy, Huber
from nnrun.network.optimizers import OPTIMIZERS, Adam
from nnrun.network.penalties import Penalties
from nnrun.problem.feature_sets import Terms
from nnrun.problem.planar_generators import Xor
from nnrun.problem.split_tables import Digits, Wine
from tests.benchmarks import peers
from tests.benchmarks.peers import Work
from tests.conftest import make_setting

SEED = make_setting(lr=0.03, budget=400_000, evals=120)
TWO = {"features": Terms(("x", "y")), "network": Network((8, 8), "tanh", "sigmoid")}
PLAYGROUND = make_setting(lr=0.003, budget=400_000, batch_size=10, optimizer=Adam(), **TWO)
TABLE = {"features": Terms(), "loss": CategoricalCrossEntropy()}
DIGITS = make_setting(
    lr=0.05, budget=32_000, evals=12, batch_size=32, data=Digits(),
    network=Network((128,), "relu", "softmax"), **TABLE,
)  # fmt: skip

BESIDE_PEERS = [
    Work("3-[2,1]-1 batch 1, 20 trials", SEED, 20, 20_000),
    Work("3-[2,1]-1 batch 1, 1,000 trials", SEED, 1_000),
    Work("2-[8,8]-1 adam batch 10, 200 trials", PLAYGROUND, 200),
    Work("64-[128]-10 batch 32, 20 trials", DIGITS, 20, 3_200),
]

PEERS = {
    "nnrun auto": partial(peers.nnrun, engine="auto"),
    "nnrun reference": partial(peers.nnrun, engine="reference"),
    "jax vmap+scan": peers.jax_vmap_scan,
    "torch loop": peers.torch_loop,
    "sklearn partial_fit": peers.sklearn_partial_fit,
}
NEEDS = {"jax vmap+scan": "jax", "torch loop": "torch"}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("work", BESIDE_PEERS, ids=lambda w: w.name)
def test_beside_peers(benchmark, work, peer):
    if peer in NEEDS and importlib.util.find_spec(NEEDS[peer]) is None:
        pytest.skip(f"{NEEDS[peer]} is not installed: pip install -e '.[bench]'")
    measure(benchmark, work.name, peer, PEERS[peer](work))


STRUCTURES = {
    "3-[2,1]-1 sigmoid": {},
    "3-[2,1]-1 from a pool of 500": {"data": Xor(n_train=500)},
    "2-[8,8]-1 tanh, adam, batch 10": {"batch_size": 10, "optimizer": Adam(), **TWO},
    "the same, dropout": {
        "batch_size": 10, "optimizer": Adam(), "features": TWO["features"],
        "network": Network((8, 8), "tanh", "sigmoid", dropout=0.2),
    },
    "3-[8,8]-1 tanh, shortcuts, momentum": {
        "network": Network((8, 8), "tanh", "sigmoid", shortcut=True),
        "optimizer": OPTIMIZERS["momentum"](),
    },
    "3-[4]-1 gelu, rmsprop, huber, l2": {
        "network": Network((4,), "gelu", "linear"), "optimizer": OPTIMIZERS["rmsprop"](),
        "loss": Huber(), "penalties": Penalties(l2=1e-4),
    },
    "13-[8]-3 silu, nadam, batch 16, a table": {
        "data": Wine(), "network": Network((8,), "silu", "softmax"), "batch_size": 16,
        "optimizer": OPTIMIZERS["nadam"](), **TABLE,
    },
    "64-[16]-10 relu, a table": {
        "data": Digits(), "network": Network((16,), "relu", "softmax"), **TABLE,
    },
    "64-[128]-10 relu, batch 32, a table": {
        "data": Digits(), "network": Network((128,), "relu", "softmax"), "batch_size": 32, **TABLE,
    },
    "3-[16,16,16]-1 relu, adam": {
        "network": Network((16, 16, 16), "relu", "sigmoid"), "optimizer": Adam(),
    },
    "3-[28,28]-1 tanh": {"network": Network((28, 28), "tanh", "sigmoid")},
    "3-[96,96]-1 tanh": {"network": Network((96, 96), "tanh", "sigmoid")},
}  # fmt: skip


@pytest.mark.parametrize("name", STRUCTURES)
def test_twelve_structures(benchmark, name):
    setting = make_setting(lr=0.003, evals=6, **STRUCTURES[name])
    samples = max(3_200, 8_000_000 // (32 + setting.n_params) // 160 * 160)
    work = Work(name, replace(setting, budget=samples), 64)
    measure(benchmark, "structures", name, peers.nnrun(work))


@pytest.mark.parametrize("trials", [20, 100, 1_000, 10_000, 100_000])
def test_growth_with_trials(benchmark, trials):
    work = Work("growth", make_setting(lr=0.03, budget=20_000, evals=4), trials)
    rounds = 5 if trials <= 1_000 else 1
    measure(benchmark, "growth with trials", f"{trials:,} trials", peers.nnrun(work), rounds)


def measure(benchmark, group, name, task, rounds=5):
    """Time a task after a warm-up, and note what it costs a trial and sample."""
    once, amount = task
    benchmark.group = group
    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info.update(group=group, peer=name, amount=amount)
