"""Networks as files: npz for NumPy, JSON for any language, CSV for a spreadsheet.

The JSON file is an object of the keys below; its numbers have the digits that bring back the very
float64. An npz file has this object, without ``seed``, ``memory`` and ``layers``, as UTF-8 text in
the array ``meta``, beside ``seeds`` of shape (1,), -1 if unknown, and for each layer i, from 0,
``params/i/weights`` of shape (1, fan_in, fan_out) and ``params/i/bias`` of shape (1, 1, fan_out).
Nothing is pickled.

- ``format``: "nnrun.network"; ``version``: 1.
- ``task``: "binary", "multiclass" or "regression".
- ``inputs``: names of a sample's values.
- ``encoder``: null, or how a table's columns become numbers. ``columns`` has, in the order of
  ``inputs``, for each its ``name``; ``values``, if not empty its categories, each of which becomes
  an input that is 1 for it and else 0; ``mean`` and ``spread``, by which others become
  (value - mean) / spread, true being 1 and false 0; ``fill``, what stands for a missing value,
  null if none may be missing; and ``yes_no``, whether it holds true or false. ``rules`` say how
  text is read: ``missing_words`` mean 'missing', ``decimal`` is "point" or "comma".
  ``label`` is the column that was learned; ``classes`` its classes;
  without classes, the label is output * ``spread`` + ``mean``.
- ``features``: how the network's inputs come from these. ``entry`` is the set of features with its
  fields, ``inputs`` the names of what it gets, ``names`` those of what it makes, for instance
  "x*y"; unless they are null, ``shift`` is then subtracted and ``scale`` divides.
- ``sizes``: units of each layer, the network's inputs first.
- ``activations``: one a layer: its ``name`` and fields, or ``_target_`` for a user's own class.
- ``shortcut``: whether every layer gets the network's inputs, too, behind the layer below.
- ``bias``: whether biases were trained; else they are 0.
- ``outputs``: their names. A single output at or above ``boundary`` says the second class, among
  several the largest says which.
- ``layers``: for each its ``weights``, a list of fan_in rows of fan_out numbers, and its ``bias``,
  fan_out numbers. A layer computes activation(x · weights + bias).
- ``seed``, ``setting``, ``config``, ``samples``: where it comes from; null where unknown.
- ``steps``, ``memory``, ``engine``: where its learning stands, if the file was written after some:
  steps taken, and the optimizer's state as that engine of nnrun's writes it, a list of arrays. An
  npz file has the latter as ``memory/i``, with an axis of length 1 before the others.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.errors import InputError, Issue
from nnrun.layout import write_atomically
from nnrun.model.load import facts_of
from nnrun.model.neural_network import NeuralNetwork
from nnrun.records.networks import FORMAT, VERSION
from nnrun.text import cell


def save(model: NeuralNetwork, path: Path) -> Path:
    """Write a network.

    Args:
        model: The network.
        path: A .npz or .json file; it is replaced if it is there. JSON has no numbers that are not
            finite, so a network that diverged needs npz.

    Returns:
        The path.

    Raises:
        InputError: If it has another ending, or there is no such place.
        OSError: If the system does not take it: nothing of it is left.
    """
    writers = {".npz": _npz, ".json": _json}
    ending = path.suffix.lower()
    if ending not in writers:
        rule = f"has the unknown ending '{path.suffix}'"
        raise InputError(Issue("path", path, rule, "known: .npz, .json; to_csv writes .csv"))
    return _written(path, writers[ending](model, path))


def save_csv(model: NeuralNetwork, path: Path) -> Path:
    """Write a table of the weights: layer (from 1), from, to, weight.

    Network inputs and outputs go by their names, other units are ``unit1``, ``unit2`` and so on of
    their layer. A unit's bias comes from ``bias``, after all its other rows.

    Returns:
        The path.

    Raises:
        InputError: If there is no such place.
        OSError: If the system does not take it: nothing of it is left.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["layer", "from", "to", "weight"])
    table.writerows(map(cell, row) for row in _weights(model))
    return _written(path, text.getvalue().encode())


def _weights(model: NeuralNetwork) -> Iterator[tuple[int, str, str, str]]:
    below, last = list(model.features), len(model.weights)
    for number, (weights, bias) in enumerate(model.weights, 1):
        units = [f"unit{i}" for i in range(1, len(bias) + 1)]
        units = list(model.outputs) if number == last else units
        for unit, column, offset in zip(units, weights.T, bias, strict=True):
            for name, weight in zip(below, column, strict=True):
                yield number, name, unit, repr(float(weight))
            if model.architecture.bias:
                yield number, "bias", unit, repr(float(offset))
        below = [*units, *(model.features if model.architecture.shortcut else ())]


def _facts(model: NeuralNetwork) -> dict[str, Any]:
    about = facts_of(
        model.task,
        model.encoder,
        model.input_map,
        model.architecture,
        model.sizes,
        model.outputs,
        model.boundary,
    )
    origin = {"setting": model.setting, "config": dict(model.config), "samples": model.samples}
    engine, progress = model.progress.engine, model.progress
    learning = {"engine": engine, "steps": progress.state.steps} if engine else {}
    return {"format": FORMAT, "version": VERSION, **about, **origin, **learning}


def _json(model: NeuralNetwork, path: Path) -> bytes:
    whole = {**_facts(model), "seed": model.seed}
    whole["layers"] = [{"weights": w.tolist(), "bias": b.tolist()} for w, b in model.weights]
    if model.progress.engine:
        whole["memory"] = [part[0].tolist() for part in model.progress.state.memory]
    try:
        text = json.dumps(whole, allow_nan=False)
    except ValueError:
        rule = "cannot hold a network that is not finite: its training diverged"
        raise InputError(Issue("path", path, rule, "save it as .npz")) from None
    return text.encode() + b"\n"


def _npz(model: NeuralNetwork, path: Path) -> bytes:
    arrays: dict[str, Any] = {"seeds": np.array([-1 if model.seed is None else model.seed])}
    for i, (weights, bias) in enumerate(model.weights):
        arrays |= {f"params/{i}/weights": weights[None], f"params/{i}/bias": bias[None, None]}
    if model.progress.engine:
        arrays |= {f"memory/{i}": part for i, part in enumerate(model.progress.state.memory)}
    arrays["meta"] = np.frombuffer(json.dumps(_facts(model)).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _written(path: Path, content: bytes) -> Path:
    try:
        write_atomically(path.expanduser(), lambda file: file.write(content))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        rule = f"cannot be written: {error.strerror}"
        raise InputError(Issue("path", path, rule)) from None
    return path
