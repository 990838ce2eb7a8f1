"""Records: whole or absent, and the same when read back."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from nnrun import custom
from nnrun.config.rules import fitted
from nnrun.config.settings import Executor, Job, Network, Report, Tracking
from nnrun.errors import InputError, refused
from nnrun.layout import together, write_atomically, write_text
from nnrun.model.load import setting_of
from nnrun.network.activations import LeakyRelu
from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import Schedule
from nnrun.records.record import RECORD, read_record, read_records, write_record
from nnrun.trials.cache import Cache
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting
from tests.records import curves_table, described, trials_table


def job(setting=None, seed=0, seeds=3):
    executor = Executor(workers=2)
    setting = setting or make_setting()
    return Job(setting, seed, seeds, "test", Tracking("off"), executor, Report("off"))


def records(*jobs):
    found = run_jobs(jobs, Tally(), Cache(use="off"))
    return [record for _, record in sorted(found, key=lambda pair: pair[0])]


def test_a_record_reads_back_as_it_was_written(tmp_path):
    (record,) = records(job())
    record.meta["number"] = 0
    write_record(record, tmp_path)
    (back,) = read_records([tmp_path / RECORD])
    for a, b in [
        (back.seeds, record.seeds),
        (back.trials.ns_per_sample, record.trials.ns_per_sample),
        *zip(back.trials.curves, record.trials.curves, strict=True),
        *zip(back.outcomes, record.outcomes, strict=True),
    ]:
        np.testing.assert_array_equal(a, b)
    for a, b in zip(back.trials.params, record.trials.params, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
        np.testing.assert_array_equal(a.bias, b.bias)
    assert back.meta["config"] == json.loads(json.dumps(record.meta["config"]))
    assert [p.name for p in tmp_path.iterdir()] == [RECORD]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table"
    write_atomically(path, lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"new, but")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def full_disk(file):
    raise OSError(28, "No space left on device")  # what a file says has no name in it


def test_what_the_system_refuses_names_the_file_and_not_the_temporary_one(tmp_path):
    with pytest.raises(OSError, match="No space") as caught:
        write_atomically(tmp_path / "table", full_disk)
    assert caught.value.filename == str(tmp_path / "table")
    with pytest.raises(FileNotFoundError) as missing:
        write_text(tmp_path / "nowhere" / "table", "text")
    assert missing.value.filename == str(tmp_path / "nowhere" / "table")
    with pytest.raises(OSError, match="No space") as caught, together(tmp_path) as new:
        write_atomically(new / "table", full_disk)
    assert refused(caught.value) == (
        f"{tmp_path / 'table'}: No space left on device (free some space; the same command goes on)"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_a_damaged_record_is_refused_by_name(tmp_path, damage):
    (record,) = records(job())
    path = write_record(record, tmp_path).path
    whole = path.read_bytes()
    content = {"truncated": whole[: len(whole) // 2], "text": b"hello", "empty": b""}
    path.write_bytes(content[damage])
    with pytest.raises(InputError, match=r"record\.npz: is not a readable record"):
        read_record(path)


def test_another_schema_is_refused(tmp_path):
    (record,) = records(job())
    record.meta["schema"] = 999
    with pytest.raises(InputError, match="has schema 999"):
        read_record(write_record(record, tmp_path).path)


def test_jobs_that_share_a_setting_share_its_trials_in_the_tables():
    overlapping = records(job(seed=0, seeds=3), job(seed=2, seeds=3))
    facts = described({r.setting: r.meta["config"] for r in overlapping})
    trials = trials_table(overlapping, facts)
    assert trials["seed"].tolist() == [0, 1, 2, 3, 4]
    assert trials["setting"].nunique() == 1
    curves = curves_table(overlapping, facts)
    assert len(curves) == 5 * len(overlapping[0].samples)


def test_the_tables_hold_what_the_records_hold():
    slow, fast = make_setting(lr=0.01), make_setting(lr=5.0)
    found = records(job(slow), job(fast))
    facts = described({r.setting: r.meta["config"] for r in found})
    trials = trials_table(found, facts)
    assert facts.varying == ["lr"]
    assert trials["lr"].tolist() == [0.01] * 3 + [5.0] * 3
    assert trials["label"].unique().tolist() == ["lr=0.01", "lr=5"]
    row = trials[(trials["lr"] == 5.0) & (trials["seed"] == 1)].iloc[0]
    assert row["final_accuracy"] == found[1].trials.curves.accuracy[1, -1]
    assert row["status"] == found[1].outcomes.status[1]
    curve = curves_table(found, facts).query("setting == @row.setting and seed == 1")
    np.testing.assert_array_equal(curve["test_loss"], found[1].trials.curves.test_loss[1])
    np.testing.assert_array_equal(curve["samples"], found[1].trials.curves.samples)


@dataclass(frozen=True)
class Explosive:
    """A schedule that raises in training."""

    name = "explosive"

    def factor(self, steps, n_steps):
        raise RuntimeError("boom at the first step")


def test_an_error_fails_its_own_setting_and_no_other(tmp_path):
    broken, sound = records(job(make_setting(schedule=Explosive())), job())
    assert set(broken.outcomes.status) == {"failed"}
    assert "boom at the first step" in broken.meta["error"]
    assert sound.meta["error"] is None
    facts = described({r.setting: r.meta["config"] for r in (broken, sound)})
    trials = trials_table([broken, sound], facts)
    assert trials["status"].tolist()[:3] == ["failed"] * 3
    assert trials["final_test_loss"].isna().tolist() == [True] * 3 + [False] * 3
    write_record(broken, tmp_path)
    assert read_record(tmp_path / RECORD).trials.params == ()


def test_files_that_belong_together_take_their_places_together_or_not_at_all(tmp_path):
    def write(a, b):
        with together(tmp_path) as new:
            (new / "a").write_text(a)
            if b is None:
                raise KeyboardInterrupt
            (new / "b").write_text(b)

    write("1", "one")
    with pytest.raises(KeyboardInterrupt):
        write("2", None)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "1", "b": "one"}
    (tmp_path / "b").unlink()
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write("2", "two")
    assert refused(caught.value).startswith(f"{tmp_path / 'b'}: Is a directory (move it away")
    assert (tmp_path / "a").read_text() == "1"
    (tmp_path / "b").rmdir()
    write("3", "three")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "3", "b": "three"}


@dataclass(frozen=True)
class Steady(Schedule):
    share: float = 1.0

    def factor(self, steps, n_steps):
        return np.full(len(steps), self.share)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network": Network((2, 1), LeakyRelu(slope=0.3), "sigmoid")},
        {"network": Network((2, 1), (LeakyRelu(slope=0.3), "tanh"), LeakyRelu(slope=0.2))},
        {"network": Network((), "sigmoid", "sigmoid")},
        {"network": Network((3,), ("leaky_relu",), "sigmoid")},
        {"schedule": Steady(0.5), "optimizer": OPTIMIZERS["momentum"](momentum=0.5)},
    ],
    ids=str,
)
def test_a_record_alone_says_what_was_trained(changes):
    custom.component("schedule", f"{__name__}.Steady")
    (record,) = records(job(fitted(make_setting(**changes)), seeds=1))
    meta = json.loads(json.dumps({**record.meta, "number": 0}))
    setting = setting_of(meta)
    assert setting.id == record.setting
    assert setting.architecture == make_setting(**changes).architecture
