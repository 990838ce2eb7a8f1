"""Networks as MLflow models: loaded, served and registered by MLflow, in processes of its own."""

import copy
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnrun.errors import InputError
from nnrun.model import NeuralNetwork, load_network
from nnrun.model.learning import State
from nnrun.tracking.entities import Version
from nnrun.tracking.errors import TrackingError
from nnrun.tracking.pyfunc import (
    Network,
    answers,
    example_rows,
    register,
    registered,
    write_model,
)
from tests.forked import SERVER
from tests.integration.conftest import OFF, QUICK, CommandLine, ended, reads_mlflow
from tests.integration.test_tracking import clear_environment

pytestmark = reads_mlflow

LOAD = """
import os, sys, mlflow, numpy, pandas
mlflow.set_tracking_uri(sys.argv[1])
samples = pandas.read_pickle("x.pkl")
for number, address in enumerate(sys.argv[2:]):
    model = mlflow.pyfunc.load_model(address)
    model.predict(samples).to_pickle(f"found{number}.pkl")
    example = model.predict(model.input_example)
    assert len(example) == len(model.input_example), example
"""

TABLE = [
    "data=table",
    "data.path=t.csv",
    "data.missing=impute",
    "network.hidden=[2]",
    "data.categorical=[floor]",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a network of each task, once for all tests."""
    folder = tmp_path_factory.mktemp("networks")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 80),
            "size": rng.normal(20, 5, 80),
            "floor": rng.integers(0, 3, 80),
            "lift": rng.random(80) < 0.5,
            "colour": rng.choice(["red", "blue", "green"], 80),
        }
    )
    frame["price"] = 3 * frame["size"] + 10 * (frame["colour"] == "red") + rng.normal(0, 0.1, 80)
    frame["sold"] = rng.choice(["yes", "no"], 80)
    frame.loc[[4, 7], ["size", "colour"]] = np.nan
    frame.to_csv(folder / "t.csv", index=False)
    nnrun = CommandLine(folder)
    for name, *arguments in (
        ("xor", "features=product"),
        ("price", *TABLE, "data.label=price", "target.metric=test_loss", "target.value=0.1"),
        ("sold", *TABLE, "data.label=sold", "data.drop=[price]"),
        ("iris", "data=iris"),
    ):
        nnrun(*arguments, *QUICK, *OFF, f"hydra.run.dir=outputs/{name}")
    return folder


def network(home: Path, name: str) -> NeuralNetwork:
    return load_network(home / "outputs" / name, seed=1)


def samples(home: Path, name: str) -> pd.DataFrame:
    """Return rows as a user has them: whole numbers, truth values, gaps, more columns."""
    rng = np.random.default_rng(2)
    if name == "xor":
        return pd.DataFrame(rng.random((50, 2)), columns=["x", "y"], index=range(7, 57))
    if name == "iris":
        inputs = network(home, name).inputs
        return pd.DataFrame(rng.uniform(1, 6, (30, len(inputs))), columns=list(inputs))
    return pd.read_csv(home / "t.csv").iloc[::-1]


def elsewhere(code: str, folder: Path, *arguments: str) -> None:
    """Run code in a new process that finds nnrun where this one does."""
    ended(SERVER.start(*arguments, cwd=folder, code=code, env=environment()))


def environment() -> dict[str, str]:
    commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return clear_environment() | {"PATH": commands, "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.mark.parametrize("name", ["xor", "price", "sold", "iris"])
def test_a_loaded_model_predicts_what_the_network_does(
    home: Path, tmp_path: Path, name: str
) -> None:
    model, frame = network(home, name), samples(home, name)
    folder = write_model(model, tmp_path / "model")
    frame.to_pickle(tmp_path / "x.pkl")
    elsewhere(LOAD, tmp_path, "sqlite:///none.db", str(folder))
    found = pd.read_pickle(tmp_path / "found0.pkl")
    assert found[list(model.outputs)].to_numpy().tobytes() == model.predict(frame).tobytes()
    if not version("mlflow").startswith(("3.13", "3.14", "3.15", "3.16")):  # rows numbered anew
        assert found.index.equals(frame.index)
    if name == "price":
        assert list(found.columns) == ["price"]
        return
    assert list(found.columns) == [*model.outputs, "class"]
    assert found["class"].tolist() == model.classify(frame).tolist()


def test_the_folder_says_what_it_is(home: Path, tmp_path: Path) -> None:
    import mlflow.models

    model = network(home, "sold")
    rows = pd.read_csv(home / "t.csv").iloc[3:9]
    folder = write_model(model, tmp_path / "model", rows)
    about = mlflow.models.get_model_info(str(folder))
    assert about.signature.inputs.input_names() == ["age", "size", "floor", "lift", "colour"]
    assert [str(c.type) for c in about.signature.outputs] == ["DataType.double", "DataType.string"]
    assert about.metadata == {"nnrun.setting": model.setting, "nnrun.seed": 1}
    example = json.loads((folder / "input_example.json").read_text(encoding="utf-8"))
    assert example["columns"] == list(model.inputs)
    assert example["data"][0] == rows[list(model.inputs)].iloc[0].tolist()
    assert example["data"][1][1] is None  # a gap of the table
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").split()
    assert [line.partition(">=")[0] for line in lines] == ["nnrun", "numpy"]
    xor = mlflow.models.get_model_info(str(write_model(network(home, "xor"), tmp_path / "xor")))
    assert [str(c.type) for c in xor.signature.outputs] == ["DataType.double", "DataType.long"]


def test_an_output_that_is_called_class_keeps_its_name(home: Path) -> None:
    model = network(home, "sold")
    assert answers(model) == ["yes", "class"]

    renamed = copy.copy(model)
    renamed.outputs = ("class",)
    assert answers(renamed) == ["class", "class_"]
    rows = pd.DataFrame(**example_rows(model))
    found = Network(renamed).predict(rows)
    assert found["class"].tolist() == model.predict(rows)[:, 0].tolist()
    assert set(found["class_"]) <= {"yes", "no"}


def test_what_is_refused_is_told_in_the_words_that_mlflow_passes_on(home: Path) -> None:
    from mlflow.exceptions import MlflowException

    row = samples(home, "sold").head(1).assign(colour="Red")
    told = re.escape(
        "was not among its values in training (did you mean 'red'? known: blue, green, red)"
    )
    with pytest.raises(MlflowException, match=told) as caught:
        Network(network(home, "sold")).predict(row)
    assert caught.value.get_http_status_code() == 400


def test_made_up_samples_are_those_of_the_training_data(home: Path) -> None:
    table = pd.read_csv(home / "t.csv")
    rows = pd.DataFrame(**example_rows(network(home, "price")))
    assert set(rows["colour"]) == {"blue", "red"}
    assert set(rows["floor"]) == {"0", "2"}
    assert rows["age"].between(table["age"].min(), table["age"].max()).all()
    assert example_rows(network(home, "xor"))["data"] == [[0.25, 0.75], [0.75, 0.25]]


def test_a_network_that_diverged_is_refused(home: Path, tmp_path: Path) -> None:

    model = network(home, "xor")
    broken = tuple(layer._replace(bias=layer.bias * np.nan) for layer in model.first)
    model._begin("diverged", 1, State(broken))
    with pytest.raises(InputError, match="not finite: its training diverged"):
        write_model(model, tmp_path / "model")


@pytest.mark.slow
def test_a_served_model_answers_requests(home: Path, tmp_path: Path) -> None:
    model = network(home, "sold")
    folder = write_model(model, tmp_path / "model", samples(home, "sold"))
    body = (folder / "serving_input_example.json").read_bytes()
    command = ["models", "serve", "--env-manager", "local", "-m", str(folder), "--workers", "1"]
    with served(command, tmp_path, "/ping") as uri:
        code, told = post(f"{uri}/invocations", body)
        assert code == 200, told
        found = pd.DataFrame(told["predictions"])
        assert found["yes"].tolist() == model.predict(samples(home, "sold").head(3))[:, 0].tolist()
        code, told = post(f"{uri}/invocations", b'{"dataframe_records": [{"age": 30}]}')
        assert code == 400
        assert "size" in str(told)
        row = samples(home, "sold").head(1).assign(colour="Red").to_dict("records")
        code, told = post(f"{uri}/invocations", json.dumps({"dataframe_records": row}).encode())
        assert code == 400
        assert "did you mean 'red'? known: blue, green, red" in str(told["message"])


REGISTRY = ["sqlite", pytest.param("server", marks=pytest.mark.slow)]


@pytest.mark.parametrize("kind", REGISTRY)
def test_a_model_is_registered_and_loaded_by_name(home: Path, tmp_path: Path, kind: str) -> None:
    if kind == "sqlite":
        _register_and_load(home, tmp_path, f"sqlite:///{tmp_path / 'm.db'}")
        return
    command = ["server", "--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path / 's.db'}"]
    with served(command, tmp_path, "/health") as uri:
        _register_and_load(home, tmp_path, uri)


def _register_and_load(home: Path, folder: Path, uri: str) -> None:
    from mlflow import MlflowClient

    client, model, frame = MlflowClient(uri), network(home, "xor"), samples(home, "xor")
    place = (folder / "files").as_uri() if uri.startswith("sqlite") else None
    experiment = client.create_experiment("xor", place)
    write_model(model, folder / "model")
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for run in runs:
        client.log_artifacts(run, str(folder / "model"), "model")
    version = Version("**Chosen**", {"nnrun.sweep": "s", "nnrun.setting": "a1", "nnrun.seed": "1"})
    sources = [f"{client.get_run(run).info.artifact_uri}/model" for run in runs]
    assert registered(client, "an xor", runs[0], 1) == ""
    assert register(client, "an xor", runs[0], sources[0], version) == "1"
    assert registered(client, "an xor", runs[0], 1) == "1"
    assert registered(client, "an xor", runs[0], 2) == registered(client, "b", runs[0], 1) == ""
    assert register(client, "an xor", runs[1], sources[1], version) == "2"
    assert register(client, "another", runs[0], sources[0], version) == "1"
    assert client.get_model_version("an xor", "1").tags == version.tags
    assert client.get_model_version("an xor", "1").description == "**Chosen**"
    assert client.get_model_version("an xor", "2").run_id == runs[1]
    frame.to_pickle(folder / "x.pkl")
    addresses = [f"runs:/{runs[0]}/model", "models:/an xor/1", "models:/an xor/latest"]
    elsewhere(LOAD, folder, uri, *addresses)
    for number in range(len(addresses)):
        found = pd.read_pickle(folder / f"found{number}.pkl")
        assert found[list(model.outputs)].to_numpy().tobytes() == model.predict(frame).tobytes()
    with pytest.raises(TrackingError, match="refused to register the model 'a/b'") as caught:
        register(client, "a/b", runs[0], sources[0], version)
    assert not caught.value.lasting


@contextmanager
def served(arguments: list[str], folder: Path, path: str) -> Iterator[str]:
    """Run an MLflow server in a process group of its own, until it has answered and after."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *arguments, *place],
            cwd=folder,
            env=environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{uri}{path}", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.1)
        yield uri
    finally:
        with suppress(ProcessLookupError):  # the log says why it ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def post(address: str, body: bytes) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
