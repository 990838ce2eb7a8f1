"""Trained networks after their training: loaded, asked, saved.

- ``model``: a network that takes data as the user has them.
- ``samples``: such data as rows of finite numbers.
- ``load``: networks from runs, sweeps and files.
- ``facts``: what a network is besides its parameters, as plain values.
- ``save``: networks as npz, JSON and CSV.
- ``neural_network``: a network that a program makes, feeds and asks (with ``fed``).

``python -m nnrun.model PATH`` does all of it on the command line.
"""

from nnrun.model.load import load_network
from nnrun.model.model import Model
from nnrun.model.neural_network import NeuralNetwork

__all__ = ["Model", "NeuralNetwork", "load_network"]
