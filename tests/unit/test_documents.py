"""The document of ``--json``: what it says of results, of errors, and how it says no number."""

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nnrun import documents
from nnrun.commands import Parser, exit_code
from nnrun.errors import InputError, Issue
from nnrun.hydra_ext.check import BadJobs
from nnrun.launch.facts import sweep_facts
from nnrun.report.verdict import verdict
from tests.documented import fields, read_document
from tests.unit.grids import a_grid
from tests.unit.sweeps import a_sweep


@pytest.fixture
def document(monkeypatch):
    """A document in the place of standard output."""
    found = documents.Document(io.StringIO())
    # pytest puts its own stream into sys after each fixture
    monkeypatch.setattr(documents, "sys", SimpleNamespace(stdout=found, stderr=sys.stderr))
    return found


def told(document, code=0):
    return read_document(document.text(code))


def sweep_document(document, results, **changes):
    sweep = replace(results.sweep, **changes)
    documents.give("sweep", **sweep_facts(sweep, results, Path("folder")))
    return told(document)


def test_a_sweep_says_what_its_tables_do_to_the_last_digit(document):
    results = a_sweep(["lr=0.1", "lr=0.3"], diverged=2)
    found = sweep_document(document, results, tracking={"settings": {"s1": "a run"}})
    assert found["answer"] == "Yes: lr=0.3 converges sooner than lr=0.1."
    assert found["verdict"] == verdict(results)
    (contrast,) = found["contrasts"]
    assert (contrast["a"], contrast["b"], contrast["verdict"]) == ("s1", "s0", "sooner")
    # 16 seeds at 150 and 4 at 1,000 are 320 on average, the baseline's 440
    assert contrast["ratio"] == pytest.approx(320 / 440, rel=1e-12)
    assert contrast["headline"]
    assert contrast["text"] in found["verdict"][2]
    table = results.contrasts.iloc[0]
    assert all(contrast[name] == table[name] for name in ("ratio_low", "ratio_high", "p_holm"))
    first, second = found["settings"]
    assert (first["baseline"], second["baseline"]) == (True, False)
    assert (first["run"], second["run"]) == (None, "a run")
    assert second["rmst"] == 320
    assert {key: second[key] for key in ("seeds", "reached", "exhausted", "diverged")} == {
        "seeds": 20, "reached": 16, "exhausted": 2, "diverged": 2,
    }  # fmt: skip


def test_the_headline_contrasts_are_those_of_the_answer(document):
    grid = a_grid({"lr": [0.1, 0.3], "batch_size": [1, 10]}, seeds=20)
    found = sweep_document(document, grid)
    by_family = {}
    for one in found["contrasts"]:
        by_family.setdefault((one["family"], one["headline"]), []).append(one["name_a"])
    assert by_family == {
        ("setting", False): [setting["label"] for setting in found["settings"][1:]],
        ("factor", True): ["lr=0.3", "batch_size=10"],
    }
    assert all(name in found["answer"] for name in by_family["factor", True])
    assert found["settings"][1]["levels"] == {"lr": 0.1, "batch_size": 10}


def test_what_is_no_number_is_null(document):
    found = sweep_document(document, a_sweep(["lr=0.1", "lr=0.3"], arrives=0, regression=True))
    for setting in found["settings"]:
        assert setting["samples_median"] is setting["ert"] is None  # inf
        assert setting["final_accuracy_median"] is None  # NaN
        assert setting["rmst"] == 1000
    assert found["contrasts"][0]["verdict"] == "incomparable"
    assert found["contrasts"][0]["ratio"] is None
    assert found["answer"].startswith("Not compared: no seed of either reached the target. Try")


def test_a_lone_setting_has_an_answer_and_no_contrast(document):
    found = sweep_document(document, a_sweep([""]))
    assert found["answer"].startswith("16 of 20 seeds reached")
    assert found["contrasts"] == []
    assert not found["settings"][0]["baseline"]


def test_after_a_signal_nothing_is_computed_anew(document, monkeypatch):
    monkeypatch.setattr("nnrun.results.results.contrasts", None)
    found = sweep_document(document, a_sweep(["lr=0.1", "lr=0.3"]), status="interrupted")
    assert (found["answer"], found["contrasts"]) == (None, [])
    assert len(found["settings"]) == 2


def test_what_a_report_has_compared_is_not_compared_again(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    assert results.of(results.sweep, tmp_path) is not results
    found = results.contrasts
    assert results.of(results.sweep, tmp_path).contrasts is found


def test_a_sweep_without_results_has_all_fields(document):
    sweep = a_sweep([""]).sweep
    documents.give("sweep", **sweep_facts(sweep, None, Path("folder")))
    found = told(document)
    assert (found["answer"], found["settings"], found["contrasts"]) == (None, [], [])
    assert found["files"] == {}


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130, 143])
def test_the_status_is_that_of_the_exit_code(document, code):
    found = told(document, code)
    known = {0: "complete", 1: "failed", 2: "bad_input", 3: "untracked", 4: "unmet"}
    assert (found["exit_code"], found["status"]) == (code, known.get(code, "interrupted"))
    assert found["kind"] is None
    assert (found["error"] is not None) == (code in (2, 3, 4))


def test_every_issue_is_there_in_its_parts_without_secrets(document, capsys):
    uri = Issue("tracking.uri", "http://me:secret@host", "cannot be used", "ask me:secret@host")
    bad = BadJobs([("#3 lr=-1", InputError(Issue("lr", -1.0, "must be > 0"), uri))], 5)

    def run():
        raise bad

    assert exit_code(run) == 2
    found = told(document, 2)["error"]
    assert found["type"] == "input"
    assert found["message"].startswith("1 of 5 jobs cannot run, so none was trained:\n  #3 lr=-1\n")
    assert found["issues"] == [
        {"key": "lr", "value": -1.0, "rule": "must be > 0", "hint": "", "job": "#3 lr=-1"},
        {"key": "tracking.uri", "value": "http://me:***@host", "rule": "cannot be used",
         "hint": "ask me:***@host", "job": "#3 lr=-1"},
    ]  # fmt: skip
    assert "secret" not in json.dumps(found)
    assert "1 of 5 jobs" in capsys.readouterr().err


def test_what_the_system_refuses_and_the_first_of_two_errors(document, capsys):
    def run():
        raise OSError(28, "No space left on device", "a.npz")

    assert exit_code(run) == 1
    documents.fail("and then")
    found = told(document, 1)["error"]
    assert (found["type"], found["issues"]) == ("system", [])
    assert found["message"].startswith("a.npz: No space left on device (")


def test_a_parser_complains_in_the_document_and_takes_no_flag_from_a_function(document, capsys):
    parser = Parser("python -m nnrun.model")
    for words, message in (
        (["--nope"], "unrecognized arguments: --nope"),
        (["--json"], "--json is for the command line"),
    ):
        document.facts["error"] = None
        with pytest.raises(SystemExit) as left:
            parser.parse_args(words)
        assert left.value.code == 2
        assert told(document, 2)["error"]["message"] == message
    assert "--json" in parser.format_help()


@pytest.mark.parametrize(
    ("given", "asked", "kept"),
    [
        ("-m lr=1,2 --json", True, "-m lr=1,2"),
        ("--js lr=1 --json", True, "lr=1"),
        ("lr=1", False, "lr=1"),
        ("-- --json", False, "-- --json"),
        ("--json --hel", False, "--hel"),
        ("-h --json", False, "-h"),
        ("--jsonl", False, "--jsonl"),
    ],
)
def test_the_flag_is_taken_wherever_it_stands(given, asked, kept):
    assert documents.take_flag(given.split()) == (asked, kept.split())


def test_values_are_those_of_json():
    value = {
        1: np.float64("nan"), "a": [np.int64(3), -np.inf, np.arange(2.0)], "b": Path("x/y"),
        "c": (True, None, 0.1), "d": "\x1b[0m\u202e\udcff", "e": np.bool_(True), "f": {2},
    }  # fmt: skip
    assert json.loads(json.dumps(documents.plain(value), allow_nan=False)) == {
        "1": None, "a": [3, None, [0.0, 1.0]], "b": "x/y", "c": [True, None, 0.1],
        "d": "\x1b[0m\u202e\\udcff", "e": True, "f": "{2}",
    }  # fmt: skip


def test_each_line_of_the_list_of_fields_is_read_as_one():
    kinds = re.findall(r"^kind (\w+)", documents.__doc__, re.MULTILINE)
    assert len(set(kinds)) == len(kinds) == 7
    lines = documents.__doc__.split("Every document:")[1].splitlines()
    told = [line for line in lines if re.match("  [a-z]", line)]
    common = fields(None)
    assert len(told) == len(common) + sum(len(fields(kind)) - len(common) for kind in kinds)
