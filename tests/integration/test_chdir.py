"""hydra.job.chdir changes where Hydra works, and nothing of what is trained."""

import shutil

import pandas as pd
import pytest

import nnrun as package
from tests.fuzz.folder import furnish
from tests.fuzz.start import Line, start_in

QUICK = ["budget=300", "seeds=2", "evals=6", "tracking=off", "report=off"]
CHANGE = "hydra.job.chdir=true"
TABLE = ["data=table", "data.path=t.csv", "data.label=kind"]
GOES_ON = ["continue_from=done", "keep_state=true", "evals=4"]  # the budget is 300, not 200
STARTS = ["init=saved", "init.path=done"]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("furnished"))


@pytest.fixture
def folder(furnished, tmp_path):
    return shutil.copytree(furnished, tmp_path / "folder", symlinks=True)


def folders_of(folder, *arguments):
    before = set(folder.glob("outputs/*/*/"))
    ended = start_in(folder, Line("nnrun", arguments))
    assert ended.code == 0, ended.output
    (made,) = {path for path in folder.glob("outputs/*/*/") if path.parent.name != "cache"} - before
    return made


@pytest.mark.parametrize("more", [TABLE, GOES_ON, STARTS], ids=lambda more: more[0])
@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "sweep"])
def test_relative_paths_are_where_the_command_was_given(folder, mode, more):
    line = [*mode, *QUICK, *more, "cache=off"]
    stayed, changed = folders_of(folder, *line), folders_of(folder, *line, CHANGE)
    pd.testing.assert_frame_equal(
        *(package.load(made).trials.drop(columns=["ns_per_sample"]) for made in (stayed, changed))
    )


def test_a_page_of_a_study_is_found_there(folder):
    (folder / "page.md.j2").write_text("A page.\n")
    made = folders_of(folder, *QUICK, CHANGE, "report=html", "report.study=page.md.j2")
    assert (made / "page.md").read_text() == "A page."


@pytest.mark.parametrize(
    "mode",
    [
        [],
        ["-m"],
        ["-m", "hydra/launcher=basic"],
        ["-m", "hydra/sweeper=basic", "hydra.sweep.dir=a/b"],
    ],
    ids=" ".join,
)
def test_a_plan_is_shown_and_leaves_nothing(folder, mode):
    ended = start_in(folder, Line("nnrun", (*mode, *QUICK, CHANGE, "plan_only=true", "cache=off")))
    assert ended.code == 0
    assert "1 setting × 2 seeds = 2 trials of 300 samples" in ended.output
    assert ended.left == ()


def test_bad_input_is_refused_and_leaves_nothing(folder):
    ended = start_in(folder, Line("nnrun", (*QUICK, CHANGE, "continue_from=nope")))
    assert ended.code == 2
    assert "continue_from=nope: is not there; looked in" in ended.output
    assert ended.left == ()
