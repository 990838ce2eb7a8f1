"""Commands with holes: ``train.py --opt {opt=sgd,adam} --seed {seed}``, as settings to be run."""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple

from nnrun.errors import InputError, Issue, as_typed, did_you_mean
from nnrun.judging.differing import COMMAND, Level, differing, labels, level
from nnrun.masking import HIDDEN, is_secret, masked_values, masked_words

BETWEEN = "--"
"""The word before each command."""

SEED = "seed"
BRACES = "for braces that are meant, write {{ and }}"
SMALL = 2**26
"""Bytes of a file that is known by its content; a larger one is by its size and date."""

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class Hole(NamedTuple):
    """A place in a word that is filled for each run: with its seed, or with a value of a key."""

    key: str


Word = tuple[str | Hole, ...]
"""A word of a command: text and holes."""


@dataclass(frozen=True)
class Program:
    """A setting: a command that waits for a seed.

    Attributes:
        words: Of its command; the only hole that is left is that of the seed.
        levels: What tells it from the others, by keys that all of them have.
        copy: How many before it have the same command, as in a comparison of equals.
    """

    words: tuple[Word, ...]
    levels: Mapping[str, Level]
    copy: int = 0

    def command(self, seed: object) -> list[str]:
        """Return the arguments of a run."""
        return _filled(self.words, {SEED: str(seed)})

    @property
    def label(self) -> str:
        """What tells it from the others, in words."""
        told = {key: as_typed(level) for key, level in self.levels.items()}
        return " ".join(one if key == COMMAND else f"{key}={one}" for key, one in told.items())

    @cached_property
    def id(self) -> str:
        """Name what its runs are: by its words, the files among them, and the working directory."""
        told = [self.command("{seed}"), str(Path.cwd()), self.copy]
        told += [[name, _content(path)] for name, path in sorted(_files(self.command("{seed}")))]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def read_programs(commands: Sequence[Sequence[str]], names: Sequence[str] = ()) -> list[Program]:
    """Read what is to be compared: a setting a command, or for each combination of its values.

    Args:
        commands: The words of each. ``{seed}`` is where the seed goes, ``{key=a,b}`` stands for
            each of these values and ``{key}`` for the same again; ``{{`` and ``}}`` are braces, a
            word ``{--}`` is ``--``. A word that is empty but for a value is left out.
        names: One a command; without them their differing words tell them apart.

    Raises:
        InputError: If one has no ``{seed}``, cannot be understood or found, or there is nothing to
            be compared.

    Example:
        >>> words = "sort --key {key=1,2} {fast=,-S1M} {seed}".split()
        >>> [(one.label, one.command(7)) for one in read_programs([words])][1]
        ('key=1 fast=-S1M', ['sort', '--key', '1', '-S1M', '7'])
    """
    if names and (len(names) != len(commands) or len(set(names)) < len(names)):
        rule = f"must be given once for each of the {len(commands)} commands, or not at all"
        raise InputError(Issue("--name", " ".join(names), rule, "each another name"))
    read = [_read(words, number) for number, words in enumerate(commands, 1)]
    told: Sequence[Mapping[str, Level]] = [{COMMAND: name} for name in names]
    keys = {key for _, grid in read for key in grid}
    texts = [masked_words(list(map(_text, words))) for words, _ in read]
    told = told or differing(texts, {*keys, SEED})
    programs: list[Program] = []
    copies = Counter[tuple[Word, ...]]()
    for (words, grid), levels in zip(read, told, strict=True):
        shown = {key: _shown(key, several, words) for key, several in grid.items()}
        for values in product(*grid.values()):
            given = dict(zip(grid, values, strict=True))
            filled = tuple(filter(None, (_fill(word, given) for word in words)))
            own = {key: level(shown[key][given[key]], list(shown[key].values())) for key in grid}
            programs.append(Program(filled, {**levels, **own}, copies[filled]))
            copies[filled] += 1
    if len(programs) < 2:
        hint = "name a second one behind another --, or values such as {lr=0.1,0.3}"
        raise InputError(
            Issue(COMMAND, masked_words(commands[0]), "has nothing to be compared with", hint)
        )
    _require_found(programs)
    return _told_apart(programs, bool(names))


def split(words: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Split a command line into its own words and the commands behind each ``--``.

    Example:
        >>> split(["--seeds", "9", "--", "a", "{seed}", "--", "b"])
        (['--seeds', '9'], [['a', '{seed}'], ['b']])
    """
    parts: list[list[str]] = [[]]
    for word in words:
        if word == BETWEEN:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts[0], [part for part in parts[1:] if part]


def _read(words: Sequence[str], number: int) -> tuple[list[Word], dict[str, list[str]]]:
    """Find the holes of a command, and the values of each key."""
    grid: dict[str, list[str]] = {}
    read = [tuple(_parts(word, grid)) for word in words]
    used = {part.key for word in read for part in word if isinstance(part, Hole)}
    if SEED not in used:
        hint = "for instance --seed {seed}; the program finds it in NNRUN_SEED, too"
        rule = "must say where its seed goes: {seed}"
        raise InputError(Issue(f"{COMMAND} {number}", " ".join(masked_words(words)), rule, hint))
    for key in used - {SEED} - grid.keys():
        known = did_you_mean(key, [SEED, *grid])
        hint = f"{known}; values are given as {{{key}=a,b}}; {BRACES}"
        raise InputError(Issue(f"{COMMAND} {number}", f"{{{key}}}", "has no values", hint))
    return read, grid


def _parts(word: str, grid: dict[str, list[str]]) -> Iterator[str | Hole]:
    """Yield text and holes of a word; note the values of keys."""
    if word == f"{{{BETWEEN}}}":
        yield BETWEEN
        return
    at = 0
    for found in _HOLE.finditer(word):
        yield word[at : found.start()]
        at = found.end()
        if found[1] is None:
            if len(found[0]) == 1:
                raise InputError(Issue(COMMAND, word, "has a brace without its other", BRACES))
            yield found[0][0]
            continue
        key, equals, values = found[1].partition("=")
        if not _NAME.fullmatch(key):
            rule = "has braces that hold neither a key nor a key and its values"
            raise InputError(Issue(COMMAND, word, rule, BRACES))
        if equals:
            _note(grid, key, values.split(","))
        yield Hole(key)
    yield word[at:]


def _note(grid: dict[str, list[str]], key: str, values: list[str]) -> None:
    asked = f"{{{key}={','.join(values)}}}"
    if key == SEED:
        raise InputError(Issue(COMMAND, asked, "cannot list seeds", "write {seed} and --seeds"))
    if key == COMMAND:
        raise InputError(Issue(COMMAND, asked, "is what commands are called by", "rename the key"))
    if key in grid:
        rule = "is given values twice"
        raise InputError(Issue(COMMAND, asked, rule, f"write {{{key}}} where they come again"))
    if len(set(values)) < len(values):
        raise InputError(Issue(COMMAND, asked, "has a value twice", "leave one of them out"))
    grid[key] = values


def _fill(word: Word, given: Mapping[str, str]) -> Word:
    """Fill holes of a word; an empty word if nothing but empty values is in it."""
    joined: list[str | Hole] = []
    for one in word:
        part = given.get(one.key, one) if isinstance(one, Hole) else one
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "" or len(word) == 1:
            joined.append(part)
    plain = not any(isinstance(one, Hole) for one in word)
    return tuple(joined) if joined != [""] or plain else ()


def _filled(words: Sequence[Word], given: Mapping[str, str]) -> list[str]:
    return ["".join(given[one.key] if isinstance(one, Hole) else one for one in w) for w in words]


def _shown(key: str, values: Sequence[str], words: Sequence[Word]) -> dict[str, str]:
    """Return how values are called: secrets are numbered."""
    texts, hole = list(map(_text, words)), f"{{{key}}}"
    behind = any(
        hole in a and hole not in b for a, b in zip(texts, masked_words(texts), strict=True)
    )
    told = [HIDDEN if is_secret(key) or behind else str(masked_values(one)) for one in values]
    if len(set(told)) < len(told):
        told = [f"{one} {number}" for number, one in enumerate(told, 1)]
    return dict(zip(values, told, strict=True))


def _told_apart(programs: Sequence[Program], named: bool) -> list[Program]:
    """See that keys tell them apart: where they do not, words do.

    Words that differ in a secret only are the same to a reader, and are numbered.
    """
    told = [one.label for one in programs]
    if len({frozenset(one.levels) for one in programs}) == 1 and len(set(told)) == len(told):
        return list(programs)
    if not named:
        told = labels([masked_words(one.command(f"{{{SEED}}}")) for one in programs])
    several = zip(programs, told, strict=True)
    return [Program(one.words, {COMMAND: label}, one.copy) for one, label in several]


def _text(word: Word) -> str:
    return "".join(f"{{{part.key}}}" if isinstance(part, Hole) else part for part in word)


def _require_found(programs: Sequence[Program]) -> None:
    for name in dict.fromkeys(one.command(0)[0] for one in programs):
        if shutil.which(name) is None:
            hint = "its path, or the program that runs it, such as python or sh"
            raise InputError(Issue(COMMAND, name, "is not found, or cannot be run", hint))


def _files(words: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files that words name, alone or behind an equals sign."""
    for word in words:
        for name in dict.fromkeys((word, word.partition("=")[2])):
            if name and "\0" not in name and len(name) < 4096 and Path(name).is_file():
                yield name, Path(name)


def _content(path: Path) -> str:
    about = path.stat()
    if about.st_size > SMALL:
        return f"{about.st_size} {about.st_mtime_ns}"
    return hashlib.sha256(path.read_bytes()).hexdigest()
