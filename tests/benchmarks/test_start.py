"""Milliseconds from settings to a running kernel. Run: pytest tests/benchmarks/test_start.py."""

import pytest

from nnrun.config.settings import Network
from nnrun.network.optimizers import Adam
from nnrun.rows import streams
from nnrun.training.compiled import library, machine
from nnrun.training.engine import first_params
from nnrun.training.sources import Source
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import choose_engine
from tests.conftest import make_setting

STRUCTURES = {
    "3-[2,1]-1": make_setting(),
    "3-[8,8]-1 adam": make_setting(network=Network((8, 8), "tanh", "sigmoid"), optimizer=Adam()),
    "3-[28,28]-1": make_setting(network=Network((28, 28), "tanh", "sigmoid")),
}


@pytest.mark.parametrize("kept", [False, True], ids=["never seen", "from the disk"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_start(benchmark, monkeypatch, tmp_path, name, kept):
    stack = Stack((Trial(STRUCTURES[name], 0),))
    folders = iter(range(100))

    def forget():
        folder = tmp_path / ("same" if kept else str(next(folders)))
        folder.mkdir(exist_ok=True)
        monkeypatch.setattr(machine, "kept_in", lambda: folder)
        library._kernels.clear()
        streams.record_of.cache_clear()

    def begin():
        engine = choose_engine(stack)
        engine.begin(stack, Source(stack.setting.problem, [0]), first_params(stack)).train(1)

    benchmark.group = f"start, {name}"
    benchmark.pedantic(begin, setup=forget, rounds=10, warmup_rounds=1)
    what = "from the disk" if kept else "never seen"
    benchmark.extra_info.update(group="nanoseconds to start", peer=f"{name} {what}", amount=1)
