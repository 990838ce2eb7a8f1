"""Networks for use: made or loaded, fed, asked, saved.

- ``neural_network``: the class, as far as it learns.
- ``model``: its base, as far as it is asked.
- ``arguments``: what it is made of, checked as a configuration is.
- ``samples``: what a user hands to it, as arrays.
- ``progress``: how one learns, and how far it has come.
- ``learning``: batches and epochs, by the engines of sweeps.
- ``waiting``: samples that are given one at a time, and their losses.
- ``load``: networks from runs, sweeps and files, and what they are besides their parameters.
- ``save``: networks as npz, JSON and CSV.

``python -m nnrun.model PATH`` asks and saves on the command line.
"""

from nnrun.model.load import load_network
from nnrun.model.neural_network import NeuralNetwork

__all__ = ["NeuralNetwork", "load_network"]
