"""Generators and features: support, labels, terms."""

import numpy as np
import pytest

from nnrun.errors import InputError
from nnrun.problem.features import Features, make_problem, parse
from nnrun.problem.generators import Gate, Xor, draw_xor

XY = ("x", "y")


def test_xor_labels_one_where_exactly_one_coordinate_is_high():
    points, labels = draw_xor(np.random.default_rng(0), 4000)
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


@pytest.mark.parametrize(
    ("term", "monomial"),
    [("x", (1, 0)), ("y", (0, 1)), ("x*y", (1, 1)), (" y * x**2 ", (2, 1)), ("x^3", (3, 0)),
     ("(x*y)**2", (2, 2))],
)  # fmt: skip
def test_terms_are_read_as_exponents(term, monomial):
    assert parse(term, XY) == monomial


@pytest.mark.parametrize(
    "term",
    ["", "x+y", "2*x", "x**0", "x**99", "x**y", "sin(x)", "__import__('os')", "x.real", "x*"],
)
def test_anything_else_is_no_term(term):
    with pytest.raises(InputError, match="must be a product of powers"):
        parse(term, XY)


def test_an_unknown_coordinate_is_named():
    with pytest.raises(InputError, match="'z' is not a coordinate"):
        parse("x*z", XY)


def test_terms_are_computed():
    problem = make_problem(Xor(), Features(("y", "x**2*y")))
    x, y = Xor().problem().held_out.inputs.T
    assert problem.inputs == ("y", "x**2*y")
    np.testing.assert_allclose(problem.held_out.inputs, np.stack([y, x * x * y], 1), rtol=1e-15)
