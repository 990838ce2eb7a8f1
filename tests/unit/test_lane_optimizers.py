"""Update rules in lane form against those of the reference engine."""

from dataclasses import fields, replace

import numpy as np
import pytest
from numba import njit

from nnrun.network.mlp import Layer
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.problem.planar_generators import Xor
from nnrun.training.lanes.forms import LANES, OF_OPTIMIZERS
from nnrun.training.lanes.optimizers import hyper_names, update_any
from nnrun.training.lanes.vector import load
from nnrun.training.stack import Stack, Trial, stacked
from tests.conftest import make_setting, run
from tests.unit.test_optimizers import drawn_entry

ROWS, STEPS = 7, 100


@njit(error_model="numpy")
def follow(code, p, slopes, rates, hyper, memory):
    for step in range(len(slopes)):
        rate = load(rates[step], 0)
        update_any(code, p, slopes[step], len(p) // LANES, rate, hyper, memory)


def as_params(rows):
    """Turn rows of lanes into trials' parameters: a layer of their weights and one bias."""
    trials = rows.reshape(-1, LANES).T
    return (Layer(trials[:, None, :-1], trials[:, None, -1:]),)


def drawn_entries(name, rng):
    """Draw hyperparameters for every lane."""
    first = drawn_entry(name, rng)
    rigid = {f.name: getattr(first, f.name) for f in fields(first) if f.type is bool}
    return [first] + [replace(drawn_entry(name, rng), **rigid) for _ in range(LANES - 1)]


def lane_memory(entry):
    columns = [np.broadcast_to(np.ravel(getattr(entry, f)), LANES) for f in hyper_names(entry)]
    hyper = np.array(columns, dtype=np.float64).ravel()
    slots = np.zeros(entry.slots * ROWS * LANES)
    return hyper, np.concatenate([slots, np.ones(entry.powers * LANES)])


@pytest.mark.parametrize("draw", range(3))
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_lane_forms_follow_the_reference_on_given_slopes(name, draw):
    rng = np.random.default_rng(draw)
    entry = stacked(drawn_entries(name, rng)) if draw else OPTIMIZERS[name]()
    p = rng.normal(size=ROWS * LANES)
    slopes = rng.normal(size=(STEPS, ROWS * LANES)) + rng.normal(size=ROWS * LANES)
    rates = rng.uniform(0.001, 0.1, (STEPS, LANES))
    params = as_params(p.copy())
    state = entry.init(params)
    for slope, rate in zip(slopes, rates, strict=True):
        params, state = entry.update(params, as_params(slope), state, rate[:, None, None])
    follow(OF_OPTIMIZERS[type(entry)], p, slopes, rates, *lane_memory(entry))
    for ours, theirs in zip(as_params(p)[0], params[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_engines_agree_at_each_trials_own_hyperparameters(name, rng):
    full = OPTIMIZERS[name].full_batch
    size = 20 if full else 2
    entries = drawn_entries(name, rng)[:3]
    shape = {"data": Xor(n_train=20), "batch_size": size, "budget": 25 * size}
    trials = [Trial(make_setting(lr=0.002, optimizer=entry, **shape), 4) for entry in entries]
    lanes, reference = (run(Stack(tuple(trials)), engine) for engine in ("lanes", "reference"))
    assert (lanes.engine, reference.engine) == ("lanes", "reference")
    for a, b in zip(lanes.curves[1:3], reference.curves[1:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for row, trial in enumerate(trials):
        alone = run(Stack((trial,)), "lanes")
        np.testing.assert_array_equal(alone.curves.test_loss[0], lanes.curves.test_loss[row])
    for a, b in zip(lanes.params, reference.params, strict=True):
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(a.bias, b.bias, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_lost_lane_stays_lost_and_alone(name, rng):
    entry = OPTIMIZERS[name]()
    p, slopes = rng.normal(size=ROWS * LANES), rng.normal(size=(4, ROWS * LANES))
    slopes[1].reshape(ROWS, LANES)[:, 5] = np.nan
    follow(OF_OPTIMIZERS[type(entry)], p, slopes, np.full((4, LANES), 0.01), *lane_memory(entry))
    lost = np.isnan(p.reshape(ROWS, LANES))
    assert lost[:, 5].all()
    assert lost.sum() == ROWS
