"""The language of a study's template: it computes with plain values, and reaches nothing else.

Whoever wrote a template, filling it runs no code, opens no file but templates beside it, and ends:
text, repetition and loops have bounds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, nodes, pass_context
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer

from nnrun.jinja import LAYOUT

ENDING = ".j2"
MOST_STEPS = 300_000  # calls, and turns of loops, that a page may take
MOST_TEXT = 5_000_000  # letters of all text that a page makes, and items of all its lists
MOST_BITS = 4096  # of a whole number

KEPT_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("groupby", "int", "items", "last", "length", "list", "lower", "map", "max", "min"),
    *("reject", "rejectattr", "reverse", "select", "selectattr", "sort", "sum", "title", "trim"),
    *("truncate", "unique", "upper", "wordcount"),
)
"""Jinja's filters that neither reach into objects nor blow text up; others have bounds here."""

OWN: tuple[type, ...] = (
    *(LoopContext, Macro, TemplateReference, BlockReference, TemplateModule),
    *(Cycler, Joiner, Namespace),
)
"""Jinja's own objects, whose attributes are as its sandbox has them."""


class Values(tuple[Any, ...]):
    """A column of a table: its values, and what is counted from them without the missing ones."""

    def _of(self, name: str, *arguments: float) -> Any:
        return plain(getattr(pd.Series(self), name)(*arguments))

    def min(self) -> Any:
        """Return the smallest."""
        return self._of("min")

    def max(self) -> Any:
        """Return the largest."""
        return self._of("max")

    def sum(self) -> Any:
        """Return the sum."""
        return self._of("sum")

    def mean(self) -> Any:
        """Return the mean."""
        return self._of("mean")

    def median(self) -> Any:
        """Return the median."""
        return self._of("median")

    def std(self) -> Any:
        """Return the standard deviation of a sample."""
        return self._of("std")

    def quantile(self, share: float) -> Any:
        """Return the value below which a share of them is."""
        return self._of("quantile", share)


ATTRIBUTES: Mapping[type, frozenset[str]] = {
    Values: frozenset(("min", "max", "sum", "mean", "median", "std", "quantile")),
    Mapping: frozenset(("get", "items", "keys", "values")),
    str: frozenset(
        (
            *("capitalize", "endswith", "isdigit", "lower", "lstrip", "removeprefix"),
            *("removesuffix", "rstrip", "split", "startswith", "strip", "title", "upper"),
        )
    ),
}
"""What a template may ask of values; of all others nothing."""


def plain(value: Any) -> Any:
    """Turn what NumPy and pandas hold into Python's own values, whose methods do no harm."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


def columns(table: pd.DataFrame) -> dict[str, Values]:
    """Return the columns of a table by their names."""
    return {str(name): Values(plain(table[name].tolist())) for name in table}


class Language(ImmutableSandboxedEnvironment):
    """Jinja's strictest sandbox, with less in it, and bounds.

    Args:
        folder: Of the templates.
    """

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, folder: Path) -> None:
        super().__init__(loader=Beside(folder), finalize=_printed, **LAYOUT)
        del self.globals["lipsum"]
        bounded = {"format": _format, "join": _join, "replace": _replace, "round": _round}
        self.filters = {name: FILTERS[name] for name in KEPT_FILTERS} | bounded
        self.filters |= {"string": _printed, "joined": _joined, "counted": _counted}
        self._steps = self._letters = 0

    def step(self) -> None:
        """Count a step.

        Raises:
            OverflowError: If it is one too many.
        """
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise OverflowError(f"a page may take {MOST_STEPS:,} steps")

    def wrote(self, value: Any) -> Any:
        """Count the letters of text, or the items of a list, that was made, and return it.

        Raises:
            OverflowError: If it becomes too much.
        """
        self._letters += len(value) if isinstance(value, str | list | tuple) else 0
        _require_room(self._letters)
        return value

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Say whether a template may see an attribute."""
        for kind, offered in ATTRIBUTES.items():
            if isinstance(obj, kind):
                return attr in offered
        return isinstance(obj, OWN) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Offer no method that formats: a filter does it."""

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something from a template."""
        self.step()
        return self.wrote(super().call(context, called, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute what stays within bounds."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("text is filled by the filter format")
        _require_small(operator, left, right)
        return self.wrote(super().call_binop(context, operator, left, right))

    def compile(self, source: Any, *args: Any, **kwargs: Any) -> Any:
        """Compile a template whose loops and joined texts are counted."""
        tree = self.parse(source) if isinstance(source, str) else source
        return super().compile(_Counting().visit(tree).set_environment(self), *args, **kwargs)


class Beside(BaseLoader):
    """Reads the templates of a folder, and no other file.

    Args:
        folder: Of the templates.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Any]:
        """Read a template by its file's name."""
        path = self._folder / template
        plain_name = Path(template).name == template and template.endswith(ENDING)
        if not plain_name or path.is_symlink() or not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), None


class _Counting(NodeTransformer):
    """Has joined texts measured, and the turns of loops counted."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  (Jinja's name)
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes), "joined", node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "counted", node.lineno)
        return node


def _filtered(node: Any, name: str, line: int) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None).set_lineno(line)  # type: ignore[return-value]


@pass_context
def _counted(context: Any, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        context.environment.step()
        yield item


@pass_context
def _printed(context: Any, value: Any = "") -> Any:
    """Write a value: text, a number, or a list of such."""
    if isinstance(value, StrictUndefined):
        return str(value)  # raises what is to be said of it
    parts = value if isinstance(value, list | tuple) else [value]
    odd = [part for part in parts if not (part is None or isinstance(part, str | int | float))]
    if odd:
        raise SecurityError(f"a page holds text and numbers, and this is a {type(odd[0]).__name__}")
    for part in parts:
        context.environment.wrote(str(part))
    return value if isinstance(value, str) else str(value)


@pass_context
def _joined(context: Any, parts: Iterable[Any]) -> str:
    return "".join([str(_printed(context, part)) for part in parts])


@pass_context
def _join(context: Any, parts: Iterable[Any], between: str = "", attribute: Any = None) -> str:
    if attribute is not None:
        parts = FILTERS["map"](context, parts, attribute=attribute)
    texts = [str(_printed(context, part)) for part in parts]
    _require_room(len(between) * len(texts))
    return between.join(texts)


@pass_context
def _replace(context: Any, text: str, old: str, new: str) -> str:
    _require_room(len(text) + (len(text) + 1) * len(new))
    return str(context.environment.wrote(text.replace(old, new)))


@pass_context
def _format(context: Any, text: str, *values: Any, **named: Any) -> str:
    if re.search(r"%[^%a-zA-Z]*(?:\d{3}|\*)", text):
        raise SecurityError("a text is padded to 99 letters at most")
    for value in (*values, *named.values()):
        _printed(context, value)
    return str(context.environment.wrote(text % (named or values)))


def _round(value: float, precision: int = 0, method: str = "common") -> Any:
    if not -15 <= precision <= 15:
        raise OverflowError("a number is rounded to 15 digits at most")
    return FILTERS["round"](value, precision, method)


def _require_small(operator: str, left: Any, right: Any) -> None:
    """Check that a result is no longer than a page, and a whole number than a few lines."""
    sizes = [len(x) for x in (left, right) if isinstance(x, str | list | tuple)]
    if operator == "+" and sizes:
        _require_room(sum(sizes))
    if operator == "*" and sizes:
        times = [x for x in (left, right) if isinstance(x, int)]
        _require_room(max(sizes) * max(*times, 0, 0))
    if isinstance(left, int) and isinstance(right, int):
        bits = {"*": left.bit_length() + right.bit_length(), "**": left.bit_length() * right}
        if bits.get(operator, 0) > MOST_BITS:
            raise OverflowError(f"a whole number may have {MOST_BITS:,} bits")


def _require_room(letters: int) -> None:
    if letters > MOST_TEXT:
        raise OverflowError(f"a page may hold {MOST_TEXT:,} letters")
