"""Plans, grids and the cache, as a user meets them."""

import signal
import time

import pytest

import nnrun as package
from nnrun.tracking.mirror import SEEDS
from tests.documented import read_document
from tests.integration.conftest import OFF, QUICK, reads_mlflow
from tests.integration.test_faults import of_kind, runs, wait_for_records


def test_a_plan_is_shown_and_nothing_else_happens(nnrun):
    done = nnrun("-m", "lr=0.1,0.2", *QUICK, "plan_only=true")
    assert "2 settings × 3 seeds = 6 trials of 300 samples" in done.stdout
    assert "Training: about 1 s with " in done.stdout
    assert not (nnrun.folder / "outputs").exists()
    nnrun("-m", "lr=0.1,0.2", *QUICK, *OFF)
    done = nnrun("-m", "lr=0.1,0.2,0.3", *QUICK, "plan_only=true")
    assert "Found in the cache: 6 of 9 trials" in done.stdout
    assert len(nnrun.outputs("sweeps")) == 1


def test_a_single_run_has_a_plan_too(nnrun):
    done = nnrun(*QUICK, "plan_only=true")
    assert "1 setting × 3 seeds = 3 trials of 300 samples" in done.stdout
    assert not nnrun.outputs("runs")


def test_keys_vary_together(nnrun):
    nnrun("-m", "lr=0.1,0.2", "batch_size=1,2", "sweep.zip=[lr,batch_size]", *QUICK, *OFF)
    summary = package.load(nnrun.outputs("sweeps")[0]).summary
    assert summary[["lr", "batch_size"]].to_numpy().tolist() == [[0.1, 1], [0.2, 2]]


def test_random_draws_are_the_same_every_time(nnrun):
    grid = ["-m", "lr=tag(log, interval(1e-3, 1))", "sweep.random=5", *QUICK, *OFF]
    nnrun(*grid)
    done = nnrun(*grid)
    assert "Found in the cache: 15 of 15 trials" in done.stdout
    first, second = (package.load(sweep).summary["lr"] for sweep in nnrun.outputs("sweeps"))
    assert first.tolist() == second.tolist()
    assert first.between(1e-3, 1).all()
    assert first.nunique() == 5


@pytest.mark.parametrize("use", ["off", "refresh"])
def test_the_cache_can_be_left_aside(nnrun, use):
    nnrun("-m", "lr=0.1,0.2", *QUICK, *OFF)
    done = nnrun("-m", "lr=0.1,0.2", *QUICK, *OFF, f"cache={use}")
    assert "Found in the cache" not in done.stdout


def test_more_seeds_train_only_what_is_new(nnrun):
    nnrun("-m", "lr=0.1,0.2", *QUICK, *OFF)
    done = nnrun("-m", "lr=0.1,0.2", *QUICK, "seeds=5", *OFF)
    assert "Found in the cache: 6 of 10 trials" in done.stdout
    sweeps = nnrun.outputs("sweeps")
    old, new = (package.load(sweep).curves for sweep in sweeps)
    assert new[new["seed"] < 3].reset_index(drop=True).equals(old)


@reads_mlflow
def test_a_setting_of_several_batches_is_one_run_with_all_its_seeds(nnrun):
    batches = ["seed=0,2", "hydra.sweeper.max_batch_size=1"]
    nnrun("-m", "lr=0.1", *batches, "seeds=4", "budget=300", "report=off")
    (run,) = of_kind(runs(nnrun), "setting")
    assert run.data.metrics["seeds"] == 6
    assert run.data.tags[SEEDS] == "0-5"


@reads_mlflow
def test_a_continued_sweep_leaves_the_runs_of_a_namesake_alone(nnrun):
    grid = ["-m", "lr=0.1,0.2", *QUICK, "report=off"]
    nnrun(*grid, "hydra.sweep.dir=a/out")
    process = nnrun.start(*grid, "lr=0.1,0.3", "hydra.sweep.dir=b/out", "budget=300,40000000")
    wait_for_records(nnrun, 2, since=0.0, folder="b/out")
    process.kill()
    process.communicate()
    process = nnrun.start(*grid, "lr=0.1,0.3", "hydra.sweep.dir=b/out", "budget=300,40000000")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    found = [run for run in runs(nnrun) if run.info.status == "FINISHED"]
    assert len(of_kind(found, "sweep")) == 1
    assert len(of_kind(found, "setting")) >= 2


@pytest.mark.parametrize("other", ["hydra/launcher=basic", "hydra/sweeper=basic"])
def test_under_hydra_s_own_plugins_it_is_the_same_sweep(nnrun, other):
    grid = ["-m", "lr=0.1,0.2", *QUICK, *OFF]
    nnrun(*grid, "cache=off", "hydra.sweep.dir=ours")
    # a clock that is ahead of the file system's
    ahead = "import time; now = time.time; time.time = lambda: now() + 3600"
    nnrun(*grid, other, "hydra.sweep.dir=theirs", "hydra.job.chdir=true", patch=ahead)
    ours, theirs = (package.load(nnrun.folder / name) for name in ("ours", "theirs"))
    assert theirs.curves.equals(ours.curves)
    assert (nnrun.folder / "outputs" / "cache").is_dir()
    assert not list((nnrun.folder / "theirs").rglob("cache"))
    done = nnrun(*grid, other, "hydra.sweep.dir=plan", "plan_only=true")
    assert "2 settings" in done.stdout
    assert not (nnrun.folder / "plan").exists()
    nnrun(*grid, other, "hydra.sweep.dir=bad", "lr=0.1,-1", code=2)
    assert not list((nnrun.folder / "bad").rglob("*.npz"))


def test_sigterm_ends_a_sweep_of_hydra_s_launcher_in_order(nnrun):
    grid = ["-m", "budget=300,2000000000", "seeds=2", "hydra/launcher=basic", *OFF, "--json"]
    process = nnrun.start(*grid)
    wait_for_records(nnrun, 1, since=0.0)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "1 of 2 jobs not finished" in errors
    found = read_document(out)
    assert (found["status"], found["exit_code"]) == ("interrupted", 143)
    assert [job["status"] for job in found["jobs"]] == ["complete", "missing"]
    assert "the same command goes on" in found["notes"][0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupted_run_is_begun_again_in_its_own_folder(nnrun, number, code):
    run = ["hydra.run.dir=here", "seeds=2", *OFF]
    process = nnrun.start(*run, "budget=2000000000")
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    nnrun(*run, "budget=300")
    assert package.load(nnrun.folder / "here").sweep.status == "complete"
    nnrun(*run, "budget=300", code=2)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sweep=3", "sweep=3: must be a group of the keys"),
        ("hydra.sweeper.max_batch_size=0", "must be at least 1"),
        ("+sweep.foo=1", "sweep.foo=1: is not a known key"),
        ("sweep.random=3", "draws values of keys that vary, and none does"),
        ("sweep.zip=[lr,seed]", "zips keys that vary"),
    ],
)
def test_what_a_sweep_cannot_be_is_told(nnrun, override, told):
    done = nnrun("-m", "lr=0.1", override, *QUICK, *OFF, code=2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not nnrun.outputs("sweeps")


def test_a_single_run_has_no_grid(nnrun):
    done = nnrun("sweep.random=3", *QUICK, *OFF, code=2)
    assert "sweep.random=3: is for nnrun's sweeps" in done.stderr
