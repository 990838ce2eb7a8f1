"""The tests that Hydra ships for launchers, run against ours with Hydra's own test apps."""

import os
from pathlib import Path

import pytest
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

from nnrun import layout as places
from nnrun.hydra_ext import folders

# Hydra's test apps use its oldest defaults, of which it warns
pytestmark = pytest.mark.filterwarnings("ignore")

# as an app of today that asks for a change of directory, and as one of the old ways
LAUNCHERS = [("nnrun", ["hydra.job.chdir=true"]), ("nnrun", [])]


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    """Let Hydra find our launcher, in this process and in those that the tests start."""
    folder = str(Path(folders.__file__).parent)
    monkeypatch.syspath_prepend(folder)
    root = str(places.PACKAGE.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, folder]))


@pytest.mark.parametrize(("launcher_name", "overrides"), LAUNCHERS)
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("nnrun", ["hydra.sweeper.max_batch_size=2"])]
)
class TestBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=nnrun"])]
)
class TestInAProcessOfItsOwn(IntegrationTestSuite):
    pass
