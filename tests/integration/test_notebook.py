"""Sweeps in a Jupyter kernel: the command's tables, the cache, interrupts, what is shown."""

import filecmp
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient

import nnrun as package
from tests.conftest import slowness
from tests.integration.conftest import OFF

pytestmark = pytest.mark.filterwarnings("ignore")  # of Jupyter's own

TOUR = Path(__file__).parents[2] / "experiments" / "tour.ipynb"
TABLES = ("trials.parquet", "curves.parquet", "summary.csv")
SMALL = "budget=300, seeds=3, evals=8"
WORDS = ("budget=300", "seeds=3", "evals=8")


class Kernel:
    """A fresh kernel, in a folder of its own."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def start(self, code: str) -> str:
        """Begin to run a cell; return its number."""
        return str(self.client.execute(code))

    def ended(self, cell: str) -> list[dict[str, Any]]:
        """Wait for a cell; return what it sent, the last of which says how it ended."""
        sent: list[dict[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != cell:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return sent
            sent.append({"type": message["msg_type"], **message["content"]})

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell that raises nothing; return what it sent."""
        sent = self.ended(self.start(code))
        raised = [one["traceback"] for one in sent if one["type"] == "error"]
        assert not raised, "\n".join(raised[0])
        return sent


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def shown(sent: list[dict[str, Any]], kind: str = "text/plain") -> list[str]:
    """Return what a cell displayed and how it was written over, in order."""
    displayed = ("display_data", "update_display_data", "execute_result")
    return [one["data"][kind] for one in sent if one["type"] in displayed and kind in one["data"]]


def streamed(sent: list[dict[str, Any]]) -> str:
    return "".join(one["text"] for one in sent if one["type"] == "stream")


def test_a_fresh_kernel_gives_the_commands_tables_and_the_cache_answers_the_second_call(
    kernel, nnrun
):
    """The criterion: tables to the byte, and what a second call costs beside its page."""
    kernel.run("import nnrun, time")
    grid = '{"lr": [0.1, 0.3], "features": ["raw", "product"]}'
    call = f'nnrun.sweep({grid}, {SMALL}, report="off", tracking="off")'
    sent = kernel.run(f"results = {call}")
    assert streamed(sent) == ""
    closing = r"4 settings × 3 seeds in [\d.]+ s: outputs/sweeps/\S+"
    assert re.fullmatch(closing, shown(sent)[-1])
    nnrun("-m", "lr=0.1,0.3", "features=raw,product", *WORDS, *OFF)
    mine, theirs = nnrun.outputs("sweeps")
    assert all(filecmp.cmp(mine / name, theirs / name, shallow=False) for name in TABLES)
    busy = slowness()
    kernel.run(f"began = time.perf_counter()\nagain = {call}\nspent = time.perf_counter() - began")
    sent = kernel.run("print(spent, again.curves.equals(results.curves))")
    spent, same = streamed(sent).split()
    assert same == "True"
    assert all(
        filecmp.cmp(mine / n, nnrun.outputs("sweeps")[-1] / n, shallow=False) for n in TABLES
    )
    # MLflow's writing of runs and the drawing of a page are no overhead of a call
    assert float(spent) < 1.0 * max(busy, slowness())
    # shown by itself: verdict, figure and table
    (card,) = shown(kernel.run("results"), "text/html")
    assert card.count("<svg") == card.count("<table") == 1
    (figure,) = shown(kernel.run("results.plot.learning_curves(); None"), "image/png")
    assert len(figure) > 5000


SLOW = """
import time
from pathlib import Path
import nnrun
from nnrun.trials import shard
train = shard.train
def slow(some, engine, advance, stopped):
    while some.setting.budget == 400 and not (stopped() or Path("go").exists()):
        time.sleep(0.02)
        advance(0)
    return train(some, engine, advance, stopped)
shard.train = slow
import signal
before = signal.getsignal(signal.SIGINT)
def call():
    return nnrun.sweep({"budget": [300, 400], "executor.workers": 1}, seeds=3, evals=8, OFF)
""".replace("OFF", 'tracking="off", report="off"')


def begun(folder: Path) -> Path:
    """Wait until a sweep has its first record."""
    deadline = time.monotonic() + 60
    while not (found := list(folder.glob("outputs/sweeps/*/0/record.npz"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    return found[0].parents[1]


def status(sweep: Path) -> str:
    return str(json.loads((sweep / "sweep.json").read_text())["status"])


def test_an_interrupted_sweep_leaves_the_kernel_alive_and_the_same_call_goes_on(kernel, tmp_path):
    kernel.run(SLOW)
    cell = kernel.start("found = call()")
    sweep = begun(tmp_path)
    kernel.manager.interrupt_kernel()
    sent = kernel.ended(cell)
    assert [one["ename"] for one in sent if one["type"] == "error"] == ["KeyboardInterrupt"]
    assert shown(sent)[-1].splitlines() == [
        "interrupted: 1 of 2 jobs not finished. What was trained is kept; the same call goes on.",
    ]
    assert status(sweep) == "interrupted"
    assert len(package.load(sweep).summary) == 1
    kernel.run("assert signal.getsignal(signal.SIGINT) is before")
    (tmp_path / "go").touch()
    sent = kernel.run("found = call()\nprint(found.folder, found.sweep.status)")
    assert streamed(sent) == f"{sweep} complete\n"
    assert status(sweep) == "complete"
    assert package.load(sweep).summary["budget"].tolist() == [300, 400]


def test_a_sweep_that_takes_time_says_in_one_line_how_far_it_is(kernel, tmp_path):
    kernel.run(SLOW)
    cell = kernel.start("found = call()")
    begun(tmp_path)
    time.sleep(2.5)
    (tmp_path / "go").touch()
    sent = kernel.ended(cell)
    assert streamed(sent) == ""
    kinds = [one["type"] for one in sent if "display" in one["type"]]
    assert kinds[0] == "display_data"
    assert set(kinds[1:]) <= {"update_display_data"}  # written over
    assert len({one["transient"]["display_id"] for one in sent if "transient" in one}) == 1
    assert shown(sent)[-1].startswith("2 settings × 3 seeds in ")
    sent = kernel.run(
        "found = nnrun.run(lr=0.1, progress=False, OPTIONS)".replace("OPTIONS", SMALL)
    )
    assert not shown(sent)
    assert streamed(sent) == ""


def test_bad_input_is_an_error_in_few_lines(kernel, tmp_path):
    kernel.run("import nnrun")
    sent = kernel.ended(kernel.start("nnrun.sweep(lrr=[0.1, 0.2])"))
    (error,) = [one for one in sent if one["type"] == "error"]
    assert error["ename"] == "InputError"
    assert error["evalue"] == "lrr: is not a known key (did you mean 'lr'?)"
    assert "hydra/_internal" not in "".join(error["traceback"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_tour_runs_and_says_what_it_shows(tmp_path):
    shown = nbformat.read(TOUR, as_version=4)
    ran = nbformat.read(TOUR, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(ran, timeout=300, kernel_name="python3", resources=where).execute()
    answers = []
    for notebook in (shown, ran):
        told = [one for cell in notebook.cells for one in cell.get("outputs", ())]
        assert not [
            one for one in told if one.output_type == "error" or one.get("name") == "stderr"
        ]
        assert sum("<svg" in one.get("data", {}).get("text/html", "") for one in told) == 1
        answers.append([one.text for one in told if one.output_type == "stream"])
    assert answers[0] == answers[1]
    assert all(text.startswith("Yes: ") for text in answers[0])
    assert TOUR.stat().st_size < 200_000


TYPED = """
import nnrun, numpy as np
from dataclasses import dataclass
from nnrun.network.activations import Activation
factor = 1.0
def bent(z):
    return np.tanh(factor * z)
@dataclass(frozen=True)
class Bent(Activation):
    def forward(self, z):
        return bent(z)
    def backward(self, gradient, z, a):
        return gradient * factor * (1 - a * a)
def digits():
    from nnrun.custom import digest_of
    return digest_of(Bent)
def call():
    return nnrun.sweep({"network.activation": [Bent, "tanh"]}, SMALL, tracking="off", report="off")
""".replace("SMALL", SMALL)


def test_a_component_that_was_typed_in_is_trained_anew_when_it_changes_and_not_otherwise(kernel):
    kernel.run(TYPED)
    loss = "found.trials['final_test_loss'].to_numpy().reshape(2, 3)"
    sent = kernel.run(
        f"found = call(); first, tanh = {loss}; print(np.allclose(first, tanh), digits())"
    )
    same, before = streamed(sent).split()
    assert same == "True"
    kernel.run(TYPED)
    assert streamed(kernel.run("print(digits())")).strip() == before
    kernel.run(TYPED.replace("factor = 1.0", "factor = 2.0"))
    sent = kernel.run(
        f"found = call(); second, tanh = {loss}; print((second == first).any(), digits())"
    )
    same, after = streamed(sent).split()
    assert same == "False"
    assert after != before
