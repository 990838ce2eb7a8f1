"""What jobs ask of their report: whether it can be told before training, and whether it came."""

from collections.abc import Sequence
from contextlib import suppress

from nnrun.config.evaluation_grid import common_grid
from nnrun.config.settings import REQUIRED, REQUIREMENT, Job
from nnrun.errors import InputError, Issue, listed
from nnrun.launch.choices import WITHIN, find_key, has, is_value, pairs
from nnrun.records.labels import describe
from nnrun.records.sweep import Sweep
from nnrun.report.sentences import arm, mark
from nnrun.results.results import Results
from nnrun.statistics.factors import factors, levels, names
from nnrun.statistics.pairs import questions
from nnrun.statistics.survival import not_comparable
from nnrun.text import listing, setting_name


def require_told(jobs: Sequence[Job]) -> None:
    """Check before training that a sweep's report can tell what its jobs ask of it.

    Args:
        jobs: All of the sweep; where it is tuned, each with the same choice of values.

    Raises:
        InputError: If a key does not vary within whose values is to be compared, or if a finding
            is required of what is not compared, or if the results are to decide on the number of
            seeds, and nothing is compared.
    """
    asked = jobs[0].report
    if jobs[0].auto:
        _require_compared(jobs)
    if not (asked.within or asked.facet or asked.require):
        return
    sweep = Sweep("running", **describe({job.setting.id: job.setting.flat for job in jobs}))
    for what in WITHIN:
        if word := getattr(asked, what):
            find_key(f"report.{what}", word, list(names(sweep)))
    if asked.require:
        meant(sweep, asked.require, "report.require")


def _require_compared(jobs: Sequence[Job]) -> None:
    """Check that there is something to compare where seeds are trained until all is decided."""
    configs = {job.setting.id: job.setting.flat for job in jobs}
    rule, hint = "goes on until every comparison is decided, and", "give a number of seeds"
    if len(configs) == 1:
        rule, hint = f"{rule} there is none", f"add -m and values, as in -m lr=0.03,0.1, or {hint}"
        raise InputError(Issue("seeds", "auto", rule, hint))
    shared = common_grid([job.setting.grid for job in jobs])
    sweep = Sweep("running", **describe(configs), common_grid=shared and shared.to_facts())
    if why := not_comparable(sweep):
        raise InputError(Issue("seeds", "auto", f"{rule} {why}", hint))


def meant(sweep: Sweep, required: str, key: str = "require") -> str:
    """Find the arm of which a finding is required, as contrasts name it.

    Args:
        sweep: Whose settings they are.
        required: As ``sooner(lr=0.1)``, see `nnrun.config.settings.Report`; keys may be written
            whole, and in any order.
        key: The option that asks for it, for the error.

    Raises:
        InputError: If nothing of this name is compared with anything.
    """
    asked = REQUIREMENT.fullmatch(required)
    assert asked is not None, required
    words = " ".join(pairs(asked[2]))
    held = questions(sweep)
    known = list(dict.fromkeys(question.name_a for question in held))
    if words in known:
        return words
    own, _, place = words.partition(" at ")
    name, at = _named(sweep, own), _level(sweep, place)
    if name in known and not place:
        return name
    for question in held if at else ():
        other, _, level = at.partition("=")
        if question.name_a == name and level in question.others.get(other, ()):
            return f"{name} at {at}"
    rule = f"'{asked[2]}' is not compared with anything"
    if name in {question.name_b for question in held}:
        rule = f"'{asked[2]}' is what the others are compared with"
    raise InputError(Issue(key, required, rule, f"compared are {listed(known) or 'none'}"))


def _named(sweep: Sweep, words: str) -> str:
    """Name the level or setting that some words select; empty if they select none, or several."""
    if level := _level(sweep, words):
        return level
    with suppress(InputError):
        found = [s.label for s in sweep.settings if has(sweep, s.config, words)]
        return setting_name(found[0]) if len(found) == 1 else ""
    return ""


def _level(sweep: Sweep, words: str) -> str:
    """Name the level of a factor that a word selects; empty if it is none."""
    word, _, value = words.partition("=")
    with suppress(InputError):
        key = find_key("require", word, list(factors(sweep)))
        for setting in sweep.settings:
            if key in setting.config and is_value(setting.config, key, value):
                return f"{names(sweep)[key]}={levels(sweep)[key][setting.id]}"
    return ""


def unmet(results: Results, required: str) -> str:
    """Say why a finding that was required is not there; empty if it is.

    Args:
        results: What the sweep found.
        required: As ``sooner(lr=0.1)``.
    """
    asked = REQUIREMENT.fullmatch(required)
    assert asked is not None, required
    kind, name = asked.groups()
    with suppress(InputError):
        name = meant(results.sweep, required)
    table = results.contrasts
    rows = [row for row in table.to_dict("records") if name in (row["name_a"], arm(row))]
    if not rows:
        known = listing(list(dict.fromkeys(table["name_a"])), 8)
        told = f"compared are {known}" if known else "nothing is compared"
        return f"required was {required}, and '{name}' is not compared with anything ({told})"
    if rows[0]["verdict"] in REQUIRED[kind]:
        return ""
    found = mark(rows[0]["verdict"], rows[0]["margin"])
    return f"required was {required}, and found was '{found}'"
