"""Schedules by hand, the warm-up before each, and that a step's factor is its own."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Polynomial,
    Step,
    Triangular,
)

CONF = Path(__file__).parents[2] / "conf"
VARIANTS = [
    *(cls() for cls in SCHEDULES.values()),
    Triangular(peak=7.0, period=9),
    Polynomial(power=0.7, end=0.1),
    Polynomial(power=2.0),
    Cosine(period=9, growth=2, minimum=0.1),
    Cosine(period=7),
    OneCycle(rise=0.5, anneal="linear"),
    Exponential(gamma=0.5, warmup=5),
    OneCycle(rise=0.0, warmup=3),
]


def factors(schedule, n_steps, *, first=0):
    return schedule.factor(np.arange(first, n_steps), n_steps)


HALF = 0.5 + 0.5 * np.sqrt(0.5)
"""The height of (1 + cos) / 2 at an eighth of the circle."""


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [1, 1, 1, 1]),
        (InverseTime(decay=0.5), [1, 1 / 1.5, 1 / 2, 1 / 2.5]),
        (Triangular(peak=5.0, period=8), [1, 2, 3, 4, 5, 4, 3, 2, 1, 2]),
        (Triangular(peak=3.0, period=3), [1, 7 / 3, 7 / 3, 1, 7 / 3]),
        (Step(every=2, gamma=0.1), [1, 1, 0.1, 0.1, 0.01]),
        (Exponential(gamma=0.5), [1, 0.5, 0.25, 0.125]),
        (Polynomial(), [1, 0.75, 0.5, 0.25]),
        (Polynomial(power=2.0, end=0.2), [1, 0.2 + 0.8 * 9 / 16, 0.4, 0.25]),
        (Cosine(), [1, HALF, 0.5, 1 - HALF]),
        (Cosine(period=2), [1, 0.5, 1, 0.5, 1]),
        (Cosine(period=1, growth=2, minimum=0.5), [1, 1, 0.75, 1, (1 + HALF) / 2, 0.75]),
        # of 11 updates 0.3 * 11 - 1 = 2.3 rise: the peak falls between two of them
        (OneCycle(peak=3.3, rise=0.3, end=0.0, anneal="linear"),
         [1, 2, 3, *(3.3 * (10 - t) / 7.7 for t in range(3, 11))]),
        (OneCycle(peak=3.0, rise=0.6, end=0.5), [1, 2, 3, 1.75, 0.5]),
        (OneCycle(), [1e-4]),
    ],
    ids=repr,
)  # fmt: skip
def test_factors_by_hand(schedule, expected):
    np.testing.assert_allclose(factors(schedule, len(expected)), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("schedule", VARIANTS, ids=repr)
def test_a_warm_up_rises_linearly_and_then_the_course_begins(schedule):
    later = type(schedule)(**{**vars(schedule), "warmup": 0})
    warmed = type(schedule)(**{**vars(schedule), "warmup": 4})
    course = factors(later, 50)
    got = factors(warmed, 54)
    np.testing.assert_array_equal(got[4:], course)
    np.testing.assert_allclose(got[:4], course[0] * np.array([0.2, 0.4, 0.6, 0.8]), rtol=1e-15)


@pytest.mark.parametrize("schedule", VARIANTS, ids=repr)
def test_factors_are_finite_and_never_negative(schedule):
    for n_steps in (9, 1000, 100_000):
        got = factors(schedule, n_steps)
        assert got.dtype == np.float64
        assert np.isfinite(got).all()
        assert (got >= 0).all()


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 10**6), n=st.integers(1, 200), size=st.integers(1, 50))
@pytest.mark.parametrize("schedule", VARIANTS, ids=repr)
def test_a_steps_factor_does_not_depend_on_the_others(schedule, first, n, size):
    steps, n_steps = np.arange(first, first + n), 2_000_000
    whole = schedule.factor(steps, n_steps)
    pieces = [schedule.factor(steps[i : i + size], n_steps) for i in range(0, n, size)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(schedule.factor(steps[::-1], n_steps)[::-1], whole)


@pytest.mark.parametrize("schedule", VARIANTS, ids=repr)
def test_the_steps_are_left_as_they_were(schedule):
    steps = np.arange(20)
    schedule.factor(steps, 20)
    np.testing.assert_array_equal(steps, np.arange(20))


def test_a_warm_up_must_leave_something_of_the_budget():
    assert Constant(warmup=9).problem_with(10) is None
    issue = Constant(warmup=10).problem_with(10)
    assert str(issue) == (
        "warmup=10: must be shorter than the budget, which has 10 updates "
        "(a budget of n samples has n / batch_size)"
    )


def test_the_factor_of_a_very_late_step_is_exact_enough():
    late = Exponential(gamma=0.9999).factor(np.array([100_000]), 10**6)
    # log10 of it by hand: 100000 log10(0.9999) = -4.34316198075104
    assert late[0] == pytest.approx(10**-4.34316198075104, rel=1e-12)


@pytest.mark.parametrize(
    ("group", "registry"), [("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)]
)
def test_the_configuration_lists_every_entry_and_key(group, registry):
    options = {path.stem: yaml.safe_load(path.read_text()) for path in CONF.glob(f"{group}/*.yaml")}
    keys = {
        name: {"name": name, **{f.name: f.default for f in fields(registry[name])}}
        for name in registry
    }
    assert options == keys
