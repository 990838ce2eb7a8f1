"""From words on a command line to a table: files, event files, or an MLflow experiment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from nnrun.errors import InputError, Issue
from nnrun.judging.columns import SEEDS
from nnrun.judging.events import columns_in, is_events, read_events
from nnrun.judging.files import read_files
from nnrun.judging.judge import Asked, metric_of
from nnrun.judging.target import read_target
from nnrun.tracking.histories import histories
from nnrun.tracking.read import MLFLOW


@dataclass(frozen=True, eq=False)
class Source:
    """A table, and what is asked of it.

    Attributes:
        frame: A row an evaluation.
        asked: With what the source itself tells.
        told: What was understood of it, in lines.
        notes: What was left out of it, in sentences.
    """

    frame: pd.DataFrame
    asked: Asked
    told: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def read_source(
    words: Sequence[str],
    asked: Asked,
    pattern: str | None = None,
    uri: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> Source:
    """Read what some words mean.

    Args:
        words: Files, patterns of files, one folder of event files, or ``mlflow:EXPERIMENT``.
        asked: What is asked of the curves; its name is made from the words.
        pattern: How folders of event files are called.
        uri: Of an MLflow store.
        say: Is told what is being done.

    Raises:
        InputError: If there is no such source, or it does not tell settings and seeds.
    """
    first = words[0]
    if len(words) > 1 and any(w.startswith(MLFLOW) or Path(w).is_dir() for w in words):
        rule = "goes with no other source"
        raise InputError(Issue("file", " ".join(words), rule, "an experiment or folder, or files"))
    if first.startswith(MLFLOW):
        return _of_mlflow(first.removeprefix(MLFLOW), asked, uri, say)
    if is_events(Path(first)):
        return _of_events(Path(first), asked, pattern)
    if pattern is not None:
        rule = "is of folders with event files, and there are none"
        raise InputError(Issue("pattern", pattern, rule, "columns tell settings apart: --setting"))
    if not asked.setting:
        hint = "for instance --setting optimizer,lr"
        raise InputError(Issue("setting", None, "say which columns tell settings apart", hint))
    frame, told = read_files(words)
    return Source(frame, replace(asked, name=Path(first).stem.strip("*") or "judged"), told)


def _of_mlflow(experiment: str, asked: Asked, uri: str, say: Callable[[str], None]) -> Source:
    metric = metric_of(asked, read_target(asked.target))
    given = [asked.setting] if isinstance(asked.setting, str) else list(asked.setting)
    found = histories(experiment, metric, given, asked.seed, uri, say)
    name = "".join(c if c.isalnum() or c in "-_. " else "_" for c in experiment)
    own = replace(asked, setting=found.setting, seed=found.seed, x=asked.x or "step", name=name)
    return Source(found.frame, own, [found.told], found.notes)


def _of_events(folder: Path, asked: Asked, pattern: str | None) -> Source:
    if pattern is None:
        hint = "for instance --pattern '{optimizer}_seed{seed}'"
        raise InputError(Issue("pattern", None, "say how the folders of runs are called", hint))
    metric = metric_of(asked, read_target(asked.target))
    frame, told = read_events(folder, metric, pattern)
    names = columns_in(pattern)
    seed = asked.seed or next((name for name in names if name in SEEDS), None)
    setting = asked.setting or [name for name in names if name != seed]
    own = replace(asked, setting=setting, seed=seed, x=asked.x or "step", name=folder.name)
    return Source(frame, own, [told])
