"""Folders of sweeps: one process each, and an unfinished one is found again."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from nnrun.config.settings import Tracking
from nnrun.errors import InputError
from nnrun.launch.claim import MARKER, Claim, identity_of
from tests.conftest import make_setting
from tests.unit.test_record import job

HOLD = """
import sys, time
from pathlib import Path
from nnrun.launch.claim import Claim
claim = Claim.take(Path(sys.argv[1]), "jobs")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works in a folder."""
    folder = tmp_path / "theirs"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield folder, process
        process.kill()


def test_a_finished_sweep_leaves_nothing_of_the_claim(tmp_path):
    claim = Claim.take(tmp_path / "new", "jobs")
    assert not claim.continued
    assert (claim.folder / MARKER).exists()
    claim.release(finished=True)
    assert list(claim.folder.iterdir()) == []


def test_what_was_not_finished_is_found_by_the_same_jobs_only(tmp_path):
    Claim.take(tmp_path / "a", "jobs").release(finished=False)
    assert Claim.unfinished(tmp_path, "other jobs") is None
    again = Claim.unfinished(tmp_path, "jobs")
    assert again.folder == tmp_path / "a"
    assert again.continued
    again.release(finished=True)
    assert Claim.unfinished(tmp_path, "jobs") is None


def test_a_folder_in_use_is_another_process_s_until_it_dies(holder):
    folder, process = holder
    with pytest.raises(InputError, match="is being written by another process"):
        Claim.take(folder, "jobs")
    assert Claim.unfinished(folder.parent, "jobs") is None
    process.kill()
    process.wait()
    claim = Claim.unfinished(folder.parent, "jobs")
    assert claim.folder == folder
    claim.release(finished=True)


@pytest.mark.parametrize("how", ["found", "named"])
def test_what_was_being_written_when_the_process_died_is_deleted(tmp_path, how):
    folder = tmp_path / "a"
    Claim.take(folder, "jobs").release(finished=False)
    (folder / "0").mkdir()
    rests = [folder / ".sweep.json.abc", folder / "0" / ".record.npz.xyz"]
    waiting = folder / ".new-abc"
    waiting.mkdir()
    mine = folder / ".notes"
    for path in (*rests, waiting / "trials.parquet", mine):
        path.write_text("half")
    claim = Claim.unfinished(tmp_path, "jobs") if how == "found" else Claim.take(folder, "jobs")
    assert not any(path.exists() for path in (*rests, waiting))
    assert mine.exists()
    claim.release(finished=True)


def test_an_unfinished_sweep_of_other_jobs_is_not_written_over(tmp_path):
    Claim.take(tmp_path / "a", "jobs").release(finished=False)
    with pytest.raises(InputError, match="holds an unfinished sweep of other jobs"):
        Claim.take(tmp_path / "a", "other jobs")


def test_results_are_not_written_over(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(InputError, match="holds the results of another"):
        Claim.take(tmp_path, "jobs")


def test_withdrawing_leaves_a_folder_as_it_was_found(tmp_path):
    Claim.take(tmp_path / "new", "jobs").withdraw()
    assert not (tmp_path / "new").exists()
    Claim.take(tmp_path / "old", "jobs").release(finished=False)
    Claim.take(tmp_path / "old", "jobs").withdraw()
    assert [p.name for p in (tmp_path / "old").iterdir()] == [MARKER]


def test_jobs_are_the_same_if_they_would_do_the_same():
    a, b = job(make_setting(lr=0.1)), job(make_setting(lr=0.2))
    assert identity_of([a, b]) == identity_of([job(make_setting(lr=0.1)), b])
    assert identity_of([a, b]) != identity_of([b, a])
    assert identity_of([a]) != identity_of([job(make_setting(lr=0.1), seeds=4)])


@pytest.mark.parametrize(
    ("tracking", "same"),
    [
        ({"wait": 7.0}, True),
        ({"register": "xor", "register_by": "final_accuracy", "required": True}, True),
        ({"uri": "http://me:new@host"}, True),
        ({"uri": "http://another"}, False),
        ({"name": "off"}, False),
        ({"trials": True}, False),
        ({"models": "best"}, False),
    ],
)
def test_a_sweep_goes_on_with_whatever_changes_nothing_that_it_leaves(tracking, same):
    before = Tracking(uri="http://me:old@host")
    first, second = (
        identity_of([replace(job(make_setting()), tracking=t)])
        for t in (before, replace(before, **tracking))
    )
    assert (first == second) == same


def test_a_pipe_in_a_marker_s_place_is_never_waited_for(tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / MARKER)
    assert Claim.unfinished(tmp_path, "one") is None
