"""A trial to be drawn: what was trained, from which seed, and what came of it."""

from pathlib import Path
from typing import NamedTuple

from nnrun.config.settings import Setting
from nnrun.errors import InputError, Issue, as_typed, listed
from nnrun.model.load import setting_of
from nnrun.network.mlp import Params, fans
from nnrun.records.record import read_record
from nnrun.records.trials import Curves


class Subject(NamedTuple):
    """A trial to be drawn.

    Attributes:
        setting: What was trained.
        seed: From which seed.
        params: Its last parameters; the trial axis has length 1.
        curves: Its measurements, each of shape (n_evals,).
    """

    setting: Setting
    seed: int
    params: Params
    curves: Curves

    @property
    def headline(self) -> str:
        """Words for what was trained, on one line."""
        s = self.setting
        layers = [activation.name for activation in s.architecture.activations]
        kinds = "-".join(dict.fromkeys(layers))
        hidden = f"-[{','.join(map(str, s.network.hidden))}]" if s.network.hidden else ""
        shape = f"{len(s.problem.inputs)}{hidden}-{len(s.problem.outputs)} {kinds}"
        lr = as_typed(s.lr)
        return f"{s.data.name} · {shape} · {s.optimizer.name}, lr {lr} · seed {self.seed}"


def from_record(path: Path, seed: int | None = None) -> Subject:
    """Read a trial from its job's record.

    Args:
        path: Of the record.
        seed: Of the trial; None for the first.

    Raises:
        InputError: If the record cannot be read or drawn, or has no such seed.
    """
    record = read_record(path)
    if record.meta["error"]:
        raise InputError(Issue("record", path, "is of a job that failed; nothing was trained"))
    seeds = record.seeds.tolist()
    if seed is not None and seed not in seeds:
        rule = f"is not among the seeds of {path.parent}"
        raise InputError(Issue("seed", seed, rule, f"known: {listed([str(s) for s in seeds])}"))
    # a copy: a view would keep all other trials in memory
    trial = record.trials.rows([0 if seed is None else seeds.index(seed)])
    setting = setting_of(record.meta)
    expected = fans(len(setting.problem.inputs), setting.sizes, setting.network.shortcut)
    found = tuple(layer.weights.shape[1:] for layer in trial.params)
    if found != expected:  # a table may have changed since
        rule = f"has weights of shapes {found}, and its setting now makes {expected}"
        raise InputError(Issue("record", path, rule, "did the file of its data change?"))
    return Subject(setting, int(trial.seeds[0]), trial.params, trial.curves.of(0))
