"""Whether settings are compared seed by seed, and what is said where one lacks seeds."""

from collections.abc import Iterator

from nnrun.errors import InputError, Issue
from nnrun.judging.frame import Curves
from nnrun.text import listing, things

SHARED = 0.5
"""Share of the seeds of the smaller of two settings that both must have to count as paired."""

NAMED = 4
"""Settings that are named that lack seeds, or have more."""


def unpaired(curves: Curves, baseline: int, paired: bool | None, notes: list[str]) -> bool:
    """Tell whether settings are compared as groups of independent curves, not seed by seed.

    Args:
        curves: Of all settings.
        baseline: Which setting the others are compared with.
        paired: What is asked for; None to go by the seeds.
        notes: Gets what was decided, in sentences.

    Raises:
        InputError: If seeds do not say it, and nobody does.
    """
    n = len(curves.levels)
    if n < 2:
        return paired is False
    seeds = [set(curves.seed[curves.setting == i].tolist()) for i in range(n)]
    if paired is None:
        paired = _paired(curves, seeds, baseline, notes)
    if paired:
        notes += _lacking(curves, seeds, baseline)
    return not paired


def _paired(curves: Curves, seeds: list[set[int]], baseline: int, notes: list[str]) -> bool:
    first = seeds[baseline]
    others = {i: own for i, own in enumerate(seeds) if i != baseline}
    shared = {i: len(first & own) / min(len(first), len(own)) for i, own in others.items()}
    if max(shared.values()) == 0:
        notes.append(
            "No seed of another setting is one of the baseline's, so settings are compared without "
            "pairs: as two groups of independent curves."
        )
        return False
    worst = min(shared, key=shared.__getitem__)
    if shared[worst] >= SHARED:
        return True
    rule = (
        f"are in part the same: {len(first & seeds[worst])} of {len(seeds[worst])} of "
        f"{curves.name(worst)} are among the {len(first)} of {curves.name(baseline)}"
    )
    hint = "say whether equal seeds are the same luck: paired=True or False (--paired, --unpaired)"
    raise InputError(Issue("seeds", None, rule, hint))


def _lacking(curves: Curves, seeds: list[set[int]], baseline: int) -> Iterator[str]:
    """Say which settings have no curve of seeds that the baseline has, or the other way round."""
    found = []
    for i in range(len(seeds)):
        for lacks, other in ((i, baseline), (baseline, i)):
            n = len(seeds[other] - seeds[lacks])
            if i != baseline and n:
                found.append(
                    f"{curves.name(lacks)} has no curve of {n:,} of the "
                    f"{things(len(seeds[other]), 'seed')} of {curves.name(other)}"
                )
    if found:
        yield (
            f"{listing(found, NAMED)}. Only seeds that both have are compared: where those that "
            "lack failed, what is found is too favourable to the setting that lacks them."
        )
