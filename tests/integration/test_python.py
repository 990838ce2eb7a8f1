"""nnrun.run and nnrun.sweep in this process: the command line's words, tables and errors."""

import filecmp
import logging
import os
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.basecontainer import BaseContainer

import nnrun as package
from nnrun.calls import Call, Line, serving
from nnrun.errors import InputError, Shortfall, TrainingFailed
from nnrun.hydra_ext import session
from nnrun.hydra_ext.keywords import as_words
from nnrun.network.activations import Tanh
from nnrun.tracking import mirror
from nnrun.trials import shard
from tests.integration.conftest import OFF, QUICK

SMALL = {"budget": 300, "seeds": 3, "evals": 8, "tracking": "off", "report": "off"}
TABLES = ("trials.parquet", "curves.parquet", "summary.csv")

texts = st.text(st.sampled_from("ab1.,'\"\\{}[]()=:#$é\n%/*+-~@x _"), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.just("key"), some),
    max_leaves=6,
)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@given(values.filter(lambda value: not isinstance(value, dict) and "${" not in repr(value)))
def test_hydra_reads_every_value_as_it_was(value):
    (word,) = as_words({"key": value}, sweeps=False)
    read = Override._convert_value(OverridesParser.create().parse_overrides([word])[0].value())
    assert read == value
    assert repr(read) == repr(value)


def test_values_are_written_as_one_would_type_them():
    asked = {"lr": np.array([0.1, 1e-05]), "network": {"hidden": [[4], [2, 1]]}, "seeds": "auto"}
    words = ["network.hidden=[4],[2,1]", "seeds=auto"]
    assert as_words(asked, sweeps=True) == ["-m", "lr=0.1,1e-05", *words]
    asked = {"data.path": Path("my, own.csv"), "data.label": "1", "clip.norm": None, "a": True}
    words = ["data.path='my, own.csv'", "data.label='1'", "clip.norm=null", "a=true"]
    assert as_words(asked, sweeps=False) == words
    assert as_words({"network.activation": [Tanh, "relu"]}, True)[1:] == [
        "network.activation=tanh,relu"
    ]
    once = {"sweep": {"zip": ["lr", "batch_size"]}, "lr": range(1, 3)}
    assert as_words(once, True, ["a", "b"], "mine", ["x=1"]) == [
        "--config-dir=mine", "-m", "experiments=a,b", "sweep.zip=[lr,batch_size]", "lr=1,2", "x=1"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"lr": []}, "lr=[]: must be one value or several (in a sweep a list is a grid"),
        ({"lr": 1j}, "lr=1j: has no word on the command line: it is a complex"),
        ({"a b": 1}, "a b: is no key (a key is a word)"),
        ({3: 1}, "3: is no key"),
        (
            {"data.path": "a${b}.csv"},
            "data.path=a${b}.csv: has no word on the command line: Hy",
        ),
        ({"network": {"hidden": [4]}, "network.hidden": [5]}, "network.hidden: is given twice (l"),
    ],
)
def test_what_has_no_word_is_refused(asked, said):
    with pytest.raises(InputError) as refused:
        package.sweep(asked, progress=False)
    assert str(refused.value).startswith(said)


def test_a_key_is_given_once():
    with pytest.raises(InputError, match=r"^lr: is given twice \(leave one out\)$"):
        package.sweep({"lr": [0.1]}, lr=0.2)
    with pytest.raises(InputError, match=r"^grid=0.1: must be a mapping of keys to values"):
        package.sweep(0.1)
    with pytest.raises(InputError, match=r"^overrides=lr=1: must be a list of texts"):
        package.run(overrides="lr=1")


@pytest.mark.parametrize("flag", ["--version", "--help", "--cfg=job", "-m"])
def test_overrides_set_keys_and_are_no_flags(flag):
    with pytest.raises(InputError, match=rf"^overrides={flag}: is a flag, and only keys can be"):
        package.run(overrides=[flag])


def test_what_a_call_does_not_take_is_told():
    with pytest.raises(InputError, match=r"^plan_only: is what nnrun.plan is for \(leave it out;"):
        package.plan({"lr": [0.1]}, overrides=["plan_only=false"])
    with pytest.raises(InputError, match=r'^seeds=2: must be a whole number or "auto"$'):
        package.run(seeds=2.0)
    with (
        serving(Call([])),
        pytest.raises(InputError, match=r"^nnrun.run: was called from within a sweep$"),
    ):
        package.run()


def test_what_is_tuned_is_a_mapping():
    tuned = {"lr": [0.1, 0.2], "batch_size": [1]}
    word = "sweep.tune={lr:[0.1,0.2],batch_size:[1]}"
    assert as_words({"sweep": {"tune": tuned}}, sweeps=True) == ["-m", word]
    assert as_words({"sweep.tune": tuned}, sweeps=True) == ["-m", word]


def test_results_are_found_from_another_folder(tmp_path, monkeypatch):
    found = package.run(progress=False, **SMALL)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert len(found.curves) > 0
    assert found.folder.is_dir()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_waits_for_no_thread_that_it_has_not():
    with session.ONE_AT_A_TIME:
        child = os.fork()
        if not child:
            os._exit(not session.ONE_AT_A_TIME.acquire(blocking=False))
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("wanted", [True, False])
def test_waiting_for_mlflow_is_silent_where_no_progress_is_wanted(wanted, monkeypatch, capsys):
    monkeypatch.setattr(mirror, "FIRST_LINE", 0.0)
    with serving(Call([], Line(wanted))), mirror.waiting() as tell:
        tell(1)
    assert capsys.readouterr().err == "logging to MLflow: 1 run left\n" * wanted


def same_tables(mine: Path, theirs: Path) -> bool:
    return all(filecmp.cmp(mine / name, theirs / name, shallow=False) for name in TABLES)


def test_a_sweep_gives_the_tables_of_its_command_to_the_byte(nnrun, capsys):
    grid = {"lr": [0.03, 0.1], "features": ["raw", "product"]}
    found = package.sweep(grid, **SMALL)
    nnrun("-m", "lr=0.03,0.1", "features=raw,product", *QUICK, *OFF)
    mine, theirs = nnrun.outputs("sweeps")
    assert found.folder.resolve() == mine
    assert same_tables(mine, theirs)
    read = package.load(mine)
    assert found.curves.equals(read.curves)
    assert found.trials.equals(read.trials)
    words = "-m lr=0.03,0.1 features=raw,product"
    more = "budget=300 evals=8 tracking=off report=off seeds=3"
    assert found.sweep.command == f"python -m nnrun {words} {more}"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("4 settings × 3 seeds in ")
    assert err.endswith(f" s: {found.folder.relative_to(Path.cwd())}\n")


def test_a_run_gives_the_tables_of_its_command_to_the_byte(nnrun, capsys):
    found = package.run({"network": {"hidden": [3, 2]}}, lr=0.1, progress=False, **SMALL)
    nnrun("lr=0.1", "network.hidden=[3,2]", *QUICK, *OFF)
    mine, theirs = nnrun.outputs("runs")
    assert found.folder.resolve() == mine
    assert same_tables(mine, theirs)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"lr": "x"}, ["lr=x"]),
        ({"lrr": 1}, ["lrr=1"]),
        ({"lr": [0.1]}, ["lr=[0.1]"]),
        ({"target": {"hold": 0}}, ["target.hold=0"]),
        ({"features": "raww"}, ["features=raww"]),
        ({"experiments": "none_such"}, ["experiments=none_such"]),
        ({"config_dir": "none_such"}, ["--config-dir=none_such"]),
        ({"overrides": ["lr=0.1,0.2"]}, ["lr=0.1,0.2"]),
        ({"overrides": ["hydra.run.dir=null"]}, ["hydra.run.dir=null"]),
        ({"lr": [0.1, "x"], "batch_size": [1, 0]}, ["-m", "lr=0.1,x", "batch_size=1,0"]),
    ],
)
def test_bad_input_is_refused_in_the_commands_words(nnrun, call, words):
    with pytest.raises(InputError) as refused:
        (package.sweep if "-m" in words else package.run)(**call)
    assert nnrun(*words, code=2).stderr == f"error: {refused.value}\n"
    assert not os.listdir()  # noqa: PTH208


def test_a_process_is_left_as_it_was(monkeypatch, tmp_path):
    log = logging.FileHandler(tmp_path / "own.log", mode="w")
    logging.root.addHandler(log)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/config.yaml").write_text("mine: 1\n")

    def state():
        return (
            logging.root.level, logging.root.handlers[:], logging.getLogger("hydra").level,
            dict(os.environ), Path.cwd(), list(sys.path), list(sys.argv), warnings.filters[:],
            GlobalHydra.instance().hydra, set(BaseContainer._resolvers), vars(OmegaConf)["load"],
            [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
        )  # fmt: skip

    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.syspath_prepend(str(tmp_path))
    with initialize(config_path=None, version_base="1.3"):
        before = state()
        package.run(overrides=["hydra.job.chdir=true", "+hydra.job.env_set.OWN=1"], **SMALL)
        assert state() == before
        with pytest.raises(InputError):
            package.run(lr="x")
        assert state() == before
        Singleton._instances.pop(Plugins)  # Hydra looks for its plugins anew, not for ours
        Plugins.instance()
        package.run(**SMALL)
        assert compose(overrides=["+a=1"]).a == 1
    logging.warning("still heard")
    logging.root.removeHandler(log)
    log.close()
    assert (tmp_path / "own.log").read_text().endswith("still heard\n")


def test_two_threads_take_turns():
    def sweep(rates):
        return package.sweep(lr=rates, progress=False, **SMALL)

    grids, before = [[0.1, 0.2], [0.3, 0.4]], threading.active_count()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(sweep, grids))
    assert [one.trials["lr"].unique().tolist() for one in found] == grids
    for one, rates in zip(found, grids, strict=True):
        assert one.sweep.command.startswith(f"python -m nnrun -m lr={rates[0]},{rates[1]} ")
        assert one.trials.equals(package.load(one.folder).trials)
    assert threading.active_count() == before


def test_a_plan_trains_nothing():
    found = package.plan(lr=[0.1, 0.2], **SMALL)
    assert (found["jobs"], found["trials"], found["cached"]) == (2, 6, 0)
    assert not Path("outputs/sweeps").exists()
    with pytest.raises(InputError, match=r"ask for no results \(nnrun.plan says what would"):
        package.sweep(plan_only=True, **SMALL)


def test_what_was_required_and_is_not_there_is_said_with_the_results(undrawn):
    asked = {**SMALL, "report": "html", "report.require": "sooner(lr=0.2)"}
    with pytest.raises(Shortfall, match=r"^required was sooner\(lr=0.2\), and found") as short:
        package.sweep({"lr": [0.1, 0.2]}, **asked)
    assert len(short.value.results.trials) == 6


def test_training_that_fails_in_some_settings_is_told_and_in_all_raised(monkeypatch, capsys):
    train = shard.train

    def raising(some, *arguments):
        if any(trial.setting.lr == 0.2 for trial in some.trials):
            raise RuntimeError("the sensor broke")
        return train(some, *arguments)

    monkeypatch.setattr(shard, "train", raising)
    found = package.sweep({"lr": [0.1, 0.2]}, **SMALL)
    assert found.trials.groupby("lr")["status"].first().tolist() == ["exhausted", "failed"]
    assert "; 1 failed: RuntimeError: the sensor broke: " in capsys.readouterr().err
    with pytest.raises(TrainingFailed, match=r"^RuntimeError: the sensor broke$"):
        package.run(lr=0.2, **SMALL)
