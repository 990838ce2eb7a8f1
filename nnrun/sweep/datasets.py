"""What a setting learns from and is tested on, as plain values that identify it."""

import hashlib
import json
from typing import Any

import numpy as np

from nnrun.config import Setting
from nnrun.problem.problem import Samples

DIGITS = 16


def data_facts(setting: Setting) -> dict[str, Any]:
    """Say what data a setting uses.

    Returns:
        ``inputs`` and ``outputs`` (column names), ``source`` (the keys of the configuration that
        the data follow from), and of ``training`` and ``test`` the ``samples`` (None for an endless
        stream) and a ``digest``. Fixed data go by their numbers, whatever file they came from; what
        each trial draws for itself goes by the configuration, and a user's own code by its source.
        Of a table, ``about`` says in lines what was understood of it.
    """
    problem = setting.problem
    source = {k: v for k, v in setting.flat.items() if k.startswith(("data.", "features."))}
    if problem.pool is not None:
        training = {"digest": _digest(problem.pool), "samples": len(problem.pool.inputs)}
    else:
        drawn = json.dumps([source, setting.sources, problem.n_train], sort_keys=True)
        digest = hashlib.sha256(drawn.encode()).hexdigest()[:DIGITS]
        training = {"digest": digest, "samples": problem.n_train}
    test = {"digest": _digest(problem.held_out), "samples": len(problem.held_out.inputs)}
    about = {"about": list(problem.about)} if problem.about else {}
    return {
        **about,
        "inputs": list(problem.inputs),
        "outputs": list(problem.outputs),
        "source": source,
        "training": training,
        "test": test,
    }


def _digest(samples: Samples) -> str:
    found = hashlib.sha256()
    for array in samples:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array, dtype=np.float64).data)
    return found.hexdigest()[:DIGITS]
