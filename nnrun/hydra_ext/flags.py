"""Hydra's flags: taken anywhere between the overrides, and refused in one line."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.synonyms import SYNONYMS

SHELLS = ("bash", "fish", "zsh")
UNKNOWN = "unrecognized arguments: "


def read_flags(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Read the command line, wherever its flags stand.

    Hydra's parser wants all overrides in one piece, and answers others with its usage.

    Args:
        arguments: As given, without the program.

    Returns:
        The flags, and the same arguments in an order that Hydra takes.

    Raises:
        InputError: If a flag is not known, or lacks its value.
    """
    parser, given = get_args_parser(), list(arguments)
    parser.error = Refusal(parser)  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(given)
    if flags.experimental_rerun is not None:
        rule = "runs whatever a pickle holds, so nnrun does not"
        hint = "give the command again: it is in the run's sweep.json"
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

    def __call__(self, message: str) -> NoReturn:
        """Raise argparse's complaint as one of ours."""
        if not message.startswith(UNKNOWN):
            raise InputError(Issue("command line", None, message))
        given = message.removeprefix(UNKNOWN).split()[0]
        hint = _key_of(given) or did_you_mean(given, self._flags)
        raise InputError(Issue(given, None, "is not a flag", hint))


def _key_of(given: str) -> str:
    """Say how a key is set that was written as a flag; nothing if it is none."""
    from nnrun.validate import known_keys

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
