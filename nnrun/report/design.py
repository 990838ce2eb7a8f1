"""The design of a sweep in the words of a paper: what was varied, what all had, what was tuned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnrun.errors import as_typed
from nnrun.records.sweep import Sweep
from nnrun.report.tuning import TunedArm, choices, kept_apart, raced, tuned_arms, tuned_keys, whose
from nnrun.statistics.factors import factors, is_full_grid, names
from nnrun.statistics.racing import CHANCE, MARGIN, NEVER
from nnrun.text import listing, number, percentage, things

MOST_LEVELS = 8  # of a factor, that are named
DESCRIBED = (
    "data", "features", "network", "init", "optimizer", "schedule", "loss", "penalties", "clip",
)  # fmt: skip
SPOKEN = {"lr": "learning rate", "init": "initial weights:", "zero_one": "0 and 1"}
"""What a paper calls otherwise."""

ALONE = ("batch_size", "lr", "backprop", "continue_from")
"""Keys that are told of whether they are in a group or not."""

OFF = (None, 0, False, "", "none", "constant", "exact")
"""Values that say that a thing was not used."""

USUAL = ("data.shuffle", "network.bias")
"""What is told of only where it was not used."""


def design(sweep: Sweep) -> Iterator[str]:
    """Say in sentences what was varied, what all settings had, and how values were chosen."""
    yield from _varied(sweep)
    if not sweep.words.own:
        return
    yield from _kept(sweep)
    yield from _followed(sweep)
    yield from _tuned(sweep)


def _varied(sweep: Sweep) -> Iterator[str]:
    n = len(sweep.settings)
    if n < 2:
        yield f"We {'trained' if sweep.words.own else 'compared'} one setting."
        return
    said = names(sweep)
    varied = [f"{said[key]} ({_levels(several)})" for key, several in factors(sweep).items()]
    how = ""
    if len(varied) > 1:
        how = ", in all combinations" if is_full_grid(sweep) else ", not in all combinations"
    about = f", which differ in {listing(varied, len(varied))}{how}" if varied else ""
    yield f"We {'trained' if sweep.words.own else 'compared'} {n:,} settings{about}."


def _levels(several: Sequence[str]) -> str:
    if len(several) <= MOST_LEVELS:
        return ", ".join(several)
    return f"{len(several):,} levels, from {several[0]} to {several[-1]}"


def _kept(sweep: Sweep) -> Iterator[str]:
    """Say what all settings share, by group."""
    every = sweep.constant or {}
    parts = [f"{_spoken(key)} {_said(every[key])}" for key in ALONE if every.get(key) not in OFF]
    parts += filter(None, (_group(every, group) for group in DESCRIBED))
    if parts:
        yield f"{'All had' if len(sweep.settings) > 1 else 'It had'}: {'; '.join(parts)}."


def _group(every: Mapping[str, Any], group: str) -> str:
    """Say which option of a group was used, with its own values; empty if none was."""
    name, own = every.get(f"{group}.name"), _own(every, group)
    if group == "features" and name == "terms":
        listed = [said for said in own[:1] if said.startswith("terms ")]
        inputs = [f"inputs {said.removeprefix('terms ')}" for said in listed]
        return ", ".join([*inputs, *own[len(listed) :]])
    if name in OFF and not own:
        return ""
    head = " ".join([_spoken(group), *([_spoken(str(name))] if name not in OFF else [])])
    return f"{head} ({', '.join(own)})" if own else head


def _own(config: Mapping[str, Any], group: str) -> list[str]:
    """Say the values of a group's own keys, of those that were used."""
    told = []
    for key, value in config.items():
        name = key.removeprefix(f"{group}.")
        if name in (key, "name") or (value in OFF and not (key in USUAL and value is False)):
            continue
        if isinstance(value, bool):
            told += [] if key in USUAL and value else [("" if value else "no ") + _spoken(name)]
        elif key == "features.terms":
            told.insert(0, f"terms {', '.join(map(str, value))}")
        else:
            told.append(f"{_spoken(name)} {_said(value)}")
    return told


def _followed(sweep: Sweep) -> Iterator[str]:
    """Say what came with each option of a group that was varied."""
    chosen = [
        g for g in DESCRIBED if f"{g}.name" in sweep.telling and g not in ("data", "features")
    ]
    for group in chosen:
        known: dict[str, list[str]] = {}
        for setting in sweep.settings:
            follows = {k: v for k, v in setting.config.items() if _follows(sweep, k)}
            name = _spoken(str(setting.config.get(f"{group}.name")))
            known.setdefault(name, _own(follows, group))
        parts = [f"{name} had {listing(own, len(own))}" for name, own in known.items() if own]
        if parts:
            yield f"Of the {group} options, {'; '.join(parts)}."


def _follows(sweep: Sweep, key: str) -> bool:
    return key in sweep.varying and key not in sweep.telling and key not in sweep.tuned


def _spoken(word: str) -> str:
    return SPOKEN.get(word, word.replace("_", " "))


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_said, value))}]"
    if isinstance(value, float):
        mantissa, power, _ = f"{value:g}".replace("-", "−", value < 0).partition("e")
        digits = len(mantissa.replace(".", "").removeprefix("−"))
        return number(value, digits) if power else mantissa
    return f"{value:,}" if isinstance(value, int) else _spoken(str(value))


def _tuned(sweep: Sweep) -> Iterator[str]:
    arms = tuned_arms(sweep)
    if not arms:
        return
    tried = []
    for key in tuned_keys(arms):
        rows = (row for arm in arms for row in arm.rows if key in row)
        values = dict.fromkeys(as_typed(row[key]) for row in rows)
        tried.append(f"{key} ({', '.join(values)})")
    yield from _race(arms)
    first, last = (sweep.tuning or {})["seeds"]
    apart = ", none of which is reported" if kept_apart(sweep) else ""
    took = choices(arms)
    yield (
        f"Beforehand, {listing(tried, len(tried))} {'was' if len(tried) == 1 else 'were'} chosen "
        f"for each setting{whose(sweep, arms)} by the lowest restricted mean, then the lowest test "
        f"loss, on seeds {first:,} to {last:,}{apart}{f' (chosen: {took})' if took else ''}."
    )


def _race(arms: Sequence[TunedArm]) -> Iterator[str]:
    """Say how seeds were saved, if they were."""
    if raced(arms):
        had = sum(row["seeds"] for arm in arms for row in arm.rows)
        yield (
            f"Values to be tuned raced ({things(had, 'trial')} in all): one had no more seeds, and "
            "was not chosen, when, by Student's predictive distribution of what was missing, the "
            f"chance that it would beat the best so far by more than {percentage(MARGIN - 1)} of "
            f"its restricted mean (where none of {NEVER} seeds of any value arrived, of its test "
            f"loss) was below {percentage(CHANCE)}."
        )
