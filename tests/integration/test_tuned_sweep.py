"""Sweeps whose jobs are tuned on other seeds first, as a user meets them."""

import json
import re

import pandas as pd
import pytest

import nnrun as package
from tests.integration.conftest import OFF, QUICK, reads_mlflow
from tests.integration.test_faults import of_kind, runs, tables

EASY = ["target.metric=test_loss", "target.value=0.126", "target.hold=1"]
GRID = ["features=raw,product", *QUICK, *EASY]
TUNED = ["-m", *GRID, "sweep.tune={lr:[0.01,0.2,1.0]}", "sweep.tune_seeds=4"]
FULL = [*TUNED, "sweep.tune_race=false"]


def table(sweep):
    return pd.read_csv(sweep / "tuning.csv")


def chosen(sweep):
    rows = table(sweep)
    return rows.loc[rows["chosen"], "lr"].tolist()


def test_a_tuned_sweep_is_the_sweep_of_the_chosen_values(nnrun):
    done = nnrun(*FULL, *OFF, "hydra.sweep.dir=tuned")
    assert "tuning lr: 6 settings × 4 seeds = 24 trials of 300 samples" in done.stdout
    tuned, rates = nnrun.folder / "tuned", chosen(nnrun.folder / "tuned")
    grid = [*GRID, f"lr={rates[0]},{rates[1]}", "sweep.zip=[features,lr]", "cache=off", *OFF]
    if rates[0] == rates[1]:
        grid = [*GRID, f"lr={rates[0]}", "cache=off", *OFF]
    nnrun("-m", *grid, "hydra.sweep.dir=by_hand")
    assert tables(tuned, "label") == tables(nnrun.folder / "by_hand", "label")
    facts = package.load(tuned).sweep
    assert facts.tuned == ["lr"]
    # what an arm is called does not name its rate
    assert [s.label for s in facts.settings] == ["terms=[x,y]", "terms=[x,y,x*y]"]
    for rate, features in zip(rates, ("raw", "product"), strict=True):
        assert re.search(rf"lr={rate:g} for [^;]*features={features}", done.stdout)
    assert [job.overrides[-1] for job in facts.jobs] == [f"lr={rate}" for rate in rates]
    # jobs alone have folders
    assert sorted(path.name for path in tuned.iterdir() if path.is_dir()) == ["0", "1"]


def test_what_a_value_scores_is_what_a_sweep_of_its_own_on_those_seeds_finds(nnrun):
    nnrun(*FULL, *OFF, "hydra.sweep.dir=tuned")
    own = ["-m", *GRID, "lr=0.01,0.2,1.0", "seed=1000000", "seeds=4", "cache=off", *OFF]
    nnrun(*own, "hydra.sweep.dir=grid")
    tuned, trials = table(nnrun.folder / "tuned"), package.load(nnrun.folder / "grid").trials
    times = trials["samples_to_target"].fillna(300.0)
    arms = [trials["features.terms"].astype(str), trials["lr"]]
    means = times.groupby(arms, sort=False).mean().tolist()
    assert tuned["restricted_mean"].tolist() == means
    assert len(set(means)) > 1
    lowest = tuned.groupby("job")["restricted_mean"].min().tolist()
    assert tuned.loc[tuned["chosen"], "restricted_mean"].tolist() == lowest
    reported = package.load(nnrun.folder / "tuned")
    assert sorted(set(reported.trials["seed"])) == [0, 1, 2]
    about = reported.sweep.tuning
    assert about["seeds"] == [1_000_000, 1_000_003]
    assert [row["restricted_mean"] for row in about["rows"]] == means


@reads_mlflow
def test_a_second_time_nothing_is_trained_and_only_the_jobs_are_tracked(nnrun):
    nnrun(*TUNED, "report=off")
    done = nnrun(*TUNED, *OFF)
    n = table(nnrun.outputs("sweeps")[0])["seeds"].sum()
    assert f"Found in the cache: {n} of 24 trials" in done.stdout
    assert "Found in the cache: 6 of 6 trials" in done.stdout
    first, second = nnrun.outputs("sweeps")
    assert (first / "tuning.csv").read_bytes() == (second / "tuning.csv").read_bytes()
    assert tables(first) == tables(second)
    found = runs(nnrun)
    assert (len(of_kind(found, "setting")), len(of_kind(found, "sweep"))) == (2, 1)


ENDS_AT = """
import os, signal
from nnrun.trials import shard as gather
train, seen = gather.train, []
def ending(shard, *arguments):
    if any({condition} for trial in shard.trials):
        seen.append(shard)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
    return train(shard, *arguments)
gather.train = ending
"""


def test_interrupted_in_both_stages_the_same_command_goes_on(nnrun):
    # one thread, and shapes that do not share a stack: some is trained, and some is not
    shapes = ["network.hidden=[2],[3]", "executor.workers=1"]
    calm = [*TUNED, *shapes, *OFF]
    nnrun(*calm, "cache=off", "hydra.sweep.dir=calm")
    patch = ENDS_AT.format(condition="trial.seed >= 1000000")
    done = nnrun(*calm, patch=patch, code=143)
    assert "interrupted: 4 of 4 jobs not finished" in done.stderr
    assert "What was trained is kept; the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert not nnrun.outputs("sweeps")
    done = nnrun(*calm, patch=ENDS_AT.format(condition="trial.seed < 1000"), code=143)
    assert "Found in the cache: " in done.stdout
    (sweep,) = nnrun.outputs("sweeps")
    assert package.load(sweep).sweep.status == "interrupted"
    done = nnrun(*calm)
    n = table(sweep)["seeds"].sum()
    assert f"Found in the cache: {n} of 48 trials" in done.stdout
    assert f"Going on in outputs/sweeps/{sweep.name}" in done.stdout
    assert nnrun.outputs("sweeps") == [sweep]
    assert tables(sweep) == tables(nnrun.folder / "calm")
    left = [(folder / "tuning.csv").read_bytes() for folder in (sweep, nnrun.folder / "calm")]
    assert left[0] == left[1]


RAISES = """
from nnrun.trials import shard as gather
train = gather.train
def raising(shard, *arguments):
    if any({condition} for trial in shard.trials):
        raise RuntimeError("the sensor broke")
    return train(shard, *arguments)
gather.train = raising
"""


def test_a_value_that_raises_is_not_chosen(nnrun):
    nnrun(*TUNED, *OFF, "cache=off", "hydra.sweep.dir=whole")
    best = chosen(nnrun.folder / "whole")[0]
    patch = RAISES.format(condition=f"trial.setting.lr == {best}")
    done = nnrun(*TUNED, *OFF, patch=patch)
    assert f"#0 was not tuned with lr={best:g}: RuntimeError: the sensor broke" in done.stderr
    (sweep,) = nnrun.outputs("sweeps")
    rows = table(sweep)
    assert rows.loc[rows["lr"] == best, "error"].tolist() == ["RuntimeError: the sensor broke"] * 2
    assert best not in chosen(sweep)
    assert len(chosen(sweep)) == 2


def test_a_job_that_cannot_be_tuned_fails_alone(nnrun):
    # its tuning trials raise and those of its own seeds would not: it must not be reported untuned
    condition = "trial.seed >= 1000000 and len(trial.setting.problem.inputs) == 2"
    patch = RAISES.format(condition=condition)
    done = nnrun(*TUNED, *OFF, patch=patch, code=1)
    assert "the sensor broke" in done.stdout
    assert "Traceback" not in done.stderr
    (sweep,) = nnrun.outputs("sweeps")
    facts = package.load(sweep).sweep
    assert [job.status for job in facts.jobs] == ["failed", "complete"]
    assert "no value of the tuned keys could be trained" in facts.jobs[0].error
    done = nnrun(*TUNED, "hydra/launcher=basic", "hydra.sweep.dir=basic", patch=patch, code=1)
    assert "no value of the tuned keys could be trained" in done.stderr


def test_a_plan_has_both_stages_and_trains_neither(nnrun):
    done = nnrun(*TUNED, "plan_only=true")
    assert "tuning lr: 6 settings × 2 to 4 seeds (who falls far behind" in done.stdout
    assert " = 12 to 24 trials of 300 samples" in done.stdout
    assert "\n2 settings × 3 seeds = 6 trials" in done.stdout
    assert not (nnrun.folder / "outputs").exists()


def test_a_race_is_in_the_table_the_facts_the_plan_and_on_the_page(nnrun):
    # rates that never arrive beside one that does
    far = ["-m", "network.hidden=[]", "features=product", "budget=20000", "evals=30", "seeds=3"]
    far += ["sweep.tune={lr:[1e-6,1e-5,1.0]}", "target.value=0.8", "tracking=off"]
    plan = json.loads(nnrun(*far, "plan_only=true", "--json").stdout)["tuning"]
    assert (plan["trials"], plan["cached"], plan["first"]["trials"]) == (60, 0, 6)
    done = nnrun(*far)
    (sweep,) = nnrun.outputs("sweeps")
    rows = table(sweep)
    assert rows["fell"].tolist() == [True, True, False]
    assert rows["chosen"].tolist() == [False, False, True]
    assert rows["behind"].tolist()[:2] == ["lr=1"] * 2
    assert rows["seeds"].sum() <= 20
    assert f"It took {rows['seeds'].sum()} of 60 trials: 2 of 3 values fell." in done.stdout
    about = package.load(sweep).sweep.tuning
    assert [row["fell"] for row in about["rows"]] == rows["fell"].tolist()
    assert (
        f"fell after {rows['seeds'][0]} seeds, behind lr=1" in (sweep / "report.html").read_text()
    )
    # nothing more is needed for the plan, so it has the sweep's own jobs, too
    plan = json.loads(nnrun(*far, "plan_only=true", "--json").stdout)
    assert plan["tuning"]["cached"] == rows["seeds"].sum()
    assert plan["cached"] == plan["trials"] == 3


def test_under_hydras_own_launcher_it_is_the_same_sweep(nnrun):
    nnrun(*TUNED, *OFF, "cache=off", "hydra.sweep.dir=ours")
    nnrun(*TUNED, *OFF, "hydra/launcher=basic", "hydra.sweep.dir=theirs")
    ours, theirs = (package.load(nnrun.folder / name) for name in ("ours", "theirs"))
    assert theirs.curves.equals(ours.curves)
    assert theirs.sweep.tuning == ours.sweep.tuning
    assert chosen(nnrun.folder / "theirs") == chosen(nnrun.folder / "ours")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sweep.tune={lr:[1,2]}"], "sweep.tune={lr:[1,2]}: is for nnrun's sweeps (add -m"),
        (["-m", "sweep.tune={lr:[1,2]}", "hydra/sweeper=basic"], "is for nnrun's sweeps"),
        (
            ["-m", "sweep.tune={lr:[1,2]}", "hydra/sweeper=basic", "hydra/launcher=basic"],
            "is for nnrun's sweeps",
        ),
        (["-m", "sweep.tune={lr:[1,2]}", "lr=3"], "sweep.tune=lr: is tuned, so it cannot be"),
        (["-m", "sweep.tune={learning_rat:[1,2]}"], "learning_rat: is not a known key"),
        (["-m", "sweep.tune={lr:[1,-2]}", "features=raw,product"], "error: lr=-2: must be greater"),
        (
            ["-m", "sweep.tune={batch_size:[1,2]}", "features=raw,product", "lr=1,-2"],
            "4 of 8 jobs cannot run",
        ),
        (["-m", "sweep.tune={optimizer:[sgd,adm]}"], "(did you mean 'adam'?)"),
        (
            ["-m", "sweep.tune={budget:[300,400]}"],
            "changes 'budget', by which the values are judged",
        ),
        (["-m", "sweep.tune={name:[a,b]}"], "name: cannot vary within a sweep"),
        (["-m", "+sweep.tine=1", "lr=1,2"], "sweep.tine=1: is not a known key"),
        (
            ["-m", "sweep.tune={lr:[1,2]}", "sweep.tune_seed=2"],
            "sweep.tune_seed=2: seeds 2 to 21 would tune, and seeds 0 to 2 report",
        ),
        (
            ["-m", "sweep.tune={lr:[1,2]}", "hydra.sweep.dir=used"],
            "used: holds the results of another run or sweep",
        ),
    ],
)
def test_what_cannot_be_is_told_before_anything_trains(nnrun, arguments, told):
    (nnrun.folder / "used").mkdir()
    (nnrun.folder / "used" / "sweep.json").write_text(json.dumps({"status": "complete"}))
    quick = [one for one in QUICK if not (one.startswith("budget") and "budget" in str(arguments))]
    done = nnrun(*arguments, *quick, *OFF, code=2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (nnrun.folder / "outputs" / "cache").exists()
    assert not nnrun.outputs("sweeps")


def test_the_study_of_the_product_tunes_each_of_its_arms(nnrun):
    small = ["budget=400", "seeds=2", "evals=6", "sweep.tune={lr:[0.1,1]}", "sweep.tune_seeds=2"]
    nnrun("experiments=xor_product", *small, *OFF)
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    assert len(results.summary) == 15
    assert len(table(sweep)) == 30
    assert results.trials["setting"].value_counts().tolist() == [2] * 15
