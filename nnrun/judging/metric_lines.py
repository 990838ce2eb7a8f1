"""Numbers in the lines that a program prints: ``step=100 val_acc=0.91``, or JSON objects."""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from nnrun.errors import did_you_mean

Line = Mapping[str, float]
"""The numbers of a line by their names."""

COUNTERS = (
    *("samples", "examples", "samples_seen", "examples_seen", "tokens"),
    *("global_step", "total_steps", "total_timesteps", "timesteps", "step", "steps"),
    *("iteration", "iterations", "iter", "iters", "it", "update", "updates", "episode", "round"),
    *("epoch", "epochs"),
)
"""What may count how far a program is, in small letters, the likelier first."""

LONGEST = 65_536
"""Characters of a line that are read: nobody prints metrics behind that many."""

_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_VALUE = rf"(?P<value>{_NUMBER}|[+-]?(?i:nan|inf|infinity)\b)"
# a number with a unit, a date, an hour or a list of numbers is no number; a percentage is one
_END = r"(?!\w)(?![.,:+-]\d)"
_KEY = r"(?<![\w./@-])[\"']?(?P<key>[A-Za-z_][\w./@-]*)[\"']?"
_PAIR = re.compile(rf"{_KEY}\s*[=:]\s*{_VALUE}{_END}")
_COUNTED = re.compile(rf"(?<![\w./@-])(?P<key>(?i:{'|'.join(COUNTERS)})) +[\[(]?{_VALUE}{_END}")
_BEFORE_BLANK = tuple(f"{word} " for word in COUNTERS)
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Unread(Exception):
    """Lines hold no curve.

    Attributes:
        rule: What is wrong, as the rest of a sentence that begins with the program.
        hint: The likely fix.
        missing: Whether there is nothing to be read, as of a program that has failed, rather than
            something that cannot be.
    """

    def __init__(self, rule: str, hint: str, missing: bool = False) -> None:
        super().__init__(rule, hint)
        self.rule, self.hint, self.missing = rule, hint, missing


class Curve(NamedTuple):
    """What a program printed of one metric.

    Attributes:
        x: How far it was, ascending.
        y: The metric there; NaN where it was none.
    """

    x: list[float]
    y: list[float]


def read_line(text: str) -> dict[str, float]:
    """Read the numbers of a line that a program printed.

    They are words such as ``step=100``, ``loss: 0.3`` or ``'epoch': 1.0`` anywhere in it, or the
    members of a JSON object, those of an object within it with a dot between the names. A word that
    counts may stand before its number alone: ``epoch 3/10``. Numbers with units are none, but for
    percentages: 82.3% is 82.3.

    Args:
        text: The line, without its end.

    Returns:
        In the order of the line, of a name that stands there twice the last number.

    Example:
        >>> read_line("INFO step=1,000, val/acc: 0.91 lr=1e-3 time=3.2s")
        {'step': 1000.0, 'val/acc': 0.91, 'lr': 0.001}
        >>> read_line('{"step": 20, "train": {"loss": NaN}, "note": "x=1"}')
        {'step': 20.0, 'train.loss': nan}
        >>> read_line("Epoch [3/10], Loss: 0.17, Accuracy: 82.33%"), read_line("12:30:05 started")
        ({'Epoch': 3.0, 'Loss': 0.17, 'Accuracy': 82.33}, {})
    """
    text = text[:LONGEST]
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end and (start == 0 or text[:start].isspace()):
        try:
            return dict(_members(json.loads(text[start : end + 1]), ""))
        except (ValueError, RecursionError):
            pass  # what Python prints of a dict is read by its words
    found = {}
    pairs = list(_PAIR.finditer(text)) if "=" in text or ":" in text else []
    small = text.casefold()
    if any(word in small for word in _BEFORE_BLANK):
        pairs = sorted([*pairs, *_COUNTED.finditer(text)], key=lambda one: one.start("key"))
    for one in pairs:
        found[one["key"]] = float(one["value"].replace(",", ""))
    return found


@lru_cache(maxsize=1024)
def rank(name: str) -> int | None:
    """Say how likely a name counts how far a program is: 0 most; None for one that does not.

    Example:
        >>> rank("train/global_step") < rank("Epoch"), rank("loss")
        (True, None)
    """
    word = name.casefold().rpartition("/")[2]
    return COUNTERS.index(word) if word in COUNTERS else None


class Counters:
    """Finds what counts how far a program is: what takes most values.

    What stands beside the metric comes first, if anything does.

    Args:
        y: The metric.
    """

    def __init__(self, y: str) -> None:
        self._y = y
        self._beside: dict[str, set[float]] = {}
        self._all: dict[str, set[float]] = {}

    def add(self, found: Line) -> None:
        """Take the numbers of a line."""
        for name, value in found.items():
            if name != self._y and rank(name) is not None:
                self._all.setdefault(name, set()).add(value)
                if self._y in found:
                    self._beside.setdefault(name, set()).add(value)

    def best(self, least: int = 1) -> str | None:
        """Return the name that counts; None if none takes so many values."""
        known = self._beside or self._all
        able = [name for name, values in known.items() if len(values) >= least]
        return min(able, key=lambda name: (-len(known[name]), rank(name)), default=None)


class Reader:
    """Reads what a program prints, line by line, and says how far it is.

    Args:
        x: The name that counts how far it is; empty to find it.
        y: The metric.

    Attributes:
        lines: The numbers of each line that has some.
        at: How far it is by now; minus infinity before that is known: what has had one value only
            may be the size of something.
    """

    def __init__(self, x: str, y: str) -> None:
        self._x, self._counters = x, Counters(y)
        self.lines: list[Line] = []
        self.at = -math.inf

    def take(self, text: str) -> Line:
        """Read a line that was printed; return its numbers."""
        return self.add(read_line(text))

    def add(self, found: Line) -> Line:
        """Take the numbers of a line."""
        if found:
            self.lines.append(found)
            self._counters.add(found)
            at = found.get(self._x or self._counters.best(least=2) or "", math.nan)
            if math.isfinite(at):
                self.at = at
        return found


def curve_of(lines: Sequence[Line], x: str, y: str) -> Curve:
    """Read a metric's curve from lines.

    Where some lines hold both, a line without x is a summary and counts for nothing; where none
    does, a metric belongs to the x of the lines before it. Of several values at one x the last
    counts.

    Args:
        lines: As of `Reader.lines`.
        x: The name that counts; empty to find it.
        y: The metric.

    Raises:
        Unread: If there is no such curve, or x falls.

    Example:
        >>> lines = [{"step": 1, "acc": 0.5}, {"step": 2, "acc": 0.75}, {"acc": 0.75, "took": 9}]
        >>> curve_of(lines, "", "acc")
        Curve(x=[1, 2], y=[0.5, 0.75])
    """
    x = x or require_counter(lines, y)
    told: dict[float, float] = {}
    both = [line for line in lines if x in line and y in line]
    at, last = None, -math.inf
    for line in both or lines:
        at = line.get(x, at)
        if at is None or y not in line:
            continue
        if not math.isfinite(at) or at < 0:
            raise Unread(f"prints {x}={at:g}, which is no count", "it must not be negative")
        if at < last:
            hint = f"name what counts through the whole run by --x: {_others(lines, {x, y})}"
            raise Unread(f"counts {x} anew: {at:g} after {last:g}", hint)
        told[at], last = line[y], at
    if not told:
        raise _missing(lines, x, y)
    return Curve(list(told), list(told.values()))


def require_counter(lines: Sequence[Line], y: str) -> str:
    """Find the name that counts how far a program is.

    Raises:
        Unread: If there is none.
    """
    counters = Counters(y)
    for line in lines:
        counters.add(line)
    found = counters.best()
    if found is not None:
        return found
    if not any(y in line for line in lines):
        raise _missing(lines, "", y)
    hint = f"print for instance step=100 {y}=..., or name what counts by --x: "
    raise Unread("does not say how far it is", hint + _others(lines, {y}), missing=True)


def _missing(lines: Sequence[Line], x: str, y: str) -> Unread:
    names = _names(lines)
    if not names:
        return Unread("prints no metric", f"print lines such as {x or 'step'}=100 {y}=0.91", True)
    name = x if x and x not in names else y
    known = names - {x, y} if name == y else names - {y}
    return Unread(f"never prints {name}", did_you_mean(name, known), missing=True)


def _others(lines: Sequence[Line], but: Collection[str]) -> str:
    return ", ".join(sorted(_names(lines) - set(but))) or "it prints no other number"


def _names(lines: Iterable[Line]) -> set[str]:
    return {name for line in lines for name in line}


def _members(found: Any, within: str) -> Iterable[tuple[str, float]]:
    """Yield the numbers of a JSON object by their dotted names."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _members(value, f"{within}.{key}" if within else key)
    elif within and isinstance(found, int | float) and not isinstance(found, bool):
        yield within, _float(found)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if value > 0 else -math.inf
