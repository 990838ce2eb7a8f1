"""Which settings get more seeds after a look: those that an undecided comparison is of."""

from itertools import pairwise

import pandas as pd
import pytest

from nnrun.config.settings import Auto, Executor, Job, Report, Tracking
from nnrun.interrupt import Interrupt
from nnrun.launch import blocks as module
from nnrun.launch import terminal
from nnrun.launch.blocks import Blocks
from nnrun.launch.history import Note, seen_of
from nnrun.records.labels import describe
from nnrun.records.sweep import Sweep
from nnrun.statistics.pairs import NOBODY
from nnrun.trials.cache import Cache
from nnrun.trials.progress import Clock
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting

AUTO = Auto(most=45, block=10)
NEAR = {"ratio_low": 0.95, "ratio_high": 1.05}
FACTOR = {"key": "lr", "a": "0.2", "b": "0.1"}


def jobs_of(*changes):
    settings = [make_setting(budget=20, evals=3, **change) for change in changes]
    rest = ("test", Tracking("off"), Executor(workers=1), Report("off"))
    return [Job(setting, 7, AUTO.most, *rest, auto=AUTO) for setting in settings]


RATES = [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}]
GRID = [{"lr": lr, "batch_size": size} for lr in (0.1, 0.2) for size in (1, 2)]


class Trained:
    """Blocks whose comparisons come to what is given, look by look."""

    def __init__(self, jobs, *looks, monkeypatch, breaks=lambda job: None, earlier=()):
        self.begun, self.looks, self.breaks = [], list(looks), breaks
        self.tables, self.told = [], []
        monkeypatch.setattr(module, "contrasts", self.contrasts)
        rest = (self.run, self.describe, Interrupt(), Clock(), earlier)
        self.blocks = Blocks(jobs, AUTO, *rest)
        self.jobs = jobs

    def describe(self, first):
        assert sorted(first) == list(range(len(self.jobs)))
        return Sweep("running", **describe({j.setting.id: j.setting.flat for j in self.jobs}))

    def run(self, jobs):
        self.begun.append([(self.jobs.index(self.whole(j)), [*j.trial_seeds]) for j in jobs])
        for index, record in run_jobs(jobs, Tally(), Cache(use="off")):
            self.breaks(jobs[index])
            yield index, record

    def whole(self, job):
        return next(one for one in self.jobs if one.setting is job.setting)

    def contrasts(self, trials, sweep):
        self.tables.append(trials)
        self.told.append(list(sweep.looks))
        found = self.looks.pop(0)
        ids = [job.setting.id for job in self.jobs]
        rows = []
        for what, verdict in found.items():
            about = {
                "family": "setting",
                "key": "",
                "b": ids[0],
                "within": "",
                "confined": "",
                "margin": 0.1,
                **{"pairs": 10, "ratio_low": 0.5, "ratio_high": 2.0, "why": ""},
            }
            if ", " in verdict:  # with why it cannot be compared, or with the bounds of its ratio
                verdict, more = verdict.split(", ", 1)
                about |= {"why": more} if verdict == "incomparable" else NEAR
            about |= {"a": ids[what]} if isinstance(what, int) else {}
            if not isinstance(what, int):
                about |= {"family": "within" if what else "factor", **FACTOR, "within": what}
            rows.append({**about, "name_a": str(what or "lr=0.2"), "verdict": verdict})
        return pd.DataFrame(rows)

    def records(self):
        return {index: record.seeds.tolist() for index, record in self.blocks.records()}

    @property
    def in_training(self):
        return [[index for index, _ in block] for block in self.begun]


def test_a_setting_is_trained_as_long_as_its_comparison_is_open(monkeypatch, capsys):
    told = [
        {1: "few", 2: "few"},
        {1: "sooner", 2: "unsure"},
        {1: "sooner", 2: "unsure"},
        {1: "unsure", 2: "same"},  # what is decided stays so
    ]
    trained = Trained(jobs_of(*RATES), *told, monkeypatch=monkeypatch)
    assert trained.records() == {1: [*range(7, 27)], 0: [*range(7, 47)], 2: [*range(7, 47)]}
    assert trained.in_training == [[0, 1, 2], [0, 1, 2], [0, 2], [0, 2]]
    # each block has its own seeds, and no others
    firsts = [block[0][1] for block in trained.begun]
    assert firsts == [[*range(7 + a, 7 + b)] for a, b in pairwise((0, 10, 20, 30, 40))]
    assert trained.blocks.looks == [10, 20, 30, 40]
    assert not trained.blocks.open
    counts = trained.tables[-1].groupby("setting", sort=False)["seed"].nunique()
    assert counts.tolist() == [40, 20, 40]
    assert capsys.readouterr().out.splitlines() == [
        "after 10 seeds: 2 of 2 comparisons open",
        "after 20 seeds: 1 sooner; 1 of 2 comparisons open",
        "after 40 seeds: 2 the same within 10%; every comparison is decided",
    ]


def test_of_arms_that_never_arrive_it_takes_thirty_seeds_to_say_so(monkeypatch, capsys):
    told = [{1: f"incomparable, {NOBODY}"}] * 3
    trained = Trained(jobs_of(*RATES[:2]), *told, monkeypatch=monkeypatch)
    assert trained.records() == {0: [*range(7, 37)], 1: [*range(7, 37)]}
    assert capsys.readouterr().out.splitlines()[-1] == (
        "after 30 seeds: 1 not compared; every comparison is decided"
    )


def test_means_that_are_near_want_no_more_seeds_whoever_arrives(monkeypatch, capsys):
    told = [{1: "unsure"}, {1: "unsure, near"}]
    trained = Trained(jobs_of(*RATES[:2]), *told, monkeypatch=monkeypatch)
    assert trained.records() == {0: [*range(7, 27)], 1: [*range(7, 27)]}
    assert capsys.readouterr().out.splitlines()[-1] == (
        "after 20 seeds: 1 no difference shown; every comparison is decided"
    )


def test_what_could_not_be_compared_is_open_again_once_it_can_be(monkeypatch, capsys):
    told = [
        {1: "incomparable", 2: "incomparable", "": "unsure"},  # nobody has arrived so far
        {1: "unsure", 2: "incomparable", "": "later"},
        {1: "later", 2: "unsure", "": "later"},
    ]
    trained = Trained(jobs_of(*GRID), *told, monkeypatch=monkeypatch)
    trained.records()
    # the factor has kept all in training for a block
    assert trained.in_training == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1]]
    assert capsys.readouterr().out.splitlines() == [
        "after 10 seeds: 1 not compared, 2 not compared; 1 of 3 comparisons open",
        "after 20 seeds: lr=0.2 later; 1 of 3 comparisons open",
        "after 30 seeds: 1 later; 1 of 3 comparisons stay undecided",
    ]


def test_what_was_looked_at_before_is_a_look_as_soon_as_there_are_more_seeds(monkeypatch):
    jobs = jobs_of(*RATES)
    earlier = [Note(seen_of((job.setting.flat, 7, 15) for job in jobs[:2]))]
    told = [{1: "unsure", 2: "later"}] * 2 + [{1: "same", 2: "later"}]
    trained = Trained(jobs, *told, monkeypatch=monkeypatch, earlier=earlier)
    trained.records()
    assert trained.told == [[10], [10, 15, 20], [10, 15, 20, 30]]
    assert trained.blocks.looks == [10, 20, 30]
    other = [Note(seen_of((job.setting.flat, 500, 15) for job in jobs[:2]))]
    trained = Trained(jobs, *told, monkeypatch=monkeypatch, earlier=other)
    trained.records()
    assert trained.told == [[10], [10, 20], [10, 20, 30]]


def test_the_last_block_ends_with_the_most_and_that_is_said(monkeypatch, capsys):
    trained = Trained(jobs_of(*RATES[:2]), *[{1: "unsure"}] * 5, monkeypatch=monkeypatch)
    assert trained.records() == {0: [*range(7, 52)], 1: [*range(7, 52)]}
    assert trained.blocks.looks == [10, 20, 30, 40, 45]
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "after 45 seeds: 1 of 1 comparisons stay undecided"


def test_a_factor_needs_all_settings_of_its_blocks(monkeypatch):
    pairs = dict.fromkeys((1, 2, 3), "sooner")
    told = [{**pairs, "": "unsure"}, {**pairs, "": "later"}]
    trained = Trained(jobs_of(*GRID), *told, monkeypatch=monkeypatch)
    assert {len(seeds) for seeds in trained.records().values()} == {20}
    assert trained.in_training == [[0, 1, 2, 3]] * 2


def test_what_depends_is_asked_at_each_level_and_what_is_trained_no_longer_not_again(monkeypatch):
    pairs = dict.fromkeys((1, 2, 3), "sooner")
    one, two = "batch_size=1", "batch_size=2"
    told = [
        {**pairs, "": "depends", one: "unsure", two: "later"},
        {**pairs, "": "depends", one: "sooner", two: "later"},
        {},
    ]
    trained = Trained(jobs_of(*GRID), *told, monkeypatch=monkeypatch)
    trained.records()
    assert trained.in_training == [[0, 1, 2, 3], [0, 2]]  # lr=0.1 and 0.2 at batch_size=1
    told = [{**pairs, "": "later", 3: "unsure"}, {**pairs, "": "depends", one: "unsure"}]
    trained = Trained(jobs_of(*GRID), *told, monkeypatch=monkeypatch)
    trained.records()
    assert trained.in_training == [[0, 1, 2, 3], [0, 3]]


def test_a_setting_that_fails_is_left_and_its_factor_goes_on_without_it(monkeypatch):
    jobs = jobs_of(*GRID)
    stack = module.failed_record(jobs[3], "no")  # what a plain sweep leaves of it
    told = [{1: "same", 2: "same", 3: "few", "": "few"}, {3: "incomparable", "": "unsure"}]
    trained = Trained(jobs, *told, {"": "later"}, monkeypatch=monkeypatch)
    run = trained.run

    def failing(some):
        for index, record in run(some):
            if some[index].setting is jobs[3].setting and some[index].seed > 7:
                record = module.failed_record(some[index], "Traceback")
            yield index, record

    trained.blocks._run = failing
    found = dict(trained.blocks.records())
    assert trained.in_training == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2]]
    assert found[3].meta["error"] == "Traceback"
    assert found[3].seeds.tolist() == [*range(7, 27)]
    assert found[3].meta.keys() == stack.meta.keys()
    assert set(trained.tables[1]["setting"]) == {job.setting.id for job in jobs[:3]}
    assert found[0].meta["seeds"] == len(found[0].seeds) == 30


@pytest.mark.parametrize(("after", "n"), [(1, 10), (3, 10), (5, 20)])
def test_an_end_leaves_what_the_last_look_was_at(monkeypatch, after, n):
    left = [after]

    def breaks(job):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    told = [{1: "unsure"}] * 4
    trained = Trained(jobs_of(*RATES[:2]), *told, monkeypatch=monkeypatch, breaks=breaks)
    found = {}
    with pytest.raises(KeyboardInterrupt):
        found.update((i, [len(r.seeds), r.meta["seeds"]]) for i, r in trained.blocks.records())
    assert set(map(tuple, found.values())) == {(n, n)}
    assert len(found) == (1 if after == 1 else 2)
    assert len(trained.blocks.open) == 2
    assert trained.blocks.looks == [10, 20][: after // 2]


def test_of_many_decisions_the_counts_are_said(capsys):
    rows = [{"name_a": f"lr={i}", "within": "", "confined": "", "margin": 0.1} for i in range(5)]
    verdicts = ["sooner", "incomparable", "sooner", "fails", "sooner"]
    decided = [{**row, "verdict": word} for row, word in zip(rows, verdicts, strict=True)]
    terminal.say_look(1200, decided, going_on=3, left=0, of=8)
    terminal.say_look(10, decided[:2], going_on=6, left=1, of=8)
    assert capsys.readouterr().out.splitlines() == [
        "after 1,200 seeds: 3 × sooner, 1 × not compared, 1 × does not converge; "
        "3 of 8 comparisons open",
        "after 10 seeds: lr=0 sooner, lr=1 not compared; 6 of 8 comparisons open",
    ]
