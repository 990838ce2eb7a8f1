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
from tests.integration.conftest import OFF, QUICK, CommandLine, ended

SCRIPT = textwrap.dedent(re.search(r"::\n\n(.*?)\n\n\S", documents.__doc__, re.DOTALL)[1])


def answer(folder, *words, module="nnrun", code=0, env=None):
    return read_document(
        ended(SERVER.start(*words, cwd=folder, module=module, env=env), code).stdout
    )


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep that ran without the flag, and what stands in its folder's parent."""
    nnrun = CommandLine(tmp_path_factory.mktemp("sweep"))
    nnrun("-m", "lr=0.1,0.3", *QUICK, *OFF)
    return nnrun.outputs("sweeps")[0]


def test_a_stranger_s_ten_lines_read_a_verdict(nnrun, monkeypatch, capsys):
    def forked(command, stdout):
        process = SERVER.start(*command[3:], cwd=nnrun.folder, module=command[2])
        return subprocess.CompletedProcess(command, 0, ended(process).stdout)

    monkeypatch.setattr(subprocess, "run", forked)
    assert len([line for line in SCRIPT.splitlines() if line]) == 10
    exec(SCRIPT, {})
    (folder,) = nnrun.outputs("sweeps")
    found = package.load(folder)
    (contrast,) = found.contrasts.to_dict("records")
    names = ("name_a", "verdict", "ratio", "ratio_low", "ratio_high")
    first, second = capsys.readouterr().out.splitlines()
    assert contrast["verdict"] == "sooner"
    assert first == "Yes: lr=0.3 converges sooner than lr=0.03."
    assert second == " ".join(str(contrast[name]) for name in names)
    assert "--json" not in (folder / "sweep.json").read_text()


def test_the_script_is_that_of_the_readme():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    scripts = [b for b in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "--json" in b]
    assert all(script.strip() == SCRIPT for script in scripts)


def test_a_sweep_with_the_flag_finds_all_of_one_without(nnrun, sweep):
    home = sweep.parents[2]
    words = ["-m", "lr=0.1,0.3", *QUICK, *OFF, "--json"]
    plan = answer(home, *words, "plan_only=true")
    assert (plan["trials"], plan["cached"], plan["seconds"]) == (6, 6, 0.0)
    assert [one["levels"] for one in plan["settings"]] == [{"lr": 0.1}, {"lr": 0.3}]
    done = ended(SERVER.start(*words, cwd=home))
    found = read_document(done.stdout)
    assert "Found in the cache: 6 of 6 trials" in done.stderr
    assert [one["label"] for one in found["settings"]] == ["lr=0.1", "lr=0.3"]
    told = json.loads(Path(found["files"]["sweep"]).read_text())
    assert told["overrides"] == json.loads((sweep / "sweep.json").read_text())["overrides"]
    held = answer(home, "--json", "prune", "--all", "--dry-run", module="nnrun.cache")
    assert held["deleted"]["trials"] == 6
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
    assert (found["network"], found["seeds"], found["seed"]) == (model.layout, [0, 1, 2], 1)
    saved = answer(
        tmp_path, *words, "--json", "--out", "o.csv", "--save", "n.json", module="nnrun.model"
    )
    assert (saved["predictions"], saved["written"]) == ([], str(tmp_path / "o.csv"))
    assert package.load_network(saved["saved"]).layout == model.layout


@pytest.mark.parametrize(
    ("words", "full"), [("lr=zero", "1"), ("-m lr=0.1,zero", "0"), ("lrr=1", "0"), ("--lr=1", "1")]
)
def test_bad_input_is_a_document_too(nnrun, words, full):
    env = {**os.environ, "HYDRA_FULL_ERROR": full}
    found = answer(nnrun.folder, *words.split(), "--json", code=2, env=env)
    assert (found["kind"], found["status"]) == (None, "bad_input")
    (issue,) = found["error"]["issues"]
    assert issue["key"] in ("lr", "lrr", "--lr=1")
    assert issue["key"] in words
    assert not (nnrun.folder / "outputs").exists()


def test_a_bug_is_a_document_with_its_traceback_beside_it(nnrun):
    patch = "import nnrun.launch.finish as f\nf.tabulate = None"
    done = nnrun(*QUICK, *OFF, "--json", patch=patch, code=1)
    found = read_document(done.stdout)
    assert (found["status"], found["error"]["type"]) == ("failed", "bug")
    assert found["error"]["message"] in done.stderr
    assert "Traceback" in done.stderr


def test_texts_of_hydra_are_no_results_and_help_is_help(nnrun):
    found = answer(nnrun.folder, "--cfg", "job", "--json", code=2)
    assert found["error"]["issues"][0]["key"] == "--json"
    helped = nnrun("--help", "--json").stdout
    assert helped == nnrun("--help").stdout
    assert "--json" in helped
