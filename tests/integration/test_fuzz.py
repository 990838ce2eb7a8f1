"""Whatever the command line: no traceback, no hang, exit codes as told, nothing left behind."""

import pytest

from tests.fuzz import known
from tests.fuzz.folder import furnish
from tests.fuzz.judge import fault
from tests.fuzz.lines import line
from tests.fuzz.start import Line, start

SEED, LINES = 18, 24


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("first", range(0, LINES, 12))
def test_random_command_lines_end_in_order(template, first):
    outcomes = [
        start(line(SEED, number, others=0.4), template) for number in range(first, first + 12)
    ]
    wrong = [(fault(o), str(o.line), o.output) for o in outcomes if fault(o)]
    assert not wrong


@pytest.mark.parametrize(("words", "answer"), known.TRACEBACKS, ids=lambda text: text[:40])
def test_what_once_ended_in_a_traceback_is_refused_in_a_line(template, words, answer):
    outcome = start(Line("nnrun", (*words.split(), "tracking=off", "report=off")), template)
    assert outcome.code == 2
    assert not fault(outcome)
    assert any(words in outcome.output for words in answer.split(" | "))
    assert len(outcome.output.strip().splitlines()) == 1


def test_a_line_is_the_same_each_time():
    assert line(3, 7) == line(3, 7)
    assert line(3, 7) != line(3, 8)
