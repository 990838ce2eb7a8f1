"""A trial to be drawn, from its record, and as a film: trained again and watched.

A trial is itself: trained alone or with some others, it takes the same steps as among thousands.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from nnrun.config.settings import Setting
from nnrun.errors import InputError, Issue, as_typed, listed
from nnrun.model.load import setting_of
from nnrun.network.mlp import Params, fans, map_params
from nnrun.pictures.diagram import (
    MOST_UNITS,
    Wiring,
    biases,
    largest_of,
    refusal,
    weights,
    wiring_of,
)
from nnrun.pictures.graphs import Response, has_one_input, response_of, window
from nnrun.pictures.surface import (
    Surface,
    is_planar,
    plane_of,
    scale_of_outputs,
    shown_points,
    surface_of,
)
from nnrun.problem.problem import Array, Samples
from nnrun.records.record import read_record
from nnrun.records.trials import Curves, Trials
from nnrun.text import count, number, percent
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine, engine_of, train
from nnrun.trials.cache import Cache


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


MOST_FRAMES = 40
DECADES = 3  # how far back frames reach from the end, if nothing changes before
CHANGE = 0.75  # share of the frames that go by change, and not by time


class Film(NamedTuple):
    """How a trial learned.

    Attributes:
        subject: The trial, with its last parameters and its curves.
        evaluations: The evaluation that each frame shows, shape (frame,), increasing; -1 for a
            first frame before the first step.
        params: Of each frame; trial axes have length 1. Empty where nothing is drawn of them.
    """

    subject: Subject
    evaluations: npt.NDArray[np.intp]
    params: tuple[Params, ...]

    def samples(self, frame: int) -> int:
        """Return the training samples seen at a frame."""
        evaluation = self.evaluations[frame]
        return 0 if evaluation < 0 else int(self.subject.curves.samples[evaluation])

    def words(self, frame: int) -> str:
        """Say how far a frame is, and how good."""
        return f"{count(self.samples(frame))} samples seen · {self.found(frame)}"

    def found(self, frame: int) -> str:
        """Say how good a frame is."""
        evaluation, curves = self.evaluations[frame], self.subject.curves
        if evaluation < 0:
            return "before training"
        loss, right = curves.test_loss[evaluation], curves.accuracy[evaluation]
        found = "diverged" if np.isnan(loss) else f"test loss {number(float(loss))}"
        return found + ("" if np.isnan(right) else f" · accuracy {percent(float(right))}")

    def at(self, moments: Sequence[int]) -> Self:
        """Return a frame a moment, given as samples seen: the last one up to it, or the first."""
        samples = [self.samples(frame) for frame in range(len(self.params))]
        frames = (np.searchsorted(samples, moments, side="right") - 1).clip(0)
        params = tuple(self.params[frame] for frame in frames)
        return self._replace(evaluations=self.evaluations[frames], params=params)


def shoot(
    setting: Setting,
    seed: int,
    moments: Sequence[int] | None = None,
    advance: Callable[[int], None] = lambda samples: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Film:
    """Train a trial alone and keep what it knew before the first step and at its evaluations.

    Where nothing can be drawn of its parameters, none are kept.

    Args:
        setting: Of the trial.
        seed: Of the trial.
        moments: Samples seen, increasing: of each the last evaluation up to it is kept; None for
            all evaluations.
        advance: Is told of samples seen.
        stopped: Asked often.

    Raises:
        TrainingStopped: If ``stopped`` said so.
    """
    trial = Trial(setting, seed)
    stack = Stack((trial,))
    ahead = stack.grid[stack.grid > setting.seen]
    if moments is not None:
        places = np.searchsorted(ahead, moments, side="right") - 1
        ahead = ahead[np.unique(places[places >= 0])]
    counts = [setting.seen, *ahead.tolist()]
    kept = counts if has_frames(setting) else []
    return _film(trial, _shot(stack, kept, stopped, advance), counts)


def has_frames(setting: Setting) -> bool:
    """Say whether a network's parameters can be seen: its answers, or its weights."""
    answered = is_planar(setting) or has_one_input(setting)
    return answered or max(len(setting.problem.inputs), *setting.sizes) <= MOST_UNITS


@dataclass(frozen=True)
class Matched(Stack):
    """A stack that is evaluated when it is asked to be, whatever its settings say.

    Attributes:
        counts: Samples seen at its evaluations, increasing, in whole batches; the last is the
            budget.
    """

    counts: tuple[int, ...] = ()

    @property
    def grid(self) -> npt.NDArray[np.int64]:
        """Samples seen at each evaluation, shape (n_evals,); of a continued run, the past first."""
        saved = self.setting.saved
        ahead = np.array(self.counts, dtype=np.int64)
        return ahead if saved is None else np.concatenate([saved.samples, ahead])


def shoot_together(
    trials: Sequence[Trial],
    counts: Sequence[int],
    stopped: Callable[[], bool] = lambda: False,
    cache: Cache | None = None,
) -> list[Film]:
    """Train trials of equal shape side by side and keep what they knew at the same moments.

    Where a trial is measured changes nothing of what it learns. Their settings may share a stack.
    Moments are samples seen, in whole batches; those beyond the budget, or before a run that is
    continued, are left out, and the end is always kept. What the cache has is not trained again.

    Returns:
        A film a trial; its curves have the measurements of its frames only.

    Raises:
        TrainingStopped: If ``stopped`` said so.
    """
    setting = trials[0].setting
    end = setting.budget // setting.batch_size * setting.batch_size
    ahead = [count for count in counts if setting.seen < count < end]
    stack = Matched(tuple(trials), counts=(*ahead, *([end] if end > setting.seen else [])))
    kept, moments = [setting.seen, *stack.counts], tuple(stack.grid.tolist())
    cache, engine = cache or Cache(use="off"), engine_of(stack).name
    shots = [cache.find(s, engine, [seed], moments) for s, seed in trials]
    left = [i for i, shot in enumerate(shots) if shot is None]
    if left:
        again = replace(stack, trials=tuple(trials[i] for i in left))
        trained = _shot(again, kept, stopped)
        for row, i in enumerate(left):
            shots[i] = shot = trained.rows([row])
            cache.keep(trials[i].setting, shot, moments)
    pairs = zip(trials, shots, strict=True)
    return [_film(trial, shot, kept) for trial, shot in pairs if shot is not None]


def _shot(
    stack: Stack,
    wanted: Sequence[int],
    stopped: Callable[[], bool],
    advance: Callable[[int], None] = lambda samples: None,
) -> Trials:
    """Train a stack and keep its parameters at some of its evaluations, as frames."""
    kept: list[Params] = []

    def watch(samples: int, params: Params) -> None:
        if samples in wanted:
            kept.append(map_params(np.copy, params))

    trained = train(stack, choose_engine(stack), advance, stopped, watch).trials
    frames = map_params(lambda *moments: np.stack(moments, axis=1), *kept) if kept else ()
    return replace(trained, frames=frames)


def _film(trial: Trial, shot: Trials, counts: Sequence[int]) -> Film:
    """Make a film of a trial that was watched when it had seen so many samples."""
    subject = Subject(*trial, shot.params, shot.curves.of(0))
    evaluations = np.searchsorted(shot.curves.samples, counts) - (np.array(counts) == 0)
    frames = (map_params(lambda a, i=i: a[:, i], shot.frames) for i in range(len(counts)))
    return Film(subject, evaluations, tuple(frames))


def telling_moments(
    curves: Sequence[Curves], arrivals: Iterable[float] = (), most: int = MOST_FRAMES
) -> list[int]:
    """Choose the moments of a film: where trials change, so that it does not rest on a plateau.

    Three quarters of the steps share out how far the best test loss so far has fallen, a mean
    over the trials, and one quarter the logarithm of samples over the last three decades.

    Args:
        curves: Of the trials that are filmed, each metric of shape (n_evals,).
        arrivals: Samples at which they reached their targets; NaN where they did not.
        most: How many moments are chosen, beside 0, the end and the arrivals.

    Returns:
        Samples seen, increasing: 0, evaluations of the trials, and the last of these.

    Example:
        >>> samples, late = np.arange(1, 101), np.where(np.arange(1, 101) < 90, 1.0, 0.1)
        >>> telling_moments([Curves(samples, late, late, late)], most=5)
        [0, 4, 15, 55, 90, 100]
    """
    counts = np.unique(np.concatenate([one.samples for one in curves]))
    end = float(counts[-1])
    measure = (1 - CHANGE) / DECADES * np.log10(np.maximum(counts / end, 10.0**-DECADES))
    for one in curves:
        fallen = np.interp(counts, one.samples, _fallen(one.test_loss))
        measure += CHANGE * fallen / len(curves)
    measure -= measure[0]
    wanted: set[int] = set()
    for steps in range(1, 4 * most):  # some share an evaluation
        levels = np.linspace(0, measure[-1], steps + 1)[1:]
        places = np.searchsorted(measure, levels - 1e-9)
        if len(set(places.tolist())) > most:
            break
        wanted = set(counts[places].tolist())
    reached = {int(samples) for samples in arrivals if not np.isnan(samples)}
    return sorted({0, int(end)} | wanted | reached)


def _fallen(losses: Array) -> Array:
    """Say how far the best loss so far has fallen, from 0 to 1 at the end; 0 if it never does."""
    best = np.fmin.accumulate(np.where(np.isfinite(losses), losses, np.nan))
    first = best[np.isfinite(best)][:1]
    if not first.size or best[-1] >= first[0]:
        return np.zeros(len(best))
    return np.nan_to_num((first[0] - best) / (first[0] - best[-1]))


CELLS = 100  # along a side of the plane
PLACES = 200  # along a single input


class Scene(NamedTuple):
    """What the frames of a film show.

    Attributes:
        surfaces: Of each frame; none if the problem is not planar.
        responses: Of each frame; none if the problem has not one input.
        scale: The ends of the scale of outputs.
        points: Held-out points on the surface, or along the input.
        wiring: Units and links.
        weights: Shape (frame, link); without links where there is no diagram.
        biases: Shape (frame, unit), inputs left out; None if there are none, or no diagram.
        largest: The largest weight and the largest bias of all frames.
    """

    surfaces: list[Surface]
    responses: list[Response]
    scale: tuple[float, float]
    points: Samples
    wiring: Wiring
    weights: Array
    biases: Array | None
    largest: tuple[float, float]


def scene_of(film: Film, cells: int = CELLS) -> Scene:
    """Compute what the frames of a film show; the plane has so many cells along a side."""
    setting = film.subject.setting
    surfaces: list[Surface] = []
    responses: list[Response] = []
    scale, points = (0.0, 1.0), setting.problem.held_out
    if is_planar(setting):
        plane, points = plane_of(setting, cells), shown_points(setting)
        surfaces = [surface_of(plane, params, setting) for params in film.params]
        scale = scale_of_outputs(setting)
    elif has_one_input(setting):
        points = shown_points(setting)
        responses = [response_of(setting, params, PLACES) for params in film.params]
        scale = window(responses[0], points.targets)
    wiring = wiring_of(setting)
    links, thresholds = np.zeros((len(film.params), 0)), None
    if not refusal(wiring):
        links = np.stack([weights(params) for params in film.params])
        thresholds = np.stack([biases(p) for p in film.params]) if setting.network.bias else None
    largest = largest_of(links, thresholds)
    return Scene(surfaces, responses, scale, points, wiring, links, thresholds, largest)
