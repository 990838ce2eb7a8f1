"""Back-propagation against central finite differences, over pairs of all that makes a network."""

import numpy as np
import pytest

from nnrun.network.activations import ACTIVATIONS, Elu, LeakyRelu
from nnrun.network.losses import Huber
from nnrun.network.mlp import Architecture, Layer, backward, fans, forward
from tests.pairs import all_pairs, every_loss, fits, label, network_factors

STEP = 1e-6
TRIALS, BATCH, INPUTS, OUTPUTS = 2, 4, 3, 3
FACTORS = {
    "loss": [*every_loss(), Huber(delta=0.25)],
    **network_factors(),
    "shortcut": [False, True],
    "bias": [True, False],
    "dropout": [False, True],
}
FACTORS["hidden"] = [(), (4,), (3, 4), (2, 1)]
FIELDS = {"leaky_relu": LeakyRelu(slope=0.3), "elu": Elu(alpha=0.5)}


def draw(rng, row):
    """Return first parameters, inputs, targets, and dropout masks or None."""
    sizes = fans(INPUTS, (*row["hidden"], OUTPUTS), row["shortcut"])
    params = tuple(
        Layer(rng.normal(0, 0.8, (TRIALS, a, b)), rng.normal(0, 0.5, (TRIALS, 1, b)) * row["bias"])
        for a, b in sizes
    )
    targets = np.eye(OUTPUTS)[rng.integers(OUTPUTS, size=(TRIALS, BATCH))]
    masks = [rng.choice([0.0, 2.0], (TRIALS, BATCH, n)) for n in row["hidden"]]
    return (
        params,
        rng.normal(size=(TRIALS, BATCH, INPUTS)),
        targets,
        masks if row["dropout"] else None,
    )


def moved(params, index, part, place, distance):
    """Return the parameters with one of them moved in every trial."""
    layers = [list(layer) for layer in params]
    layers[index][part] = layers[index][part].copy()
    layers[index][part][(slice(None), *place)] += distance
    return tuple(Layer(*layer) for layer in layers)


def assert_gradient_matches(rng, row, activations):
    params, x, targets, masks = draw(rng, row)
    net, loss = Architecture(activations, row["shortcut"], row["bias"]), row["loss"]

    def mean_loss(changed):
        run = forward(changed, x, net, masks)
        return loss.value(run.z[-1], run.outputs, targets).mean(axis=1)

    grads = backward(params, forward(params, x, net, masks), targets, net, loss, masks)
    for index, layer in enumerate(params):
        for part, array in enumerate(layer):
            for place in np.ndindex(array.shape[1:]):
                exact = grads[index][part][(slice(None), *place)]
                if part and not row["bias"]:
                    np.testing.assert_array_equal(exact, 0)
                    continue
                up, down = (mean_loss(moved(params, index, part, place, s)) for s in (STEP, -STEP))
                np.testing.assert_allclose(exact, (up - down) / (2 * STEP), rtol=2e-6, atol=2e-9)


@pytest.mark.parametrize("row", all_pairs(FACTORS, fits), ids=label)
def test_gradient_matches_finite_differences(row, rng):
    names = [*[row["activation"]] * len(row["hidden"]), row["output"]]
    assert_gradient_matches(rng, row, tuple(ACTIVATIONS[name]() for name in names))


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_fields_of_an_activation_are_in_its_gradient(name, rng):
    row = {"hidden": (4, 3), "loss": Huber(), "shortcut": False, "bias": True, "dropout": False}
    assert_gradient_matches(rng, row, (FIELDS[name],) * 3)
