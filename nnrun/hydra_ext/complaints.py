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
        hint = "quote it for the shell and for Hydra, as in 'features.terms=[x,y]'"
        return InputError(Issue(f"'{error.override}'", None, f"cannot be read: {reason}", hint))
    wrong_key = re.match(r"(?:In '[^']*': )?Could not override '([^']+)'", text)
    if isinstance(error, ConfigCompositionException) and wrong_key:
        key = wrong_key[1].split("@")[0]
        return InputError(Issue(key, None, "is not a known key", did_you_mean(key, known_keys())))
    return InputError(Issue("configuration", None, text))


def _missing(error: MissingConfigException, text: str) -> Issue:
    path = error.missing_cfg_file or ""
    group, _, option = str(path).rpartition("/")
    if not group or not error.options:
        return Issue(str(path) or "configuration", None, text)
    hint = did_you_mean(option, error.options)
    return Issue(group, option, f"is not an option of the group '{group}'", hint)
