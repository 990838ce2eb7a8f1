"""Grouping, the evaluation grid, and the contract that a trial is itself."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.config.settings import Network
from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.problem.feature_sets import Terms
from nnrun.problem.pattern_generators import Gate
from nnrun.problem.planar_generators import Xor
from nnrun.training.stack import Pace, Stack, Trial, group, shards, stacked
from tests.conftest import make_setting, run


def test_trials_of_equal_shape_are_stacked_whatever_their_learning_rate():
    slow, fast = make_setting(lr=0.1), make_setting(lr=0.2)
    wide = make_setting(network=Network((3,), output="sigmoid"))
    trials = [Trial(s, seed) for seed in (0, 1) for s in (slow, wide, fast)]
    stacks = group(trials)
    assert [len(s.trials) for s in stacks] == [4, 2]
    np.testing.assert_array_equal(stacks[0].learning_rate[:, 0, 0], [0.1, 0.2, 0.1, 0.2])


def test_float_fields_that_differ_become_columns():
    @dataclass(frozen=True)
    class Rule:
        decay: float
        factor: float = 2.0

    joined = stacked([Rule(0.5), Rule(0.25)])
    assert joined.decay.shape == (2, 1, 1)
    assert joined.factor == 2.0


SHAPES = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 4),
        "network": st.builds(
            Network,
            hidden=st.lists(st.integers(1, 9), max_size=3).map(tuple),
            activation=st.sampled_from(sorted(set(ACTIVATIONS) - {"softmax"})),
            output=st.just("sigmoid"),
        ),
        "loss": st.sampled_from(["squared_error", "binary_crossentropy"]).map(
            lambda name: LOSSES[name]()
        ),
        "data": st.sampled_from([Xor(), Xor(n_train=9), Gate("xor")]),
    }
)


@settings(max_examples=40, deadline=None)
@given(
    shape=SHAPES,
    rates=st.lists(st.floats(0.01, 50), min_size=1, max_size=4, unique=True),
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4, unique=True),
    pick=st.integers(0, 15),
    engine=st.sampled_from(["reference", "compiled"]),
)
def test_a_trial_is_bit_identical_alone_and_in_any_stack(shape, rates, seeds, pick, engine):
    trials = [Trial(make_setting(lr=lr, **shape), seed) for lr in rates for seed in seeds]
    row = pick % len(trials)
    together = run(Stack(tuple(trials)), engine)
    alone = run(Stack((trials[row],)), engine)
    for a, b in zip(together.curves[1:], alone.curves[1:], strict=True):
        np.testing.assert_array_equal(a[row], b[0])
    for a, b in zip(together.params, alone.params, strict=True):
        np.testing.assert_array_equal(a.weights[row], b.weights[0])
        np.testing.assert_array_equal(a.bias[row], b.bias[0])


@pytest.mark.parametrize(
    ("engine", "width", "cut"), [("reference", 1, [32, 32, 6]), ("compiled", 32, [64, 6])]
)
def test_shards_change_nothing(monkeypatch, engine, width, cut):
    stack = Stack(tuple(Trial(make_setting(), seed) for seed in range(70)))
    whole = run(stack, engine)
    monkeypatch.setattr("nnrun.training.stack.SHARD_TRIALS", 32)
    parts = [run(shard, engine) for shard in shards(stack, engine, width, Pace(2))]
    assert [len(p.curves.test_loss) for p in parts] == cut
    joined = np.concatenate([p.curves.test_loss for p in parts])
    np.testing.assert_array_equal(joined, whole.curves.test_loss)


def sizes(stack, engine, width, workers=2):
    return [len(shard.trials) for shard in shards(stack, engine, width, Pace(workers))]


def test_shards_keep_the_workers_busy_and_seeds_together():
    settings_ = [make_setting(lr=lr) for lr in (0.1, 0.2, 0.3)]
    stack = Stack(tuple(Trial(s, seed) for s in settings_ for seed in range(20)))
    cut = list(shards(stack, "compiled", 32, Pace(2)))
    assert [len(shard.trials) for shard in cut] == [30, 30]
    assert set(cut[0].seeds) == set(range(10))
    assert sizes(stack, "reference", 1) == [60]


def test_wide_networks_are_cut_by_the_seconds_that_they_cost():
    network = Network((256, 256), output="sigmoid")
    wide = make_setting(network=network, data=Xor(n_test=2), batch_size=10, budget=400)
    stack = Stack(tuple(Trial(wide, seed) for seed in range(12)))
    assert sizes(stack, "reference", 1) == [6, 6]  # milliseconds: one piece a worker
    longer = Stack(tuple(t._replace(setting=replace(wide, budget=40_000)) for t in stack.trials))
    assert sizes(longer, "reference", 1) == [2] * 6  # half a second each: three pieces a worker
    long = Stack(tuple(t._replace(setting=replace(wide, budget=10**7)) for t in stack.trials))
    assert sizes(long, "reference", 1) == [1] * 12


def test_settings_are_done_a_few_at_a_time():
    settings_ = [make_setting(lr=i / 100) for i in range(1, 81)]
    stack = Stack(tuple(Trial(s, seed) for s in settings_ for seed in range(10)))
    first = [t for shard in list(stack.cut(32))[:10] for t in shard.trials]
    assert {t.setting.lr for t in first} == {i / 100 for i in range(1, 33)}
    assert {t.seed for t in first} == set(range(10))
    assert all(len(set(shard.seeds)) == 1 for shard in list(stack.cut(32))[:20])


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_divergence_blanks_a_trial_and_leaves_its_neighbours_alone(engine):
    shape = {"network": Network((4,), "relu", "linear"), "budget": 300}
    calm, wild = make_setting(lr=0.01, **shape), make_setting(lr=1e6, **shape)
    both = run(Stack((Trial(calm, 0), Trial(wild, 0))), engine)
    alone = run(Stack((Trial(calm, 0),)), engine)
    np.testing.assert_array_equal(both.curves.test_loss[0], alone.curves.test_loss[0])
    lost = np.isnan(both.curves.test_loss[1])
    assert lost[-1]
    assert (np.diff(lost.astype(int)) >= 0).all()
    np.testing.assert_array_equal(np.isnan(both.curves.accuracy[1]), lost)


def test_evaluating_in_pieces_changes_nothing(monkeypatch):
    stack = Stack(tuple(Trial(make_setting(), seed) for seed in range(5)))
    whole = run(stack, "reference")
    monkeypatch.setattr("nnrun.training.engine.EVALUATION_FLOATS", 2 * 1024 * 2)
    np.testing.assert_array_equal(run(stack, "reference").curves.test_loss, whole.curves.test_loss)


def test_a_perceptron_learns_and_or_but_not_xor():
    def accuracy(gate: str) -> float:
        setting = make_setting(
            lr=1.0, budget=4000, data=Gate(gate), network=Network((), output="sigmoid"),
            features=Terms(("x", "y")),
        )  # fmt: skip
        return float(run(Stack((Trial(setting, 0),))).curves.accuracy[0, -1])

    assert accuracy("and") == 1.0
    assert accuracy("or") == 1.0
    assert accuracy("xor") < 1.0


def test_the_budget_is_cut_to_whole_batches():
    result = run(Stack((Trial(make_setting(budget=10, batch_size=4), 0),)))
    np.testing.assert_array_equal(result.curves.samples, [4, 8])
