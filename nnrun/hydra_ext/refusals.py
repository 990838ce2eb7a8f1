"""What Hydra cannot use: errors that it raises itself, whatever their type, are the input's."""

import sys
from collections.abc import Sequence

from nnrun.errors import InputError, Issue

OWN = {"hydra", "omegaconf", "antlr4", "yaml"}
"""Packages that read, compose and use the configuration, and nothing else."""

ADDED = ("hydra.mode=RUN", "hydra.mode=MULTIRUN")
"""Overrides that Hydra adds to those that were given."""

HYDRAS_KEYS = "Hydra's keys are in --hydra-help"

MOST_SHOWN = 300
"""Characters of an error's text."""


def raised_by_hydra(error: BaseException) -> bool:
    """Say whether Hydra itself raised an error, rather than what it was asked to run."""
    innermost, trace = "", error.__traceback__
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package not in sys.stdlib_module_names:
            innermost = package
        trace = trace.tb_next
    return innermost in OWN


def refusal(error: BaseException, arguments: Sequence[str]) -> InputError:
    """Say in one line what Hydra could not use.

    Args:
        error: As Hydra raised it.
        arguments: The command line, without the program.
    """
    reason = _reason(error)
    given = [
        text for text in arguments if text.lstrip("+~").startswith("hydra") and text not in ADDED
    ]
    if not given:
        return InputError(Issue("command line", None, reason))
    rule = f"cannot be used by Hydra ({reason})"
    return InputError(Issue(" ".join(given), None, rule, HYDRAS_KEYS))


def _reason(error: BaseException) -> str:
    """Return what an error and its cause say, on one line."""
    cause = error.__cause__ or error.__context__
    texts = [" ".join(str(e).split()) for e in (error, cause) if e is not None]
    words = ": ".join(dict.fromkeys(filter(None, texts))) or type(error).__name__
    return words if len(words) <= MOST_SHOWN else words[:MOST_SHOWN] + "..."
