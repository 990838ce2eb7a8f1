"""What a report costs, from its records on. Run: pytest tests/benchmarks/test_report.py."""

import subprocess
import sys

import numpy as np
import pytest

from nnrun.launch.finish import rebuild

SEEDS = 20


@pytest.mark.parametrize("settings", [3, 500])
def test_report_of_a_sweep(benchmark, tmp_path, settings):
    rates = ",".join(f"{rate:.6f}" for rate in np.geomspace(0.01, 3, settings))
    sizes = [f"seeds={SEEDS}", "budget=2000", "evals=130", "tracking=off", "report=off"]
    sizes += ["target.metric=test_loss", "target.value=0.126"]  # easy enough to be reached
    command = [sys.executable, "-m", "nnrun", "-m", f"lr={rates}", *sizes]
    subprocess.run([*command, "hydra.sweep.dir=sweep"], cwd=tmp_path, check=True)
    rounds = 3 if settings < 10 else 1
    done = benchmark.pedantic(rebuild, args=([tmp_path / "sweep"],), rounds=rounds)
    assert len(done.results.trials) == settings * SEEDS
    benchmark.extra_info.update(
        group="nanoseconds a trial in the report",
        peer=f"{settings * SEEDS:,} trials",
        amount=settings * SEEDS,
    )
