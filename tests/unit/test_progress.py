"""Progress of training and of drawing: what is said, and when an end is foreseen."""

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from nnrun.trials import progress
from nnrun.trials.progress import Bar, Lines, Remaining


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test turns."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_a_line_foresees_no_end_before_a_hundredth_is_done(clock, capsys):
    lines = Lines("training 300 trials", 60_000_000, "samples", due=2.0)
    told = []
    for second, samples in ((2.0, 9), (7.0, 599_990), (12.0, 600_001), (60.0, 28_800_000)):
        clock[0] = second
        lines.advance(samples)
        told.append(capsys.readouterr().err)
    assert told == [
        "training 300 trials: 0%\n",
        "training 300 trials: 1%\n",
        "training 300 trials: 2%, 100 k samples/s, ETA 588 s\n",
        "training 300 trials: 50%, 500 k samples/s, ETA 60 s\n",
    ]


def test_a_bar_foresees_no_end_before_a_hundredth_is_done():
    now = [0.0]
    bar = Progress(
        TextColumn("x"), Remaining(compact=True), console=Console(), get_time=lambda: now[0]
    )
    task = bar.add_task("", total=1000)

    def shown(second, done):
        now[0] = second
        bar.update(task, completed=done)
        return str(bar.columns[1].render(bar.tasks[0]))

    assert [shown(1, 0), shown(2, 1), shown(3, 9)] == ["", "", ""]
    # 8 in 1 s and 91 in 7 s: 99 in 8 s, so that 900 take 72.7 s
    assert shown(10, 100) == "ETA 01:13"


def test_what_takes_less_than_two_seconds_is_not_said(clock, capsys):
    with progress.meter("checking 2,000 settings", 2000, "settings") as advance:
        clock[0] = 1.9
        advance(1900)
        assert capsys.readouterr().err == ""
        clock[0] = 2.5
        advance(50)
    assert capsys.readouterr().err == "checking 2,000 settings: 98%, 780 settings/s, ETA 0 s\n"


@pytest.mark.parametrize("lasting", [True, False])
def test_a_bar_that_others_follow_is_wiped_away(lasting, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal, which is what can be wiped
    monkeypatch.setenv("TERM", "xterm")
    bar = Bar("training 20 trials", 100, "samples", due=0.0, lasting=lasting)
    bar.advance(100)
    bar.close()
    wiped = capsys.readouterr().err.endswith("\x1b[2K")
    assert wiped is not lasting
