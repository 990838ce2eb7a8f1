"""Anybody's curves, judged: equal to nnrun's own, and what is refused, left out or told."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import nnrun
from nnrun.errors import InputError
from nnrun.judging.judge import judge


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A sweep of nnrun's: grids that differ, seeds that diverge, never arrive, or arrive late."""
    folder = tmp_path_factory.mktemp("own")
    words = ["-m", "lr=0.1,0.3,4", "batch_size=1,7", "seeds=21", "budget=12000", "target.hold=3"]
    words += ["target.value=0.9", "data=gauss", "tracking=off", "report=off", "hydra.sweep.dir=s"]
    command = [sys.executable, "-m", "nnrun", *words]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return nnrun.load(folder / "s")


@pytest.mark.parametrize("target", ["accuracy>=0.9", "test_loss<=0.1"])
def test_nnruns_own_curves_give_the_contrasts_of_its_report(own, target, monkeypatch):
    monkeypatch.setattr("nnrun.report.page.write_report", lambda *asked, **how: None)
    metric, value = target.replace("<=", ">=").split(">=")
    configs = {one.id: one.config for one in own.sweep.settings}
    frame = own.curves.assign(
        **{
            key: own.curves["setting"].map(lambda s, key=key: configs[s][key])
            for key in own.varying
        }
    )
    wanted = own
    if metric != "accuracy":
        again = {"target": f"{metric}:{value}:3", "out": own.folder.parent / "again"}
        wanted = nnrun.make_report(own.folder, **again)
    found = judge(frame, setting=own.varying, x="samples", target=target, hold=3)
    assert found.sweep.common_grid == wanted.sweep.common_grid is not None
    for table, key in ((found.contrasts, "a"), (found.summary, "setting")):
        theirs = wanted.contrasts if key == "a" else wanted.summary
        numbers = theirs.select_dtypes("number").columns
        numbers = [n for n in numbers if not n.startswith(("final", "ns", "plateaued"))]
        assert len(table) == len(theirs) > 5
        assert len(numbers) > 15
        pd.testing.assert_frame_equal(table[numbers], theirs[numbers], check_exact=True)
    assert list(found.contrasts["verdict"]) == list(wanted.contrasts["verdict"])
    assert list(found.contrasts["name_a"]) == list(wanted.contrasts["name_a"])


STEPS = np.arange(1, 21)


def a_table(arms=("a", "b"), seeds=20, steps=STEPS, first=0):
    """Curves that reach 0.9 at step 10 (b: at 5), a step later with every seed of four."""
    parts = []
    for place, arm in enumerate(arms):
        for seed in range(first, first + seeds):
            arrival = (10, 5, 7)[place] + seed % 4
            y = np.where(steps >= arrival, 0.95, 0.5) + steps / 1000
            parts.append(pd.DataFrame({"arm": arm, "seed": seed, "step": steps, "acc": y}))
    return pd.concat(parts, ignore_index=True)


def judged(table, **asked):
    return judge(table, **{"setting": "arm", "target": "acc>=0.9", **asked})


def test_times_are_those_of_the_first_evaluation_of_those_that_hold():
    table = a_table()
    touch = (table["arm"] == "a") & (table["seed"] == 0) & (table["step"] == 3)
    table.loc[touch, "acc"] = 0.99
    trials = judged(table).trials.set_index(["arm", "seed"])
    assert trials.loc[("a", 0), ["samples_to_target", "first_hit"]].tolist() == [10, 3]
    assert trials.loc[("b", 3), "samples_to_target"] == 8
    assert (trials["horizon"] == 20).all()


def test_a_curve_that_ends_early_counts_as_not_arriving_and_that_is_said():
    table = a_table()
    ended = (table["arm"] == "b") & (table["seed"] < 3) & (table["step"] > 4)
    found = judged(table[~ended])
    rows = found.trials[(found.trials["arm"] == "b") & (found.trials["seed"] < 3)]
    assert list(rows["status"]) == ["exhausted"] * 3
    assert set(rows["horizon"]) == set(rows["budget"]) == {20}
    note, without = found.sweep.notes
    assert note.startswith("3 curves of 40 end before the 20 steps up to which all are judged")
    assert without == (
        "Left out instead, they would change findings: arm=b against arm=a is 'sooner', and would "
        "be 'no verdict'."
    )
    more = pd.concat([table[~ended], a_table(seeds=10, first=20)])
    assert judged(more).sweep.notes[-1] == "Left out instead, they change no finding."
    # its restricted time is the budget, in the ratio too
    own = found.trials.assign(t=found.trials["samples_to_target"].fillna(20))
    means = own.groupby("arm")["t"].mean()
    assert found.contrasts["ratio"].iloc[0] == pytest.approx(means["b"] / means["a"])


def test_a_metric_that_is_no_number_at_the_end_has_diverged():
    table = a_table()
    lost = (table["arm"] == "b") & (table["seed"] < 4) & (table["step"] > 2)
    table.loc[lost, "acc"] = np.nan
    found = judged(table)
    assert found.summary["diverged"].tolist() == [0, 4]
    assert found.summary["final_accuracy_median"].iloc[1] == pytest.approx(0.97)


def test_a_metric_that_is_logged_in_some_rows_only_has_no_divergence():
    table = a_table()
    between = table.assign(step=table["step"] - 0.5, acc=np.nan)
    found = judged(pd.concat([table, between.assign(train_loss=1.0)]))
    assert found.summary["diverged"].tolist() == [0, 0]
    assert found.sweep.notes == [
        "800 rows without a acc between rows that have one are no evaluations of it."
    ]
    pd.testing.assert_frame_equal(found.contrasts, judged(table).contrasts)


def test_uneven_grids_are_judged_at_the_points_that_they_share():
    table = a_table()
    rare = (table["arm"] == "b") & (table["step"] % 2 == 1)
    found = judged(table[~rare])
    assert found.sweep.common_grid["samples"] == list(range(2, 21, 2))
    assert set(found.trials["samples_to_target"]) <= set(range(2, 21, 2))
    assert "The curves were evaluated at different moments" in " ".join(found.verdict)


def test_seconds_are_judged_as_they_are():
    rng = np.random.default_rng(0)
    table = a_table()
    table["clock"] = table["step"] * (0.25 + 0.001 * rng.random(len(table)))
    found = judged(table, x="clock")
    assert found.trials["samples_to_target"].between(1.2, 3.5).all()
    assert "clock" in found.verdict[2]
    assert found.curves["samples"].dtype == np.float64


def test_a_loss_is_to_fall_and_its_direction_is_seen():
    table = a_table().assign(loss=lambda t: 1 - t["acc"])
    found = judged(table, y="loss", target=0.1)
    assert found.sweep.measured == {"x": "step", "y": "loss", "rising": False}
    same = ["ratio", "ratio_low", "ratio_high", "p", "sooner"]
    pd.testing.assert_frame_equal(found.contrasts[same], judged(table).contrasts[same])
    assert "loss ≤ 0.1" in found.verdict[1]


def test_a_target_without_a_direction_is_refused_where_curves_do_not_tell_it():
    table = a_table().assign(wave=lambda t: np.where(t["seed"] % 2, t["acc"], -t["acc"]))
    with pytest.raises(InputError, match="has no direction, and 50% of the curves of wave end"):
        judged(table, y="wave", target=0.1)


def test_seeds_that_no_settings_share_are_not_paired():
    table = pd.concat([a_table(("a",)), a_table(("b",), first=100).assign(arm="b")])
    found = judged(table)
    assert found.sweep.unpaired
    assert "compared without pairs" in found.sweep.notes[0]
    assert "of all pairs of trials" in found.verdict[2]
    assert (
        found.contrasts["verdict"].tolist()
        == judged(table, paired=False).contrasts["verdict"].tolist()
    )
    with pytest.raises(InputError, match="are in part the same: 5 of 20 of arm=b are among the 20"):
        judged(pd.concat([a_table(("a",)), a_table(("b",), first=15)]))


def test_more_seeds_than_at_the_last_time_are_another_look(tmp_path):
    first = judged(a_table(seeds=12), out=tmp_path)
    assert not first.sweep.looks
    again = judged(a_table(seeds=12), out=tmp_path)
    assert not again.sweep.looks
    more = judged(a_table(seeds=25), out=tmp_path)
    assert more.sweep.looks == [12, 25]
    assert more.contrasts["sequential"].all()
    assert nnrun.load(tmp_path).sweep.looks == [12, 25]
    last = judged(a_table(seeds=30), out=tmp_path)
    assert last.sweep.looks == [12, 25, 30]
    assert any("looked at with 12, 25 and 30 seeds" in line for line in last.verdict)


def test_what_was_written_is_read_back(tmp_path):
    wrote = judged(
        a_table(("a", "b", "c")).rename(columns={"arm": "task"}), setting="task", out=tmp_path
    )
    read = nnrun.load(tmp_path)
    pd.testing.assert_frame_equal(read.trials, wrote.trials, check_dtype=False)
    pd.testing.assert_frame_equal(read.contrasts, wrote.contrasts)
    assert read.verdict == wrote.verdict
    assert read.sweep.settings[1].label == "task=b"
    nnrun.plot.learning_curves(read, "accuracy")
    with pytest.raises(InputError, match=r"holds no record\.npz"):
        nnrun.make_report(tmp_path)


def test_a_lone_setting_and_a_lone_seed_are_told_of():
    alone = judged(a_table(("a",)))
    assert alone.verdict[0].startswith("20 of 20 seeds reached acc ≥ 0.9 within 20 steps; median")
    few = judged(a_table(seeds=1))
    assert few.verdict[0] == "No verdict: it takes 20 seeds in common, and there is 1 seed."


TABLE = a_table(seeds=2)


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        (
            lambda t: t,
            {"setting": "arms"},
            "setting=arms: is no column of the table (did you mean 'arm'",
        ),
        (lambda t: t, {"setting": []}, "setting: names no column that tells settings apart"),
        (lambda t: t, {"seed": "arm"}, "column=arm: is asked for twice"),
        (lambda t: t.drop(columns="seed"), {}, "seed: is not named (say which column: --seed NAME"),
        (
            lambda t: pd.concat([t, t.head(2)]),
            {},
            "x=step: is 1 twice in the curve of arm=a, seed 0",
        ),
        (lambda t: t.assign(step="late"), {}, "x=step: holds no numbers, but 'late'"),
        (
            lambda t: t.assign(step=-1),
            {},
            "x=step: must be a finite number of 0 or more, and is -1",
        ),
        (
            lambda t: t.assign(step=pd.Timestamp("2026-11-27") + pd.to_timedelta(t["step"], "s")),
            {},
            "x=step: holds dates or durations, which count from no beginning of a curve (seconds",
        ),
        (lambda t: t.head(0), {}, "table: has no row"),
        (lambda t: t, {"target": "acc>0.9"}, "target=acc>0.9: has '>', and takes >= or <="),
        (lambda t: t, {"target": "high"}, "target=high: is no number, and no metric with >= or <="),
        (lambda t: t, {"target": 0.9}, "target=0.9: does not name a metric"),
        (lambda t: t, {"y": "step"}, "target=acc>=0.9: is of 'acc', and y is 'step'"),
        (lambda t: t, {"hold": 0}, "hold=0: must be 1 or more"),
        (lambda t: t, {"hold": 30}, "hold=30: the curves have 20 evaluations in common"),
        (
            lambda t: t,
            {"budget": 100},
            "budget=100: is beyond the 20 steps of the longest curve (at most 20)",
        ),
        (lambda t: t, {"budget": 0.5}, "x=step: none lies at 0.5 or before"),
        (lambda t: t, {"baseline": "arm=c"}, "baseline=arm=c: selects none"),
        (lambda t: t, {"margin": 2.0}, "margin"),
        (
            lambda t: t.assign(step=t["step"] + 100 * (t["arm"] == "b")),
            {},
            "budget: is not shared: one setting ends at 20 steps, and another begins at 101",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(change, asked, said):
    with pytest.raises(InputError) as refused:
        judged(change(TABLE), **asked)
    assert said in str(refused.value)


def test_a_column_may_be_called_as_what_is_kept_of_a_target():
    (verdict, *_) = judged(
        a_table().rename(columns={"arm": "target.value"}), setting="target.value"
    ).verdict
    assert verdict == "Yes: value=b converges sooner than value=a."


def test_the_first_setting_is_the_baseline_unless_another_is_named():
    table = a_table(("a", "b", "c"))
    assert [s.label for s in judged(table).sweep.settings] == ["arm=a", "arm=b", "arm=c"]
    other = judged(table, baseline="arm=c")
    assert other.sweep.settings[0].label == "arm=c"
    assert other.contrasts["name_b"].tolist() == ["arm=c", "arm=c"]
    assert other.summary["label"].tolist()[0] == "arm=c"


def test_seeds_that_change_nothing_are_one():
    table = a_table()
    alike = table[table["seed"] == 0]
    copies = pd.concat([alike.assign(seed=seed) for seed in range(20)])
    said = "seed=arm=a: has the same curve with each of its 20 seeds, and so has every setting"
    with pytest.raises(InputError, match=said):
        judged(copies)
    mixed = pd.concat([copies[copies["arm"] == "a"], table[table["arm"] == "b"]])
    told = "All seeds have the same curve, so they say no more than one: arm=a (20 seeds)."
    assert told in judged(mixed).sweep.notes


def test_a_target_that_all_begin_at_tells_nothing_apart_and_one_beyond_all_is_told():
    with pytest.raises(
        InputError, match=r"acc<=0\.9: is met by every curve at its first evaluation"
    ):
        judged(a_table(), target="acc<=0.9")
    told = "No curve comes to the target: the best acc is 0.970."
    assert told in judged(a_table(), target="acc>=1.5").sweep.notes
