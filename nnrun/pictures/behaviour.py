"""What networks of a sweep do: how a typical one of each setting learned, and which went wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from nnrun.config.settings import Setting
from nnrun.network.mlp import Params
from nnrun.pictures.film import Film, Subject, from_record
from nnrun.pictures.replay import film_within, matched_moments, reason_of
from nnrun.pictures.surface import is_planar
from nnrun.pictures.thumbnails import Look, Unit, diagram_svg, has_look, look_of, unit_rows
from nnrun.problem.features import bare_problem
from nnrun.problem.problem import Task
from nnrun.records.record import read_record
from nnrun.results.typical import MEDIAN, Case, costs, median_case, worst_cases
from nnrun.statistics.survival import trained
from nnrun.text import count, things
from nnrun.training.stack import Trial
from nnrun.trials.cache import Cache

MOST_SETTINGS = 8  # that are shown

OTHERWISE = (
    "trained again, its network did not end with the very numbers of its record, so it was trained "
    "by another version or on another kind of processor; the frames show what it learned here."
)


@dataclass(frozen=True)
class Frame:
    """A moment of a trial.

    Attributes:
        samples: Training samples seen.
        words: These and its test loss and accuracy then, in words.
        png: Its answers over the plane, or along its only input; empty if there is neither.
    """

    samples: int
    words: str
    png: bytes


@dataclass(frozen=True)
class Shown:
    """A setting's median trial.

    Attributes:
        setting: Its id.
        name: Its name for people.
        seed: Of the trial.
        words: How it ended, with its last test loss and accuracy.
        frames: One for each of ``Behaviour.moments``; empty if it was not filmed.
        last: The end of its own training.
        layers: Title of each layer, its units, and how many more it has; empty without a plane.
        diagram: The network with its weights as SVG; empty if it is too large to be drawn.
        subject: The trial, for drawing.
        film: How it learned, for drawing; None if it was not filmed.
    """

    setting: str
    name: str
    seed: int
    words: str
    frames: list[Frame]
    last: Frame
    layers: list[tuple[str, list[Unit], int]]
    diagram: str
    subject: Subject = field(repr=False)
    film: Film | None = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """A trial of the gallery of failures.

    Attributes:
        setting: Its id.
        name: The setting's name for people.
        seed: Of the trial.
        arrived: Whether it reached the target after all.
        words: How it ended.
        final: Its last test loss and accuracy, in words.
        png: Its last answers, misjudged held-out points as dark dots; empty if there is no picture.
        subject: The trial, for drawing; None if it cannot be drawn.
    """

    setting: str
    name: str
    seed: int
    arrived: bool
    words: str
    final: str
    png: bytes
    subject: Subject | None = field(repr=False)


@dataclass(frozen=True)
class Behaviour:
    """What a report shows of single networks.

    Attributes:
        moments: Training samples seen at the frames, the same for every row.
        rows: The median trial of each setting that could be shown.
        failures: The worst trials of all settings, worst first.
        notes: What is left out, and why, a sentence each.
        captions: Of ``frames``, ``networks``, ``units`` and ``failures``.
    """

    moments: list[int]
    rows: list[Shown]
    failures: list[Failure]
    notes: list[str]
    captions: dict[str, str]


def behaviour(
    trials: pd.DataFrame,
    records: Mapping[str, Sequence[Path]],
    settings: Sequence[str],
    names: Mapping[str, str],
    stopped: Callable[[], bool] = lambda: False,
    most_seconds: float = 8.0,
    cache: Cache | None = None,
) -> Behaviour:
    """Show what networks of a sweep do.

    The median trial of each shown setting is trained again and watched, unless the cache has it;
    the failures are drawn from their records. Whatever goes wrong with a setting becomes a note.

    Args:
        trials: As ``nnrun.Results.trials``, of all settings.
        records: Paths of the records of each setting, by its id.
        settings: Ids of those to show, the most important first; at most eight are.
        names: Of settings, for people, by id.
        stopped: Asked often; films that are not done by then are left out.
        most_seconds: Bound on the estimated time to train again; 0 trains nothing.
        cache: Where trials that were watched are found and kept; None for nowhere.
    """
    notes: list[str] = []
    cast: list[tuple[Case, Subject]] = []
    for key in settings[:MOST_SETTINGS]:
        case = median_case(trials[trials["setting"] == key])
        subject = None if case is None else _found(case, records, names, notes)
        if case is not None and subject is not None:
            cast.append((case, subject))
    seen = [subject for _, subject in cast if has_look(subject.setting)]
    notes += [_unseen(s, names) for _, s in cast if not has_look(s.setting)]
    moments = matched_moments([s.setting for s in seen]) if seen else []
    wanted = [Trial(s.setting, s.seed) for s in seen]
    reel = film_within(wanted, moments, costs(trials), most_seconds, stopped, cache)
    notes += [f"{names[key]}: only the end is shown: {why}." for key, why in reel.reasons.items()]
    rows = []
    for case, subject in cast:
        film, name = reel.films.get(case.setting), names[case.setting]
        try:
            rows.append(_shown(case, name, subject, film, moments))
        except Exception as error:
            notes.append(f"{name}: not drawn: {reason_of(error)}.")
        if film is not None and not same_params(film.subject, subject):
            notes.append(f"{name}: {OTHERWISE}")
    failures = [_failure(case, records, names, notes) for case in worst_cases(trials)]
    captions = {
        "frames": frames_caption(rows, moments),
        "networks": networks_caption(rows),
        "units": units_caption(rows),
        "failures": failures_caption(failures, trials),
    }
    return Behaviour(moments, rows, failures, list(dict.fromkeys(notes)), captions)


def _found(
    case: Case,
    records: Mapping[str, Sequence[Path]],
    names: Mapping[str, str],
    notes: list[str],
) -> Subject | None:
    """Read a trial from the record that has it; a note where that is impossible."""
    try:
        for path in records.get(case.setting, ()):
            head = read_record(path, "head")
            if not head.meta["error"] and case.seed in head.seeds:
                return from_record(path, case.seed)
        why = f"no record has seed {case.seed}"
    except Exception as error:
        why = reason_of(error)
    notes.append(f"{names[case.setting]}: its network cannot be drawn: {why}.")
    return None


def _shown(
    case: Case, name: str, subject: Subject, film: Film | None, moments: Sequence[int]
) -> Shown:
    """Draw a setting's median trial."""
    look = look_of(subject.setting) if has_look(subject.setting) else None
    last = int(subject.curves.samples[-1])
    end = Frame(last, f"{count(last)} samples seen · {case.final}", _png(look, subject.params))
    frames = []
    if film is not None:
        samples = [film.samples(i) for i in range(len(film.params))]
        at = {n: i for i, n in enumerate(samples)}
        frames = [Frame(n, film.words(at[n]), _png(look, film.params[at[n]])) for n in moments]
    words = f"{case.words} · {case.final}"
    drawn = unit_rows(subject), diagram_svg(subject)
    return Shown(case.setting, name, case.seed, words, frames, end, *drawn, subject, film)


def _failure(
    case: Case,
    records: Mapping[str, Sequence[Path]],
    names: Mapping[str, str],
    notes: list[str],
) -> Failure:
    """Draw a failed trial as it ended; what cannot be drawn is still told of."""
    subject, png = _found(case, records, names, notes), b""
    try:
        if subject is not None and has_look(subject.setting):
            png = look_of(subject.setting, dotted=True)(subject.params)
    except Exception as error:
        notes.append(f"{names[case.setting]}: not drawn: {reason_of(error)}.")
        subject = None
    name, seed, arrived = names[case.setting], case.seed, case.arrived
    return Failure(case.setting, name, seed, arrived, case.words, case.final, png, subject)


def _png(look: Look | None, params: Params) -> bytes:
    return b"" if look is None else look(params)


def same_params(one: Subject, other: Subject) -> bool:
    """Say whether two trainings ended in the very same parameters."""
    pairs = zip(one.params, other.params, strict=True)
    return all(
        np.array_equal(a, b, equal_nan=True)
        for mine, theirs in pairs
        for a, b in zip(mine, theirs, strict=True)
    )


def _unseen(subject: Subject, names: Mapping[str, str]) -> str:
    """Say why a trial has no picture of its answers."""
    data, inputs = subject.setting.data.name, len(bare_problem(subject.setting.data).inputs)
    why = f"{data} has {inputs} inputs and no plane of x and y"
    return f"{names[subject.setting.id]}: no decision surface: {why}."


WHICH = f"Shown is the median trial of each setting: {MEDIAN}"


def frames_caption(rows: Sequence[Shown], moments: Sequence[int]) -> str:
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


def networks_caption(rows: Sequence[Shown]) -> str:
    """Say what the diagrams show; empty if there are none."""
    drawn = [row for row in rows if row.diagram]
    if not drawn:
        return ""
    return (
        f"{WHICH}. {things(len(drawn), 'trial')}, at the end of training. The width of a link is "
        "the size of its weight, each network on its own scale; blue is positive, orange "
        "negative. Numbers in the units are their biases."
    )


def units_caption(rows: Sequence[Shown]) -> str:
    """Say what the heatmaps of units show; empty if there are none."""
    drawn = [row for row in rows if row.layers]
    if not drawn:
        return ""
    return (
        f"What every unit answers over the plane of x and y, at the end of training, for the same "
        f"{things(len(drawn), 'trial')}. Orange is the lower end of the scale written at each "
        "unit, blue the upper end, without unit of measure."
    )


def failures_caption(failures: Sequence[Failure], trials: pd.DataFrame) -> str:
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
