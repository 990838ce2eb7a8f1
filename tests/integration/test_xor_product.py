"""The first study in small: what its page says is what its tables hold."""

import re
from pathlib import Path

import pandas as pd
import pytest

import nnrun as package
from nnrun.text import number, share
from tests.integration.conftest import CommandLine

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SMALL = ["seeds=20", "budget=100_000", "evals=60", "sweep.tune={lr:[0.1,0.3]}"]
SMALL += ["sweep.tune_seeds=3", "tracking=off"]
TEMPLATE = (EXPERIMENTS / "xor_product.md.j2").read_text(encoding="utf-8")
COMPARED = re.findall(r"set (\w+) = compare\(", TEMPLATE)
INPUTS = {"x, y": "[x,y]", "x, y, x·y": "[x,y,x*y]", "x, y, noise": "[x,y,noise]"}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Run the study once, by its one command."""
    command = CommandLine(tmp_path_factory.mktemp("study"))
    # so small a study does not bear its sentences out, and need not
    text = re.sub(r'require\(.+?, "', 'require(true, "', TEMPLATE)
    for name in COMPARED:
        text += f"\n<!-- {name}: {{{{ {name}.a }}}} {{{{ {name}.b }}}} {{{{ {name}.ratio }}}} -->"
    (command.folder / "xor_product.md.j2").write_text(text, encoding="utf-8")
    command("experiments=xor_product", *SMALL)
    (folder,) = command.outputs("sweeps")
    return folder


def table(page):
    """Read the rows of the page's one table, without its head."""
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.slow  # a study of 300 trials, tuned, with its report
def test_every_number_of_the_table_is_the_summarys(sweep):
    summary = pd.read_csv(sweep / "summary.csv")
    by_levels = {}
    for row in summary.to_dict("records"):
        at = dict(word.split("=", 1) for word in row["label"].split(" "))
        by_levels[at["terms"], at["hidden"], at["backprop"]] = (row["lr"], row)
    rows = table((sweep / "xor_product.md").read_text(encoding="utf-8"))
    assert len(rows) == len(by_levels) == 15
    for inputs, hidden, rule, lr, *cells in rows:
        tuned, row = by_levels.pop((INPUTS[inputs], hidden, rule))
        # where nobody arrives there is nothing to resample, and so no interval
        within = f" ({number(row['rmst_low'])} to {number(row['rmst_high'])})"
        within = "" if pd.isna(row["rmst_low"]) else within
        assert float(lr) == float(tuned)
        assert cells == [
            f"{row['reached']} of {row['seeds']}",
            number(row["samples_median"]),
            f"{number(row['rmst'])}{within}",
            share(row["final_accuracy_median"]),
        ]
    assert not by_levels


@pytest.mark.slow
def test_the_ratios_are_those_of_the_trials(sweep):
    page = (sweep / "xor_product.md").read_text(encoding="utf-8")
    trials = package.load(sweep).trials
    times = trials["samples_to_target"].fillna(100_000.0)
    mean = times.groupby(trials["setting"]).mean()
    found = re.findall(r"<!-- (\w+): (\w+) (\w+) (\S+) -->", page)
    assert [name for name, *_ in found] == COMPARED
    assert sum(ratio != "nan" for *_, ratio in found) > 2
    for _, a, b, ratio in found:
        if ratio == "nan":  # nobody arrived in either, so there is nothing to divide
            assert mean[a] == mean[b] == 100_000
            continue
        assert float(ratio) == pytest.approx(mean[a] / mean[b], rel=1e-9)
        assert f"{number(mean[a] / mean[b])} (95% interval" in page


@pytest.mark.slow
def test_its_figures_are_there(sweep):
    page = (sweep / "xor_product.md").read_text(encoding="utf-8")
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)
    assert 1 <= len(names) <= 3
    assert all((sweep / name).read_text(encoding="utf-8").startswith("<?xml") for name in names)


@pytest.mark.slow
def test_the_committed_page_is_laid_out_as_the_template(sweep):
    committed = EXPERIMENTS / "xor_product.md"
    if not committed.is_file():
        pytest.skip("the study has no page yet")
    pages = [p.read_text(encoding="utf-8") for p in (committed, sweep / "xor_product.md")]
    for pattern in (r"^#.*", r"^\| inputs.*", r"^\| ---.*", r"^!\[.*"):
        ours, theirs = (re.findall(pattern, page, re.MULTILINE) for page in pages)
        assert ours == theirs
    layout = [[row[:3] for row in table(page)] for page in pages]
    assert layout[0] == layout[1]


def test_a_page_that_cannot_be_filled_leaves_tables_and_report(nnrun):
    (nnrun.folder / "page.md.j2").write_text("{{ setting(lr='7').rmst }}")
    study = ["report.study=page.md.j2", "budget=300", "seeds=3", "evals=8", "tracking=off"]
    done = nnrun("-m", "lr=0.1,0.3", *study, code=1)
    assert "warning: study=" in done.stderr
    assert "fits 0 settings of the study, and must fit one" in done.stderr
    assert "Traceback" not in done.stderr
    (sweep,) = nnrun.outputs("sweeps")
    assert len(package.load(sweep).summary) == 2
    assert (sweep / "report.html").is_file()
    assert not (sweep / "page.md").exists()
