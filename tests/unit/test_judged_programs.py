"""Programs that are run and judged: equal ones are told apart rarely, others are, none is dropped.

``NNRUN_EQUAL=1000`` judges 1,000 pairs of equal programs, to count how many are told apart.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binom

from nnrun.config.settings import Auto
from nnrun.errors import InputError
from nnrun.judge import main
from nnrun.judging.judge import Asked
from nnrun.judging.judged_programs import judge_programs
from nnrun.judging.programs import read_programs
from nnrun.judging.runs import Limits
from nnrun.judging.target import Target

# A curve whose rate is drawn by seed s and arm a, times m: repeated squares modulo a prime are as
# good as chance here (a t test of 40,000 such pairs of arms rejects 5.0%).
CURVE = """
function u(k,  x, r) {
    x = s * 31337 + a * 7919 + k * 104729 + 1
    for (r = 0; r < 6; r++) x = (x * x + 12345 + k) % 94906249
    return x / 94906249 - 0.5
}
BEGIN {
    f = m * exp(0.5 * (u(1) + u(2) + u(3)))
    for (i = 1; i <= 30; i++) { printf "step=%d acc=%.4f\\n", i, 1 - exp(-f * i / 6); more() }
}
function more() { MORE }
"""

ASKED = Asked((), "acc>=0.9")
LIMITS = Limits(y="acc", jobs=2)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def arms(*of, more="", m=(1, 1)):
    """Programs whose arms have these numbers, each with its factor."""
    Path("curve.awk").write_text(CURVE.replace("MORE", more))
    words = ["awk", "-v", "s={seed}", "-f", "curve.awk"]
    several = zip(of, m, strict=True)
    return read_programs(
        [[*words[:3], "-v", f"a={a}", "-v", f"m={f}", *words[3:]] for a, f in several]
    )


def judged(programs, seeds=20, limits=LIMITS, **given):
    return judge_programs(programs, range(seeds), ASKED, limits, **given)


def test_equal_programs_are_told_apart_in_no_more_than_5_of_100_judgements():
    n, found = int(os.environ.get("NNRUN_EQUAL", "5")), []
    for i in range(n):
        (contrast,) = judged(arms(2 * i + 1, 2 * i + 2)).contrasts.to_dict("records")
        assert (contrast["pairs"], contrast["reached_a"] > 15) == (20, True)
        found.append(contrast["verdict"])
    apart = sum(verdict not in ("same", "unsure") for verdict in found)
    print(f"{apart} of {n} told apart")
    assert apart <= binom.ppf(0.99, n, 0.05)


def test_a_program_that_is_half_as_fast_again_is_found_to_be():
    results = judged(arms(1, 2, m=(1, 1.5)), seeds=30)
    assert results.verdict[0] == "Yes: a=2 m=1.5 converges sooner than a=1 m=1."
    (contrast,) = results.contrasts.to_dict("records")
    assert contrast["ratio_low"] < 1 / 1.5 < contrast["ratio_high"] < 1


def test_seeds_that_are_added_are_another_look_also_with_a_third_program():
    assert list(judged(arms(1, 2)).sweep.looks) == []
    assert list(judged(arms(1, 2)).sweep.looks) == []
    more = judged(arms(1, 2), seeds=30)
    assert list(more.sweep.looks) == [20, 30]
    assert more.contrasts["sequential"].all()
    third = judged(arms(1, 2, 3, m=(1, 1, 1)), seeds=30)
    assert list(third.sweep.looks) == [20, 30]
    assert list(judged(arms(4, 5), seeds=30).sweep.looks) == []


def test_seeds_are_run_until_all_is_decided():
    results = judged(arms(1, 2, m=(1, 3)), seeds=100, auto=Auto(most=100))
    assert results.contrasts["verdict"].to_list() == ["sooner"]
    assert list(results.sweep.looks) == [10]
    assert results.trials["seed"].max() == 9
    assert dict(results.sweep.auto) == {"most": 100, "block": 10}


def test_time_that_is_up_leaves_the_seeds_up_to_the_last_that_all_have_run_with():
    stuck = "(s == 6 && a == 1) || (s == 10 && a == 2) || s == 11"
    slow = arms(1, 2, more=f'if (i == 1 && ({stuck})) system("sleep 60")')
    results = judged(slow, seeds=12, limits=replace(LIMITS, jobs=3), total_time=4.0)
    # a stuck run is not dropped, though it can never be among those that have ended
    status = results.trials.set_index(["a", "seed"])["status"]
    assert status[1].index.to_list() == status[2].index.to_list() == [*range(10)]
    assert status[1][6] != "reached"
    assert (status.drop((1, 6)) == "reached").all()
    (note,) = [note for note in results.sweep.notes if note.startswith("Judged are")]
    assert "the first 10 of 12 seeds, up to the last with which every command has run" in note
    assert "; 4 runs were not done in time." in note
    (note,) = [note for note in results.sweep.notes if "total time" in note]
    assert note.startswith("1 run of 20 had not ended when the total time was up: where the target")
    with pytest.raises(InputError, match="--total-time: is short: no seed from 0 on has run with"):
        judged(arms(1, 2, more="s == 0"), seeds=2, total_time=0.0)


def test_a_failed_run_counts_as_one_that_never_arrives_unless_it_had():
    crash = "if (a == 2 && ((s == 3 && i == 2) || (s == 4 && i == 29) || s == 5)) exit 3"
    results = judged(arms(1, 2, more=crash), seeds=8)
    whole = judged(arms(1, 2), seeds=8).trials.set_index(["setting", "seed"])
    status = results.trials.set_index(["a", "seed"])["status"]
    assert status[2].to_list() == [
        *["reached"] * 3,
        "diverged",
        "reached",
        "diverged",
        *["reached"] * 2,
    ]
    assert set(status[1]) == {"reached"}
    trials = results.trials.set_index(["setting", "seed"])
    assert trials["horizon"].unique().tolist() == [30]
    arrived = trials["status"] == "reached"
    time = "samples_to_target"
    assert trials.loc[arrived, time].equals(whole.loc[arrived, time])
    (note,) = [note for note in results.sweep.notes if " failed: " in note]
    assert note.startswith("3 runs of 16 failed: a=2 with seed 3 (exit code 3: outputs/programs/")
    assert "they count as not arriving, as diverged ones do" in note


def test_a_retry_is_told_of_and_counts_as_another_look():
    crash = 'if (a == 2 && s % 3 == 0 && i == 2 && system("test -e ok")) exit 1'
    some = arms(1, 2, more=crash)
    assert (judged(some).trials["status"] == "diverged").sum() == 7
    Path("ok").touch()
    for limits in (replace(LIMITS, retry=True), LIMITS):  # every later judgement tells of it
        results = judged(some, limits=limits)
        assert (results.trials["status"] == "diverged").sum() == 0
        (note,) = [note for note in results.sweep.notes if "failed" in note]
        assert note.startswith("7 runs of 40 had failed and came to be run again (7 of a=2): only")
        assert list(results.sweep.looks) == [12, 20]  # the first saw 12 of the seeds up to the 19th
    assert list(judged(some, seeds=30).sweep.looks) == [12, 20, 30]


def test_a_run_that_prints_no_metric_is_not_dropped():
    Path("run.sh").write_text("[ $1 = 3 ] || for i in 1 2 3 4; do echo step=$i acc=0.9; done")
    some = read_programs([["sh", "run.sh", "{seed}", "{o=x,y}"]])
    results = judged(some, seeds=5)
    assert results.trials["status"].to_list() == [*["reached"] * 3, "diverged", "reached"] * 2
    (note,) = [note for note in results.sweep.notes if " failed: " in note]
    assert note.startswith("2 runs of 10 failed: o=x with seed 3 (no acc: outputs/programs/")


def test_a_program_that_always_fails_early_leaves_the_budget_to_the_others():
    results = judged(arms(1, 2, more="if (a == 2 && i == 3) exit 1"))
    (contrast,) = results.contrasts.to_dict("records")
    assert (contrast["verdict"], contrast["reached_a"], contrast["reached_b"]) == ("fails", 0, 20)
    assert results.trials["horizon"].unique().tolist() == [30]


@pytest.mark.parametrize("itself", [False, True])
def test_runs_that_end_when_the_target_has_held_give_the_same_times(itself):
    of = {"y": "acc", "jobs": 2, "target": Target(0.9, True), "hold": 3}
    whole = judged(arms(1, 2))
    if itself:
        end = "if (1 - exp(-f * i / 6) >= 0.9 && ++n == 3) exit"
        short = judged(arms(1, 2, more=end), limits=Limits(**of))
        ends = whole.trials["samples_to_target"] + 2  # the third evaluation that meets it
        assert short.trials["horizon"].unique().tolist() == [ends.max()]
        said = (
            f"{(ends < ends.max()).sum()} runs of 40 ended when the target had held; from there on"
        )
        assert short.sweep.notes[0].startswith(said)
    else:
        short = judged(arms(1, 2, more="fflush()"), limits=Limits(**of, until_target=True))
    for name in ("status", "samples_to_target", "first_hit"):
        assert short.trials[name].to_list() == whole.trials[name].to_list()
    kept = "ratio", "ratio_low", "ratio_high", "p"
    assert short.contrasts[list(kept)].equals(whole.contrasts[list(kept)])


def test_a_program_that_ends_sooner_by_itself_is_judged_up_to_there():
    # 12 steps are enough for some of its seeds, and one crashes
    end = "if (a == 1 && i == 12) exit; if (a == 1 && s == 2 && i == 3) exit 1"
    limits = Limits(y="acc", jobs=2, target=Target(0.9, True), hold=3)
    results = judged(arms(1, 2, more=end), limits=limits)
    assert results.trials["horizon"].unique().tolist() == [12]
    (contrast,) = results.contrasts.to_dict("records")
    assert 0 < contrast["reached_b"] < 20
    whole = judged(arms(1, 2)).trials
    held = (whole["samples_to_target"] <= 10) & ~((whole["a"] == 1) & (whole["seed"] == 2))
    assert (results.trials["status"] == "reached").to_list() == held.to_list()


def test_programs_that_count_differently_are_refused():
    Path("a.sh").write_text("echo step=1 acc=0.5")
    Path("b.sh").write_text("echo epoch=1 acc=0.5")
    some = read_programs([["sh", "a.sh", "{seed}"], ["sh", "b.sh", "{seed}"]])
    with pytest.raises(InputError, match=r"command=sh b.sh 1: never prints step \(known: epoch"):
        judged(some, seeds=2)


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_a_page_that_tells_what_was_run(capsys):
    options = ["--seeds=3", "--target=acc>=0.5", "--hold=1", "--out=page"]
    Path("run.sh").write_text("for i in 1 2 3 4 5 6 7; do echo step=$i acc=0.$((i + $1 % 3)); done")
    given = [*options, "--", "sh", "run.sh", "{seed}", "{o=x,y}", "--token=abc"]
    assert main(given) == 0
    said = capsys.readouterr()
    assert said.out.startswith("6 runs of 2 commands, ")
    assert "report: page/report.html" in said.out
    page = Path("page/report.html").read_text()
    assert "-- sh run.sh &#39;{seed}&#39; &#39;{o=x,y}&#39; &#39;--token=***&#39;" in page
    assert not [path for path in Path().rglob("*.*") if b"abc" in path.read_bytes()]
    assert "6 runs of 2 commands; 1 s in all, the longest 1 s; o=x: sh run.sh" in page
    assert main(given) == 0
    assert "6 runs of 2 commands, 6 of them done before" in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("differing", [False, True])
def test_secrets_of_commands_stand_nowhere(differing, capsys, monkeypatch):
    Path("run.sh").write_text("for i in 1 2 3 4; do echo step=$i acc=0.$((i + $1)); done")
    words = ["sh", "run.sh", "{seed}", "--password=SECRET1", "http://u:SECRET2@h/", "--api-key"]
    one, other = ("SECRET3", "SECRET4") if differing else ("{k=SECRET3,SECRET4}", "")
    given = ["--seeds=3", "--target=acc>=0.3", "--hold=1", "--out=page", "--", *words, one]
    given += ["--", *words, other] if other else []
    monkeypatch.setattr("sys.argv", ["judge", *given])
    assert main(given) == 0
    assert "SECRET" not in capsys.readouterr().out
    assert not [path for path in Path().rglob("*.*") if b"SECRET" in path.read_bytes()]
    page = Path("page/report.html").read_text()
    assert ("command=1" if differing else "k=*** 1") in page
    Path("run.sh").write_text("echo $4")
    assert main(given) == 2
    assert "SECRET" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "target: say what counts as converged (for instance --target 'val_acc>=0.9')"),
        (["--target=0.5"], "target=0.5: does not name a metric, and nothing else does"),
        (["--target=0.5", "--y=acc", "--until-target"],
         "target=0.5: must say which way it is met for --until-target (acc>=0.5)"),
        (["--target=acc>=1", "--setting=a"],
         "--setting=a: names a column of a table, and goes with files only (leave it out)"),
        (["--target=acc>=1", "--jobs=0"], "--jobs=0: must be above 0"),
        (["--target=acc>=1", "--time-limit=nan"], "--time-limit=nan: must be above 0"),
        (["--target=acc>=1", "--seeds=9-2"], "--seeds=9-2: are no seeds (a number of seeds, 20-39"),
        (["--target=acc>=1", "--seeds=auto:3"], "--seeds=auto:3: are no seeds"),
        (["--target=acc>=1", "--baseline=lr=3"], "baseline=lr=3: selects none (candidates: 'lr=1'"),
        (["--target=acc>=1", "--within=opt"], "within=opt: "),
        (["--target=acc>=1", "--margin=2"], "margin=2: "),
        (["a.csv", "--target=acc>=1"],
         "file=a.csv: stands before the commands that are to be run (judge files or programs; a "
         "command begins behind --)"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, said, capsys):
    assert main([*options, "--", "sh", "run.sh", "{seed}", "{lr=1,2}"]) == 2
    assert f"error: {said}" in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_programs_without_dashes_before_them_are_pointed_at(capsys):
    assert main(["--target=acc>=1", "--until-target", "sh", "run.sh"]) == 2
    said = "error: --until-target: is asked of programs, and there is none (each stands behind --: "
    assert capsys.readouterr().err.startswith(said)
