"""Which trial stands for a setting: small cases by hand, and the report's choice."""

from dataclasses import replace

import numpy as np
import pytest

from nnrun.config.settings import Executor, Job, Report, Tracking
from nnrun.model import load_network
from nnrun.model.load import chosen
from nnrun.network.mlp import Layer
from nnrun.records.record import Record, join_records, write_record
from nnrun.records.sweep import LabelledSetting, Sweep
from nnrun.results.tabulate import assemble, trial_rows
from nnrun.results.typical import case_in, median_case, representative
from nnrun.trials.cache import Cache
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting
from tests.records import a_record, changed

NAN = float("nan")


def record(times, losses, seeds=None, weights=None) -> Record:
    """Make a record of trials with these times to target (NaN: not reached) and last losses."""
    made = a_record("s", seeds=range(len(times)) if seeds is None else seeds, losses=losses)
    fate = np.where(np.isnan(losses), "diverged", "exhausted")
    status = np.where(np.isnan(times), fate, "reached")
    outcomes = made.outcomes._replace(status=status, samples_to_target=np.array(times))
    values = np.zeros(len(times)) if weights is None else np.array(weights)
    layer = Layer(values[:, None, None], np.zeros((len(times), 1, 1)))
    return changed(replace(made, outcomes=outcomes), params=(layer,))


def seed_of(records, which="median"):
    found = representative(records, which)
    assert found is not None
    assert found[1] in found[0].seeds
    return found[1]


@pytest.mark.parametrize(
    ("times", "losses", "median", "best"),
    [
        ([300.0, 100.0, 200.0], [0.1, 0.2, 0.3], 2, 1),
        ([300.0, 100.0, 200.0, 400.0], [0.1] * 4, 2, 1),  # the lower of two
        ([NAN, 100.0, NAN], [0.3, 0.4, 0.2], 2, 1),  # unreached comes later, by its loss
        ([NAN, NAN, NAN], [0.3, NAN, 0.2], 0, 2),  # diverged comes last
        ([50.0, 50.0, 50.0], [0.3, 0.1, 0.2], 2, 1),  # ties go by the loss
        ([50.0, 50.0, 50.0], [0.1, 0.1, 0.1], 1, 0),  # and then by the seed
        ([NAN], [0.5], 0, 0),
    ],
)
def test_the_middle_and_the_first_by_hand(times, losses, median, best):
    records = [record(times, losses)]
    assert seed_of(records) == median
    assert seed_of(records, "best") == best


def test_a_setting_may_have_several_records_that_share_seeds():
    first = record([500.0, 400.0], [0.1, 0.1], seeds=[7, 8])
    second = record([400.0, 100.0, 300.0], [0.1] * 3, seeds=[8, 9, 10])
    assert seed_of([first, second], "best") == 9
    assert seed_of([first, second]) == 10  # of 9, 10, 8, 7: the 8 counts once
    failed = a_record("s", seeds=[7, 8], failed=True)
    assert seed_of([failed, first], "best") == 8


def test_without_a_usable_network_there_is_none():
    assert representative([a_record("s", failed=True)]) is None
    broken = record([100.0, 200.0, 300.0], [NAN, 0.1, 0.1], weights=[NAN, 1.0, 1.0])
    assert representative([broken], "best") is None  # it got there, and diverged later
    assert seed_of([broken]) == 1


def test_it_is_the_trial_that_the_report_draws(rng):
    facts = Sweep("complete", settings=[LabelledSetting("s", "s", {})])
    for n in range(1, 40):
        times = rng.choice([100.0, 200.0, 300.0, NAN], n)
        losses = rng.choice([0.1, 0.2, 0.3], n)
        losses[np.isnan(times) & (rng.random(n) < 0.3)] = NAN
        records = [record(times, losses, seeds=rng.permutation(100)[:n])]
        drawn = median_case(assemble([trial_rows(join_records(records))], facts))
        assert drawn is not None
        assert seed_of(records) == drawn.seed
        told = case_in(replace(records[0], meta=records[0].meta | {"samples": 300}), drawn.seed)
        assert told.seed == drawn.seed
        assert told.arrived == drawn.arrived == (told.samples == drawn.samples)


def test_how_a_trial_ended_is_told_up_to_its_own_budget():
    one = record([NAN, 120.0], [0.25, 0.5], seeds=[4, 9])
    one = replace(one, meta=one.meta | {"samples": 5000})
    late, there = case_in(one, 4), case_in(one, 9)
    assert (late.words, late.arrived) == ("did not reach the target in 5,000 samples", False)
    assert (there.words, there.samples) == ("reached the target after 120 samples", 120)
    assert late.final.startswith("test loss 0.25")


def test_its_network_is_the_one_in_the_file(tmp_path):
    setting, quiet = make_setting(), (Tracking("off"), Executor(), Report("off"))
    job = Job(setting, 5, 3, "test", *quiet)
    ((_, trained),) = run_jobs([job], Tally(), Cache(use="off"))
    X = np.random.default_rng(0).random((20, 2))
    for which in ("median", "best"):
        found = representative([trained], which)
        assert found is not None
        mine = chosen(*found)
        read = load_network(write_record(trained, tmp_path).path, seed=found[1])
        assert mine.predict(X).tobytes() == read.predict(X).tobytes()
        assert mine.config == read.config
        told = ("seed", "setting", "samples", "inputs", "outputs", "task", "boundary")
        assert [getattr(mine, key) for key in told] == [getattr(read, key) for key in told]
