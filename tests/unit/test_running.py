"""Programs are run in parallel, ended in time with all they started, and never run twice."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from nnrun.errors import InputError
from nnrun.judging.processes import environment
from nnrun.judging.programs import read_programs
from nnrun.judging.running import run_missing
from nnrun.judging.runs import Limits, read_run
from nnrun.judging.target import Target
from nnrun.layout import PROGRAMS
from nnrun.records.lock import alone_in
from tests.conftest import slowness

# prints ten lines and notes that it has run; $1 is its seed, $2 its program
SCRIPT = """
echo $1 >> ran
i=0
while [ $i -lt 10 ]; do
    i=$((i + 1))
    echo step=$((i * 10)) acc=0.$((i + 10))
    {}
done
{}
exit 0
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def programs(each="", end="", of=("a", "b")):
    Path("run.sh").write_text(SCRIPT.format(each, end))
    return read_programs([["sh", "run.sh", "{seed}", word] for word in of])


def ran():
    """The seeds that were run since this was asked before, in their order."""
    path = Path("ran")
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return [int(seed) for seed in found]


def ends(runs):
    return [(run.ended, run.code, len(run.lines)) for _, run in sorted(runs.items())]


def gone(pid):
    """Whether a process ends within a second or two."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_what_has_run_is_kept_and_more_seeds_run_alone():
    some = programs()
    runs = run_missing(some, range(2), Limits(y="acc", jobs=1))
    assert ends(runs) == [("exit", 0, 10)] * 4
    assert ran() == [0, 0, 1, 1]  # a seed with every program before the next seed
    assert runs[0, 1].lines[2] == {"step": 30.0, "acc": 0.13}
    assert (PROGRAMS / some[0].id / "1.log").read_text().splitlines()[2] == "step=30 acc=0.13"
    assert (PROGRAMS / some[1].id / "command.txt").read_text() == "sh run.sh '{seed}' b\n"
    again = run_missing(some, range(3), Limits(y="acc", jobs=2))
    assert ran() == [2, 2]
    assert {key: again[key] for key in runs} == runs
    # a third command leaves the others as they are
    run_missing(programs(of="abc"), range(3), Limits(y="acc"))
    assert ran() == [0, 1, 2]


def test_a_run_that_was_not_kept_whole_is_run_again():
    some = programs()
    run_missing(some, range(2), Limits(y="acc"))
    ran()
    path = PROGRAMS / some[0].id / "1.json"
    path.write_text(path.read_text()[:40])
    told = json.loads((PROGRAMS / some[1].id / "0.json").read_text())
    (PROGRAMS / some[1].id / "0.json").write_text(json.dumps({**told, "schema": 99}))
    run_missing(some, range(2), Limits(y="acc", jobs=1))
    assert ran() == [0, 1]


def test_a_run_ends_at_the_budget_and_goes_on_for_a_larger_one():
    some = programs(each="sleep 0.05")
    runs = run_missing(some, range(1), Limits(y="acc", budget=30))
    assert [run.ended for run in runs.values()] == ["budget", "budget"]
    assert all(3 <= len(run.lines) < 10 for run in runs.values())
    assert ran() == [0, 0]
    run_missing(some, range(1), Limits(y="acc", budget=20))
    assert ran() == []
    run_missing(some, range(1), Limits(y="acc", budget=1000))
    assert ran() == [0, 0]
    run_missing(some, range(1), Limits(y="acc"))
    assert ran() == []


def test_a_run_ends_when_its_target_has_held():
    some = programs(each="sleep 0.05")
    wanted = {"y": "acc", "hold": 2, "jobs": 2, "until_target": True}
    runs = run_missing(some, range(1), Limits(target=Target(0.12, True), **wanted))
    assert [run.ended for run in runs.values()] == ["target", "target"]
    assert all(4 <= len(run.lines) < 10 for run in runs.values())
    assert len(ran()) == 2
    run_missing(some, range(1), Limits(target=Target(0.11, True), **wanted))
    assert ran() == []
    run_missing(some, range(1), Limits(target=Target(0.19, True), **wanted))
    assert len(ran()) == 2


def test_failed_runs_are_kept_and_run_again_only_if_asked_to():
    some = programs(each="[ $1$2$i = 1a3 ] && exit 3")
    runs = run_missing(some, range(2), Limits(y="acc"))
    assert ends(runs) == [("exit", 0, 10), ("exit", 3, 3), ("exit", 0, 10), ("exit", 0, 10)]
    assert [run.failed for _, run in sorted(runs.items())] == [False, True, False, False]
    ran()
    run_missing(some, range(2), Limits(y="acc"))
    assert ran() == []
    run_missing(some, range(2), Limits(y="acc", retry=True))
    assert ran() == [1]


def test_a_run_that_takes_too_long_has_failed_and_more_time_is_another_run():
    some = programs(each="[ $2$i = b3 ] && sleep 60")
    begun = time.monotonic()
    limits = Limits(y="acc", seconds=0.4 * slowness())
    runs = run_missing(some, range(1), limits)
    assert ends(runs) == [("exit", 0, 10), ("time limit", -15, 3)]
    assert runs[1, 0].failed
    assert time.monotonic() - begun < 30
    ran()
    run_missing(some, range(1), limits)
    assert ran() == []
    (PROGRAMS / some[1].id / "0.json").write_text(
        json.dumps({"schema": 1, **runs[1, 0]._replace(limit=0.1)._asdict()})
    )
    run_missing(some, range(1), limits)
    assert ran() == [0]


def test_whole_families_are_ended_and_those_that_do_not_listen_are_killed(monkeypatch):
    monkeypatch.setattr("nnrun.judging.processes.GRACE", 0.2)
    deaf = "trap '' TERM; (trap '' TERM; sleep 60) & echo $! > child$2; wait; sleep 60"
    some = programs(each=f"[ $i = 3 ] && {{ {deaf}; }}")
    runs = run_missing(some, range(1), Limits(y="acc", budget=30, jobs=2))
    assert [run.code for run in runs.values()] == [-signal.SIGKILL] * 2
    assert all(gone(int(Path(f"child{word}").read_text())) for word in "ab")


def test_what_a_program_leaves_running_is_ended_and_not_waited_for():
    some = programs(end="sleep 60 & echo $! > child$2; printf 'step=200 acc=1'")
    begun = time.monotonic()
    runs = run_missing(some, range(1), Limits(y="acc", jobs=2))
    assert ends(runs) == [("exit", 0, 11)] * 2  # the last line has no end
    assert time.monotonic() - begun < 30
    assert all(gone(int(Path(f"child{word}").read_text())) for word in "ab")


def test_all_stops_in_time_and_what_was_under_way_is_not_kept():
    some = programs(each="[ $1 = 1 ] && sleep 60")
    until = time.monotonic() + 0.6 * slowness()
    runs = run_missing(some, range(3), Limits(y="acc", jobs=1), until)
    assert ends(runs) == [("exit", 0, 10), ("total time", -15, 1), ("exit", 0, 10)]
    assert ran() == [0, 0, 1]
    assert read_run(some[0], 1) is None


@pytest.mark.parametrize(
    ("printed", "code", "said"),
    [
        ("", 0, "prints no metric (print lines such as step=100 acc=0.91; the end of "),
        ("boom", 2, "ended with exit code 2 and prints no metric (print lines such as"),
        ("step=1 ac=2", 0, "never prints acc (did you mean 'ac'?; the end of"),
    ],
)
def test_a_program_without_a_curve_is_given_up_soon(printed, code, said):
    Path("run.sh").write_text(f"echo $1 >> ran\necho '{printed}'\nexit {code}\n")
    some = read_programs([["sh", "run.sh", "{seed}", word] for word in "ab"])
    with pytest.raises(InputError) as error:
        run_missing(some, range(50), Limits(y="acc", jobs=2))
    assert said in str(error.value)
    assert (f"\n  | {printed}\n" in str(error.value)) == bool(printed)
    assert len(ran()) <= 8


def test_a_run_finds_its_seed_and_threads_in_its_environment(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    found = environment(5, cores=8, jobs=3)
    names = ("NNRUN_SEED", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONUNBUFFERED")
    assert [found[name] for name in names] == ["5", "2", "7", "1"]
    assert found["VECLIB_MAXIMUM_THREADS"] == "2"
    end = "echo step=200 acc=$NNRUN_SEED >&2"
    runs = run_missing(programs(end=end), [3], Limits(y="acc"))
    assert runs[0, 3].lines[-1] == {"step": 200.0, "acc": 3.0}  # errors are read, too


def test_one_process_at_a_time_runs_a_program():
    some = programs()
    folder = PROGRAMS / some[1].id
    folder.mkdir(parents=True)
    with alone_in(folder), pytest.raises(InputError, match="is being written by another process"):
        run_missing(some, range(1), Limits(y="acc"))
    assert ran() == []


def test_ctrl_c_leaves_nothing_running_and_the_same_command_goes_on():
    programs(each="[ $1$i = 13 ] && { sleep 60 & echo $! > child$2; wait; }")
    command = [sys.executable, "-m", "nnrun.judge", "--target=acc>=0.15", "--seeds=2", "--jobs=2"]
    command += ["--", "sh", "run.sh", "{seed}", "{x=a,b}"]
    # a test run in the background ignores Ctrl-C, and so would what it starts
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        for word in "ab":
            while not Path(f"child{word}").exists() or not Path(f"child{word}").read_text().strip():
                assert process.poll() is None
                time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert said == "interrupted: what has run is kept; the same command goes on\n"
    assert all(gone(int(Path(f"child{word}").read_text())) for word in "ab")
    assert sorted(ran()) == [0, 0, 1, 1]
    run_missing(read_programs([command[7:]]), range(2), Limits(y="acc", seconds=0.5))
    assert ran() == [1, 1]
