"""Launchers of others: joblib's and submitit's run the jobs, each in a process of its own."""

import signal
from importlib.util import find_spec
from time import monotonic, sleep

import pytest

import nnrun as package
from nnrun.records.lock import being_written
from nnrun.records.sweep import read_sweep
from tests.integration.conftest import OFF, QUICK, ended

TABLES = ("trials.parquet", "curves.parquet", "ladder.parquet", "summary.csv")

MINE = """
from dataclasses import dataclass
from nnrun.network.optimizers import Optimizer

@dataclass(frozen=True)
class Mine(Optimizer):
    fails: bool = False

    def update(self, p, g, slots, rate):
        if self.fails and p.shape[-1] < 3:  # that of the network, not what is tried before
            raise ValueError("on purpose")
        return p - rate * g, slots
"""


def needs(plugin):
    there = find_spec("hydra_plugins") and find_spec(f"hydra_plugins.{plugin}")
    name = plugin.replace("_", "-")
    return pytest.mark.skipif(not there, reason=f"{name} is not installed")


@needs("hydra_joblib_launcher")
def test_joblib_s_sweep_is_ours(nnrun):
    grid = ["-m", "lr=0.1,0.2", *QUICK, *OFF]
    joblib = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    done = nnrun(*grid, *joblib, "hydra.sweep.dir=theirs")
    assert "2 settings × 3 seeds = 6 trials" in done.stdout
    nnrun(*grid, "hydra.sweep.dir=ours")  # all from the cache, with its costs
    for name in TABLES:
        ours, theirs = (nnrun.folder / sweep / name for sweep in ("ours", "theirs"))
        assert ours.read_bytes() == theirs.read_bytes(), name


@needs("hydra_submitit_launcher")
def test_submitit_s_jobs_find_own_modules_fail_alone_hold_no_secret_and_end_when_asked(nnrun):
    own = nnrun.folder / "own"
    (own / "optimizer").mkdir(parents=True)
    (own / "mine.py").write_text(MINE)
    (own / "optimizer" / "mine.yaml").write_text("_target_: mine.Mine\nfails: false\n")
    process = nnrun.start(
        *("-m", "--config-dir", "own", "optimizer=mine", "optimizer.fails=false,true"),
        *(
            "hydra/launcher=submitit_local",
            "hydra.sweep.dir=here",
        ),
        *("sweep.zip=[optimizer.fails,budget]", "budget=300,301", "seeds=2", "report=off"),
        *("tracking.uri=http://me:s3cr3tZq7@127.0.0.1:9", "tracking.wait=0.1"),
    )
    done = ended(process, code=1)
    assert "ValueError: on purpose" in done.stdout
    here = nnrun.folder / "here"
    assert [job.status for job in read_sweep(here).jobs] == ["complete", "failed"]
    assert package.load(here).summary["seeds"].tolist() == [2, 0]
    written = [path for path in here.rglob("*") if path.is_file()]
    assert any(path.suffix == ".pkl" for path in written)
    assert not [path for path in written if b"s3cr3tZq7" in path.read_bytes()]


@needs("hydra_submitit_launcher")
def test_an_interrupted_sweep_s_jobs_end_with_it(nnrun):
    sweep, job = nnrun.folder / "here", nnrun.folder / "here" / "0"
    process = nnrun.start(
        *("-m", "hydra/launcher=submitit_local", "hydra.sweep.dir=here", "lr=0.1"),
        *("budget=2000000000", "seeds=2", "tracking=off", "report=off"),
    )
    until(lambda: job.is_dir() and being_written(job), 60)
    process.send_signal(signal.SIGINT)
    since = monotonic()
    done = ended(process, code=130)
    assert monotonic() - since < 6  # two on an idle machine
    assert "1 of 1 job not finished" in done.stderr
    assert read_sweep(sweep).status == "interrupted"
    until(lambda: not being_written(job), 6)


def until(there, seconds):
    since = monotonic()
    while not there():
        assert monotonic() - since < seconds
        sleep(0.05)
