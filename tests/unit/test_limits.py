import re
from dataclasses import replace

import numpy as np

from nnrun.report.sections import reading_limits
from tests.unit.grids import a_grid
from tests.unit.sweeps import a_sweep


def limit(results, name):
    found = [line for line in reading_limits(results) if line.startswith(f"{name}:")]
    return found[0] if found else None


def test_censoring_is_counted():
    # of 20 seeds, 16 arrive and 3 diverge in each of two settings: 8 do not arrive
    assert limit(a_sweep(["lr=0.1", "lr=0.3"], diverged=3), "Censoring") == (
        "Censoring: 8 of 40 trained seeds (20%) did not reach the target; in 2 the budget ended "
        "first (0 of them on a plateau), 6 diverged."
    )


def test_resolution_is_the_grids():
    # 10, 30, 100, 300, 1000: 3, 10/3, 3, 10/3
    assert "3.17 times" in limit(a_sweep(["lr=0.1"]), "Resolution")


def test_power_is_the_ratio_that_more_seeds_would_sharpen():
    several = [a_grid({"lr": [0.1, 0.3]}, seeds=seeds) for seeds in (20, 80)]
    least = [
        float(re.search(r"a ratio of ([\d.]+)", text)[1])
        for text in (limit(one, "Power") for one in several)
    ]
    assert least[0] > least[1] > 1
    # twice as sharp for four times the seeds, up to what a drawn spread does
    assert 1.5 < np.log(least[0]) / np.log(least[1]) < 2.7


def test_power_is_of_contrasts_only():
    assert limit(a_sweep(["lr=0.1"]), "Power") is None
    assert limit(a_sweep(["lr=0.1", "lr=0.3"], arrives=0), "Power") is None


def test_scope_names_what_did_not_vary():
    found = a_sweep(["a", "b"])
    known = {**found.known, "summary": found.summary}

    def told(*varying):
        return limit(
            replace(found, sweep=replace(found.sweep, varying=list(varying)), known=known), "Scope"
        )

    assert told("lr", "data.noise").startswith(
        "Scope: features, network, init, optimizer, schedule, loss, batch_size were not varied."
    )
    keys = ["data", "features", "network", "init.low", "optimizer", "schedule", "loss", "lr"]
    assert "Scope: batch_size was not varied." in told(*keys)
    assert told(*keys, "batch_size") is None


def test_different_budgets_are_told():
    results = a_sweep(["lr=0.1", "lr=0.3"])
    assert limit(results, "Budgets differ") is None
    budget = np.where(results.trials["setting"] == "s1", 2000, 1000)
    several = replace(results, trials=results.trials.assign(budget=budget))
    lines = reading_limits(several)
    assert any(line.startswith("Budgets differ: ") and "1,000 samples" in line for line in lines)


def test_evaluations_that_differ_are_told():
    shared = {"samples": [10, 100, 1000], "apart": 0.0137}
    found = limit(a_sweep(["evals=30", "evals=100"], common_grid=shared), "Evaluations differ")
    assert "evaluated at the 3 points up to 1,000 samples that they share" in found
    assert "Evaluations up to 1.4% apart count as one" in found
    exact = {**shared, "apart": 0.0}
    found = limit(a_sweep(["evals=30", "evals=100"], common_grid=exact), "Evaluations differ")
    assert "count as one" not in found
    assert "a target must hold at these" in found
    thin = {**exact, "samples": list(range(10, 1001, 90)), "one_in": 3.0}
    results = a_sweep(["evals=30", "evals=100"], common_grid=thin)
    assert results.sweep.target["hold"] == 3
    found = limit(results, "Evaluations differ")
    assert "hold for 2 of these, which last about as long as 3 evaluations" in found
    found = limit(
        a_sweep(["evals=30", "evals=100"], common_grid={**thin, "one_in": 9.0}),
        "Evaluations differ",
    )
    assert "meeting the target once counts as holding it" in found


def test_nothing_trained_has_no_limits():
    results = a_sweep(["lr=0.1"])
    failed = results.trials.assign(status="failed", samples_to_target=np.nan)
    nothing = replace(results, trials=failed, known={"curves": results.curves.iloc[:0]})
    assert reading_limits(nothing) == []
