"""Captions of what is shown of single networks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from nnrun.config.settings import Setting
from nnrun.pictures.surface import is_planar
from nnrun.problem.problem import Task
from nnrun.statistics.survival import trained
from nnrun.text import count, things

if TYPE_CHECKING:
    from nnrun.pictures.behaviour import Failure, Shown

WHICH = (
    "Each row is the median trial of its setting: the lower median by time to target, a trial "
    "that did not arrive counting as infinitely slow, ties by final test loss and then by seed"
)


def frames_caption(rows: Sequence["Shown"], moments: Sequence[int]) -> str:
    """Say what the frames show; empty if there are none."""
    seen = [row for row in rows if row.last.png]
    if not seen:
        return ""
    filmed = [row for row in seen if row.frames]
    text = f"{WHICH}. {things(len(seen), 'trial')}. "
    if filmed:
        text += (
            f"They were trained again with the same seeds and looked at after the same numbers of "
            f"training samples: {len(moments)} moments from {count(moments[0])} to "
            f"{count(moments[-1])} samples. "
        )
    return text + colours([row.subject.setting for row in seen])


def networks_caption(rows: Sequence["Shown"]) -> str:
    """Say what the diagrams show; empty if there are none."""
    drawn = [row for row in rows if row.diagram]
    if not drawn:
        return ""
    return (
        f"{WHICH}. {things(len(drawn), 'trial')}, at the end of training. The width of a link is "
        "the size of its weight, each network on its own scale; blue is positive, orange "
        "negative. Numbers in the units are their biases."
    )


def units_caption(rows: Sequence["Shown"]) -> str:
    """Say what the heatmaps of units show; empty if there are none."""
    drawn = [row for row in rows if row.layers]
    if not drawn:
        return ""
    return (
        f"What every unit answers over the plane of x and y, at the end of training, for the same "
        f"{things(len(drawn), 'trial')}. Orange is the lower end of the scale written at each "
        "unit, blue the upper end, without unit of measure."
    )


def failures_caption(failures: Sequence["Failure"], trials: pd.DataFrame) -> str:
    """Say which trials the gallery shows; empty if there are none."""
    ran = trained(trials)
    if not failures:
        return ""
    lost, missed = int((ran["status"] != "reached").sum()), sum(not f.arrived for f in failures)
    text = f"{count(lost)} of {count(len(ran))} trained trials did not reach the target"
    text += f" ({count(int((ran['status'] == 'diverged').sum()))} diverged). "
    if missed:
        shown = "All of them are" if missed == lost else f"The worst {missed} are"
        text += f"{shown} shown, diverged ones first, then by final test loss. "
    if late := len(failures) - missed:
        rest = "The other" if missed else "Shown instead"
        verb = "is" if late == 1 else "are"
        text += f"{rest} {late} {verb} the slowest that arrived. "
    drawn = [f.subject.setting for f in failures if f.subject is not None and f.png]
    if not drawn:
        return text.strip()
    text += "Networks at the end of training, from their records. "
    if any(is_planar(s) and s.problem.task is not Task.REGRESSION for s in drawn):
        text += "Dark dots: held-out points that are classified wrongly. "
    return text + colours(drawn)


def colours(settings: Sequence[Setting]) -> str:
    """Say what the colours of small pictures mean, for every kind of problem among settings."""
    parts = []
    for setting in settings:
        task = setting.problem.task
        if not is_planar(setting):
            parts.append("Lines: network output; grey: held-out points at their targets.")
        elif task is Task.BINARY:
            parts.append(
                "Orange: the output says class 0; blue: class 1; grey: undecided; "
                "the dark line is where they meet."
            )
        elif task is Task.MULTICLASS:
            parts.append("A colour a class, paler where it hardly wins; dark lines between them.")
        else:
            parts.append("Orange: low output; blue: high output, on the scale of the targets.")
    return " ".join(dict.fromkeys(parts))
