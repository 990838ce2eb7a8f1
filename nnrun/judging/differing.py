"""What tells commands apart: the options in which they differ, else their words."""

import math
import re
from collections.abc import Sequence, Set
from itertools import takewhile

COMMAND = "command"
"""What tells settings apart where no name does."""

NOTHING = "none"
"""How a value is called that is empty, and what one command has more than another."""

_OPTION = re.compile(r"[-+]*([A-Za-z_][\w.-]*)=(.*)", re.S)
_FLAG = re.compile(r"--?([A-Za-z_][\w.-]*)")

Level = str | int | float


def level(value: str, of: Sequence[str]) -> Level:
    """Return a value as a number if all values of its key are numbers."""
    for kind in (int, float):
        try:
            numbers = [kind(one) for one in of]
        except ValueError:
            continue
        if len(set(numbers)) == len(numbers) and all(map(math.isfinite, numbers)):
            return kind(value)
    return value or NOTHING


def differing(commands: Sequence[Sequence[str]], taken: Set[str]) -> list[dict[str, Level]]:
    """Tell commands apart.

    Args:
        commands: The words of each.
        taken: Keys that are something else.

    Returns:
        What is to be said of each, by keys that all of them have; nothing of a single one.

    Example:
        >>> differing([["a", "--opt", "x", "lr=.1"], ["a", "--opt", "y", "lr=1"]], set())
        [{'opt': 'x', 'lr': 0.1}, {'opt': 'y', 'lr': 1.0}]
        >>> differing([["a", "--fast"], ["a"]], set())
        [{'command': '--fast'}, {'command': 'none'}]
    """
    if len(commands) == 1:
        return [{}]
    return _options(commands, taken) or [{COMMAND: label} for label in labels(commands)]


def _options(texts: Sequence[Sequence[str]], taken: Set[str]) -> list[dict[str, Level]] | None:
    """Return the options in which commands differ; None if they differ in anything else."""
    if len({len(words) for words in texts}) > 1:
        return None
    found: dict[str, list[str]] = {}
    for place, words in enumerate(zip(*texts, strict=True)):
        if len(set(words)) == 1:
            continue
        assigned = [one for word in words if (one := _OPTION.fullmatch(word))]
        flags = [one for w in texts if place and (one := _FLAG.fullmatch(w[place - 1]))]
        if len(assigned) == len(words) and len({one[1] for one in assigned}) == 1:
            key, values = assigned[0][1], [one[2] for one in assigned]
        elif len(flags) == len(words) and len({one[0] for one in flags}) == 1:
            key, values = flags[0][1], list(words)
        else:
            return None
        if key in found or key in taken or any("{" in value for value in values):
            return None
        found[key] = values
    if not found:
        return None
    return [
        {key: level(values[number], list(dict.fromkeys(values))) for key, values in found.items()}
        for number in range(len(texts))
    ]


def labels(texts: Sequence[Sequence[str]]) -> list[str]:
    """Return the words between those that all commands begin and end with; numbers for equals."""
    first = len(list(takewhile(lambda some: len(set(some)) == 1, zip(*texts, strict=False))))
    rests = [words[first:] for words in texts]
    backwards = zip(*(reversed(rest) for rest in rests), strict=False)
    last = len(list(takewhile(lambda some: len(set(some)) == 1, backwards)))
    labels = [" ".join(rest[: len(rest) - last]) or NOTHING for rest in rests]
    if len(set(labels)) < len(labels):
        return [f"{number}" for number in range(1, len(texts) + 1)]
    return labels
