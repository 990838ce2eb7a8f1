"""Another's sweeper with our launcher: Optuna's proposals are trained together, batch by batch."""

import pytest
import yaml

import nnrun as package
from nnrun.plot.style import LINE_STYLES
from tests.integration.test_tracking import rows

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
        "budget=choice(2000,4000)",
        "seeds=3",
        "report=off",
    )
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    assert [job.number for job in results.sweep.jobs] == list(range(6))
    assert {job.status for job in results.sweep.jobs} == {"complete"}
    assert results.varying == ["lr", "budget", "batch_size"]
    # what Optuna was told, from the curves: the mean samples to the target, else the budget;
    # while it learns there is no grid yet that all its settings share
    curves = results.curves.groupby(["setting", "seed"])
    times = curves[["test_loss", "samples"]].apply(arrival)
    objective = times.groupby("setting").mean()
    assert objective.nunique() > 1
    best = results.summary.set_index("setting").loc[objective.idxmin()]
    said = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert said["best_value"] == objective.min()
    if (objective == objective.min()).sum() == 1:
        assert said["best_params"] == {key: best[key] for key in results.varying}
    overrides = yaml.safe_load((sweep / "5/.hydra/overrides.yaml").read_text())
    assert overrides == results.sweep.jobs[5].overrides
    assert "Traceback" not in done.stderr
    are_of_the_sweep(nnrun.folder / "outputs" / "mlflow.db", results)


def arrival(curve):
    """Find the first of four evaluations in a row at a test loss of 0.13, else the budget."""
    met, samples = (curve["test_loss"] <= 0.13).to_numpy(), curve["samples"].to_numpy()
    held = [i for i in range(len(met) - 3) if met[i : i + 4].all()]
    return float(samples[held[0]] if held else samples[-1])


def are_of_the_sweep(database, results):
    """MLflow's runs are called and drawn as the sweep's settings, and compared at one horizon."""
    assert results.summary["label"].is_unique
    assert results.trials["budget"].nunique() > 1
    runs = """select s.value, r.name, c.value, m.value from runs r
        join tags s on s.run_uuid = r.run_uuid and s.key = 'nnrun.setting'
        join tags c on c.run_uuid = r.run_uuid and c.key = 'mlflow.runColor'
        join latest_metrics m on m.run_uuid = r.run_uuid and m.key = 'rmst'"""
    found = rows(runs, database=database)
    colors = [LINE_STYLES[i % len(LINE_STYLES)].color for i in range(len(results.summary))]
    columns = (results.summary[key] for key in ("setting", "label", "rmst"))
    assert {setting: tuple(about) for setting, *about in found} == {
        setting: (label, color, pytest.approx(rmst, rel=1e-12))
        for setting, label, rmst, color in zip(*columns, colors, strict=True)
    }
