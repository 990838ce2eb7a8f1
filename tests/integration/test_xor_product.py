"""The first study in a small form: its page says what its tables say."""

import re
from pathlib import Path

import pandas as pd
import pytest

import nnrun as package
from nnrun.words import number, share

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
INPUTS = {"x, y": "[x,y]", "x, y, x·y": "[x,y,x*y]", "x, y, noise": "[x,y,noise]"}
SMALL = [
    "seeds=20",
    "budget=400_000",
    "evals=60",
    "sweep.tune={lr:[0.1,0.3]}",
    "sweep.tune_seeds=4",
    "tracking=off",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The page's template without the sentences that take a hundred seeds and the whole list."""
    from tests.integration.conftest import CommandLine

    folder = tmp_path_factory.mktemp("study")
    text = (EXPERIMENTS / "xor_product.md.j2").read_text(encoding="utf-8")
    text = re.sub(r'\{\{ require\([^"]*, "', '{{ require(true, "', text)
    (folder / "xor_product.md.j2").write_text(text, encoding="utf-8")
    nnrun = CommandLine(folder)
    nnrun("experiments=xor_product", "report.study=xor_product.md.j2", *SMALL)
    (sweep,) = nnrun.outputs("sweeps")
    return sweep


def table_of(page):
    rows = [line.strip("| \n").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return pd.DataFrame(rows[2:], columns=rows[0])


def test_the_page_agrees_with_the_tables(small):
    summary = package.load(small).summary
    page = table_of((small / "xor_product.md").read_text(encoding="utf-8"))
    assert len(page) == len(summary) == 15
    levels = ["features.terms", "network.hidden", "backprop"]
    rows = summary.set_index([summary[key].str.replace(" ", "") for key in levels])
    for shown in page.to_dict("records"):
        row = rows.loc[(INPUTS[shown["inputs"]], shown["hidden"], shown["rule"])]
        assert float(shown["tuned lr"]) == row["lr"]
        assert shown["reached 95%"] == f"{row['reached']} of {row['seeds']}"
        assert shown["median samples"] == number(row["samples_median"])
        low, high = number(row["rmst_low"]), number(row["rmst_high"])
        mean = f"{number(row['rmst'])} ({low} to {high})"
        assert shown["restricted mean (95% interval)"] == mean
        assert shown["accuracy at the end"] == share(row["final_accuracy_median"])


def test_its_ratio_is_that_of_the_trials(small):
    trials = package.load(small).trials
    keys = {"network.hidden": "[2,1]", "backprop": "exact"}
    mine = trials[
        [
            all(str(r[k]).replace(" ", "") == v for k, v in keys.items())
            for _, r in trials.iterrows()
        ]
    ]
    times = mine["samples_to_target"].fillna(mine["budget"]).groupby(mine["features.terms"]).mean()
    ratio = times["[x,y,x*y]"] / times["[x,y]"]
    page = (small / "xor_product.md").read_text(encoding="utf-8")
    assert f"the ratio is {number(ratio)} (95% interval" in page


def test_what_the_study_found_shows_in_small_too(small):
    summary = package.load(small).summary
    reached = summary.set_index(["features.terms", "network.hidden", "backprop"])["reached"]
    for hidden in ("[]", "[2]", "[2,1]"):
        assert reached["[x,y]", hidden, "exact"] == 0
        assert reached["[x,y,noise]", hidden, "exact"] == 0
    assert reached["[x,y,x*y]", "[]", "exact"] >= 18


def test_figures_and_tuning_are_beside_the_page(small):
    for name in ("arrival", "targets"):
        assert (small / f"xor_product_{name}.svg").read_text().lstrip().startswith("<?xml")
    tuning = pd.read_csv(small / "tuning.csv")
    assert tuning["chosen"].sum() == 15
    assert not set(package.load(small).trials["seed"]) & set(range(1_000_000, 1_000_004))


def test_the_committed_page_has_the_same_form(small):
    def form(page):
        headings = re.findall(r"^#+ .*", page, re.MULTILINE)
        return headings, list(table_of(page)[["inputs", "hidden", "rule"]].itertuples(index=False))

    committed = (EXPERIMENTS / "xor_product.md").read_text(encoding="utf-8")
    assert form(committed) == form((small / "xor_product.md").read_text(encoding="utf-8"))
