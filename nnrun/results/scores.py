"""What final networks are worth besides loss and accuracy: ROC AUC, F1, and their size."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnrun.errors import InputError, Issue
from nnrun.model.load import setting_of
from nnrun.network.mlp import Params, count_parameters, fans, forward, taken
from nnrun.problem.problem import Task
from nnrun.records.record import read_record
from nnrun.training.engine import EVALUATION_FLOATS

Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """What the final networks of a setting are worth on its held-out points.

    Attributes:
        parameters: Weights and biases that were trained.
        auc: Area under the ROC curve, shape (seed,); empty unless the task has two classes. 0
            after divergence.
        f1: F1 of class 1, likewise.
    """

    parameters: int
    auc: Floats
    f1: Floats


def score_settings(
    records: Mapping[str, Sequence[Path]],
    settings: Iterable[str],
    seeds: Mapping[str, Sequence[int]],
) -> tuple[dict[str, Scores], list[str]]:
    """Score the final networks of some settings from their records.

    Args:
        records: Paths of the records of each setting, by its id.
        settings: Ids.
        seeds: Of the trained trials of each setting.

    Returns:
        Scores by id, and ids of those whose networks cannot be had, for whatever reason: data that
        changed, modules that were not imported.
    """
    found, without = {}, []
    for key in settings:
        try:
            found[key] = _of_setting(records.get(key, ()), seeds[key])
        except Exception:  # a stranger's components may raise anything
            without.append(key)
    return found, without


def _of_setting(paths: Sequence[Path], seeds: Sequence[int]) -> Scores:
    wanted, scored, parameters = set(seeds), dict[int, tuple[float, float]](), 0
    for path in paths:
        record = read_record(path, "networks")
        here = [i for i, s in enumerate(record.seeds.tolist()) if s in wanted and s not in scored]
        if record.meta["error"] or not here:
            continue
        setting = setting_of(record.meta)
        net, problem, n_inputs = setting.network, setting.problem, len(setting.problem.inputs)
        params = taken(record.trials.params, np.array(here, dtype=np.intp))
        shapes = tuple(layer.weights.shape[1:] for layer in params)
        if shapes != fans(n_inputs, setting.sizes, net.shortcut):  # a table may have changed since
            raise InputError(Issue("record", path, "has a network of another size"))
        parameters = count_parameters(n_inputs, setting.sizes, net.shortcut, net.bias)
        if problem.task is not Task.BINARY:
            return Scores(parameters, np.empty(0), np.empty(0))
        truth = problem.held_out.targets[:, 0] >= 0.5
        piece = max(1, EVALUATION_FLOATS // (len(truth) * max(setting.sizes)))
        for start in range(0, len(here), piece):
            some: Params = taken(params, slice(start, start + piece))
            with np.errstate(all="ignore"):
                outputs = forward(some, problem.held_out.inputs[None], setting.architecture).outputs
            pairs = zip(here[start : start + piece], outputs[..., 0], strict=True)
            for i, given in pairs:
                seed = int(record.seeds[i])
                scored[seed] = roc_auc(given, truth), f1(given >= setting.loss.boundary, truth)
    if wanted - scored.keys():
        raise InputError(Issue("seed", len(wanted - scored.keys()), "have no network"))
    auc, of_class_1 = np.array([scored[seed] for seed in sorted(wanted)]).T
    return Scores(parameters, auc, of_class_1)


def roc_auc(outputs: Floats, truth: NDArray[np.bool_]) -> float:
    """Compute the area under the ROC curve, ties counting one half.

    Args:
        outputs: Shape (n,); one that is no number makes the area 0.
        truth: Which are of class 1, same shape.

    Returns:
        The area; NaN where one class has no point.

    Example:
        >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
        0.75

    References:
        J. A. Hanley, B. J. McNeil: The meaning and use of the area under a ROC curve, 1982,
        doi:10.1148/radiology.143.1.7063747.
    """
    positive = int(truth.sum())
    pairs = positive * (len(truth) - positive)
    if not pairs:
        return float("nan")
    if not np.isfinite(outputs).all():
        return 0.0
    _, place, counts = np.unique(outputs, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[place][truth].sum() - positive * (positive + 1) / 2) / pairs)


def f1(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Compute F1 of class 1: 0 where none of it is found, NaN where there is none and none is said.

    Example:
        >>> f1(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    both = int(said.sum()) + int(truth.sum())
    return float(2 * (said & truth).sum() / both) if both else float("nan")
