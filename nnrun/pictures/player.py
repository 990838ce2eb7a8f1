"""The animation of learning as a page: one trial or several at one clock; it loads nothing."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import isnan, nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnrun.config.settings import Setting
from nnrun.jinja import environment, script
from nnrun.pictures.behaviour import colours
from nnrun.pictures.diagram import refusal
from nnrun.pictures.film import Film, Scene, has_frames
from nnrun.pictures.graphs import LINES, heights
from nnrun.pictures.neurons import scale_of
from nnrun.pictures.surface import (
    UNKNOWN,
    Bytes,
    answers,
    boundaries,
    class_names,
    images,
    palette,
    plane_of,
    shades,
)
from nnrun.pictures.surface_plots import MARKERS
from nnrun.pictures.thumbnails import has_look, look_of
from nnrun.plot.gallery import COLORS
from nnrun.plot.style import LINE_STYLES, LineStyle
from nnrun.problem.generator_base import class_numbers
from nnrun.problem.problem import Array, Task
from nnrun.results.typical import MEDIAN
from nnrun.statistics.survival import target_text
from nnrun.text import METRIC_NAMES, count, listing

SMALL = 22  # cells along a side of a unit's heatmap

PARTS = ("", "_slider", "_surface", "_response", "_network", "_curves", "_controls")
"""Of the page's script, by the ends of their files' names."""

DIGITS = 4  # significant digits of what is drawn
ON_PAPER = 6  # moments that are printed
MOST_POINTS = 1000  # of a line


class Pane(NamedTuple):
    """A trial on a page.

    Attributes:
        film: How it learned.
        scene: What its frames show.
        which: Which trial it is.
        ended: How it ended, as the rest of a sentence.
        arrival: Samples at which it reached its target; NaN if it did not.
        name: Of its setting, where several are shown.
        page: Address of its own page, likewise.
        look: Of its lines, likewise.
    """

    film: Film
    scene: Scene
    which: str = ""
    ended: str = ""
    arrival: float = nan
    name: str = ""
    page: str = ""
    look: LineStyle = LINE_STYLES[0]


def player(panes: Sequence[Pane], clock: Sequence[int] = (), rest: int = 0) -> str:
    """Make the page.

    Args:
        panes: The trial; or several, each with a frame for every moment of the clock.
        clock: Training samples seen at the moments of several.
        rest: How many settings are not shown.
    """
    film, home = panes[0].film, Path(__file__).parent
    several = len(panes) > 1
    clock = clock if several else [film.samples(frame) for frame in range(len(film.params))]
    ends = f"{count(clock[-1])} samples seen" if several else film.words(len(clock) - 1)
    settings = [pane.film.subject.setting for pane in panes]
    problems = list(dict.fromkeys(setting.data.name for setting in settings))
    title = film.subject.headline
    if several:
        title = f"{listing(problems)} · {len(panes)} settings at one clock"
    targets = list(dict.fromkeys(target_words(setting) for setting in settings))
    frames = np.unique(np.linspace(0, len(clock) - 1, ON_PAPER).round().astype(int)).tolist()
    looks = [pane.look for pane in panes] if several else [*LINES.values()]
    return environment(home).get_template("player.html.j2").render(
        title=title,
        panes=panes,
        content=content(panes, clock),
        clock=clock,
        end=ends,
        several=several,
        drawn=[has_frames(setting) for setting in settings],
        refusal=refusal(panes[0].scene.wiring),
        missed=[isnan(pane.arrival) for pane in panes],
        rest=rest,
        median=MEDIAN,
        looks=looks,
        colours=colours([setting for setting in settings if has_look(setting)]),
        target=targets[0] if len(targets) == 1 else "each setting's own",
        moments=[clock[frame] for frame in frames],
        strip=[list(_strip(pane, frames)) for pane in panes],
        **script(*(home / f"player{part}.js" for part in PARTS)),
    )  # fmt: skip


def target_words(setting: Setting) -> str:
    """Say what counts as converged, and for how long it has to."""
    text, hold = target_text(asdict(setting.target)), setting.target.hold
    return f"{text} in {hold} evaluations in a row" if hold > 1 else text


def content(panes: Sequence[Pane], clock: Sequence[int]) -> dict[str, Any]:
    """Return what the page's script draws, in plain values; images as base64 text."""
    several = len(panes) > 1
    return {
        "clock": list(clock),
        "several": several,
        "alike": len({_key(pane.scene) for pane in panes}) == 1,
        "panes": [_pane(pane, clock, several) for pane in panes],
        "curves": _several_curves(panes) if several else _curves(panes[0].film),
    }


def _key(scene: Scene) -> tuple[Any, ...]:
    """Return what the key of a network's answers depends on."""
    if scene.surfaces:
        first = scene.surfaces[0]
        return first.task, first.label, *first.names, *scene.scale
    return tuple(response.classes for response in scene.responses[:1])


def _pane(pane: Pane, clock: Sequence[int], several: bool) -> dict[str, Any]:
    film, scene = pane.film, pane.scene
    answered = bool(scene.surfaces or scene.responses)
    network = not refusal(scene.wiring) and not (several and answered)
    units = network and scene.surfaces
    frames = range(len(film.params))
    # beside others a trial's last evaluation may be earlier than the moment
    own = [film.samples(frame) == moment for frame, moment in zip(frames, clock, strict=True)]
    words = [film.found(i) if several and own[i] else film.words(i) for i in frames]
    return {
        "name": pane.name,
        "words": words,
        "arrival": None if isnan(pane.arrival) else int(pane.arrival),
        "surface": _surface(scene) if scene.surfaces else None,
        "response": _response(scene) if scene.responses else None,
        "network": _network(scene) if network else None,
        "units": _units(film, scene) if units else None,
    }


def _strip(pane: Pane, frames: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Yield what paper shows of some frames: what was found, and a picture if there is one."""
    film, setting = pane.film, pane.film.subject.setting
    look = look_of(setting) if has_look(setting) else None
    for frame in frames:
        drawn = b64encode(look(film.params[frame])).decode() if look else ""
        yield film.found(frame), drawn


def _curves(film: Film) -> list[dict[str, Any]]:
    """Return the panels of one trial's curves."""
    target, curves = film.subject.setting.target, film.subject.curves
    lines = [
        _line(film, metric, METRIC_NAMES[metric], colour, style)
        for colour, (metric, style) in enumerate(LINES.items())
    ]
    level: dict[str, float] = {target.metric: target.value}
    loss = level.get("test_loss", level.get("train_loss"))
    panels = [_panel("Loss", lines[:2], loss)]
    if not np.isnan(curves.accuracy).all():
        panels.append(_panel("Accuracy", lines[2:], level.get("accuracy")))
    return panels


def _several_curves(panes: Sequence[Pane]) -> list[dict[str, Any]]:
    """Return the panels of several trials' curves, a line a trial."""
    targets = {(s.target.metric, s.target.value) for s in (p.film.subject.setting for p in panes)}
    level: dict[str, float] = dict(targets) if len(targets) == 1 else {}
    found = []
    for metric, title in (("test_loss", "Test loss"), ("accuracy", "Accuracy")):
        lines = [
            _line(pane.film, metric, pane.name, colour, pane.look)
            for colour, pane in enumerate(panes)
        ]
        if any(value is not None for line in lines for value in line["values"]):
            found.append(_panel(title, lines, level.get(metric)))
    return found


def _panel(title: str, lines: list[dict[str, Any]], target: float | None) -> dict[str, Any]:
    return {"title": title, "share": title == "Accuracy", "lines": lines, "target": target}


def _line(film: Film, metric: str, name: str, colour: int, style: LineStyle) -> dict[str, Any]:
    curves = film.subject.curves
    n = len(curves.samples)
    shown = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
    return {
        "name": name,
        "colour": f"l{colour}",
        "dashes": style.dashes,
        "samples": curves.samples[shown].tolist(),
        "values": rounded(getattr(curves, metric)[shown]),
    }


def _surface(scene: Scene) -> dict[str, Any]:
    first, points = scene.surfaces[0], scene.points
    regression = first.task is Task.REGRESSION
    low, high = scene.scale
    values = (points.targets[:, 0] - low) / (high - low) * (UNKNOWN - 1)
    kinds = values.clip(0, UNKNOWN - 1).round() if regression else class_numbers(points.targets)
    return {
        "n": first.plane.n,
        "extent": rounded(np.array(first.plane.extent)),
        "palette": packed(palette(len(first.outputs))),
        "shades": packed(np.stack([shades(surface, *scene.scale) for surface in scene.surfaces])),
        "lines": [[rounded(line) for line in boundaries(s)] for s in scene.surfaces],
        "points": [rounded(points.inputs), kinds.astype(int).tolist()],
        "regression": regression,
        "colours": COLORS,
        "markers": MARKERS,
        "names": class_names(first.task, first.names),
        "label": first.label,
        "scale": list(scene.scale),
        "several": first.several,
    }


def _response(scene: Scene) -> dict[str, Any]:
    first, points = scene.responses[0], scene.points
    classes = None if first.task is Task.REGRESSION else class_numbers(points.targets).tolist()
    return {
        "input": first.input,
        "x": rounded(first.x),
        "outputs": [rounded(response.outputs) for response in scene.responses],
        "limits": scene.scale,
        "points": [rounded(points.inputs[:, 0]), rounded(heights(first, points)), classes],
        "several": first.several,
        "classes": first.classes,
        "boundary": first.boundary if first.task is Task.BINARY else None,
        "colours": COLORS,
        "markers": MARKERS,
    }


def _network(scene: Scene) -> dict[str, Any]:
    wiring = scene.wiring
    return {
        "layers": wiring.layers,
        "places": rounded(wiring.places),
        "names": wiring.names,
        "links": wiring.links.tolist(),
        "shortcut": wiring.shortcut.astype(int).tolist(),
        "weights": rounded(scene.weights),
        "biases": None if scene.biases is None else rounded(scene.biases),
        "largest": rounded(np.array(scene.largest)),
        "palette": packed(palette()),
        "colours": COLORS[:2],
    }


def _units(film: Film, scene: Scene) -> dict[str, Any]:
    """Return a small image for each unit, inputs first, and frame."""
    setting = film.subject.setting
    plane = plane_of(setting, SMALL)
    kinds = [activation.name for activation in setting.architecture.activations]
    inputs = [_shaded(unit, "") for unit in images(plane.inputs, plane.n)]
    found = []
    for params in film.params:
        layers = zip(answers(plane, params, setting), kinds, strict=True)
        found += [*inputs, *(_shaded(unit, kind) for layer, kind in layers for unit in layer)]
    return {"n": SMALL, "shades": packed(np.stack(found))}


def _shaded(values: Array, kind: str) -> Bytes:
    """Turn what a unit answers into shades of the palette of one output."""
    low, high = scale_of(values, kind)
    with np.errstate(invalid="ignore"):
        shade = np.round((values - low) / (high - low) * (UNKNOWN - 1)).clip(0, UNKNOWN - 1)
    return np.where(np.isfinite(values), shade, UNKNOWN).astype(np.uint8)


def packed(values: Bytes) -> str:
    """Write bytes as base64 text."""
    return b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def rounded(values: Array) -> Any:
    """Turn an array into nested lists of numbers with four digits; None where not finite."""
    if values.ndim == 0:
        return float(f"{float(values):.{DIGITS}g}") if np.isfinite(values) else None
    return [rounded(part) for part in values]
