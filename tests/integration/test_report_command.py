"""``python -m nnrun.report``, as a user calls it."""

import json
import shutil

import pytest

from tests.documented import read_document
from tests.forked import SERVER
from tests.integration.conftest import OFF, QUICK, ended

pytestmark = pytest.mark.drawn

REBUILT = ("report.html", "report.md", "trials.parquet", "curves.parquet", "ladder.parquet")
REBUILT = (*REBUILT, "summary.csv", "sweep.json")


def report(folder, *arguments, code=0):
    return ended(SERVER.start(*arguments, cwd=folder, module="nnrun.report"), code)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in REBUILT}


@pytest.mark.slow  # two processes that train and draw
def test_a_sweep_is_rebuilt_alone_from_its_records(nnrun):
    # that it is rebuilt to the byte: test_fresh_is_rebuilt
    nnrun("-m", "lr=0.1,0.3", *QUICK, "tracking=off")
    (sweep,) = nnrun.outputs("sweeps")
    before = contents(sweep)
    index = (nnrun.folder / "outputs" / "index.html").read_text()
    assert f'href="sweeps/{sweep.name}/report.html"' in index
    shutil.rmtree(sweep / "figures")
    for name in REBUILT:
        (sweep / name).unlink()
    done = report(nnrun.folder, f"outputs/sweeps/{sweep.name}")
    assert f"report: outputs/sweeps/{sweep.name}/report.html" in done.stdout
    assert (nnrun.folder / "outputs" / "index.html").read_text() == index
    after = contents(sweep)
    tables = [name for name in REBUILT if name.endswith((".parquet", ".csv"))]
    assert [name for name in tables if after[name] != before[name]] == []
    known, found = json.loads(before["sweep.json"]), json.loads(after["sweep.json"])
    assert {key for key in known if found.get(key) != known[key]} == {
        "overrides",
        "stacks",
        "stages",
    }
    assert list((sweep / "figures").iterdir())


def test_sweeps_that_failed_in_part_are_merged(nnrun):
    break_it = (
        "import nnrun.trials.shard as g; train = g.train\n"
        "def bad(shard, *a):\n"
        "    if any(x.setting.lr == 0.3 for x in shard.trials): raise RuntimeError('boom')\n"
        "    return train(shard, *a)\n"
        "g.train = bad"
    )
    quick = [*QUICK, *OFF]
    failing = ["-m", "lr=0.1,0.3", *quick, "cache=off", "--json"]
    found = read_document(nnrun(*failing, patch=break_it, code=1).stdout)
    assert (found["status"], found["error"]) == ("failed", None)
    assert [job["status"] for job in found["jobs"]] == ["complete", "failed"]
    assert "boom" in found["jobs"][1]["error"]
    nnrun("-m", "lr=0.2,0.3", *quick, "seed=2", "cache=off")
    sweeps = [str(path) for path in nnrun.outputs("sweeps")]
    done = report(nnrun.folder, *sweeps, "baseline=lr=0.2", "target=accuracy:0.6:1", "--out", "x")
    assert done.stderr == (
        "note: Judged against accuracy ≥ 0.6 (held for 1 evaluation) instead of the declared "
        "accuracy ≥ 0.95 (held for 4 evaluations): this target was chosen after training.\n"
    )
    facts = json.loads((nnrun.folder / "x" / "sweep.json").read_text())
    assert [s["label"] for s in facts["settings"]] == ["lr=0.2", "lr=0.1", "lr=0.3"]
    assert facts["status"] == "failed"
    (log,) = [job["log"] for job in facts["jobs"] if job["status"] == "failed"]
    assert (nnrun.folder / "x" / log).is_file()
    page = (nnrun.folder / "x" / "report.html").read_text()
    assert "boom" in page
    assert "this target was chosen after training" in page


def test_errors_are_said_shortly(nnrun):
    for words, text in (
        ([], "error: path: say which sweep or run to report on"),
        (["outputs"], "error: path=outputs: does not exist"),
        (["x", "basline=a"], "error: basline=a: is not a known key (did you mean 'baseline'?)"),
    ):
        assert report(nnrun.folder, *words, code=2).stderr.startswith(text)
    told = report(nnrun.folder, "--help").stdout
    assert "target=METRIC:VALUE[:HOLD]" in told
    assert "baseline=WORDS" in told
