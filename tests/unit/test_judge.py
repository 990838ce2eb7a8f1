"""Anybody's curves, judged: equal to nnrun's own, and what is refused, left out or told."""

import subprocess
import sys

import pandas as pd
import pytest

import nnrun
from nnrun.judging.judge import judge


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A sweep of nnrun's: grids that differ, seeds that diverge, never arrive, or arrive late."""
    folder = tmp_path_factory.mktemp("own")
    words = ["-m", "lr=0.1,0.3,4", "batch_size=1,7", "seeds=21", "budget=12000", "target.hold=3"]
    words += ["target.value=0.9", "data=gauss", "tracking=off", "report=off", "hydra.sweep.dir=s"]
    command = [sys.executable, "-m", "nnrun", *words]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return nnrun.load(folder / "s")


@pytest.mark.parametrize("target", ["accuracy>=0.9", "test_loss<=0.1"])
def test_nnruns_own_curves_give_the_contrasts_of_its_report(own, target):
    metric, value = target.replace("<=", ">=").split(">=")
    configs = {one.id: one.config for one in own.sweep.settings}
    frame = own.curves.assign(
        **{
            key: own.curves["setting"].map(lambda s, key=key: configs[s][key])
            for key in own.varying
        }
    )
    wanted = own
    if metric != "accuracy":
        again = {"target": f"{metric}:{value}:3", "out": own.folder.parent / "again"}
        wanted = nnrun.make_report(own.folder, **again)
    found = judge(frame, setting=own.varying, x="samples", target=target, hold=3)
    assert found.sweep.common_grid == wanted.sweep.common_grid is not None
    for table, key in ((found.contrasts, "a"), (found.summary, "setting")):
        theirs = wanted.contrasts if key == "a" else wanted.summary
        numbers = theirs.select_dtypes("number").columns
        numbers = [n for n in numbers if not n.startswith(("final", "ns", "plateaued"))]
        assert len(table) == len(theirs) > 5
        assert len(numbers) > 15
        pd.testing.assert_frame_equal(table[numbers], theirs[numbers], check_exact=True)
    assert list(found.contrasts["verdict"]) == list(wanted.contrasts["verdict"])
    assert list(found.contrasts["name_a"]) == list(wanted.contrasts["name_a"])
