"""A user's component: its source, and how it is tried before anything trains."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnrun import custom
from nnrun.config.rules import fitted
from nnrun.config.settings import Network
from nnrun.errors import InputError
from nnrun.model import load_network
from nnrun.model.__main__ import main as model_command
from nnrun.model.load import admit_modules, not_imported
from nnrun.network.activations import ACTIVATIONS, Activation
from nnrun.network.initializers import Initializer
from nnrun.network.losses import LOSSES, CategoricalCrossEntropy, SquaredError
from nnrun.network.optimizers import OPTIMIZERS, Optimizer, Sgd
from nnrun.network.schedules import Schedule
from nnrun.problem.feature_sets import Terms
from nnrun.problem.pattern_generators import Gate
from nnrun.problem.problem import Problem, Samples, Task
from nnrun.tracking.pyfunc import _load_pyfunc
from nnrun.training.engine import first_params, rate_factors
from nnrun.training.sources import Handed, Source
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine
from nnrun.trials.forecast import calibration
from tests.conftest import make_setting, run
from tests.unit.test_model import described

RULE = """
from dataclasses import dataclass
import numpy
from nnrun.network.schedules import Schedule
from my_helpers import FACTOR

@dataclass(frozen=True)
class Slow(Schedule):
    def factor(self, steps, n_steps):
        return FACTOR + 0.0 * steps
"""


@pytest.fixture
def digest_of(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def digest(helpers: str, rule: str = RULE) -> str:
        (tmp_path / "my_helpers.py").write_text(helpers)
        (tmp_path / "my_slow.py").write_text(rule)
        custom.imported_component.cache_clear()
        for name in ("my_helpers", "my_slow"):
            sys.modules.pop(name, None)
        return custom.digest(custom.component("schedule", "my_slow.Slow", importing=True)())

    yield digest
    custom.imported_component.cache_clear()
    for name in ("my_helpers", "my_slow"):
        sys.modules.pop(name, None)


def test_the_source_is_that_of_the_module_and_of_those_beside_it(digest_of):
    first = digest_of("FACTOR = 0.5\n")
    assert digest_of("FACTOR = 0.5\n") == first
    assert digest_of("FACTOR = 0.25\n") != first
    assert digest_of("FACTOR = 0.5\n", RULE.replace("0.0 *", "0.1 *")) != first


def test_a_schedule_that_always_gives_the_same_length_is_refused():
    @dataclass(frozen=True)
    class Short(Schedule):
        name = "short"

        def factor(self, steps, n_steps):
            return np.ones(4)

    with pytest.raises(
        InputError, match=r"factor returns an array of shape \(4,\); it must have \(7,\)"
    ):
        custom.tried("schedule", Short())
    # and if it slips through, no engine reads past the end
    with pytest.raises(ValueError, match=r"gives factors of shape \(4,\) for 400 steps"):
        rate_factors(make_setting(schedule=Short()), 0, 400)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_samples_with_other_columns_than_names_are_refused_by_every_engine(engine):
    setting = make_setting(engine=engine)
    stack = Stack((Trial(setting, 0),))
    chosen = choose_engine(stack)
    source = Handed([0])
    started = chosen.begin(stack, source, first_params(stack))
    batches = Source(setting.problem, [0]).take(0, 8)
    for part in ("inputs", "targets"):
        wide = np.concatenate([getattr(batches, part)] * 2, axis=2)
        source.hand(*batches._replace(**{part: wide})[:2])
        with pytest.raises(ValueError, match="samples of shapes"):
            started.train(8)


def read_only(array):
    array = np.array(array, dtype=np.float64)
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Frozen:
    """Data, features and a schedule whose arrays cannot be written to."""

    name = "frozen"

    def problem(self):
        corners = read_only([[0, 0], [0, 1], [1, 0], [1, 1]])
        samples = Samples(corners, read_only([[0], [1], [1], [0]]))
        return Problem(Task.BINARY, ("x", "y"), ("label",), samples, pool=samples, n_train=4)

    def names(self, inputs):
        return inputs

    def compute(self, values, inputs, new_rng):
        return read_only(values)

    def factor(self, steps, n_steps):
        return read_only(np.ones(steps.shape))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("features", [Terms(), Frozen()], ids=["data", "features"])
def test_arrays_that_cannot_be_written_to_are_taken_by_every_engine(engine, features):
    given = make_setting(data=Frozen(), features=features, schedule=Frozen(), budget=40)
    usual = make_setting(data=Gate("xor"), features=Terms(), budget=40)
    ours, theirs = (run(Stack((Trial(s, 0),)), engine) for s in (given, usual))
    assert ours.engine == engine
    np.testing.assert_array_equal(ours.curves.test_loss, theirs.curves.test_loss)


def test_an_entry_of_ours_keeps_its_name_if_it_is_named_as_a_target():
    assert custom.component("optimizer", "nnrun.network.optimizers.Adam").name == "adam"
    assert not custom.is_custom(OPTIMIZERS["adam"]())


def test_an_optimizer_that_keeps_more_than_it_says_is_refused():
    @dataclass(frozen=True)
    class Hoarding(Optimizer):
        name = "hoarding"

        def update(self, p, g, slots, rate):
            return p - rate * g, (*slots, g)

    with pytest.raises(InputError, match="update returns 1 slots, and its slots are 0"):
        custom.tried("optimizer", Hoarding())


def test_an_optimizer_in_another_form_is_told_what_to_write():
    @dataclass(frozen=True)
    class Old(Optimizer):
        name = "old"

        def init(self, params):
            return ()

        def update(self, params, grads, state, learning_rate):
            return params, state

    with pytest.raises(InputError, match=r"must return a State from init \(write slots = 1 for"):
        custom.tried("optimizer", Old())

    @dataclass(frozen=True)
    class Half(Optimizer):
        name = "half"

        def update(self, p, g, slots, rate):
            return p - rate * g

    with pytest.raises(InputError, match="must return parameters and slots from update"):
        custom.tried("optimizer", Half())


def test_a_loss_descended_from_crossentropy_needs_several_outputs_too():
    @dataclass(frozen=True)
    class Mine(CategoricalCrossEntropy):
        name = "mine"

    network = Network((2,), "tanh", "softmax")
    with pytest.raises(InputError, match="needs an output for each of several classes"):
        fitted(make_setting(loss=Mine(), network=network))


def test_an_error_while_calibrating_ends_nothing():
    @dataclass(frozen=True)
    class Late(Sgd):
        name = "late"

        def update(self, p, g, slots, rate):
            raise RuntimeError("it broke")

    good, bad = make_setting(), make_setting(optimizer=Late())
    stacks = [Stack((Trial(setting, 0),)) for setting in (bad, good)]
    assert calibration(stacks[:1], [9.0]) == 1.0
    assert calibration(stacks, [9.0, 1.0]) > 0


def test_a_wrong_slope_is_told_unless_it_is_meant():
    @dataclass(frozen=True)
    class Square(Activation):
        name = "square"

        def forward(self, z):
            return z * z

        def backward(self, grad, z, a):
            return grad * z

    with pytest.raises(InputError, match="backward is not the derivative of forward"):
        custom.tried("activation", Square())

    @dataclass(frozen=True)
    class Meant(Square):
        surrogate = True

    custom.tried("activation", Meant())

    @dataclass(frozen=True)
    class Uphill(SquaredError):
        name = "uphill"

        def gradient(self, z, outputs, targets, activation):
            return -super().gradient(z, outputs, targets, activation)

    with pytest.raises(InputError, match="gradient is not the derivative of value"):
        custom.tried("loss", Uphill())


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_our_own_activations_pass_the_trial(name):
    custom.tried("activation", ACTIVATIONS[name]())


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_our_own_losses_pass_the_trial(name):
    custom.tried("loss", LOSSES[name]())


def test_an_initializer_must_draw_from_its_generator():
    @dataclass(frozen=True)
    class Careless(Initializer):
        name = "careless"

        def weights(self, rng, fan_in, fan_out):
            return np.random.default_rng().random(fan_out)

    with pytest.raises(InputError, match=r"weights returns other numbers each time \(draw from"):
        custom.tried("init", Careless())


def test_a_schedule_must_not_be_negative():
    @dataclass(frozen=True)
    class Negative(Schedule):
        name = "negative"

        def factor(self, steps, n_steps):
            return 1.0 - steps

    with pytest.raises(InputError, match="negative or undefined factor"):
        custom.tried("schedule", Negative())


OWN = """
from dataclasses import dataclass
from pathlib import Path
from nnrun.network.activations import Activation

Path("imported").touch()

@dataclass(frozen=True)
class Threefold(Activation):
    def forward(self, z):
        return 3 * z

    def backward(self, grad, z, a):
        return 3 * grad
"""


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A network in a file whose activation is of a module beside it, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "threefold_of_mine", None)
    sys.modules.pop("threefold_of_mine")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "threefold_of_mine.py").write_text(OWN)
    (folder / "another_of_mine.py").write_text(OWN)
    facts = described([([[1], [1]], [0])], [{"_target_": "threefold_of_mine.Threefold"}])
    facts["config"] = {"optimizer.name": "another_of_mine.Threefold", "a": ["os.system", 3]}
    path = tmp_path / "net.json"
    path.write_text(json.dumps(facts))
    custom.imported_component.cache_clear()
    yield path
    custom.imported_component.cache_clear()


def test_reading_a_network_imports_no_module_that_it_names(network, capsys):
    (network.parent / "threefold_of_mine.py").write_text(OWN)  # Python would find it here
    assert model_command([str(network)]) == 2
    assert (
        "activation._target_=threefold_of_mine.Threefold: is of a module that is not "
        "imported because a record names it (if you trust threefold_of_mine.py: --modules FOLDER, "
        "where it is; in Python: import threefold_of_mine first)"
    ) in capsys.readouterr().err
    assert "threefold_of_mine" not in sys.modules
    assert not Path("imported").exists()


def test_modules_of_a_folder_that_the_user_names_are_imported(network, capsys):
    assert model_command([str(network), "--modules", "mine"]) == 0
    assert "layers    1 threefold_of_mine.Threefold" in capsys.readouterr().out
    # it is imported now
    assert load_network(network).activations == ("threefold_of_mine.Threefold",)


def test_mlflows_own_commands_take_the_folder_from_the_environment(network, monkeypatch):
    monkeypatch.setenv("NNRUN_MODULES", "mine")
    frame = pd.DataFrame({"x": [2.0], "y": [1.0]})
    assert _load_pyfunc(str(network)).predict(frame)["label"].tolist() == [9.0]


def test_what_a_record_needs_is_told_until_it_is_imported(network):
    metas = [
        {"sources": {"own": {"<class 'threefold_of_mine.Threefold'>": "0" * 64}}},
        {"sources": {"own": ["nothing", 3]}},
        {"sources": None},
        {},
    ]
    assert not_imported(metas) == (
        "Networks with threefold_of_mine.Threefold are left out: a record may be a stranger's, so "
        "its modules are not imported. --modules FOLDER, where they are, has them imported."
    )
    admit_modules(Path("mine"), metas)
    assert not_imported(metas) == ""


def test_only_modules_that_stand_in_the_folder_are_imported(network, capsys):
    (network.parent / "threefold_of_mine.py").write_text(OWN)
    assert model_command([str(network), "--modules", "mine"]) == 2
    assert (
        "has a module 'threefold_of_mine', and another of the name comes first"
    ) in capsys.readouterr().err
    assert model_command([str(network), "--modules", "nowhere"]) == 2
    assert capsys.readouterr().err == "error: modules=nowhere: is no folder\n"
    Path("empty").mkdir()
    assert model_command([str(network), "--modules", "empty"]) == 2
    assert "is of a module that is not imported" in capsys.readouterr().err
    assert not Path("imported").exists()
