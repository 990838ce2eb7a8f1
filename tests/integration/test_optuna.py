"""Another's sweeper with our launcher: Optuna's proposals are trained together, batch by batch."""

import pytest
import yaml

import nnrun as package
from tests.integration.conftest import OFF

pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")


def test_optuna_minimises_the_samples_to_the_target(nnrun):
    done = nnrun(
        "-m",
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=6",
        "hydra.sweeper.n_jobs=3",
        "hydra.sweeper.sampler.seed=1",
        "lr=tag(log,interval(0.01,10))",
        "batch_size=choice(1,2)",
        "target.metric=test_loss",
        "target.value=0.13",
        "budget=4000",
        "seeds=3",
        *OFF,
    )
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    assert [job["number"] for job in results.sweep["jobs"]] == list(range(6))
    assert {job["status"] for job in results.sweep["jobs"]} == {"complete"}
    assert results.varying == ["lr", "batch_size"]
    # what Optuna was told, from the tables: the mean samples to the target, else the budget
    times = results.trials["samples_to_target"].fillna(results.trials["budget"])
    objective = times.groupby(results.trials["setting"]).mean()
    assert objective.nunique() > 1
    best = results.summary.set_index("setting").loc[objective.idxmin()]
    said = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert said["best_value"] == objective.min()
    if (objective == objective.min()).sum() == 1:
        assert said["best_params"] == {"lr": best["lr"], "batch_size": best["batch_size"]}
    overrides = yaml.safe_load((sweep / "5/.hydra/overrides.yaml").read_text())
    assert overrides == results.sweep["jobs"][5]["overrides"]
    assert "Traceback" not in done.stderr
