"""``animate=true``, and pictures of what was trained before."""

import json

import numpy as np
import pytest
from PIL import Image

import nnrun as package
from tests.documented import read_document
from tests.forked import SERVER
from tests.integration.conftest import OFF, QUICK, ended

STILLS = ["surface.png", "surface3d.png", "neurons.png", "network.png", "curves.png"]
MOVING = ["animation.html", "animation.gif"]
SHORT = ["budget=300", "seeds=3", "evals=3", "target.hold=3"]  # four frames
ANIMATED = [*SHORT, *OFF, "animate=true"]


def pictures(nnrun, *arguments, code=0):
    """Run ``python -m nnrun.pictures``."""
    how = {"module": "nnrun.pictures", "warnings": "error"}
    return ended(SERVER.start(*arguments, cwd=nnrun.folder, **how), code)


def sweep_facts(folder):
    return json.loads((folder / "sweep.json").read_text())


OWN = """
from dataclasses import dataclass
import numpy as np
from nnrun.network.activations import Activation

@dataclass(frozen=True)
class Bump(Activation):
    width: float = 1.0

    def forward(self, z):
        return np.exp(-((z / self.width) ** 2))

    def backward(self, grad, z, a):
        return grad * a * (-2 * z / self.width**2)
"""


def test_a_run_with_an_own_component_is_animated_and_can_be_drawn_again(nnrun):
    (nnrun.folder / "mine.py").write_text(OWN)
    # without Hydra's notes: a record says by itself what its networks are
    bare = ["hydra.output_subdir=null", "engine=reference"]
    done = nnrun("network.activation=mine.Bump", *bare, *SHORT, *OFF, "animate=1")
    (folder,) = nnrun.outputs("runs")
    assert all((folder / name).is_file() for name in [*MOVING, *STILLS])
    page = (folder / "animation.html").read_text()
    assert "mine.Bump" in page
    assert "Seed 1, chosen of 3: it did not reach the target (accuracy ≥ 0.95 in 3 eval" in page
    assert f"animation: {folder.relative_to(nnrun.folder)}/animation.html" in done.stdout
    facts = sweep_facts(folder)
    assert facts["animations"] == ["animation.html"]
    assert facts["stages"]["animate"] > 0
    # the record's parameters draw what the trial that was trained again ends with
    refused = pictures(nnrun, str(folder), "--out", "again", code=2).stderr
    assert "if you trust mine.py: --modules FOLDER" in refused
    again = ("--out", "again", "--seed", "1", "--modules", ".")
    done = pictures(nnrun, str(folder), *again)
    assert done.stdout.split() == [f"again/{name}" for name in STILLS]
    for name in STILLS:
        assert (nnrun.folder / "again" / name).read_bytes() == (folder / name).read_bytes()
    record = str(folder / "record.npz")
    done = pictures(nnrun, record, "--out", "other", "--seed", "2", "--modules", ".", "--json")
    found = read_document(done.stdout)
    assert found["paths"] == [str(nnrun.folder / "other" / name) for name in STILLS]
    with (
        Image.open(folder / STILLS[0]) as zero,
        Image.open(nnrun.folder / "other/surface.png") as two,
    ):
        assert (np.asarray(zero) != np.asarray(two)).mean() > 0.05


@pytest.mark.parametrize("launcher", ["nnrun", "basic"])
def test_each_setting_of_a_sweep_is_animated_in_its_job_s_folder_and_all_jobs_can_be_drawn(
    nnrun, launcher
):
    sweep = ["-m", "data=sine", "lr=0.1,0.2", "seed=0,5", "network.hidden=[3]"]
    # one of them in a folder that is named in full
    where = [f"hydra.sweep.dir={nnrun.folder}/outputs/sweeps/here"] if launcher == "basic" else []
    done = nnrun(*sweep, f"hydra/launcher={launcher}", *ANIMATED, *where)
    (folder,) = nnrun.outputs("sweeps")
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    # jobs 0 and 1, and 2 and 3, share a setting: it is animated in the first of them
    assert pages == ["0/animation.html", "2/animation.html", "animation.html"]
    assert sweep_facts(folder)["animations"] == ["animation.html", *pages[:2]]
    assert "animation.html and 2 more" in done.stdout
    both = (folder / "animation.html").read_text()
    settings = package.load(folder).trials.groupby("setting", sort=False)
    for job, (_, trials) in zip((0, 2), settings, strict=True):
        # by hand: of six the third, the lower of the middle two
        times = trials["samples_to_target"].fillna(np.inf)
        ranked = sorted(zip(times, trials["final_test_loss"], trials["seed"], strict=True))
        told = f"Seed {ranked[2][2]}, the median of 6"
        assert told in both
        assert told in (folder / f"{job}/animation.html").read_text()
    reason = "note: sine has one input: fit.png shows its answers; "
    assert done.stderr.count(reason) == 1
    if launcher == "basic":
        return  # its records are as those of the other
    assert len(list(folder.rglob("fit.png"))) == 2
    done = pictures(nnrun, str(folder))
    assert done.stderr.count(reason) == 1
    drawn = {f"{job}/{name}.png" for job in range(4) for name in ("fit", "network", "curves")}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")} == drawn
    assert len(done.stdout.split()) == len(drawn)


FAILING = """
import nnrun.pictures.animation as module
calls = []
def first_refused(*arguments):
    calls.append(arguments)
    if len(calls) == 1:
        raise RuntimeError("the pen is broken")
    return b""
def refused(*arguments):
    raise RuntimeError("the paper is torn")
module.gif, module.layout = first_refused, refused
module.draw_stills = lambda *arguments: []
"""


def test_what_cannot_be_drawn_loses_no_results(nnrun):
    done = nnrun("-m", "lr=0.1,0.2,0.3", *ANIMATED, patch=FAILING, code=1)
    (folder,) = nnrun.outputs("sweeps")
    assert "0 was not animated: the pen is broken" in done.stderr
    assert "as a whole was not animated: the paper is torn" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(package.load(folder).trials) == 9
    facts = sweep_facts(folder)
    pages = ["1/animation.html", "2/animation.html"]
    assert (facts["status"], facts["animations"]) == ("complete", pages)


INTERRUPTED = """
import os, signal
import nnrun.pictures.animation as module
shoot = module.shoot
def pressed(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    return shoot(*arguments)
module.shoot = pressed
"""


def test_an_interrupt_ends_the_drawing_and_keeps_the_results(nnrun):
    done = nnrun("-m", "lr=0.1,1", *ANIMATED, patch=INTERRUPTED, code=130)
    (folder,) = nnrun.outputs("sweeps")
    assert "Traceback" not in done.stderr
    assert len(package.load(folder).summary) == 2
    assert not list(folder.rglob("animation.*"))


def test_animate_is_a_sweep_s_own_and_names_a_seed_that_is_trained(nnrun):
    done = nnrun("-m", "animate=true,false", *QUICK, *OFF, code=2)
    assert "animate: cannot vary within a sweep" in done.stderr
    done = nnrun("animate=3", *QUICK, *OFF, code=2)
    rule = "animate=3: is not among the seeds, 0 to 2 (true takes the median one)"
    assert done.stderr == f"error: {rule}\n"


def test_what_has_no_record_is_refused(nnrun):
    (nnrun.folder / "empty").mkdir()
    done = pictures(nnrun, "empty", code=2)
    assert done.stderr.startswith("error: folder=empty: holds no record.npz")
    nnrun(*QUICK, *OFF)
    (folder,) = nnrun.outputs("runs")
    done = pictures(nnrun, str(folder), "--seed", "9", code=2)
    assert "(known: 0, 1, 2)" in done.stderr
    assert not list(folder.glob("*.png"))
