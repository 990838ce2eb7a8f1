"""Update rules and schedules against PyTorch in float64, at drawn hyperparameters."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from nnrun.network.mlp import Layer
from nnrun.network.optimizers import OPTIMIZERS, Adagrad, Adam
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
from tests.unit.test_optimizers import drawn_entry

torch = pytest.importorskip("torch")
peers = pytest.importorskip("tests.reference.peers")

STEPS, TRIALS, SIZES = 100, 3, (3, 4, 2)
RATE = 0.01
IN_TORCH = sorted(set(OPTIMIZERS) - peers.NOT_IN_TORCH)


def first_params(rng):
    return tuple(
        Layer(rng.normal(size=(TRIALS, a, b)), rng.normal(size=(TRIALS, 1, b)))
        for a, b in pairwise(SIZES)
    )


def flat(params, trial):
    return np.concatenate([part[trial].ravel() for layer in params for part in layer])


def unflat(rows, like):
    layers, start = [], 0
    for layer in like:
        parts = []
        for part in layer:
            size = part[0].size
            parts.append(rows[:, start : start + size].reshape(part.shape))
            start += size
        layers.append(Layer(*parts))
    return tuple(layers)


def quadratic(rng, n):
    """A bowl with curvatures from 0.1 to 10, the same at every step."""
    basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
    matrix = torch.tensor(basis * np.geomspace(0.1, 10, n) @ basis.T)
    centre = torch.tensor(rng.normal(size=n) + 10)
    return lambda theta, step: 0.5 * (theta - centre) @ matrix @ (theta - centre)


def logistic(rng, n):
    """Noisy classes of random points: four other ones at every step."""
    x = torch.tensor(rng.normal(size=(STEPS, 4, n)))
    y = torch.tensor(rng.integers(2, size=(STEPS, 4)).astype(float))
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return lambda theta, step: loss(x[step] @ theta, y[step])


def given(rng, n):
    """Slopes that do not depend on the place, so that no rule blows a last bit up."""
    slopes = torch.tensor(rng.normal(size=(STEPS, n)) + rng.normal(size=n))
    return lambda theta, step: slopes[step] @ theta


def slope(objective, theta, step):
    theta = torch.tensor(theta, requires_grad=True)
    objective(theta, step).backward()
    return theta.grad.numpy()


def follow(entry, objectives, params, rates):
    """Train by our rule; the gradients are PyTorch's. Shape (trial, parameter)."""
    state = entry.init(params)
    for step, rate in enumerate(rates):
        rows = [slope(f, flat(params, k), step) for k, f in enumerate(objectives)]
        params, state = entry.step(
            params, unflat(np.array(rows), params), state, np.full((TRIALS, 1, 1), rate)
        )
    return np.array([flat(params, k) for k in range(TRIALS)])


def follow_torch(entry, objective, theta, schedule=None):
    theta = torch.tensor(theta, requires_grad=True)
    rule = peers.torch_optimizer(entry, [theta], RATE)
    course = schedule and peers.torch_schedule(schedule, rule, STEPS)
    for step in range(STEPS):
        rule.zero_grad()
        objective(theta, step).backward()
        rule.step()
        if course:
            course.step()
    return theta.detach().numpy()


def assert_agree(entry, kind, rng, schedule=None):
    params = first_params(rng)
    objectives = [kind(rng, len(flat(params, 0))) for _ in range(TRIALS)]
    factors = (schedule or Constant()).factor(np.arange(STEPS), STEPS)
    ours = follow(entry, objectives, params, RATE * factors)
    for trial, objective in enumerate(objectives):
        theirs = follow_torch(entry, objective, flat(params, trial), schedule)
        np.testing.assert_allclose(ours[trial], theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [quadratic, logistic, given])
@pytest.mark.parametrize("name", IN_TORCH)
def test_a_hundred_steps_agree(name, kind, rng):
    assert_agree(OPTIMIZERS[name](), kind, rng)


@pytest.mark.parametrize("draw", range(5))
@pytest.mark.parametrize("name", IN_TORCH)
def test_a_hundred_steps_agree_at_drawn_hyperparameters(name, draw):
    rng = np.random.default_rng(draw)
    entry = drawn_entry(name, rng)
    if hasattr(entry, "bias_correction"):
        entry = replace(entry, bias_correction=True)
    assert_agree(entry, given, rng)


VARIED = [
    InverseTime(decay=0.03),
    Triangular(peak=3.5, period=26),
    Triangular(peak=2.0, period=7),
    Step(every=7, gamma=0.3),
    Exponential(gamma=0.93),
    Polynomial(power=0.5),
    Polynomial(power=2.0),
    Cosine(),
    Cosine(minimum=0.2),
    Cosine(period=13),
    Cosine(period=5, growth=2, minimum=0.1),
    Cosine(period=1, growth=3),
    OneCycle(),
    OneCycle(peak=4.0, rise=0.1, end=0.25, anneal="linear"),
    OneCycle(rise=0.05, end=0.0),
    OneCycle(peak=1.0, rise=0.99),
    Constant(),
]


def torch_factors(entry, n_steps):
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    course = peers.torch_schedule(entry, rule, n_steps)
    factors = []
    for _ in range(n_steps):
        factors.append(rule.param_groups[0]["lr"] / 0.1)
        rule.step()
        course.step()
    return factors


@pytest.mark.parametrize("warmup", [0, 1, 20])
@pytest.mark.parametrize("entry", VARIED, ids=repr)
def test_schedules_agree(entry, warmup):
    entry = replace(entry, warmup=warmup)
    ours = entry.factor(np.arange(STEPS), STEPS)
    np.testing.assert_allclose(ours, torch_factors(entry, STEPS), rtol=1e-9, atol=1e-12)


def test_every_schedule_is_compared():
    assert {type(entry) for entry in VARIED} == set(SCHEDULES.values())


@pytest.mark.parametrize("schedule", [Triangular(3.0, 30, warmup=10), OneCycle(3.0)])
@pytest.mark.parametrize("name", IN_TORCH)
def test_a_schedule_acts_on_every_rule_as_in_torch(name, schedule, rng):
    assert_agree(OPTIMIZERS[name](), quadratic, rng, schedule)


def test_inverse_time_is_the_decay_of_torchs_adagrad(rng):
    params = first_params(rng)
    theta = torch.tensor(flat(params, 0), requires_grad=True)
    rule = torch.optim.Adagrad([theta], lr=RATE, lr_decay=0.2)
    objective = quadratic(rng, len(theta))
    for step in range(STEPS):
        rule.zero_grad()
        objective(theta, step).backward()
        rule.step()
    rates = RATE * InverseTime(decay=0.2).factor(np.arange(STEPS), STEPS)
    ours = follow(Adagrad(), [objective] * TRIALS, params, rates)
    np.testing.assert_allclose(ours[0], theta.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_what_torch_has_not_is_said():
    theta = [torch.zeros(1, requires_grad=True)]
    assert peers.torch_optimizer(OPTIMIZERS["lion"](), theta, 0.1) is None
    assert peers.torch_optimizer(Adam(bias_correction=False), theta, 0.1) is None
    rule = torch.optim.SGD(theta, lr=0.1)
    assert peers.torch_schedule(Polynomial(end=0.1), rule, 10) is None
