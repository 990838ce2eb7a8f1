"""Seeds until every comparison is decided, as a user meets them.

``NNRUN_EQUAL=200`` runs 200 sweeps of equal arms, to count how many are told apart; else five.
"""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binom

import nnrun as package
from nnrun.tracking.mirror import SEEDS
from tests.documented import read_document
from tests.integration.conftest import OFF, reads_mlflow
from tests.integration.test_faults import of_kind, runs, tables

# the second is as good as the first, the third is far better
ARMS = ["-m", "data=gauss", "lr=0.1,0.1003,0.6", "budget=8000", "evals=12", "report.margin=0.01"]
AUTO = ["seeds=auto", "auto.most=40", "auto.block=10"]


def seeds_of(sweep):
    """How many seeds each setting has, in the order of the settings."""
    trials = package.load(sweep).trials
    counts = trials.groupby("setting", sort=False)["seed"].apply(list)
    assert all(seeds == list(range(len(seeds))) for seeds in counts)
    return [len(seeds) for seeds in counts]


def looks_in(folder):
    facts = json.loads((folder / "sweep.json").read_text())
    return facts["looks"], facts["auto"]


@pytest.mark.parametrize("use", ["use", "refresh", "off"])
def test_each_setting_has_as_many_trials_of_a_plain_sweep_as_its_comparison_needs(nnrun, use):
    nnrun(*ARMS, "seeds=15", *OFF, "hydra.sweep.dir=before")
    trained = f"import nnrun.trials.shard as s\nold = s.train\n{COUNTED}"
    done = nnrun(*ARMS, *AUTO, *OFF, f"cache={use}", "hydra.sweep.dir=auto", patch=trained)
    nnrun(*ARMS, "seeds=40", *OFF, "cache=off", "hydra.sweep.dir=plain")
    auto, plain = (nnrun.folder / name for name in ("auto", "plain"))
    base, equal, better = seeds_of(auto)
    assert (base, equal) == (40, 40)
    assert 20 <= better < 40
    looks, about = looks_in(auto)
    assert looks == [10, 20, 30, 40]
    assert about == {"most": 40, "block": 10}
    # every trial is that of the plain sweep to the bit, and none is trained twice
    for name in ("trials.parquet", "curves.parquet"):
        mine, theirs = (pd.read_parquet(sweep / name) for sweep in (auto, plain))
        n = dict(zip(mine["setting"].unique(), (base, equal, better), strict=True))
        theirs = theirs[theirs["seed"] < theirs["setting"].map(n)].reset_index(drop=True)
        columns = [name for name in mine if name != "ns_per_sample"]
        pd.testing.assert_frame_equal(mine[columns], theirs[columns], check_exact=True)
    found = 45 if use == "use" else 0
    counted = [json.loads(line) for line in re.findall(r"^trained: (.*)$", done.stdout, re.M)]
    assert sum(counted) == base + equal + better - found
    labels = package.load(auto).contrasts.set_index("name_a")["verdict"]
    assert labels["lr=0.6"] == "sooner"
    assert f"after {better} seeds: lr=0.6 sooner; 1 of 2 comparisons open" in done.stdout
    assert "after 40 seeds: " in done.stdout
    networks = [package.load_network(sweep / "2", seed=better - 1) for sweep in (auto, plain)]
    assert networks[0].predict([[1, 2]]).tolist() == networks[1].predict([[1, 2]]).tolist()


def test_more_seeds_by_hand_are_another_look_and_the_same_again_are_none(nnrun):
    arms = ["-m", "data=gauss", "lr=0.1,0.6", "budget=2000", "evals=5", "tracking=off"]
    asked = [("a", "3"), ("b", "3"), ("c", "5"), ("d", "5"), ("e", "6")]
    looks = []
    for name, seeds in asked:
        nnrun(*arms, f"seeds={seeds}", f"hydra.sweep.dir={name}")
        looks.append(json.loads((nnrun.folder / name / "sweep.json").read_text()).get("looks"))
    assert looks == [None, None, [3, 5], [3, 5], [3, 5, 6]]
    other = ["-m", "data=gauss", "lr=0.1,0.3", "budget=2000", "evals=5", "tracking=off"]
    nnrun(*other, "seeds=6", "hydra.sweep.dir=f")
    assert "looks" not in json.loads((nnrun.folder / "f" / "sweep.json").read_text())


COUNTED = """
def train(shard, *rest):
    print("trained:", len(shard.trials), flush=True)
    return old(shard, *rest)
s.train = train
"""


def test_a_second_time_the_same_is_decided_and_more_seeds_go_on_from_there(nnrun):
    first = nnrun(*ARMS, *AUTO, *OFF)
    again = nnrun(*ARMS, *AUTO, *OFF)
    more = nnrun(*ARMS, "seeds=auto", "auto.most=60", *OFF)
    a, b, c = nnrun.outputs("sweeps")
    # as far as the plan that was made first: by another one from there on
    assert looks_in(c)[1] == {"most": 60, "block": 10, "replanned": True}
    assert tables(a) == tables(b)
    assert looks_in(a) == looks_in(b)
    said = [re.findall("^after.*sooner.*", done.stdout, re.M) for done in (first, again)]
    assert said[0] == said[1] != []
    assert "lr=0.6 sooner" in more.stdout
    n = sum(seeds_of(a))
    assert f"Found in the cache: {n} of 120 trials" in again.stdout
    assert f"Found in the cache: {n} of 180 trials" in more.stdout
    assert looks_in(c)[0] == [10, 20, 30, 40, 50, 60]
    assert seeds_of(c)[:2] == [60, 60]


ENDS_AT = """
import os, signal, time
from nnrun.trials import shard as gather
train = gather.train
def ending(shard, *arguments):
    if any(trial.seed == {seed} for trial in shard.trials):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)  # it is heeded meanwhile
    return train(shard, *arguments)
gather.train = ending
"""


ENDS_LOOKING = """
import os, signal
from nnrun.launch import blocks
contrasts, seen = blocks.contrasts, []
def ending(*arguments):
    seen.append(arguments)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGINT)
    return contrasts(*arguments)
blocks.contrasts = ending
"""


@reads_mlflow
@pytest.mark.parametrize(
    "patch", [ENDS_AT.format(seed=25), ENDS_LOOKING], ids=["training", "looking"]
)
def test_interrupted_what_stands_is_reported_and_the_same_command_goes_on(nnrun, patch):
    tracked = ["report=off"]
    nnrun(*ARMS, *AUTO, *OFF, "cache=off", "hydra.sweep.dir=calm")
    done = nnrun(*ARMS, *AUTO, *tracked, patch=patch, code=130)
    assert "interrupted: " in done.stderr
    assert "3 jobs not finished. What was trained is kept; the same command goes on" in done.stderr
    (sweep,) = nnrun.outputs("sweeps")
    assert package.load(sweep).sweep.status == "interrupted"
    assert seeds_of(sweep) == [20, 20, 20]
    assert looks_in(sweep)[0] == [10, 20]
    done = nnrun(*ARMS, *AUTO, *tracked)
    assert f"Going on in outputs/sweeps/{sweep.name}" in done.stdout
    assert nnrun.outputs("sweeps") == [sweep]
    assert tables(sweep) == tables(nnrun.folder / "calm")
    assert looks_in(sweep) == looks_in(nnrun.folder / "calm")
    found = of_kind(runs(nnrun), "setting")
    assert sorted(run.data.metrics["seeds"] for run in found) == sorted(seeds_of(sweep))
    assert sorted(run.data.tags[SEEDS] for run in found)[-1] == "0-39"


def test_interrupted_in_the_first_block_what_is_whole_is_reported(nnrun):
    # two shapes do not share a stack, and one thread trains one after the other
    arms = ["-m", "lr=0.1", "network.hidden=[2],[3]", "budget=300", "executor.workers=1", *OFF]
    second = "5 and trial.setting.network.hidden == (3,)"
    done = nnrun(*arms, *AUTO, patch=ENDS_AT.format(seed=second), code=130)
    assert "2 of 2 jobs not finished" in done.stderr
    (sweep,) = nnrun.outputs("sweeps")
    assert seeds_of(sweep) == [10]
    assert looks_in(sweep)[0] == [10]
    nnrun(*arms, *AUTO)
    assert nnrun.outputs("sweeps") == [sweep]
    assert len(seeds_of(sweep)) == 2


FAILS = """
from nnrun.trials import shard as gather
train = gather.train
def failing(shard, *arguments):
    if any(trial.seed == 12 and trial.setting.lr == 0.6 for trial in shard.trials):
        raise ValueError("no such luck")
    return train(shard, *arguments)
gather.train = failing
"""


def test_a_setting_that_fails_is_reported_so_and_the_others_go_on(nnrun):
    done = nnrun(*ARMS, *AUTO, *OFF, patch=FAILS, code=1)
    assert "no such luck" in done.stdout
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    assert [job.status for job in results.sweep.jobs] == ["complete", "complete", "failed"]
    assert results.summary["seeds"].tolist() == [40, 40, 0]
    assert looks_in(sweep)[0] == [10, 20, 30, 40]
    assert set(results.contrasts["verdict"][1:]) == {"incomparable"}


def test_the_plan_says_the_least_and_the_most(nnrun):
    done = nnrun(*ARMS, *AUTO, "plan_only=true", "--json")
    plan = read_document(done.stdout)
    words = r"3 settings × 10 to 40 seeds \(until every comparison is decided\) = 30 to 120 trials"
    assert re.search(words, done.stderr)
    assert re.search(r"Training: about \S+ s.* with ", done.stderr)
    assert (plan["trials"], [one["seeds"] for one in plan["settings"]]) == (120, [40] * 3)
    auto = plan["auto"]
    assert (auto["most"], auto["block"], auto["trials"], auto["cached"]) == (40, 10, 30, 0)
    assert 0 < auto["seconds"] < plan["seconds"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["seeds=auto"], "seeds=auto: goes on until every comparison is decided, and there is"),
        (["-m", "seeds=auto"], "there is none (add -m and values, as in -m lr=0.03,0.1, or"),
        (["-m", "lr=1,2", "target.value=0.8,0.9", "seeds=auto"], "have different targets (give a"),
        (["-m", "lr=1,2", "seeds=auto,20"], "seeds: cannot be auto and a number within a sweep"),
        (["-m", "lr=1,2", "seeds=auto", "seed=0,50"], "seed: cannot vary with seeds=auto, which"),
        (["-m", "lr=1,2", "auto.most=50"], "auto.most=50: is for seeds=auto, and there are 20"),
        (["auto.block=5"], "auto.block=5: is for seeds=auto, and there are 20 seeds (add seeds="),
        (["-m", "lr=1,2", "seeds=auto", "auto.most=5"], "auto.most=5: must be at least auto.block"),
        (["-m", "lr=1,2", "seeds=auto", "auto.block=1"], "auto.block=1: must be greater than or"),
        (["-m", "lr=1,2", "seeds=auto", "auto.mots=9"], "auto.mots: is not a known key (did you"),
        (["-m", "lr=1,2", "seeds=auto", "animate=12"], "the seeds, 0 to 9, that all settings have"),
        (
            ["-m", "lr=1,2", "seeds=auto", "hydra/launcher=basic"],
            "hydra/launcher=basic: cannot be had with seeds=auto, which decides for all jobs",
        ),
        (
            ["-m", "lr=1,2", "seeds=auto", "hydra/sweeper=basic"],
            "hydra/sweeper=basic: cannot be had with seeds=auto",
        ),
        (
            ["-m", "lr=1,2", "seeds=auto", "hydra.sweeper.max_batch_size=1"],
            "hydra.sweeper.max_batch_size=1: cannot be had with seeds=auto",
        ),
    ],
)
def test_what_cannot_be_decided_is_refused_before_anything_is_trained(nnrun, words, told):
    done = nnrun(*words, "budget=300", *OFF, code=2)
    assert told in done.stderr
    assert not (nnrun.folder / "outputs").exists()


EQUAL = Path(__file__).parents[1] / "examples" / "equal_arms"


@pytest.mark.slow
def test_equal_arms_are_told_apart_in_no_more_than_5_of_100_sweeps(nnrun):
    n, found = int(os.environ.get("NNRUN_EQUAL", "5")), []
    arms = ["-m", f"--config-dir={EQUAL}", "data=equal_arms", "data.arm=0,1", "features=raw"]
    quick = ["lr=1.0", "budget=6000", "evals=40", "seeds=auto", "auto.most=200", "cache=off", *OFF]
    for i in range(n):
        done = nnrun(*arms, *quick, f"seed={10_000 + 2_000 * i}", "--json")
        document = read_document(done.stdout)
        (contrast,) = document["contrasts"]
        assert contrast["pairs"] == document["looks"][-1]
        assert contrast["reached_a"] > 0.8 * contrast["pairs"]
        found.append(contrast["verdict"])
    apart = sum(verdict not in ("same", "unsure") for verdict in found)
    print(f"{apart} of {n} told apart")
    assert apart <= binom.ppf(0.99, n, 0.05), found
