"""At how many seeds results of the same settings were looked at before.

Whoever adds seeds until a difference is shown looks more than once, and tests and intervals must
allow for it. So what a report was made of is noted beside the cache of trained trials: of each
setting the seeds. A note is never changed and is called by a hash of its content, so that two
sweeps may write and read at once. Trials that are pruned from the cache, or trained anew, come out
as they were: they have been looked at all the same. Only ``cache=off`` and deleting the folder
forget.

A look is one of settings together: two of them at least. One that shares only the baseline with a
sweep has compared nothing that the sweep compares. A sweep has one list of looks for all of its
comparisons, which is at worst too careful with those that are new.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from nnrun.layout import write_atomically
from nnrun.records.plain import Damaged, read_plain, require
from nnrun.records.record import Record
from nnrun.records.sweep import AUTO, Sweep
from nnrun.trials.cache import LOOKS, Cache

JUDGED_BY = ("target.", "engine", "continue_from")
"""Keys of a setting's configuration that do not change what its trials are, or hardly."""

NOTE = {"settings": dict, "looks": [int], "auto?": (AUTO, None)}
"""What a note says: spans of seeds, first and last, by setting; the numbers of seeds looked at, and
the plan of these looks, if there was one."""

PLAN = ("most", "block")
"""What makes a plan of looks."""

Spans = list[tuple[int, int]]
"""First and last seeds, ascending, without overlap."""

Seen = Mapping[str, Spans]
"""What is there of each setting, by what it trains."""


class Note(NamedTuple):
    """What was looked at before.

    Attributes:
        seen: What was there of each setting.
        looks: At which numbers of seeds it was looked at.
        auto: The plan of the looks, as of `nnrun.records.sweep.Sweep`; None without one.
    """

    seen: Seen
    looks: Sequence[int] = ()
    auto: Mapping[str, Any] | None = None


def seen_in(heads: Iterable[Record]) -> dict[str, Spans]:
    """List the seeds that records have of each setting; none of jobs that failed."""
    return seen_of(
        (head.meta["config"], int(head.meta["seed"]), int(head.meta["seeds"]))
        for head in heads
        if not head.meta["error"]
    )


def seen_of(jobs: Iterable[tuple[Mapping[str, Any], int, int]]) -> dict[str, Spans]:
    """List the seeds of each setting, from its configuration, the first and the number of each."""
    found: dict[str, Spans] = {}
    for config, first, n in jobs:
        found.setdefault(_key(config), []).append((first, first + n - 1))
    return {key: _joined(spans) for key, spans in found.items()}


def looks_at(now: Seen, earlier: Iterable[Seen], least: int = 2) -> list[int]:
    """List the numbers of seeds at which results have been looked at, the last now.

    An earlier look is one at two settings or more that have more seeds now, with some of them.

    Args:
        now: What is there now.
        earlier: What was there at each look before.
        least: Settings that make a look: of seeds that the baseline has, too, one does.

    Returns:
        Ascending; none where this is the first look.

    Example:
        >>> now = {"a": [(0, 49)], "b": [(0, 49)], "c": [(0, 19)]}
        >>> looks_at(now, [{"a": [(0, 19)], "b": [(0, 19)]}])
        [20, 50]
        >>> looks_at(now, [{"a": [(0, 19)], "c": [(0, 19)]}, now])
        []
    """
    found = set[int]()
    for then in earlier:
        shared = [_overlap(now[key], then[key]) for key in now.keys() & then.keys()]
        sizes = [size(now[key]) for key in now.keys() & then.keys()]
        fewer = [n for n, of in zip(shared, sizes, strict=True) if 0 < n < of]
        if len(fewer) >= least:
            found.add(max(fewer))
    last = max(map(size, now.values()), default=0)
    return sorted({n for n in found if n < last} | {last}) if found else []


def at_each(seen: Seen, looks: Sequence[int]) -> Iterator[Seen]:
    """List what was there at each look: the first so many seeds of each setting, and all."""
    yield seen
    for n in looks:
        yield {key: _first(spans, n) for key, spans in seen.items()}


def looked_at(sweep: Sweep, now: Seen, earlier: Sequence[Note], least: int = 2) -> Sweep:
    """Add to a sweep at how many seeds it was looked at before, and whether not by its plan.

    Who raises the most seeds of a plan that ended without a decision has not kept to it, nor has
    who made a plan when he had seen some of its seeds. That is told of all seeds that the plan may
    come to, so that it is known from its first look on.
    """
    parts = (seen for note in earlier for seen in at_each(note.seen, note.looks))
    looks, auto = sorted({*sweep.looks, *looks_at(now, parts, least)}), sweep.auto
    if auto:
        all_ = {key: [(spans[0][0], spans[0][0] + auto["most"] - 1)] for key, spans in now.items()}
        if _replanned(auto, [note for note in earlier if _compares(all_, note.seen)]):
            auto = {**auto, "replanned": True}
    return replace(sweep, looks=looks, auto=auto)


def _replanned(auto: Mapping[str, Any], earlier: Sequence[Note]) -> bool:
    """Tell whether the first look at a plan's seeds was not by that plan.

    A plan that was carried out before stays what it was then, whatever came after.
    """
    plans = [note.auto for note in earlier]
    same = [plan for plan in plans if plan and all(plan[key] == auto[key] for key in PLAN)]
    if same:
        return any(plan.get("replanned", False) for plan in same)
    return bool(earlier)


def _compares(now: Seen, then: Seen) -> bool:
    """Tell whether seeds of two settings or more are those that were there then."""
    return sum(_overlap(now[key], then[key]) > 0 for key in now.keys() & then.keys()) > 1


@dataclass(frozen=True)
class History:
    """What was looked at before, as a cache has it, and what is looked at now.

    Attributes:
        seen: What there is now.
        cache: The folder of the cache; None where it is not to be used.
    """

    seen: Seen
    cache: Path | None

    @classmethod
    def of(cls, heads: Iterable[Sequence[Record]], cache: Cache | None) -> Self:
        """Take what records have, and a launch's cache; a report of records needs no history."""
        folder = None if cache is None or cache.use == "off" else cache.folder
        return cls(seen_in(head for mine in heads for head in mine), folder)

    def add_to(self, sweep: Sweep, complaints: list[str]) -> Sweep:
        """Add to a sweep at how many seeds it was looked at before."""
        if self.cache is None:
            return sweep
        return looked_at(sweep, self.seen, list(noted(self.cache, complaints)))

    def note(self, sweep: Sweep) -> None:
        """Note what is looked at now; where the disk does not take it, nothing is lost but that."""
        if self.cache is not None:
            with suppress(OSError):
                note(self.cache, Note(self.seen, sweep.looks, sweep.auto))


def noted(cache: Path, complaints: list[str]) -> Iterator[Note]:
    """Read what was looked at before; a note that cannot be read is a complaint."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted((cache / LOOKS).glob("*.json")):
            try:
                told = read_plain(path, NOTE)
                seen = {key: _joined(_spans(spans)) for key, spans in told["settings"].items()}
            except FileNotFoundError:
                continue
            except (Damaged, OSError) as error:
                complaints.append(f"a note of what was looked at is left out: {path}: {error}")
                continue
            yield Note(seen, told["looks"], told.get("auto"))


def note(cache: Path, look: Note) -> None:
    """Note that results were looked at, if there was anything to compare.

    Raises:
        OSError: If the system refuses it.
    """
    if len(look.seen) < 2:
        return  # nothing was compared
    told = {"settings": dict(sorted(look.seen.items())), "looks": list(look.looks)}
    content = json.dumps({**told, "auto": look.auto}).encode()
    folder = cache / LOOKS
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content), sync=False)


def spans_of(seeds: Iterable[int]) -> Spans:
    """Return seeds as spans.

    Example:
        >>> spans_of([3, 0, 1, 2, 7])
        [(0, 3), (7, 7)]
    """
    return _joined([(seed, seed) for seed in seeds])


def size(spans: Spans) -> int:
    """Count the seeds of spans."""
    return sum(last - first + 1 for first, last in spans)


def _key(config: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in config.items() if not key.startswith(JUDGED_BY)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _spans(told: Any) -> Spans:
    require(told, [[int]])
    if any(len(span) != 2 or not 0 <= span[0] <= span[1] for span in told):
        raise Damaged("'settings' are no first and last seeds")
    return [(first, last) for first, last in told]


def _joined(spans: Spans) -> Spans:
    found: Spans = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _overlap(one: Spans, other: Spans) -> int:
    both = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return sum(max(0, last - first + 1) for first, last in both)


def _first(spans: Spans, n: int) -> Spans:
    found: Spans = []
    for first, last in spans:
        if n > 0:
            found.append((first, min(last, first + n - 1)))
            n -= found[-1][1] - first + 1
    return found
