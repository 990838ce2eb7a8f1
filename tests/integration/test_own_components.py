"""A user's own components: as good citizens as ours, and named when they are wrong."""

import re
import shutil
from pathlib import Path

import pytest

import nnrun as package
from nnrun.records.record import read_record
from tests.integration.conftest import OFF, QUICK, reads_mlflow

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_generator_and_a_feature_set_of_ones_own(nnrun):
    config = f"--config-dir={EXAMPLES / 'rings_of_mine'}"
    arguments = ["data=ripples", "features=radius,product", "data.width=0.5", "lr=1"]
    nnrun("-m", config, *arguments, "network.hidden=[4]", "budget=20000", "seeds=4", *OFF)
    (sweep,) = nnrun.outputs("sweeps")
    summary = package.load(sweep).summary
    # rings are found by their radius sooner than by x, y and x*y
    assert summary["final_test_loss_median"].is_monotonic_increasing
    assert summary["features.name"].tolist() == ["rings_of_mine.Radius", "terms"]
    assert float(summary["features.power"][0]) == 2


@reads_mlflow
def test_rules_of_ones_own_train_and_show_their_parameters(nnrun):
    config = f"--config-dir={EXAMPLES / 'my_rules'}"
    chosen = ["optimizer=heavy_ball", "schedule=halving", "loss=log_cosh", "init=signs"]
    nnrun("-m", config, *chosen, "network=cubic", "optimizer.friction=0.1,0.4", *QUICK)
    (sweep,) = nnrun.outputs("sweeps")
    record = read_record(sweep / "0" / "record.npz")
    assert record.meta["engine"] == "compiled"
    assert "friction" in (sweep / "report.html").read_text()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{nnrun.folder}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("nnrun")
    runs = client.search_runs([experiment.experiment_id], "tags.`nnrun.kind` = 'setting'")
    shown = {run.data.params["optimizer.friction"] for run in runs}
    assert shown == {"0.1", "0.4"}
    assert runs[0].data.params["optimizer.name"] == "my_rules.HeavyBall"
    assert runs[0].data.params["network.activation"] == "my_rules.Cubic(share=0.05)"


def test_the_plan_names_the_call_that_cannot_be_compiled(nnrun):
    rule = (EXAMPLES / "my_rules" / "my_rules.py").read_text()
    (nnrun.folder / "my_rules.py").write_text(
        rule.replace("return z + ", "return np.sort(z) * 0 + z + ")
    )
    done = nnrun("network.activation=my_rules.Cubic", "plan_only=true", "lr=0.1")
    slower = r"NumPy trains, which is slower: np.sort \(my_rules.py, line \d+\) \(1 setting\)"
    assert re.search(f"note: {slower}", done.stdout)


def test_a_module_beside_the_user_is_found_and_its_change_trains_anew(nnrun):
    shutil.copy(EXAMPLES / "my_rules" / "my_rules.py", nnrun.folder)
    arguments = ["+optimizer._target_=my_rules.HeavyBall", "+optimizer.friction=0.5", *QUICK, *OFF]
    arguments += ["network.activation=my_rules.Cubic"]
    nnrun(*arguments)
    assert "cache" in nnrun(*arguments).stdout
    source = nnrun.folder / "my_rules.py"
    source.write_text(source.read_text().replace("p + v", "p + 0.5 * v"))
    assert "cache" not in nnrun(*arguments).stdout
    records = [read_record(folder / "record.npz") for folder in nnrun.outputs("runs")]
    finals = [record.trials.params[0].weights for record in records]
    assert (finals[0] == finals[1]).all()
    assert (finals[0] != finals[2]).any()


WRONG = {
    "no module": ("nowhere.Thing", "", "optimizer._target_=nowhere.Thing: there is no module"),
    "no dot": ("Thing", "", "must be MODULE.CLASS"),
    "no class": ("mine.Speedy", "class Speed: ...", "no 'Speedy' in mine (did you mean 'Speed'"),
    "no subclass": ("mine.Speed", "class Speed: ...", "must be a class that subclasses Optimizer"),
    "not frozen": (
        "mine.Speed",
        "from nnrun.network.optimizers import Optimizer\nclass Speed(Optimizer): ...",
        "must be a frozen dataclass",
    ),
    "broken module": ("mine.Speed", "x = 1 / 0", "cannot be imported: ZeroDivisionError"),
    "unwritten method": (
        "mine.Speed",
        "from dataclasses import dataclass\n"
        "from nnrun.network.optimizers import Optimizer\n"
        "@dataclass(frozen=True)\nclass Speed(Optimizer):\n"
        "    slots = 1\n",
        "does not define update or step",
    ),
    "raises": (
        "mine.Speed",
        "from dataclasses import dataclass\n"
        "from nnrun.network.optimizers import Optimizer\n"
        "@dataclass(frozen=True)\nclass Speed(Optimizer):\n"
        "    def update(self, p, g, slots, rate): return p, (slots[0],)\n",
        "fails: IndexError: tuple index out of range (mine.py, line 5)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_component_is_said_by_its_name_before_training(nnrun, case):
    target, source, wanted = WRONG[case]
    (nnrun.folder / "mine.py").write_text(source)
    told = nnrun(f"+optimizer._target_={target}", *QUICK, *OFF, code=2).stderr
    assert wanted in told
    assert target in told
    assert not nnrun.outputs("runs")


def test_wrong_shapes_and_broken_generators_are_refused(nnrun):
    (nnrun.folder / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "from nnrun.network.activations import Activation\n"
        "from nnrun.problem.problem import Data\n"
        "@dataclass(frozen=True)\nclass Flat(Activation):\n"
        "    def forward(self, z): return z.sum(axis=-1)\n"
        "    def backward(self, grad, z, a): return grad\n"
        "@dataclass(frozen=True)\nclass Empty(Data):\n"
        "    def problem(self): raise RuntimeError('no samples')\n"
    )
    told = nnrun("network.activation=mine.Flat", *OFF, code=2).stderr
    assert "forward returns an array of shape (2, 4); it must have (2, 4, 3)" in told
    (nnrun.folder / "data").mkdir()
    (nnrun.folder / "data" / "empty.yaml").write_text("_target_: mine.Empty\n")
    told = nnrun("--config-dir=.", "data=empty", "features=raw", *OFF, code=2).stderr
    assert "data._target_=mine.Empty: fails: RuntimeError: no samples (mine.py, line 10)" in told
