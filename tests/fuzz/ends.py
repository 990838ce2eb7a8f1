"""The sweep that campaigns end, by signals and by force, and what must be there afterwards."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.forked import SERVER, Forked

GRID = [
    "-m", "lr=0.01,0.03,0.1", "features=raw,product", "budget=20000", "seeds=6", "evals=20",
]  # fmt: skip
"""The default sweep with a smaller budget, page and MLflow included."""

SETTINGS = 6


def start(folder: Path, fresh: bool) -> subprocess.Popen[str] | Forked:
    """Start the sweep in a folder, in a process that heeds all signals.

    Args:
        folder: Where.
        fresh: Whether in a Python of its own, which imports first; else it forks from a warm one.
    """
    # a shell that starts this in the background ignores Ctrl-C, and what is ignored is inherited
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if not fresh:
        return SERVER.start(*GRID, cwd=folder)
    pipe, command = subprocess.PIPE, [sys.executable, "-m", "nnrun", *GRID]
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)


def calm(home: Path) -> tuple[dict[str, bytes], dict[bool, float]]:
    """Run the sweep undisturbed; return its tables, and the seconds that it takes, fresh or not."""
    seconds = {}
    for number, fresh in enumerate((False, False, True)):  # the first compiles
        (home / str(number)).mkdir(parents=True)
        process = start(home / str(number), fresh)
        began = time.monotonic()
        output = process.communicate()
        assert process.returncode == 0, output
        seconds[fresh] = time.monotonic() - began
    return tables(home / "0"), seconds


def again(folder: Path, right: dict[str, bytes]) -> Iterator[str]:
    """Give the same command again; its tables are those of an undisturbed sweep."""
    process = start(folder, fresh=False)
    output = "".join(process.communicate())
    if process.returncode:
        yield f"again: exit code {process.returncode}: {output[-300:]}"
        return
    if tables(folder) != right:
        yield "again: other tables"
    yield from left_behind(folder)


def newest(folder: Path) -> Path:
    """Return the folder of the sweep that was begun last."""
    return max((folder / "outputs" / "sweeps").iterdir())


def tables(folder: Path) -> dict[str, bytes]:
    """Return the newest sweep's tables, what training cost left out."""
    sweep = newest(folder)
    found = {"curves": (sweep / "curves.parquet").read_bytes()}
    for name, read in (("trials.parquet", pd.read_parquet), ("summary.csv", pd.read_csv)):
        found[name] = read(sweep / name).drop(columns="ns_per_sample").to_csv(index=False).encode()
    return found


def left_behind(folder: Path) -> Iterator[str]:
    """Say in words what a finished sweep has left that it should not, there and in MLflow."""
    sweep = newest(folder)
    hidden = [path for path in sweep.rglob(".*") if path.name != ".hydra"]
    hidden += list((folder / "outputs" / "cache").rglob(".*"))
    if hidden:
        yield f"left: {' '.join(path.name for path in hidden)}"
    if not (sweep / "report.html").exists():
        yield "no page"
    asked = (
        "select k.value, s.value, r.status from runs r "
        "join tags n on n.run_uuid = r.run_uuid and n.key = 'nnrun.sweep' and n.value = ? "
        "join tags k on k.run_uuid = r.run_uuid and k.key = 'nnrun.kind' "
        "left join tags s on s.run_uuid = r.run_uuid and s.key = 'nnrun.setting' "
        "where r.lifecycle_stage = 'active'"
    )
    with sqlite3.connect(folder / "outputs" / "mlflow.db") as database:
        rows = database.execute(asked, [sweep.name]).fetchall()
    settings = [setting for kind, setting, _ in rows if kind == "setting"]
    if len(settings) != SETTINGS or len(set(settings)) != SETTINGS:
        yield f"MLflow has {len(settings)} runs of {len(set(settings))} settings"
    if len(rows) - len(settings) != 1:
        yield f"MLflow has {len(rows) - len(settings)} runs of the sweep"
    if {status for *_, status in rows} != {"FINISHED"}:
        yield f"MLflow's runs are {sorted({status for *_, status in rows})}"


def clear(folder: Path) -> None:
    """Delete a campaign's folder, which holds a database of some size."""
    shutil.rmtree(folder, ignore_errors=True)
