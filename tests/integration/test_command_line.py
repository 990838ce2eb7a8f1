"""The main job: from one command to records, tables, MLflow runs and a report."""

import json
import signal
import time

import numpy as np
import pandas as pd
import pytest
import yaml

import nnrun as package
from nnrun.records.record import read_record
from tests.conftest import slowness
from tests.integration.conftest import OFF, QUICK, reads_mlflow


@pytest.mark.fresh
def test_a_sweep_leaves_everything_in_its_place(nnrun):
    done = nnrun("-m", "lr=0.03,0.1", *QUICK, "name=mine")
    (sweep,) = nnrun.outputs("sweeps")
    for number, lr in enumerate(("0.03", "0.1")):
        job = sweep / str(number)
        assert yaml.safe_load((job / ".hydra/overrides.yaml").read_text())[0] == f"lr={lr}"
        assert yaml.safe_load((job / ".hydra/config.yaml").read_text())["lr"] == float(lr)
        assert (job / ".hydra/hydra.yaml").is_file()
        assert "3 trials" in (job / "nnrun.log").read_text()
        record = read_record(job / "record.npz")
        assert record.seeds.tolist() == [0, 1, 2]
        assert record.meta["config"]["lr"] == float(lr)
        assert record.meta["command"].startswith("python -m nnrun -m lr=0.03,0.1")
        assert record.trials.params[0].weights.shape == (3, 3, 2)
    results = package.load(sweep)
    assert results.varying == ["lr"]
    assert results.trials["lr"].tolist() == [0.03] * 3 + [0.1] * 3
    assert results.summary["label"].tolist() == ["lr=0.03", "lr=0.1"]
    assert len(results.curves) == 6 * 8
    facts = results.sweep
    assert [job.status for job in facts.jobs] == ["complete", "complete"]
    assert facts.stacks[0]["trials"] == 6
    assert facts.stacks[0]["engine"] == "compiled"
    stages = facts.stages
    assert sum(v for k, v in stages.items() if k != "total") == pytest.approx(
        stages["total"], abs=0.3, rel=0.03
    )
    assert "<html" in (sweep / "report.html").read_text()
    assert str(sweep.relative_to(nnrun.folder) / "report.html") in done.stdout
    assert "python -m nnrun.ui outputs/sweeps/" in done.stdout


@reads_mlflow
def test_mlflow_has_a_run_for_each_setting_and_one_for_the_sweep(nnrun):
    nnrun("-m", "features=raw,product", "network.hidden=[2],[]", *QUICK, "report=off")
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{nnrun.folder}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("nnrun")
    runs = client.search_runs([experiment.experiment_id])
    kinds = [run.data.tags["nnrun.kind"] for run in runs]
    assert sorted(kinds) == ["setting"] * 4 + ["sweep"]
    assert len({run.data.tags["nnrun.sweep"] for run in runs}) == 1
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs)
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    for run in runs:
        if run.data.tags["nnrun.kind"] != "setting":
            assert {"summary.csv", "trials.parquet"} <= {
                item.path for item in client.list_artifacts(run.info.run_id)
            }
            continue
        row = results.summary.set_index("setting").loc[run.data.tags["nnrun.setting"]]
        assert run.info.run_name == row["label"]
        assert run.data.params["network.hidden"] == row["network.hidden"]
        assert run.data.metrics["success_rate"] == row["success_rate"]
        curve = client.get_metric_history(run.info.run_id, "test_loss/median")
        mine = results.curves[results.curves["setting"] == row.name]
        by_hand = mine.groupby("samples")["test_loss"].median()
        assert [point.step for point in curve] == by_hand.index.tolist()
        np.testing.assert_allclose([point.value for point in curve], by_hand, rtol=1e-12)


def test_a_single_run_takes_the_same_path(nnrun):
    nnrun("lr=0.1", *QUICK, "tracking=off")
    nnrun("-m", "lr=0.1", *QUICK, *OFF)
    (run,), (sweep,) = nnrun.outputs("runs"), nnrun.outputs("sweeps")
    assert (run / "record.npz").is_file()
    assert (run / "report.html").is_file()
    pd.testing.assert_frame_equal(package.load(run).curves, package.load(sweep).curves)


def test_hydras_basic_launcher_gives_identical_tables(nnrun):
    grid = ["lr=0.1,0.5", "seed=0,2", *QUICK, "report=off"]
    nnrun("-m", *grid, "tracking=off")
    nnrun("-m", *grid, "hydra/launcher=basic")
    ours, basic = (package.load(folder) for folder in nnrun.outputs("sweeps"))
    pd.testing.assert_frame_equal(ours.curves, basic.curves, check_exact=True)
    timing = ["ns_per_sample"]
    for table in ("trials", "summary"):
        pd.testing.assert_frame_equal(
            getattr(ours, table).drop(columns=timing),
            getattr(basic, table).drop(columns=timing),
            check_exact=True,
        )
    folders = nnrun.outputs("sweeps")
    for number in range(4):
        a, b = (read_record(folder / str(number) / "record.npz") for folder in folders)
        for mine, theirs in zip(a.trials.params, b.trials.params, strict=True):
            np.testing.assert_array_equal(mine.weights, theirs.weights)
    assert basic.sweep.tracking["sweep"]


def test_a_sweep_over_seed_adds_trials_to_the_same_setting(nnrun):
    nnrun("-m", "seed=0,2", "lr=0.1,0.2", *QUICK, *OFF)
    results = package.load(nnrun.outputs("sweeps")[0])
    assert len(results.summary) == 2
    # seeds 0, 1, 2 and 2, 3, 4: the shared one counts once
    assert results.trials.groupby("label")["seed"].apply(list).tolist() == [[0, 1, 2, 3, 4]] * 2
    assert results.varying == ["lr"]


def test_a_study_needs_no_flag_and_takes_overrides(nnrun):
    nnrun("experiments=learning_rate", *QUICK, *OFF, "lr=0.1,0.3")
    (sweep,) = nnrun.outputs("sweeps")
    results = package.load(sweep)
    assert results.sweep.name == "learning_rate"
    assert results.trials["lr"].unique().tolist() == [0.1, 0.3]


def test_real_data_ends_with_a_sensible_accuracy(nnrun):
    common = ["budget=50000", "seeds=3", *OFF]
    nnrun("data=breast_cancer", "network.hidden=[16]", *common)
    table = nnrun.folder / "flowers.csv"
    from sklearn.datasets import load_iris

    frame = load_iris(as_frame=True).frame
    frame["colour"] = np.where(frame["petal width (cm)"] > 1, "blue", "white")
    frame["target"] = frame["target"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
    frame.to_csv(table, index=False)
    shown = nnrun("data=table", "data.path=flowers.csv", "data.label=target", "lr=0.1", *common)
    assert shown.stdout.splitlines()[:2] == [
        "table flowers.csv: 150 rows, 111 to train on, 39 held out",
        "label target: 3 classes: setosa 50, versicolor 50, virginica 50",
    ]
    for run in nnrun.outputs("runs"):
        assert package.load(run).trials["final_accuracy"].min() > 0.85


@reads_mlflow
def test_an_interrupt_ends_quickly_and_keeps_what_is_finished(nnrun):
    # two stacks: the small one is done long before the large one
    process = nnrun.start(
        "-m", "budget=2000,2000000000", "seeds=2", "evals=20", "executor.workers=1", "report=off"
    )
    deadline = time.monotonic() + 60
    while not list(nnrun.folder.glob("outputs/sweeps/*/0/record.npz")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - asked < 4 * slowness()  # two seconds on a quiet machine
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "1 of 2 jobs not finished" in errors
    assert "python -m nnrun -m budget=2000,2000000000" in errors
    (sweep,) = nnrun.outputs("sweeps")
    facts = json.loads((sweep / "sweep.json").read_text())
    assert facts["status"] == "interrupted"
    assert [job["status"] for job in facts["jobs"]] == ["complete", "missing"]
    assert package.load(sweep).trials["budget"].unique().tolist() == [2000]
    if not facts["tracking"]["error"]:  # else MLflow was still imported
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{nnrun.folder}/outputs/mlflow.db")
        kinds = {r.data.tags["nnrun.kind"]: r.info.status for r in client.search_runs(["1"])}
        assert kinds == {"setting": "FINISHED", "sweep": "KILLED"}


def test_progress_is_plain_lines_where_there_is_no_terminal(nnrun):
    sooner = "import nnrun.trials.progress as p; p.FIRST_SIGN = 0.2"
    run = ["budget=30000", "seeds=2", "evals=5", "engine=reference", *OFF]
    done = nnrun(*run, patch=sooner)
    lines = [line for line in done.stderr.splitlines() if line.startswith("training 2 trials")]
    assert lines
    assert "samples/s, ETA" in lines[0]


def test_sweeps_that_start_in_the_same_second_have_folders_of_their_own(nnrun):
    both = [nnrun.start("-m", f"lr={grid}", *QUICK, *OFF) for grid in ("0.1,0.2", "0.3,0.4,0.5")]
    for process in both:
        process.communicate(timeout=120)
        assert process.returncode == 0
    found = sorted(package.load(sweep).summary["lr"].tolist() for sweep in nnrun.outputs("sweeps"))
    assert found == [[0.1, 0.2], [0.3, 0.4, 0.5]]


def test_a_folder_with_results_is_refused_and_left_as_it_is(nnrun):
    for place in (["-m", "hydra.sweep.dir=there"], ["hydra.run.dir=here"]):
        nnrun(*place, "lr=0.1", *QUICK, *OFF)
        before = {p: p.read_bytes() for p in nnrun.folder.rglob("*") if p.is_file()}
        done = nnrun(*place, "lr=0.2", *QUICK, *OFF, code=2)
        assert "holds the results of another run or sweep" in done.stderr
        assert {p: p.read_bytes() for p in nnrun.folder.rglob("*") if p.is_file()} == before


def test_what_is_required_of_finding_and_store_makes_the_exit_code(nnrun):
    sweep = ["-m", "data=gauss", "lr=0.03,0.3", "budget=20000", "evals=40"]
    done = nnrun(*sweep, "tracking=off", "report.require=same(lr=0.3)", code=4)
    assert "required was same(lr=0.3), and found was 'sooner'" in done.stderr
    assert (nnrun.outputs("sweeps")[-1] / "report.html").is_file()
    nowhere = ["tracking.uri=http://127.0.0.1:9", "tracking.required=true"]
    done = nnrun(*sweep, *nowhere, "report.require='sooner(lr=0.3)'", code=3)
    assert "required" not in done.stderr
    assert done.stdout.splitlines()[-1].lstrip().startswith("MLflow: the MLflow server at")
    done = nnrun("report.require=maybe", *QUICK, "tracking=off", code=2)
    assert "report.require=maybe: must be one of sooner, later" in done.stderr


def test_records_that_lie_beside_a_run_are_not_taken_for_its_own(nnrun):
    nnrun("hydra.run.dir=here", "seed=7", *QUICK, *OFF)
    nnrun("hydra.run.dir=.", *QUICK, *OFF)
    assert package.load(nnrun.folder).trials["seed"].tolist() == [0, 1, 2]


def test_jobs_may_lie_deeper_but_not_in_one_folder(nnrun):
    nnrun("-m", "hydra.sweep.subdir=x/${hydra.job.num}", "lr=0.1,0.2", *QUICK, *OFF)
    assert len(package.load(nnrun.outputs("sweeps")[0]).summary) == 2
    done = nnrun("-m", "hydra.sweep.subdir=same", "lr=0.1,0.2", *QUICK, *OFF, code=2)
    assert "hydra.sweep.subdir=same: gives several jobs one folder" in done.stderr


def test_batches_of_a_sweep_end_in_one_table(nnrun):
    nnrun("-m", "hydra.sweeper.max_batch_size=2", "lr=0.1,0.2,0.3", *QUICK, *OFF)
    results = package.load(nnrun.outputs("sweeps")[0])
    assert results.summary["lr"].tolist() == [0.1, 0.2, 0.3]
    assert [job.status for job in results.sweep.jobs] == ["complete"] * 3


@pytest.mark.parametrize("wait", [0.0, 0.3, 0.8])
def test_an_interrupt_after_training_leaves_tables_that_can_be_loaded(nnrun, wait):
    process = nnrun.start("-m", "lr=0.1,0.2", *QUICK)
    deadline = time.monotonic() + 60
    while not list(nnrun.folder.glob("outputs/sweeps/*/1/record.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "everything was trained and saved" in errors
    assert len(package.load(nnrun.outputs("sweeps")[0]).summary) == 2


def test_an_interrupted_foreign_sweep_names_what_is_missing(nnrun):
    process = nnrun.start("-m", "hydra/launcher=basic", "budget=300,2000000000", "seeds=2", *OFF)
    deadline = time.monotonic() + 60
    while not list(nnrun.folder.glob("outputs/sweeps/*/0/record.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    sweep = package.load(nnrun.outputs("sweeps")[0]).sweep
    assert sweep.status == "interrupted"
    assert [job.status for job in sweep.jobs] == ["complete", "missing"]
