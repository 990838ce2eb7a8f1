"""A user's component: what its source is."""

import sys

import pytest

from nnrun import custom

RULE = """
from dataclasses import dataclass
import numpy
from nnrun.network.schedules import Schedule
from my_helpers import FACTOR

@dataclass(frozen=True)
class Slow(Schedule):
    def factor(self, steps, n_steps):
        return FACTOR + 0.0 * steps
"""


@pytest.fixture
def digest_of(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def digest(helpers: str, rule: str = RULE) -> str:
        (tmp_path / "my_helpers.py").write_text(helpers)
        (tmp_path / "my_slow.py").write_text(rule)
        custom.component.cache_clear()
        for name in ("my_helpers", "my_slow"):
            sys.modules.pop(name, None)
        return custom.digest(custom.component("schedule", "my_slow.Slow")())

    yield digest
    custom.component.cache_clear()
    for name in ("my_helpers", "my_slow"):
        sys.modules.pop(name, None)


def test_the_source_is_that_of_the_module_and_of_those_beside_it(digest_of):
    first = digest_of("FACTOR = 0.5\n")
    assert digest_of("FACTOR = 0.5\n") == first
    assert digest_of("FACTOR = 0.25\n") != first
    assert digest_of("FACTOR = 0.5\n", RULE.replace("0.0 *", "0.1 *")) != first
