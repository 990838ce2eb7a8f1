"""Tuning: what is asked for is read, what cannot be is refused, and the best choice is taken."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from nnrun.config.settings import Executor, Job, Report, Target, Tracking
from nnrun.errors import InputError
from nnrun.hydra_ext.planning import read_tuning
from nnrun.launch.racing import Arm, Entrant, Race, Score
from nnrun.launch.tuning import say_what_was_chosen, tune
from nnrun.layout import TUNING
from nnrun.records.trials import Outcomes
from nnrun.trials import shard as gather
from nnrun.trials.cache import Cache
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting
from tests.records import changed

NAN, INF = float("nan"), float("inf")
RATES = (0.01, 1.0, 3.0)


def parsed(*arguments):
    return OverridesParser.create().parse_overrides(list(arguments))


def tuning(tune, *arguments, **options):
    return read_tuning(parsed(*arguments), {"tune": tune, **options})


def a_job(seed=7, seeds=3, **changes):
    setting = make_setting(target=Target(metric="test_loss", value=0.1265, hold=1), **changes)
    return Job(setting, seed, seeds, "a sweep", Tracking("off"), Executor(workers=1), Report("off"))


def an_arm(number=0, jobs=None, **changes):
    jobs = jobs or [a_job(lr=lr, **changes) for lr in RATES]
    return Arm(number, [f"a={number}", "b=1"], [{"lr": job.setting.lr} for job in jobs], jobs)


def tuned(arms, cache=None, race=False):
    return tune(arms, cache or Cache(use="off"), race=race)


def test_every_combination_of_the_values_is_a_choice_in_the_order_given():
    asked = tuning({"lr": [0.3, 0.1], "network.hidden": [[2], []]}, tune_seed=50, tune_seeds=3)
    assert asked.choices == (
        ("lr=0.3", "network.hidden=[2]"),
        ("lr=0.3", "network.hidden=[]"),
        ("lr=0.1", "network.hidden=[2]"),
        ("lr=0.1", "network.hidden=[]"),
    )
    assert asked.named[1] == {"lr": 0.3, "network.hidden": []}
    assert asked.seeds == range(50, 53)
    assert asked.race
    assert not tuning({"lr": [0.1]}, tune_race=False).race


def test_values_are_written_so_that_hydra_reads_the_very_same():
    values = [1e-7, True, None, "a, b", [1, "x*y"], {"k": 2.5}, 3]
    asked = tuning({"+a.b": values})
    assert [parsed(text)[0].value() for (text,) in asked.choices] == values
    assert list(asked.named[0]) == ["a.b"]


def test_values_may_be_written_as_on_the_command_line():
    assert tuning({"lr": "0.1,0.3"}).values == ((0.1,), (0.3,))
    assert tuning({"batch_size": "range(1,4)"}).values == ((1,), (2,), (3,))


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_may_be_asked_for(nothing):
    assert tuning(nothing) is None


@pytest.mark.parametrize(
    ("asked", "options", "message"),
    [
        (3, {}, "sweep.tune=3: must be keys with the values to try"),
        ({"lr": 0.1}, {}, "sweep.tune.lr=0.1: must be a list of the values to try"),
        ({"lr": []}, {}, "sweep.tune.lr=[]: must be a list of the values to try"),
        ({"lr": "interval(0,1)"}, {}, "must be a list of the values to try"),
        ({"seed": [1, 2]}, {}, "sweep.tune=seed: cannot be tuned"),
        ({"sweep.seed": [1, 2]}, {}, "sweep.tune=sweep.seed: cannot be tuned"),
        (
            {"batch_size": [1, 2]},
            {},
            "sweep.tune=batch_size: is tuned, so it cannot be given values besides "
            "(leave 'batch_size=' out, or write sweep.tune=null)",
        ),
        ({"lr": [1]}, {"tune_seeds": 0}, "sweep.tune_seeds=0: must be a whole number of seeds"),
        ({"lr": [1]}, {"tune_race": 1}, "sweep.tune_race=1: must be true or false"),
        ({"lr": [1]}, {"tune_seed": -1}, "sweep.tune_seed=-1: must be a whole number, at least 0"),
    ],
)
def test_what_cannot_be_tuned_is_refused(asked, options, message):
    with pytest.raises(InputError) as raised:
        tuning(asked, "batch_size=1,10", **options)
    assert message in str(raised.value)


def test_every_broken_rule_is_listed():
    with pytest.raises(InputError) as raised:
        tuning({"lr": 1, "seeds": [2]}, tune_seeds=True, tune_seed=1.5)
    assert [issue.key for issue in raised.value.issues] == [
        "sweep.tune_seeds",
        "sweep.tune_seed",
        "sweep.tune.lr",
        "sweep.tune",
    ]


def test_a_job_is_judged_by_mean_time_with_failures_at_the_budget():
    ((_, record),) = run_jobs([a_job(seeds=4)], Tally(), Cache(use="off"))
    status = np.array(["reached", "exhausted", "reached", "diverged"])
    times = np.array([100.0, NAN, 300.0, NAN])
    losses = np.full_like(record.trials.curves.test_loss, 0.5)
    losses[:, -1] = [0.2, 0.4, 0.1, NAN]
    one = Entrant()
    one.add(
        changed(
            replace(record, outcomes=Outcomes(status, np.zeros(4, dtype=bool), times, times)),
            curves=record.trials.curves._replace(test_loss=losses),
        )
    )
    # (100 + 400 + 300 + 400) / 4 with the budget of 400; the median of .1, .2, .4 and inf
    assert one.score == Score(300.0, pytest.approx(0.3), 2)


@pytest.mark.parametrize(
    ("outcomes", "choice"),
    [
        ([Score(9, 0.1, 1), Score(7, 0.9, 1)], 1),  # time before loss
        ([Score(7, 0.3, 0), Score(7, 0.2, 0)], 1),  # equal times: the lower loss
        ([Score(7, INF, 0), Score(7, 0.2, 0)], 1),  # a diverged one is worse than any other
        ([Score(7, INF, 0), Score(7, INF, 0)], 0),  # all equal: the first
        ([Score(7, 0.2, 0), Score(7, 0.2, 9)], 0),
        (["error", Score(9, INF, 0)], 1),
        (["error", "error"], None),
    ],
)
def test_the_soonest_is_taken_then_the_lower_loss_then_the_first(outcomes, choice):
    race = Race(an_arm(jobs=[a_job(seeds=1)] * len(outcomes)))
    for one, outcome in zip(race.entrants, outcomes, strict=True):
        one.error = outcome if isinstance(outcome, str) else ""
        if not one.error:
            one.times, one.losses = (np.array([value]) for value in outcome[:2])
            one.reached = outcome.reached
    assert race.best == choice


def test_the_rate_that_is_known_to_be_best_is_taken():
    # a loss of 0.1265 is 1e-3 from what a network that always says 1/2 has: rates differ in the
    # time to get there, and their times are looked up in jobs that were trained one by one
    arm = an_arm()
    alone = []
    for job in arm.jobs:
        ((_, record),) = run_jobs([job], Tally(), Cache(use="off"))
        times = record.outcomes.samples_to_target.tolist()
        alone.append(sum(400 if math.isnan(time) else time for time in times) / 3)
    assert len(set(alone)) == 3
    found = tuned([arm])
    assert [row["restricted_mean"] for row in found.rows] == alone
    assert found.chosen == [alone.index(min(alone))]
    assert [row["chosen"] for row in found.rows] == [mean == min(alone) for mean in alone]
    assert found.keys == ["lr"]
    assert found.seeds == (7, 9)


def test_an_end_of_the_values_tried_is_told():
    for rates in ((0.01, 1.0), (0.01, 1.0, 3.0), (1.0,), (3.0, 0.01, 1.0)):
        found = tuned([an_arm(jobs=[a_job(lr=lr) for lr in rates])])
        at_end = rates[found.chosen[0]] in (min(rates), max(rates)) and len(rates) > 1
        assert [row["edge"] for row in found.rows if row["chosen"]] == [at_end]
        assert not any(row["edge"] for row in found.rows if not row["chosen"])


def test_arms_share_what_is_the_same(tmp_path, monkeypatch):
    trained = counted(monkeypatch)
    arms = [an_arm(0), an_arm(1), an_arm(2, backprop="raw_error")]
    first = tuned(arms, Cache(tmp_path))
    assert len(trained) == len(set(trained)) == 2 * 3 * 3
    assert tuned(arms, Cache(tmp_path)) == first
    assert len(trained) == 2 * 3 * 3
    assert [row["job"] for row in first.rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    # what all jobs have in common tells nobody anything
    assert [row["overrides"] for row in first.rows][::3] == ["a=0", "a=1", "a=2"]


def a_raced_arm(number=0, **changes):
    return an_arm(number, jobs=[a_job(seeds=16, lr=lr, **changes) for lr in (0.001, *RATES)])


def test_in_a_race_choices_have_their_first_seeds_and_the_others_are_not_trained(monkeypatch):
    whole = tuned([a_raced_arm()])
    trained = counted(monkeypatch)
    raced = tuned([a_raced_arm()], race=True)
    assert len(trained) == len(set(trained)) == sum(row["seeds"] for row in raced.rows)
    assert {row["seeds"] for row in whole.rows} == {16}
    assert raced.chosen == whole.chosen
    assert raced.seeds == whole.seeds == (7, 22)
    fallen = [row for row in raced.rows if row["fell"]]
    assert fallen
    for row, job in zip(raced.rows, a_raced_arm().jobs, strict=True):
        own = tuned([an_arm(jobs=[replace(job, seeds=row["seeds"])])])
        assert own.rows[0]["restricted_mean"] == row["restricted_mean"]
        assert own.rows[0]["reached"] == row["reached"]
        assert row["fell"] == (row["behind"] != "")
    assert {row["behind"] for row in fallen} <= {f"lr={rate:g}" for rate in (0.001, *RATES)}


def test_a_race_decides_the_same_from_the_cache_and_after_an_interrupt(tmp_path, monkeypatch):
    arms = [a_raced_arm(), a_raced_arm(1, backprop="raw_error")]
    calm = tuned(arms, race=True)
    trained = counted(monkeypatch)

    def interrupt():
        if len(trained) >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(arms, Cache(tmp_path), interrupt)
    trained.clear()
    assert tune(arms, Cache(tmp_path), only_cached=True) is None
    assert not trained
    assert tune(arms, Cache(tmp_path)) == calm
    assert 0 < len(trained) < sum(row["seeds"] for row in calm.rows)
    trained.clear()
    assert tune(arms, Cache(tmp_path), only_cached=True) == calm
    assert not trained


def test_the_terminal_says_who_fell_when(capsys):
    arms = [a_raced_arm()]
    raced = tuned(arms, race=True)
    say_what_was_chosen(arms, raced)
    told = capsys.readouterr().out
    took = sum(row["seeds"] for row in raced.rows)
    n_fell = sum(row["fell"] for row in raced.rows)
    assert f"It took {took} of 64 trials: {n_fell} of 4 values fell." in told
    first = min(row["seeds"] for row in raced.rows)
    assert f"  after {first} seeds lr=" in told
    say_what_was_chosen(arms, tuned(arms))
    assert "fell" not in capsys.readouterr().out


def counted(monkeypatch):
    """Note every trial that is trained, as its setting and seed."""
    seen, train = [], gather.train

    def counting(shard, *arguments):
        seen.extend((trial.setting.id, trial.seed) for trial in shard.trials)
        return train(shard, *arguments)

    monkeypatch.setattr(gather, "train", counting)
    return seen


def raising(monkeypatch, *rates):
    train = gather.train

    def broken(shard, *arguments):
        if any(trial.setting.lr in rates for trial in shard.trials):
            raise RuntimeError("the sensor broke")
        return train(shard, *arguments)

    monkeypatch.setattr(gather, "train", broken)


def test_a_value_that_raises_is_listed_and_not_taken(monkeypatch):
    whole = tuned([an_arm()])
    raising(monkeypatch, RATES[whole.chosen[0]])
    found = tuned([an_arm()])
    assert not found.given_up
    assert found.chosen != whole.chosen
    row = found.rows[whole.chosen[0]]
    assert row["error"] == "RuntimeError: the sensor broke"
    assert (row["chosen"], row["reached"], row["restricted_mean"]) == (False, 0, None)


def test_an_arm_of_which_every_value_raises_is_given_up_alone(monkeypatch):
    raising(monkeypatch, *RATES)
    lost, fine = an_arm(0), an_arm(1, jobs=[a_job(lr=0.5), a_job(lr=0.2)])
    found = tuned([lost, fine])
    assert list(found.given_up) == [lost.jobs[0].setting.id]
    assert "the sensor broke" in found.given_up[lost.jobs[0].setting.id]
    assert sum(row["chosen"] for row in found.rows) == 1
    jobs = [lost.jobs[0], fine.jobs[0]]
    records = dict(run_jobs(jobs, Tally(), Cache(use="off"), given_up=found.given_up))
    assert "the sensor broke" in records[0].meta["error"]
    assert records[0].outcomes.status.tolist() == ["failed"] * 3
    assert records[1].meta["error"] is None


def test_the_table_has_the_rows_of_the_facts(tmp_path):
    import pandas as pd

    found = tuned([an_arm(), an_arm(1, jobs=[a_job(lr=1e300), a_job(lr=0.5)])])
    found.write(tmp_path)
    table = pd.read_csv(tmp_path / TUNING, keep_default_na=True)
    rows = found.facts["tuning"]["rows"]
    assert table.columns.tolist() == list(rows[0])
    assert table["lr"].tolist() == [row["lr"] for row in rows]
    assert table["chosen"].tolist() == [row["chosen"] for row in rows]
    losses = [row["final_test_loss"] for row in rows]
    assert table["final_test_loss"].isna().tolist() == [loss is None for loss in losses]
    assert found.facts["tuned"] == ["lr"]
    assert all(a["job"] <= b["job"] for a, b in pairwise(rows))
