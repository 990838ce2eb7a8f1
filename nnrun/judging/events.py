"""A folder of TensorBoard's event files as a table: a run a folder, its name says what it is."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.text import things, typed

EVENTS = "events.out.tfevents"
"""What files are called like that TensorBoard reads."""

HOLE = re.compile(r"\{(\w+)\}")


def is_events(path: Path) -> bool:
    """Say whether a folder has event files in it, or below."""
    return path.is_dir() and any(EVENTS in one.name for one in path.rglob("*") if one.is_file())


def read_events(folder: Path, metric: str, pattern: str) -> tuple[pd.DataFrame, list[str]]:
    """Read the scalars of a metric from all runs below a folder.

    Args:
        folder: With a folder a run, in which event files are.
        metric: The tag of the scalars.
        pattern: How runs' folders are called, below ``folder``: ``{optimizer}_seed{seed}``. Each
            name in braces is a column.

    Returns:
        A row a scalar: ``run``, the pattern's columns, ``step``, ``seconds`` (of wall time since
        the first), the metric; and what was understood, in lines.

    Raises:
        InputError: If tensorboard is not installed, no folder is called like that, or none has the
            metric.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        hint = "pip install 'nnrun[tensorboard]'"
        raise InputError(Issue("file", folder, "takes the package tensorboard", hint)) from None
    named = _pattern(pattern)
    runs = sorted({one.parent for one in folder.rglob("*") if EVENTS in one.name})
    parts: list[pd.DataFrame] = []
    tags: dict[str, None] = {}
    unlike = []
    for run in runs:
        name = run.relative_to(folder).as_posix()
        found = named.fullmatch(name)
        if found is None:
            unlike.append(name)
            continue
        events: Any = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        tags |= dict.fromkeys([*events.Tags()["scalars"], *events.Tags()["tensors"]])
        points = _points(events, metric)
        if points:
            about = {key: typed(value) for key, value in found.groupdict().items()}
            table = pd.DataFrame(points, columns=["step", "seconds", metric])
            table["seconds"] -= table["seconds"].iloc[0]
            # a run that was taken up again logs steps anew
            table = table.drop_duplicates("step", keep="last")
            parts.append(table.assign(run=name, **about))
    if not parts and unlike and len(unlike) == len(runs):
        rule = f"fits none of {things(len(runs), 'folder')} with event files"
        hint = f"for instance '{unlike[0]}'" if unlike else "a folder a run"
        raise InputError(Issue("pattern", pattern, rule, hint))
    if not parts:
        rule = f"is no scalar of {things(len(runs), 'run')} below {folder}"
        raise InputError(Issue("y", metric, rule, did_you_mean(metric, list(tags))))
    whole = pd.concat(parts, ignore_index=True)
    told = [f"events {folder}", things(len(parts), "run"), things(len(whole), "value")]
    if len(parts) < len(runs):
        told.append(f"{things(len(runs) - len(parts), 'folder')} of another name or without it")
    return whole, told


def columns_in(pattern: str) -> list[str]:
    """List the names in braces of a pattern.

    Example:
        >>> columns_in("{optimizer}/seed{seed}")
        ['optimizer', 'seed']
    """
    return HOLE.findall(pattern)


def _pattern(pattern: str) -> re.Pattern[str]:
    names = columns_in(pattern)
    if not names or len(set(names)) < len(names):
        rule = "names no column in braces" if not names else "names a column twice"
        raise InputError(Issue("pattern", pattern, rule, "such as '{optimizer}_seed{seed}'"))
    parts = HOLE.split(pattern)
    fixed = [
        re.escape(part) if i % 2 == 0 else f"(?P<{part}>[^/]+?)" for i, part in enumerate(parts)
    ]
    return re.compile("".join(fixed))


def _points(events: Any, metric: str) -> list[tuple[int, float, float]]:
    """Take step, wall time and value of a metric, which newer event files have as tensors."""
    if metric in events.Tags()["scalars"]:
        return [(one.step, one.wall_time, one.value) for one in events.Scalars(metric)]
    if metric not in events.Tags()["tensors"]:
        return []
    from tensorboard.util.tensor_util import make_ndarray

    points = events.Tensors(metric)
    return [(p.step, p.wall_time, float(make_ndarray(p.tensor_proto))) for p in points]
