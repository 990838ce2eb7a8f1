"""A network after its training, in processes of their own."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

import nnrun as package
from nnrun.problem.features import bare_problem
from nnrun.problem.planar_generators import Xor
from tests.conftest import samples_of
from tests.forked import SERVER
from tests.integration.conftest import OFF, QUICK, ended

XOR = [*QUICK, *OFF]

LOAD = """
import sys, numpy, nnrun
model = nnrun.load_network(sys.argv[1], seed=int(sys.argv[2]))
if sys.argv[3].endswith(".csv"):
    from nnrun.problem.table_file import read_file
    X = read_file(sys.argv[3]).frame
else:
    X = numpy.load(sys.argv[3])
print(model.predict(X).tobytes().hex())
"""


def predicted_elsewhere(folder, *arguments):
    """Load a network in a new process and return the bytes of what it predicts."""
    done = ended(SERVER.start(*map(str, arguments), cwd=folder, code=LOAD))
    return bytes.fromhex(done.stdout)


def test_a_trained_network_predicts_the_same_in_every_process(nnrun):
    nnrun("features=product", *XOR)
    (run,) = nnrun.outputs("runs")
    X = np.random.default_rng(0).random((50, 2))
    np.save(nnrun.folder / "x.npy", X)
    model = package.load_network(run, seed=2)
    assert (model.inputs, model.features) == (("x", "y"), ("x", "y", "x*y"))
    expected = model.predict(X)
    for path in (run, model.save(run / "net.json"), model.save(run / "net.npz")):
        first, second = (predicted_elsewhere(nnrun.folder, path, 2, "x.npy") for _ in range(2))
        assert first == second == expected.tobytes()
    # what it says of the held-out grid is what training measured
    curves = package.load(run).curves
    accuracy = curves[curves["seed"] == 2]["accuracy"].iloc[-1]
    middle = (np.arange(32) + 0.5) / 32
    grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    right = model.classify(grid) == ((grid[:, 0] < 0.5) != (grid[:, 1] < 0.5))
    assert right.mean() == accuracy


@pytest.fixture
def table(nnrun):
    rng = np.random.default_rng(1)
    size, colour = rng.normal(20, 5, 80), rng.choice(["red", "blue", "green"], 80)
    price = 3 * size + 10 * (colour == "red") + rng.normal(0, 0.1, 80)
    frame = pd.DataFrame({"size": size, "colour": colour, "price": price})
    frame.loc[[4, 7], "size"] = np.nan
    frame.to_csv(nnrun.folder / "t.csv", index=False)
    return frame


TABLE = ["data=table", "data.path=t.csv", "data.label=price", "data.missing=impute"]
LEARN = ["network.hidden=[]", "target.metric=test_loss", "target.value=0.1", "lr=0.05"]


def test_a_network_of_a_table_takes_the_table(nnrun, table):
    nnrun(*TABLE, *LEARN, "budget=6000", "seeds=2", *OFF)
    (run,) = nnrun.outputs("runs")
    model = package.load_network(run)
    expected = model.predict(table)
    known = table["size"].notna()
    # a line is learned nearly at once, and said in the unit of the column
    assert np.abs(expected[known, 0] - table["price"][known]).max() < 2
    assert predicted_elsewhere(nnrun.folder, run, 0, "t.csv") == expected.tobytes()
    saved = model.save(run / "net.json")
    (nnrun.folder / "t.csv").rename(nnrun.folder / "other.csv")
    assert predicted_elsewhere(nnrun.folder, saved, 0, "other.csv") == expected.tobytes()
    assert predicted_elsewhere(nnrun.folder, run, 0, "other.csv") == expected.tobytes()


def test_the_command(nnrun, table):
    nnrun(*TABLE, *LEARN, "budget=300", "seeds=2", *OFF)
    (run,) = nnrun.outputs("runs")

    def asked(*arguments, code=0):
        how = {"cwd": nnrun.folder, "module": "nnrun.model"}
        return ended(SERVER.start(str(run), *arguments, **how), code)

    told = asked().stdout
    assert "inputs    size, colour\n" in told
    assert "features  size, colour=blue, colour=green, colour=red\n" in told
    asked("--save", "net.json", "--predict", "t.csv", "--out", "p.csv")
    assert json.loads((nnrun.folder / "net.json").read_text())["encoder"]["label"] == "price"
    with (nnrun.folder / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == list(range(2, 82))
    found = [float(row["price"]) for row in rows]
    assert found == package.load_network(run).predict(table)[:, 0].tolist()
    assert asked("--seed", "9", code=2).stderr.startswith("error: seed=9: is not in")


def test_training_starts_from_a_saved_network(nnrun):
    nnrun("budget=2000", "seeds=2", *OFF)
    (run,) = nnrun.outputs("runs")
    nnrun(
        "init=saved", f"init.path={run}", "budget=1", "target.hold=1", "lr=1e-300", "seeds=2", *OFF
    )
    again = nnrun.outputs("runs")[-1]
    assert again != run
    for seed in (0, 1):
        old, new = (package.load_network(path, seed) for path in (run, again))
        for before, after in zip(old.weights, new.weights, strict=True):
            np.testing.assert_array_equal(before.weights, after.weights)
            np.testing.assert_array_equal(before.bias, after.bias)
    # what does not fit is said before anything trains
    done = nnrun("init=saved", f"init.path={run}", "network.hidden=[3]", *XOR, code=2)
    assert "holds a network of layers 3 x 2, 2 x 1, 1 x 1, and this one has" in done.stderr
    done = nnrun("init=saved", "init.path=nowhere", *XOR, code=2)
    assert "init.path=nowhere: is not there" in done.stderr
    assert len(nnrun.outputs("runs")) == 2


def test_a_trained_network_goes_on_learning_as_the_run_does(nnrun):
    plain = ["features=product", "optimizer=adam", "batch_size=4", "keep_state=true", *OFF]
    nnrun("budget=400", "seeds=2", *plain)
    (run,) = nnrun.outputs("runs")
    nnrun("budget=800", "seeds=2", f"continue_from={run}", *plain)
    longer = package.load_network(nnrun.outputs("runs")[-1], seed=1)
    inputs, targets = samples_of(bare_problem(Xor()), 1, 800)
    # by hand from the first sample on, and from where the run ended, for which x*y is computed
    names = ["x", "y", "x*y"]
    by_hand = package.NeuralNetwork(
        names, [2, 1], 1, longer.config["lr"], optimizer="adam", batch_size=4, seed=1
    )
    by_hand.learn(np.column_stack([inputs, inputs.prod(axis=1)]), targets)
    network = package.load_network(run, seed=1)
    network.learn(inputs[400:], targets[400:])
    for other in (by_hand, network):
        assert other.samples == longer.samples == 800
        for ours, theirs in zip(other.weights, longer.weights, strict=True):
            np.testing.assert_array_equal(ours.weights, theirs.weights)
            np.testing.assert_array_equal(ours.bias, theirs.bias)


def test_a_sweep_lists_its_jobs(nnrun):
    nnrun("-m", "lr=0.1,0.3", "budget=50", "seeds=2", *OFF)
    (sweep,) = nnrun.outputs("sweeps")
    with pytest.raises(package.InputError, match=r"holds 2 jobs .*: 0 lr=0.1; 1 lr=0.3"):
        package.load_network(sweep)
    assert package.load_network(sweep / "1", seed=1).config["lr"] == 0.3
