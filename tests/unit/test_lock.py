"""A folder that is being written is left alone, by every command, and a user's files always."""

import errno
import json
import os
import shutil
import stat
import threading

import pytest

import nnrun
from nnrun import sync as syncing
from nnrun.errors import InputError
from nnrun.launch.claim import Claim, require_unused, take_unused
from nnrun.launch.finish import rebuild
from nnrun.records import lock as locking
from nnrun.records.lock import INSTEAD, FolderLock, alone_in, being_written
from nnrun.report.__main__ import main as report
from nnrun.sync import main as sync
from tests.unit.test_rebuild import a_record, a_sweep, config_of, contents, facts_in, page

__all__ = ["page"]  # a fixture

BUSY = "is being written by another process (wait until it has ended)"


@pytest.fixture
def sweep(tmp_path):
    """A sweep that says of itself that it is running, beside one that is over."""
    for name in ("running", "over"):
        configs = (config_of(lr) for lr in (0.1, 0.3))
        a_sweep(tmp_path / "all" / name, *(a_record(i, config=c) for i, c in enumerate(configs)))
    rebuild([tmp_path / "all" / "running"])
    facts = facts_in(tmp_path / "all" / "running")
    (tmp_path / "all" / "running" / "sweep.json").write_text(
        json.dumps({**facts, "status": "running"})
    )
    return tmp_path / "all" / "running"


def all_below(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("named", [["."], ["0"], [".."], ["../over", "."]])
def test_no_report_is_made_of_what_is_being_written(sweep, named, capsys, monkeypatch):
    monkeypatch.chdir(sweep.parent)
    before = all_below(sweep.parent)
    with alone_in(sweep):
        assert report([os.path.normpath(f"running/{name}") for name in named]) == 2
        assert len(nnrun.load("running").trials) == 4  # reading is no harm
    told = capsys.readouterr().err
    assert facts_in(sweep)["status"] == "running"
    assert told.count("\n") == 1
    assert BUSY in told
    assert "running" in told
    assert all_below(sweep.parent) == before
    assert report(["running"]) == 0
    assert facts_in(sweep)["status"] == "interrupted"


def test_a_report_is_alone_in_its_folder_too(sweep, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "nnrun.report.page.write_report", lambda *_, **__: seen.append(being_written(sweep))
    )
    report([str(sweep)])
    assert seen == [True]
    assert not being_written(sweep)


def test_sync_leaves_what_is_being_written_to_who_does(sweep, capsys, monkeypatch):
    monkeypatch.chdir(sweep.parent)
    lacking = {"uri": "sqlite:///m.db", "error": "the store was away", "sweep": None}
    facts = {**facts_in(sweep), "status": "complete", "tracking": lacking}
    (sweep / "sweep.json").write_text(json.dumps(facts))
    with alone_in(sweep):
        assert sync(["running"]) == 2
        assert capsys.readouterr().err == f"error: path=running: {BUSY}\n"
        assert syncing.pending([sweep]) == []
        assert being_written(sweep)  # still: whoever did not acquire a lock does not remove it
    assert syncing.pending([sweep]) == [sweep]


def test_sync_is_alone_while_it_sends(sweep, monkeypatch):
    seen = []
    monkeypatch.setattr(syncing, "_send", lambda folder, *_: seen.append(being_written(folder)))
    syncing.send(sweep)
    assert seen == [True]


def test_a_run_is_not_begun_where_another_writes(tmp_path):
    with alone_in(tmp_path, "output folder"):
        for take in (require_unused, take_unused, lambda folder: Claim.take(folder, "jobs")):
            with pytest.raises(InputError, match=r"output folder=.*: is being written by another"):
                take(tmp_path)
    assert list(tmp_path.iterdir()) == []
    take_unused(tmp_path).release()
    assert not being_written(tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_user_s_own_lock_file_is_left_as_it_is(sweep, kind, monkeypatch):
    mine = sweep / ".lock"
    (sweep.parent / "elsewhere").write_text("precious")
    {
        "file": lambda: mine.write_text("precious"),
        "folder": lambda: mine.mkdir(),
        "link": lambda: mine.symlink_to("../elsewhere"),
    }[kind]()
    before = all_below(sweep)
    monkeypatch.setattr(syncing, "_send", lambda *_: {})
    syncing.send(sweep)
    (sweep / "sweep.json").unlink()
    for number in (0, 1):
        (sweep / str(number) / "record.npz").unlink()
    Claim.take(sweep, "jobs").release(finished=False)
    Claim.unfinished(sweep.parent, "jobs").release(finished=True)
    assert mine.is_dir() if kind == "folder" else mine.read_text() == "precious"
    assert mine.is_symlink() == (kind == "link")
    assert before.get(mine) == (None if kind == "folder" else b"precious")


def test_of_many_threads_one_gets_the_folder(tmp_path):
    locks, ready = [FolderLock(tmp_path) for _ in range(8)], threading.Barrier(8)
    threads = [threading.Thread(target=lambda k=k: (ready.wait(), k.acquire())) for k in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lock.held for lock in locks) == 1


def test_a_folder_that_was_made_anew_meanwhile_is_not_held(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    folder.mkdir()
    flock = locking.fcntl.flock

    def replaced(handle, operation):
        monkeypatch.undo()
        shutil.rmtree(folder)
        (tmp_path / "keeps its number in the file system").mkdir()
        folder.mkdir()
        flock(handle, operation)

    monkeypatch.setattr(locking.fcntl, "flock", replaced)
    assert not FolderLock(folder).acquire()
    assert FolderLock(folder).acquire()


def test_where_folders_cannot_be_locked_a_file_in_it_is(tmp_path, monkeypatch):
    flock = locking.fcntl.flock

    def as_on_nfs(handle, operation):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EBADF, "is not open for writing")
        flock(handle, operation)

    monkeypatch.setattr(locking.fcntl, "flock", as_on_nfs)
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    assert list(contents(tmp_path)) == [INSTEAD]
