"""Sweeps on a Dask cluster to which everything happens that can: their tables are those of threads.

A scheduler and its workers on addresses of their own, each a process; over TCP.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import nnrun as package
from tests.conftest import slowness
from tests.dask_cluster import DaskCluster
from tests.integration.conftest import OFF, CommandLine, ended
from tests.integration.test_faults import tables

EXAMPLES = Path(__file__).parents[1] / "examples"
OWN = [f"--config-dir={EXAMPLES / 'my_rules'}", "optimizer=heavy_ball", "network=cubic"]
GRID = ["-m", "lr=0.01,0.02,0.03,0.04", "seeds=64", "budget=300000", "evals=20", *OWN, *OFF]
LONG = ["-m", "lr=0.01,0.02", "seeds=64", "budget=300000000", *OFF]
A, B, ODD, BARE = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"

OTHER_NUMPY = """
import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: "1.0" if name == "numpy" else version(name)
"""
NO_NNRUN = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nnrun":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Missing())
"""
IMPATIENT = """
from nnrun.trials import cluster
cluster.SILENT = (1.0, 2.0)
"""


pytestmark = pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """The tables that threads make."""
    line = CommandLine(tmp_path_factory.mktemp("threads"))
    line(*GRID)
    return tables(line.outputs("sweeps")[0])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers that find another my_rules first, one of another version, one without nnrun."""
    folder = tmp_path_factory.mktemp("dask")
    for name, file, code in (
        ("other", "my_rules.py", "raise AssertionError('this is another one')"),
        ("odd", "sitecustomize.py", OTHER_NUMPY),
        ("bare", "sitecustomize.py", NO_NNRUN),
    ):
        (folder / name).mkdir()
        (folder / name / file).write_text(code)
    cluster = DaskCluster(folder)
    try:
        for host, home in ((A, "other"), (B, "other"), (ODD, "odd"), (BARE, "bare")):
            cluster.start_worker(host, folder / home)
        cluster.wait_for_workers(4)
        yield cluster
    finally:
        cluster.close()


def on(cluster):
    return ["executor=dask", f"executor.address={cluster.address}"]


def is_training(dask_scheduler):
    return any(worker.processing for worker in dask_scheduler.workers.values())


def has_no_task(dask_scheduler):
    return not dask_scheduler.tasks and not is_training(dask_scheduler)


def is_at_rest(cluster, but=()):
    """Say whether no worker trains: by the time that its process takes."""
    good = [worker for host, worker in cluster.workers.items() if host not in but]

    def spent():
        stats = [Path(f"/proc/{worker.pid}/stat").read_text().split() for worker in good]
        return sum(int(stat[13]) + int(stat[14]) for stat in stats) / os.sysconf("SC_CLK_TCK")

    before = spent()
    time.sleep(0.5)
    return spent() - before < 0.2


def test_workers_that_die_hang_differ_and_come_late_change_no_table(nnrun, cluster, right):
    process = nnrun.start(*GRID, *on(cluster), patch=IMPATIENT)
    cluster.wait_for(is_training)
    cluster.kill(B)
    cluster.wait_for_workers(3)  # else that which hangs is handed out to nobody else in time
    cluster.start_worker(B, cluster.folder / "other")
    cluster.wait_for_workers(4)
    cluster.stop(A)
    done = ended(process)
    assert tables(nnrun.outputs("sweeps")[0]) == right
    odd, bare = sorted(line for line in done.stderr.splitlines() if "is left out" in line)
    assert f"{ODD}:" in odd
    assert f"it has numpy 1.0 and not {np.__version__}" in odd
    assert f"{BARE}:" in bare
    assert "No module named 'nnrun'" in bare
    assert "Traceback" not in done.stderr
    assert "distributed" not in done.stderr
    cluster.kill(A)
    cluster.kill(ODD)
    cluster.kill(BARE)
    cluster.start_worker(A, cluster.folder / "other")
    cluster.wait_for_workers(2)


def test_a_client_that_ends_leaves_no_job_and_goes_on_where_it_was(nnrun, cluster, right):
    process = nnrun.start(*LONG, *on(cluster))
    cluster.wait_for(is_training)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    done = ended(process, code=143)
    assert time.monotonic() < began + 2.0 * slowness()
    assert "Traceback" not in done.stderr
    cluster.wait_for(has_no_task, seconds=2)
    assert is_at_rest(cluster)
    process = nnrun.start(*GRID, *on(cluster))
    while not list(nnrun.folder.glob("outputs/cache/*/*/*.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    cluster.wait_for(has_no_task, seconds=2)
    assert is_at_rest(cluster)
    done = nnrun(*GRID, *on(cluster))
    assert "Found in the cache" in done.stdout
    assert tables(nnrun.outputs("sweeps")[-1]) == right


def test_a_scheduler_that_is_started_again_is_found_again(nnrun, cluster, right):
    process = nnrun.start(*GRID, *on(cluster))
    cluster.wait_for(is_training)
    cluster.restart_scheduler()
    for host in (A, B):
        cluster.start_worker(host, cluster.folder / "other")
    done = ended(process)
    assert done.stderr.count("does not answer; what is trained is kept") == 1
    assert "Traceback" not in done.stderr
    assert tables(nnrun.outputs("sweeps")[0]) == right


DEADLY = """
import multiprocessing, os
from dataclasses import dataclass
from nnrun.network.initializers import Initializer

@dataclass(frozen=True)
class Mine(Initializer):
    share: float = 1.0

    def weights(self, rng, fan_in, fan_out):
        if self.share == 3 and multiprocessing.parent_process():
            os._exit(1)
        return self.share * rng.standard_normal(fan_out)
"""


def test_a_setting_that_kills_its_workers_fails_alone(nnrun):
    (nnrun.folder / "deadly.py").write_text(DEADLY)
    (nnrun.folder / "init").mkdir()
    (nnrun.folder / "init" / "mine.yaml").write_text("_target_: deadly.Mine\nshare: 1.0\n")
    grid = ["-m", "--config-dir=.", "init=mine", "init.share=1,2,3,4", "seeds=4", "budget=2000"]
    once = "from nnrun.trials import scheduler\nscheduler.TRIES = 1"  # a new worker takes seconds
    done = nnrun(*grid, *OFF, "executor=dask", "executor.workers=1", patch=once, code=1)
    (sweep,) = nnrun.outputs("sweeps")
    jobs = package.load(sweep).sweep.jobs
    assert [job.status for job in jobs] == ["complete", "complete", "failed", "complete"]
    assert "each worker that trained it died" in done.stdout
    assert "Traceback" not in done.stderr
