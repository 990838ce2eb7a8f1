"""Sweeps of a launcher that is not ours: its records are found by what they say."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

import nnrun
from nnrun.errors import TrainingFailed
from nnrun.hydra_ext import callback, single
from nnrun.hydra_ext.other_launchers import Handed
from nnrun.interrupt import Interrupt, interrupts_held
from nnrun.launch.finish import Making
from nnrun.launch.launch import ForeignLaunch
from nnrun.launch.sources import written_in
from nnrun.records.record import write_record
from nnrun.records.sweep import Sweep, SweepJob, read_sweep
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


SECRET = "s3cr3tZq7"
URI = f'tracking.uri="http://me:{SECRET}@host?token={SECRET}"'


def handed(folder, launch, monkeypatch):
    """Return what hands jobs to a launcher of a certain way to launch."""
    monkeypatch.setattr(callback, "_left", [])
    config = OmegaConf.create(
        {
            "name": "nnrun",
            "tracking": {"uri": f"http://me:{SECRET}@host", "wait": 1},
            "hydra": {
                "sweep": {"dir": str(folder)},
                "sweeper": {"_target_": callback.OWN_SWEEPER, "storage": f"x://u:{SECRET}@host"},
                "launcher": {"_target_": "theirs", "account": f"token={SECRET}"},
                "overrides": {"task": ["lr=1", URI], "hydra": [f"hydra.sweeper.token={SECRET}"]},
                "runtime": {"choices": {"hydra/launcher": "theirs"}},
                "job": {"env_set": {"TOKEN": SECRET}},
            },
        }
    )

    class Theirs:
        def __init__(self, fit):
            self.config = fit

        def launch(self, job_overrides, initial_job_idx):
            return launch(self, job_overrides, initial_job_idx)

    return Handed(Theirs, config, composer=None)


def test_what_a_launcher_loses_it_is_given_again_until_only_what_breaks_it_is_left(
    tmp_path, monkeypatch, capsys
):
    parts = []

    def launch(theirs, jobs, first):
        numbers = list(range(first, first + len(jobs)))
        parts.append(numbers)
        for number in numbers:
            if number == 5:
                raise RuntimeError("a worker was killed\nand more")
            (tmp_path / str(number)).mkdir(exist_ok=True)
            (tmp_path / str(number) / "record.npz").write_bytes(b"")
        return [JobReturn(_return_value=1.0, status=JobStatus.COMPLETED)] * len(jobs)

    one = handed(tmp_path, launch, monkeypatch)
    begun = one.begin()
    with pytest.raises(
        TrainingFailed, match="hydra/launcher=theirs gave up: RuntimeError: a worker"
    ):
        one.launch([["lr=1"]] * 8, 0)
    begun.lock.release()
    assert sorted(path.parent.name for path in begun.recorded()) == list("0123467")
    assert parts[0] == [*range(8)]
    assert [part for part in parts if 5 in part][-1] == [5]
    assert len(parts) < 12
    assert "is asked again: RuntimeError: a worker was killed\nwarning" in capsys.readouterr().err
    assert read_sweep(tmp_path).status == "interrupted"  # what still runs elsewhere ends


def test_what_cannot_be_launched_at_all_is_not_tried_for_ever(tmp_path, monkeypatch):
    tries = []

    def launch(*_):
        tries.append(1)
        raise RuntimeError("no such partition")

    one = handed(tmp_path, launch, monkeypatch)
    begun = one.begin()
    with pytest.raises(TrainingFailed, match="no such partition"):
        one.launch([["lr=1"]] * 100, 0)
    begun.lock.release()
    assert len(tries) == 3


def test_a_launcher_is_given_no_password_but_its_own(tmp_path, monkeypatch):
    given = []

    def launch(theirs, jobs, first):
        given.extend([theirs.config, *jobs])
        return [JobReturn(_return_value=1.0, status=JobStatus.COMPLETED)]

    one = handed(tmp_path, launch, monkeypatch)
    begun = one.begin()
    one.launch([["lr=1", URI, "name='x, y'"]], 0)
    begun.lock.release()
    config, overrides = given
    assert config.hydra.launcher.account == f"token={SECRET}"
    assert config.hydra.job.env_set.TOKEN == SECRET
    config.hydra.launcher = config.hydra.job = None
    assert SECRET not in OmegaConf.to_yaml(config)
    assert overrides == ["lr=1", "tracking.uri='http://me:***@host?token=***'", "name='x, y'"]
    OverridesParser.create().parse_overrides(overrides)


def test_a_sweep_s_loader_prepares_the_process_that_it_comes_to(tmp_path):
    (tmp_path / "only_here.py").write_text("")
    source = (
        "import pickle, sys; pickle.load(sys.stdin.buffer); "
        "import hydra_plugins.nnrun_hydra, only_here"
    )
    code = (
        "import pickle, sys; from nnrun.hydra_ext import folders, loader; "
        "folders.add_plugins(); from hydra_plugins.nnrun_hydra import StudySource; "
        f"sys.path.append({str(tmp_path)!r}); one = loader.Loader.__new__(loader.Loader); "
        "one.source = StudySource; sys.stdout.buffer.write(pickle.dumps(one))"
    )
    packed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    subprocess.run([sys.executable, "-c", source], input=packed, check=True)


def test_a_job_elsewhere_ends_with_its_sweep_and_with_what_started_it(tmp_path, monkeypatch):
    monkeypatch.setattr(single, "WAIT", 0.0)
    goes_on = single._Watch(SimpleNamespace(interrupt=Interrupt()), tmp_path)
    goes_on()  # nothing is written yet
    Sweep("running", "nnrun").write(tmp_path)
    goes_on()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(InterruptedError, match="what started it is gone"):
        goes_on()
    monkeypatch.undo()
    Sweep("interrupted", "nnrun").write(tmp_path)
    with pytest.raises(InterruptedError, match="its sweep has ended"):
        single._Watch(SimpleNamespace(interrupt=Interrupt()), tmp_path)()
