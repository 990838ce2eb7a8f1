"""``python -m nnrun.ui``: a real server, its addresses, and that nothing of it is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.forked import SERVER, Forked
from tests.integration.conftest import QUICK, CommandLine
from tests.integration.test_tracking import clear_environment


def start(folder: Path, *words: str) -> Forked:
    environment = clear_environment()
    return SERVER.start("--no-browser", *words, cwd=folder, module="nnrun.ui", env=environment)


def below(process: int) -> list[int]:
    """List the processes that a process has started, and theirs."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            about = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(about[1]) == process:
            found += [int(stat.parent.name), *below(int(stat.parent.name))]
    return found


def gone(processes: list[int]) -> bool:
    for _ in range(150):
        if not any(Path(f"/proc/{number}").exists() for number in processes):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    nnrun = CommandLine(tmp_path_factory.mktemp("swept"))
    nnrun("-m", "lr=0.1,0.3", *QUICK, "report=off")
    return nnrun


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for children in /proc")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_it_serves_the_newest_sweep_and_ends_with_its_children(
    swept: CommandLine, number: int, code: int
) -> None:
    process = start(swept.folder)
    assert process.stdout is not None
    view, plain = process.stdout.readline(), process.stdout.readline()
    try:
        root, _, place = view.partition("#")
        assert "viewStateShareKey=" in place
        (sweep,) = swept.outputs("sweeps")
        told = json.loads((sweep / "sweep.json").read_text())["tracking"]
        assert f"nnrun.sweep_id%60+%3D+%27{told['id']}%27" in plain
        with urllib.request.urlopen(root, timeout=20) as answer:
            assert b"<title>MLflow</title>" in answer.read()
        children = below(process.pid)
        assert children
    finally:
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    assert "Traceback" not in told
    assert gone(children)


def test_of_a_tracking_server_only_the_address_is_given(swept: CommandLine, tmp_path: Path) -> None:
    (sweep,) = swept.outputs("sweeps")
    text = (sweep / "sweep.json").read_text()
    folder = tmp_path / "outputs" / "sweeps" / "s"
    folder.mkdir(parents=True)
    there = text.replace("sqlite:///outputs/mlflow.db", "http://me:word@mlflow.example:5000")
    (folder / "sweep.json").write_text(there.replace("http://127.0.0.1:5000", "http://x"))
    _, told = start(tmp_path).communicate(timeout=60)
    assert "is named by the sweep's folder alone" in told
    assert "--uri http://me:***@mlflow.example:5000" in told
    out, _ = start(tmp_path, "--uri", "http://mlflow.example:5000").communicate(timeout=60)
    assert out.startswith("http://mlflow.example:5000/#/experiments/1/runs?")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is no such file (run a sweep first: python -m nnrun; or name the store"),
        (["--uri", ""], "store=: is no database or tracking server"),
        (["--uri", "teapot://x"], "store=teapot://x: is no database or tracking server"),
        (["nowhere"], "path=nowhere: is not the folder of a sweep or run"),
        (["--port", "99999"], "must be a port, 1 to 65535"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    process = start(tmp_path, *words)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said in told


def test_a_server_that_dies_shows_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_text("no database " * 99)
    process = start(tmp_path, "--uri", "sqlite:///broken.db")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.startswith("error: MLflow's server ended with ") or "is starting" in told
    assert "file is not a database" in told


def test_a_port_that_is_taken_is_refused(swept: CommandLine) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(swept.folder, "--port", str(taken.getsockname()[1]))
        _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "leave --port out for a free one" in told


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "nnrun.ui", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")},
    )
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"mlflow", "pandas", "numpy", "hydra"}
