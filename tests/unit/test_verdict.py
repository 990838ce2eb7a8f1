from dataclasses import replace

import numpy as np

from nnrun.report.captions import curve_caption, summary_caption, time_caption
from nnrun.report.verdict import verdict
from nnrun.statistics.bands import bands
from nnrun.statistics.findings import Findings
from tests.unit.sweeps import a_sweep


def test_verdict_says_what_was_found_and_that_nothing_was_tested():
    assert verdict(Findings.of(a_sweep(["lr=0.1", "lr=0.3"], diverged=2))) == [
        "lr=0.1 (baseline): 16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; "
        "median 300 samples. 2 diverged.",
        # 16 seeds at 150 and 4 at 1,000 are 320 on average; the baseline's are 440.
        "lr=0.3: 16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; median 150 samples. "
        "2 diverged. Mean time restricted to 1,000 samples: 320, 0.727 times the baseline's.",
        "These are descriptions: this first report makes no statistical test.",
    ]


def test_verdict_on_few_seeds_and_none_there():
    lines = verdict(Findings.of(a_sweep(["", ""], seeds=2, arrives=0)))
    assert lines[1] == (
        "This setting: 0 of 2 seeds reached accuracy ≥ 0.95 within 1,000 samples; "
        "no time to report."
    )
    assert lines[2] == "The settings have 2 seeds each: fewer than 20, too few for a verdict."
    assert lines[3] == "No seed reached the target, so no times are compared."


def test_verdict_compares_only_with_the_first_setting_of_the_sweep():
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"])
    rest = replace(results, trials=results.trials[results.trials["setting"] != "s0"])
    text = " ".join(verdict(Findings.of(rest)))
    assert "baseline's" not in text
    assert "(baseline)" not in text
    assert "The baseline was not trained" in text


def test_verdict_does_not_compare_times_to_different_targets():
    results = a_sweep(["target=0.9", "target=0.95"], target={"metric": "accuracy", "value": 0.9})
    for setting, value in zip(results.sweep["settings"], (0.9, 0.95), strict=True):
        setting["config"] = {"target.metric": "accuracy", "target.value": value, "target.hold": 3}
    lines = verdict(Findings.of(results))
    assert "accuracy ≥ 0.9 within" in lines[0]
    assert "accuracy ≥ 0.95 within" in lines[1]
    assert "baseline's" not in " ".join(lines)
    assert "different targets" in lines[2]


def test_captions_name_n_method_budget_and_units(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    time = time_caption(results.trials, ["s0", "s1"], results.sweep)
    for words in ("n = 20 seeds", "Greenwood", "budget 1,000 samples", "equals the empirical"):
        assert words in time
    other = results.trials.assign(budget=np.where(results.trials["setting"] == "s0", 1000, 5000))
    assert "common budget of 1,000" in time_caption(other, ["s0", "s1"], results.sweep)
    curve = curve_caption(bands(results.curves), "test_loss", 2)
    assert "interquartile range" in curve
    assert "A line ends" not in curve
    assert "Wilson 95%" in summary_caption(results.summary, 1000)
