"""From the arguments of a sweep to its jobs: cross product, zipped keys, ranges, random draws."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, ValueType

from nnrun.config.read import unknown_sweep_keys
from nnrun.errors import InputError, Issue, as_typed, did_you_mean, listed
from nnrun.hydra_ext.arguments import glob_issues
from nnrun.text import many

NODE = "sweep"
"""The configuration node that describes a sweep."""

MOST_JOBS = 100_000
"""Of a sweep: each is planned in a millisecond and 12 kB, and leaves a folder."""


@dataclass(frozen=True)
class Options:
    """How the keys that vary are combined: a part of the configuration node ``sweep``.

    Attributes:
        zip: Groups of keys whose values go side by side.
        random: Number of draws; None for every combination.
        seed: Of the draws.
    """

    zip: tuple[tuple[str, ...], ...] = ()
    random: int | None = None
    seed: int = 0


@dataclass
class Axis:
    """Keys that vary together.

    Attributes:
        keys: As written, for instance ``lr`` or ``+data.noise``.
        rows: The values that can be chosen: an override for each key, a row for each choice.
        interval: Where values are drawn from, instead of rows.
    """

    keys: tuple[str, ...]
    rows: Sequence[tuple[str, ...]] = ()
    interval: IntervalSweep | None = None

    @property
    def name(self) -> str:
        """The keys without ``+``, which is what the draws hang on."""
        return ",".join(sorted(key.lstrip("+~") for key in self.keys))


def plan_grid(overrides: Sequence[Override], options: Mapping[str, Any]) -> list[list[str]]:
    """List the jobs of a sweep.

    Without ``random`` these are all combinations, in the order and the words of Hydra's basic
    sweeper; keys that are zipped count as one, at the place of the first. With ``random`` each job
    draws a value for every key that varies: from an interval, uniformly or, with the tag ``log``,
    log-uniformly; from ``int(interval(a,b))`` integers with both ends included; from a list, a
    ``choice`` or a ``range`` any of its values. A key's draws depend on the seed, its name and its
    own values alone. Equal jobs that were drawn are kept once; equal jobs that were written out
    are all kept.

    Raises:
        InputError: With every rule that arguments and options break.
    """
    wanted, issues = _read_options(options)
    n_bad_options = len(issues)
    axes = _axes(overrides, issues, MOST_JOBS if wanted.random is None else MOST_VALUES)
    whole = len(issues) == n_bad_options
    order = list(axes)
    merged = _zipped(axes, wanted.zip, issues if whole else [])
    if whole:  # else it would be said of a key that is refused that it does not vary
        _check_intervals(merged, wanted, issues)
    _require_not_too_many(merged, wanted, issues)
    if issues:
        raise InputError(*issues)
    if wanted.random is None:
        jobs: list[tuple[tuple[str, ...], ...]] = list(
            itertools.product(*(axis.rows for axis in merged))
        )
    else:
        drawn = (_draw(axis, wanted.random, wanted.seed) for axis in merged)
        jobs = list(dict.fromkeys(zip(*drawn, strict=True)))
    return [_in_order(merged, job, order) for job in jobs]


def _read_options(options: Mapping[str, Any]) -> tuple[Options, list[Issue]]:
    issues = unknown_sweep_keys(options)
    groups, draws, seed = options.get("zip") or [], options.get("random"), options.get("seed", 0)
    if isinstance(groups, list) and all(isinstance(key, str) for key in groups):
        groups = [groups] if groups else []
    lists = isinstance(groups, list) and all(isinstance(group, list) for group in groups)
    if not lists or not all(isinstance(key, str) for group in groups for key in group):
        hint = "for instance 'sweep.zip=[lr,batch_size]'"
        rule = "must be a list of keys, or a list of such lists"
        issues.append(Issue(f"{NODE}.zip", groups, rule, hint))
        groups = []
    if draws is not None and (type(draws) is not int or draws < 1):
        issues.append(Issue(f"{NODE}.random", draws, "must be a whole number of draws, at least 1"))
        draws = None
    if type(seed) is not int or seed < 0:
        issues.append(Issue(f"{NODE}.seed", seed, "must be a whole number, at least 0"))
        seed = 0
    return Options(tuple(tuple(group) for group in groups), draws, seed), issues


def _axes(
    overrides: Sequence[Override], issues: list[Issue], most: int = MOST_JOBS
) -> dict[str, Axis]:
    """Return an axis for each key; a later override of the same key takes the earlier's place."""
    axes: dict[str, Axis] = {}
    for override in overrides:
        key, value = override.get_key_element(), override.value()
        if override.key_or_group.split(".")[0] == NODE:
            if override.is_sweep_override():
                issues.append(Issue(key, None, "describes the sweep, so it has one value"))
        elif isinstance(value, IntervalSweep):
            axes[key] = Axis((key,), interval=value)
        elif problem := range_problem(override, most):
            issues.append(problem)
        elif empty := _stands_for_nothing(override):
            issues += empty
        elif override.is_sweep_override():
            axes[key] = Axis((key,), [(f"{key}={v}",) for v in override.sweep_string_iterator()])
        else:
            axes[key] = Axis((key,), [(f"{key}={override.get_value_element_as_str()}",)])
    return axes


def _stands_for_nothing(override: Override) -> list[Issue]:
    """Return the rule that a pattern breaks, in a study's grid too; none for what is no pattern."""
    loader, group = override.config_loader, override.key_or_group
    if override.value_type != ValueType.GLOB_CHOICE_SWEEP or loader is None:
        return []
    return list(glob_issues(override, loader.get_group_options(group)))


def _varies(axis: Axis) -> bool:
    return axis.interval is not None or len(axis.rows) > 1


def _zipped(
    axes: Mapping[str, Axis], groups: Sequence[Sequence[str]], issues: list[Issue]
) -> list[Axis]:
    """Put the axes of each group into one, at the place of the first of them."""
    by_name = {axis.name: key for key, axis in axes.items() if len(axis.rows) != 1}
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        names = [name.lstrip("+~") for name in group]
        problem = _zip_problem(group, names, by_name, axes, found)
        if problem:
            issues.append(problem)
            continue
        keys = tuple(key for key in axes if axes[key].name in names)
        found.update((key, keys) for key in keys)
    merged: dict[tuple[str, ...], Axis] = {}
    for key, axis in axes.items():
        keys = found.get(key, (key,))
        rows = zip(*(axes[k].rows for k in keys), strict=True)
        together = [tuple(text for row in texts for text in row) for texts in rows]
        merged.setdefault(keys, Axis(keys, together, axis.interval))
    return list(merged.values())


def _zip_problem(
    group: Sequence[str],
    names: Sequence[str],
    by_name: Mapping[str, str],
    axes: Mapping[str, Axis],
    taken: Mapping[str, Any],
) -> Issue | None:
    where, shown = f"{NODE}.zip", list(group)
    if len(set(names)) < 2:
        return Issue(where, shown, "needs at least two different keys")
    for name in names:
        if name not in by_name:
            hint = did_you_mean(name, by_name) if by_name else "no key does"
            return Issue(where, shown, f"zips keys that vary, and '{name}' does not", hint)
        if by_name[name] in taken:
            return Issue(where, shown, f"'{name}' is zipped already", "put all keys in one group")
        if axes[by_name[name]].interval is not None:
            return Issue(where, shown, f"'{name}' is an interval, which has no list of values")
    counts = [len(axes[by_name[name]].rows) for name in names]
    if len(set(counts)) > 1:
        numbers = ", ".join(f"{name} has {n}" for name, n in zip(names, counts, strict=True))
        return Issue(where, shown, f"needs equally many values of each key: {numbers}")
    return None


def _check_intervals(axes: Sequence[Axis], options: Options, issues: list[Issue]) -> None:
    if options.random is not None and not any(_varies(axis) for axis in axes):
        rule = "draws values of keys that vary, and none does"
        issues.append(Issue(f"{NODE}.random", options.random, rule, EXAMPLE))
    for axis in axes:
        if axis.interval is None:
            continue
        key = axis.name
        if options.random is None and not any(i.key == f"{NODE}.random" for i in issues):
            rule = "an interval is drawn from, so a number of draws is needed"
            issues.append(Issue(key, None, rule, f"add {NODE}.random=100"))
        issues += interval_problems(key, axis.interval)


def _require_not_too_many(axes: Sequence[Axis], options: Options, issues: list[Issue]) -> None:
    if options.random is not None:
        if options.random > MOST_JOBS:
            rule = f"draws {many(options.random)} settings, and a sweep has at most {MOST_JOBS:,}"
            issues.append(Issue(f"{NODE}.random", None, rule))
        return
    jobs = math.prod(len(axis.rows) for axis in axes if axis.interval is None)
    if issue := too_many(jobs):
        issues.append(issue)


def too_many(jobs: int) -> Issue | None:
    """Return the rule that a sweep of so many jobs breaks, if it breaks one."""
    if jobs <= MOST_JOBS:
        return None
    rule = f"makes {many(jobs)} settings, and a sweep has at most {MOST_JOBS:,}"
    return Issue(NODE, None, rule, f"draw some of them: {NODE}.random=1000")


def require_grid(overrides: Sequence[Override]) -> None:
    """Check the grid of a sweeper that lists every combination before it begins.

    Raises:
        InputError: If there are none, or too many.
    """
    issues: list[Issue] = []
    axes = _axes(overrides, issues)
    if not issues:
        _require_not_too_many(list(axes.values()), Options(), issues)
    if issues:
        raise InputError(*issues)


def _draw(axis: Axis, n_draws: int, seed: int) -> list[tuple[str, ...]]:
    """Draw rows of an axis, from a generator that is its own."""
    sequence = np.random.SeedSequence(seed, spawn_key=tuple(axis.name.encode()))
    rng = np.random.default_rng(sequence)
    if axis.interval is None:
        return [axis.rows[i] for i in rng.integers(len(axis.rows), size=n_draws)]
    # repr is the shortest text that is read back as the very same number
    return [(f"{axis.keys[0]}={value!r}",) for value in numbers(axis.interval, n_draws, rng)]


def _in_order(
    axes: Sequence[Axis], job: Sequence[Sequence[str]], order: Sequence[str]
) -> list[str]:
    """Put a job's overrides into the order in which their keys were given."""
    texts = {
        key: text
        for axis, row in zip(axes, job, strict=True)
        for key, text in zip(axis.keys, row, strict=True)
    }
    return [texts[key] for key in order]


MOST_VALUES = 1_000_000
"""Of a range that is drawn from."""


def range_problem(override: Override, most: int = MOST_VALUES) -> Issue | None:
    """Return the rule that an override's range breaks, if it is a range and breaks one."""
    sweep, key = override.value(), override.get_key_element()
    if not isinstance(sweep, RangeSweep):
        return None
    ends = _range_ends(sweep)
    written = f"range({','.join(map(as_typed, ends))})"
    # a whole number may be larger than any float
    if not all(isinstance(end, int) or math.isfinite(end) for end in ends):
        return Issue(key, written, "needs ends and a step that are finite")
    if ends[2] == 0:
        return Issue(key, written, "needs a step other than 0")
    n = _n_values(*ends)
    if n <= 0:
        return Issue(key, written, "has no values: it goes from its first end up to its second")
    if n > most:
        drawn = f"interval({as_typed(ends[0])},{as_typed(ends[1])})"
        drawn = f"int({drawn})" if all(isinstance(end, int) for end in ends) else drawn
        hint = f"draw some of them: '{key}={drawn}' sweep.random=100" if n < 1e15 else ""
        rule = f"has {many(n)} values, and here a range has at most {most:,}"
        return Issue(key, written, rule, hint)
    return None


def _n_values(start: float, stop: float, step: float) -> float:
    """Count the values of a range, without making any; inf where that is more than a float."""
    if all(isinstance(end, int) for end in (start, stop, step)):
        return -((start - stop) // step)
    try:
        n = (stop - start) / step
        return math.ceil(n) if math.isfinite(n) else n
    except OverflowError:
        return math.inf if (stop > start) == (step > 0) else -math.inf


def rounding(override: Override) -> str:
    """Say where a range without problems holds other numbers than its steps are meant to give.

    Example:
        >>> from hydra.core.override_parser.overrides_parser import OverridesParser
        >>> (tenths,) = OverridesParser.create().parse_overrides(["lr=range(0.1,0.4,0.1)"])
        >>> print(rounding(tenths))
        lr=range(0.1,0.4,0.1) is rounded to 0.1, 0.2, 0.30000000000000004, 0.4; for exact steps: \
lr=0.1,0.2,0.3
    """
    sweep = override.value()
    if not isinstance(sweep, RangeSweep) or isinstance(sweep.range(), range):
        return ""
    start, stop, step = (Decimal(repr(value)) for value in _range_ends(sweep))
    count = max(0, math.ceil((stop - start) / step))
    exact = [repr(float(start + i * step)) for i in range(count)]
    found = [repr(value) for value in sweep.range()]
    if found == exact:
        return ""
    meant = f"{override.get_key_element()}={','.join(exact)}"
    hint = f"; for exact steps: {meant}" if len(exact) <= 20 else ""
    return f"{override.input_line} is rounded to {listed(found, 8)}{hint}"


def _range_ends(sweep: RangeSweep) -> tuple[float, float, float]:
    assert sweep.start is not None
    assert sweep.stop is not None
    return sweep.start, sweep.stop, sweep.step


LOG = "log"
"""The tag of an interval that is drawn from log-uniformly."""

MOST_WHOLE = 2**53
"""Beyond it not every whole number is a floating-point number."""

EXAMPLE = f"for instance 'lr=tag({LOG},interval(1e-3,1))'"


def interval_problems(key: str, interval: IntervalSweep) -> Iterator[Issue]:
    """Yield the rules that an interval breaks."""
    low, high, whole = _interval_ends(interval)
    written = f"interval({low!r},{high!r})"
    for tag in sorted(interval.tags - {LOG}):
        yield Issue(key, written, f"'{tag}' is not a known tag", did_you_mean(tag, [LOG]))
    if whole and max(abs(low), abs(high)) > MOST_WHOLE:
        yield Issue(key, written, f"whole numbers are drawn up to {MOST_WHOLE:,}")
    elif not _finite(low, high):
        yield Issue(key, written, "needs ends that a number can lie between")
    elif low > high:
        yield Issue(key, written, "the lower end comes first", f"interval({high!r},{low!r})")
    elif LOG in interval.tags and low <= 0:
        yield Issue(key, written, "an interval with the tag log lies above 0", EXAMPLE)


def _finite(low: float, high: float) -> bool:
    try:
        return math.isfinite(float(high) - float(low))
    except OverflowError:  # a whole number that no float holds
        return False


def numbers(interval: IntervalSweep, n_draws: int, rng: np.random.Generator) -> list[Any]:
    """Draw numbers from an interval.

    Of whole numbers, both ends are drawn too; log-uniformly, the share of k is that of the real
    numbers from k to k + 1.
    """
    low, high, whole = _interval_ends(interval)
    if LOG in interval.tags:
        top = high + 1 if whole else high
        values = np.exp(rng.uniform(math.log(low), math.log(top), n_draws))
        # the exponential may round past an end
        values = np.clip(np.floor(values) if whole else values, low, high)
    elif whole:
        values = rng.integers(int(low), int(high), size=n_draws, endpoint=True)
    else:
        values = rng.uniform(low, high, n_draws)
    kind: type[int] | type[float] = int if whole else float
    return [kind(value) for value in values]


def _interval_ends(interval: IntervalSweep) -> tuple[float, float, bool]:
    """Return an interval's ends, and whether it is one of whole numbers."""
    low, high = interval.start, interval.end
    assert low is not None
    assert high is not None
    return low, high, isinstance(low, int) and isinstance(high, int)
