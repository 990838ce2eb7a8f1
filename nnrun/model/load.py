"""Networks and settings from records and files, and what a network is, as plain values."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnrun import custom
from nnrun.config.components import from_section, make, to_section
from nnrun.config.read import read
from nnrun.config.schema import build, plain
from nnrun.config.settings import Network, Setting
from nnrun.errors import InputError, Issue, listed
from nnrun.model.arguments import KINDS, Fed, of_steps
from nnrun.model.learning import State
from nnrun.model.neural_network import NeuralNetwork
from nnrun.network.initializers import Uniform
from nnrun.network.mlp import Architecture, taken
from nnrun.network.penalties import Clipping, Penalties
from nnrun.problem.column_encoder import Encoder
from nnrun.problem.features import InputMap, input_map
from nnrun.problem.problem import Task
from nnrun.problem.table import Table
from nnrun.records.networks import UNKNOWN, network_at, read_networks
from nnrun.records.record import Record, read_record

SCALING = ("shift", "scale")

ENGINES = ("compiled", "reference")
"""Those that can go on."""

OWN = re.compile(r"<class '([^']+)'>")
"""How a record names the class of a user's own component."""


def network_facts(setting: Setting) -> dict[str, Any]:
    """Say what the networks of a setting take, compute and mean: ``facts_of`` its parts."""
    problem = setting.problem
    mapped = input_map(setting.data, setting.features)
    sizes = (len(mapped.names), *setting.sizes)
    net, boundary = setting.architecture, setting.loss.boundary
    return facts_of(problem.task, problem.encoder, mapped, net, sizes, problem.outputs, boundary)


def facts_of(
    task: Task,
    encoder: Encoder | None,
    mapped: InputMap,
    net: Architecture,
    sizes: Sequence[int],
    outputs: Sequence[str],
    boundary: float,
) -> dict[str, Any]:
    """Write a network's facts as values fit for JSON; ``nnrun.model.save`` describes the keys."""
    return {
        "task": str(task),
        "inputs": list(encoder.names if encoder else mapped.inputs),
        "encoder": encoder.to_plain() if encoder else None,
        "features": {
            "entry": to_section(mapped.features),
            "inputs": list(mapped.inputs),
            "names": list(mapped.names),
            "shift": None if mapped.shift is None else mapped.shift.tolist(),
            "scale": None if mapped.scale is None else mapped.scale.tolist(),
        },
        "sizes": list(sizes),
        "activations": [to_section(activation) for activation in net.activations],
        "shortcut": net.shortcut,
        "bias": net.bias,
        "outputs": list(outputs),
        "boundary": boundary,
    }


def load_network(path: str | Path, seed: int | None = None) -> NeuralNetwork:
    """Load a trained network.

    Args:
        path: A run's folder (outputs/runs/DATE_TIME), the folder of one job of a sweep, its
            record.npz, or a .npz or .json file that ``NeuralNetwork.save`` wrote. It imports
            nothing: a user's own components are taken from modules that are imported already.
        seed: Which of the networks, if there are several; None for the first, the trial of the
            smallest seed, which ``seed`` then tells.

    Returns:
        The network, ready to predict, and to learn on where the path says how it was trained. The
        optimizer then remembers if its state was kept, by ``keep_state=true`` or in a file of
        ``NeuralNetwork.save``; else it begins anew, and the schedule goes on.

    Raises:
        InputError: If there is no such network, with what there is; or if the path has several
            jobs, with their differences.

    Example:
        >>> model = load_network("outputs/runs/DATE_TIME", seed=3)  # doctest: +SKIP
        >>> model.predict([[0.2, 0.9]])  # doctest: +SKIP
        array([[0.98341]])
    """
    record = read_networks(path)
    if record.meta["config"].get("keep_state"):  # it is left out where only networks are read
        memory = read_record(record.path, "trials", "path").trials.memory
        record = replace(record, trials=replace(record.trials, memory=memory))
    return chosen(record, seed)


def chosen(record: Record, seed: int | None) -> NeuralNetwork:
    """Return one of the networks of a record, as of ``read_networks``, ready to predict.

    Raises:
        InputError: If there is none of that seed, or the file does not say enough about it.
    """
    place, facts = network_at(record, seed), record.meta.get("network", {})
    known = int(record.seeds[place])
    try:
        encoder, mapped = facts["encoder"], facts["features"]
        architecture = Architecture(
            tuple(from_section("activation", section) for section in facts["activations"]),
            bool(facts["shortcut"]),
            bool(facts["bias"]),
        )
        how, batch_size = _training(record, architecture)
        model = NeuralNetwork.described(
            how,
            batch_size,
            _state(record, place),
            inputs=tuple(facts["inputs"]),
            outputs=tuple(facts["outputs"]),
            task=Task(facts["task"]),
            architecture=architecture,
            input_map=InputMap(
                from_section("features", mapped["entry"]),
                tuple(mapped["inputs"]),
                tuple(mapped["names"]),
                *(None if mapped[k] is None else np.array(mapped[k], np.float64) for k in SCALING),
            ),
            encoder=None if encoder is None else Encoder.from_plain(encoder),
            boundary=float(facts["boundary"]),
            seed=None if known == UNKNOWN else known,
            setting=record.meta["setting"],
            config=record.meta["config"],
            seen=record.meta["samples"],
        )
        rule = _contradiction(model)
        if not rule:
            return model
    except KeyError as error:
        rule = f"does not say what its network is: {error} is missing"
    except InputError as error:
        rule = f"names what its network cannot be made of: {error.issues[0]}"
    except (TypeError, AttributeError, ValueError) as error:
        rule = f"does not say what its network is: {error}"
    raise InputError(Issue("path", record.path, rule, "it can still serve as init=saved"))


def _training(record: Record, net: Architecture) -> tuple[Setting | str, int | None]:
    """Say how a network was trained, and with which batches; or why nobody can say."""
    facts, config = record.meta["network"], _configuration(record.meta)
    try:
        issues: list[Issue] = []
        named = {kind: make(kind, plain(config[kind]), issues) for kind in KINDS if kind != "init"}
        groups = {"penalties": Penalties, "clip": Clipping}
        parts = {k: build(cls, plain(config[k]), issues, f"{k}.") for k, cls in groups.items()}
        if issues:
            return f"was trained by what is not known here: {issues[0]}", None
        *hidden, output = net.activations
        data = Fed(tuple(facts["features"]["names"]), tuple(facts["outputs"]), facts["task"])
        sizes, dropout = tuple(facts["sizes"][1:-1]), float(config["network"]["dropout"])
        how = of_steps(
            data,
            lr=float(config["lr"]),
            budget=int(config["budget"]),
            network=Network(sizes, tuple(hidden), output, net.shortcut, net.bias, dropout),
            init=Uniform(),  # it has its weights
            backprop=config["backprop"],
            # the one that trained it, whose last bits are its own, as is its optimizer's state
            engine=engine if (engine := record.trials.engine) in ENGINES else "auto",
            **named,
            **parts,
        )
        return how, config["batch_size"]
    except (KeyError, TypeError, ValueError):
        return "does not say how it was trained, so it cannot learn", None


def _state(record: Record, place: int) -> State:
    """Return where a network's learning stands; unless its file says the steps, they follow."""
    meta, params = record.meta, taken(record.trials.params, slice(place, place + 1))
    samples = meta["samples"] or 0
    steps = meta["network"].get("steps", samples // (meta["config"].get("batch_size") or 1))
    memory = tuple(part[place : place + 1] for part in record.trials.memory)
    return State(params, memory, steps, samples)


def _contradiction(model: NeuralNetwork) -> str:
    """Say where a network is not what the file says of it; empty if it is."""
    mapped, encoder, layers = model.input_map, model.encoder, model.weights
    names = len(mapped.names)
    encoded = tuple(encoder.inputs if encoder else model.inputs)
    classes = len(encoder.classes) if encoder else 0
    pairs = {
        "activations": (len(model.architecture.activations), len(layers)),
        "outputs": (len(model.outputs), len(layers[-1].bias)),
        "features": (names, len(layers[0].weights)),
        "features of its inputs": (len(mapped.features.names(mapped.inputs)), names),
        "shifts": (len(mapped.shift) if mapped.shift is not None else names, names),
        "scales": (len(mapped.scale) if mapped.scale is not None else names, names),
        "classes": (classes, max(len(model.outputs), 2) if classes else 0),
    }
    wrong = [f"{said} {what}, and has {n}" for what, (said, n) in pairs.items() if said != n]
    if tuple(mapped.inputs) != encoded:
        wrong.append("other inputs of its features than of its data")
    return f"names {wrong[0]}" if wrong else ""


def setting_of(meta: Mapping[str, Any]) -> Setting:
    """Build the setting of a record anew; files that its data come from are read again.

    Args:
        meta: As `nnrun.records.record.Record.meta`.

    Raises:
        InputError: If this version of nnrun reads the configuration otherwise, a file of its data
            is not the one that was trained on, or it needs a module that was not imported.
    """
    config = _configuration(meta)
    setting = read(config).setting if config else None
    if setting is None or setting.id != meta["setting"]:
        rule = "is not what its configuration now makes"
        hint = "it was trained by another version of nnrun"
        raise InputError(Issue("setting", meta["setting"], rule, hint))
    told = meta.get("sources")
    known = told.get("data") if isinstance(told, Mapping) else None
    if isinstance(setting.data, Table) and setting.sources["data"] != known:  # it may name any file
        rule = "is not the file that was trained on, or has changed since"
        raise InputError(Issue("data.path", setting.data.path, rule))
    return setting


def own_components(metas: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the users' own components that records were trained with, as MODULE.CLASS."""
    told = [meta.get("sources") for meta in metas]
    kinds = {kind for one in told if isinstance(one, Mapping) for kind in one.get("own") or ()}
    found = (OWN.fullmatch(str(kind)) for kind in kinds)
    return sorted(match[1] for match in found if match)


def admit_modules(modules: Path, metas: Iterable[Mapping[str, Any]]) -> None:
    """Import the modules that records need from a folder, which the user names: `custom.admit`."""
    custom.admit(modules, {custom.TARGET: own_components(metas)})


def not_imported(metas: Iterable[Mapping[str, Any]]) -> str:
    """Say in a sentence which components are left out, and how to have them; empty if none are."""
    names = [name for name in own_components(metas) if name.rpartition(".")[0] not in sys.modules]
    if not names:
        return ""
    return (
        f"Networks with {listed(names, 5)} are left out: a record may be a stranger's, so its "
        "modules are not imported. --modules FOLDER, where they are, has them imported."
    )


def _configuration(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Write down the configuration that a record was made by, interpolations resolved.

    Empty if a key of it is a value and a section at once.
    """
    config: dict[str, Any] = {"executor": {"name": "threads"}}
    config |= {"report": {"name": meta.get("report") or "off"}}
    config |= {key: meta.get(key) for key in ("seed", "seeds", "name", "tracking")}
    for key, value in meta["config"].items():
        *sections, last = key.split(".")
        if last == "name" and "." in str(value):  # a user's own component goes by its class
            last = custom.TARGET
        place = config
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                return {}
        place[last] = value
    # activations have fields, which their labels in a flat configuration only tell of
    *hidden, output = meta.get("network", {}).get("activations") or [None]
    network = config.get("network")
    if output is not None and isinstance(network, dict):
        network["output"] = output
        if hidden:
            several = isinstance(network.get("activation"), list)
            network["activation"] = hidden if several else hidden[0]
    return config
