"""The threads of BLAS: one a worker, so that no sum is cut and no processor is overbooked."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nnrun.config.settings import Network
from nnrun.network.initializers import Orthogonal
from nnrun.problem.feature_sets import Terms
from nnrun.training.engine import ReferenceRun
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run
from tests.unit.test_record import job, records

WIDE = make_setting(
    budget=40,
    evals=2,
    features=Terms(("x", "y")),
    network=Network((1000, 10), "tanh", "sigmoid"),
    init=Orthogonal(),
    engine="reference",
)


def threads():
    (found,) = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
    return found


@pytest.fixture(params=[1, 16])
def of_the_process(request):
    with threadpool_limits(request.param, "blas"):
        yield request.param


@pytest.mark.parametrize(
    ("hidden", "batch_size"), [((1000, 10), 1), ((400, 300), 1), ((400, 300), 20)]
)
def test_a_wide_layer_is_the_same_whatever_the_threads(hidden, batch_size):
    found = []
    wide = replace(WIDE, network=Network(hidden, "tanh", "sigmoid"), batch_size=batch_size)
    for n in (1, 16):
        with threadpool_limits(n, "blas"):
            found.append(run(Stack((Trial(wide, 3),)), "reference").params)
    for one, many in zip(*found, strict=True):
        np.testing.assert_array_equal(one.weights, many.weights)


def test_workers_have_one_thread_each_and_the_process_its_own_again(of_the_process, monkeypatch):
    seen, evaluate = [], ReferenceRun.evaluate

    def watched(run):
        seen.append((threading.current_thread().name, threads()))
        return evaluate(run)

    monkeypatch.setattr(ReferenceRun, "evaluate", watched)
    wide = replace(WIDE, network=Network((256, 256), "tanh", "sigmoid"), batch_size=4)
    (record,) = records(job(wide, seeds=6))
    assert not record.meta["error"]
    assert {n for _, n in seen} == {1}
    assert len({name for name, _ in seen}) == 2
    assert threads() == of_the_process
