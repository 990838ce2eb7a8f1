"""Does this change make a small neural network converge sooner?

On the command line: ``python -m nnrun --help``. In Python:

    >>> import nnrun
    >>> results = nnrun.sweep({"lr": [0.01, 0.03, 0.1]}, seeds=30)  # doctest: +SKIP
    >>> results = nnrun.run(lr=0.1, features="product")  # doctest: +SKIP
    >>> results = nnrun.load("outputs/sweeps/DATE_TIME")  # doctest: +SKIP
    >>> results.summary  # doctest: +SKIP
    >>> nnrun.load("mlflow:nnrun").summary  # the newest sweep of an experiment  # doctest: +SKIP
    >>> nnrun.make_report("outputs/sweeps/DATE_TIME", target="accuracy:0.9")  # doctest: +SKIP
    >>> model = nnrun.load_network("outputs/runs/DATE_TIME")  # doctest: +SKIP
    >>> model.predict([[0.2, 0.9]])  # doctest: +SKIP
    >>> network = nnrun.NeuralNetwork(3, [2, 1], 1, 0.03)  # to feed by hand  # doctest: +SKIP
"""

from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnrun.interrupt import heed_from_the_start

if TYPE_CHECKING:
    from nnrun.errors import InputError
    from nnrun.hydra_ext.python import plan, run, sweep
    from nnrun.judging.judge import judge
    from nnrun.launch.finish import make_report
    from nnrun.model import NeuralNetwork, load_network
    from nnrun.results.results import Results
    from nnrun.tracking.read import load

heed_from_the_start()  # first of all: an import takes a second

__all__ = [
    "InputError",
    "NeuralNetwork",
    "Results",
    "judge",
    "load",
    "load_network",
    "make_report",
    "plan",
    "plot",
    "run",
    "sklearn",
    "sweep",
]

IMPORTED_AT = perf_counter()
"""Seconds on ``time.perf_counter``: where the stages of a sweep are counted from."""

_HOMES = {
    "InputError": "nnrun.errors",
    "NeuralNetwork": "nnrun.model",
    "Results": "nnrun.results.results",
    "judge": "nnrun.judging.judge",
    "load": "nnrun.tracking.read",
    "load_network": "nnrun.model",
    "make_report": "nnrun.launch.finish",
    "plan": "nnrun.hydra_ext.python",
    "run": "nnrun.hydra_ext.python",
    "sweep": "nnrun.hydra_ext.python",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``--help`` pays for none."""
    if name in ("plot", "sklearn"):
        return import_module(f"nnrun.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nnrun' has no attribute '{name}'")


def __dir__() -> list[str]:
    """List the public names, whether they were imported yet or not."""
    return list(__all__)
