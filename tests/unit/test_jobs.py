"""A job's folder, log, callbacks and outcome: what Hydra's own ``run_job`` leaves, byte by byte."""

import io
import logging
import os
import pickle
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.core.utils import run_job as run_job_of_hydra
from hydra.experimental.callback import Callback
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from nnrun.hydra_ext.jobs import JobLog, run_job, yaml_text
from tests.hydra_app import hydra_app

JOBS = [
    ["lr=0.1", "network.hidden=[3,3]", "features=raw"],
    [],
    ["lr=1e-7", "features=raw", "name='a: b'"],
    ["+data.extra=0.3", "~schedule", "batch_size=${seeds}", "hydra.job.name=joe"],
    ["lr=0.1", "name='" + "long words " * 20 + "'", "+extra={a:[1,{b:2}],c:{}}"],
    ["hydra.sweep.subdir=deeper/${lr}", "hydra.job.chdir=true", "+hydra.job.env_set.NNRUN_X=7"],
    ["hydra.output_subdir=about", "target.value=${oc.env:HOME}"],
    ["hydra.output_subdir=null", "lr=nan"],
]


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with hydra_app("lr=0.1,0.2", "hydra.sweep.dir=${hydra.job.name}/sweep") as app:
        yield app


class Watch(Callback):
    """Remembers what callbacks are shown, and what is so while they are."""

    def __init__(self):
        self.seen = []

    def on_job_start(self, config, *, task_function, **kwargs):
        self.seen.append(("start", OmegaConf.to_yaml(config), task_function(None), self.around()))

    def on_job_end(self, config, job_return, **kwargs):
        facts = (job_return.status, job_return.overrides, job_return.working_dir)
        self.seen.append(("end", OmegaConf.to_yaml(config), facts, self.around()))

    def around(self):
        hydra = HydraConfig.get()
        known = (hydra.job.num, hydra.runtime.output_dir, OmegaConf.is_readonly(hydra))
        return known, os.environ.get("NNRUN_X"), Path.cwd(), OmegaConf.to_yaml(hydra)


def by_hydra(app, overrides, number, task):
    config = app.loader.load_sweep_config(app.master, overrides)
    config.hydra.job.id = str(number)
    config.hydra.job.num = number
    return run_job_of_hydra(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", app.context)


def files(folder):
    found = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    # a line of a log begins with the time
    return {k: v.split(b"]", 1)[1] if k.suffix == ".log" else v for k, v in found.items()}


def test_folders_callbacks_and_outcomes_are_those_of_hydra(app, tmp_path):
    watch = Watch()
    app.context.callbacks.callbacks.append(watch)
    around = []

    def task(given):
        if given is not None:
            around.append(watch.around())
            logging.getLogger("test").info("in the task")
        return 5

    left, log = [], JobLog()

    def by_us(app, overrides, number, task):
        return run_job(app.context, app.composer, overrides, number, task, log)

    for run in (by_hydra, by_us):
        returns = [run(app, overrides, n, task) for n, overrides in enumerate(JOBS)]
        logging.shutdown()
        left.append((returns, files(tmp_path), watch.seen[:], around[:]))
        for path in files(tmp_path):
            (tmp_path / path).unlink()
        watch.seen.clear()
        around.clear()
    (theirs, *rest), (ours, *our_rest) = left
    assert our_rest == rest
    logs = {path for path in rest[0] if path.suffix == ".log"}
    assert len(logs) == len(JOBS)
    assert sum(path.name == "hydra.yaml" for path in rest[0]) == len(JOBS) - 1
    for mine, other in zip(ours, theirs, strict=True):
        assert repr(pickle.loads(pickle.dumps(mine))) == repr(other)
        assert mine.return_value == 5


def test_a_task_that_raises_has_failed_and_the_next_one_runs(app, capsys):
    def task(folder):
        if folder.name == "1":
            raise KeyError("mine")
        return folder

    bad, good = (
        run_job(app.context, app.composer, [f"lr={lr}", "hydra.job.chdir=true"], lr, task, JobLog())
        for lr in (1, 2)
    )
    assert bad.status is JobStatus.FAILED
    with pytest.raises(KeyError, match="mine"):
        _ = bad.return_value
    assert "Error executing job with overrides: ['lr=1']" in capsys.readouterr().err
    assert good.return_value == Path("nnrun/sweep/2")
    # the sweep's own configuration again, which has no number
    assert OmegaConf.is_missing(HydraConfig.get().job, "num")


def test_an_interrupt_passes_and_leaves_nothing_changed(app, tmp_path):
    def task(_):
        raise KeyboardInterrupt

    overrides = ["hydra.job.chdir=true", "+hydra.job.env_set.NNRUN_X=7"]
    with pytest.raises(KeyboardInterrupt):
        run_job(app.context, app.composer, overrides, 0, task, JobLog())
    assert Path.cwd() == tmp_path
    assert "NNRUN_X" not in os.environ
    assert OmegaConf.is_missing(HydraConfig.get().job, "num")


def test_without_callbacks_of_others_nothing_of_omegaconf_is_made(app, monkeypatch):
    log = JobLog()
    run_job(app.context, app.composer, ["lr=1"], 0, lambda _: 0.5, log)
    with monkeypatch.context() as patch:
        patch.setattr(OmegaConf, "masked_copy", None)
        patch.setattr(OmegaConf, "to_container", None)
        outcome = run_job(app.context, app.composer, ["lr=2"], 1, lambda _: 0.5, log)
    assert isinstance(outcome, JobReturn)
    assert (outcome.return_value, outcome.cfg, outcome.hydra_cfg) == (0.5, None, None)
    assert "lr: 2\n" in Path("nnrun/sweep/1/.hydra/config.yaml").read_text()
    assert Path("nnrun/sweep/1/nnrun.log").is_file()


# OmegaConf reads dollars as interpolations, and refuses some
texts = st.text(st.characters(exclude_characters="$", codec="utf-8"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["yes", "1", "1e3", "~", "a: b", "x" * 90, "word " * 40, "- a", "#"])
    | st.sampled_from(["lr=0.1,seeds=2", "/tmp/a-b/0", "y/n", "=/", "12", "007"])
)
keys = texts | st.integers() | st.booleans() | st.sampled_from(["k" * 130, "?", "a b", "no"])
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True)
@example(plain={"a": 0.0, "b": {"a": -0.0, "c": {"a": True, "d": 1}}, "e": 1.0})
@given(plain=st.dictionaries(keys, trees, max_size=4))
def test_the_text_says_to_omegaconf_what_its_own_says(plain):
    for text, content in ((yaml_text(plain), plain), (yaml_text(plain, "in"), {"in": plain})):
        again = OmegaConf.load(io.StringIO(text))
        assert repr(OmegaConf.to_container(again)) == repr(content)


def test_what_is_written_without_a_dumper_is_what_it_writes():
    plain = {
        "a": "lr=0.1,seeds=2",
        "b": {"c": "/tmp/" + "long/" * 40, "1": "12", "no": 3, "d": "y/n"},
    }
    assert yaml_text(plain, "in") == OmegaConf.to_yaml(OmegaConf.create({"in": plain}))
