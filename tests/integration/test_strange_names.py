"""Names of others on terminals, in pages, figures and tables: they are seen, and do nothing."""

import csv
import re
import xml.etree.ElementTree as ET
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import nnrun
from nnrun.commands import exit_code
from nnrun.config.read import read
from nnrun.errors import InputError, Issue
from nnrun.launch import terminal
from nnrun.model.__main__ import main as model_command
from nnrun.pictures.__main__ import main as pictures_command
from nnrun.report.__main__ import main as report_command
from tests.integration.test_every_entry import USUAL, train_into
from tests.unit.test_validate import config

TITLE = "\x1b]0;title\x07\u202e"
SEEN = r"\x1b]0;title\x07\u202e"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe]")
NAMES = [f"=1+1{TITLE}", f"b{TITLE}", f"@SUM(A1){TITLE}"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on a table whose names turn a terminal's title, or are formulas."""
    home = tmp_path_factory.mktemp("strange")
    rows = [[(i * 7 % 10) / 10, (i * 3 % 10) / 10, ["-1+1|a", "=2"][i % 2]] for i in range(40)]
    with chdir(home):
        pd.DataFrame(rows, columns=NAMES).to_parquet("table.parquet")
        data = {"name": "table", "path": "table.parquet", "label": NAMES[2], "n_test": None}
        data = {key: value for key, value in data.items() if value is not None}
        each = [{"name": "terms", "terms": terms} for terms in (NAMES[:1], NAMES[:2])]
        usual = {**USUAL, "data": data, "report": {"name": "html", "study": None}}
        train_into([read(config(**{**usual, "features": one})) for one in each], Path("sweep"))
    return home / "sweep"


def test_a_terminal_sees_what_a_name_holds_and_is_not_told_anything(
    sweep: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with chdir(sweep.parent):
        assert report_command([str(sweep), "baseline=nothing" + TITLE]) == 2
        assert report_command([str(sweep)]) == 0
        assert model_command([str(sweep / "1")]) == 0
        assert pictures_command([str(sweep / "1"), "--out", str(tmp_path / TITLE)]) == 0
    found = nnrun.load(sweep)
    terminal.say_notes([TITLE])
    terminal.show_tables([[TITLE]])
    terminal.warn(TITLE)
    assert exit_code(lambda: (_ for _ in ()).throw(OSError(TITLE)), "") == 1
    assert exit_code(lambda: (_ for _ in ()).throw(InputError(Issue(TITLE, TITLE, TITLE))), "") == 2
    said = capsys.readouterr()
    assert found.summary["label"].str.contains(TITLE, regex=False).any()
    for text in (said.out, said.err):
        assert not RAW.search(text)
        assert SEEN in text


def test_figures_are_xml_and_pages_hold_no_control_characters(sweep: Path) -> None:
    drawn = sorted(sweep.rglob("*.svg"))
    assert {"networks.svg", "ladder.svg"} & {path.name for path in drawn}
    for path in drawn:
        text = path.read_text(encoding="utf-8")
        ET.fromstring(text)
        assert not RAW.search(text), path
    assert any(SEEN in path.read_text() for path in drawn)
    for name in ("report.html", "report.md"):
        text = (sweep / name).read_text(encoding="utf-8")
        assert not RAW.search(text), name
        assert "title" in text
    HTMLParser().feed((sweep / "report.html").read_text(encoding="utf-8"))


def test_no_cell_of_a_csv_file_is_computed(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, predictions = tmp_path / "weights.csv", tmp_path / "predictions.csv"
    with chdir(sweep.parent):
        table = ["--predict", "table.parquet", "--out", str(predictions)]
        assert model_command([str(sweep / "1"), "--save", str(weights), *table]) == 0
    files = [sweep / "summary.csv", weights, predictions]
    cells = []
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            cells += [cell for row in csv.reader(file) for cell in row]
    for cell in cells:
        if cell[:1] in tuple("=+-@\t\r") and len(cell) > 1:
            float(cell)  # a number stays one
    assert f"'{NAMES[0]}" in cells
    assert {"'-1+1|a", "'=2"} & set(cells)
    # what was written is read back
    assert set(nnrun.load(sweep).summary["label"]) == set(nnrun.load(sweep).trials["label"])


def test_numbers_of_a_csv_file_are_numbers(sweep: Path) -> None:
    raw = pd.read_csv(sweep / "summary.csv")
    read_back = nnrun.load(sweep).summary
    numbers = read_back.select_dtypes("number").columns
    assert len(numbers) > 20
    assert set(numbers) <= set(raw.select_dtypes("number").columns)
