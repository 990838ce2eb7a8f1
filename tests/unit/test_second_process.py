"""Work beside this process: its result, its words, and what is left of it."""

import os
import signal
import sys
import time
from functools import partial

import pytest

from nnrun.report.second_process import beside
from nnrun.trials.progress import say

forked = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="nothing is forked here"
)


def told(words: str) -> int:
    print(words, file=sys.stderr)
    return os.getpid()


@forked
def test_work_is_done_in_another_process_and_its_words_are_said_once_here(capsys):
    say.cache_clear()
    with (
        beside(partial(told, "note: a word")) as first,
        beside(partial(told, "note: a word")) as two,
    ):
        assert os.getpid() not in {first(), two()}
    assert capsys.readouterr().err == "note: a word\n"


@forked
@pytest.mark.parametrize("end", ["killed", "failed"])
def test_work_that_does_not_come_to_its_end_there_is_done_here(end):
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            if end == "killed":
                os.kill(os.getpid(), signal.SIGTERM)
            raise ValueError("not there")
        return "here"

    with beside(work) as result:
        assert result() == "here"


@forked
def test_an_exception_here_ends_the_other_process(tmp_path):
    def work() -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(60)

    began = time.monotonic()
    started = []

    def interrupted() -> None:
        with beside(work):
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
    with beside(os.getpid) as result:
        assert result() == os.getpid()
