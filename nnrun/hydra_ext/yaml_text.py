"""OmegaConf's YAML, written entry by entry so that what was written before is not written again.

In block style a mapping's text is the text of its entries, one after the other, and an entry's
text depends on its key, its value and its depth alone.
"""

import pickle
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf._utils import get_omega_conf_dumper

from nnrun.masking import masked_values

DEEPEST = 2
"""Below this depth an entry is written as a whole."""


def mapping_text(plain: Mapping[Any, Any], depth: int = 0) -> str:
    r"""Write a mapping as ``OmegaConf.to_yaml`` does, byte by byte.

    Args:
        plain: Plain containers, without enums; no container occurs twice in it.
        depth: How many mappings it stands in.

    Returns:
        Its text; empty only if the mapping is empty and stands in another.

    Example:
        >>> mapping_text({"lr": 0.1, "network": {"hidden": [2, 1]}})
        'lr: 0.1\nnetwork:\n  hidden:\n  - 2\n  - 1\n'
    """
    if not plain and depth == 0:
        return "{}\n"
    return "".join(_entry_text(key, value, depth) for key, value in plain.items())


def list_text(plain: list[str]) -> str:
    """Write a list of strings as ``OmegaConf.to_yaml`` does."""
    return _dump(plain)


def write_masked(config: Any, path: Path) -> None:
    """Write a configuration as ``OmegaConf.save`` does, but for its secrets."""
    plain = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    OmegaConf.save(OmegaConf.create(masked_values(plain)), path)


def mask_file(path: Path) -> None:
    """Write a YAML file of Hydra's anew if it holds a secret; one that is not there stays so."""
    if path.is_file():
        config = OmegaConf.load(path)
        plain = OmegaConf.to_container(config, resolve=False)
        if masked_values(plain) != plain:
            write_masked(config, path)


def _entry_text(key: Any, value: Any, depth: int) -> str:
    if depth < DEEPEST and isinstance(value, dict) and value:
        with_x = _known_text(pickle.dumps((key, "x")), depth)
        # a key too long for one line stands after a question mark, and its value with it
        if not with_x.lstrip().startswith("?"):
            return with_x.removesuffix(" x\n") + "\n" + mapping_text(value, depth + 1)
    return _known_text(pickle.dumps((key, value)), depth)


@lru_cache(maxsize=4096)
def _known_text(pickled: bytes, depth: int) -> str:
    """Return the text of an entry; by pickle, which tells 1 from 1.0, True and -0.0 from 0.0."""
    key, value = pickle.loads(pickled)
    nested: Any = {key: value}
    for _ in range(depth):
        nested = {"in": nested}
    return _dump(nested).split("\n", depth)[depth]


def _dump(plain: Any) -> str:
    text: str = yaml.dump(
        plain,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
        Dumper=get_omega_conf_dumper(),
    )
    return text
