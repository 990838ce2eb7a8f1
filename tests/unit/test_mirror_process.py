"""Logging in a process of its own, into stores that are made up."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue
from nnrun.records.lock import FolderLock, being_written
from nnrun.tracking import mirror as module
from nnrun.tracking import process as processes
from nnrun.tracking.entities import SettingRun
from nnrun.tracking.process import MirrorProcess
from tests.records import a_record, described, on_disk

RECORDS = [a_record(f"s{i}", lr=0.1 * (i + 1)) for i in range(4)]
FACTS = described({record.setting: record.meta["config"] for record in RECORDS})


class Store:
    """Writes into a file which settings it takes, and takes a moment for each."""

    def __init__(self, taken: Path, seconds: float = 0.0) -> None:
        self._taken, self._seconds = taken, seconds

    def log_setting(self, run: SettingRun) -> str:
        with self._taken.open("a") as file:
            file.write(f"begin {run.setting}\n")
            file.flush()
            time.sleep(self._seconds)
            file.write(f"end {run.setting}\n")
        return f"run of {run.setting}"

    def charts_url(self, sweep: str) -> str:
        return f"#charts of {sweep}"

    def close(self) -> None:
        """Do nothing."""


def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0, **tracking: Any
) -> MirrorProcess:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "Tracker", lambda *_: Store(tmp_path / "taken", seconds))
    mirror = MirrorProcess.open(Tracking(**tracking), "xor", "s", {"command": "nnrun -m lr=1,2"})
    assert mirror is not None
    for record in RECORDS:
        mirror.add_setting([on_disk(record)], FACTS, record.setting)
    return mirror


def await_line(path: Path, line: str) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() or line not in path.read_text().splitlines():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_settings_are_logged_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path, monkeypatch)
    mirror.close()
    mirror.close()
    assert mirror.facts["settings"] == {f"s{i}": f"run of s{i}" for i in range(4)}
    assert (mirror.facts["not_logged"], mirror.facts["error"]) == ([], None)
    assert len((tmp_path / "taken").read_text().splitlines()) == 8


def test_what_cannot_be_used_is_said_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Store:
        raise InputError(Issue("tracking.uri", "http://x", "is not yours"))

    monkeypatch.setattr(module, "Tracker", refuse)
    with pytest.raises(InputError, match="is not yours") as found:
        MirrorProcess.open(Tracking(uri="http://x"), "xor", "s", {"command": "c"})
    assert found.value.issues[0].key == "tracking.uri"


def test_a_process_that_is_killed_costs_its_runs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path, monkeypatch, seconds=20)
    await_line(tmp_path / "taken", "begin s0")
    assert mirror._process.pid is not None
    os.kill(mirror._process.pid, signal.SIGKILL)
    mirror.close()
    assert mirror.facts["settings"] == {}
    assert mirror.facts["not_logged"] == ["s0", "s1", "s2", "s3"]
    assert mirror.facts["error"].startswith(f"{processes.GONE}; 4 of 4 settings are not in MLflow")


def test_the_run_in_hand_is_whole_though_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path, monkeypatch, seconds=3.0)
    await_line(tmp_path / "taken", "begin s0")
    mirror.hurry(0.2)
    mirror.close()
    assert (tmp_path / "taken").read_text() == "begin s0\n"
    assert sorted(mirror.facts["not_logged"]) == ["s0", "s1", "s2", "s3"]
    mirror._process.join(20)
    assert (tmp_path / "taken").read_text().splitlines() == ["begin s0", "end s0"]


def test_it_ends_with_who_asked_and_holds_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    lock = FolderLock(folder)
    assert lock.acquire()
    mirror = opened(tmp_path, monkeypatch, seconds=1.0)
    await_line(tmp_path / "taken", "begin s0")
    assert lock._handle is not None
    os.close(lock._handle)  # as the system does when a process is killed
    assert not being_written(folder)
    mirror._link.close()
    mirror._process.join(20)
    assert mirror._process.exitcode == 0
    assert (tmp_path / "taken").read_text().splitlines() == ["begin s0", "end s0"]
