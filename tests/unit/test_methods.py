"""The methods of a sweep: what its records say, and nothing else."""

from dataclasses import replace

import pytest

from nnrun.records.labels import describe
from nnrun.records.sweep import AFTERWARDS, Sweep, SweepJob
from nnrun.report.design import design
from nnrun.report.methods import methods
from tests.unit.grids import a_grid
from tests.unit.sweeps import a_sweep, tuned_rows

CONSTANT = {
    "batch_size": 8,
    "data.name": "xor",
    "data.noise": 0.0,
    "data.shuffle": True,
    "network.hidden": [2, 1],
    "network.activation": "tanh",
    "network.bias": False,
    "features.name": "terms",
    "features.terms": ["x", "y"],
    "optimizer.name": "sgd",
    "schedule.name": "constant",
    "backprop": "exact",
}


def of(results, **changes):
    return replace(results, sweep=replace(results.sweep, **changes))


def test_a_sweep_is_told_from_its_records():
    job = SweepJob(0, [], "s0", engine="compiled")
    versions = {"nnrun": "1.2.3", "numpy": "4.5", "pandas": "9"}
    results = of(
        a_sweep(["lr=0.1", "lr=0.3", "lr=1"], constant=CONSTANT), jobs=[job], versions=versions
    )
    text = methods(results)
    assert text.startswith("We trained 3 settings")
    assert (
        "All had: batch size 8; data xor; inputs x, y; network (hidden [2, 1], activation tanh, no "
        "bias); optimizer sgd."
    ) in text
    assert "Each was trained from 20 seeds (0 to 19; 60 networks in all)." in text
    assert "Each saw at most 1,000 training samples and was evaluated at 5 points" in text
    assert (
        "its accuracy ≥ 0.95 and stayed there for 3 evaluations in a row (target declared before "
        "training)"
    ) in text
    assert "We compared each setting with the first (lr=0.1) by the ratio" in text
    assert "paired by seed (20 seeds), with 95% percentile bootstrap intervals from 10,000" in text
    assert "with 10,000 random swaps" in text
    assert "family of comparisons (2 of settings)" in text
    assert (
        "The networks were trained with nnrun 1.2.3 (NumPy 4.5), in double precision, by its "
        "compiled engine, and the results analysed with nnrun "
    ) in text
    assert "Processor: a processor." in text
    assert "pandas" not in text
    assert "tuned" not in text
    assert "block" not in text


def test_what_came_with_an_option_and_how_many_points_were_held_out_are_told():
    adam = {"optimizer.name": "adam", "optimizer.beta1": 0.9, "optimizer.epsilon": 1e-8}
    configs = [{"optimizer.name": "sgd"}, {**adam, "optimizer.bias_correction": True}]
    about = describe({f"s{i}": config for i, config in enumerate(configs)})
    about["constant"] = {"init.name": "uniform", "init.low": -1.0, "init.high": 0.5}
    text = " ".join(design(Sweep("complete", **about)))
    assert "optimizer (sgd, adam)." in text
    assert "All had: initial weights: uniform (low −1, high 0.5)." in text
    came = "adam had beta1 0.9, epsilon 1 × 10⁻⁸ and bias correction."
    assert f"Of the optimizer options, {came}" in text
    text = methods(a_sweep(["lr=1"], held_out=[1000]))
    assert "on 1,000 held-out points that all trials of its setting share" in text


def test_comparisons_within_levels_are_counted_in_families():
    results = a_grid({"lr": [0.1, 0.3, 1.0], "network.hidden": [[2], [4]]}, within="network.hidden")
    text = methods(results)
    told = "Levels were also compared within each level of hidden: 2 families of 2 comparisons."
    assert told in text
    assert "Holm's method (1979) within each family of comparisons (5 of settings and 3" in text


def test_where_results_decide_on_the_number_of_seeds_that_is_told():
    auto = {"most": 1000, "block": 10}
    text = methods(a_sweep(["lr=1", "lr=2"], auto=auto, looks=[10, 20]))
    assert "after every 10 seeds, and a setting was trained on, up to 1,000 seeds, for as" in text
    assert "left to the results" not in methods(a_sweep(["lr=1", "lr=2"], looks=[10, 20]))


def test_what_was_not_done_is_not_told():
    text = methods(a_sweep([""]))
    assert text.startswith("We trained one setting.")
    for word in ("compared", "paired", "Holm", "swaps", "same seed", "git", "engine"):
        assert word not in text, word


def test_few_seeds_are_swapped_in_every_way_and_make_no_claims():
    text = methods(a_sweep(["lr=1", "lr=2"], seeds=5))
    assert "with all swaps of the arms" in text
    assert "Holm" not in text
    assert "is claimed" not in text
    assert "bootstrap" not in methods(a_sweep([""], seeds=1))


def test_a_target_that_was_chosen_later_is_said_to_be():
    text = methods(of(a_sweep(["lr=1", "lr=2"]), notes=[f"Judged against another: {AFTERWARDS}"]))
    assert "(target chosen after training)" in text
    assert "declared" not in text


def test_errors_odd_seeds_and_tuning_are_told():
    results = a_sweep(["lr=1", "lr=2"])
    rows = tuned_rows({0: [0.1, 0.3], 1: [0.1, 0.3]}, {0: 0.3, 1: 0.1})
    results = of(results, tuned=["lr"], tuning={"seeds": [100, 119], "rows": rows})
    trials = results.trials
    status = trials["status"].where(trials["seed"] != 3, "failed")
    text = methods(replace(results, trials=trials.assign(status=status)))
    assert "2 trials ended with an error and are left out." in text
    assert "Each was trained from 19 seeds (19 numbers; 38 networks in all)." in text
    assert "lr (0.1, 0.3) was chosen for each setting by the lowest restricted mean" in text
    told = "on seeds 100 to 119, none of which is reported (chosen: 0.3 for job 0, 0.1 for job 1)."
    assert told in text
    assert "raced" not in text


def test_a_race_is_told_with_the_trials_that_it_took():
    rows = tuned_rows({0: [0.1, 0.3]}, {0: 0.3})
    rows[0] |= {"seeds": 4, "fell": True, "behind": "lr=0.3"}
    about = {"tuned": ["lr"], "tuning": {"seeds": [100, 119], "rows": rows}}
    text = methods(of(a_sweep(["lr=1", "lr=2"]), **about))
    assert "Values to be tuned raced (24 trials in all): one had no more seeds" in text
    assert "was below 4%. Beforehand, lr (0.1, 0.3) was chosen for each setting" in text


def test_nothing_is_told_where_nothing_was_trained():
    results = a_sweep(["lr=1"])
    assert methods(replace(results, trials=results.trials.assign(status="failed"))) == ""


@pytest.mark.parametrize("n", [2, 9])
def test_levels_are_named_while_they_are_few(n):
    results = a_sweep([f"lr={i}" for i in range(n)])
    settings = [
        replace(one, config={"optimizer.lr": float(i)})
        for i, one in enumerate(results.sweep.settings)
    ]
    text = methods(
        of(results, settings=settings, varying=["optimizer.lr"], telling=["optimizer.lr"])
    )
    told = "lr (0, 1)" if n == 2 else "lr (9 levels, from 0 to 8)"
    assert told in text


def test_points_that_settings_share_are_told_with_what_holding_takes_there():
    thin = {"samples": list(range(10, 1001, 90)), "apart": 0.0123, "one_in": 3.0}
    text = methods(a_sweep(["evals=30", "evals=100"], common_grid=thin))
    assert "stayed there for 2 evaluations in a row" in text
    assert (
        "judged at the 12 that they share (up to 1.2% apart), where a target that was to hold for "
        "3 evaluations had to hold for 2; intervals were widened by as much, and arrivals at "
        "neighbouring ones counted as tied."
    ) in text
