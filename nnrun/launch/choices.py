"""What a reader can ask of a report: another target, baseline, facet, or naming of settings."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nnrun.config.schema import build
from nnrun.config.settings import Report, Target
from nnrun.errors import InputError, Issue, as_typed, did_you_mean, listed
from nnrun.launch.sources import Source
from nnrun.records.labels import key_names, label, value_text
from nnrun.records.record import Record
from nnrun.records.sweep import AFTERWARDS, MARGIN, Sweep
from nnrun.statistics.survival import target_text
from nnrun.text import listing, percentage, setting_name, things, typed


@dataclass(frozen=True)
class Choices:
    """What is asked of a report besides its records.

    Attributes:
        target: What counts as converged instead of what was declared, as METRIC:VALUE[:HOLD].
        baseline: Words that select the setting that the others are compared with.
        facet: The key whose values get panels of their own, and comparisons within each; empty for
            none, whatever the records say.
        within: The key within each of whose values the others are compared, without panels;
            likewise.
        keys: The keys that settings are named by.
        study: The template of a study's page: a file, or the name of one in experiments/. None for
            the one that the records name, if it is in nnrun's experiments/.
        pdf: Whether each figure is written as PDF, too.
        handout: Whether handout.html is written, too, whatever the records say.
        require: A finding that is asked for, as ``sooner(lr=0.1)``.
        margin: The share by which times may differ that count as the same; None for the one that
            the records name.
    """

    target: str | None = None
    baseline: str | None = None
    facet: str | None = None
    within: str | None = None
    keys: Sequence[str] = ()
    study: str | None = None
    pdf: bool = False
    handout: bool = False
    require: str | None = None
    margin: float | None = None


AS_DECLARED = Choices()
"""Nothing is asked for besides what the jobs said."""


WITHIN = ("facet", "within")
"""Choices of the key within whose values is compared."""


def chosen(
    sweep: Sweep, choices: Choices, metas: Iterable[Mapping[str, Any]], notes: list[str]
) -> Sweep:
    """Do what is asked of names, baseline, facets and margin.

    Args:
        sweep: As its records make it.
        choices: What is asked for.
        metas: Of its records: the facet and the margin that they were trained for are taken where
            none is asked for here.
        notes: Is told where the facet's key does not vary, and where margins differ.

    Raises:
        InputError: If a choice cannot be met.
    """
    metas = list(metas)
    margin = _smallest_margin(metas, notes) if choices.margin is None else choices.margin
    sweep = replace(sweep, margin=margin)
    if choices.keys:
        sweep = name_by(sweep, choices.keys)
    if choices.baseline is not None:
        sweep = with_baseline(sweep, choices.baseline)
    if choices.facet is None and choices.within is None:
        return _as_trained(sweep, metas, notes)
    return _compared_within(sweep, choices.facet, choices.within)


def _compared_within(sweep: Sweep, *words: str | None, under: str = "") -> Sweep:
    keys = [
        find_key(under + what, word, sweep.telling) if word else None
        for what, word in zip(WITHIN, words, strict=True)
    ]
    return replace(sweep, facet=keys[0], within=keys[1])


def _as_trained(sweep: Sweep, metas: Iterable[Mapping[str, Any]], notes: list[str]) -> Sweep:
    """Compare within the key that the jobs named; of sweeps that disagree, within none."""
    said = dict.fromkeys(tuple(meta.get(what) for what in WITHIN) for meta in metas)
    named = [words for words in said if any(words)]
    if len(named) == 1:
        try:
            return _compared_within(sweep, *named[0], under="report.")
        except InputError as error:  # of a part of a sweep it may not vary
            notes.append(f"Not compared within each value of a key: {error}.")
    return sweep


def _smallest_margin(metas: Iterable[Mapping[str, Any]], notes: list[str]) -> float:
    """Take the margin that the jobs named; of several the one that asks for most."""
    named = sorted({float(meta.get("margin", MARGIN)) for meta in metas})
    if len(named) > 1:
        several = listing([percentage(margin) for margin in named], len(named))
        notes.append(
            f"The sweeps call times the same within {several}: here within {percentage(named[0])}."
        )
    return named[0] if named else MARGIN


def read_margin(text: str) -> float:
    """Read the share by which times may differ that count as the same, for instance ``0.2``.

    Raises:
        InputError: If it is none.
    """
    value = typed(text)
    if isinstance(value, str):
        raise InputError(Issue("margin", text, "must be a number", "0.1 for 10%"))
    return Report(margin=value).margin


def read_target(text: str) -> dict[str, Any]:
    """Read a target, for instance ``accuracy:0.9`` or ``test_loss:0.01:5``.

    Returns:
        ``metric``, ``value``, and ``hold`` if it was given.

    Raises:
        InputError: If it is none.
    """
    parts = str(text).split(":")
    if len(parts) not in (2, 3) or not all(parts):
        rule = "must be METRIC:VALUE or METRIC:VALUE:HOLD"
        raise InputError(Issue("target", text, rule, "for instance accuracy:0.95:3"))
    words = dict(zip(("metric", "value", "hold"), parts, strict=False))
    wanted = {key: typed(word) for key, word in words.items()}
    issues: list[Issue] = []
    target = build(Target, wanted, issues, "target.")
    if target is None:
        raise InputError(*issues)
    return {key: getattr(target, key) for key in wanted}


def retargeted(head: Record, wanted: Mapping[str, Any]) -> Record:
    """Give a record's setting another target; its id becomes that of the setting it then is.

    Raises:
        InputError: If the target is an accuracy, and the setting has none.
    """
    if wanted["metric"] == "accuracy" and head.meta["task"] == "regression":
        rule = f"needs classes, and {head.path.parent} is a regression"
        raise InputError(Issue("target.metric", "accuracy", rule, "take test_loss"))
    own = {f"target.{key}": value for key, value in wanted.items()}
    config = {**head.meta["config"], **own}
    if config == head.meta["config"]:
        return head
    return replace(head, meta={**head.meta, "config": config, "setting": setting_id(config)})


def setting_id(config: Mapping[str, Any]) -> str:
    """Return the id that `nnrun.config.settings.Setting.id` gives to a flat configuration."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:10]


def find_key(what: str, word: str, keys: Sequence[str]) -> str:
    """Find a dotted key by its whole name, or as labels say it.

    Args:
        what: The option that asks for it, for the error.
        word: For instance ``network.hidden`` or ``hidden``.
        keys: The keys it can be.

    Raises:
        InputError: If there is no such key, or several.
    """
    if word in keys:
        return word
    found = [key for key, name in zip(keys, key_names(keys), strict=True) if name == word]
    found = found or [k for k in keys if k.removesuffix(".name").rsplit(".", 1)[-1] == word]
    if len(found) == 1:
        return found[0]
    if not keys:
        raise InputError(Issue(what, word, "names a key, and nothing varies"))
    if found:
        raise InputError(Issue(what, word, f"can be any of {listed(found)}", "give it whole"))
    rule = "is not a key that varies"
    raise InputError(Issue(what, word, rule, did_you_mean(word, [*key_names(keys)])))


def name_by(sweep: Sweep, words: Sequence[str]) -> Sweep:
    """Name the settings by some keys only.

    Raises:
        InputError: If a word is no key, or if two settings would have one name.
    """
    keys = list(dict.fromkeys(find_key("keys", word, sweep.varying) for word in words))
    configs = [setting.config for setting in sweep.settings]
    for short in (True, False):
        labels = [label(config, keys, short) for config in configs]
        if len(set(labels)) == len(labels):
            break
    first: dict[str, int] = {}
    for i, name in enumerate(labels):
        if first.setdefault(name, i) != i:
            ids = [sweep.settings[k].id for k in (first[name], i)]
            both = " and ".join(sweep.settings[k].label for k in (first[name], i))
            rule = f"does not tell {' and '.join(ids)} apart, both '{name}'"
            raise InputError(Issue("keys", ",".join(words), rule, f"they are {both}"))
    settings = [replace(s, label=n) for s, n in zip(sweep.settings, labels, strict=True)]
    return replace(sweep, settings=settings, telling=keys)


def with_baseline(sweep: Sweep, words: str) -> Sweep:
    """Move the setting that some words select to the front.

    Args:
        sweep: Whose settings they are.
        words: Its id, its label, or keys and values that it alone has.

    Raises:
        InputError: If they select none, or several.
    """
    settings = sweep.settings
    exact = [s for s in settings if words.strip() in (s.id, s.label)]
    found = exact or [s for s in settings if has(sweep, s.config, words)]
    if len(found) != 1:
        rule = f"selects {len(found)} settings, and must select one" if found else "selects none"
        names = [f"'{setting_name(s.label)}' ({s.id})" for s in found or settings]
        raise InputError(Issue("baseline", words, rule, f"candidates: {listed(names)}"))
    chosen = found[0]
    target = {key: chosen.config.get(f"target.{key}") for key in ("metric", "value", "hold")}
    others = [s for s in settings if s is not chosen]
    return replace(sweep, settings=[chosen, *others], target=target)


def has(sweep: Sweep, config: Mapping[str, Any], words: str) -> bool:
    """Say whether a setting has all of the values in some words, such as ``lr=0.1 hidden=[2, 1]``.

    Raises:
        InputError: If they are no keys and values.
    """
    for pair in pairs(words):
        word, equals, value = pair.partition("=")
        if not (equals and word):
            rule = "must be a setting's id, its label, or words such as lr=0.1"
            names = [s.label for s in sweep.settings]
            raise InputError(Issue("baseline", words, rule, f"candidates: {listed(names)}"))
        key = word if word in (sweep.constant or {}) else find_key("baseline", word, sweep.varying)
        if key not in config or not is_value(config, key, value):
            return False
    return True


def pairs(words: str) -> list[str]:
    """Split words at spaces, but not within brackets or after a comma."""
    closed = re.sub(r"\s*,\s*", ",", words)
    return re.sub(r"(?<=[\[(])\s+|\s+(?=[\])])", "", closed).split()


def is_value(config: Mapping[str, Any], key: str, text: str) -> bool:
    """Say whether a value is what a text says, as labels, the command line or a number."""
    value = config[key]
    if text in (value_text(config, key), value_text(config, key, True), as_typed(value)):
        return True
    number = typed(text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and not isinstance(number, str) and number == value


def judged_otherwise(sources: Sequence[Source], wanted: Mapping[str, Any]) -> list[str]:
    """Say that the target was given after training, where it is not the declared one."""
    declared = {
        tuple(head.meta["config"].get(f"target.{key}") for key in ("metric", "value", "hold"))
        for source in sources
        for head in source.heads
    }
    others = [
        _held(metric, value, hold)
        for metric, value, hold in sorted(declared, key=str)
        if {"metric": metric, "value": value, "hold": hold} != {"hold": hold, **wanted}
    ]
    if not others:
        return []
    given = _held(wanted["metric"], wanted["value"], wanted.get("hold"))
    return [f"Judged against {given} instead of the declared {' or '.join(others)}: {AFTERWARDS}"]


def _held(metric: str, value: float, hold: int | None) -> str:
    text = target_text({"metric": metric, "value": value})
    return text if hold is None else f"{text} (held for {things(hold, 'evaluation')})"
