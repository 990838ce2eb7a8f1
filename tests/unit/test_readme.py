"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnrun import custom
from nnrun.config.settings import Network
from nnrun.problem.features import make_problem
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
IMPORTS = """
from dataclasses import dataclass
from typing import Annotated
import numpy as np
from annotated_types import Ge, Gt, Lt
from nnrun.network.activations import Activation
from nnrun.network.initializers import Initializer
from nnrun.network.losses import Loss
from nnrun.network.optimizers import Optimizer
from nnrun.network.schedules import Schedule
from nnrun.problem.generator_base import Drawn, yes_no
from nnrun.problem.features import FeatureSet
from nnrun.problem.problem import Samples
"""
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMPONENTS = {re.search(r"class (\w+)", block)[1]: block for block in BLOCKS if "class " in block}
KINDS = {
    "SignDescent": "optimizer", "Halving": "schedule", "Cubic": "activation", "LogCosh": "loss",
    "Signs": "init", "Radius": "features", "Disc": "data",
}  # fmt: skip


@pytest.fixture(scope="module")
def readme_rules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    (folder / "readme_rules.py").write_text(IMPORTS + "\n".join(COMPONENTS.values()))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield "readme_rules"
        sys.modules.pop("readme_rules", None)


def test_there_is_one_component_of_each_kind():
    assert COMPONENTS.keys() == KINDS.keys()
    assert set(KINDS.values()) == set(custom.BASES)


@pytest.mark.parametrize("name", KINDS)
def test_each_is_short_and_works(name, readme_rules):
    assert len(COMPONENTS[name].strip().splitlines()) < 10
    entry = custom.component(KINDS[name], f"{readme_rules}.{name}", importing=True)()
    custom.tried(KINDS[name], entry)
    if name == "Disc":
        labels = entry.problem().held_out.targets
        # the disc's area
        assert labels.mean() == pytest.approx(np.pi * 0.16, abs=0.08)
    if name == "Radius":
        from nnrun.problem.planar_generators import Xor

        assert make_problem(Xor(), entry).inputs == ("x", "y", "r")


def test_all_of_them_together_are_compiled(readme_rules):
    entries = {
        kind: custom.component(kind, f"{readme_rules}.{name}", importing=True)()
        for name, kind in KINDS.items()
    }
    network = Network((2,), entries.pop("activation"), "sigmoid")
    stack = Stack(tuple(Trial(make_setting(network=network, **entries), seed) for seed in (0, 1)))
    compiled, reference = run(stack, "compiled"), run(stack, "reference")
    assert (compiled.engine, reference.engine) == ("compiled", "reference")
    np.testing.assert_allclose(compiled.curves.test_loss, reference.curves.test_loss, rtol=1e-10)


def test_every_group_and_option_of_the_table_exists():
    from nnrun.config.components import REGISTRIES
    from nnrun.network.activations import ACTIVATIONS

    for group in ("data", "init", "loss", "optimizer", "schedule"):
        (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", README, re.MULTILINE)
        missing = [name for name in REGISTRIES[group] if f"`{name}`" not in row]
        assert not missing, f"the README does not list {missing} of {group}"
    (row,) = re.findall(r"^\| `network` \| (.*) \|$", README, re.MULTILINE)
    assert all(f"`{name}`" in row for name in ACTIVATIONS)


def test_the_help_lists_every_activation():
    from nnrun.network.activations import ACTIVATIONS

    text = (Path(__file__).parents[2] / "conf/hydra/help/nnrun.yaml").read_text()
    (told,) = re.findall(r"Activations: (.*?);", text, re.DOTALL)
    assert set(told.replace("\n", " ").replace(" ", "").split(",")) == set(ACTIVATIONS)


def section(title):
    """Return the first shell block below a heading."""
    return re.search(rf"^## {title}$.*?```bash\n(.*?)\n```", README, re.DOTALL | re.MULTILINE)[1]


def test_ci_runs_the_two_commands_as_they_stand_here():
    script = Path(__file__).parents[2] / ".ci" / "run"
    if not script.is_file():
        pytest.skip("this is no checkout: .ci/run is not part of the source distribution")
    printed = subprocess.run([script, "--commands"], capture_output=True, text=True, check=True)
    commands = [section("Run it"), section("Test it")]
    assert printed.stdout.splitlines() == commands
    assert commands == [
        "pip install -e . && python -m nnrun -m lr=0.01,0.03,0.1",
        "pip install -e '.[test]' && pytest",
    ]


def test_a_search_of_scikit_learn_finds_a_network_that_tells_irises_apart():
    (block,) = [one for one in BLOCKS if "GridSearchCV" in one]
    names = {}
    exec(block, names)
    assert names["search"].best_score_ > 0.94
