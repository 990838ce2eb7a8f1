"""A trial is itself: to the last bit, however it was compiled, cut, stacked and gone on with."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.config.settings import Executor, Network
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.penalties import Clipping, Penalties
from nnrun.network.schedules import SCHEDULES
from nnrun.problem.feature_sets import Terms
from nnrun.problem.planar_generators import Spiral, Xor
from nnrun.problem.split_tables import Iris
from nnrun.training.compiled import library, machine
from nnrun.training.compiled.run import CompiledEngine
from nnrun.training.engine import NONE, Past, Reference, first_params
from nnrun.training.sources import Source
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting
from tests.conftest import run as train_stack
from tests.forked import ROOT
from tests.unit.test_record import job, records

XY, STEPS, TRIAL = Terms(("x", "y")), 60, 1000

SETTINGS = {
    "the seed project's": make_setting(lr=1.0, backprop="raw_error"),
    "drawn, dropout, adam, cosine": make_setting(
        data=Spiral(noise=0.1, label_noise=0.1),
        features=XY,
        network=Network((6, 3), "tanh", "sigmoid", dropout=0.3),
        optimizer=OPTIMIZERS["adam"](),
        schedule=SCHEDULES["cosine"](),
        penalties=Penalties(l1=1e-3, l2=1e-3),
    ),
    "a pool of its own, batches, nadam, shortcut": make_setting(
        data=Xor(n_train=17),
        features=XY,
        network=Network((5,), "gelu", "linear", shortcut=True),
        optimizer=OPTIMIZERS["nadam"](),
        batch_size=3,
        budget=900,
    ),
    "a table, softmax, clipped norm": make_setting(
        data=Iris(),
        features=Terms(),
        network=Network((9,), "softplus", "softmax"),
        loss=LOSSES["categorical_crossentropy"](),
        optimizer=OPTIMIZERS["rmsprop"](),
        clip=Clipping(norm=0.5),
        batch_size=4,
        budget=900,
    ),
    "blocks, momentum, no bias": make_setting(
        data=Xor(balance=0.3),
        features=XY,
        network=Network((3, 3), "elu", "sigmoid", bias=False),
        optimizer=OPTIMIZERS["momentum"](),
        penalties=Penalties(weight_decay=0.01),
        batch_size=2,
    ),
}


def trained(engine, setting, seeds, steps):
    """Train in pieces, each begun anew from what the one before left; return all that is left."""
    stack = Stack(tuple(Trial(setting, seed) for seed in seeds))
    params, past = first_params(stack), NONE
    for n in steps:
        source = Source(
            setting.problem, seeds, sum(setting.network.hidden), setting.network.dropout
        )
        run = engine(stack).begin(stack, source, params, past)
        run.train(n)
        params, past = run.params(), Past(run.memory(), past.seen + n * setting.batch_size)
    row = list(seeds).index(TRIAL)
    parts = [part for layer in params for part in layer]
    return [part[row] for part in (*parts, *past.memory, *run.evaluate())]


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=5, deadline=None)
@given(
    width=st.sampled_from([8, 16, 32]),
    level=st.integers(0, 3),
    unroll=st.sampled_from([None, False]),
    before=st.lists(st.integers(0, 999), max_size=40, unique=True),
    after=st.lists(st.integers(1001, 1999), max_size=3, unique=True),
    cuts=st.sets(st.integers(1, STEPS - 1), max_size=2),
)
def test_however_it_is_compiled_stacked_and_cut(name, width, level, unroll, before, after, cuts):
    setting = SETTINGS[name]
    alone = trained(CompiledEngine, setting, [TRIAL], [STEPS])
    steps = np.diff([0, *sorted(cuts), STEPS]).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "_kernels", {})
        patch.setattr(library, "_words", lambda *parts: "")  # which do not tell of what follows
        patch.setattr(library, "width_of", lambda *counts: width)
        patch.setattr(library, "kernels", partial(library.kernels, unroll=unroll))
        patch.setattr(machine, "compiled", partial(machine.compiled, level=level))
        among = trained(CompiledEngine, setting, [*before, TRIAL, *after], steps)
    for one, other in zip(alone, among, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=5, deadline=None)
@given(
    before=st.lists(st.integers(0, 999), max_size=9, unique=True),
    cuts=st.sets(st.integers(1, STEPS - 1), max_size=2),
)
def test_however_it_is_stacked_and_cut_by_numpy(name, before, cuts):
    def engine(stack):
        return Reference()

    alone = trained(engine, SETTINGS[name], [TRIAL], [STEPS])
    steps = np.diff([0, *sorted(cuts), STEPS]).tolist()
    among = trained(engine, SETTINGS[name], [*before, TRIAL], steps)
    for one, other in zip(alone, among, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_however_many_threads_train(engine, monkeypatch):
    monkeypatch.setattr("nnrun.training.stack.SHARD_TRIALS", 5)
    quick = [s for s in SETTINGS.values() if engine == "compiled" or s.batch_size > 2]
    asked = [job(replace(s, engine=engine), seeds=13) for s in quick]
    several = [[replace(j, executor=Executor(workers=n)) for j in asked] for n in (1, 5)]
    for one, other in zip(*(records(*jobs) for jobs in several), strict=True):
        assert one.trials.engine == engine
        for a, b in zip(one.trials.curves, other.trials.curves, strict=True):
            np.testing.assert_array_equal(a, b)


def digests() -> list[str]:
    """Train each setting by compiled code; return what became of it."""
    stacks = [Stack(tuple(Trial(s, seed) for seed in range(20))) for s in SETTINGS.values()]
    return [train_stack(stack, "compiled").digest for stack in stacks]


@pytest.mark.skipif("+avx512f" not in machine.host()[1], reason="needs AVX-512 to do without")
def test_an_older_processor_trains_the_same_bits():
    code = """
from nnrun.training.compiled import machine
older = "haswell", machine.host()[1].replace("+avx512", "-avx512")
machine.host = lambda: older
from tests.unit.test_itself import digests
print(digests())
"""
    variables = {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX",
        "OPENBLAS_CORETYPE": "Haswell",
    }
    command = [sys.executable, "-W", "ignore", "-c", code]  # unknown names are warned of
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(digests())
