"""What a setting's MLflow run costs, into SQLite. Run: pytest tests/benchmarks/test_tracking.py."""

import os
from pathlib import Path

import numpy as np
import pytest

from nnrun.config.settings import Tracking
from nnrun.records.record import Record
from nnrun.records.trials import Curves, Outcomes, Trials
from nnrun.tracking.mirror import Mirror
from tests.records import described, on_disk

SEEDS, EVALS, KEYS = 10, 60, 25


@pytest.mark.parametrize("settings", [3, 30, 300, 1000])
def test_settings_into_sqlite(benchmark, tmp_path, settings):
    records = [a_record(i) for i in range(settings)]
    facts = described({record.setting: record.meta["config"] for record in records})
    home = Path.cwd()
    os.chdir(tmp_path)
    try:
        benchmark.pedantic(log, setup=lambda: ((open_runs(), records, facts), {}), rounds=1)
    finally:
        os.chdir(home)
    benchmark.extra_info.update(
        group="nanoseconds a setting into MLflow (SQLite)",
        peer=f"{settings:,} settings",
        amount=settings,
    )


def open_runs():
    return Mirror.open(Tracking(), "xor", "sweep", {"command": "nnrun"})


def log(runs, records, facts):
    for record in records:
        runs.add_setting([on_disk(record)], facts, record.setting)
    runs.close()
    assert len(runs.facts["settings"]) == len(records)


def a_record(number):
    rng = np.random.default_rng(number)
    samples = np.unique(np.geomspace(10, 20_000, EVALS).astype(np.int64))
    curves = Curves(samples, *(rng.random((SEEDS, len(samples))) for _ in range(3)))
    times = rng.integers(100, 20_000, SEEDS).astype(np.float64)
    status = np.full(SEEDS, "reached")
    return Record(
        meta={
            "setting": f"s{number}",
            "config": {"lr": number / 1000, **{f"group.key{i}": i for i in range(KEYS - 1)}},
            "engine": "compiled",
            "task": "binary",
            "samples": 20_000,
            "number": number,
            "seed": 0,
            "seeds": SEEDS,
            "overrides": [],
            "error": None,
        },
        trials=Trials(np.arange(SEEDS), curves, (), rng.random(SEEDS), "compiled"),
        outcomes=Outcomes(status, np.zeros(SEEDS, dtype=np.bool_), times, times),
    )
