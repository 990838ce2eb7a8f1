"""A million samples through ``learn``. Run: pytest tests/benchmarks/test_neural_network.py."""

import numpy as np
import pytest

from nnrun import NeuralNetwork

N = 1_000_000


def one_by_one(network, inputs, targets):
    for x, y in zip(inputs.tolist(), targets.tolist(), strict=True):
        network.learn(x, y)
    network.forward(inputs[0])


def in_rows(network, inputs, targets):
    network.learn(inputs, targets)


@pytest.mark.parametrize("feed", [in_rows, one_by_one])
def test_a_million_samples(benchmark, feed):
    rng = np.random.default_rng(0)
    points = rng.random((N, 2))
    inputs = np.column_stack([points, points.prod(axis=1)])
    targets = ((points[:, 0] < 0.5) != (points[:, 1] < 0.5))[:, None].astype(float)
    network = NeuralNetwork(3, [2, 1], 1, 0.03)
    network.learn(inputs[:1], targets[:1])
    benchmark.pedantic(feed, args=(network, inputs, targets), rounds=3)
    benchmark.extra_info.update(group="nanoseconds a sample", peer=feed.__name__, amount=N)
