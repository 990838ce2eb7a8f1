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

GRID = [
    "-m", "nnrun", "-m", "lr=0.01,0.03,0.1", "features=raw,product",
    "budget=20000", "seeds=6", "evals=20",
]  # fmt: skip
"""Arguments of Python: the default sweep with a smaller budget, page and MLflow included."""

SETTINGS = 6


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the sweep in a folder, in a Python of its own that heeds all signals."""
    # a shell that starts this in the background ignores Ctrl-C, and what is ignored is inherited
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *GRID], cwd=folder, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def calm(folder: Path) -> tuple[dict[str, bytes], float]:
    """Run the sweep undisturbed twice; return its tables, and the seconds when all is compiled."""
    for name in ("first", "second"):
        (folder / name).mkdir(parents=True)
        began = time.monotonic()
        process = start(folder / name)
        output, _ = process.communicate()
        assert process.returncode == 0, output
    return tables(folder / "second"), time.monotonic() - began


def again(folder: Path, right: dict[str, bytes]) -> Iterator[str]:
    """Give the same command again; its tables are those of an undisturbed sweep."""
    process = start(folder)
    output, _ = process.communicate()
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
