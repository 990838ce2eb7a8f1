"""Single generators against what is known of them: XOR, gates, the CMU spirals, parity."""

import numpy as np
import pytest

from nnrun.problem.generators import Checkerboard, Encoder, Gate, Parity, Rings, TwoSpirals, Xor
from nnrun.problem.problem import Task


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
