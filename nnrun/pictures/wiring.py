"""A network's units and links at their places, apart from any drawing."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnrun.config import Setting
from nnrun.network.mlp import Params
from nnrun.problem.problem import Array

MOST_UNITS = 12
"""Of a layer, and of inputs, up to which a diagram can be read."""


class Wiring(NamedTuple):
    """Where units are and which are linked; a unit's place is (layer, height).

    Attributes:
        places: Shape (unit, 2): the layer, 0 for inputs, and the height, between -1 and 1. Inputs
            come first, then one layer after the other.
        names: Of each unit; empty for hidden ones.
        links: The two units of each link, shape (link, 2), the earlier first.
        shortcut: Whether a link skips a layer, shape (link,).
        layers: Units of each layer, inputs first.
    """

    places: Array
    names: tuple[str, ...]
    links: npt.NDArray[np.intp]
    shortcut: npt.NDArray[np.bool_]
    layers: tuple[int, ...]


def wiring_of(setting: Setting) -> Wiring:
    """Place the units of a setting's network, and list its links in the order of ``weights``."""
    inputs, outputs = setting.problem.inputs, setting.problem.outputs
    layers = (len(inputs), *setting.sizes)
    firsts = np.cumsum([0, *layers])
    places = [
        (float(i), height) for i, n in enumerate(layers) for height in _heights(n, max(layers))
    ]
    links, shortcut = [], []
    for i in range(1, len(layers)):
        below = [(unit, False) for unit in range(firsts[i - 1], firsts[i])]
        if i > 1 and setting.network.shortcut:
            below += [(unit, True) for unit in range(layers[0])]
        for start, skips in below:
            links += [(start, end) for end in range(firsts[i], firsts[i + 1])]
            shortcut += [skips] * layers[i]
    hidden = ("",) * sum(layers[1:-1])
    return Wiring(
        np.array(places),
        (*inputs, *hidden, *outputs),
        np.array(links, dtype=np.intp),
        np.array(shortcut, dtype=np.bool_),
        layers,
    )


def weights(params: Params) -> Array:
    """Return one trial's weights, shape (link,), in the order of a wiring's links."""
    return np.concatenate([layer.weights[0].ravel() for layer in params])


def biases(params: Params) -> Array:
    """Return one trial's biases, shape (unit,), inputs left out."""
    return np.concatenate([layer.bias[0, 0] for layer in params])


def bend(wiring: Wiring, link: int) -> Array:
    """Trace a link, shape (points, 2): a straight line, or a curve around what it skips."""
    start, end = wiring.places[wiring.links[link]]
    if not wiring.shortcut[link]:
        return np.array([start, end])
    middle = np.array([(start[0] + end[0]) / 2, -1.75])
    t = np.linspace(0, 1, 25)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
    return np.asarray(curve)


def refusal(wiring: Wiring) -> str:
    """Say why a network is too large to be drawn; empty if it is not."""
    most = max(wiring.layers)
    if most <= MOST_UNITS:
        return ""
    which = "inputs" if wiring.layers[0] == most else "units in a layer"
    return f"not drawn: {most:,} {which};\nup to {MOST_UNITS} can be read"


def _heights(n: int, most: int) -> Array:
    """Spread units over the height, the first on top; short layers stay close together."""
    step = 2 / max(most - 1, 3)
    return np.asarray(step * ((n - 1) / 2 - np.arange(n)), np.float64)
