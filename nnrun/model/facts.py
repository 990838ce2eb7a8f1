"""What a network is besides its parameters, as plain values that any file can hold."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nnrun import custom
from nnrun.components import make
from nnrun.config import Setting
from nnrun.errors import InputError, Issue
from nnrun.network.mlp import Architecture
from nnrun.problem import terms  # noqa: F401  (it fills a registry)
from nnrun.problem.encoder import Encoder
from nnrun.problem.features import InputMap, input_map
from nnrun.problem.problem import Task
from nnrun.schema import plain


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
            "entry": section_of(mapped.features),
            "inputs": list(mapped.inputs),
            "names": list(mapped.names),
            "shift": None if mapped.shift is None else mapped.shift.tolist(),
            "scale": None if mapped.scale is None else mapped.scale.tolist(),
        },
        "sizes": list(sizes),
        "activations": [section_of(activation) for activation in net.activations],
        "shortcut": net.shortcut,
        "bias": net.bias,
        "outputs": list(outputs),
        "boundary": boundary,
    }


def input_map_of(facts: Mapping[str, Any]) -> InputMap:
    """Return how inputs are made, from the key ``features`` of facts."""
    shift, scale = facts["shift"], facts["scale"]
    return InputMap(
        component_of("features", facts["entry"]),
        tuple(facts["inputs"]),
        tuple(facts["names"]),
        None if shift is None else np.array(shift, dtype=np.float64),
        None if scale is None else np.array(scale, dtype=np.float64),
    )


def architecture_of(facts: Mapping[str, Any]) -> Architecture:
    """Return what a network computes, from its facts."""
    activations = (component_of("activation", section) for section in facts["activations"])
    return Architecture(tuple(activations), bool(facts["shortcut"]), bool(facts["bias"]))


def section_of(entry: Any) -> dict[str, Any]:
    """Write a component as the section of a configuration that makes it."""
    if custom.is_custom(entry):
        cls = type(entry)
        return {custom.TARGET: f"{cls.__module__}.{cls.__qualname__}", **asdict(entry)}
    return {"name": entry.name, **asdict(entry)}


def component_of(kind: str, section: Mapping[str, Any]) -> Any:
    """Make the component of a section; the module of a user's own is imported already.

    Raises:
        InputError: If there is no such component, or its fields are not these.
    """
    issues: list[Issue] = []
    entry = make(kind, plain(section), issues)
    if issues:
        raise InputError(*issues)
    return entry
