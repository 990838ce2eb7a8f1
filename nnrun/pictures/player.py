"""The animation of learning as a page of its own: plays, stops and steps, and loads nothing."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.jinja import environment, script
from nnrun.pictures.diagram import refusal
from nnrun.pictures.film import Film, Scene
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
from nnrun.plot.gallery import COLORS
from nnrun.problem.generator_base import class_numbers
from nnrun.problem.problem import Array, Task
from nnrun.text import METRIC_NAMES

SMALL = 22  # cells along a side of a unit's heatmap

PARTS = ("", "_surface", "_response", "_network", "_curves", "_controls")
"""Of the page's script, by the ends of their files' names."""

DIGITS = 4  # significant digits of what is drawn


def player(film: Film, scene: Scene) -> str:
    """Make the page."""
    last, home = len(film.params) - 1, Path(__file__).parent
    page = environment(home).get_template("player.html.j2")
    return page.render(
        headline=film.subject.headline,
        film=content(film, scene),
        end=film.words(last),
        planar=bool(scene.surfaces),
        lines=LINES,
        **script(*(home / f"player{part}.js" for part in PARTS)),
    )


def content(film: Film, scene: Scene) -> dict[str, Any]:
    """Return what the page's script draws, in plain values; images as base64 text."""
    frames = range(len(film.params))
    return {
        "samples": [film.samples(frame) for frame in frames],
        "words": [film.words(frame) for frame in frames],
        "course": _course(film),
        "surface": _surface(scene) if scene.surfaces else None,
        "response": _response(scene) if scene.responses else None,
        "network": _network(film, scene),
        "units": _units(film, scene) if scene.surfaces and not refusal(scene.wiring) else None,
    }


def _course(film: Film) -> dict[str, Any]:
    course, setting = film.subject.curves, film.subject.setting
    target = setting.target.value if setting.target.metric == "accuracy" else None
    metrics = ["train_loss", "test_loss"]
    metrics += ["accuracy"] if setting.problem.task is not Task.REGRESSION else []
    return {
        "samples": course.samples.tolist(),
        "metrics": {name: rounded(getattr(course, name)) for name in metrics},
        "names": METRIC_NAMES,
        "target": target,
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


def _network(film: Film, scene: Scene) -> dict[str, Any]:
    wiring = scene.wiring
    reason = refusal(wiring)
    facts: dict[str, Any] = {"refusal": reason.replace("\n", " ")}
    if reason:
        return facts
    return facts | {
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
