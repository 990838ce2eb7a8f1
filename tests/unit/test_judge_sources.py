"""What is judged is read from files, event files and MLflow's runs."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

import nnrun
from nnrun.errors import InputError
from nnrun.judge import main
from nnrun.judging.events import read_events
from nnrun.judging.files import read_files
from nnrun.judging.judge import Asked
from nnrun.judging.sources import read_source
from nnrun.tracking.histories import histories

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own database
RATES = {"sgd": 0.1, "adam": 0.2}
STEPS = np.arange(1, 31)


def accuracy(optimizer, seed):
    return 1 - np.exp(-RATES[optimizer] * (1 + seed / 40) * STEPS)


def a_table(seeds=20):
    parts = [
        pd.DataFrame({"optimizer": o, "seed": s, "step": STEPS, "val_acc": accuracy(o, s)})
        for o in RATES
        for s in range(seeds)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_file_is_read_by_its_ending(tmp_path, ending):
    table = a_table(2)
    path = tmp_path / f"curves.{ending}"
    write = {"csv": table.to_csv, "parquet": table.to_parquet}.get(ending)
    if write is None:
        table.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        write(path, index=False)
    found, told = read_files([str(path)])
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    expected = [f"table {path}", "120 rows", "columns optimizer, seed, step and val_acc"]
    assert told == [expected]


def test_several_files_are_told_apart_by_their_names(tmp_path):
    for name, part in a_table(2).groupby("optimizer"):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    found, _ = read_files([str(tmp_path / "*.csv")])
    assert (found["file"] == found["optimizer"]).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv"], "file=none.csv: is not there (a path, or a pattern in quotes)"),
        (["x.txt"], "file=x.txt: has the unknown ending '.txt' (known: .csv, .parquet,"),
        (["bad.parquet"], "file=bad.parquet: cannot be read: "),
        (["x.csv", "mlflow:y"], "file=x.csv mlflow:y: goes with no other source"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").write_text("a")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.parquet").write_text("a")
    with pytest.raises(InputError) as refused:
        read_source(words, Asked(["a"], "b>=1"))
    assert str(refused.value).startswith(said)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Runs as a script logs them: two optimizers, a run a seed, and one that failed at once."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'runs.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("nets")
    for optimizer in RATES:
        for seed in range(20):
            start = 1000 * seed + 100_000 * (optimizer == "adam")
            run = client.create_run(experiment, start_time=start).info.run_id
            params = {"optimizer": optimizer, "seed": seed, "width": 16, "out": f"{run}.txt"}
            for key, value in params.items():
                client.log_param(run, key, value)
            values = accuracy(optimizer, seed)
            metrics = [
                Metric("val_acc", float(v), start + 10 * int(n), int(n))
                for n, v in zip(STEPS, values, strict=True)
            ]
            client.log_batch(run, [*metrics, Metric("val_acc", 0.5, 1, 30)])
            client.set_terminated(run)
    failed = client.create_run(experiment).info.run_id
    client.set_terminated(failed, "FAILED")
    return uri


def test_the_histories_of_an_experiment_are_a_table(store):
    found = histories("nets", "val_acc", uri=store)
    assert (list(found.setting), found.seed) == (["optimizer"], "seed")
    assert found.notes == [
        "1 run without val_acc is left out: 1 FAILED.",
        "out is another in every run, and tells no settings apart.",
        "Of 40 values logged again at a step the last counts.",
    ]
    assert found.told[1:] == ["40 runs", "1,200 values"]
    own = found.frame.sort_values(["optimizer", "seed", "step"], ascending=[False, True, True])
    expected = a_table()
    same = list(expected.columns)
    pd.testing.assert_frame_equal(own[same].reset_index(drop=True), expected, check_dtype=False)
    assert found.frame["seconds"].max() == pytest.approx(0.3)


def test_runs_that_failed_before_their_first_value_count_as_not_arriving(store):
    client = MlflowClient(store)
    experiment = client.create_experiment("crashes")
    for optimizer in RATES:
        for seed in range(12):
            run = client.create_run(experiment).info.run_id
            for key, value in {"optimizer": optimizer, "seed": seed}.items():
                client.log_param(run, key, value)
            crash = optimizer == "adam" and seed % 3 == 0
            values = [] if crash else zip(STEPS, accuracy(optimizer, seed), strict=True)
            client.log_batch(run, [Metric("val_acc", float(v), 1, int(n)) for n, v in values])
            client.set_terminated(run, "KILLED" if crash else "FINISHED")
    failed = client.create_run(experiment).info.run_id  # its seed was run again
    client.log_param(failed, "optimizer", "sgd")
    client.log_param(failed, "seed", 5)
    client.set_terminated(failed, "FAILED")
    found = histories("crashes", "val_acc", ["optimizer"], uri=store)
    assert found.notes == [
        "4 runs failed before the first val_acc (4 of optimizer=adam KILLED): they count as not "
        "arriving, as diverged ones do.",
        "1 run without val_acc (1 FAILED) had the setting and seed of another: the one that has it "
        "counts.",
    ]
    results = nnrun.judge(found.frame, setting="optimizer", target="val_acc>=0.9")
    status = results.trials.set_index(["optimizer", "seed"])["status"]
    assert status["adam"].to_list() == ["diverged", "reached", "reached"] * 4
    assert len(status["sgd"]) == 12


def test_runs_of_mlflow_are_judged_as_their_table_is(store, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.chdir(tmp_path)
    assert main(["mlflow:nets", "--target", "val_acc>=0.9"]) == 0
    found = nnrun.load(tmp_path / "outputs/judged/nets")
    wanted = nnrun.judge(a_table(), setting="optimizer", target="val_acc>=0.9")
    assert found.verdict == wanted.verdict
    assert "Yes: optimizer=adam converges sooner than optimizer=sgd." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("nits", "val_acc"), "experiment=nits: is no experiment of sqlite"),
        (("nets", "val_ac"), "y=val_ac: is no metric of 41 runs of 'nets' (did you mean"),
    ],
)
def test_what_a_store_has_not_is_refused(store, asked, said):
    with pytest.raises(InputError) as refused:
        histories(*asked, uri=store)
    assert str(refused.value).startswith(said)
    assert "did you mean" in str(refused.value)


def test_a_seed_that_no_param_holds_is_refused(store):
    with pytest.raises(InputError, match="seed=lucky: is no param and no tag of these runs"):
        histories("nets", "val_acc", seed="lucky", uri=store)


def write_events(folder):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for optimizer in RATES:
        for seed in range(2):
            writer = EventFileWriter(str(folder / f"{optimizer}_seed{seed}"))
            for step, value in zip(STEPS, accuracy(optimizer, seed), strict=True):
                one = Summary.Value(tag="val_acc", simple_value=float(value))
                event = Event(step=int(step), wall_time=100.0 + step, summary=Summary(value=[one]))
                writer.add_event(event)
            writer.close()


def test_a_folder_of_event_files_is_a_table(tmp_path):
    write_events(tmp_path / "runs")
    asked = Asked((), "val_acc>=0.9")
    found = read_source([str(tmp_path / "runs")], asked, "{optimizer}_seed{seed}")
    assert (found.asked.setting, found.asked.seed, found.asked.name) == (
        ["optimizer"],
        "seed",
        "runs",
    )
    own = found.frame.sort_values(["optimizer", "seed", "step"], ascending=[False, True, True])
    expected = a_table(2)
    same = list(expected.columns)
    pd.testing.assert_frame_equal(own[same].reset_index(drop=True), expected, check_dtype=False)
    assert found.frame["seconds"].max() == 29
    with pytest.raises(InputError, match="fits none of 4 folders with event files"):
        read_events(tmp_path / "runs", "val_acc", "{optimizer}-{seed}-{more}")
    with pytest.raises(InputError, match="y=val_loss: is no scalar of 4 runs"):
        read_events(tmp_path / "runs", "val_loss", "{optimizer}_seed{seed}")


def test_the_module_can_be_called_when_it_was_imported():
    code = "import nnrun, nnrun.judge; print(nnrun.judge.__call__, nnrun.judge.main)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "bound method _Judge" in done.stdout


def test_the_command_answers_in_json(tmp_path):
    a_table().to_csv(tmp_path / "curves.csv", index=False)
    words = ["curves.csv", "--setting", "optimizer", "--target", "val_acc>=0.9", "--json"]
    command = [sys.executable, "-m", "nnrun.judge", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    found = json.loads(done.stdout)
    assert (found["kind"], found["status"]) == ("sweep", "complete")
    assert found["contrasts"][0]["verdict"] == "sooner"
    page = (tmp_path / "outputs/judged/curves/report.html").read_text()
    body = page.split("<body>")[1].split('<section id="provenance">')[0]
    text = re.sub(r"(?s)<style.*?</style>|<[^>]*>", " ", body).lower()
    for word in ("samples", "network", "accuracy", "trained", "epoch"):
        assert not re.search(rf"(?<!re)(?<!small ){word}", text), word
    assert "against step" in text
    with pytest.raises(InputError, match=r"holds no record\.npz"):
        nnrun.make_report(tmp_path / "outputs/judged/curves")
