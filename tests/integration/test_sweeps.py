"""Plans, grids and the cache, as a user meets them."""

import pytest

import nnrun as package
from tests.integration.conftest import OFF, QUICK


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
