"""What goes wrong while a sweep runs: nothing finished is lost, and the same command goes on.

``NNRUN_KILLS=20`` runs the kill test in full; the short one kills three times, without a report.
"""

import json
import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pandas as pd
import pytest

import nnrun as package
from tests.documented import read_document
from tests.forked import SERVER
from tests.integration.conftest import OFF, QUICK, CommandLine, ended, reads_mlflow


def a_grid(rates: int, *more: str) -> list[str]:
    """Two settings for each of some learning rates."""
    values = ",".join(f"{0.005 * 1.1**i:.5g}" for i in range(rates))
    return ["-m", f"lr={values}", "features=raw,product", "evals=30", *more]


def tables(sweep: Path, *but: str) -> dict[str, bytes]:
    """The content of a sweep's tables, what training cost left out, and some columns."""
    found = {"curves": (sweep / "curves.parquet").read_bytes()}
    for name, read in (("trials.parquet", pd.read_parquet), ("summary.csv", pd.read_csv)):
        table = read(sweep / name)
        found[name] = table.drop(columns=["ns_per_sample", *but]).to_csv(index=False).encode()
    return found


def runs(nnrun: CommandLine, experiment: str = "1"):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{nnrun.folder}/outputs/mlflow.db")
    return list(client.search_runs([experiment], max_results=5000))


def of_kind(found, kind):
    return [run for run in found if run.data.tags["nnrun.kind"] == kind]


@pytest.mark.slow
@reads_mlflow
def test_a_sweep_killed_again_and_again_ends_as_if_undisturbed(tmp_path):
    calm, killed = CommandLine(tmp_path / "calm"), CommandLine(tmp_path / "killed")
    for line in (calm, killed):
        line.folder.mkdir()
    in_full = os.environ.get("NNRUN_KILLS")
    n = 60 if in_full else 12
    size = ["budget=60000", "seeds=12"] if in_full else ["budget=20000", "seeds=4", "report=off"]
    grid = a_grid(n // 2, *size)
    started = time.monotonic()
    calm(*grid)
    whole = time.monotonic() - started
    kills, dice = int(in_full or "3"), random.Random(1)
    for _ in range(kills):
        process = killed.start(*grid)
        time.sleep(dice.uniform(0.1, 1.0) * whole)
        process.kill()
        process.communicate()
    killed(*grid)
    (undisturbed,) = calm.outputs("sweeps")
    last = killed.outputs("sweeps")[-1]
    assert tables(last) == tables(undisturbed)
    found = [run for run in runs(killed) if run.data.tags["nnrun.sweep"] == last.name]
    settings = [run.data.tags["nnrun.setting"] for run in of_kind(found, "setting")]
    assert len(settings) == len(set(settings)) == n
    assert len(of_kind(found, "sweep")) == 1
    assert {run.info.status for run in found} == {"FINISHED"}
    assert not list(last.glob(".*"))


def wait_for_records(
    nnrun: CommandLine, count: int, since: float, folder: str = "outputs/sweeps/*"
) -> None:
    """Wait until so many records were written since then."""
    deadline = time.monotonic() + 60
    while True:
        paths = nnrun.folder.glob(f"{folder}/*/record.npz")
        if sum(path.stat().st_mtime > since for path in paths) == count:
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


@reads_mlflow
def test_a_killed_sweep_is_continued_where_it_was(nnrun):
    began = time.time()
    process = nnrun.start("-m", "lr=0.1,0.2,0.3", "budget=2000,40000000", "seeds=4")
    wait_for_records(nnrun, 3, began)
    process.kill()
    process.communicate()
    (sweep,) = nnrun.outputs("sweeps")
    assert json.loads((sweep / "sweep.json").read_text())["status"] == "running"
    # a longer grid is another sweep, and uses what the killed one has trained
    done = nnrun("-m", "lr=0.1,0.2,0.3,0.4", "budget=2000", "seeds=4", *OFF)
    assert "Found in the cache: 12 of 16 trials" in done.stdout
    assert len(nnrun.outputs("sweeps")) == 2
    began = time.time()
    # in which words it answers makes it no other sweep
    process = nnrun.start("-m", "lr=0.1,0.2,0.3", "budget=2000,40000000", "seeds=4", "--json")
    wait_for_records(nnrun, 3, began)
    told = (sweep / "sweep.json").read_bytes()
    for module in ("nnrun.report", "nnrun.sync"):
        beside = SERVER.start(str(sweep), cwd=nnrun.folder, module=module)
        assert "is being written by another process" in ended(beside, code=2).stderr
    assert (sweep / "sweep.json").read_bytes() == told
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    assert read_document(out)["folder"] == str(sweep)
    assert "3 of 6 jobs not finished" in errors
    assert len(nnrun.outputs("sweeps")) == 2
    results = package.load(sweep)
    assert results.sweep.status == "interrupted"
    assert results.summary["seeds"].tolist() == [4, 4, 4]
    assert not (sweep / "report.html").exists()  # it takes longer than an end may
    assert f"The page was not drawn: python -m nnrun.report outputs/sweeps/{sweep.name}" in errors
    found = [run for run in runs(nnrun) if run.data.tags["nnrun.sweep"] == sweep.name]
    # MLflow has what there was time for: it may still be imported on a slow machine
    settings = [run.data.tags["nnrun.setting"] for run in of_kind(found, "setting")]
    assert len(settings) == len(set(settings)) <= 3
    if not results.sweep.tracking["error"]:
        assert {run.info.status for run in of_kind(found, "setting")} <= {"FINISHED"}
        assert [run.info.status for run in of_kind(found, "sweep")] in ([], ["KILLED"])


STAGES = ("compose", "mlflow", "train", "store", "tables", "report")
AT_STAGE = """
import os, signal
from nnrun.trials.progress import Clock
enter = Clock.__call__
def entered(self, stage):
    if stage == {stage!r} and not getattr(Clock, "sent", False):
        Clock.sent = True
        os.kill(os.getpid(), signal.{name})
    return enter(self, stage)
Clock.__call__ = entered
"""


@reads_mlflow
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_in_any_stage_ends_in_order(nnrun, stage):
    # each signal in every second stage: the other stages were tried once, and it is all one path
    name, code = (("SIGTERM", 143), ("SIGINT", 130))[STAGES.index(stage) % 2]
    grid = ["-m", "lr=0.1,0.2,0.3", *QUICK]
    if stage not in ("tables", "report"):
        grid.append("report=off")
    done = nnrun(*grid, patch=AT_STAGE.format(stage=stage, name=name), code=code)
    assert "Traceback" not in done.stderr
    in_time = True
    for sweep in nnrun.outputs("sweeps"):
        facts = json.loads((sweep / "sweep.json").read_text())
        assert facts["status"] in ("interrupted", "complete")
        in_time = not (facts["tracking"] or {}).get("error")
        if any(job["status"] == "complete" for job in facts["jobs"]):
            assert len(package.load(sweep).summary) >= 1
    if (nnrun.folder / "outputs" / "mlflow.db").exists() and in_time:
        assert all(run.info.status != "RUNNING" for run in runs(nnrun))
    nnrun(*grid, *(["report=off"] if stage == "tables" else []))
    last = nnrun.outputs("sweeps")[-1]
    results = package.load(last)
    assert results.sweep.status == "complete"
    assert len(results.summary) == 3
    found = [run for run in runs(nnrun) if run.data.tags["nnrun.sweep"] == last.name]
    assert {run.info.status for run in found} == {"FINISHED"}


FULL_DISK = """
from nnrun.records import record as store
write, written = store.write_atomically, []
def full(path, content, sync=True):
    if path.name == "record.npz":
        written.append(path)
        if len(written) == 3:
            with open("/dev/full", "wb", buffering=0) as file:
                content(file)
    return write(path, content, sync)
store.write_atomically = full
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@reads_mlflow
def test_a_disk_that_fills_up_ends_clearly_and_the_same_command_goes_on(nnrun):
    grid = ["-m", "lr=0.1,0.2,0.3,0.4", *QUICK, "report=off"]
    done = nnrun(*grid, patch=FULL_DISK, code=1)
    assert "No space left on device" in done.stderr
    assert "the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr
    done = nnrun(*grid)
    (sweep,) = nnrun.outputs("sweeps")
    assert "Found in the cache" in done.stdout
    assert len(package.load(sweep).summary) == 4
    found = runs(nnrun)
    assert len(of_kind(found, "setting")) == 4
    assert {run.info.status for run in found} == {"FINISHED"}


RAISES = """
from nnrun.trials import shard as gather
train = gather.train
def raising(shard, *arguments):
    if any(trial.setting.lr == 0.2 for trial in shard.trials):
        raise RuntimeError("the sensor broke")
    return train(shard, *arguments)
gather.train = raising
"""


@pytest.mark.parametrize("launcher", ["nnrun", "basic"])
def test_a_setting_that_raises_fails_alone(nnrun, launcher):
    grid = ["-m", "lr=0.1,0.2,0.3", f"hydra/launcher={launcher}", *QUICK, "tracking=off"]
    done = nnrun(*grid, patch=RAISES, code=1)
    assert "Traceback" not in done.stderr
    assert "the sensor broke" in done.stdout
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    assert results.sweep.status == "failed"
    assert [job.status for job in results.sweep.jobs] == ["complete", "failed", "complete"]
    assert results.trials.groupby("lr")["status"].first().loc[0.2] == "failed"
    log = (sweep / "1" / "nnrun.log").read_text()
    assert "Traceback" in log
    assert "RuntimeError: the sensor broke" in log
    assert "the sensor broke" in (sweep / "report.html").read_text()
    again = nnrun(*grid, "report=off")
    assert "Found in the cache: 6 of 9 trials" in again.stdout or launcher == "basic"
    assert package.load(nnrun.outputs("sweeps")[-1]).sweep.status == "complete"


def test_a_single_run_that_raises_says_so(nnrun):
    done = nnrun("lr=0.2", *QUICK, "tracking=off", patch=RAISES, code=1)
    assert "the sensor broke" in done.stdout
    assert "Traceback" not in done.stderr


def test_outputs_that_cannot_be_written_are_told_before_training(nnrun):
    (nnrun.folder / "outputs").write_text("a file where the folder should be")
    for command in (["-m", "lr=0.1,0.2"], ["lr=0.1"]):
        done = nnrun(*command, *QUICK, *OFF, code=1)
        assert done.stderr.startswith("error: ")
        assert "outputs" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_truncated_cache_file_is_trained_again(nnrun):
    grid = ["-m", "lr=0.1,0.2", *QUICK, *OFF]
    nnrun(*grid)
    before = tables(nnrun.outputs("sweeps")[0])
    blocks = sorted(nnrun.folder.glob("outputs/cache/*/*/*.npz"))
    assert len(blocks) == 2
    blocks[0].write_bytes(blocks[0].read_bytes()[:100])
    done = nnrun(*grid)
    assert "damaged" in done.stderr
    assert tables(nnrun.outputs("sweeps")[1]) == before


@reads_mlflow
def test_four_sweeps_that_start_at_once_in_fresh_outputs_all_end_well(nnrun):
    grids = ["0.1,0.2,0.3", "0.1,0.2,0.3", "0.2,0.3,0.4,0.5", "0.6,0.7"]
    started = [nnrun.start("-m", f"lr={grid}", *QUICK, "report=off") for grid in grids]
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    sweeps = nnrun.outputs("sweeps")
    assert sorted(len(package.load(sweep).summary) for sweep in sweeps) == [2, 3, 3, 4]
    found = runs(nnrun)
    assert len(of_kind(found, "setting")) == 12
    assert len(of_kind(found, "sweep")) == 4
    assert {run.info.status for run in found} == {"FINISHED"}
    with sqlite3.connect(nnrun.folder / "outputs" / "mlflow.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


AT_FILE = """
from pathlib import Path
opened = Path.open
def full(self, mode="r", *rest, **more):
    if mode == "xb" and self.name.startswith(".{name}."):
        opened(self, mode).close()
        self, mode = Path("/dev/full"), "wb"
    return opened(self, mode, *rest, **more)
Path.open = full
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", [".unfinished", "curves.parquet", "report.md"])
def test_a_full_disk_in_any_stage_names_the_file_and_leaves_no_half_of_it(nnrun, name):
    grid = ["-m", "lr=0.1,0.2", *QUICK, "tracking=off", *(["report=off"] * (name != "report.md"))]
    done = nnrun(*grid, patch=AT_FILE.format(name=name), code=1)
    assert f"/{name}: No space left on device (free some space; the same command" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(nnrun.folder.rglob(f"*{name}*"))
    done = nnrun(*grid)
    (sweep,) = nnrun.outputs("sweeps")
    assert ("Found in the cache: 6 of 6" in done.stdout) == (name != ".unfinished")
    assert len(package.load(sweep).summary) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_and_an_index_that_the_disk_does_not_take_are_told_in_a_line_each(nnrun):
    log = "hydra.job_logging.handlers.file.filename=/dev/full"
    done = nnrun("lr=0.1", log, *QUICK, "tracking=off", patch=AT_FILE.format(name="index.html"))
    full = "No space left on device (free some space; the same command goes on)"
    assert done.stderr.count(f"warning: /dev/full: {full}") == 1
    assert done.stderr.count(f"warning: outputs/index.html: {full}") == 1
    assert "Traceback" not in done.stderr
