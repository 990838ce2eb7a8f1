"""Command lines of the commands beside ``python -m nnrun``."""

import random
from collections.abc import Callable

from tests.fuzz.start import Line
from tests.fuzz.vocabulary import NASTY

PATHS = [
    *("done", "done", "swept", "swept", "swept/0_lr=0.1", ".", "outputs", "outputs/cache", "my"),
    *("done/record.npz", "swept/sweep.json", "swept/trials.parquet", "saved.npz", "saved.json"),
    *("nope", "t.csv", "/dev/null", "/root/x", "done/record.npz/x", "./done/../swept"),
]
URIS = [
    *("sqlite:///m.db", "sqlite:///outputs/mlflow.db", "sqlite:///t.csv", "sqlite:////nope/m.db"),
    *("sqlite://", "http://127.0.0.1:9", "http://user:pw@127.0.0.1:9", "localhost:9", "file:./x"),
    *("./mlruns", "mlruns", "postgresql://u:p@127.0.0.1:9/x", "databricks", "ftp://x", "http://"),
]
NUMBERS = ["0", "1", "2", "7", "-1", "0.5", "1e3", "99999999", "9" * 400, "nan", "x", ""]

INSIDE = [word for word in [*PATHS, *NASTY] if not word.startswith(("/", "~", ".."))]
"""What may be written to, or searched: a fault would harm more than the test's own folder."""

Words = list[str]


def command(rng: random.Random) -> Line:
    """Return a command line of one of the other commands."""
    kinds: list[tuple[str, Callable[[random.Random], Words], int]] = [
        ("nnrun.report", _report, 25),
        ("nnrun.sync", _sync, 20),
        ("nnrun.cache", _cache, 20),
        ("nnrun.model", _model, 25),
        ("nnrun.pictures", _pictures, 6),
        ("nnrun.ui", _ui, 2),
        ("nnrun.statistics.calibration", _calibration, 2),
    ]
    module, make, _ = rng.choices(kinds, [weight for _, _, weight in kinds])[0]
    words = [_slipped(rng, word) if rng.random() < 0.05 else word for word in make(rng)]
    if "prune" in words and any(word.startswith("/") for word in words):
        words.remove("prune")
    if rng.random() < 0.04:
        words.insert(rng.randrange(len(words) + 1), rng.choice(["--help", "--nope", "-x", "--"]))
    return Line(module, tuple(words))


def _path(rng: random.Random) -> str:
    return rng.choice(PATHS) if rng.random() < 0.8 else _own(rng)


def _own(rng: random.Random) -> str:
    return rng.choice([*INSIDE, "new", "new/deep"])


def _number(rng: random.Random) -> str:
    return rng.choice(NUMBERS) if rng.random() < 0.8 else rng.choice(NASTY)


def _option(rng: random.Random, chance: float, flag: str, value: str) -> Words:
    if rng.random() >= chance:
        return []
    return [flag, value] if rng.random() < 0.7 else [f"{flag}={value}"]


def _report(rng: random.Random) -> Words:
    words = [_path(rng) for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 3]))]
    values = {
        "target": ["accuracy:0.9", "test_loss:0.01:5", "accuracy:2", "nope:1", "accuracy"],
        "baseline": ["lr=0.1", "0.3", "lr=9", "lr=0.1 lr=0.3", "a=b=c"],
        "facet": ["lr", "seeds", "nope"],
        "keys": ["lr", "lr,budget", "[lr]", "nope", ","],
    }
    for key, usual in values.items():
        if rng.random() < 0.2:
            words.append(f"{key}={rng.choice(usual if rng.random() < 0.7 else NASTY)}")
    words += _option(rng, 0.3, "--out", _own(rng))
    return [*words, "--index"] if rng.random() < 0.2 else words


def _sync(rng: random.Random) -> Words:
    words = [_path(rng) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    uri = rng.choice(URIS if rng.random() < 0.7 else NASTY)
    return [*words, *_option(rng, 0.5, "--uri", uri)]


def _cache(rng: random.Random) -> Words:
    words = _option(rng, 0.7, "--folder", _own(rng))
    words += rng.choice([[], ["show"], ["prune"], ["prune"], ["prune"], ["nope"]])
    if "prune" in words:
        words += _option(rng, 0.4, "--older-than", _number(rng))
        size = rng.choice(["10M", "1.5 GB", "0", "1.2.3G", "K", _number(rng)])
        words += _option(rng, 0.4, "--max-size", size)
        words += ["--all"] if rng.random() < 0.3 else []
        words += ["--dry-run"] if rng.random() < 0.3 else []
    return words


def _model(rng: random.Random) -> Words:
    words = [_path(rng) for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 2]))]
    words += _option(rng, 0.3, "--seed", _number(rng))
    files = ["a.json", "a.npz", "a.csv", "a.txt", "a", "nope/a.json", _own(rng)]
    words += _option(rng, 0.4, "--save", rng.choice(files))
    words += _option(rng, 0.4, "--predict", rng.choice(["t.csv", _path(rng)]))
    return words + _option(rng, 0.3, "--out", rng.choice(files))


def _pictures(rng: random.Random) -> Words:
    words = [_path(rng) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    words += _option(rng, 0.3, "--seed", _number(rng))
    return words + _option(rng, 0.5, "--out", _own(rng))


def _ui(rng: random.Random) -> Words:
    words = ["--no-browser", *_option(rng, 0.7, "--port", _number(rng))]
    words += [_path(rng)] if rng.random() < 0.5 else []
    return words + _option(rng, 0.5, "--uri", rng.choice(URIS if rng.random() < 0.6 else NASTY))


def _calibration(rng: random.Random) -> Words:
    words = ["--short", *_option(rng, 1.0, "--repeats", rng.choice(["1", "2", "x", "-1", "0", ""]))]
    return words + _option(rng, 0.5, "--seeds", rng.choice(["2,3", "1", "20", "0", "x", ",", "-3"]))


def _slipped(rng: random.Random, word: str) -> str:
    place = rng.randrange(len(word) + 1)
    if rng.random() < 0.5:
        return word[:place] + word[place + 1 :]
    return word[:place] + rng.choice(" \n\x1b'=") + word[place:]
