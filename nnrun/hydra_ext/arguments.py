"""The command line before Hydra reads it: its flags, its quotes, and what a group is given."""

import os
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Sweep, ValueType
from hydra.errors import HydraException

from nnrun.documents import FLAG
from nnrun.errors import SYNONYMS, InputError, Issue, as_typed, did_you_mean, listed
from nnrun.records.sweep import SWEEP

SHELLS = ("bash", "fish", "zsh")
UNKNOWN = "unrecognized arguments: "


def read_flags(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Read the command line, wherever its flags stand.

    Hydra's parser wants all overrides in one piece, and answers others with its usage.

    Raises:
        InputError: If a flag is not known, or lacks its value.
    """
    parser, given = get_args_parser(), list(arguments)
    parser.error = Refusal(parser)  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(given)
    if flags.experimental_rerun is not None:
        rule = "runs whatever a pickle holds, so nnrun does not"
        hint = f"give the command again: it is in the run's {SWEEP}"
        raise InputError(Issue("--experimental-rerun", flags.experimental_rerun, rule, hint))
    if flags.shell_completion and "COMP_LINE" not in os.environ:
        _require_install(flags.overrides)
    try:
        parser.parse_args(given)
    except InputError:
        given = _in_order(parser, flags)
    return flags, given


class Refusal:
    """What argparse calls instead of ending the process with a page of usage."""

    def __init__(self, parser: ArgumentParser) -> None:
        self._flags = [name for action in parser._actions for name in action.option_strings]
        self._flags.append(FLAG)

    def __call__(self, message: str) -> NoReturn:
        """Raise argparse's complaint as one of ours."""
        if not message.startswith(UNKNOWN):
            raise InputError(Issue("command line", None, message))
        given = message.removeprefix(UNKNOWN).split()[0]
        hint = _key_of(given) or did_you_mean(given, self._flags)
        raise InputError(Issue(given, None, "is not a flag", hint))


def _key_of(given: str) -> str:
    """Say how a key is set that was written as a flag; nothing if it is none."""
    from nnrun.config.read import known_keys

    name, _, value = given.lstrip("-").partition("=")
    key = name.replace("-", "_")
    if key not in known_keys():
        other = SYNONYMS.get(key.replace("_", "").lower(), ())
        key = next((one for one in other if one in known_keys()), "")
    return f"keys have no dashes: {key}={value or 'VALUE'}" if key else ""


def _require_install(overrides: Sequence[str]) -> None:
    """Check what the completion of a shell is asked for; only the shell itself queries it."""
    verb, _, shell = " ".join(overrides).partition("=")
    if verb not in ("install", "uninstall") or shell not in SHELLS:
        rule = f"takes install=SHELL or uninstall=SHELL, with {listed(SHELLS)}"
        raise InputError(
            Issue("-sc", " ".join(overrides), rule, 'eval "$(nnrun -sc install=bash)"')
        )


def _in_order(parser: ArgumentParser, flags: Namespace) -> list[str]:
    """Write flags before overrides."""
    ordered: list[str] = []
    for action in parser._actions:
        value = getattr(flags, action.dest, None)
        if not action.option_strings or value is None or value is False:
            continue
        flag = action.option_strings[0]
        ordered.append(flag if value is True else f"{flag}={value}")
    ends = ["--"] if any(given.startswith("-") for given in flags.overrides) else []
    return [*ordered, *ends, *flags.overrides]


ASSIGNMENT = re.compile(r"(\+{0,2}[^\W\d][\w./@-]*)=(.+)", re.DOTALL)
USUAL = re.compile(r"[\w /+.$%*@?|:\\-]*", re.ASCII)
"""A value that Hydra reads whatever it is."""

REQUIRE = "report.require"

GRAMMAR = re.compile(r"[\[\](){},'\"]|\$\{")
"""Signs that are more than text."""

CALL = re.compile(r"\b(?:choice|range|interval|tag|glob|sort|shuffle|int|float|str|bool)\(")
"""What is no name, however wrong it is written."""


def quoted(arguments: Sequence[str]) -> list[str]:
    """Quote the values that Hydra cannot read and that can only be meant as text.

    Example:
        >>> quoted(["data.path=größe.csv", "lr=0.1", "data.path=~/d.csv"])
        ['data.path="größe.csv"', 'lr=0.1', 'data.path="~/d.csv"']
        >>> quoted(["report.require=sooner(hidden=[4])"])
        ['report.require="sooner(hidden=[4])"']
    """
    return [_quoted(argument) for argument in arguments]


def readable(override: str) -> str | None:
    """Quote what Hydra cannot read in an override; None if that does not help.

    Example:
        >>> readable("data.drop=[größe,b]"), readable("data.path=data (1).csv")
        ('data.drop=["größe",b]', 'data.path="data (1).csv"')
    """
    parts = ASSIGNMENT.fullmatch(override)
    if not parts:
        return None
    key, value = parts.groups()
    if CALL.search(value) or set(value) & set('"{}'):
        return None
    pieces = re.split(r"([\[\],])", value)
    # a bracket that opens in one piece and closes in another is no part of a text
    whole = all(piece.count("(") == piece.count(")") for piece in pieces)
    guesses = ["".join(map(_as_text, pieces))] if whole else []
    guesses += [] if set(value) & set("[]") else [_as_text(value)]
    return next((f"{key}={guess}" for guess in guesses if _reads(f"{key}={guess}")), None)


def as_list(override: str) -> str | None:
    """Write a value as Hydra's list that is one in another notation; None if it is none.

    Example:
        >>> as_list("network.hidden=(4,4)"), as_list("lr=0.1,0.2,"), as_list("lr=0.1")
        ('network.hidden=[4,4]', 'lr=0.1,0.2', None)
    """
    round_brackets = re.fullmatch(r"([\w.]+=)\(([^()]+)\)", override)
    guess = f"{round_brackets[1]}[{round_brackets[2].rstrip(' ,')}]" if round_brackets else ""
    if override.endswith(","):
        guess = override.rstrip(" ,")
    return guess if guess and _reads(guess) else None


def _quoted(argument: str) -> str:
    parts = ASSIGNMENT.fullmatch(argument)
    if parts and parts[1].lstrip("+") == REQUIRE:
        return _as_requirement(*parts.groups()) or argument
    if not parts or USUAL.fullmatch(parts[2]) or GRAMMAR.search(parts[2]) or _reads(argument):
        return argument
    return readable(argument) or argument


def _as_requirement(key: str, value: str) -> str | None:
    """Quote a finding that is required, which Hydra takes for a call of a function."""
    from nnrun.config.settings import REQUIREMENT

    if not REQUIREMENT.fullmatch(value):
        return None
    quote = "'" if '"' in value else '"'
    return f"{key}={quote}{value.replace(quote, chr(92) + quote)}{quote}"


def _as_text(piece: str) -> str:
    """Quote a piece of a value, unless it is read as it is or has no text."""
    text = piece.strip()
    if not text or text in "[]," or _reads(f"key={text}"):
        return piece
    return f'"{text}"'


def _reads(override: str) -> bool:
    try:
        _parser().parse_overrides([override])[0].value()
    except HydraException:
        return False
    return True


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


OWN_KEY = {"network": "hidden", "features": "terms", "executor": "workers"}
"""The key of a group for which its own name is easily taken."""

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".txt", ".gz")
"""Endings of files that are taken for options of ``data``."""


def option_issues(override: Override, options: Sequence[str]) -> Iterator[Issue]:
    """Yield the rules that the value of a group breaks, before Hydra looks for its file."""
    group, value = override.key_or_group, override.value()
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        yield from glob_issues(override, options)
        return
    for plain in _choices(override):
        if isinstance(value, Sweep) and not isinstance(value, ChoiceSweep):
            plain = str(override.input_line).partition("=")[2]
        elif _can_be_chosen(plain, group):
            continue
        meant = _meant(group, plain, override, options)
        yield Issue(group, as_typed(plain), _rule(group, plain, options), meant)
        return


def glob_issues(override: Override, options: Sequence[str]) -> Iterator[Issue]:
    """Yield the rule that a pattern breaks, if it stands for nothing."""
    pattern: Any = override.value()
    if pattern.filter(list(options)):
        return
    written = str(override.input_line).partition("=")[2]
    key = override.get_key_element()
    hint = f"known: {listed(sorted(options))}" if options else f"'{key}' is no group of options"
    yield Issue(key, written, "stands for no option", hint)


def _choices(override: Override) -> list[Any]:
    """Return the values that a group is given, in plain containers."""
    value: Any = override.value()
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    return [Override._convert_value(choice) for choice in choices]


def _can_be_chosen(value: Any, group: str) -> bool:
    if isinstance(value, list):  # Hydra merges them: of several, the last one counts
        return len(value) == 1 and isinstance(value[0], str) and "/" not in group
    if isinstance(value, dict):  # values of the group's keys
        return group != "experiments" and "/" not in group
    return isinstance(value, str) and value.strip() != ""


def _rule(group: str, value: Any, options: Sequence[str]) -> str:
    if isinstance(value, list) and len(value) > 1 and all(one in options for one in value):
        return "takes one option, and of several the last would count"
    return f"must be the name of an option of the group '{group}'"


def _meant(group: str, value: Any, override: Override, options: Sequence[str]) -> str:
    """Say how the thing that a value looks like is written."""
    parts = value if isinstance(value, list) else [value]
    if value is None and group == "experiments":
        return "leave it out for no study"
    if parts and all(isinstance(one, str) and one in options for one in parts):
        return f"for a sweep over them: -m {group}={','.join(parts)}"
    if group in OWN_KEY and value is not None and not isinstance(value, bool):
        return f"did you mean {group}.{OWN_KEY[group]}={_own_value(group, override)}?"
    if isinstance(value, bool) or value is None:
        return did_you_mean(as_typed(value), options)
    return f"known: {listed(sorted(options))}"


def _own_value(group: str, override: Override) -> str:
    """Write what a group was given as its own key takes it: layers and terms are lists."""
    plain = _choices(override)
    if group != "executor":
        plain = [one if isinstance(one, list) else [one] for one in plain]
    return ",".join(as_typed(one) for one in plain)
