"""Networks as MLflow models: a folder that ``mlflow.pyfunc`` loads, and the model registry.

The folder is written here rather than by ``mlflow.pyfunc.save_model``, which takes several times
as long, and half a second the first time. It holds

- ``MLmodel``: what to load with what (this module's ``_load_pyfunc``), the signature, and the
  network's setting and seed;
- ``network.json``: the network, as ``NeuralNetwork.save`` writes it;
- ``input_example.json`` and ``serving_input_example.json``: some samples, the latter as the body
  of a request;
- ``requirements.txt`` and ``python_env.yaml``: what it takes to load it.
"""

import json
import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nnrun import custom
from nnrun.errors import InputError
from nnrun.model import NeuralNetwork, load_network
from nnrun.records.networks import read_networks
from nnrun.tracking.entities import Version
from nnrun.tracking.errors import patiently, refusal

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

MODULES = "NNRUN_MODULES"
"""Variable of the environment that names the folder of modules that a network needs."""


FOLDER = "model"
"""Where a run has its model among its artifacts: ``runs:/RUN/model``."""

LOADER = "nnrun.tracking.pyfunc"
"""This module, by the name that stands in the MLmodel."""
NETWORK, EXAMPLE, REQUEST = "network.json", "input_example.json", "serving_input_example.json"
REQUIREMENTS, ENVIRONMENT = "requirements.txt", "python_env.yaml"
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one that is compiled is six times as fast."""

LINES = 3
"""Samples in an example."""


class Network:
    """A network as MLflow asks for one.

    Args:
        model: The network itself.
    """

    def __init__(self, model: NeuralNetwork) -> None:
        self.model = model

    def predict(self, frame: Any) -> "pd.DataFrame":
        """Compute the outputs and, where there are classes, the class of each row.

        Args:
            frame: Samples, as ``NeuralNetwork.predict`` takes them.

        Returns:
            A row a sample, with the frame's index if it has one: the columns of ``answers``, the
            outputs as ``NeuralNetwork.predict`` returns them, to the last bit.

        Raises:
            MlflowException: Where ``predict`` or ``classify`` of the network refuse the samples, in
                their words: MLflow's server passes on no others.
        """
        import pandas as pd
        from mlflow.exceptions import MlflowException

        try:
            outputs, index = self.model.predict(frame), getattr(frame, "index", None)
            columns = answers(self.model)
            found = pd.DataFrame(outputs, columns=columns[: outputs.shape[1]], index=index)
            if self.model.classes:
                found[columns[-1]] = self.model.classify(frame)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return found


def answers(model: NeuralNetwork) -> list[str]:
    """Name the columns of a prediction: the outputs, and ``class`` unless it is a regression.

    An output that is called ``class`` itself keeps its name; the class is then ``class_``.
    """
    names = list(model.outputs)
    if not model.classes:
        return names
    name = "class"
    while name in names:
        name += "_"
    return [*names, name]


def _load_pyfunc(path: str) -> Network:
    """Load the network at a model's data path; MLflow asks for this very name.

    Its command has no option for the folder of a user's own modules: the environment names it.
    """
    modules = os.environ.get(MODULES)
    if modules:
        custom.admit(Path(modules), read_networks(path).meta)
    return Network(load_network(Path(path)))


def write_model(model: NeuralNetwork, folder: Path, example: "pd.DataFrame | None" = None) -> Path:
    """Write a network as an MLflow model.

    Args:
        model: The network; finite.
        folder: Where to; it is made, and is best called ``FOLDER``.
        example: Samples, of which the first are kept; None to make some up.

    Returns:
        The folder.

    Raises:
        InputError: If the network is not finite.
    """
    import mlflow.models
    import mlflow.pyfunc

    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / NETWORK)
    rows = example_rows(model) if example is None else _split(example[list(model.inputs)])
    (folder / EXAMPLE).write_text(json.dumps(rows), encoding="utf-8")
    (folder / REQUEST).write_text(json.dumps({"dataframe_split": rows}), encoding="utf-8")
    (folder / REQUIREMENTS).write_text(_requirements(), encoding="utf-8")
    (folder / ENVIRONMENT).write_text(_environment(), encoding="utf-8")
    about = mlflow.models.Model(
        signature=_signature(model),
        saved_input_example_info={
            "artifact_path": EXAMPLE,
            "serving_input_path": REQUEST,
            "type": "dataframe",
            "pandas_orient": "split",
        },
        metadata={"nnrun.setting": model.setting, "nnrun.seed": model.seed},
    )
    mlflow.pyfunc.add_to_model(about, LOADER, data=NETWORK, python_env=ENVIRONMENT)
    text = yaml.dump(about.to_dict(), Dumper=DUMPER)
    (folder / "MLmodel").write_text(text, encoding="utf-8")
    return folder


def example_rows(model: NeuralNetwork) -> dict[str, Any]:
    """Make up two samples that a network takes: ``columns`` and ``data``, row by row.

    Of a table's numbers they hold the mean in training, and a standard deviation more; of its
    categories the first and the last. Other inputs are 0.25 and 0.75, in turn.
    """
    if model.encoder is None:
        turns = [(0.25, 0.75), (0.75, 0.25)]
        columns: dict[str, Any] = {name: turns[i % 2] for i, name in enumerate(model.inputs)}
    else:
        columns = {
            c.name: (c.values[0], c.values[-1]) if c.values else (c.mean, c.mean + c.spread)
            for c in model.encoder.columns
        }
    return {
        "columns": list(columns),
        "data": [list(row) for row in zip(*columns.values(), strict=True)],
    }


def registered(client: "MlflowClient", name: str, run: str, seed: int) -> str:
    """Find the version of a name that is a run's network of a seed; empty if there is none."""
    found = patiently(lambda: client.search_model_versions(f"run_id = '{run}'"))
    mine = [v for v in found if v.name == name and v.tags.get("nnrun.seed") == str(seed)]
    return str(mine[0].version) if mine else ""


def register(client: "MlflowClient", name: str, run: str, source: str, version: Version) -> str:
    """Register a model that is among a run's files.

    Args:
        client: Of the store that has the run.
        name: In the model registry; it is made if it is new.
        run: The run's id.
        source: The URI of the model's folder.
        version: What is said of it.

    Returns:
        The version, for ``models:/NAME/VERSION``.

    Raises:
        TrackingError: If the store does not do it.
    """
    try:
        _require_name(client, name)
        told, tags = version.description, dict(version.tags)
        made = client.create_model_version(name, source, run, tags=tags, description=told)
        return str(made.version)
    except Exception as error:
        raise refusal(f"to register the model '{name}'", error) from error


def _require_name(client: "MlflowClient", name: str) -> None:
    """Make a registered model unless it is there; another process may do so meanwhile."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _signature(model: NeuralNetwork) -> "ModelSignature":
    """Say what the network takes and answers.

    MLflow refuses whole numbers where a signature says ``double``. In a table a column of numbers
    may well hold them, or true and false, or nothing, and one of categories numbers or text: any
    type passes to the network's own checks.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    anything: Any = AnyType  # MLflow leaves it without types
    kind = DataType.double if model.encoder is None else anything()
    kinds = [DataType.double] * len(model.outputs)
    if model.classes:
        kinds.append(DataType.long if isinstance(model.classes[0], int) else DataType.string)
    columns = zip(kinds, answers(model), strict=True)
    return ModelSignature(
        Schema([ColSpec(kind, name) for name in model.inputs]),
        Schema([ColSpec(kind, name) for kind, name in columns]),
    )


def _split(frame: "pd.DataFrame") -> dict[str, Any]:
    """Write the first rows as values for JSON, a missing one as null."""
    first = frame.head(LINES).astype(object)
    cells = first.where(first.notna(), None).to_numpy().tolist()
    return {"columns": list(frame.columns), "data": cells}


@cache
def _requirements() -> str:
    return f"nnrun>={version('nnrun')}\nnumpy>={version('numpy')}\n"


def _environment() -> str:
    python = platform.python_version()
    return f"python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r {REQUIREMENTS}\n"
