"""One run of every entry of every registry, sent to a store by either writer and read back."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nnrun.config.components import REGISTRIES
from nnrun.config.read import read
from nnrun.config.settings import Job
from nnrun.launch.launch import Launch, train_and_publish
from nnrun.network.activations import ACTIVATIONS
from nnrun.records.record import Record
from nnrun.records.sweep import SweepJob
from nnrun.sync import pending, send
from nnrun.tracking import client as tracker
from nnrun.tracking.entities import Dataset, dataset_inputs
from tests.integration.conftest import reads_mlflow
from tests.unit.test_validate import config

USUAL: dict[str, Any] = {
    "budget": 24,
    "evals": 4,
    "engine": "reference",
    "name": "entries",
    "target": {"metric": "test_loss", "value": 0.01, "hold": 1},
    "features": {"name": "terms"},
}
IRIS = {"data": {"name": "iris"}}
WHOLE_SETS = {"data": {"name": "xor", "n_train": 8}, "batch_size": 8}

NEEDS: dict[tuple[str, str], dict[str, Any]] = {
    ("data", "table"): {"data": {"name": "table", "path": "table.csv", "label": "kind"}},
    ("init", "saved"): {"init": {"name": "saved", "path": "first"}},
    ("loss", "categorical_crossentropy"): IRIS,
    ("optimizer", "quickprop"): WHOLE_SETS,
    ("optimizer", "rprop"): WHOLE_SETS,
}
"""What an entry asks for besides its name."""


class Trained(NamedTuple):
    """The folder of a sweep that was trained without MLflow, and its entries by setting."""

    folder: Path
    entries: Mapping[str, tuple[str, str]]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train a setting of every entry."""
    folder = tmp_path_factory.mktemp("entries")
    entries = [(group, name) for group, registry in REGISTRIES.items() for name in registry]
    with chdir(folder):
        Path("table.csv").write_text("a,kind\n" + "1,yes\n2,no\n" * 8, encoding="utf-8")
        train_into([read(config(**USUAL))], Path("first"))
        jobs = [job_of(*entry) for entry in entries]
        network = {"hidden": [2, 1], "output": "auto"}
        for name in ACTIVATIONS:
            entries.append(("activation", name))
            jobs.append(read(config(**USUAL, network={**network, "activation": name})))
        train_into(jobs, Path("sweep"))
    settings = [job.setting.id for job in jobs]
    # several entries are the usual ones: one setting
    return Trained(folder / "sweep", dict(zip(settings, entries, strict=True)))


def job_of(group: str, name: str) -> Job:
    return read(config(**{**USUAL, group: {"name": name}, **NEEDS.get((group, name), {})}))


def train_into(
    jobs: list[Job], folder: Path, change: Callable[[Record, int], Record] | None = None
) -> None:
    launch = Launch(folder, [], jobs=jobs)

    def publish(number: int, record: Record) -> None:
        home = folder / str(number) if len(jobs) > 1 else folder
        home.mkdir(parents=True)
        launch.write(change(record, number) if change else record, number, [], home)

    plan = [SweepJob(number, [], job.setting.id) for number, job in enumerate(jobs)]
    train_and_publish(jobs, plan, launch, publish)
    assert launch.finish() == 0


@reads_mlflow
def test_a_run_of_every_entry_is_read_back(sweep: Trained, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path}/m.db"
    told = send(sweep.folder, uri)
    assert (told["error"], told["not_logged"]) == (None, [])
    client = MlflowClient(uri)
    place = client.get_experiment_by_name("entries")
    runs = client.search_runs([place.experiment_id], "tags.`nnrun.kind` = 'setting'")
    assert {run.data.tags["nnrun.setting"] for run in runs} == sweep.entries.keys()
    assert len(runs) == len(sweep.entries)
    for run in runs:
        group, name = sweep.entries[run.data.tags["nnrun.setting"]]
        about = f"{group}={name}"
        assert (run.info.status, run.data.metrics["seeds"]) == ("FINISHED", 2), about
        key = "network.activation" if group == "activation" else f"{group}.name"
        assert run.data.params[key] == name, about
        roles = [i.tags[0].value for i in run.inputs.dataset_inputs]
        assert ", ".join(roles) == "training, test", about
    kept = {path.path for path in client.list_artifacts(runs[0].info.run_id)}
    assert kept == {"config.yaml", "model", "record.npz", "trials.csv"}


@reads_mlflow
def test_a_run_that_breaks_a_rule_of_the_store_is_refused_alone_and_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(datasets: Sequence[Dataset]) -> list[Any]:
        ours = datasets[0].name == "gate"
        return dataset_inputs([d._replace(digest="d" * 99) if ours else d for d in datasets])

    monkeypatch.chdir(tmp_path)
    jobs, folder = [job_of("data", name) for name in ("xor", "gate", "iris")], Path("sweep")
    train_into(jobs, folder)
    with monkeypatch.context() as patch:
        patch.setattr(tracker, "dataset_inputs", spoilt)
        told = send(folder, "sqlite:///m.db")
    xor, gate, iris = (job.setting.id for job in jobs)
    assert (set(told["settings"]), told["not_logged"]) == ({xor, iris}, [gate])
    assert "'digest' exceeds the maximum length" in told["error"]
    assert "; 1 of 3 settings are not in MLflow: python -m nnrun.sync" in told["error"]
    assert pending([folder]) == [folder]
    after = send(folder)
    assert (after["error"], after["not_logged"], pending([folder])) == (None, [], [])
    assert after["settings"].items() > told["settings"].items()
