"""Made-up sweeps for the tests of the report."""

import numpy as np
import pandas as pd

from nnrun.records.sweep import Sweep
from nnrun.results.results import Results

NAN = float("nan")
GRID = np.array([10, 30, 100, 300, 1000])


def a_sweep(labels, seeds=20, arrives=0.8, diverged=0, regression=False, **sweep):
    """A sweep whose settings arrive ever sooner; a share ``arrives`` of the seeds does at all."""
    trials, curves = [], []
    for i, label in enumerate(labels):
        for seed in range(seeds):
            lost = seed < diverged
            reached = not lost and seed >= seeds - round(arrives * seeds)
            loss = 0.25 / (1 + GRID / 100 * (i + 1) * (1 + seed / seeds))
            loss = np.where(lost & (GRID >= 100), NAN, loss)
            accuracy = np.full(len(GRID), NAN) if regression else 1 - 2 * loss
            status = "diverged" if lost else "reached" if reached else "exhausted"
            trials.append(
                {
                    "setting": f"s{i}",
                    "label": label,
                    "optimizer.lr": float(i),
                    "seed": seed,
                    "status": status,
                    "plateaued": False,
                    "samples_to_target": 300.0 / (i + 1) if reached else NAN,
                    "first_hit": NAN,
                    "budget": 1000,
                    "final_train_loss": loss[-1],
                    "final_test_loss": loss[-1],
                    "task": "binary",
                    "final_accuracy": accuracy[-1],
                    "ns_per_sample": 12.5,
                }
            )
            point = {"setting": f"s{i}", "seed": seed, "samples": GRID, "train_loss": loss}
            curves.append(pd.DataFrame({**point, "test_loss": loss, "accuracy": accuracy}))
    varying = ["optimizer.lr"] if len(labels) > 1 else []
    table = pd.DataFrame(trials)
    about = {
        "name": "learning_rates",
        "command": "python -m nnrun -m optimizer.lr=0.1,0.3",
        "overrides": [],
        "started": "2025-03-04T09:21:33+00:00",
        "versions": {"nnrun": "0.1.0"},
        "git": None,
        "processor": "a processor",
        "jobs": [],
        "settings": [{"id": f"s{i}", "label": x, "config": {}} for i, x in enumerate(labels)],
        "varying": varying,
        "constant": {"batch_size": 1},
        "budget": 1000,
        "target": {"metric": "accuracy", "value": 0.95, "hold": 3},
        "stages": {"train": 1.5},
        "stacks": [],
        "tracking": None,
        **sweep,
    }
    about["jobs"] = [{"number": 0, "overrides": [], "setting": "", **j} for j in about["jobs"]]
    known = {"curves": pd.concat(curves, ignore_index=True)}
    return Results(table, Sweep.of(about), known=known)


def tuned_rows(tried, chosen, key="lr"):
    """The rows of a sweep's tuning: the values tried for each job, and the one that was chosen."""
    return [
        {
            **{"job": job, "overrides": f"job {job}", key: value, "seeds": 20, "reached": 20},
            **{"restricted_mean": 10.0, "final_test_loss": 0.1, "chosen": value == chosen[job]},
            **{"edge": value == chosen[job] and value in (values[0], values[-1]), "error": ""},
        }
        for job, values in tried.items()
        for value in values
    ]
