"""What MLflow imports to load a network: ``mlflow.pyfunc.load_model`` finds it in the MLmodel."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnrun import custom
from nnrun.model import Model, load_network
from nnrun.records.networks import read_networks

if TYPE_CHECKING:
    import pandas as pd


MODULES = "NNRUN_MODULES"
"""Variable of the environment that names the folder of modules that a network needs."""


class Network:
    """A network as MLflow asks for one.

    Args:
        model: The network itself.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, frame: Any) -> "pd.DataFrame":
        """Compute the outputs and, where there are classes, the class of each row.

        Args:
            frame: Samples, as ``Model.predict`` takes them.

        Returns:
            A row a sample, with the frame's index if it has one: the columns of ``answers``, the
            outputs as ``Model.predict`` returns them, to the last bit.

        Raises:
            InputError: As from ``Model.predict`` and, where there are classes, ``Model.classify``.
        """
        import pandas as pd

        outputs, index = self.model.predict(frame), getattr(frame, "index", None)
        columns = answers(self.model)
        found = pd.DataFrame(outputs, columns=columns[: outputs.shape[1]], index=index)
        if self.model.classes:
            found[columns[-1]] = self.model.classify(frame)
        return found


def answers(model: Model) -> list[str]:
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
        custom.admit(Path(modules), read_networks(path).facts)
    return Network(load_network(Path(path)))
