"""An installed wheel, away from the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Build a wheel and install it, without its dependencies, into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = ["install", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    return target


def test_a_wheel_runs_from_any_folder(installed, tmp_path):
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "nnrun", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert str(installed) in run("--info", "searchpath")
    # compiling for this folder would take longer than all else
    quick = ["budget=200", "seeds=2", "evals=5", "tracking=off", "engine=reference"]
    run("experiments=learning_rate", *quick)
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    assert (sweep / "report.html").is_file()


def test_the_console_script_completes(installed, tmp_path):
    script = installed / "bin" / "nnrun"
    environment = {**os.environ, "PYTHONPATH": str(installed), "COMP_LINE": "nnrun data=gat"}
    done = subprocess.run(
        [sys.executable, str(script), "-sc", "query=bash"],
        cwd=tmp_path, env={**environment, "COMP_POINT": "14"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["data=gate"]


FINDING = """
from importlib.metadata import entry_points
from hydra._internal.utils import create_config_search_path
from hydra.core.plugins import Plugins
from nnrun.hydra_ext import folders

print("studies" in str(create_config_search_path(None)))  # as another program of Hydra's sees it
named = [one.load() for one in entry_points(group="hydra.plugins") if "nnrun" in one.value]
folders.add_plugins()
folders.register_resolver()
Plugins.instance()._initialize()
found = [one for one in Plugins.instance().discover() if "nnrun" in one.__module__]
for ours in (named, found):
    print(*sorted(f"{one.__module__}.{one.__name__}" for one in ours))
print("studies" in str(create_config_search_path(None)))
"""


def test_hydra_finds_each_plugin_once_by_entry_point_as_by_its_scan(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-W", "error", "-c", FINDING]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    plugins = ("NnrunLauncher", "NnrunSweeper", "StudySearchPath", "StudySource")
    ours = " ".join(f"hydra_plugins.nnrun_hydra.{name}" for name in plugins)
    assert done.stdout.splitlines() == ["False", ours, ours, "True"], done.stderr
