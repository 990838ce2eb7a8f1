"""Training that goes on ends where an uninterrupted one ends, to the last bit."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nnrun.config.rules import fitted
from nnrun.config.settings import Network
from nnrun.errors import InputError
from nnrun.network.mlp import Layer
from nnrun.network.optimizers import OPTIMIZERS, State
from nnrun.network.schedules import SCHEDULES
from nnrun.problem.planar_generators import Xor
from nnrun.records.continued import find_state
from nnrun.records.record import Record, read_record, write_record
from nnrun.training.convergence import outcomes
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

SEEDS = (3, 1, 4)


def stack_of(setting):
    return Stack(tuple(Trial(setting, seed) for seed in SEEDS))


def saved(setting, folder, engine):
    """Train a setting and leave its record in a folder."""
    trained = run(stack_of(setting), engine)
    config = json.loads(json.dumps(setting.flat))
    meta = {"setting": setting.id, "config": config, "engine": trained.engine, "error": None}
    meta |= {"sources": setting.sources, "task": "binary", "samples": setting.budget}
    folder.mkdir(parents=True, exist_ok=True)
    return write_record(
        Record(meta, trained, outcomes(trained.curves, setting.target)), folder
    ).path


def respoiled(path, **arrays):
    """Give a record other arrays."""
    with np.load(path) as found:
        content = {**found, **{name.replace("__", "/"): a for name, a in arrays.items()}}
    np.savez(path, **content)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_state_of_another_shape_is_never_gone_on_with(tmp_path, engine):
    setting = make_setting(keep_state=True, optimizer=OPTIMIZERS["momentum"]())
    path = saved(setting, tmp_path / "run", engine)
    longer = replace(setting, budget=800, continue_from=str(tmp_path / "run"))
    with np.load(path) as found:
        weights, memory = found["params/0/weights"], found["memory/0"]
    respoiled(path, params__0__weights=np.ones((len(SEEDS), 9, 2)))
    with pytest.raises(InputError, match="holds layers of the shapes 9 x 2, 2 x 1, 1 x 1, and thi"):
        fitted(longer)
    respoiled(path, params__0__weights=weights, memory__0=memory[:, :-1])
    with pytest.raises(ValueError, match="the optimizer's"):
        run(stack_of(fitted(longer)), engine)


def assert_goes_on(setting, folder, engine):
    setting = replace(setting, keep_state=True)
    path = saved(setting, folder, engine)
    longer = replace(setting, budget=2 * setting.budget, evals=60)
    whole = run(stack_of(longer), engine)
    rest = run(stack_of(replace(longer, continue_from=str(path))), engine)
    assert rest.engine == engine
    for a, b in zip(whole.params, rest.params, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
        np.testing.assert_array_equal(a.bias, b.bias)
    assert not np.array_equal(whole.params[0].weights, run(stack_of(setting)).params[0].weights)
    for a, b in zip(whole.memory, rest.memory, strict=True):
        np.testing.assert_array_equal(a.ravel(), b.ravel())
    # the curve of the first half is the earlier run's, that of the second is the same
    later = rest.curves.samples > setting.budget
    same = np.isin(whole.curves.samples, rest.curves.samples[later])
    assert same.sum() == later.sum() > 2
    np.testing.assert_array_equal(whole.curves.test_loss[:, same], rest.curves.test_loss[:, later])


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_goes_on(optimizer, engine, tmp_path):
    entry = OPTIMIZERS[optimizer]()
    changes = {"data": Xor(n_train=20), "batch_size": 20, "budget": 600} if entry.full_batch else {}
    assert_goes_on(make_setting(optimizer=entry, lr=0.02, **changes), tmp_path, engine)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(
    "changes",
    [
        {"network": Network((4, 3), "tanh", "sigmoid", dropout=0.3, shortcut=True)},
        {"data": Xor(n_train=30), "batch_size": 7, "budget": 420},
        {"schedule": SCHEDULES["inverse_time"](warmup=50)},
        {"schedule": SCHEDULES["triangular"](period=100)},
    ],
)
def test_streams_masks_pools_and_schedules_go_on(changes, engine, tmp_path):
    assert_goes_on(make_setting(**changes), tmp_path, engine)


def test_a_sweep_is_searched_for_the_setting(tmp_path):
    for number, lr in enumerate((0.1, 0.3)):
        saved(make_setting(lr=lr, keep_state=True), tmp_path / str(number), "compiled")
    wanted = make_setting(lr=0.3, keep_state=True, budget=900)
    assert find_state(str(tmp_path), wanted.flat).meta["config"]["lr"] == 0.3
    with pytest.raises(InputError, match=r"the nearest differs from lr=0.2 \(only budget"):
        find_state(str(tmp_path), replace(wanted, lr=0.2).flat)


def test_what_cannot_be_continued_is_refused(tmp_path):
    wanted = make_setting(budget=900)
    with pytest.raises(InputError, match="is not there; looked in"):
        find_state(str(tmp_path / "nothing"), wanted.flat)
    with pytest.raises(InputError, match="is not the folder of a run, a job or a sweep"):
        find_state(str(tmp_path), wanted.flat)
    saved(make_setting(), tmp_path, "compiled")
    with pytest.raises(InputError, match="train it with keep_state=true"):
        find_state(str(tmp_path), wanted.flat)
    (tmp_path / "record.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="is not a readable record"):
        find_state(str(tmp_path), wanted.flat)


def test_a_state_is_filled_with_arrays_of_its_shapes_alone():
    layer = Layer(np.zeros((3, 2, 1)), np.zeros((3, 1, 1)))
    empty = State(((layer,), (layer,)), (np.ones((3, 1, 1)),))
    arrays = [np.full(a.shape, i) for i, a in enumerate(empty.arrays())]
    back = empty.filled(arrays)
    assert [part.flat[0] for part in back.slots[1][0]] == [2, 3]
    assert back.products[0].tolist() == [[[4]]] * 3
    for wrong in (arrays[1:], [*arrays, arrays[0]], [a[:2] for a in arrays]):
        with pytest.raises(ValueError, match="the saved state has arrays of"):
            empty.filled(wrong)


def test_a_schedule_that_depends_on_the_whole_budget_is_refused(tmp_path):
    setting = make_setting(schedule=SCHEDULES["cosine"](), keep_state=True)
    path = str(saved(setting, tmp_path, "compiled"))
    with pytest.raises(InputError, match=r"schedule.name=cosine: depends on the whole budget"):
        fitted(replace(setting, budget=900, continue_from=path))
    # with a period of its own it does not
    calm = replace(setting, schedule=SCHEDULES["cosine"](period=100))
    path = str(saved(calm, tmp_path / "calm", "compiled"))
    assert fitted(replace(calm, budget=900, continue_from=path)).engine == "compiled"


def test_the_engine_is_that_of_the_run_that_is_continued(tmp_path):
    setting = make_setting(keep_state=True)
    path = str(saved(setting, tmp_path, "reference"))
    longer = replace(setting, budget=900, continue_from=path)
    assert fitted(longer).engine == "reference"
    with pytest.raises(InputError, match=r"engine=compiled: .* \(use engine=reference\)"):
        fitted(replace(longer, engine="compiled"))


def test_other_data_under_the_same_name_are_refused(tmp_path):
    setting = make_setting(keep_state=True)
    path = str(saved(setting, tmp_path, "compiled"))
    wanted = make_setting(keep_state=True, budget=900)
    with pytest.raises(InputError, match="was trained with other data under the same name"):
        find_state(path, wanted.flat, {**wanted.sources, "data": "changed"})
    with pytest.raises(InputError, match="other own components"):
        find_state(path, wanted.flat, {**wanted.sources, "own": {"mine": "changed"}})


def test_a_run_of_other_numerics_is_refused(tmp_path):
    setting = make_setting(keep_state=True)
    path = saved(setting, tmp_path, "compiled")
    record = read_record(path)
    write_record(replace(record, meta={**record.meta, "numerics": 1}), path.parent)
    with pytest.raises(InputError, match=r"numerics 1, .* cannot go on with"):
        find_state(str(path), replace(setting, budget=900).flat)


def test_a_failed_run_cannot_be_continued(tmp_path):
    from nnrun.config.settings import Executor, Job, Report, Tracking
    from nnrun.trials.run import failed_record

    setting = make_setting(keep_state=True)
    job = Job(setting, 0, 2, "test", Tracking("off"), Executor(), Report("off"))
    path = str(write_record(failed_record(job, "it broke"), tmp_path).path)
    with pytest.raises(InputError, match="its training failed"):
        find_state(path, setting.flat)


def test_the_same_training_made_again_is_the_same_start(tmp_path):
    setting = make_setting(keep_state=True)
    digests = [
        find_state(str(saved(setting, tmp_path / name, "compiled")), setting.flat).trials.digest
        for name in ("one", "two")
    ]
    assert digests[0] == digests[1]
