"""Hydra's composition errors, said in nnrun's words: the key, the value, the likely fix."""

import re

from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.validate import known_keys


def in_our_words(error: Exception) -> InputError:
    """Turn an error of Hydra or OmegaConf into ours; an InputError stays what it is."""
    if isinstance(error, InputError):
        return error
    text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
    if isinstance(error, MissingConfigException):
        return InputError(_missing(error, text))
    if isinstance(error, OverrideParseException):
        reason = text.split(" See https", 1)[0]
        terms = '[x,"sin(x)"]' if "Unknown function" in reason else "[x,y]"
        hint = f"quote it for the shell and for Hydra, as in 'features.terms={terms}'"
        return InputError(Issue(f"'{error.override}'", None, f"cannot be read: {reason}", hint))
    several = re.match(r"Ambiguous value for argument '([^']+)'", text)
    if several:
        hint = f"add -m before the overrides, as in: python -m nnrun -m {several[1]}"
        return InputError(Issue(several[1], None, "several values need a sweep", hint))
    wrong_key = re.match(r"(?:In '[^']*': )?Could not override '([^']+)'", text)
    if isinstance(error, ConfigCompositionException) and wrong_key:
        key = wrong_key[1].split("@")[0]
        return InputError(Issue(key, None, "is not a known key", _meant(key)))
    merging = re.fullmatch(r"Error merging override (.*)", text)
    if merging and error.__context__ is not None:
        return InputError(Issue(merging[1], None, _first_line(error.__context__)))
    return InputError(Issue("configuration", None, text))


def _first_line(error: BaseException) -> str:
    """Return the words of OmegaConf's error; lines below say where it looked."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


ELSEWHERE = {
    "learning_rate": "lr",
    "batch": "batch_size",
    "epochs": "budget",
    "steps": "budget",
    "hidden": "network.hidden",
    "layers": "network.hidden",
    "activation": "network.activation",
    "momentum": "optimizer",
}
"""What other tools call our keys."""


def _meant(key: str) -> str:
    """Suggest a key; where none is close, list the top level rather than everything."""
    if key in ELSEWHERE:
        return f"did you mean '{ELSEWHERE[key]}'?"
    guess = did_you_mean(key, known_keys())
    if guess.startswith("did"):
        return guess
    return did_you_mean(key, [known for known in known_keys() if "." not in known])


def _missing(error: MissingConfigException, text: str) -> Issue:
    path = error.missing_cfg_file or ""
    group, _, option = str(path).rpartition("/")
    if not group or not error.options:
        return Issue(str(path) or "configuration", None, text)
    hint = did_you_mean(option, error.options)
    return Issue(group, option, f"is not an option of the group '{group}'", hint)
