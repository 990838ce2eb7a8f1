"""What no command line may do, whatever is in it."""

import re
import signal

from nnrun.documents import take_flag
from tests.documented import read_document
from tests.fuzz.start import SERVING, Outcome

CODES = (0, 1, 2)
TRACEBACK = "Traceback (most recent call last)"
DONE = ("results: ", "its own run are in ")
"""Words of what was trained before a job turned out to be bad, or sent before another folder."""

ASKED_FOR = "hydra-nnrun.log"  # by hydra/hydra_logging=hydra_debug
SAME = re.compile(r"(\S+?)(?:=\S*)?: .*\(did you mean '(\S+)'\?\)")
WARNING = re.compile(r"[\w/]+\.py:\d+: \w*Warning: .{40}")
SYSTEMS = (
    "Errno",
    "training failed",
    "failed",
    "cannot be written",
    "refused",
    "warning:",
    "too long",
)
"""Words that say why an exit code is 1."""


def fault(outcome: Outcome) -> str:
    """Return what is wrong with how a line ended, as a kind that others may share; else nothing."""
    if outcome.code is None:
        return "hang"
    if TRACEBACK in outcome.output or "Exception ignored" in outcome.output:
        return f"traceback: {_innermost(outcome.output)}"
    if warned := WARNING.search(outcome.output):
        return f"a warning of Python's: {warned[0]}"
    if outcome.line.module in SERVING and outcome.code == 128 + signal.SIGINT:
        return ""
    if outcome.code not in CODES:
        return f"exit code {outcome.code}"
    if told := _untold(outcome):
        return told
    if outcome.code == 2:
        begun = any(words in outcome.output for words in DONE)
        return ("" if begun else _left(outcome)) or _words(outcome)
    if outcome.code == 0 and _only_plans(outcome):
        return _left(outcome)
    if outcome.code == 1 and not any(word in outcome.output for word in SYSTEMS):
        return f"exit code 1 without a reason: {_last_line(outcome.output)}"
    return ""


def _untold(outcome: Outcome) -> str:
    """Say what is wrong with a document, if one was asked for."""
    if not take_flag(outcome.line.arguments)[0]:
        return ""
    try:
        found = read_document(outcome.answer)
    except (ValueError, AssertionError) as wrong:
        return f"no document: {_last_line(str(wrong))}"
    return "" if found["exit_code"] == outcome.code else "a document of another exit code"


def _only_plans(outcome: Outcome) -> bool:
    said = [word for word in outcome.line.arguments if word.startswith("plan_only=")]
    return said[-1:] == ["plan_only=true"]


def _left(outcome: Outcome) -> str:
    left = [path for path in outcome.left if path != ASKED_FOR]
    tops = sorted({re.sub(r"\d+", "0", path.split("/")[0]) for path in left})
    return f"left behind: {' '.join(tops)}" if tops else ""


def _words(outcome: Outcome) -> str:
    told = ("error: ", "jobs cannot run", "not found in config")  # the last are Hydra's own words
    if not any(words in outcome.output for words in told):
        return "exit code 2 without an error"
    if "usage:" in outcome.output and outcome.line.module == "nnrun":
        return "a page of usage"
    for text in outcome.output.splitlines():
        found = SAME.search(text.removeprefix("error: ").strip())
        if found and found[1] == found[2]:
            return "a suggestion of what was typed"
    return ""


def _innermost(output: str) -> str:
    """Return where the last traceback was raised, and what."""
    last = output.rpartition(TRACEBACK)[2] if TRACEBACK in output else output
    places = re.findall(r'File "(?:.*/)?((?:nnrun|hydra|omegaconf)/[^"]+)", line (\d+)', last)
    errors = re.findall(r"^(\w[\w.]*(?:Error|Exception|Warning|Interrupt|\w+))(?::|$)", last, re.M)
    place = ":".join(places[-1]) if places else "?"
    return f"{errors[0] if errors else '?'} at {place}"


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return re.sub(r"\d+", "0", lines[-1][:60]) if lines else "(no output)"
