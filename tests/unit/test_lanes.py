"""The compiled engine: its elementary functions, and its agreement with the reference engine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from nnrun.config import Network
from nnrun.network.activations import ACTIVATIONS
from nnrun.network.losses import LOSSES
from nnrun.network.optimizers import OPTIMIZERS, Adam, Sgd
from nnrun.problem.bundled import Wine
from nnrun.problem.features import Features
from nnrun.problem.generators import Gate, Xor
from nnrun.training.engines import choose_engine
from nnrun.training.lanes import compiled, elementary
from nnrun.training.lanes.rules import CODES
from nnrun.training.lanes.vector import LANES, load, store
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

TERMS = Features(("x", "y", "x*y"))
SPECIAL = [
    *(0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.0**-1022, 1e-300, 1e300, -1e300),
    *(709.7, 709.8, 710.0, -708.5, -745.1, -745.2, -746.0, 0.625, -0.625, 1.0, 2.0),
]


def vectorised(function):
    """Apply a lane function to an array of any length."""

    @njit(error_model="numpy")
    def rows(x, y, n):
        for row in range(n):
            store(y, row, function(load(x, row)))

    def call(values):
        values = np.asarray(values, dtype=np.float64)
        n = -(-len(values) // LANES)
        x = np.ones(n * LANES)
        x[: len(values)] = values
        y = np.empty_like(x)
        rows(x, y, n)
        return y[: len(values)]

    return call


def grid():
    rng = np.random.default_rng(1)
    magnitudes = np.geomspace(1e-308, 800, 50_000)
    return np.concatenate(
        [np.linspace(-760, 720, 200_001), rng.normal(0, 3, 100_000), magnitudes, -magnitudes]
    )


def exact(name, x):
    """Compute in extended precision: 64 bits of mantissa."""
    x = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        return {
            "exp": lambda: np.exp(x),
            "sigmoid": lambda: 1 / (1 + np.exp(-x)),
            "tanh": lambda: np.tanh(x),
            "log": lambda: np.log(x),
            "log1p_exp": lambda: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
        }[name]()


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no extended precision here")
@pytest.mark.parametrize(
    ("name", "bound"),
    [("exp", 1.0), ("sigmoid", 2.0), ("tanh", 1.5), ("log", 1.0), ("log1p_exp", 2.0)],
)
def test_elementary_functions_keep_their_error_bounds(name, bound):
    x = grid()
    if name == "log":
        x = np.concatenate([x[x > 0], np.geomspace(5e-324, 1.7e308, 100_000)])
    if name == "sigmoid":
        x = x[x > -709.7]  # below, e^-x overflows and 1 / (1 + e^-x) is 0, as in NumPy
    got, wanted = vectorised(getattr(elementary, name))(x), exact(name, x)
    with np.errstate(all="ignore"):
        rounded = wanted.astype(np.float64)
        ulps = np.abs(got.astype(np.longdouble) - wanted) / np.spacing(np.abs(rounded))
    ulps = np.where(got == rounded, 0.0, ulps)
    assert np.nanmax(ulps) <= bound + 0.01
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))


@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh", "log", "log1p_exp"])
def test_elementary_functions_have_numpys_limits_at_special_values(name):
    x = np.array(SPECIAL)
    with np.errstate(all="ignore"):
        wanted = {
            "exp": np.exp(x),
            "sigmoid": 1 / (1 + np.exp(-x)),
            "tanh": np.tanh(x),
            "log": np.log(x),
            "log1p_exp": np.logaddexp(0.0, x),
        }[name]
    got = vectorised(getattr(elementary, name))(x)
    np.testing.assert_allclose(got, wanted, rtol=1e-15, atol=1e-323)


def test_every_registered_entry_has_a_lane_form():
    entries = [*ACTIVATIONS.values(), *LOSSES.values(), *OPTIMIZERS.values()]
    assert set(entries) <= set(CODES)


MATRIX = [
    (hidden, activation, loss, output, optimizer)
    for optimizer in sorted(OPTIMIZERS)
    for hidden in ((), (3,), (4, 2))
    for activation in (sorted(ACTIVATIONS) if hidden else ["sigmoid"])
    for loss in sorted(LOSSES)
    for output in ([LOSSES[loss].output] if LOSSES[loss].output else sorted(ACTIVATIONS))
]


def usual_rate(optimizer):
    """A rate at which training does not blow the last bit of a sum up to the tenth digit."""
    return 0.005 if isinstance(optimizer, Adam) else 0.05


def assert_engines_agree(setting, seeds=(0, 1, 2), rtol=1e-10):
    stack = Stack(tuple(Trial(setting, seed) for seed in seeds))
    lanes, reference = run(stack, "lanes"), run(stack, "reference")
    assert (lanes.engine, reference.engine) == ("lanes", "reference")
    for a, b in zip(lanes.curves[1:], reference.curves[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-300)
    for a, b in zip(lanes.params, reference.params, strict=True):
        # a parameter that passes through 0 has no relative accuracy of its own
        np.testing.assert_allclose(a.weights, b.weights, rtol=rtol, atol=rtol * 1e-2)
        np.testing.assert_allclose(a.bias, b.bias, rtol=rtol, atol=rtol * 1e-2)


@pytest.mark.parametrize(("hidden", "activation", "loss", "output", "optimizer"), MATRIX)
def test_engines_agree_over_the_registries(hidden, activation, loss, output, optimizer):
    # three classes, so that softmax has something to choose from
    setting = make_setting(
        lr=usual_rate(OPTIMIZERS[optimizer]()),
        budget=400,
        batch_size=2,
        data=Wine(),
        features=Features(),
        loss=LOSSES[loss](),
        optimizer=OPTIMIZERS[optimizer](),
        network=Network(hidden, activation, output),
    )
    assert_engines_agree(setting)


@settings(max_examples=40, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    activation=st.sampled_from(["sigmoid", "tanh"]),
    batch_size=st.integers(1, 40),
    lr=st.floats(0.01, 4.0),
    data=st.sampled_from([Xor(), Xor(n_train=50), Gate("xnor", shuffle=False)]),
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=70, unique=True),
    optimizer=st.sampled_from([Sgd(), Adam(), Adam(0.5, 0.9, 1e-4)]),
)
def test_engines_agree_on_drawn_shapes(hidden, activation, batch_size, lr, data, seeds, optimizer):
    if isinstance(data, Gate):
        # on four corners the gradient can vanish; Adam then divides rounding by rounding
        batch_size, optimizer = min(batch_size, 4), Sgd()
    setting = make_setting(
        lr=lr * usual_rate(optimizer),
        budget=200 * batch_size,
        batch_size=batch_size,
        data=data,
        features=TERMS,
        optimizer=optimizer,
        network=Network(hidden, activation, "sigmoid"),
    )
    assert_engines_agree(setting, seeds)


def test_learning_rates_are_each_trials_own():
    rates = (0.01, 0.1, 1.0)
    stack = Stack(tuple(Trial(make_setting(lr=lr), 4) for lr in rates))
    together = run(stack, "lanes")
    for row, lr in enumerate(rates):
        alone = run(Stack((Trial(make_setting(lr=lr), 4),)), "lanes")
        np.testing.assert_array_equal(together.curves.test_loss[row], alone.curves.test_loss[0])


def test_hyperparameters_are_each_trials_own():
    rules = [Adam(beta1=0.5), Adam(beta1=0.95), Adam(beta2=0.9, epsilon=1e-3)]
    trials = tuple(Trial(make_setting(lr=0.05, optimizer=rule), 4) for rule in rules)
    for engine in ("lanes", "reference"):
        together = run(Stack(trials), engine)
        assert len({row.tobytes() for row in together.curves.test_loss}) == 3
        for row, trial in enumerate(trials):
            alone = run(Stack((trial,)), engine)
            np.testing.assert_array_equal(together.curves.test_loss[row], alone.curves.test_loss[0])


def test_auto_takes_lanes_for_small_networks_and_blas_for_wide_batches():
    def engine(**changes):
        return choose_engine(Stack((Trial(make_setting(**changes), 0),))).name

    wide = Network((128, 64), "relu", "sigmoid")
    assert engine() == "lanes"
    assert engine(batch_size=32) == "lanes"
    assert engine(network=wide, batch_size=32) == "reference"
    assert engine(network=wide, batch_size=32, engine="lanes") == "lanes"
    assert engine(engine="reference") == "reference"


def test_a_component_without_lane_form_goes_to_the_reference_engine():
    class Mine(type(make_setting().optimizer)):
        """A namesake is not the entry it descends from."""

    setting = make_setting(optimizer=Mine(), engine="lanes")
    assert choose_engine(Stack((Trial(setting, 0),))).name == "reference"


def test_kernels_are_cached_where_this_user_may_write(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "user_cache_path", lambda name: tmp_path / "home" / name)
    assert compiled.cache_folder().is_relative_to(tmp_path / "home")
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiled, "user_cache_path", lambda name: tmp_path / "file" / name)
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert compiled.cache_folder().is_relative_to(tmp_path / "temporary")
