"""Networks from runs, sweeps and files."""

from pathlib import Path

from nnrun.errors import InputError, Issue
from nnrun.model.facts import architecture_of, input_map_of
from nnrun.model.model import Dense, Model
from nnrun.network.files import SavedNetworks, read_networks
from nnrun.problem.encoder import Encoder
from nnrun.problem.problem import Task


def load_network(path: str | Path, seed: int | None = None) -> Model:
    """Load a trained network.

    Args:
        path: A run's folder (outputs/runs/DATE_TIME), the folder of one job of a sweep, its
            record.npz, or a .npz or .json file that ``Model.save`` wrote. A user's own components
            are imported from their modules, so a file is to be trusted as its modules are.
        seed: Which of the networks, if there are several; None for the first, the trial of the
            smallest seed, which ``Model.seed`` then tells.

    Returns:
        The network, ready to predict.

    Raises:
        InputError: If there is no such network, with what there is; or if the path has several
            jobs, with their differences.

    Example:
        >>> model = load_network("outputs/runs/DATE_TIME", seed=3)  # doctest: +SKIP
        >>> model.predict([[0.2, 0.9]])  # doctest: +SKIP
        array([[0.98341]])
    """
    return chosen(read_networks(path), seed)


def chosen(networks: SavedNetworks, seed: int | None) -> Model:
    """Return one of the networks of a file, ready to predict.

    Raises:
        InputError: If there is none of that seed, or the file does not say enough about it.
    """
    place, facts = networks.at(seed), networks.facts
    try:
        encoder, known = facts["encoder"], networks.seeds[place]
        return Model(
            inputs=tuple(facts["inputs"]),
            outputs=tuple(facts["outputs"]),
            task=Task(facts["task"]),
            params=tuple(Dense(*(part[place] for part in layer)) for layer in networks.params),
            architecture=architecture_of(facts),
            input_map=input_map_of(facts["features"]),
            encoder=None if encoder is None else Encoder.from_plain(encoder),
            boundary=float(facts["boundary"]),
            seed=known,
            setting=facts.get("setting"),
            config=facts.get("config", {}),
            samples=facts.get("samples"),
        )
    except KeyError as error:
        rule = f"does not say what its network is: {error} is missing"
    except (TypeError, AttributeError) as error:
        rule = f"does not say what its network is: {error}"
    raise InputError(Issue("path", networks.path, rule, "it can still serve as init=saved"))
