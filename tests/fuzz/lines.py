"""A command line from a seed and a number: the same one each time."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from nnrun.errors import as_typed
from tests.fuzz import vocabulary
from tests.fuzz.commands import command
from tests.fuzz.start import SERVING, Line
from tests.fuzz.vocabulary import CHEAP, COSTLY, DEFAULTS, FLAGS, NASTY, OFF, TINY

WITHOUT_JSON = (*SERVING, "nnrun.statistics.calibration")
"""Commands that print no results for scripts."""


def line(seed: int, number: int, others: float = 0.0) -> Line:
    """Return a command line, one in four with ``--json``.

    Args:
        seed: Of all of them.
        number: Which.
        others: Share of those that run another command than ``python -m nnrun``.
    """
    rng = random.Random(f"{seed}:{number}")
    made = command(rng) if others and rng.random() < others else _of_nnrun(rng)
    if rng.random() < 0.25 and made.module not in WITHOUT_JSON:
        made = made._replace(arguments=("--json", *made.arguments))
    return made


def _of_nnrun(rng: random.Random) -> Line:
    kinds: list[tuple[Callable[[random.Random], list[str]], int]] = [
        (_overrides, 40),
        (_recipe, 25),
        (_hydras, 15),
        (_sweep, 15),
        (_flags, 5),
    ]
    make = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
    words = make(rng)
    if rng.random() < 0.05:
        words = [*words, *rng.choice(FLAGS)]
    if rng.random() < 0.05:
        rng.shuffle(words)
    off = list(OFF)
    if rng.random() < 0.04:
        off.remove(rng.choice(OFF))
    plan = ["plan_only=true"] if rng.random() < 0.3 else []
    return Line("nnrun", tuple(_with_base([*TINY, *off, *plan], words)))


def _with_base(base: list[str], words: list[str]) -> list[str]:
    """Put what keeps a line short behind its overrides, unless they say so themselves."""
    given = {word.lstrip("+~").partition("=")[0] for word in words}
    own = [word for word in base if word.partition("=")[0] not in given]
    return [*words, *own]


def _overrides(rng: random.Random) -> list[str]:
    group = rng.choice([group for group in _groups() if "/" not in group])
    chosen = f"{group}={rng.choice(_groups()[group])}"
    return [chosen, *(_override(rng, chosen) for _ in range(rng.randint(0, 3)))]


def _recipe(rng: random.Random) -> list[str]:
    words = list(rng.choice(_recipes()))
    for _ in range(rng.randint(0, 2)):
        place = rng.randrange(len(words) + 1)
        what = rng.random()
        if what < 0.4:
            words.insert(place, _override(rng))
        elif what < 0.7 and words:
            words[place % len(words)] = _mangled(rng, words[place % len(words)])
        elif words:
            del words[place % len(words)]
    return words


def _hydras(rng: random.Random) -> list[str]:
    key = rng.choice(_hydra_keys())
    words = [_operator(rng) + key + "=" + rng.choice(NASTY)]
    words += ["-m"] if rng.random() < 0.4 else []
    words += [_override(rng)] if rng.random() < 0.3 else []
    return words


def _sweep(rng: random.Random) -> list[str]:
    words = ["-m"]
    for _ in range(rng.randint(1, 2)):
        key, values = _key_and_values(rng)
        words.append(f"{key}={','.join(values[: rng.randint(1, 3)])}")
    words += [_override(rng)] if rng.random() < 0.5 else []
    if rng.random() < 0.3:
        section = rng.choice(["zip", "random", "tune", "seed", "tune_race", "tune_seed"])
        words.append(f"sweep.{section}={rng.choice([*NASTY, *CHEAP, '[lr,seeds]'])}")
    return words


def _flags(rng: random.Random) -> list[str]:
    words = [word for _ in range(rng.randint(1, 3)) for word in rng.choice(FLAGS)]
    return [*words, *([_override(rng)] if rng.random() < 0.5 else [])]


def _override(rng: random.Random, *chosen: str) -> str:
    key, values = _key_and_values(rng, chosen)
    what = rng.random()
    if what < 0.6:
        return f"{key}={values[rng.randrange(2) % len(values)]}"
    if what < 0.9:
        nasty = CHEAP if key in COSTLY and rng.random() < 0.7 else NASTY
        value = rng.choice(nasty)
        if key in COSTLY and value.strip("+-_").isdigit() and len(value) > 2:
            value = "-3"
        return f"{_operator(rng)}{key}={value}"
    return _mangled(rng, f"{key}={values[0]}")


def _operator(rng: random.Random) -> str:
    return rng.choices(["", "+", "++", "~"], [70, 10, 15, 5])[0]


def _key_and_values(rng: random.Random, chosen: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Return a key, or a group, with values most of which are right."""
    if rng.random() < 0.4:
        group, options = rng.choice(list(_groups().items()))
        return group, rng.sample(options, min(3, len(options)))
    there = _defaults()
    there = {key: there[key] for key in there if key.split(".")[0] not in _groups()}
    for name in (*DEFAULTS, *chosen):
        there |= _options().get(name, {})
    key = rng.choice(_keys()) if rng.random() < 0.2 else rng.choice(list(there))
    value = there.get(key, _defaults().get(key))
    return key, [as_typed(one) for one in (value, _near(rng, value), value)]


def _near(rng: random.Random, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if value < 10 else value
    if isinstance(value, float):
        return value * rng.choice([0.5, 2.0])
    return value


def _mangled(rng: random.Random, word: str) -> str:
    """Return a word with a slip of the hand in it."""
    key, equals, value = word.partition("=")
    place = rng.randrange(len(word) + 1)
    return rng.choice(
        [
            word[:place] + word[place + 1 :],
            word[:place] + rng.choice("=.,@+~[]{}'\"$:/ \\xX1") + word[place:],
            key,
            f"~{word}",
            f"~{key}",
            f"{key}@{rng.choice(['_global_', 'x', 'network', ''])}={value}",
            f"{key}.{rng.choice(['name', 'x', '0', '_target_', ''])}={value}",
            f"{key.upper()}{equals}{value}",
            f"{key}{equals}{value},{rng.choice(NASTY)}",
            f"{key}{equals}{rng.choice(NASTY)}",
            f"{key.replace('.', '/')}{equals}{value}",
            f"{key}{equals}{key}",
        ]
    )


_keys = cache(vocabulary.keys)
_groups = cache(vocabulary.groups)
_recipes = cache(vocabulary.recipes)
_hydra_keys = cache(vocabulary.hydra_keys)
_defaults = cache(vocabulary.top_keys)
_options = cache(vocabulary.option_keys)
