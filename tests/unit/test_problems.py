"""Single generators against what is known of them, and what anybody's own data must keep to."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nnrun.errors import InputError
from nnrun.problem.feature_sets import Terms
from nnrun.problem.features import bare_problem, make_problem
from nnrun.problem.pattern_generators import Encoder, Gate, Parity
from nnrun.problem.planar_generators import Checkerboard, Rings, TwoSpirals, Xor
from nnrun.problem.problem import Problem, Samples, Task
from nnrun.training.sources import Source


def test_xor_labels_one_where_exactly_one_coordinate_is_high():
    points, labels = Xor().draw(np.random.default_rng(0), 4000)
    by_hand = [float((x < 0.5) != (y < 0.5)) for x, y in points]
    np.testing.assert_array_equal(labels[:, 0], by_hand)
    assert points.min() >= 0
    assert points.max() < 1
    assert labels.mean() == pytest.approx(0.5, abs=0.03)


def test_xor_is_linearly_separable_once_xy_is_an_input():
    # the seed project's facts: label 1 exactly where xy - x/2 - y/2 + 1/4 < 0
    points, labels = Xor().problem().held_out
    x, y = points.T
    np.testing.assert_array_equal(labels[:, 0], x * y - x / 2 - y / 2 + 0.25 < 0)


def test_xor_is_tested_on_the_midpoints_of_a_32_by_32_grid():
    points, labels = Xor().problem().held_out
    assert len({tuple(p) for p in points}) == 1024
    assert points.min() == 1 / 64
    assert points.max() == 63 / 64
    assert labels.mean() == 0.5


@pytest.mark.parametrize(
    ("gate", "truth"),
    [
        ("and", lambda a, b: a and b),
        ("or", lambda a, b: a or b),
        ("nand", lambda a, b: not (a and b)),
        ("nor", lambda a, b: not (a or b)),
        ("xor", lambda a, b: a != b),
        ("xnor", lambda a, b: a == b),
    ],
)
def test_gates_have_their_truth_tables(gate, truth):
    corners, labels = Gate(gate).problem().held_out
    for (a, b), label in zip(corners, labels[:, 0], strict=True):
        assert bool(label) == bool(truth(bool(a), bool(b)))


def test_two_spirals_are_the_points_of_the_benchmark():
    problem = TwoSpirals().problem()
    points, labels = problem.pool
    assert problem.n_train == len(points) == 194
    assert labels.sum() == 97
    # i = 0: angle 0, radius 6.5; i = 8: a quarter turn, 6.5 · 96/104; i = 96: three turns, 6.5/13
    for i, by_hand in ((0, (0, 6.5)), (8, (6, 0)), (16, (0, -5.5)), (96, (0, 0.5))):
        np.testing.assert_allclose(points[2 * i], by_hand, atol=1e-12)
        np.testing.assert_array_equal(points[2 * i + 1], -points[2 * i])
        assert (labels[2 * i], labels[2 * i + 1]) == (1, 0)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_parity_has_every_pattern_once(bits):
    problem = Parity(bits=bits).problem()
    assert problem.inputs == tuple(f"bit{i}" for i in range(1, bits + 1))
    assert len({tuple(row) for row in problem.pool.inputs}) == problem.n_train == 2**bits
    assert set(np.unique(Parity(bits=bits, bipolar=True).problem().pool.inputs)) == {-1, 1}


def test_sizes_of_boards_rings_and_encoders():
    points, labels = Checkerboard(fields=2).draw(np.random.default_rng(0), 500)
    np.testing.assert_array_equal(labels[:, 0], [(x < 0.5) != (y < 0.5) for x, y in points])
    assert Rings(rings=5).problem().outputs == ("ring1", "ring2", "ring3", "ring4", "ring5")
    assert Rings(rings=2).problem().task is Task.BINARY
    assert Encoder(units=4).problem().pool.targets.tolist() == np.eye(4).tolist()


@dataclass(frozen=True, eq=False)
class Own:
    name = "mine.Own"

    made: Any

    def problem(self):
        return self.made


def squares(rng, n):
    """Points of the plane, whether both coordinates are low, in types that a user may choose."""
    points = rng.random((n, 2), dtype=np.float32)
    return points, (points < 0.5).all(axis=1, keepdims=True)


def four(targets=((0,), (1,), (1,), (0,)), inputs=((0, 0), (0, 1), (1, 0), (1, 1))):
    return Samples(np.array(inputs), np.array(targets))


DRAWS = Problem(Task.BINARY, ("x", "y"), ("low",), held_out=four(), draw=squares)
HAS = replace(DRAWS, draw=None, pool=four(), n_train=4)
THREE = ("red", "green", "blue")


def test_data_of_ones_own_may_be_of_any_type_of_numbers():
    problem = bare_problem(Own(DRAWS))
    points, targets = squares(np.random.default_rng(7), 100)
    drawn = problem.draw(np.random.default_rng(7), 100)
    np.testing.assert_array_equal(drawn.inputs, points)
    np.testing.assert_array_equal(drawn.targets, np.where(targets, 1, 0))
    for array in (*drawn, *problem.held_out, *bare_problem(Own(HAS)).pool):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
    taken = Source(make_problem(Own(DRAWS), Terms(("x", "x*y"))), [1, 2]).take(0, 10)
    assert taken.inputs.shape == (2, 10, 2)
    assert taken.inputs.dtype == taken.targets.dtype == np.float64


def test_what_is_right_is_not_copied():
    pool = Samples(np.eye(2), np.eye(2)[:, :1].copy())
    problem = bare_problem(Own(replace(HAS, pool=pool, n_train=2)))
    assert all(ours is theirs for ours, theirs in zip(problem.pool, pool, strict=True))


def test_words_and_numbers_get_their_one_form():
    loose = replace(HAS, task="binary", inputs=["x", "y"], n_train=np.int64(4))
    strict = bare_problem(Own(loose))
    assert strict.task is Task.BINARY
    assert strict.inputs == ("x", "y")
    assert strict.digest == bare_problem(Own(HAS)).digest


UNSOUND = {
    "no problem": (None, "returns a value of type NoneType from problem(); it must be"),
    "task": (replace(HAS, task="guessing"), "has the task 'guessing'; it must be one of binary"),
    "no inputs": (replace(HAS, inputs=()), "has inputs=(); it must be a tuple with at least one"),
    "one text": (replace(HAS, inputs="xy"), "has inputs='xy'; it must be a tuple"),
    "empty name": (replace(HAS, inputs=("x", "")), "has '' among its inputs; names must be text"),
    "number": (replace(HAS, outputs=(1,)), "has 1 among its outputs; names must be text"),
    "twice": (replace(HAS, inputs=("x", "x")), "has two inputs called 'x'"),
    "one output": (replace(HAS, task=Task.MULTICLASS), "has one output; a multiclass task"),
    "three": (replace(HAS, outputs=THREE), "has 3 outputs; a binary task must have one"),
    "no data": (replace(HAS, pool=None, n_train=None), "has neither a pool nor a draw"),
    "n_train": (replace(HAS, n_train=5), "has n_train=5; it must be 4, as pool has"),
    "no n_train": (replace(HAS, n_train=None), "has n_train=None; it must be 4, as pool has"),
    "n_train 0": (replace(DRAWS, n_train=0), "has n_train=0; it must be None or a whole number"),
    "no pair": (replace(HAS, held_out=np.eye(2)), "held_out has a value of type ndarray"),
    "empty": (
        replace(HAS, held_out=Samples(np.empty((0, 2)), np.empty((0, 1)))),
        "held_out has no samples",
    ),
    "flat targets": (
        replace(DRAWS, draw=lambda rng, n: (rng.random((n, 2)), np.zeros(n))),
        "draw returns targets of shape (64,); they must have (64, 1)",
    ),
    "too few": (
        replace(DRAWS, draw=lambda rng, n: (np.zeros((n - 1, 2)), np.zeros((n - 1, 1)))),
        "draw returns inputs of shape (63, 2); they must have (64, 2)",
    ),
    "always 64": (
        replace(DRAWS, draw=lambda rng, n: (np.zeros((64, 2)), np.zeros((64, 1)))),
        "draw returns inputs of shape (64, 2); they must have (1, 2)",
    ),
    "lengths": (
        replace(HAS, pool=four(targets=[[0], [1]])),
        "pool has targets of shape (2, 1); they must have (4, 1)",
    ),
    "width": (
        replace(HAS, inputs=("x", "y", "z")),
        "pool has inputs of shape (4, 2); they must have (4, 3)",
    ),
    "ragged": (
        replace(HAS, held_out=([[1, 2], [3]], [[1], [0]])),
        "held_out has inputs whose rows differ in length",
    ),
    "text": (
        replace(HAS, held_out=four(targets=[["a"]] * 4)),
        "held_out has targets of type <U1; they must be numbers",
    ),
    "complex": (
        replace(HAS, held_out=four(inputs=[[1j, 0]] * 4)),
        "held_out has inputs of type complex128; they must be numbers",
    ),
    "undefined": (
        replace(HAS, pool=four(inputs=[[0, 1], [2, np.nan], [4, 5], [6, np.inf]])),
        "pool has inputs that are not finite, first in row 1",
    ),
    "signs": (
        replace(HAS, held_out=four(targets=[[1], [-1], [1], [1]])),
        "held_out has targets that are [-1.] in row 1; a row must be 0 or 1",
    ),
    "two at once": (
        replace(
            HAS,
            task=Task.MULTICLASS,
            outputs=THREE,
            pool=four(targets=[[0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]]),
        ),
        "pool has targets that are [0. 1. 1.] in row 2; a row must be a single 1 among 0",
    ),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_what_is_wrong_with_ones_own_data_is_said_before_training(case):
    made, message = UNSOUND[case]
    with pytest.raises(InputError) as caught:
        bare_problem(Own(made))
    (issue,) = caught.value.issues
    assert (issue.key, issue.value) == ("_target_", "mine.Own")
    assert message in issue.rule


def test_quantities_may_be_any_finite_numbers():
    values = four(targets=[[-3, 0.5], [2, 7], [0, 0], [1, 1]])
    made = replace(HAS, task=Task.REGRESSION, outputs=("a", "b"), held_out=values, pool=values)
    np.testing.assert_array_equal(bare_problem(Own(made)).pool.targets, values.targets)
