"""What all generated problems share: noise, balance, sizes, pools, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from nnrun.errors import InputError
from nnrun.network.randomness import Role
from nnrun.problem.generator_base import class_numbers
from nnrun.problem.pattern_generators import Encoder, Gate, Parity
from nnrun.problem.planar_generators import (
    Circle,
    Moons,
    Plane,
    Rings,
    Sine,
    Spiral,
    TwoSpirals,
    Xor,
)
from nnrun.problem.problem import Samples, Task
from nnrun.rows import streams
from tests.conftest import samples_of
from tests.unit.test_generators import CLASSES, ENTRIES, clean

N = 4000


def drawn(entry, n=N, seed=1):
    return Samples(*streams.drawn(entry.draw, seed, Role.DATA, n))


@pytest.mark.parametrize("name", ENTRIES)
def test_coordinate_noise_moves_the_same_points_and_keeps_their_targets(name):
    still, moved = drawn(clean(name)), drawn(replace(clean(name), noise=0.3))
    steps = moved.inputs - still.inputs
    np.testing.assert_array_equal(moved.targets, still.targets)
    assert kstest(steps.ravel() / 0.3, "norm").pvalue > 1e-3
    twice = drawn(replace(clean(name), noise=0.6)).inputs - still.inputs
    np.testing.assert_allclose(twice, 2 * steps, atol=1e-12)


@pytest.mark.parametrize("name", ENTRIES)
def test_label_noise_changes_the_stated_share_of_training_labels(name):
    share, entry = 0.2, clean(name)
    right, wrong = drawn(entry), drawn(replace(entry, label_noise=share))
    np.testing.assert_array_equal(wrong.inputs, right.inputs)
    if entry.task is Task.REGRESSION:
        errors = wrong.targets - right.targets
        assert kstest(errors.ravel() / share, "norm").pvalue > 1e-3
        return
    before, after = class_numbers(right.targets), class_numbers(wrong.targets)
    five_sigma = 5 * (share * (1 - share) / N) ** 0.5
    assert (before != after).mean() == pytest.approx(share, abs=five_sigma)
    # each of the other classes is as likely
    steps = (after - before)[before != after] % entry.n_classes
    if entry.n_classes > 2:
        assert chisquare(np.bincount(steps)[1:]).pvalue > 1e-3
    more = class_numbers(drawn(replace(entry, label_noise=0.4)).targets)
    assert (more != before)[after != before].all()


@pytest.mark.parametrize("name", ENTRIES)
def test_the_held_out_labels_are_right_whatever_the_label_noise(name):
    plain, noisy = clean(name), replace(clean(name), label_noise=0.5)
    for a, b in zip(plain.problem().held_out, noisy.problem().held_out, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_held_out_inputs_have_the_noise_of_the_training_data():
    still, moved = Circle(n_test=N).problem().held_out, Circle(n_test=N, noise=0.5).held_out()
    assert kstest((moved.inputs - still.inputs).ravel() / 0.5, "norm").pvalue > 1e-3
    grid, same = Xor().problem().held_out, Xor(noise=0.5, balance=0.2).problem().held_out
    np.testing.assert_array_equal(grid.inputs, same.inputs)


@pytest.mark.parametrize("name", CLASSES)
def test_balance_changes_the_shares_and_not_the_classes(name):
    natural = clean(name)
    k = natural.n_classes
    shares = np.arange(1, k + 1) / (k * (k + 1) / 2)
    entry = replace(natural, balance=tuple(shares.tolist()))
    for samples, n in ((drawn(entry), N), (replace(entry, n_test=N).held_out(), N)):
        counts = np.bincount(class_numbers(samples.targets), minlength=k)
        assert chisquare(counts, shares * n).pvalue > 1e-3
    a, b = drawn(natural, seed=2), drawn(entry)
    for number in range(k):
        ours, theirs = (s.inputs[class_numbers(s.targets) == number] for s in (a, b))
        for axis in (0, 1):
            assert kstest(ours[:, axis], theirs[:, axis]).pvalue > 1e-3


def test_one_number_is_the_share_of_class_1():
    labels = drawn(Xor(balance=0.1)).targets
    assert labels.mean() == pytest.approx(0.1, abs=5 * (0.09 / N) ** 0.5)
    pair = drawn(Xor(balance=(0.9, 0.1)))
    np.testing.assert_array_equal(pair.targets, labels)


@pytest.mark.parametrize("options", [{}, {"noise": 0.2, "label_noise": 0.3}, {"balance": 0.2}])
@pytest.mark.parametrize("entry", [Xor(), Spiral(), Moons(), ENTRIES["gauss"]()], ids=repr)
def test_a_larger_training_set_begins_with_the_smaller_one(entry, options):
    entry = replace(entry, **options)
    small, large = (np.hstack(drawn(entry, n)) for n in (100, 5000))
    np.testing.assert_array_equal(large[:100], small)


def test_samples_of_a_stream_have_noise_of_their_own():
    n = 3 * 4096
    still, noisy = (samples_of(e.problem(), 3, n).inputs for e in (Xor(), Xor(noise=1)))
    steps = noisy - still
    assert len(np.unique(steps.round(12))) == steps.size


def test_a_pool_seed_gives_all_trials_the_pool_of_that_trial():
    own = Circle(n_train=60, noise=0.1, label_noise=0.1, shuffle=False)
    shared = replace(own, pool_seed=7).problem()
    assert shared.draw is None
    np.testing.assert_array_equal(samples_of(own.problem(), 7, 60).inputs, shared.pool.inputs)
    np.testing.assert_array_equal(samples_of(own.problem(), 7, 60).targets, shared.pool.targets)
    for seed in (0, 1):
        np.testing.assert_array_equal(samples_of(shared, seed, 60).inputs, shared.pool.inputs)
    assert not np.array_equal(samples_of(own.problem(), 0, 60).inputs, shared.pool.inputs)


@pytest.mark.parametrize(
    ("entry", "n_test"),
    [
        (Circle(), 1000),
        (Circle(n_test=300), 300),
        (Circle(n_train=250, train_share=0.5), 250),
        (Circle(n_train=400, train_share=0.8), 100),
        (Circle(n_train=5, train_share=0.99), 1),
        (Xor(n_train=90, train_share=0.9), 10),
        (Xor(n_test=77), 77),
        (Xor(n_train=50), 1024),
    ],
)
def test_the_size_of_the_held_out_set(entry, n_test):
    assert len(entry.problem().held_out.inputs) == n_test


def test_all_trials_are_tested_on_the_same_points_which_are_not_the_training_points():
    problem = Circle(n_train=50, n_test=50).problem()
    a, b = problem.held_out.inputs, Circle(n_train=50, n_test=50).problem().held_out.inputs
    np.testing.assert_array_equal(a, b)
    for seed in range(5):
        assert not set(map(tuple, samples_of(problem, seed, 50).inputs)) & set(map(tuple, a))


@pytest.mark.parametrize("entry", [Parity(bits=13), Parity(bits=13, noise=0.1)])
def test_a_large_fixed_set_is_learned_whole(entry):
    (learned, _), (patterns, _) = samples_of(entry.problem(), 3, 2**13), entry.problem().held_out
    np.testing.assert_array_equal(np.unique(np.rint(learned), axis=0), np.unique(patterns, axis=0))


def test_patterns_come_equally_often_however_many_there_are():
    entry = Gate("xor", train_share=0.75, noise=0.01, n_train=6000)
    points = np.rint(samples_of(entry.problem(), 3, 6000).inputs)
    assert np.unique(points, axis=0, return_counts=True)[1].tolist() == [2000] * 3


def test_a_fixed_set_can_be_repeated_with_noise_and_is_tested_without():
    corners = {(x, y) for x in (0, 1) for y in (0, 1)}
    problem = Gate("and", n_train=400, noise=0.1).problem()
    assert {tuple(p) for p in problem.held_out.inputs} == corners
    a, b = (samples_of(problem, seed, 400) for seed in (0, 1))
    assert not np.array_equal(np.sort(a.inputs, axis=0), np.sort(b.inputs, axis=0))
    assert a.targets.sum() == 100
    assert np.abs(a.inputs[a.targets[:, 0] == 1] - 1).max() < 0.5
    shared = replace(Gate("and"), noise=0.1, pool_seed=3).problem()
    assert shared.draw is None
    assert len(shared.pool.inputs) == 4


@pytest.mark.parametrize(
    ("entry", "n_train", "n_test"),
    [(TwoSpirals(train_share=0.5), 97, 97), (Parity(bits=4, train_share=0.75), 12, 4)],
)
def test_a_fixed_set_can_hold_patterns_out(entry, n_train, n_test):
    problem, whole = entry.problem(), replace(entry, train_share=None).problem().pool.inputs
    parts = [{tuple(p) for p in s.inputs} for s in (problem.pool, problem.held_out)]
    assert list(map(len, parts)) == [n_train, n_test]
    assert parts[0] | parts[1] == {tuple(p) for p in whole}
    assert problem.n_train == n_train


@pytest.mark.parametrize(
    ("entry", "options", "message"),
    [
        (Plane, {"balance": 0.3}, "balance=0.3: needs classes, and this is a regression"),
        (Sine, {"balance": 0.3}, "balance=0.3: needs classes, and this is a regression"),
        (Gate, {"balance": 0.3}, "balance=0.3: needs a distribution, and this is a fixed set"),
        (Encoder, {"n_test": 9}, "n_test=9: needs a distribution, and this is a fixed set"),
        (Rings, {"balance": 0.3}, "balance=0.3: is the share of class 1 of two, and there are 3"),
        (Rings, {"balance": (0.3, 0.7)}, "must have a share for each of the 3 classes"),
        (Xor, {"balance": (0.3, 0.6)}, "balance=[0.3,0.6]: must sum to 1, not to 0.9"),
        (Xor, {"train_share": 0.5}, "train_share=0.5: needs a finite training set (for instance"),
        (Xor, {"pool_seed": 1}, "pool_seed=1: needs a finite training set (for instance"),
        (Xor, {"n_train": 9, "n_test": 9, "train_share": 0.5}, "n_test=9: follows from n_train"),
        (Xor, {"label_noise": 1.5}, "label_noise=1.5: must be a share between 0 and 1"),
        (Rings, {"rings": 2, "balance": (0.1, 0.1, 0.8)}, "a share for each of the 2 classes"),
    ],
)
def test_what_makes_no_sense_is_refused(entry, options, message):
    with pytest.raises(InputError) as caught:
        entry(**options)
    assert message in str(caught.value)


def test_a_held_out_set_that_would_not_fit_in_memory_is_refused():
    with pytest.raises(InputError, match="would hold out 999999"):
        Xor(n_train=1_000_000, train_share=1e-6).problem()


def test_every_problem_has_a_panel_in_the_picture(tmp_path, monkeypatch):
    from nnrun.plot import gallery

    titles = []
    monkeypatch.setattr(gallery, "_panel", lambda ax, problem: titles.append(problem.inputs))
    gallery.draw(tmp_path / "all.png")
    assert len(titles) == len(ENTRIES)
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
