"""Secrets taken out of what is shown and written: passwords, tokens, keys, wherever they stand."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote

from nnrun.calls import words

HIDDEN = "***"
"""What stands for a secret."""

_SECRET = (
    r"[\w.-]*(?:passw|pwd|token|secret|access[_-]?key|api[_-]?key|credential|signature|odbc_conn)"
    r"[\w.-]*"
)
_NAME = re.compile(_SECRET, re.I)
_TOKENISER = re.compile(r"tokeni[sz]\w*", re.I)
_COUNT = re.compile(r"[\d._]+(?:e\d+)?|\{[\w.-]+=[\d._,]+\}|\{[\w.-]+\}", re.I)

# Hydra writes a backslash before colons and equals signs of its arguments
_ONE = re.compile(r"\S*?\\?://")
"""How a text begins that is one address, or an argument that holds one: blanks are part of it."""

_USER = r"([a-z][\w+.-]*\\?)://(?!/)((?:(?!\\?://){})+)@"
_NAMED = rf"({_SECRET}\\?(?:=|:(?![\s/])))(?!\*\*\*)({{}}+)"
_OF_ARGUMENT = re.compile(_USER.format("."), re.I | re.S), re.compile(_NAMED.format("[^&]"), re.I)
_OF_TEXT = (
    re.compile(_USER.format(r"\S"), re.I),
    re.compile(_NAMED.format(r"[^&\s'\"]"), re.I),
)

_BARE = re.compile(r"(?<![\w:/@\\])([\w.-]+\\?):([^\s/@'\"]+)@(?=\w)")
"""A name and a password before a host, where the kind of the address was forgotten."""

_DATABASE = re.compile(r"(postgres|mysql|mariadb|mssql|oracle)", re.I)
"""Addresses in which a name alone is no secret."""

_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY")
_ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")

SHORTEST = 4
"""Letters of a secret that is looked for in texts that do not say where it stands."""


def masked(text: str) -> str:
    """Put ``***`` in the place of passwords and tokens.

    They are found by the shape of addresses: what stands before the last ``@``, whatever letters it
    has, and the values of ``password=``, ``token=`` and their like. In a sentence, which may repeat
    an address in another spelling, those of the command line and the environment are found, too.

    Args:
        text: An address, an argument of a command line, or a sentence.

    Example:
        >>> masked("cannot connect to postgresql://me:secret@host/db")
        'cannot connect to postgresql://me:***@host/db'
        >>> masked("tracking.uri=http://me:p@ss w/rd@host"), masked("https://TOKEN@host?token=a&b=1")
        ('tracking.uri=http://me:***@host', 'https://***@host?token=***&b=1')
        >>> masked("postgresql://me@host/db"), masked("sqlite:////home/me@work/mlflow.db")
        ('postgresql://me@host/db', 'sqlite:////home/me@work/mlflow.db')
    """
    shaped = _shaped(text)
    if _ONE.match(text):
        return shaped
    for secret in _given(tuple(words()), tuple(map(os.environ.get, _VARIABLES + _ADDRESSES))):
        shaped = shaped.replace(secret, HIDDEN)
    return shaped


def masked_words(several: Sequence[str]) -> list[str]:
    """Mask the words of a command, also one behind an option that is called like a secret.

    Example:
        >>> masked_words("train.py --api-key abc --max-tokens 512 --password=xyz -v".split())
        ['train.py', '--api-key', '***', '--max-tokens', '512', '--password=***', '-v']
    """
    return [
        HIDDEN if _announced(option, word) else _shaped(word)
        for option, word in pairwise(["", *several])
    ]


def is_secret(name: str) -> bool:
    """Say whether something is called like a secret; a tokeniser is none."""
    return _NAME.fullmatch(_TOKENISER.sub("", name)) is not None


def _announced(option: str, word: str) -> bool:
    """Say whether a word is a secret, as the option before it says; a number of tokens is none."""
    if not option.startswith("-") or word.startswith("-") or not is_secret(option):
        return False
    return not ("tokens" in option.lower() and _COUNT.fullmatch(word))


def masked_values(plain: Any, key: str = "") -> Any:
    """Mask arguments in plain containers, and all texts whose keys say that they are secret."""
    if isinstance(plain, Mapping):
        return {name: masked_values(value, str(name)) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return type(plain)(masked_values(value) for value in plain)
    if isinstance(plain, str) and plain:
        return HIDDEN if _NAME.fullmatch(key) else _shaped(plain)
    return plain


def _shaped(text: str) -> str:
    """Mask what its shape says is secret."""
    user, named = _OF_ARGUMENT if _ONE.match(text) else _OF_TEXT
    if "://" in text:
        text = user.sub(lambda found: _without_password(found[1], found[2]), text)
    if "@" in text:
        text = _BARE.sub(rf"\1:{HIDDEN}@", text)
    return named.sub(rf"\1{HIDDEN}", text) if "=" in text or ":" in text else text


def _without_password(scheme: str, given: str) -> str:
    name, colon, _ = given.partition(":")
    path = "/" in name and not scheme.lower().startswith("http")
    if not colon and (path or _DATABASE.match(scheme)):
        return f"{scheme}://{name}@"
    return f"{scheme}://{name}:{HIDDEN}@" if colon else f"{scheme}://{HIDDEN}@"


@lru_cache(maxsize=8)
def _given(arguments: tuple[str, ...], environment: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return the secrets of a command line and an environment, in each of their spellings."""
    whole = [value for value in environment[: len(_VARIABLES)] if value]
    places = [*arguments, *filter(None, environment[len(_VARIABLES) :])]
    found = [*whole, *(secret for place in places for secret in _secrets_in(place))]
    found += [word for option, word in pairwise(arguments) if _announced(option, word)]
    # of a password with an @ in it, part is taken for a host
    found += [part for one in found for part in re.split(r"[@/:\s]", one)]
    spelt = {
        spelling
        for one in found
        for spelling in (one, unquote(one), quote(one), quote(one, safe=""))
    }
    return tuple(sorted((one for one in spelt if len(one) >= SHORTEST), key=len, reverse=True))


def _secrets_in(place: str) -> Iterator[str]:
    """Yield what ``masked`` hides in an address or argument."""
    user, named = _OF_ARGUMENT
    for scheme, given in user.findall(place):
        name, colon, password = given.partition(":")
        if colon or not _DATABASE.match(scheme):
            yield (password if colon else name).strip("'\"")
    for _, value in named.findall(user.sub("", place)):
        yield value.strip("'\"")
