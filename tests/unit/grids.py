"""Made-up sweeps over factors, for the tests of figures."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from nnrun.records.labels import describe
from nnrun.results.results import Results
from tests.unit.sweeps import GRID, a_sweep

BUDGET = 100_000


def a_grid(keys, seeds=20, leave_out=(), never=(), **sweep):
    """Results of a sweep over dotted keys; each setting is 0.8 times as slow as the one before.

    Args:
        keys: By dotted key its values.
        seeds: Of each setting.
        leave_out: Numbers of combinations that are not in the sweep.
        never: Numbers of settings of which no seed arrives.
        sweep: Changes to sweep.json.
    """
    several = [dict(zip(keys, values, strict=True)) for values in product(*keys.values())]
    configs = {f"s{i}": c for i, c in enumerate(several) if i not in leave_out}
    about = describe(configs)
    results = a_sweep(["x"], seeds=1)
    random = np.random.default_rng(7)
    luck = random.lognormal(0, 0.4, seeds)
    trials, curves = [], []
    for i, setting in enumerate(about["settings"]):
        middle = 30_000 * 0.8 ** (i % 12) * 1.02 ** (i // 12)
        time = np.round(middle * luck * random.lognormal(0, 0.2, seeds))
        time = np.full(seeds, np.inf) if i in never else time
        samples = np.unique(np.geomspace(10, BUDGET, 40).round())
        loss = 0.25 / (1 + (samples[None, :] / np.minimum(time, 1e6)[:, None]) ** 2)
        reached = time <= BUDGET
        trial = {**results.trials.iloc[0].to_dict(), "setting": setting.id}
        trial |= {"label": setting.label, "budget": BUDGET}
        trial |= {key: str(setting.config[key]) for key in about["varying"]}
        for seed in range(seeds):
            status = "reached" if reached[seed] else "exhausted"
            first = time[seed] if reached[seed] else np.nan
            trials.append({**trial, "seed": seed, "status": status, "samples_to_target": first})
            point = {"setting": setting.id, "seed": seed, "samples": samples.astype(int)}
            quality = {"train_loss": loss[seed], "test_loss": loss[seed]}
            curves.append(pd.DataFrame({**point, **quality, "accuracy": 1 - 2 * loss[seed]}))
    facts = replace(results.sweep, **about, budget=BUDGET, **sweep)
    known = {"curves": pd.concat(curves, ignore_index=True)}
    return Results(pd.DataFrame(trials), facts, known=known)


__all__ = ["BUDGET", "GRID", "a_grid"]
