"""index.html over all sweeps and runs."""

import json

import pytest

from nnrun.layout import write_text
from nnrun.records.sweep import read_sweep as read
from nnrun.report import index
from nnrun.report.__main__ import main
from nnrun.report.index import entries, write_index

SPANS = [("a", [0, 9]), ("a", [5, 19]), ("b", [0, 4])]
DONE = {"overrides": [], "status": "complete"}


def a_sweep(outputs, place, report=True, **facts):
    folder = outputs / place
    folder.mkdir(parents=True)
    about = {
        "schema": 1,
        "name": "question",
        "status": "complete",
        "started": "2026-01-02T03:04:05+00:00",
        "settings": [{"id": key, "label": key, "config": {}} for key in "ab"],
        "jobs": [
            {"number": number, "setting": setting, "seeds": seeds, **DONE}
            for number, (setting, seeds) in enumerate(SPANS)
        ],
        "target": {"metric": "accuracy", "value": 0.95, "hold": 3},
        "verdict": ["Yes: b converges sooner.", "More."],
        **facts,
    }
    (folder / "sweep.json").write_text(json.dumps(about))
    if report:
        (folder / "report.html").write_text("")


def test_an_entry_says_what_was_asked_and_found(tmp_path):
    a_sweep(tmp_path, "sweeps/one two")
    (entry,) = entries(tmp_path)
    assert entry.link == "sweeps/one%20two/report.html"
    assert (entry.settings, entry.seeds, entry.target) == (2, "5 to 20", "accuracy ≥ 0.95")
    assert (entry.started, entry.answer) == ("2026-01-02 03:04", "Yes: b converges sooner.")


def test_the_newest_comes_first_whatever_the_zone(tmp_path):
    a_sweep(tmp_path, "sweeps/a", started="2026-01-02T03:00:00+05:00", name="old")
    a_sweep(tmp_path, "runs/b", started="2026-01-02T00:30:00+00:00", name="new")
    a_sweep(tmp_path, "reports/c", started=None, name="when")
    assert [entry.name for entry in entries(tmp_path)] == ["new", "old", "when"]


def test_what_is_damaged_or_unfinished_does_not_stop_it(tmp_path):
    a_sweep(tmp_path, "sweeps/a", started="yesterday", target=None, settings=None, jobs=None)
    (tmp_path / "sweeps" / "a" / "report.html").unlink()
    for name, text in (("b", "{"), ("c", "[]"), ("d", "{}")):
        (tmp_path / "sweeps" / name).mkdir()
        (tmp_path / "sweeps" / name / "sweep.json").write_text(text)
    running = {"schema": 1, "name": "goes on", "status": "running", "overrides": []}
    (tmp_path / "sweeps" / "e").mkdir()
    (tmp_path / "sweeps" / "e" / "sweep.json").write_text(json.dumps(running))
    found = {entry.folder: entry for entry in entries(tmp_path)}
    assert list(found) == ["sweeps/e", "sweeps/a"]
    assert found["sweeps/e"].status == "running, or ended early"
    assert found["sweeps/a"].link == ""
    write_index(tmp_path)


def test_every_string_stays_text_and_the_same_sweeps_make_the_same_bytes(tmp_path):
    evil = "<script>alert(1)</script>"
    target = {"metric": evil, "value": 1.0, "hold": 1}
    a_sweep(tmp_path, 'sweeps/x"y', name=evil, target=target, verdict=[evil])
    page = write_index(tmp_path).read_text()
    assert page.count("<script") == 1  # the page's own
    assert page.count("&lt;script&gt;") == 3
    assert 'href="sweeps/x%22y/report.html"' in page
    assert write_index(tmp_path).read_text() == page


def test_the_command_writes_it(tmp_path, capsys, monkeypatch):
    assert main(["--index", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'index.html'}\n"
    assert "There is no sweep or run here yet." in (tmp_path / "index.html").read_text()
    monkeypatch.chdir(tmp_path)
    assert main(["--index"]) == 2
    assert capsys.readouterr().err.startswith("error: --index=outputs: is no folder")


def test_only_what_changed_is_read_again(tmp_path, monkeypatch):
    for name in "abcd":
        a_sweep(tmp_path, f"sweeps/{name}")
    page = write_index(tmp_path).read_bytes()
    seen = []
    monkeypatch.setattr(index, "read_sweep", lambda folder: seen.append(folder) or read(folder))
    assert write_index(tmp_path).read_bytes() == page
    assert seen == []
    about = json.loads((tmp_path / "sweeps" / "b" / "sweep.json").read_text())
    write_text(tmp_path / "sweeps" / "b" / "sweep.json", json.dumps({**about, "name": "another"}))
    a_sweep(tmp_path, "runs/e")
    (tmp_path / "sweeps" / "c" / "sweep.json").unlink()
    (tmp_path / "sweeps" / "d" / "report.html").unlink()
    found = write_index(tmp_path).read_text()
    assert [folder.name for folder in seen] == ["e", "b"]
    assert "another" in found
    assert "sweeps/c" not in found
    assert "sweeps/d/report.html" not in found


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"sweeps/a": 3}', '{"sweeps/a": {"state": [], "entry": {"folder": "sweeps/a"}}}'],
)
def test_what_is_kept_for_the_index_may_be_damaged_or_missing(tmp_path, text):
    a_sweep(tmp_path, "sweeps/a")
    page = write_index(tmp_path).read_bytes()
    (tmp_path / index.KEPT).write_text(text)
    assert write_index(tmp_path).read_bytes() == page
    (tmp_path / index.KEPT).unlink()
    assert write_index(tmp_path).read_bytes() == page
