import math
from dataclasses import replace

import numpy as np

from nnrun.report.captions import curve_caption, summary_caption, time_caption
from nnrun.report.sections import reading_limits
from nnrun.report.sentences import compared
from nnrun.report.verdict import cautions, verdict
from nnrun.statistics.curves import bands_of_curves, bands_table
from tests.unit.sweeps import NAN, a_sweep, tuned_rows


def told(results):
    return verdict(results)


def test_verdict_answers_first_and_then_says_how_sure_it_is():
    assert told(a_sweep(["lr=0.1", "lr=0.3"], diverged=2)) == [
        "Yes: lr=0.3 converges sooner than lr=0.1.",
        "lr=0.1 (baseline): 16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; "
        "median 300 samples. 2 diverged.",
        # 16 seeds at 150 and 4 at 1,000 are 320 on average, the baseline's 440; in 16 of 20 pairs
        # it is first and in 4 neither arrives
        "lr=0.3: With lr=0.3 as with lr=0.1 the network learned in 16 of 20 tries; where both "
        "learned, it took about half the training. "
        "16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; median 150 samples. "
        "2 diverged. Converges sooner: 0.727 times the samples of lr=0.1 (95% interval 0.575 to "
        "0.845; means restricted to 1,000 samples), first in 90% of 20 pairs of seeds "
        "(20% tie, which counts one half); p < 0.001. Where both arrive (16 seeds) it takes 0.500 "
        "times the samples (95% interval 0.500 to 0.500).",
    ]


def with_times(results, times):
    """Give the trials of a sweep of two settings other times to target; inf is never."""
    trials, (a, b) = results.trials.copy(), times
    given = np.concatenate([a, b])
    trials["samples_to_target"] = np.where(np.isfinite(given), given, NAN)
    trials["status"] = np.where(np.isfinite(given), "reached", "exhausted")
    return replace(results, trials=trials)


def test_verdict_shows_no_difference_where_there_is_none():
    rng = np.random.default_rng(3)
    noise = rng.lognormal(5, 0.5, size=(2, 20)).clip(20, 900)
    lines = told(with_times(a_sweep(["lr=0.1", "lr=0.3"]), noise))
    assert lines[0] == "Not sure yet: no difference shown for lr=0.3 against lr=0.1."
    assert "Not sure yet: 1" in lines[2] or "Not sure yet: 0." in lines[2]
    assert "would have been shown four times in five." in lines[2]


def test_verdict_says_which_settings_are_sooner_later_and_neither():
    labels = [f"lr={i}" for i in range(8)]
    results = a_sweep(labels)
    place = results.trials["setting"].str[1:].astype(int)
    # the baseline at 300; five sooner, one as soon, one later
    times = np.array([300, 100, 100, 100, 100, 100, 300, 900.0])[place]
    trials = results.trials.assign(samples_to_target=times, status="reached")
    lines = told(replace(results, trials=trials))
    assert lines[0] == (
        "Yes: lr=1, lr=2, lr=3 and 2 others converge sooner than lr=0; "
        "lr=7 converges later than lr=0; lr=6 converges as soon as lr=0, to within 10%."
    )
    assert lines[-1].startswith("7 comparisons were tested together: p is adjusted")


def test_verdict_of_a_grid_is_about_the_levels_of_its_factors():
    pairs = [("raw", 1), ("raw", 2), ("xy", 1), ("xy", 2)]
    results = a_sweep([f"f={f} lr={lr}" for f, lr in pairs])
    settings = [
        replace(setting, config={"f": f, "lr": lr})
        for setting, (f, lr) in zip(results.sweep.settings, pairs, strict=True)
    ]
    keys = ["f", "lr"]
    sweep = replace(results.sweep, settings=settings, varying=keys, telling=keys)
    results = replace(results, sweep=sweep)
    place = results.trials["setting"].str[1:].astype(int)
    trials = results.trials.assign(samples_to_target=np.array([400, 200, 100, 50.0])[place])
    trials = trials.assign(status="reached", f="", lr=0)
    lines = told(replace(results, trials=trials))
    assert lines[0] == "Yes: f=xy converges sooner than f=raw; lr=2 converges sooner than lr=1."
    assert lines[1].startswith(
        "f=xy: With f=xy the network learned in about a quarter of the training of f=raw: sooner "
        "in 100% of the tries. Converges sooner: 0.250 times the samples of f=raw (95% interval "
        "0.250 to 0.250; means restricted to 1,000 samples, in 2 blocks of the other factors), "
        "first in 100% of 20 "
    )
    assert lines[2].startswith(
        "lr=2: With lr=2 the network learned in about half the training of lr=1: sooner in 100% of "
        "the tries. Converges sooner: 0.500 times the samples of lr=1"
    )


def test_verdict_on_few_seeds_is_refused():
    lines = told(a_sweep(["lr=1", "lr=2"], seeds=19))
    assert lines[0] == "No verdict: it takes 20 seeds in common, and there are 19 seeds."
    assert "No verdict against lr=1: 19 seeds in common, and it takes 20. Observed: " in lines[2]
    assert lines[3] == "The settings have 19 seeds each: fewer than 20, too few for a verdict."


def test_verdict_where_nothing_arrived():
    lines = told(a_sweep(["lr=1", "lr=2"], arrives=0))
    assert lines[0].startswith("Not compared: no seed of either")
    assert "0 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; no time to" in lines[1]


def test_verdict_of_one_setting_is_how_it_did():
    lines = told(a_sweep([""]))
    assert lines[0] == (
        "16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; median 300 samples. "
        "Success rate 80% (95% interval 58% to 92%)."  # Wilson: 0.5840 to 0.9193
    )


def test_verdict_compares_only_with_the_first_setting_of_the_sweep():
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"])
    trials, curves = (t[t["setting"] != "s0"] for t in (results.trials, results.curves))
    rest = replace(results, trials=trials, known={"curves": curves})
    lines = told(rest)
    assert lines[0].startswith("Not compared: ")
    assert "(baseline)" not in " ".join(lines)


def test_verdict_does_not_compare_times_to_different_targets():
    results = a_sweep(["target=0.9", "target=0.95"], target={"metric": "accuracy", "value": 0.9})
    own = {"target.metric": "accuracy", "target.hold": 3}
    settings = [
        replace(setting, config={**own, "target.value": value})
        for setting, value in zip(results.sweep.settings, (0.9, 0.95), strict=True)
    ]
    results = replace(results, sweep=replace(results.sweep, settings=settings))
    lines = told(results)
    assert lines[0] == "Not compared: the settings have different targets."
    assert "accuracy ≥ 0.9 within" in lines[1]
    assert "accuracy ≥ 0.95 within" in lines[2]
    assert "different targets" in lines[3]


def test_captions_name_n_method_budget_and_units(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    time = time_caption(results.trials, ["s0", "s1"], results.sweep)
    for words in ("n = 20 seeds", "Greenwood", "budget 1,000 samples", "equals the empirical"):
        assert words in time
    other = results.trials.assign(budget=np.where(results.trials["setting"] == "s0", 1000, 5000))
    assert "common budget of 1,000" in time_caption(other, ["s0", "s1"], results.sweep)
    curve = curve_caption(bands_table(bands_of_curves(results.curves)), "test_loss", 2)
    assert "interquartile range" in curve
    assert "A line ends" not in curve
    assert "Wilson 95%" in summary_caption(results.summary, 1000)


def test_a_bound_beside_one_is_told_from_it():
    row = {"verdict": "later", "name_b": "b", "blocks": 2, "blocks_left_out": 0, "pairs": 31}
    row |= {"ratio": 1.0321, "ratio_low": 1.0032, "ratio_high": 1.07, "sooner": 0.19}
    row |= {"sequential": False, "tied": 0.38, "p_holm": 0.01, "rarely_a": 1, "name_a": "a"}
    row |= {"n_a": 31, "n_b": 31, "reached_a": 31, "reached_b": 31, "ratio_both_low": math.nan}
    row |= {"depends_on": "", "p_depends": math.nan, "p_depends_holm": math.nan}
    text = compared(row, 1000)
    assert "1.03 times the samples of b (95% interval 1.003 to 1.07;" in text
    assert "first in 19% of 31 pairs of seeds (38% tie, which counts one half)" in text
    assert "In 1 of 2 blocks (almost) no seed of a arrives: it has no time there" in text


def test_an_arm_is_not_said_to_reach_and_never_to_arrive():
    results = a_sweep(["budget=1000", "budget=4000"], arrives=1.0)
    mine = results.trials["setting"] == "s1"
    results.trials.loc[mine, ["budget", "samples_to_target"]] = [4000, 2500.0]
    lines = verdict(results)
    (line,) = (line for line in lines if line.startswith("budget=4000"))
    assert "0 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples" in line
    assert "Does not converge within the budget: 0 of 20 seeds (95% interval 0% to 16%)" in line
    assert lines[0] == (
        "No: budget=4000 does not converge within the budget, and budget=1000 does."
    )


def test_who_reaches_the_target_and_diverges_is_told():
    results = a_sweep(["a", "b"], arrives=1.0)
    lost = (results.trials["setting"] == "s1") & (results.trials["seed"] < 3)
    final = ["final_train_loss", "final_test_loss", "final_accuracy"]
    results.trials.loc[lost, final] = np.nan
    found = results
    (line,) = (line for line in verdict(found) if line.startswith("b:"))
    assert "20 of 20 seeds reached accuracy ≥ 0.95" in line
    assert "3 of them diverged afterwards." in line
    assert "3 reached it and diverged afterwards" in reading_limits(found)[0]
    assert found.summary["final_accuracy_median"].notna().all()


def test_verdict_says_at_which_points_all_were_judged():
    points = list(range(10, 1001, 90))
    for one_in, more in {
        1.0: "",
        3.0: ", where a target that was to hold for 3 evaluations must hold for 2",
        9.0: ", where a target that was to hold for 3 evaluations must hold for 1, as they lie "
        "about as far apart as 3 in a row last",
    }.items():
        shared = {"samples": points, "apart": 0.01, "one_in": one_in}
        results = a_sweep(["evals=30", "evals=100"], common_grid=shared)
        assert (
            "The settings were evaluated at different moments: all are judged at the 12 that they "
            f"share, up to 1,000 samples{more}."
        ) in told(results)
    longer = replace(results, trials=results.trials.assign(budget=5000, horizon=1000))
    assert "up to 1,000 of 5,000 samples" in told(longer)[-1]
    held = time_caption(longer.trials, ["s0"], replace_grid(longer, 3.0))
    assert "have reached accuracy ≥ 0.95 and held it for 2 of the 12 shared evaluations" in held


def replace_grid(results, one_in):
    return replace(results.sweep, common_grid={**results.sweep.common_grid, "one_in": one_in})


def warned(tried, chosen, **sweep):
    tuning = {"seeds": [100, 119], "rows": tuned_rows(tried, chosen)}
    found = cautions(a_sweep(["a", "b"], tuned=["lr"], tuning=tuning, **sweep))
    return [text for text in found if "tuned" in text]


def test_a_tuned_value_at_an_end_of_what_was_tried_is_told_with_its_arm():
    beyond = "; what is tried can be extended, and what was trained is cached."
    three = [0.01, 0.1, 0.3]
    jobs = [{"number": i, "label": name} for i, name in enumerate(("sgd", "adam"))]
    assert warned({0: three, 1: three}, {0: 0.3, 1: 0.3}, jobs=jobs) == [
        "The tuned lr of sgd and adam is the largest that was tried (0.3): a better one may lie "
        f"beyond{beyond}"
    ]
    assert warned({0: three, 1: three}, {0: 0.1, 1: 0.01}) == [
        "The tuned lr of job 1 is the smallest that was tried (0.01): a better one may lie "
        f"beyond{beyond}"
    ]
    (many,) = warned(dict.fromkeys(range(9), three), dict.fromkeys(range(9), 0.3))
    assert many.startswith("The tuned lr of job 0, job 1 and 7 others is the largest")
    (alone,) = warned({0: three}, {0: 0.3})
    assert alone.startswith("The tuned lr is the largest that was tried (0.3)")
    assert not warned({0: three, 1: [0.3]}, {0: 0.1, 1: 0.3})
    # neither lists nor words have a largest
    assert not warned({0: [[2], [4]], 1: ["sgd", "adam"]}, {0: [4], 1: "adam"})
    # an arm of whose values none could be trained chose none
    assert not warned({0: three}, {0: None})
