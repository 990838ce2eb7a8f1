"""What Python asks for, as words of the command line: numbers to the last digit, texts as texts."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString

from nnrun.config.read import SWEEP
from nnrun.errors import InputError, Issue
from nnrun.layout import STUDIES

KEY = re.compile(r"[+~]{0,2}[^\W\d][\w./@-]*")
"""A key as the command line takes it."""

ONCE = (SWEEP, "hydra")
"""Sections that a sweep has once: a list in them is a value."""

WHOLE = ("sweep.tune",)
"""Keys whose value is a mapping."""

WORD = re.compile(r"[^\W\d][\w./*+-]*", re.ASCII)
"""A text that needs no quotes."""

FLAGS = "nnrun.sweep is -m, nnrun.plan a plan, config_dir=... --config-dir"

GRID = 'in a sweep a list is a grid, so a value that is a list stands in one: {"network.hidden": '
GRID += "[[4], [2, 1]]}"


def as_words(
    asked: Mapping[str, Any],
    sweeps: bool,
    experiments: str | Sequence[str] | None = None,
    config_dir: str | PathLike[str] | None = None,
    overrides: Any = (),
) -> list[str]:
    """Write what is asked for as the arguments of ``python -m nnrun``.

    Args:
        asked: Values by key; mappings are sections.
        sweeps: Whether a list is several values, each of which is trained.
        experiments: A study, or several where it sweeps.
        config_dir: The folder of a user's own options.
        overrides: Further arguments, in Hydra's own words.

    Raises:
        InputError: With each key and value that has no word.

    Example:
        >>> as_words({"lr": [0.1, 1e-05], "network.hidden": [[4], [2, 1]]}, sweeps=True)
        ['-m', 'lr=0.1,1e-05', 'network.hidden=[4],[2,1]']
        >>> as_words({"network": {"hidden": [4]}, "data.path": "my, own.csv"}, sweeps=False)
        ['network.hidden=[4]', "data.path='my, own.csv'"]
    """
    issues: list[Issue] = []
    chosen = {} if experiments is None else {STUDIES: _several(experiments)}
    flat = list(_flat({**chosen, **asked}, issues))
    counts = Counter(key.lstrip("+") for key, _ in flat)
    twice = [key for key, count in counts.items() if count > 1]
    issues += [Issue(key, None, "is given twice", "leave one out") for key in twice]
    written = [f"{key}={_text(key, value, sweeps, issues)}" for key, value in flat]
    if isinstance(overrides, str):
        issues.append(Issue("overrides", overrides, "must be a list of texts", f"[{overrides!r}]"))
    for one in overrides:
        if not isinstance(one, str):
            issues.append(Issue("overrides", one, "must be a list of texts", '["lr=0.1"]'))
        elif one.startswith("-"):
            issues.append(Issue("overrides", one, "is a flag, and only keys can be set", FLAGS))
    if issues:
        raise InputError(*issues)
    flags = [] if config_dir is None else [f"--config-dir={Path(config_dir)}"]
    return [*flags, *(["-m"] if sweeps else []), *written, *overrides]


def merged(grid: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Join what was given in a mapping and by keywords.

    Raises:
        InputError: If it is no mapping, or a key is in both.
    """
    if not isinstance(grid, Mapping):
        hint = 'for instance nnrun.sweep({"lr": [0.01, 0.1]})'
        raise InputError(Issue("grid", grid, "must be a mapping of keys to values", hint))
    if both := [key for key in more if key in grid]:
        raise InputError(*(Issue(key, None, "is given twice", "leave one out") for key in both))
    return {**grid, **more}


def _several(experiments: Any) -> Any:
    return list(experiments) if isinstance(experiments, list | tuple) else experiments


def _flat(asked: Mapping[Any, Any], issues: list[Issue], within: str = "") -> Iterator[Any]:
    """Yield dotted keys with their values."""
    for name, value in asked.items():
        if not isinstance(name, str) or not KEY.fullmatch(name):
            issues.append(Issue(within + str(name), None, "is no key", "a key is a word"))
        elif within + name in WHOLE:
            yield within + name, value
        elif isinstance(value, Mapping) and value and "." not in (within, name):
            yield from _flat(value, issues, f"{within}{name}.")
        else:
            yield within + name, value


def _text(key: str, value: Any, sweeps: bool, issues: list[Issue]) -> str:
    """Write a key's value, or several with commas between them."""
    value = _plain(value)
    if not sweeps or not isinstance(value, list) or key.lstrip("+").split(".")[0] in ONCE:
        return _one(key, value, issues)
    if not value:
        issues.append(Issue(key, [], "must be one value or several", GRID))
    return ",".join(_one(key, one, issues) for one in value)


def _plain(value: Any) -> Any:
    """Turn arrays, ranges and their like into lists."""
    if isinstance(value, range):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _one(key: str, value: Any, issues: list[Issue]) -> str:
    try:
        return _word(value)
    except TypeError as error:
        rule = f"has no word on the command line: {error}"
        issues.append(Issue(key, value, rule, "numbers, texts, true or false, None, lists of them"))
        return ""


def _word(value: Any) -> str:
    """Write a value so that Hydra reads the same.

    Raises:
        TypeError: If it is none of a configuration's.
    """
    value = _plain(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_word, value))}]"
    if isinstance(value, Mapping):
        if odd := [name for name in value if not WORD.fullmatch(str(name))]:
            raise TypeError(f"{odd[0]!r} is no key")
        return f"{{{','.join(f'{name}:{_word(one)}' for name, one in value.items())}}}"
    if isinstance(value, str | PathLike):
        text = fspath(value)
        if "${" in text:
            raise TypeError("Hydra fills in what stands in ${...}; in overrides=[...] it may stand")
        return text if _reads_as_itself(text) else QuotedString(text, Quote.single).with_quotes()
    if isinstance(value, type):  # a component of ours or of the user's
        ours = value.__module__.startswith("nnrun.") and "name" in vars(value)
        return str(vars(value)["name"]) if ours else f"{value.__module__}.{value.__qualname__}"
    raise TypeError(f"it is a {type(value).__name__}")


def _reads_as_itself(text: str) -> bool:
    """Say whether Hydra reads a bare text as that text: 1, null and true it does not."""
    if not WORD.fullmatch(text):
        return False
    override = OverridesParser.create().parse_overrides([f"key={text}"])[0]
    return not override.is_sweep_override() and override.value() == text
