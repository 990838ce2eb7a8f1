"""An end is an end: exit codes, signals at any moment, and streams that take nothing."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from nnrun import interrupt as ends
from nnrun.commands import exit_code
from nnrun.errors import InputError, Issue
from nnrun.interrupt import Ended, Interrupt, interrupts_held
from tests.forked import SERVER

COMMANDS = ("nnrun", "nnrun.report", "nnrun.sync", "nnrun.cache", "nnrun.model", "nnrun.ui",
            "nnrun.pictures", "nnrun.statistics.calibration")  # fmt: skip
NUMBERS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError(Issue("lr", 0, "must be > 0")), 2, "error: lr=0: must be > 0\n"),
        (OSError(28, "No space left on device", "a.npz"), 1, "error: a.npz: No space left on "
         "device (free some space; the same command goes on)\n"),
        (KeyboardInterrupt(), 130, "interrupted: the same command goes on\n"),
        (Ended(signal.SIGTERM), 143, "interrupted: the same command goes on\n"),
        (Ended(signal.SIGHUP), 129, "interrupted: the same command goes on\n"),
    ],
)  # fmt: skip
def test_what_ends_a_command_is_said_in_a_line_and_in_its_exit_code(error, code, told, capsys):
    assert exit_code(raising(error)) == code
    assert capsys.readouterr().err == told


def test_a_signal_is_held_back_until_a_safe_place():
    with interrupts_held() as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.pressed()
        assert interrupt.exit_code == 143
        with pytest.raises(Ended) as caught:
            interrupt.check()
        assert caught.value.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_where_nothing_is_saved_a_signal_passes_and_one_before_it_too():
    reached = []
    with interrupts_held() as interrupt:
        for signals in ([signal.SIGTERM], []):
            with suppress(Ended), interrupt.let_through():
                reached.append(signals)
                for number in signals:
                    os.kill(os.getpid(), number)
                reached.append("the end")
    assert interrupt.number == signal.SIGTERM
    assert reached == [[signal.SIGTERM]]


def test_what_is_left_after_a_signal():
    interrupt = Interrupt()
    assert interrupt.left(1.2) == 1.2
    with interrupt.held():
        interrupt.note(signal.SIGINT, None)
    assert 1.1 < interrupt.left(1.2) <= 1.2
    interrupt._since -= 5
    assert interrupt.left(1.2) == 0.0


ENDING = """
import os, signal, sys, time
from nnrun.commands import run
from nnrun.interrupt import interrupts_held
def end(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)
{body}
run(main)
"""
SWALLOWED = """
def main():
    while True:
        try:
            end(signal.{name})
            time.sleep(9)
        except BaseException:
            time.sleep(9)
"""
IN_A_CALLBACK = """
import weakref
class Thing: pass
def main():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: end(signal.{name}))
    del thing
    time.sleep(9)
"""
IN_C = """
import hashlib, threading
def main():
    with interrupts_held():
        end(signal.{name})
        time.sleep(1.0)
        threading.Timer(0.1, lambda: end(signal.{name})).start()
        hashlib.pbkdf2_hmac("sha512", b"a", b"b", 10**8)  # no handler of Python's runs in here
"""
WITHIN = """
from contextlib import suppress
def main():
    with interrupts_held() as interrupt:
        with suppress(KeyboardInterrupt), interrupt.let_through():
            try:
                end(signal.{name})
                time.sleep(9)
            except BaseException:
                time.sleep(9)
        print("saved")
        return 0
"""
TURNED = """
def main():
    try:
        end(signal.{name})
        time.sleep(9)
    except BaseException:
        raise ImportError("numpy failed to import") from None
"""
AT_EXIT = """
import atexit
atexit.register(lambda: (end(signal.{name}), time.sleep(9)))
def main():
    return 0
"""
TWICE = """
def main():
    with interrupts_held():
        end(signal.SIGINT, signal.{name})
        time.sleep(9)
"""


def awaited(process):
    try:
        return process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@pytest.mark.parametrize("body", [SWALLOWED, IN_A_CALLBACK, IN_C, WITHIN, TURNED, AT_EXIT, TWICE])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_wherever_a_signal_falls_the_process_ends(tmp_path, body, name):
    process = SERVER.start(cwd=tmp_path, code=ENDING.format(body=body.format(name=name)))
    began = time.monotonic()
    out, err = awaited(process)
    number = getattr(signal, name)
    expected = {NUMBERS[number], -number} if body is AT_EXIT else {NUMBERS[number]}
    assert process.returncode in expected, err
    assert time.monotonic() - began < 8
    assert ("saved" in out) == (body is WITHIN)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_a_signal_in_the_imports_of_any_command_ends_it_at_once(tmp_path):
    # what is imported first sends it; the module itself is not reached
    code = """
import os, runpy, signal, sys
sys.argv[0], sys.orig_argv = "-m", [sys.executable, "-m", sys.argv[1]]
for name in [name for name in sys.modules if name.split(".")[0] == "nnrun"]:
    del sys.modules[name]
import nnrun
os.kill(os.getpid(), int(sys.argv[2]))
"""
    for command, number in zip(COMMANDS, [*NUMBERS] * 3, strict=False):
        process = SERVER.start(command, str(int(number)), cwd=tmp_path, code=code)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (NUMBERS[number], ends.WORDS + "\n")


def test_another_program_that_imports_nnrun_keeps_its_signals(tmp_path):
    code = "import signal, nnrun, nnrun.commands; print(signal.getsignal(signal.SIGTERM))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == "0\n" or "SIG_DFL" in done.stdout


STREAM = """
import os, sys
{before}
from nnrun.commands import run
def main():
    for _ in range(3):
        print("≥ a line × 2", flush=True)
        print("a word", file=sys.stderr, flush=True)
    open("done", "w").close()
    return {code}
run(main)
"""
STREAMS = {
    "read no more": ("r, w = os.pipe(); os.close(r); os.dup2(w, 1)", 0),
    "closed": ("os.close(1); sys.stdout = None", 0),
    "errors closed": ("os.close(2); sys.stderr = None", 0),
    "all closed": ("[os.close(i) for i in range(3)]; sys.stdin = sys.stdout = sys.stderr = None",
                   0),
    "errors read no more": ("r, w = os.pipe(); os.close(r); os.dup2(w, 2)", 0),
    "full": ("os.dup2(os.open('/dev/full', os.O_WRONLY), 1)", 1),
    "errors full": ("os.dup2(os.open('/dev/full', os.O_WRONLY), 2)", 0),
    "ascii": ("import io; sys.stdout = io.TextIOWrapper(open(1, 'wb', closefd=False), 'ascii')", 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("code", [0, 2])
def test_a_command_does_what_it_is_for_whatever_becomes_of_its_streams(tmp_path, kind, code):
    before, least = STREAMS[kind]
    process = SERVER.start(cwd=tmp_path, code=STREAM.format(before=before, code=code))
    out, err = process.communicate(timeout=30)
    assert process.returncode == (code or least), err
    assert (tmp_path / "done").exists()
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    if kind == "full":
        assert err.endswith("error: standard output cannot be written: No space left on device\n")
    if kind == "ascii":
        assert out == ">= a line x 2\n" * 3


@pytest.mark.parametrize("command", COMMANDS)
def test_help_that_nobody_reads_is_no_error(tmp_path, command):
    code = (
        "import os, runpy, sys\n"
        "r, w = os.pipe(); os.close(r); os.dup2(w, 1)\n"
        "sys.argv = [sys.argv[1], '--help']\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    )
    process = SERVER.start(command, cwd=tmp_path, code=code)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
