"""Work shared with a second process: its results, its words, and what is left of it."""

import os
import signal
import sys
import time

import pytest

from nnrun.report.second_process import shared
from nnrun.trials.progress import say

forked = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="nothing is forked here"
)


@forked
def test_both_processes_work_and_words_from_there_are_said_once_here(capsys, tmp_path):
    say.cache_clear()

    def work() -> int:
        if os.getpid() != here:
            print("note: a word", file=sys.stderr)
            (tmp_path / "begun").touch()
        time.sleep(0.05)
        return os.getpid()

    here = os.getpid()
    with shared([work] * 12) as results:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        done = results()
    assert len(done) == 12
    assert len(set(done)) == 2
    assert here in done
    assert capsys.readouterr().err == "note: a word\n"


@forked
@pytest.mark.parametrize("end", ["killed", "failed"])
def test_work_that_does_not_come_to_its_end_there_is_done_here(end, tmp_path):
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            (tmp_path / "begun").touch()
            if end == "killed":
                os.kill(os.getpid(), signal.SIGTERM)
            raise ValueError("not there")
        return "here"

    with shared([work] * 3) as results:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        assert results() == ["here"] * 3


@forked
def test_an_exception_here_ends_the_other_process(tmp_path):
    def work() -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(60)

    began = time.monotonic()
    started = []

    def interrupted() -> None:
        with shared([work]):
            while not started:
                started.extend(int(path.name) for path in tmp_path.iterdir())
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_where_a_fork_is_no_safe_thing_it_is_done_here(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with shared([os.getpid]) as results:
        assert results() == [os.getpid()]
