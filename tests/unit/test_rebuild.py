"""Reports anew from records: merged, judged anew, with another baseline, other names."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

import nnrun
from nnrun.errors import InputError
from nnrun.launch.choices import Choices, setting_id
from nnrun.launch.finish import rebuild
from nnrun.launch.sweeps import as_told
from nnrun.layout import NEW, shipped_template, studies
from nnrun.records.record import Record, write_record
from nnrun.records.sweep import Sweep, SweepJob
from nnrun.records.trials import Curves, Outcomes, Trials
from nnrun.report.__main__ import main, sort
from nnrun.report.methods import methods
from nnrun.report.tuning import tuned_arms
from nnrun.report.verdict import cautions
from tests.conftest import make_setting
from tests.records import changed
from tests.unit.sweeps import tuned_rows

GRID = np.array([10, 20, 40, 80, 160])
VERSIONS = {"nnrun": "0.1.0"}


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """A page that says what it was told, in place of the one that draws."""

    def build(findings, folder, *others):
        (folder / "report.md").write_text("# in short\n")
        path = folder / "report.html"
        path.write_text(json.dumps(findings.sweep.to_facts(), sort_keys=True))
        return path

    monkeypatch.setattr("nnrun.report.page.drawing", lambda *asked: nullcontext(lambda: None))
    monkeypatch.setattr("nnrun.report.page.build", build)


def config_of(lr=0.1, **more):
    flat = json.loads(json.dumps(make_setting(lr=lr).flat))
    return {**flat, "target.hold": 2, **more}


def a_record(number=0, seeds=(0, 1), accuracy=None, config=None, **meta):
    """A record whose accuracies are given, a row a seed; by default they tell seeds apart."""
    config = config or config_of()
    n = len(seeds)
    rows = np.linspace(0.5, 0.6, len(GRID)) + np.array(seeds)[:, None] / 100
    accuracy = rows if accuracy is None else np.array(accuracy, dtype=np.float64)
    unknown = np.full(n, np.nan)
    about = {
        "setting": setting_id(config),
        "config": config,
        "name": "question",
        "number": number,
        "overrides": [f"lr={config['lr']}"],
        "seed": int(seeds[0]),
        "seeds": n,
        "engine": "compiled",
        "error": None,
        "task": "binary",
        "samples": 160,
        "report": "html",
        "command": "python -m nnrun -m lr=0.1,0.3",
        "started": "2026-01-02T03:04:05+00:00",
        "git": None,
        "numerics": 1,
        "versions": VERSIONS,
        "processor": "a processor",
        "platform": "a platform",
        **meta,
    }
    return Record(
        meta=about,
        trials=Trials(
            np.array(seeds),
            Curves(GRID, 1 - accuracy, 1 - accuracy, accuracy),
            (),
            np.full(n, 5.0),
            about["engine"],
        ),
        outcomes=Outcomes(np.full(n, "exhausted"), np.zeros(n, bool), unknown, unknown),
    )


def a_sweep(folder, *records):
    for record in records:
        home = folder / str(record.meta["number"])
        home.mkdir(parents=True)
        write_record(record, home)
    return folder


def facts_in(folder):
    return json.loads((folder / "sweep.json").read_text())


def labels(done):
    return [setting.label for setting in done.results.sweep.settings]


def all_below(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.fixture
def grid(tmp_path):
    """Four settings, learning rates by networks, of two seeds each."""
    values = [(lr, hidden) for lr in (0.1, 0.3) for hidden in ([2], [2, 1])]
    configs = [config_of(lr, **{"network.hidden": hidden}) for lr, hidden in values]
    return a_sweep(
        tmp_path / "grid", *(a_record(i, config=config) for i, config in enumerate(configs))
    )


def test_an_id_is_that_of_the_setting_itself():
    setting = make_setting(lr=0.25)
    assert setting_id(json.loads(json.dumps(setting.flat))) == setting.id


def test_records_alone_are_enough_and_a_second_time_changes_no_byte(grid):
    done = rebuild([grid])
    assert done.folder == grid
    assert labels(done)[0] == "lr=0.1 hidden=[2]"
    assert done.notes == []
    assert len(done.results.trials) == 8
    facts = facts_in(grid)
    assert facts["command"] == "python -m nnrun -m lr=0.1,0.3"
    assert [job["status"] for job in facts["jobs"]] == ["complete"] * 4
    before = contents(grid)
    rebuild([grid])
    assert contents(grid) == before
    assert json.loads(json.dumps(nnrun.load(grid).sweep.to_facts())) == facts


def test_what_records_do_not_say_is_taken_from_sweep_json(grid):
    rebuild([grid])
    facts = facts_in(grid)
    missing = {"number": 9, "overrides": ["lr=9"], "setting": "gone", "status": "missing"}
    facts["jobs"].append(missing)
    about = {"stages": {"train": 1.5, "report": 2.0, "total": 9.0}, "tuned": ["lr"]}
    about |= {"looks": [1, 2], "auto": {"most": 4, "block": 1}}
    about["tracking"] = {"uri": "u", "experiment": "e", "ui": None, "error": "late"}
    (grid / "sweep.json").write_text(json.dumps({**facts, **about, "status": "running"}))
    told = as_told(rebuild([grid]).sweep)
    assert told.status == "interrupted"
    assert told.jobs[-1] == SweepJob(**missing)
    assert told.stages == {"train": 1.5}
    assert (told.looks, told.auto) == ([1, 2], {"most": 4, "block": 1})
    assert told.tracking == {"uri": "u", "experiment": "e", "ui": None}
    assert facts_in(grid)["stages"] == about["stages"]
    assert facts_in(grid)["tuned"] == ["lr"]


def looked_at(tmp_path, *parts, **more):
    """Merge sweeps, each of seeds and learning rates; say at how many seeds they were looked at."""
    folders = []
    for place, (seeds, rates) in enumerate(parts):
        several = [a_record(i, seeds, config=config_of(lr)) for i, lr in enumerate(rates)]
        folders.append(a_sweep(tmp_path / f"{place}", *several))
    return rebuild(folders, out=tmp_path / "out").sweep


def test_sweeps_that_add_seeds_to_each_other_were_looked_at_each_by_itself_and_together(tmp_path):
    two = (0.1, 0.2)
    told = looked_at(tmp_path, (range(4), two), (range(4, 10), two))
    assert list(told.looks) == [4, 6, 10]
    again = rebuild([tmp_path / "0", tmp_path / "1"], out=tmp_path / "again").sweep
    assert list(again.looks) == [4, 6, 10]


@pytest.mark.parametrize(
    "parts",
    [
        [(range(4), (0.1, 0.2)), (range(4), (0.1, 0.3))],
        [(range(4), (0.1, 0.2)), (range(9), (0.1, 0.3))],
        [(range(4), (0.1,)), (range(4), (0.2,))],
    ],
)
def test_sweeps_that_add_settings_to_each_other_are_looked_at_once(tmp_path, parts):
    assert not looked_at(tmp_path, *parts).looks


def test_looks_of_the_parts_are_looks_of_the_whole(tmp_path):
    several = [a_record(i, range(6), config=config_of(lr)) for i, lr in enumerate((0.1, 0.2))]
    first = a_sweep(tmp_path / "a", *several)
    rebuild([first])
    (first / "sweep.json").write_text(json.dumps({**facts_in(first), "looks": [2, 6]}))
    assert list(rebuild([first]).sweep.looks) == [2, 6]
    more = [a_record(i, range(6, 9), config=config_of(lr)) for i, lr in enumerate((0.1, 0.2))]
    whole = rebuild([first, a_sweep(tmp_path / "b", *more)], out=tmp_path / "out")
    assert list(whole.sweep.looks) == [2, 3, 6, 9]
    said = "Results were looked at with 2, 3, 6 and 9 seeds. Tests and intervals"
    assert said in " ".join(cautions(whole.results))
    assert "looked at" not in " ".join(cautions(rebuild([tmp_path / "b"]).results))


def test_records_alone_tell_at_how_many_seeds_they_were_looked_at(tmp_path):
    auto = {"most": 9, "block": 2}
    several = [a_record(i, range(n), config=config_of(lr), auto=auto)
               for i, (lr, n) in enumerate([(0.1, 7), (0.3, 4)])]  # fmt: skip
    told = rebuild([a_sweep(tmp_path / "auto", *several)]).sweep
    assert (told.looks, told.auto) == ([2, 4, 6, 7], auto)
    fixed = [a_record(i, config=config_of(lr), auto=None) for i, lr in enumerate((0.1, 0.3))]
    told = rebuild([a_sweep(tmp_path / "fixed", *fixed)]).sweep
    assert (told.looks, told.auto) == ((), None)


def test_the_page_is_told_nothing_that_is_known_only_after_it():
    whole = Sweep("complete", stages={"start": 1, "report": 2, "total": 3}, verdict=["x"])
    assert as_told(whole) == Sweep("complete", stages={"start": 1})


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_used(grid):
    (grid / "3" / "record.npz").write_bytes(b"no archive")
    done = rebuild([grid])
    assert len(done.results.trials) == 6
    (note,) = done.notes
    assert note.startswith(f"The record {grid / '3' / 'record.npz'} is not a readable record: ")
    assert facts_in(grid)["notes"] == [note]
    for number in range(3):
        (grid / str(number) / "record.npz").write_bytes(b"")
    with pytest.raises(InputError, match="records: none can be read"):
        rebuild([grid])


def test_sweeps_are_merged_by_setting_with_all_their_seeds(tmp_path):
    slow, fast = config_of(0.1), config_of(0.3)
    one = a_sweep(tmp_path / "one", a_record(0, [0, 1, 2], config=slow), a_record(1, config=fast))
    two = a_sweep(tmp_path / "two", a_record(0, [2, 3], config=slow))
    done = rebuild([one, two], out=tmp_path / "both")
    assert done.folder == tmp_path / "both"
    assert labels(done) == ["lr=0.1", "lr=0.3"]
    seeds = done.results.trials.groupby("label")["seed"].agg(list).to_dict()
    assert seeds == {"lr=0.1": [0, 1, 2, 3], "lr=0.3": [0, 1]}
    assert done.notes == []  # seed 2 is in both, with the same numbers
    facts = facts_in(tmp_path / "both")
    assert facts["report_of"] == ["one", "two"]
    assert [job["sweep"] for job in facts["jobs"]] == ["one", "one", "two"]
    assert not (one / "report.html").exists()
    rebuild([one, two], out=tmp_path / "both")  # its own report may be written anew


def test_one_sweep_varies_what_two_together_vary(tmp_path):
    one = a_sweep(tmp_path / "all" / "one", a_record(0, config=config_of(0.1)))
    a_sweep(tmp_path / "all" / "two", a_record(0, config=config_of(0.3)))
    (one / "multirun.yaml").write_text("")
    done = rebuild([tmp_path / "all"], out=tmp_path / "both")
    assert done.results.sweep.varying == ["lr"]
    assert labels(done) == ["lr=0.1", "lr=0.3"]


def test_other_numbers_for_a_setting_and_seed_are_a_clash_and_the_first_are_kept(tmp_path):
    other = np.full((3, len(GRID)), 0.9)
    one = a_sweep(tmp_path / "one", a_record(0, [0, 1, 2]), a_record(1, config=config_of(0.3)))
    two = a_sweep(tmp_path / "two", a_record(4, [1, 2, 7], other, numerics=2))
    done = rebuild([one, two], out=tmp_path / "both")
    versions, clash = done.notes
    assert clash == (
        "lr=0.1, seeds 1–2: job 0 of one and job 4 of two hold different numbers; "
        "those of job 0 of one are used."
    )
    assert versions == (
        "The sweeps were trained by different versions of the numerics (1: one; 2: two), so that "
        "equal settings and seeds need not have equal numbers."
    )
    assert facts_in(tmp_path / "both")["clashes"] == [clash]
    final = done.results.trials.set_index(["label", "seed"])["final_accuracy"]
    assert final["lr=0.1", 1] == pytest.approx(0.61)
    assert final["lr=0.1", 7] == 0.9


def test_another_grid_of_evaluations_is_left_out(tmp_path):
    one = a_sweep(tmp_path / "one", a_record(0))
    other = a_record(0, [5])
    curves = other.trials.curves._replace(samples=GRID + 1)
    two = a_sweep(tmp_path / "two", changed(other, curves=curves))
    done = rebuild([one, two], out=tmp_path / "both")
    assert done.notes == [
        "data=xor hidden=[2,1]: job 0 of two was evaluated at other numbers of samples; it is left "
        "out."
    ]
    assert done.results.trials["seed"].tolist() == [0, 1]


def test_a_trained_trial_stands_in_for_a_failed_one_without_a_clash(tmp_path):
    lost = a_record(0, [0, 1], np.empty((2, 0)), error="Traceback\nboom", engine="none")
    fate = lost.outcomes._replace(status=np.full(2, "failed"))
    none = lost.trials.curves._replace(samples=GRID[:0])
    one = a_sweep(tmp_path / "one", changed(replace(lost, outcomes=fate), curves=none))
    two = a_sweep(tmp_path / "two", a_record(0, [0]))
    for choices in (Choices(), Choices(target="accuracy:0.5:1")):
        done = rebuild([one, two], choices, tmp_path / "both")
        assert done.results.trials.sort_values("seed")["status"].eq("failed").tolist() == [
            False,
            True,
        ]
    assert facts_in(tmp_path / "both")["status"] == "failed"
    assert "clashes" not in facts_in(tmp_path / "both")


def test_other_data_under_one_name_is_left_out(tmp_path):
    one = a_sweep(tmp_path / "one", a_record(0, sources={"data": "a"}))
    two = a_sweep(tmp_path / "two", a_record(0, [5], sources={"data": "b"}))
    done = rebuild([one, two], out=tmp_path / "both")
    assert done.notes == [
        "data=xor hidden=[2,1]: job 0 of two was trained with other data or own components under "
        "the same name; it is left out."
    ]
    assert done.results.trials["seed"].tolist() == [0, 1]


def test_seeds_tuned_on_in_one_sweep_and_reported_in_another_are_named(tmp_path):
    one = a_sweep(tmp_path / "one", a_record(0, [0, 1]))
    two = a_sweep(tmp_path / "two", a_record(0, [1000, 1001], config=config_of(0.3)))
    rebuild([one])
    tune(one, {0: [0.1, 0.2]}, {0: 0.1})
    done = rebuild([one, two], out=tmp_path / "both")
    assert done.notes == [
        "one was tuned on seeds 1000 to 1009, some of which two reports: its tuned values look "
        "better there than they are."
    ]
    # what two was given by hand was not tuned, and what one was is told of one alone
    assert "tuned" not in facts_in(tmp_path / "both")
    assert [arm.name for arm in tuned_arms(done.sweep)] == ["job 0"]
    assert labels(done) == ["lr=0.1", "lr=0.3"]
    assert [row["sweep"] for row in facts_in(tmp_path / "both")["tuning"]["rows"]] == ["one"] * 2


def tune(sweep, tried, chosen):
    """Say in a sweep's sweep.json what was tried for its jobs, and chosen."""
    rebuild([sweep])
    tuning = {"seeds": [1000, 1009], "rows": tuned_rows(tried, chosen)}
    about = {**facts_in(sweep), "tuned": ["lr"], "tuning": tuning}
    (sweep / "sweep.json").write_text(json.dumps(about))


def test_sweeps_that_were_both_tuned_stay_so_with_different_lists(tmp_path):
    configs = [config_of(0.1), config_of(0.3, **{"network.hidden": [7]})]
    one, two = (
        a_sweep(tmp_path / name, a_record(0, config=config))
        for name, config in zip(("one", "two"), configs, strict=True)
    )
    tune(one, {0: [0.05, 0.1, 0.3]}, {0: 0.1})
    tune(two, {0: [0.1, 0.2, 0.3]}, {0: 0.3})
    done = rebuild([one, two], out=tmp_path / "both")
    assert labels(done) == ["hidden=[2,1]", "hidden=[7]"]
    assert list(done.results.tuned.values()) == ["lr=0.1", "lr=0.3"]
    told = [text for text in cautions(done.results) if "tuned" in text]
    assert told[0].startswith("The tuned lr of hidden=[7] is the largest that was tried (0.3)")
    assert "lr (0.05, 0.1, 0.3, 0.2) was chosen for each setting by" in methods(done.results)
    other = rebuild([one, a_sweep(tmp_path / "three", a_record(0, [5, 6]))], out=tmp_path / "more")
    assert "was chosen for each setting of one by" in methods(other.results)


def test_another_target_judges_the_curves_anew(tmp_path):
    curves = [
        [0.5, 0.8, 0.8, 0.8, 0.96],  # 0.8 from 20 on
        [0.8, 0.5, 0.8, 0.8, 0.5],  # touched at 10, held from 40
        [0.5, 0.5, 0.5, 0.5, 0.8],  # not seen to hold
        [0.7, 0.7, np.nan, np.nan, np.nan],  # diverged
    ]
    sweep = a_sweep(tmp_path / "s", a_record(0, range(4), curves))
    done = rebuild([sweep], Choices(target="accuracy:0.8"))
    found = done.results.trials.set_index("seed")
    assert found["status"].tolist() == ["reached", "reached", "exhausted", "diverged"]
    assert found["samples_to_target"].tolist()[:2] == [20, 40]
    assert found["first_hit"].tolist()[:3] == [20, 10, 160]
    assert found["samples_to_target"].isna().tolist() == [False, False, True, True]
    assert done.notes == [
        "Judged against accuracy ≥ 0.8 instead of the declared accuracy ≥ 0.95 (held for 2 "
        "evaluations): this target was chosen after training."
    ]
    assert done.results.sweep.target == {"metric": "accuracy", "value": 0.8, "hold": 2}
    held = rebuild([sweep], Choices(target="accuracy:0.8:3")).results.trials
    assert held["status"].tolist() == ["reached", "exhausted", "exhausted", "diverged"]
    again = rebuild([sweep])  # the records hold what was declared
    assert again.notes == []
    assert set(again.results.trials["status"]) == {"exhausted"}


def a_study(folder, sentence="{{ require(setting(lr='0.1').reached == 2, 'Both arrive.') }}"):
    """A sweep with a page that says that both of its first seeds arrive."""
    template = folder / "page.md.j2"
    template.write_text(sentence)
    held = np.full((2, len(GRID)), 0.96)
    records = [
        a_record(0, accuracy=held, study=str(template)),
        a_record(1, config=config_of(0.3), study=str(template)),
    ]
    return a_sweep(folder / "study", *records)


def test_a_study_s_page_that_no_longer_holds_is_left_out_and_all_else_is_of_one_sweep(
    tmp_path, capsys
):
    sweep, study = a_study(tmp_path), f"study={tmp_path / 'page.md.j2'}"
    assert main([str(sweep), "target=accuracy:0.9", study]) == 0
    assert (sweep / "page.md").read_text() == "Both arrive."
    capsys.readouterr()
    assert main([str(sweep), "target=accuracy:0.99", study]) == 1
    assert (
        "warning: the study's page is left out: study=Both arrive.: is not what this sweep found, "
        "so the page was not written (mend the sentence in the template)\n"
    ) in capsys.readouterr().err
    assert not (sweep / "page.md").exists()
    found = nnrun.load(sweep)
    assert found.sweep.target["value"] == 0.99
    ids = {setting.id for setting in found.sweep.settings}
    assert ids == set(found.trials["setting"]) == set(found.curves["setting"])
    assert ids == set(found.summary["setting"])
    assert json.loads((sweep / "report.html").read_text())["target"]["value"] == 0.99


def test_a_record_does_not_choose_which_template_is_filled(tmp_path, capsys):
    sweep = a_study(tmp_path)
    (sweep / "page.md").write_text("mine")
    assert main([str(sweep)]) == 0
    assert (sweep / "page.md").read_text() == "mine"
    template = tmp_path / "page.md.j2"
    assert (
        f"note: The study's page is left out: {template} is named by the records alone, which may "
        f"be a stranger's. study={template} fills it.\n"
    ) in capsys.readouterr().err
    assert main([str(sweep), "study=nowhere.md.j2"]) == 2
    assert "study=nowhere.md.j2: is no file, neither" in capsys.readouterr().err


def test_a_template_of_ours_may_be_named_by_a_record():
    template = studies() / "xor_product.md.j2"
    assert shipped_template("xor_product.md.j2") == template
    for name in ("../experiments/xor_product.md.j2", str(template), "", ".", "..", {"a": 1}, None):
        assert shipped_template(name) is None


@pytest.mark.parametrize(
    "place",
    [
        *("results.tabulate.write_parquet", "launch.finish.verdict"),
        *("report.page.build", "report.page.write_study"),
    ],
)
def test_whenever_a_report_is_interrupted_nothing_of_the_older_one_has_changed(
    place, tmp_path, monkeypatch
):
    sweep = a_study(tmp_path)
    rebuild([sweep], Choices(target="accuracy:0.9"))
    before = all_below(sweep)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"nnrun.{place}", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rebuild([sweep], Choices(target="accuracy:0.8", study=str(tmp_path / "page.md.j2")))
    found = nnrun.load(sweep)
    assert {s.id for s in found.sweep.settings} == set(found.trials["setting"])
    assert set(found.trials["setting"]) == set(found.curves["setting"])
    assert all_below(sweep) == before
    assert not list(sweep.glob(".*"))


def test_settings_that_differ_in_nothing_but_the_target_become_one(tmp_path):
    easy = {"target.value": 0.8}
    one = a_sweep(tmp_path / "one", a_record(0, [0, 1]))
    two = a_sweep(tmp_path / "two", a_record(0, [1, 2], config=config_of(**easy)))
    done = rebuild([one, two], Choices(target="accuracy:0.9"), tmp_path / "both")
    assert done.results.trials["seed"].tolist() == [0, 1, 2]
    assert (
        "accuracy ≥ 0.8 (held for 2 evaluations) or accuracy ≥ 0.95 (held for 2 evaluations)"
        in done.notes[0]
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("0.9", "target=0.9: must be METRIC:VALUE or METRIC:VALUE:HOLD (for instance accuracy"),
        ("accuracy:1.5", "target.value=1.5: must be a share in (0, 1] for accuracy (0.95 means"),
        ("acuracy:0.5", "did you mean 'accuracy'?"),
        ("test_loss:low", "target.value=low: must be a number"),
        ("test_loss:0.1:0", "target.hold=0: must be greater than or equal to 1"),
    ],
)
def test_a_bad_target_is_refused(grid, target, message):
    with pytest.raises(InputError) as refused:
        rebuild([grid], Choices(target=target))
    assert message in str(refused.value)


def test_a_regression_has_no_accuracy(tmp_path):
    sweep = a_sweep(tmp_path / "s", a_record(task="regression"))
    with pytest.raises(InputError, match=r"needs classes, and .* is a regression"):
        rebuild([sweep], Choices(target="accuracy:0.9"))


@pytest.mark.parametrize(
    "words",
    ["lr=0.3 hidden=[2,1]", "hidden=[2, 1] lr=0.30", "network.hidden=[2,1] lr=3e-1 batch_size=1"],
)
def test_the_baseline_is_selected_by_words_and_moved_to_the_front(grid, words):
    done = rebuild([grid], Choices(baseline=words))
    assert labels(done)[0] == "lr=0.3 hidden=[2,1]"
    assert labels(done)[1:] == ["lr=0.1 hidden=[2]", "lr=0.1 hidden=[2,1]", "lr=0.3 hidden=[2]"]
    assert done.results.trials["label"].iloc[0] == "lr=0.3 hidden=[2,1]"
    assert set(done.results.contrasts.loc[done.results.contrasts["family"] == "setting", "b"]) == {
        done.results.sweep.settings[0].id
    }


def test_the_baseline_can_be_an_id(grid):
    last = rebuild([grid]).results.sweep.settings[-1].id
    done = rebuild([grid], Choices(baseline=last))
    assert done.results.sweep.settings[0].id == last


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"baseline": "lr=0.3"}, "selects 2 settings, and must select one (candidates: 'lr=0.3 hi"),
        ({"baseline": "lr=0.2"}, "baseline=lr=0.2: selects none (candidates: 'lr=0.1 hidden=[2]'"),
        ({"baseline": "hiden=[2]"}, "is not a key that varies (did you mean 'hidden'?)"),
        ({"baseline": "fast"}, "must be a setting's id, its label, or words such as lr=0.1"),
        ({"facet": "hiden"}, "facet=hiden: is not a key that varies (did you mean 'hidden'?)"),
        ({"facet": "budget"}, "facet=budget: is not a key that varies"),
        ({"keys": ["lr", "depth"]}, "keys=depth: is not a key that varies"),
        ({"keys": ["lr"]}, "apart, both 'lr=0.1' (they are lr=0.1 hidden=[2] and lr=0.1 hidden=["),
    ],
)
def test_choices_that_cannot_be_met_are_refused_before_anything_is_written(grid, choices, message):
    with pytest.raises(InputError) as refused:
        rebuild([grid], Choices(**choices))
    assert message in str(refused.value)
    assert not contents(grid)


def test_a_facet_is_kept_under_its_whole_name(grid):
    assert rebuild([grid], Choices(facet="hidden")).results.sweep.facet == "network.hidden"
    assert rebuild([grid]).results.sweep.facet is None


def test_a_report_compares_within_what_the_jobs_named_unless_it_is_told_otherwise(tmp_path):
    configs = [config_of(0.1), config_of(0.3)]
    records = [a_record(i, config=c, within="lr") for i, c in enumerate(configs)]
    sweep = a_sweep(tmp_path / "s", *records)
    assert rebuild([sweep]).sweep.within == facts_in(sweep)["within"] == "lr"
    assert rebuild([sweep], Choices(within="")).sweep.within is None
    done = rebuild([sweep], Choices(facet="lr"))
    assert (done.sweep.facet, done.sweep.within) == ("lr", None)
    alone = rebuild([a_sweep(tmp_path / "half", records[0])])
    assert alone.sweep.within is None
    assert "report.within=lr: names a key, and nothing varies" in alone.notes[0]


def test_the_margin_is_that_of_the_jobs_unless_another_is_asked_for(tmp_path):
    old, small, large = (
        a_sweep(tmp_path / str(number), a_record(0, config=config_of(rate), **said))
        for number, (rate, said) in enumerate(
            [(0.1, {}), (0.3, {"margin": 0.05}), (1.0, {"margin": 0.125})]
        )
    )
    assert rebuild([old]).sweep.margin == facts_in(old)["margin"] == 0.1
    assert rebuild([large]).sweep.margin == facts_in(large)["margin"] == 0.125
    assert rebuild([large], Choices(margin=0.3)).sweep.margin == facts_in(large)["margin"] == 0.3
    both = rebuild([old, small, large], out=tmp_path / "all")
    assert both.sweep.margin == 0.05
    said = "The sweeps call times the same within 5%, 10% and 12.5%: here within 5%."
    assert said in both.notes
    with pytest.raises(InputError, match=r"margin=1: is a share, above 0 and below 1 .0.01 for 1%"):
        rebuild([old], Choices(margin=1))


def test_a_finding_may_be_required_of_a_report(grid, capsys):
    assert main([str(grid), "require=later(network.hidden=[2,1])"]) == 4
    said = capsys.readouterr().err
    assert said.startswith("warning: required was later(network.hidden=[2,1]), and found was 'not")
    assert main([str(grid), "report.require=later(hidden=[7])"]) == 2
    assert "'hidden=[7]' is not compared with anything" in capsys.readouterr().err


def test_keys_name_the_settings(tmp_path):
    configs = [config_of(0.1, budget=100), config_of(0.3, budget=200)]
    sweep = a_sweep(tmp_path / "s", *(a_record(i, config=c) for i, c in enumerate(configs)))
    assert labels(rebuild([sweep])) == ["lr=0.1 budget=100", "lr=0.3 budget=200"]
    done = rebuild([sweep], Choices(keys=["budget"]))
    assert labels(done) == ["budget=100", "budget=200"]
    assert done.results.sweep.telling == ["budget"]
    assert done.results.summary["label"].tolist() == ["budget=100", "budget=200"]


def test_the_package_is_a_function_for_notebooks(grid, tmp_path):
    done = nnrun.make_report(grid, target="accuracy:0.55:1", keys="lr,hidden", out=tmp_path / "x")
    assert done.path == tmp_path / "x" / "report.html"
    assert done.markdown == "# in short\n"
    assert isinstance(done.summary, pd.DataFrame)
    shown = done._repr_html_()
    assert "hidden=[2,1]" in shown
    assert shown.count("<li>") == len(done.verdict) - 1 > 0
    assert f'<p class="answer">{escape(done.verdict[0])}</p>' in shown
    assert shown.count("<svg") == 1


def test_names_stay_text_in_a_notebook(tmp_path):
    evil = config_of(**{"data.name": "<script>alert(1)</script>"})
    sweep = a_sweep(tmp_path / "s", a_record(0), a_record(1, config=evil))
    shown = nnrun.make_report(sweep)._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_tables_that_were_exchanged_in_part_are_not_read(grid, monkeypatch):
    rebuild([grid])
    kept, moved = Path.replace, []

    def replace_three(self, target):
        if self.parent.name.startswith(NEW) and target.parent == grid:
            moved.append(self)
            if len(moved) == 3:
                raise KeyboardInterrupt
        return kept(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_three)
        with pytest.raises(KeyboardInterrupt):
            rebuild([grid], Choices(target="accuracy:0.9"))
    with pytest.raises(InputError, match="holds old tables beside new ones"):
        nnrun.load(grid)
    rebuild([grid])
    assert len(nnrun.load(grid).summary) == 4


def test_results_of_others_are_not_written_over(grid, tmp_path):
    other = a_sweep(tmp_path / "other", a_record(0))
    rebuild([other])
    for out in (other, other / "0"):
        with pytest.raises(InputError, match="holds the results of another run or sweep"):
            rebuild([grid], out=out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "path: say which sweep or run to report on (for instance outputs/sweeps/DATE_TIME)"),
        (["a", "traget=x"], "traget=x: is not a known key (did you mean 'target'?)"),
        (["a", "facet=x", "facet=y"], "facet=y: is given twice, first as x"),
        (["a", "facet="], "facet: is empty (see --help)"),
        (["a", "margin=0"], "margin=0: is a share, above 0 and below 1 (0.1 for 10%)"),
        (["a", "margin=20%"], "margin=20%: must be a number (0.1 for 10%)"),
        (["a", "margn=0.2"], "margn=0.2: is not a known key (did you mean 'margin'?)"),
    ],
)
def test_bad_words_are_refused(words, message):
    with pytest.raises(InputError) as refused:
        sort(words)
    assert str(refused.value) == message


def test_words_are_told_from_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    asked = sort(["lr=0.1", "keys=[lr,hidden]", "b", "baseline=lr=0.1 hidden=[2]"])
    assert [str(path) for path in asked.paths] == ["lr=0.1", "b"]
    assert sort(["b", "report.within=lr"]).choices.within == "lr"
    assert sort(["b", "facet=null"]).choices.facet == ""
    assert sort(["b", "report.margin=0.25"]).choices.margin == 0.25
    assert asked.choices == Choices(baseline="lr=0.1 hidden=[2]", keys=["lr", "hidden"])


def test_the_command_prints_the_answer_and_where_it_is(grid, capsys, monkeypatch):
    assert main([str(grid), "target=accuracy:0.5:1"]) == 0
    said = capsys.readouterr()
    assert f"report: {grid / 'report.html'}" in said.out
    assert said.err.startswith("note: Judged against accuracy ≥ 0.5")
    assert main([str(grid.with_name("gird"))]) == 2
    said = capsys.readouterr().err
    assert (
        said == f"error: path={grid.with_name('gird')}: does not exist (did you mean '{grid}'?)\n"
    )
