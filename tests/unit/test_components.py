"""From sections to components: what a user's own may hold, and the order of complaints."""

import json
import sys
from dataclasses import MISSING, dataclass, fields
from types import ModuleType

import pytest

from nnrun import custom
from nnrun.config.components import REGISTRIES, from_section, make, to_section
from nnrun.config.schema import build, plain
from nnrun.network.activations import ACTIVATIONS, LeakyRelu

SOURCE = """
from dataclasses import dataclass, field
from typing import Any
from nnrun.network.schedules import Schedule

class Steady(Schedule):
    def factor(self, steps, n_steps):
        return 1.0 + 0.0 * steps

@dataclass
class Changing:
    x: int = 1

@dataclass(frozen=True)
class Fixed:
    x: int = 1

@dataclass(frozen=True)
class Mapped(Steady):
    table: dict[str, int] = field(default_factory=dict)

@dataclass(frozen=True)
class Listed(Steady):
    sizes: list[int] = field(default_factory=list)

@dataclass(frozen=True)
class Grouped(Steady):
    sizes: frozenset[int] = frozenset([1])

@dataclass(frozen=True)
class Anything(Steady):
    thing: Any = object()

@dataclass(frozen=True)
class Declared(Steady):
    thing: Steady | None = None

@dataclass(frozen=True)
class Nested(Steady):
    inner: Changing = field(default_factory=Changing)

@dataclass(frozen=True)
class Plain(Steady):
    rate: float = 0.5
    word: str | None = None
    steps: tuple[tuple[int, ...], ...] = ((1, 2), (3,))
    inner: Fixed = Fixed()

@dataclass(frozen=True)
class Holding(Steady):
    inner: Schedule = Plain()

@dataclass(frozen=True)
class Positive(Steady):
    width: float = 1.0

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError("width must be positive")
"""
HINT = " (use numbers, text, true or false, or tuples of them)"


@pytest.fixture(autouse=True)
def _my_module(monkeypatch):
    module = ModuleType("my_schedules")
    monkeypatch.setitem(sys.modules, "my_schedules", module)
    exec(SOURCE, module.__dict__)
    custom.imported_component.cache_clear()
    yield
    custom.imported_component.cache_clear()


def made(name, **options):
    issues = []
    entry = make("schedule", plain({"_target_": f"my_schedules.{name}", **options}), issues)
    return entry, [str(issue) for issue in issues]


@pytest.mark.parametrize(
    ("name", "field", "kind"),
    [
        ("Mapped", "table", "dict"),
        ("Listed", "sizes", "list"),
        ("Grouped", "sizes", "frozenset"),
        ("Anything", "thing", "object"),
        ("Nested", "inner", "Changing"),
    ],
)
def test_a_field_that_no_setting_can_keep_is_refused_by_name(name, field, kind):
    rule = f"its field '{field}' cannot be of type {kind}"
    assert made(name) == (None, [f"schedule._target_=my_schedules.{name}: {rule}{HINT}"])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Mapped", {"table": {"a": 1}}, "its field 'table' cannot be of type dict"),
        ("Anything", {"thing": {"a": [1]}}, "its field 'thing' cannot be of type dict"),
        ("Listed", {"sizes": [1, 2]}, "schedule.sizes=[1,2]: cannot be kept in a field of type li"),
        ("Grouped", {"sizes": [1]}, "cannot be kept in a field of type frozenset"),
        ("Declared", {"thing": [1]}, "schedule.thing=[1]: cannot be kept in a field of type"),
    ],
)
def test_a_value_for_such_a_field_is_refused(name, options, message):
    entry, (told,) = made(name, **options)
    assert entry is None
    assert message in told
    assert told.endswith(HINT)


def test_plain_fields_are_taken():
    entry, told = made("Plain", word="a", steps=[[4], []], inner={"x": 2})
    assert told == []
    assert (entry.rate, entry.word, entry.steps, entry.inner.x) == (0.5, "a", ((4,), ()), 2)
    assert made("Anything", thing=[1, "a", None])[0].thing == (1, "a", None)


def entries():
    """Every entry that has a value for each of its keys."""
    groups = [*REGISTRIES.items(), ("activation", ACTIVATIONS)]
    for kind, cls in ((kind, cls) for kind, registry in groups for cls in registry.values()):
        if all((f.default, f.default_factory) != (MISSING, MISSING) for f in fields(cls)):
            yield kind, cls()


@pytest.mark.parametrize(("kind", "entry"), [*entries(), ("activation", LeakyRelu(slope=0.3))])
def test_a_component_becomes_a_section_and_is_made_of_it_again(kind, entry):
    section = json.loads(json.dumps(to_section(entry)))
    assert from_section(kind, section) == entry


@pytest.mark.parametrize(
    "inner", [{"name": "step", "every": 25}, {"_target_": "my_schedules.Plain"}]
)
def test_a_component_of_one_s_own_is_written_and_read_with_those_that_it_holds(inner):
    entry, told = made("Holding", inner=inner)
    assert told == []
    section = json.loads(json.dumps(to_section(entry)))
    assert section["_target_"] == "my_schedules.Holding"
    assert section["inner"].items() >= inner.items()
    again = from_section("schedule", section)
    assert (again, type(again.inner)) == (entry, type(entry.inner))


def test_an_error_of_the_class_itself_is_said_by_its_name():
    rule = "fails: ValueError: width must be positive"
    assert made("Positive", width=-1)[1] == [f"schedule._target_=my_schedules.Positive: {rule}"]


@dataclass(frozen=True)
class Empty:
    pass


def test_unknown_keys_are_told_in_the_order_of_the_configuration():
    keys = [f"{letter}{number}" for number in range(4) for letter in "qxzbk"]
    issues = []
    assert build(Empty, dict.fromkeys(keys, 1), issues) is None
    assert [issue.key for issue in issues] == keys
