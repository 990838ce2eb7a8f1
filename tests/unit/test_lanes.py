"""The compiled engine: its forms of the registries' entries, and its agreement with NumPy's."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import nnrun
from nnrun.config.settings import Network
from nnrun.network.activations import ACTIVATIONS, Elu, LeakyRelu
from nnrun.network.losses import LOSSES, Huber
from nnrun.network.optimizers import OPTIMIZERS, Adam, Sgd
from nnrun.problem.feature_sets import Terms
from nnrun.problem.pattern_generators import Gate
from nnrun.problem.planar_generators import Xor
from nnrun.problem.split_tables import Wine
from nnrun.training.lanes import activations, compiled, forms
from nnrun.training.lanes.forms import LANES
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

TERMS = Terms(("x", "y", "x*y"))


def test_every_registered_entry_has_a_lane_form():
    assert set(ACTIVATIONS.values()) <= set(forms.OF_ACTIVATIONS)
    assert set(LOSSES.values()) <= set(forms.OF_LOSSES)
    assert set(OPTIMIZERS.values()) <= set(forms.OF_OPTIMIZERS)


@njit(error_model="numpy")
def there_and_back(code, z, a, d, n):
    """Apply an activation and its slope to n layers of one unit."""
    for row in range(n):
        activations.activate_any(code, z, a, row, row + 1)
        activations.take_back_any(code, z, a, d, row, row + 1)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_lane_forms_have_numpys_values_at_special_points(name):
    entry = ACTIVATIONS[name]()
    code, wild = forms.OF_ACTIVATIONS[type(entry)], 1e5 if name == "sine" else 1e300
    x = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-300, 8.5, -8.5, wild, -wild])
    z = np.repeat(x, LANES)
    a, d = np.empty_like(z), np.ones_like(z)

    there_and_back(code, z, a, d, len(x))
    with np.errstate(all="ignore"):
        value = entry.forward(x[:, None])
        slope = entry.backward(np.ones_like(value), x[:, None], value)
    np.testing.assert_allclose(a[::LANES], value[:, 0], rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(d[::LANES], slope[:, 0], rtol=1e-14, atol=1e-16)


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
    accuracy = run(stack, "lanes").curves.accuracy[0, -1]
    assert accuracy not in (0, 0.5, 1)  # both classes are chosen


@pytest.mark.parametrize("entry", [LeakyRelu(slope=0.3), Elu(alpha=0.5)])
def test_an_activation_with_other_fields_than_its_defaults_runs_in_the_reference(entry):
    def engine(activation):
        network = Network((2,), activation, "sigmoid")
        return choose_engine(Stack((Trial(make_setting(network=network), 0),))).name

    assert engine(entry) == "reference"
    assert engine(type(entry)()) == engine(entry.name) == "lanes"


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
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(compiled, "user_cache_path", lambda name: tmp_path / "home" / name)
    assert compiled.cache_folder().is_relative_to(tmp_path / "home")
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiled, "user_cache_path", lambda name: tmp_path / "file" / name)
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert compiled.cache_folder().is_relative_to(tmp_path / "temporary")


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """A folder that the user chose, the usual one, and that for temporary files."""
    folders = [tmp_path / name for name in ("chosen", "usual", "temporary")]
    for folder in folders:
        folder.mkdir(mode=0o700)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folders[0]))
    monkeypatch.setattr(compiled, "user_cache_path", lambda name: folders[1])
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(folders[2]))
    return folders


def test_kernels_are_never_loaded_from_a_folder_that_another_user_may_write(
    homes, monkeypatch, capsys
):
    chosen, usual, temporary = homes
    assert compiled.cache_folder().parent == chosen
    assert compiled.cache_folder().stat().st_mode & 0o777 == 0o700
    chosen.chmod(0o777)
    assert compiled.cache_folder().parent == usual
    usual.chmod(0o770)
    monkeypatch.setattr(compiled, "_is_own_group", lambda number: False)
    assert compiled.cache_folder().parent == temporary / f"nnrun-{os.getuid()}"
    temporary.chmod(0o1777)  # as /tmp is
    assert compiled.cache_folder().parent == temporary / f"nnrun-{os.getuid()}"
    temporary.chmod(0o777)  # others may put their own folder into its place
    capsys.readouterr()
    own = compiled.cache_folder()
    assert capsys.readouterr().err == (
        "note: kernels are compiled anew by each process: "
        f"all may write into {temporary}; NUMBA_CACHE_DIR names a folder of your own\n"
    )
    assert (own.parent, own.stat().st_mode & 0o777) == (temporary, 0o700)
    assert not list(own.iterdir())
    assert own != compiled.cache_folder()


def test_a_folder_with_files_of_others_or_below_one_of_theirs_is_open_to_them(homes, monkeypatch):
    folder = homes[1] / "lanes"
    folder.mkdir()
    (folder / "a.nbi").touch()
    assert compiled.open_to_others(folder) == ""
    stat = Path.stat

    def strange(name):
        def told(path, **options):
            found = list(stat(path, **options))
            found[4] = 4711 if path.name == name else found[4]
            return os.stat_result(found)

        return told

    for name in ("a.nbi", "lanes", "usual"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", strange(name))
            patch.setattr(Path, "lstat", lambda path: path.stat(follow_symlinks=False))
            assert compiled.open_to_others(folder).endswith(f"{name} is another user's")
    link = homes[2] / "link"
    link.symlink_to(folder)
    folder.chmod(0o707)
    assert compiled.open_to_others(link) == f"all may write into {folder}"


def test_kernels_are_compiled_anew_where_a_constant_of_theirs_was_changed():
    package, registries = Path(nnrun.__file__).parent, {"ACTIVATIONS", "LOSSES", "OPTIMIZERS"}
    for path in (package / "training" / "lanes").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("nnrun."):
                home = package.joinpath(*node.module.split(".")[1:]).with_suffix(".py")
                constants = {a.name for a in node.names if a.name.isupper()} - registries
                assert not constants or home in compiled.sources(), f"{path.name}: {constants}"


def test_which_engine_trains_is_known_without_a_compiler():
    code = (
        "import sys\n"
        "from nnrun.pictures.film import Stack, Trial, engine_name\n"
        "from tests.conftest import make_setting\n"
        "wide = make_setting(engine='reference')\n"
        "print(engine_name(Stack((Trial(make_setting(engine='lanes'), 0),))))\n"
        "print(engine_name(Stack((Trial(wide, 0),))), 'numba' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["lanes", "reference", "False"]
