"""``--json`` as scripts use it: one document on standard output, whatever happens."""

import json
import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest

import nnrun as package
from nnrun import documents
from tests.documented import read_document
from tests.forked import SERVER
from tests.integration.conftest import CommandLine, ended

SCRIPT = textwrap.dedent(re.search(r"::\n\n(.*?)\n\n\S", documents.__doc__, re.DOTALL)[1])
WORDS = json.loads(re.search(r"sweep = (.*)", SCRIPT)[1])


def answer(folder, *words, module="nnrun", code=0, env=None):
    return read_document(
        ended(SERVER.start(*words, cwd=folder, module=module, env=env), code).stdout
    )


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep that ran without the flag."""
    nnrun = CommandLine(tmp_path_factory.mktemp("sweep"))
    nnrun(*WORDS)
    return nnrun.outputs("sweeps")[0]


def test_a_stranger_s_ten_lines_read_a_verdict(sweep, monkeypatch, capsys):
    home, errors = sweep.parents[2], []

    def forked(command, stdout):
        process = SERVER.start(*command[3:], cwd=home, module=command[2])
        done = ended(process)
        errors.append(done.stderr)
        return subprocess.CompletedProcess(command, 0, done.stdout)

    monkeypatch.setattr(subprocess, "run", forked)
    assert len([line for line in SCRIPT.splitlines() if line]) == 10
    script = {}
    exec(SCRIPT, script)
    first, second = capsys.readouterr().out.splitlines()
    results = package.load(script["found"]["folder"])
    (contrast,) = results.contrasts.to_dict("records")
    names = ("name_a", "verdict", "ratio", "ratio_low", "ratio_high")
    assert contrast["verdict"] == "sooner"
    assert first == "Yes: lr=0.3 converges sooner than lr=0.03."
    assert second == " ".join(str(contrast[name]) for name in names)
    # what was trained without the flag is found with it, and sweep.json does not tell of it
    assert "Found in the cache: 40 of 40 trials" in errors[0]
    read_document(script["done"].stdout)
    assert results.sweep.overrides == package.load(sweep).sweep.overrides


def test_the_script_is_that_of_the_readme():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    scripts = [b for b in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "--json" in b]
    assert all(script.strip() == SCRIPT for script in scripts)


def test_a_plan_and_a_cache(sweep):
    home = sweep.parents[2]
    plan = answer(home, *WORDS, "--json", "plan_only=true")
    assert (plan["trials"], plan["cached"], plan["seconds"]) == (40, 40, 0.0)
    assert [one["levels"] for one in plan["settings"]] == [{"lr": 0.03}, {"lr": 0.3}]
    held = answer(home, "--json", "prune", "--all", "--dry-run", module="nnrun.cache")
    assert held["deleted"]["trials"] == 40
    sizes = [path.stat().st_size for path in (home / "outputs" / "cache").rglob("*.npz")]
    assert held["deleted"]["bytes"] == sum(sizes) > 0
    assert held["dry_run"]


def test_a_network_and_its_predictions(sweep, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("x,y\n0.1,0.9\n0.2,0.2\n")
    words = [str(sweep / "0"), "--predict", str(table), "--seed", "1"]
    found = answer(tmp_path, *words, "--json", module="nnrun.model")
    model = package.load_network(sweep / "0", seed=1)
    rows = [[0.1, 0.9], [0.2, 0.2]]
    assert [one["outputs"]["label"] for one in found["predictions"]] == model.predict(rows)[
        :, 0
    ].tolist()
    assert [one["class"] for one in found["predictions"]] == model.classify(rows).tolist()
    assert [one["row"] for one in found["predictions"]] == [2, 3]
    assert (found["network"], found["seeds"], found["seed"]) == (model.layout, list(range(20)), 1)
    saved = answer(
        tmp_path, *words, "--json", "--out", "o.csv", "--save", "n.json", module="nnrun.model"
    )
    assert (saved["predictions"], saved["written"]) == ([], str(tmp_path / "o.csv"))
    assert package.load_network(saved["saved"]).layout == model.layout


@pytest.mark.parametrize(
    ("words", "full"), [("lr=zero", "1"), ("-m lr=0.1,zero", "0"), ("--lr=1", "1")]
)
def test_bad_input_is_a_document_too(nnrun, words, full):
    env = {**os.environ, "HYDRA_FULL_ERROR": full}
    found = answer(nnrun.folder, *words.split(), "--json", code=2, env=env)
    assert (found["kind"], found["status"]) == (None, "bad_input")
    (issue,) = found["error"]["issues"]
    assert issue["key"] in ("lr", "--lr=1")
    assert issue["key"] in words
    assert not (nnrun.folder / "outputs").exists()


def test_a_bug_is_a_document_with_its_traceback_beside_it(tmp_path):
    code = "from nnrun.commands import run\nrun(lambda: 1 // 0)"
    done = ended(SERVER.start("--json", cwd=tmp_path, code=code), 1)
    found = read_document(done.stdout)
    assert (found["status"], found["error"]["type"]) == ("failed", "bug")
    assert found["error"]["message"] in done.stderr
    assert "Traceback" in done.stderr


def test_texts_of_hydra_are_no_results_and_help_is_help(nnrun):
    found = answer(nnrun.folder, "--cfg", "job", "--json", code=2)
    assert found["error"]["issues"][0]["key"] == "--json"
    helped = nnrun("--help", "--json").stdout
    assert helped.startswith("nnrun: does this change")
    assert "--json" in helped
