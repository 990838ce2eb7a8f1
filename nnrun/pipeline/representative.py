"""The trial that stands for a setting, and its network."""

from collections.abc import Sequence
from math import inf, isnan
from typing import Literal, NamedTuple

import numpy as np

from nnrun.model import Model
from nnrun.model.load import chosen
from nnrun.records.networks import networks_of
from nnrun.records.record import Record
from nnrun.records.trials import Status

Which = Literal["median", "best"]


class Representative(NamedTuple):
    """A trial among the records of its setting.

    Attributes:
        record: That it is in.
        place: Its index there.
        seed: Of the trial.
    """

    record: Record
    place: int
    seed: int


def representative(records: Sequence[Record], which: Which = "median") -> Representative | None:
    """Choose the trial that stands for a setting.

    Trials are ordered by time to target, which is infinite for those that did not reach it; equal
    times by the last test loss, infinite after divergence; then by seed. The median is the lower
    of two: the trial that the report draws.

    Args:
        records: Of one setting. Of a seed in several records the first counts that was trained.
        which: ``median``, or ``best`` for the first.

    Returns:
        The trial; None if none was trained, or the network of the chosen one is not finite.
    """
    ranked = sorted(_trained(records), key=_rank)
    if not ranked:
        return None
    found = ranked[0 if which == "best" else (len(ranked) - 1) // 2]
    layers = found.record.trials.params
    finite = all(np.isfinite(part[found.place]).all() for layer in layers for part in layer)
    return found if finite else None


def network_of(trial: Representative) -> Model:
    """Make the network of a trial, as ``nnrun.load_network`` reads it from the record's file.

    Raises:
        InputError: If the record does not say enough about it.
    """
    return chosen(networks_of(trial.record), trial.seed)


def _trained(records: Sequence[Record]) -> list[Representative]:
    """List the trials that were trained, each seed once."""
    trials: dict[int, Representative] = {}
    for record in records:
        for place, seed in enumerate(record.seeds.tolist()):
            if record.outcomes.status[place] != Status.FAILED.value:
                trials.setdefault(seed, Representative(record, place, seed))
    return list(trials.values())


def _rank(trial: Representative) -> tuple[float, float, int]:
    """Order trials: the earliest first, NaN as what never comes."""
    record, place, seed = trial
    time = float(record.outcomes.samples_to_target[place])
    loss = float(record.trials.curves.test_loss[place, -1])
    return (inf if isnan(time) else time, inf if isnan(loss) else loss, seed)
