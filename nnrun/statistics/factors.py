"""What varies between the settings of a sweep, as factors with levels, and as blocks of a grid."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from nnrun.records.labels import key_names, label, value_text
from nnrun.records.sweep import Sweep

ABSENT = "–"
"""The level of a setting that does not have the key at all, as plain SGD has no momentum."""


def factors(sweep: Sweep) -> dict[str, list[str]]:
    """Find what varies as factors, and the levels of each.

    A key that was tuned for each arm tells settings apart but is no factor: it follows from them.

    Returns:
        By dotted key its levels, two or more, in the words of the labels and in order of first
        appearance: the baseline's level comes first.

    Example:
        >>> from nnrun.records.sweep import LabelledSetting
        >>> arms = [{"lr": 0.1, "init": "zeros"}, {"lr": 0.3, "init": "zeros"}]
        >>> settings = [LabelledSetting(str(i), "", config) for i, config in enumerate(arms)]
        >>> factors(Sweep("complete", settings=settings, varying=["lr"], telling=["lr"]))
        {'lr': ['0.1', '0.3']}
    """
    found = {key: list(dict.fromkeys(texts)) for key, texts in _texts(sweep).items()}
    return {key: several for key, several in found.items() if len(several) > 1}


def names(sweep: Sweep) -> dict[str, str]:
    """Say each factor as labels do: ``hidden`` for ``network.hidden``."""
    keys = sweep.telling
    said = dict(zip(keys, key_names(keys), strict=True))
    return {key: said[key] for key in factors(sweep)}


def levels(sweep: Sweep) -> pd.DataFrame:
    """Say which level of each factor a setting has.

    Returns:
        A row a setting in the order of the sweep, index ``id``; a text column a factor, named by
        its dotted key.
    """
    ids = pd.Index([setting.id for setting in sweep.settings], name="id", dtype=object)
    texts = _texts(sweep)
    columns = {key: texts[key] for key in factors(sweep)}
    return pd.DataFrame(columns, index=ids, columns=list(columns), dtype=object)


def blocks(sweep: Sweep, key: str) -> list[dict[str, str]]:
    """Group the settings that are equal in all factors but one.

    Where two settings of a group have the same level, something else tells them apart: such a
    group is no block, and is left out.

    Returns:
        For each block, in order of first appearance, the id of the setting with each level of the
        factor; at least two levels, in the factor's order.

    Raises:
        KeyError: If the key is not a factor.
    """
    table = levels(sweep)
    order = {level: i for i, level in enumerate(factors(sweep)[key])}
    others = map(tuple, table.drop(columns=key).to_numpy())
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for rest, level, setting in zip(others, table[key], table.index, strict=True):
        groups.setdefault(rest, []).append((level, setting))
    alone = [g for g in groups.values() if len({level for level, _ in g}) == len(g)]
    found = (dict(sorted(g, key=lambda pair: order[pair[0]])) for g in alone)
    return [block for block in found if len(block) > 1]


def is_full_grid(sweep: Sweep) -> bool:
    """Tell whether every combination of levels is there exactly once, of at least one factor."""
    several = factors(sweep)
    combinations = math.prod(len(texts) for texts in several.values())
    table = levels(sweep)
    return bool(several) and len(table) == combinations and not table.duplicated().any()


def _texts(sweep: Sweep) -> dict[str, list[str]]:
    """Write each setting's value of the keys that could be factors, by key."""
    kept = vars(sweep)  # a sweep does not change: what is written of it is kept with it
    if "_texts" not in kept:
        configs = [setting.config for setting in sweep.settings]
        short = len({label(config, sweep.varying, True) for config in configs}) == len(configs)
        keys = (key for key in sweep.telling if key not in sweep.tuned)
        kept["_texts"] = {key: _level_texts(configs, key, short) for key in keys}
    found: dict[str, list[str]] = kept["_texts"]
    return found


def _level_texts(configs: Sequence[Mapping[str, Any]], key: str, short: bool) -> list[str]:
    """Write a key's value in each configuration; in full where rounding would merge values."""
    full = [value_text(config, key) if key in config else ABSENT for config in configs]
    if not short:
        return full
    cut = [value_text(config, key, True) if key in config else ABSENT for config in configs]
    return cut if len(set(cut)) == len(set(full)) else full
