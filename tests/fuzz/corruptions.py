"""Damaged files: ``python -m tests.fuzz.corruptions --count 300 --seed 1``.

Each time one file of a finished sweep is damaged in one way (`tests.fuzz.damage`), and one command
that reads is run on it, in a forked process with bounds on memory and time.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.forked import SERVER
from tests.fuzz.damage import WAYS, Way
from tests.fuzz.judge import TRACEBACK, WARNING
from tests.fuzz.start import CLEARED, listed

GRID = ["-m", "lr=0.1,0.2", "budget=200", "seeds=2", "evals=4", "keep_state=true", "report=off"]
SWEEP = "outputs/sweeps/done"
MEMORY, SECONDS = 1 << 29, 60.0
"""Bytes that a command may take besides what it starts with, and seconds."""

PROGRAM = """
import atexit, ctypes, resource, runpy, sys
module, memory = sys.argv[1], int(sys.argv[2])
with open("/proc/self/statm") as file:
    size, held = (int(text) * resource.getpagesize() for text in file.read().split()[:2])
# libraries reserve more than they use: what is used is looked at in the end
resource.setrlimit(resource.RLIMIT_AS, (size + 8 * memory, size + 8 * memory))
def tell():
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - held
    if taken > memory:
        print("MemoryError:", taken, "bytes were taken")
atexit.register(tell)
# root may read any file unless it gives that up
system, head, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522), (ctypes.c_uint32 * 6)()
if system.capget(head, sets) == 0:
    sets[0] &= ~0b110
    system.capset(head, sets)
sys.argv = [module, *sys.argv[3:]]
if module == "load":
    import hashlib, nnrun
    from nnrun.commands import exit_code
    def run():
        found = nnrun.load(sys.argv[1])
        table = found.trials.drop(columns="ns_per_sample").to_csv() + found.curves.to_csv()
        print("numbers", hashlib.sha256(table.encode()).hexdigest())
        return 0
    sys.exit(exit_code(run, ""))
if module == "report":
    import nnrun.report.page
    nnrun.report.page.write_report = lambda *given, **more: None
    module = "nnrun.report"
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
QUICK = ["budget=200", "seeds=2", "evals=4", "tracking=off", "report=off"]
COMMANDS = {
    "load": ["load", SWEEP],
    "report": ["report", SWEEP],
    "drawn": ["nnrun.report", SWEEP],
    "merged": ["report", SWEEP, "outputs/runs/done", "--out", "merged"],
    "index": ["nnrun.report", "--index"],
    "sync": ["nnrun.sync", SWEEP, "outputs/runs/done", "--uri", "sqlite:///mlflow.db"],
    "model": ["nnrun.model", f"{SWEEP}/0"],
    "saved": ["nnrun.model", "saved.npz"],
    "json": ["nnrun.model", "saved.json"],
    "pictures": ["nnrun.pictures", f"{SWEEP}/0"],
    "init": ["nnrun", "init=saved", f"init.path={SWEEP}/0", *QUICK],
    "continued": ["nnrun", f"continue_from={SWEEP}", "lr=0.1", *QUICK[1:], "budget=400"],
    "again": ["nnrun", *GRID, "tracking=off"],
    "same": ["nnrun", *GRID, "tracking=off", f"hydra.sweep.dir={SWEEP}"],
    "cache": ["nnrun.cache"],
}
OF = {
    "record.npz": ("report", "merged", "sync", "model", "pictures", "init", "continued", "drawn"),
    "sweep.json": ("load", "report", "merged", "index", "sync", "same"),
    "saved.npz": ("saved",),
    "saved.json": ("json",),
    "config.yaml": ("pictures",),
    "cache": ("again", "cache"),
    "table": ("load", "sync"),
}
"""The commands that read a kind of file."""


class Case(NamedTuple):
    """One damaged file and a command that reads it.

    Attributes:
        file: Relative to the working directory.
        way: How it is damaged.
        command: Name of the command.
        code: Its exit code; None if it ran out of time.
        output: What it printed.
        wrong: What it may not do and did, in words; empty if nothing.
    """

    file: str
    way: str
    command: str
    code: int | None
    output: str
    wrong: str


def campaign(count: int, seed: int, first: int = 0, way: str = "") -> Iterator[Case]:
    """Damage a file and run a command, many times.

    Args:
        count: How many times.
        seed: Of all of them.
        first: Number of the first one, to go on.
        way: Words in the names of the ways that are tried; all of them if empty.
    """
    with tempfile.TemporaryDirectory() as home:
        template = furnish(Path(home) / "template")
        for number in range(first, first + count):
            rng = random.Random(f"{seed}:{number}")
            folder = Path(home) / "work"
            shutil.copytree(template, folder)
            try:
                yield _case(rng, folder, way)
            finally:
                _remove(folder)


def furnish(folder: Path) -> Path:
    """Make a finished sweep, a run, saved networks and a cache; note the right numbers."""
    folder.mkdir(parents=True)
    for command in (
        ["nnrun", *GRID, "tracking=off", f"hydra.sweep.dir={SWEEP}"],
        ["nnrun", "lr=0.1", *QUICK, "seed=5", "hydra.run.dir=outputs/runs/done"],
        ["nnrun.model", f"{SWEEP}/0", "--save", "saved.npz"],
        ["nnrun.model", f"{SWEEP}/0", "--save", "saved.json"],
    ):
        code, output = run(folder, command)
        assert code == 0, output
    (folder / "truth").write_text(run(folder, COMMANDS["load"])[1])
    return folder


def run(folder: Path, command: list[str]) -> tuple[int | None, str]:
    """Run a command in a folder; return its exit code, None if it hangs, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in CLEARED}
    module, *arguments = command
    process = SERVER.start(
        module, str(MEMORY), *arguments, cwd=folder, code=PROGRAM, env=environment
    )
    try:
        written = process.communicate(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return None, "".join(process.communicate())
    return process.returncode, "".join(written)


def _case(rng: random.Random, folder: Path, words: str) -> Case:
    kind = rng.choices(list(OF), [4, 3, 1, 1, 1, 1, 2])[0]
    file = rng.choice(_files(folder, kind))
    fitting = [way for way in WAYS if way.fits(file)]
    ways = [way for way in fitting if words in way.name] or fitting
    way: Way = rng.choice(ways)
    command = rng.choice(OF[kind])
    way.damage(rng, file)
    before = listed(folder)
    code, output = run(folder, COMMANDS[command])
    place = file.relative_to(folder).as_posix()
    wrong = fault(command, code, output, file, (folder / "truth").read_text())
    wrong = wrong or _left(before, listed(folder), command)
    return Case(place, way.name, command, code, output, wrong)


def fault(command: str, code: int | None, output: str, file: Path, truth: str) -> str:
    """Return what a command may not do and did; empty if nothing."""
    if code is None:
        return "hangs"
    if TRACEBACK in output or "Exception ignored" in output:
        last = [
            line for line in output.splitlines() if re.match(r"\w[\w.]*(Error|Exception)", line)
        ]
        return f"traceback: {(last or ['?'])[-1][:80]}"
    if "MemoryError" in output or "Unable to allocate" in output:
        return "takes memory"
    if warned := WARNING.search(output):
        return f"a warning of Python's: {warned[0]}"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if code and "error: " not in output:
        return f"exit code {code} without an error"
    if code == 2 and file.name not in output and file.parent.name not in output:
        return "does not name the file"
    if command == "load" and code == 0 and output != truth:
        return "other numbers, without a word"
    told = [line for line in output.splitlines() if "error: " in line]
    return "a long error" if any(len(line) > 700 for line in told) else ""


def _files(folder: Path, kind: str) -> list[Path]:
    sweep = folder / SWEEP
    found = {
        "cache": folder.glob("outputs/cache/*/*/*.npz"),
        "table": [*sweep.glob("*.parquet"), *sweep.glob("summary.csv")],
        "config.yaml": sweep.glob("0/.hydra/config.yaml"),
        "record.npz": sweep.glob("0/record.npz"),
        "sweep.json": [sweep / "sweep.json"],
    }
    return sorted(found.get(kind, [folder / kind]))


WRITES = {
    "sync": ("mlflow.db", "mlflow.db.lock", "mlartifacts", "outputs"),
    "merged": ("merged",),
    "saved": (), "json": (), "load": (), "model": (), "cache": (),
}  # fmt: skip
"""Where commands may write; others into outputs only."""


def _left(before: set[str], after: set[str], command: str) -> str:
    tops = {path.split("/")[0].removesuffix("-shm").removesuffix("-wal") for path in after - before}
    odd = sorted(tops - set(WRITES.get(command, ("outputs",))))
    rests = [path for path in after - before if re.search(r"(^|/)\.(new-|\w+\.\w+\.\w)", path)]
    return f"left: {' '.join([*odd, *rests])}" if odd or rests else ""


def _remove(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def main() -> int:
    """Run the campaign; return 1 if a command did what it may not."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.corruptions", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--way", default="", help="words in the names of the ways to be tried")
    parser.add_argument("--show", action="store_true", help="print every case and its answer")
    asked = parser.parse_args()
    kinds: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    found = campaign(asked.count, asked.seed, asked.first, asked.way)
    for number, case in enumerate(found, start=asked.first):
        codes[f"{case.command} {case.code}"] += 1
        kinds[case.wrong] += bool(case.wrong)
        if case.wrong or asked.show:
            words = f"{asked.seed}:{number} {case.file}: {case.way}: {case.command}: {case.code}"
            text = case.output.strip()[-1500:].replace("\n", "\n    ")
            told = f"{words} {case.wrong}\n    {text}\n"
            sys.stdout.buffer.write(told.encode("utf-8", "backslashreplace"))
            sys.stdout.flush()
    print(f"{asked.count} corruptions, {sum(kinds.values())} faults; {dict(sorted(codes.items()))}")
    for kind, times in kinds.most_common():
        if times:
            print(f"{times:6} {kind}")
    return 1 if sum(kinds.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
