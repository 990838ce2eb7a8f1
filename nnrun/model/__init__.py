"""Trained networks after their training: loaded, asked, saved.

- ``model``: a network that takes data as the user has them.
- ``load``: networks from runs, sweeps and files, and what they are besides their parameters.
- ``save``: networks as npz, JSON and CSV.
- ``neural_network``: a network that a program makes, feeds and asks.

``python -m nnrun.model PATH`` does all of it on the command line.
"""

from nnrun.model.load import load_network
from nnrun.model.model import Model
from nnrun.model.neural_network import NeuralNetwork

__all__ = ["Model", "NeuralNetwork", "load_network"]
