"""What tells the settings of a sweep apart, and what each is called."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from nnrun.errors import as_typed
from nnrun.records.sweep import LabelledSetting

LONGEST = 12
"""Characters of a number that someone would write out."""


def describe(
    configs: Mapping[str, Mapping[str, Any]], tuned: Collection[str] = ()
) -> dict[str, Any]:
    """Say what varies between the settings of a sweep, and what does not.

    Args:
        configs: The flat configuration of each setting, by id.
        tuned: Dotted keys that were tuned for each setting: no part of what it is called, unless
            nothing else tells it from another.

    Returns:
        ``settings`` (labelled), ``varying`` (dotted keys), ``telling`` (those of them that do not
        follow from others, nor were tuned) and ``constant`` (a flat mapping).
    """
    varying = varying_keys(list(configs.values()))
    first = next(iter(configs.values()), {})
    every = telling_keys(list(configs.values()), varying)
    telling = [key for key in every if key not in tuned]
    for keys, short in ((telling, True), (every, True), (varying, True), (varying, False)):
        labels = [label(config, keys, short) for config in configs.values()]
        if len(set(labels)) == len(labels):
            break
    telling = telling if keys is telling else every
    return {
        "settings": [
            LabelledSetting(key, name, config)
            for name, (key, config) in zip(labels, configs.items(), strict=True)
        ],
        "varying": varying,
        "telling": telling,
        "constant": {key: value for key, value in first.items() if key not in varying},
    }


def varying_keys(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the dotted keys whose values differ between flat configurations, in their order."""
    keys = dict.fromkeys(key for config in configs for key in config)
    # by their spelling, which tells 1 from 1.0
    return [key for key in keys if len({repr(config.get(key)) for config in configs}) > 1]


def telling_keys(configs: Sequence[Mapping[str, Any]], varying: Sequence[str]) -> list[str]:
    """Leave out keys that only follow from the choice of a component.

    Example:
        >>> sgd = {"optimizer.name": "sgd"}
        >>> adam = {"optimizer.name": "adam", "optimizer.beta1": 0.9}
        >>> telling_keys([sgd, adam], ["optimizer.name", "optimizer.beta1"])
        ['optimizer.name']
        >>> other = {**adam, "optimizer.beta1": 0.5}
        >>> telling_keys([sgd, adam, other], ["optimizer.name", "optimizer.beta1"])
        ['optimizer.name', 'optimizer.beta1']
    """
    return [key for key in varying if not _follows(configs, key, varying)]


def _follows(configs: Sequence[Mapping[str, Any]], key: str, varying: Sequence[str]) -> bool:
    """Say whether a key's value is settled by the name that its component goes by."""
    chosen = f"{key.split('.', 1)[0]}.name"
    if key == "network.output":
        chosen = "loss.name"
    if key == chosen or chosen not in varying or key == "features.terms":
        # the terms are what a list of terms goes by: see ``_said``
        return key == "features.terms" and "features.name" in varying
    values: dict[Any, set[str]] = {}
    for config in configs:
        if key in config:
            values.setdefault(config.get(chosen), set()).add(json.dumps(config[key]))
    return all(len(several) == 1 for several in values.values())


def label(config: Mapping[str, Any], varying: Sequence[str], short: bool = False) -> str:
    """Name a setting by the keys that vary, cut to their last part where that is clear.

    A lone setting is named by its data and hidden layers.

    Args:
        config: Flat.
        varying: Dotted keys.
        short: Whether numbers with many digits, as a random draw has them, are cut to four.

    Example:
        >>> label({"lr": 0.1, "network.hidden": [4]}, ["lr", "network.hidden"])
        'lr=0.1 hidden=[4]'
        >>> label({"lr": 0.08254841637443738}, ["lr"], short=True)
        'lr=0.08255'
    """
    keys = [key for key in varying or ("data.name", "network.hidden") if key in config]
    pairs = zip(key_names(keys), keys, strict=True)
    return " ".join(f"{name}={value_text(config, key, short)}" for name, key in pairs)


def key_names(keys: Sequence[str]) -> list[str]:
    """Say dotted keys as labels do: by their last part where that is clear.

    Example:
        >>> key_names(["data.name", "network.hidden", "optimizer.lr", "schedule.lr"])
        ['data', 'hidden', 'optimizer.lr', 'schedule.lr']
    """
    # data.name=xor reads better as data=xor
    spoken = [key.removesuffix(".name") for key in keys]
    last = [key.rsplit(".", 1)[-1] for key in spoken]
    return [end if last.count(end) == 1 else key for key, end in zip(spoken, last, strict=True)]


def value_text(config: Mapping[str, Any], key: str, short: bool = False) -> str:
    """Write the value of a key as labels do.

    Args:
        config: Flat; has the key.
        key: Dotted.
        short: Whether numbers with many digits are cut to four.
    """
    return (_rounded if short else as_typed)(_said(config, key))


def _said(config: Mapping[str, Any], key: str) -> Any:
    """Return the value to show for a key: a list of terms says more than that it is one."""
    if key == "features.name" and config.get("features.terms"):
        return config["features.terms"]
    return config[key]


def _rounded(value: Any) -> str:
    long = isinstance(value, float) and len(repr(value)) > LONGEST
    return f"{value:.4g}" if long else as_typed(value)
