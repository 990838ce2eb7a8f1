"""Sweeps of a launcher that is not ours: its records are found by what they say."""

import json
import os
import signal

import pytest

import nnrun
from nnrun.interrupt import interrupts_held
from nnrun.launch.finish import Making
from nnrun.launch.launch import ForeignLaunch
from nnrun.launch.sources import written_in
from nnrun.records.record import write_record
from nnrun.records.sweep import SweepJob
from nnrun.trials.provenance import provenance
from tests.conftest import make_setting
from tests.unit.test_record import job, records

JOBS = [job(make_setting(lr=lr), seeds=2) for lr in (0.1, 0.2)]


def written(folder, *numbers, report="off"):
    """Write the records of some jobs, all at one time long ago."""
    about = {**provenance(), "started": "2026-01-02T03:04:05+00:00"}
    for number, record in zip((0, 1), records(*JOBS), strict=True):
        if number in numbers:
            record.meta.update(
                about, report=report, number=number, overrides=[f"lr={0.1 * (number + 1)}"]
            )
            (folder / str(number)).mkdir(exist_ok=True)
            os.utime(write_record(record, folder / str(number)).path, (1e9, 1e9))


@pytest.fixture
def sweep(tmp_path):
    plan = [SweepJob(n, [f"lr=0.{n + 1}"], j.setting.id) for n, j in enumerate(JOBS)]
    asked = {(n, j.setting.id, j.seed, j.seeds) for n, j in enumerate(JOBS)}
    launch = ForeignLaunch(tmp_path, [])
    launch.plan, launch.asked = plan, asked
    yield launch
    launch.lock.release()


def finished(launch):
    with interrupts_held() as launch.interrupt:
        return launch.finish()


def statuses(sweep):
    facts = json.loads((sweep.folder / "sweep.json").read_text())
    return facts["status"], [job["status"] for job in facts["jobs"]]


def test_what_another_machine_wrote_at_its_own_time_is_found(sweep, capsys):
    written(sweep.folder, 0, 1)
    sweep.before = written_in(
        sweep.folder
    )  # as a clock, or what a network keeps of it, may have it
    assert finished(sweep) == 0
    assert statuses(sweep) == ("complete", ["complete", "complete"])
    assert "not finished" not in capsys.readouterr().err


def test_what_is_missing_is_said_and_no_success(sweep, capsys):
    written(sweep.folder, 0)
    assert finished(sweep) == 1
    assert statuses(sweep) == ("interrupted", ["complete", "missing"])
    assert "1 of 2 jobs not finished" in capsys.readouterr().err


def test_records_of_other_trials_and_damaged_ones_are_not_taken_for_its_own(sweep):
    written(sweep.folder, 0, 1)
    (sweep.folder / "0" / "record.npz").write_bytes(b"PK\x03\x04 and no more")
    sweep.asked = {(n, setting, seed + n, seeds) for n, setting, seed, seeds in sweep.asked}
    assert finished(sweep) == 1
    assert statuses(sweep) == ("interrupted", ["missing", "missing"])


def test_where_the_jobs_are_not_known_all_that_came_counts(sweep):
    written(sweep.folder, 0)
    sweep.before, sweep.plan, sweep.asked = written_in(sweep.folder), [], set()
    assert not sweep.begun()
    written(sweep.folder, 1)
    assert sweep.begun()
    assert finished(sweep) == 0
    assert statuses(sweep) == ("complete", ["complete"])


def test_after_a_signal_tables_and_words_come_and_the_page_is_left_out(sweep, capsys, monkeypatch):
    written(sweep.folder, 0, 1, report="html")
    drawn = []

    def pressed(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        drawn.append("the page")

    monkeypatch.setattr(Making, "report", pressed)
    assert finished(sweep) == 143
    assert drawn == []
    assert statuses(sweep) == ("complete", ["complete", "complete"])
    assert len(nnrun.load(sweep.folder).trials) == 4
    told = capsys.readouterr().err
    assert "interrupted: everything was trained and saved." in told
    assert told.endswith(f"The page was not drawn: python -m nnrun.report {sweep.folder}\n")


def test_what_was_asked_to_end_before_is_not_drawn_at_all(sweep, monkeypatch):
    written(sweep.folder, 0, report="html")
    monkeypatch.setattr(Making, "report", lambda *_: pytest.fail("drawn"))
    with interrupts_held() as sweep.interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        assert sweep.finish() == 143
    assert statuses(sweep) == ("interrupted", ["complete", "missing"])
