"""The compiled engine: its agreement with NumPy's, and what goes to which of both."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnrun.config.settings import Network
from nnrun.network.activations import ACTIVATIONS, Activation, Elu, LeakyRelu
from nnrun.network.initializers import Uniform
from nnrun.network.losses import LOSSES, Huber, Loss
from nnrun.network.mlp import map_params
from nnrun.network.optimizers import OPTIMIZERS, Adam, Optimizer, Sgd
from nnrun.network.penalties import Clipping, Penalties
from nnrun.problem.feature_sets import Terms
from nnrun.problem.features import FEATURES, FeatureSet
from nnrun.problem.generator_base import Drawn, yes_no
from nnrun.problem.pattern_generators import Gate
from nnrun.problem.planar_generators import Xor
from nnrun.problem.problem import DATA, Samples
from nnrun.problem.split_tables import Wine
from nnrun.training.compiled.library import kernel_of
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine
from tests.conftest import make_setting, run
from tests.pairs import (
    all_pairs,
    calm_rate,
    every_loss,
    every_optimizer,
    fits,
    label,
    network_factors,
)
from tests.unit.test_optimizers import drawn_entry

TERMS = Terms(("x", "y", "x*y"))


def engine_of(**changes):
    return choose_engine(Stack((Trial(make_setting(**changes), 0),))).name


@pytest.mark.parametrize(
    "changes",
    [
        *({"network": Network((2,), name, "sigmoid")} for name in sorted(ACTIVATIONS)),
        *({"optimizer": OPTIMIZERS[name]()} for name in sorted(OPTIMIZERS)),
        *(
            {"loss": LOSSES[n](), "network": Network((2,), "tanh", "linear")}
            for n in sorted(LOSSES)
        ),
    ],
    ids=str,
)
def test_every_registered_entry_can_be_traced(changes):
    setting = make_setting(**changes)
    assert not isinstance(kernel_of(Stack((Trial(setting, 0),))), str)


def assert_engines_agree(setting, seeds=(0, 1, 2), rtol=1e-10):
    stack = Stack(tuple(Trial(setting, seed) for seed in seeds))
    lanes, reference = run(stack, "compiled"), run(stack, "reference")
    assert (lanes.engine, reference.engine) == ("compiled", "reference")
    for a, b in zip(lanes.curves[1:], reference.curves[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-300)
    for a, b in zip(lanes.params, reference.params, strict=True):
        # a parameter that passes through 0 has no relative accuracy of its own
        np.testing.assert_allclose(a.weights, b.weights, rtol=rtol, atol=rtol * 1e-2)
        np.testing.assert_allclose(a.bias, b.bias, rtol=rtol, atol=rtol * 1e-2)


FACTORS = {
    "optimizer": every_optimizer(),
    "loss": [*every_loss(), Huber(delta=0.25)],
    **network_factors(),
    "option": ["none", "shortcut", "no bias", "dropout", "raw_error"],
}


@pytest.mark.parametrize("row", all_pairs(FACTORS, fits), ids=label)
def test_engines_agree_over_the_registries(row):
    option = row["option"]
    network = Network(
        row["hidden"],
        row["activation"] or "sigmoid",
        row["output"],
        shortcut=option == "shortcut",
        bias=option != "no bias",
        dropout=0.3 if option == "dropout" else 0.0,
    )
    # three classes, so that softmax has something to choose from
    setting = make_setting(
        lr=calm_rate(row["optimizer"]),
        budget=400,
        batch_size=2,
        evals=4,
        data=Wine(),
        features=Terms(),
        # where a tanh is 1 but for its last digits, its slope is rounding
        init=Uniform(-0.6, 0.6),
        loss=row["loss"],
        optimizer=row["optimizer"],
        network=network,
        backprop="raw_error" if option == "raw_error" else "exact",
    )
    assert_engines_agree(setting)


@pytest.mark.parametrize("loss", [*every_loss(), Huber(delta=0.25)], ids=str)
def test_engines_agree_on_the_boundary_between_two_classes(loss):
    if loss.output == "softmax":
        return  # never a single output
    network = Network((4,), "tanh", loss.output or "linear")
    setting = make_setting(budget=2000, loss=loss, network=network)
    assert_engines_agree(setting)
    stack = Stack((Trial(setting, 3),))
    accuracy = run(stack, "compiled").curves.accuracy[0, -1]
    assert accuracy not in (0, 0.5, 1)  # both classes are chosen


@pytest.mark.parametrize("entry", [LeakyRelu(slope=0.3), Elu(alpha=0.5)])
def test_an_activation_with_other_fields_than_its_defaults_is_compiled_with_them(entry):
    setting = make_setting(network=Network((3,), entry, "sigmoid"))
    assert_engines_agree(setting)
    usual = make_setting(network=Network((3,), entry.name, "sigmoid"))
    one, other = (run(Stack((Trial(s, 0),)), "compiled").curves for s in (setting, usual))
    assert (one.test_loss != other.test_loss).any()


@settings(max_examples=40, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    activation=st.sampled_from(["sigmoid", "tanh"]),
    batch_size=st.integers(1, 40),
    lr=st.floats(0.01, 4.0),
    data=st.sampled_from(
        [
            Xor(),
            Xor(noise=0.1, label_noise=0.1),
            Xor(balance=0.3),
            Xor(n_train=50),
            Xor(n_train=50, noise=0.1, pool_seed=3),
            Gate("xnor", shuffle=False),
        ]
    ),
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=70, unique=True),
    optimizer=st.sampled_from([Sgd(), Adam(), Adam(0.5, 0.9, 1e-4)]),
)
def test_engines_agree_on_drawn_shapes(hidden, activation, batch_size, lr, data, seeds, optimizer):
    if isinstance(data, Gate):
        # on four corners the gradient can vanish; Adam then divides rounding by rounding
        batch_size, optimizer = min(batch_size, 4), Sgd()
    setting = make_setting(
        lr=lr * (0.005 if isinstance(optimizer, Adam) else 0.05),
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
    together = run(stack, "compiled")
    for row, lr in enumerate(rates):
        alone = run(Stack((Trial(make_setting(lr=lr), 4),)), "compiled")
        np.testing.assert_array_equal(together.curves.test_loss[row], alone.curves.test_loss[0])


def test_hyperparameters_are_each_trials_own():
    rules = [Adam(beta1=0.5), Adam(beta1=0.95), Adam(beta2=0.9, epsilon=1e-3)]
    trials = tuple(Trial(make_setting(lr=0.05, optimizer=rule), 4) for rule in rules)
    for engine in ("compiled", "reference"):
        together = run(Stack(trials), engine)
        assert len({row.tobytes() for row in together.curves.test_loss}) == 3
        for row, trial in enumerate(trials):
            alone = run(Stack((trial,)), engine)
            np.testing.assert_array_equal(together.curves.test_loss[row], alone.curves.test_loss[0])


@pytest.mark.parametrize("width", [8, 16, 32])
@pytest.mark.parametrize(("unrolled", "together"), [(0, 32), (0, 64), (10**6, 32)])
def test_how_a_kernel_is_written_changes_no_bit(monkeypatch, tmp_path, width, unrolled, together):
    network = Network((3, 2), "tanh", "sigmoid", shortcut=True, dropout=0.3)
    changes = {"batch_size": 8, "budget": 800, "optimizer": Adam(), "clip": Clipping(norm=0.5)}
    setting = make_setting(network=network, penalties=Penalties(l2=0.01), **changes)
    stack = Stack(tuple(Trial(setting, seed) for seed in range(9)))
    usual = run(stack, "compiled")
    for name, value in (("_kernels", {}), ("WIDTHS", ((None, width),)), ("NARROWEST", width)):
        monkeypatch.setattr(f"nnrun.training.compiled.library.{name}", value)
    monkeypatch.setattr("nnrun.training.compiled.machine.kept_in", lambda: tmp_path)
    monkeypatch.setattr("nnrun.training.compiled.run.TOGETHER", together)
    monkeypatch.setattr("nnrun.training.compiled.kernel.TOGETHER", together)
    monkeypatch.setattr("nnrun.training.compiled.kernel.UNROLLED", unrolled)
    other = run(stack, "compiled")
    np.testing.assert_equal([*other.curves, *other.params], [*usual.curves, *usual.params])


def test_a_wide_network_needs_no_room_on_the_stack():
    wide = make_setting(lr=0.001, budget=4, evals=2, network=Network((40_000,), "tanh", "sigmoid"))
    trials = run(Stack((Trial(wide, 0),)), "compiled")
    assert trials.engine == "compiled"
    assert np.isfinite(trials.curves.test_loss).all()


def test_the_smallest_numbers_are_numbers_again_after_a_kernel():
    """Kernels take them for 0, by a register of the thread's that they set back."""
    stack = Stack((Trial(make_setting(optimizer=Adam()), 0),))

    def smallest(_):
        run(stack, "compiled")
        return (np.full(64, 2.0**-1050) * 0.5).tolist()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(smallest, range(4))) == [[2.0**-1051] * 64] * 4


def test_a_kernel_is_found_on_the_disk_without_a_trace(monkeypatch, tmp_path):
    compiled = "nnrun.training.compiled.library"
    monkeypatch.setattr("nnrun.training.compiled.machine.kept_in", lambda: tmp_path)
    monkeypatch.setattr(f"{compiled}._kernels", {})
    stack = Stack((Trial(make_setting(), 0),))
    first = run(stack, "compiled")
    monkeypatch.setattr(f"{compiled}._kernels", {})
    with monkeypatch.context() as patch:
        patch.setattr(f"{compiled}.kernels", lambda *_: pytest.fail("traced again"))
        np.testing.assert_equal([*run(stack, "compiled").curves], [*first.curves])
    # what is told apart: not the numbers of the optimizer, but all else
    rates = [{"lr": 0.2}, {"optimizer": Adam(0.5)}, {"optimizer": Adam(0.9)}]
    others = [{"data": Xor(noise=0.1)}, {"features": Terms(("x", "y"))}, {"loss": Huber(0.5)}]
    others += [
        {"clip": Clipping(value=1.0)},
        {"network": Network((2, 1), LeakyRelu(0.2), "sigmoid")},
    ]
    for changes in [*rates, *others]:
        run(Stack((Trial(make_setting(**changes), 0),)), "compiled")
    assert len(list(tmp_path.iterdir())) == 2 + len(others)
    monkeypatch.setattr(f"{compiled}._sources", lambda: "another release")
    monkeypatch.setattr(f"{compiled}._kernels", {})
    run(stack, "compiled")
    assert len(list(tmp_path.iterdir())) == 3 + len(others)


def test_auto_compiles_small_networks_and_takes_blas_for_wide_batches():
    wide = Network((256, 256), "relu", "sigmoid")
    assert engine_of() == "compiled"
    assert engine_of(batch_size=32) == "compiled"
    assert engine_of(network=wide, batch_size=32) == "reference"
    assert engine_of(network=wide, batch_size=32, engine="compiled") == "compiled"
    assert engine_of(engine="reference") == "reference"


@dataclass(frozen=True)
class Signed(Optimizer):
    """A rule of somebody's own: by the sign of the mean gradient, and by its size where small."""

    name = "signed"
    slots = 1
    keep: float = 0.9

    def update(self, p, g, slots, rate):
        mean = self.keep * slots[0] + (1 - self.keep) * g
        return p - rate * np.clip(mean, -0.1, 0.1), (mean,)


class Branching(Signed):
    """The same with a look at the values."""

    def update(self, p, g, slots, rate):
        return (p, slots) if g.max() > 1e9 else super().update(p, g, slots, rate)


class OfLayers(Signed):
    """A step of length 1 in each layer's weights, and in its biases."""

    def update(self, p, g, slots, rate):
        return p - rate * g / np.sqrt((g * g).sum(axis=(1, 2), keepdims=True)), slots


class OfFans(Signed):
    """A step that is shorter the more units there are."""

    def update(self, p, g, slots, rate):
        return p - rate * g / g.shape[-1], slots


class Together(Signed):
    """A step of length 1 in all parameters."""

    def step(self, params, grads, state, rate):
        length = np.sqrt(sum((g * g).sum(axis=(1, 2)) for layer in grads for g in layer))
        rate = rate / length[:, None, None]
        return map_params(lambda p, g: p - rate * g, params, grads), state


class Fickle(Signed):
    """The same with another constant each time."""

    def begin(self, rate, products):
        Fickle.calls = getattr(Fickle, "calls", 0) + 1
        return rate + Fickle.calls, products


def test_a_users_own_rule_is_compiled():
    assert_engines_agree(make_setting(optimizer=Signed(), budget=500))
    stack = Stack(tuple(Trial(make_setting(optimizer=Signed(k)), 1) for k in (0.5, 0.9)))
    together = run(stack, "compiled")
    assert together.engine == "compiled"
    alone = run(Stack(stack.trials[1:]), "compiled")
    np.testing.assert_array_equal(together.curves.test_loss[1], alone.curves.test_loss[0])


def test_a_new_entry_of_any_registry_is_compiled_without_another_line(monkeypatch):
    for registry in (ACTIVATIONS, LOSSES, OPTIMIZERS, DATA, FEATURES):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))

    class Bent(Activation, name="bent"):
        def forward(self, z):
            return z + np.sqrt(1 + z**2)

        def backward(self, grad, z, a):
            return grad * (1 + z / np.sqrt(1 + z**2))

    class LogCosh(Loss, name="log_cosh"):
        def value(self, z, outputs, targets):
            return np.log(np.cosh(outputs - targets)).sum(axis=-1)

        def gradient(self, z, outputs, targets, activation):
            return activation.backward(np.tanh(outputs - targets), z, outputs)

    class Cooling(Optimizer, name="cooling"):
        slots = products = 1
        keep: float = 0.9

        def begin(self, rate, products):
            return rate * (1 + products[0]), (products[0] * self.keep,)

        def update(self, p, g, slots, rate):
            v = self.keep * slots[0] + g
            return p - rate * v, (v,)

    class Disc(Drawn, name="disc", kw_only=True):
        radius: float = 0.4

        def sample(self, rng, n):
            points = rng.random((n, 2))
            return Samples(points, yes_no(np.hypot(*(points - 0.5).T) < self.radius))

    class Radius(FeatureSet, name="radius"):
        def names(self, inputs):
            return (*inputs, "r")

        def compute(self, values, inputs, new_rng):
            return np.column_stack([values, np.hypot(*values.T)])

    network = Network((3, 2), "bent", "sigmoid")
    setting = make_setting(
        data=Disc(radius=0.3), features=Radius(), network=network, loss=LogCosh(), batch_size=4,
        optimizer=Cooling(keep=0.8), budget=800, lr=0.05,
    )  # fmt: skip
    assert setting.problem.inputs == ("x", "y", "r")
    assert_engines_agree(setting)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (Branching(), "a Python branch or loop on values cannot be traced: say np.where"),
        (OfLayers(), "the optimizer looks at several parameters at once"),
        (OfFans(), "an update depends on how many parameters there are, or on the call"),
        (Together(), "the optimizer looks at several parameters at once"),
        (Fickle(), "a component does other things each time"),
    ],
)
def test_what_cannot_be_traced_goes_to_the_reference_engine_and_says_why(rule, reason):
    setting = make_setting(optimizer=rule, engine="compiled")
    stack = Stack((Trial(setting, 0),))
    assert choose_engine(stack).name == "reference"
    said = kernel_of(stack)
    assert isinstance(said, str)
    assert re.fullmatch(re.escape(reason) + r"( \(test_compiled.py, line \d+\))?", said)


def drawn_entries(name, rng):
    """Draw hyperparameters for every lane."""
    first = drawn_entry(name, rng)
    rigid = {f.name: getattr(first, f.name) for f in fields(first) if f.type is bool}
    return [first] + [replace(drawn_entry(name, rng), **rigid) for _ in range(2)]


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_engines_agree_at_each_trials_own_hyperparameters(name, rng):
    full = OPTIMIZERS[name].full_batch
    size = 20 if full else 2
    entries = drawn_entries(name, rng)
    shape = {"data": Xor(n_train=20), "batch_size": size, "budget": 25 * size}
    trials = [Trial(make_setting(lr=0.002, optimizer=entry, **shape), 4) for entry in entries]
    lanes, reference = (run(Stack(tuple(trials)), engine) for engine in ("compiled", "reference"))
    assert (lanes.engine, reference.engine) == ("compiled", "reference")
    for a, b in zip(lanes.curves[1:3], reference.curves[1:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for row, trial in enumerate(trials):
        alone = run(Stack((trial,)), "compiled")
        np.testing.assert_array_equal(alone.curves.test_loss[0], lanes.curves.test_loss[row])
    for a, b in zip(lanes.params, reference.params, strict=True):
        np.testing.assert_allclose(a.weights, b.weights, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(a.bias, b.bias, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_trial_that_diverges_stays_lost_and_alone(name):
    full = OPTIMIZERS[name].full_batch
    shape = {"data": Xor(n_train=4), "batch_size": 4, "budget": 400} if full else {"budget": 400}
    shape["optimizer"] = OPTIMIZERS[name]()
    calm, wild = (make_setting(lr=lr, **shape) for lr in (1e-3, 1e300))
    trials = [Trial(calm, 0), Trial(wild, 0), Trial(calm, 1)]
    together = run(Stack(tuple(trials)), "compiled")
    for row, trial in ((0, trials[0]), (2, trials[2])):
        alone = run(Stack((trial,)), "compiled")
        np.testing.assert_array_equal(together.curves.test_loss[row], alone.curves.test_loss[0])
