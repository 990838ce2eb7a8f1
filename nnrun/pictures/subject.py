"""A trial to be drawn: what was trained, from which seed, and what came of it."""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nnrun import custom
from nnrun.config.read import read
from nnrun.config.settings import Setting
from nnrun.errors import InputError, Issue, listed, shown
from nnrun.network.mlp import Layer, Params, fans
from nnrun.problem.table import Table
from nnrun.records.record import read_record
from nnrun.records.trials import Curves

OWN = re.compile(r"<class '([^']+)'>")
"""How a record names the class of a user's own component."""


class Subject(NamedTuple):
    """A trial to be drawn.

    Attributes:
        setting: What was trained.
        seed: From which seed.
        params: Its last parameters; the trial axis has length 1.
        curves: Its measurements, each of shape (n_evals,).
    """

    setting: Setting
    seed: int
    params: Params
    curves: Curves

    @property
    def headline(self) -> str:
        """Words for what was trained, on one line."""
        s = self.setting
        layers = [activation.name for activation in s.architecture.activations]
        kinds = "-".join(dict.fromkeys(layers))
        hidden = f"-[{','.join(map(str, s.network.hidden))}]" if s.network.hidden else ""
        shape = f"{len(s.problem.inputs)}{hidden}-{len(s.problem.outputs)} {kinds}"
        return f"{s.data.name} · {shape} · {s.optimizer.name}, lr {shown(s.lr)} · seed {self.seed}"


def from_record(path: Path, seed: int | None = None) -> Subject:
    """Read a trial from its job's record.

    Args:
        path: Of the record.
        seed: Of the trial; None for the first.

    Raises:
        InputError: If the record cannot be read or drawn, or has no such seed.
    """
    record = read_record(path)
    if record.meta["error"]:
        raise InputError(Issue("record", path, "is of a job that failed; nothing was trained"))
    seeds = record.seeds.tolist()
    if seed is not None and seed not in seeds:
        rule = f"is not among the seeds of {path.parent}"
        raise InputError(Issue("seed", seed, rule, f"known: {listed([str(s) for s in seeds])}"))
    trial = 0 if seed is None else seeds.index(seed)
    setting = setting_of(record.meta)
    # copies: a view would keep all other trials in memory
    params = tuple(
        Layer(*(part[trial : trial + 1].copy() for part in layer)) for layer in record.trials.params
    )
    _check(setting, params, path)
    return Subject(setting, seeds[trial], params, record.trials.curves.of(trial))


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
    _require_same_data(setting, meta)
    return setting


def own_components(metas: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the users' own components that records were trained with, as MODULE.CLASS."""
    told = [meta.get("sources") for meta in metas]
    kinds = {kind for one in told if isinstance(one, Mapping) for kind in one.get("own") or ()}
    found = (OWN.fullmatch(str(kind)) for kind in kinds)
    return sorted(match[1] for match in found if match)


def admit_modules(modules: Path, metas: Iterable[Mapping[str, Any]]) -> None:
    """Import from a folder the modules that records need.

    Args:
        modules: The folder, which the user names.
        metas: Of the records.

    Raises:
        InputError: As from `nnrun.custom.admit`.
    """
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


def _require_same_data(setting: Setting, meta: Mapping[str, Any]) -> None:
    """Check that data from a file are what the record was trained on: it may name any file."""
    told = meta.get("sources")
    known = told.get("data") if isinstance(told, Mapping) else None
    if isinstance(setting.data, Table) and setting.sources["data"] != known:
        rule = "is not the file that was trained on, or has changed since"
        raise InputError(Issue("data.path", setting.data.path, rule))


def _configuration(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Write down the configuration that a record was made by, interpolations resolved.

    Empty if a key of it is a value and a section at once.
    """
    config: dict[str, Any] = {"executor": {"name": "local"}}
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


def _check(setting: Setting, params: Params, path: Path) -> None:
    """Check that parameters fit the network; a table may have changed since."""
    expected = fans(len(setting.problem.inputs), setting.sizes, setting.network.shortcut)
    found = tuple(layer.weights.shape[1:] for layer in params)
    if found != expected:
        rule = f"has weights of shapes {found}, and its setting now makes {expected}"
        raise InputError(Issue("record", path, rule, "did the file of its data change?"))
