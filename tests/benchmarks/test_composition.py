"""What Hydra adds to a sweep of 1,000 settings: ours beside its basic sweeper and launcher."""

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import configure_log
from hydra.core.utils import run_job as run_job_of_hydra

from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.grid import plan_grid
from nnrun.hydra_ext.jobs import run_job
from tests.hydra_app import hydra_app

SETTINGS = 1000
OF_HYDRA = 100
"""Hydra's cost is the same for each setting, and a thousand would take minutes."""
GRID = [
    "lr=range(1,51)",
    "features=raw,product",
    "network.hidden=[2,1],[4]",
    "batch_size=1,2,4,8,16",
    "seeds=5",
    "tracking=off",
]


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with hydra_app(*GRID) as app:
        yield app


def grid(app):
    jobs = plan_grid(OverridesParser.create().parse_overrides(GRID), {})
    assert len(jobs) == SETTINGS
    return jobs


def grid_by_hydra():
    (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(GRID), None)
    return jobs[:: SETTINGS // OF_HYDRA]


def compose(app):
    """Do what checking a sweep and beginning its jobs need: values, then whole configurations."""
    composer = Composer(app.loader, app.master)
    jobs = grid(app)
    values = [composer.values(job) for job in jobs]
    return values, [composer.config(job, number).lr for number, job in enumerate(jobs)]


def compose_by_hydra(app):
    """Do what the basic sweeper does to validate, and the basic launcher does to begin the jobs."""
    for _ in ("sweeper", "launcher"):
        lrs = [app.loader.load_sweep_config(app.master, job).lr for job in grid_by_hydra()]
    return lrs


def launch(app):
    composer = Composer(app.loader, app.master)
    jobs = grid(app)
    for job in jobs:
        composer.values(job)
    for number, job in enumerate(jobs):
        run_job(app.context, composer, job, number, lambda config: config.lr)
        configure_log(app.master.hydra.hydra_logging, app.master.hydra.verbose)


def launch_by_hydra(app):
    jobs = grid_by_hydra()
    for job in jobs:
        app.loader.load_sweep_config(app.master, job)
    for number, job in enumerate(jobs):
        config = app.loader.load_sweep_config(app.master, job)
        config.hydra.job.id = str(number)
        config.hydra.job.num = number
        folder = ("hydra.sweep.dir", "hydra.sweep.subdir")
        run_job_of_hydra(lambda config: config.lr, config, *folder, app.context)
        configure_log(app.master.hydra.hydra_logging, app.master.hydra.verbose)


COMPOSITION = "1,000 settings composed: nanoseconds a setting"
WHOLE = "1,000 settings composed, with job folders: nanoseconds a setting"


@pytest.mark.parametrize(
    ("group", "peer", "work", "settings"),
    [
        (COMPOSITION, "nnrun", compose, SETTINGS),
        (COMPOSITION, "hydra basic", compose_by_hydra, OF_HYDRA),
        (WHOLE, "nnrun", launch, SETTINGS),
        (WHOLE, "hydra basic", launch_by_hydra, OF_HYDRA),
    ],
    ids=["nnrun", "hydra", "nnrun with folders", "hydra with folders"],
)
def test_composition(app, benchmark, group, peer, work, settings):
    benchmark.extra_info.update(group=group, peer=peer, amount=settings)
    benchmark.pedantic(work, args=(app,), rounds=3)
