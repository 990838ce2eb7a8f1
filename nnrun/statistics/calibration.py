"""Check the statistics of the report where the truth is known: ``python -m ...calibration``.

Sweeps are drawn from worlds in which the arms do not differ, or differ by a known ratio, and from
those of `nnrun.statistics.worlds`, and analysed by the very functions that the report calls.
"""

import argparse
import sys
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnrun.commands import exit_code, run, unread
from nnrun.statistics.contrasts import compared, judged
from nnrun.statistics.drawn_sweeps import (
    COARSE,
    CORRELATION,
    Cell,
    draw,
    false_claim_limit,
    holds,
    of_sweeps,
    sweep_of,
    table_row,
)
from nnrun.statistics.findings import CLAIMS, DIRECTION
from nnrun.statistics.pairs import clock
from nnrun.statistics.stopping import LOOKS, SHORT_LOOKS, report_looks, report_stops
from nnrun.statistics.summary import summarise
from nnrun.statistics.worlds import SHORT, WORLDS, tally
from nnrun.text import share

Floats = NDArray[np.float64]

STREAM = 2  # 1 showed that BCa, then used for ratios, fell short: what replaced it is judged apart
REPEATS = 2_000  # of 5% no more than 6.5% are let pass; a true 8% shows in 99 of 100 such checks
TABLES = ("claims", "kinds", "looks", "stops")
INTERVALS = ("ratio", "difference", "sooner", "rmst", "ert", "success")


class Calibration(NamedTuple):
    """What a cell's sweeps gave.

    Attributes:
        claims: Share of sweeps in which any contrast was claimed, of whichever kind.
        wrong: Share in which a contrast was claimed that is not true.
        coverage: By interval, the share of 95% intervals that hold the truth.
    """

    claims: float
    wrong: float
    coverage: Mapping[str, float]


def calibrate(cell: Cell, repeats: int) -> Calibration:
    """Draw sweeps of a cell and count claims, and intervals that hold the truth.

    The same cell and the same repeats always give the same sweeps.
    """
    rng = np.random.default_rng([STREAM, *repr(cell).encode()])
    trials = draw(cell, repeats, rng)
    table, summary = contrasts_of(cell, trials, repeats), summarise(trials, [])
    side = int(np.sign(1 - cell.ratio))
    verdicts = table["verdict"].to_numpy().reshape(repeats, -1)
    claimed = np.isin(verdicts, CLAIMS)
    true = np.isin(verdicts, [kind for kind in CLAIMS if DIRECTION[kind] == side])
    return Calibration(
        claims=float(claimed.any(axis=1).mean()),
        wrong=float((claimed & ~true).any(axis=1).mean()),
        coverage={**_of_contrasts(cell, table), **_of_settings(cell, summary)},
    )


def contrasts_of(cell: Cell, trials: pd.DataFrame, repeats: int) -> pd.DataFrame:
    """Compare the arms of every sweep with its baseline, all sweeps at once.

    Each sweep is a family of its own, as its contrasts are when it is analysed alone.
    """
    asked = of_sweeps(cell, repeats)
    table = compared(asked, clock(trials, sweep_of(cell, repeats)))
    return judged(table.assign(family=table["key"]))


def cells(seeds: Sequence[int]) -> dict[str, Cell]:
    """List the worlds in which nothing is to be found, by name."""
    found = {}
    for n in seeds:
        for censored in (0.0, 0.3, 0.6):
            name = f"A/A, {n} seeds, {share(censored)} censored"
            found[name] = Cell(n, censored)
            found[f"{name}, paired"] = Cell(n, censored, correlation=CORRELATION)
            ties = Cell(n, censored, COARSE, CORRELATION)
            found[f"{name}, paired, coarse grid"] = ties
    family = Cell(max(seeds), 0.3, correlation=CORRELATION, arms=6)
    return {**found, f"5 A/A contrasts, {max(seeds)} seeds, 30% censored, paired": family}


def short_cells() -> dict[str, Cell]:
    """List the worlds of the short form: where false claims would show first."""
    return {
        "A/A, 20 seeds": Cell(20),
        "A/A, 20 seeds, 30% censored, paired, coarse grid": Cell(20, 0.3, COARSE, CORRELATION),
    }


def power_cells() -> dict[str, Cell]:
    """List the worlds in which an arm needs 1.5 times the samples of the other, by name."""
    found = {}
    for sigma in (0.5, 0.8):
        for correlation in (CORRELATION, 0.0):
            for censored in (0.0, 0.3):
                paired = ", paired" if correlation else ""
                name = f"ratio 1.5, 30 seeds, {share(censored)} censored, sigma {sigma}{paired}"
                found[name] = Cell(30, censored, 0, correlation, sigma, 1.5)
    return found


def report(
    repeats: int, null: Mapping[str, Cell], power: Mapping[str, Cell]
) -> Generator[str, None, int]:
    """Write the lines of the calibration as a Markdown table, cell by cell.

    Returns:
        The number of cells with more false claims than chance explains, when the lines are out.
    """
    all_cells = {**null, **power}
    limit = false_claim_limit(repeats)
    heads = ["world", "claims", *INTERVALS]
    yield table_row(heads)
    yield table_row(["---"] + ["---:"] * (len(heads) - 1))
    exceeded = 0
    for i, (name, cell) in enumerate(all_cells.items(), start=1):
        print(f"{i} of {len(all_cells)}: {name}", file=sys.stderr, flush=True)
        found = calibrate(cell, repeats)
        exceeded += name in null and found.claims > limit
        yield table_row([name, *(f"{100 * x:.1f}%" for x in (found.claims, *_shares(found)))])
    yield ""
    verb = "is" if exceeded == 1 else "are"
    yield (
        f"{repeats:,} sweeps a world. Claims in A/A worlds are false: at most 5% are allowed, "
        f"{100 * limit:.1f}% with binomial error; {exceeded} of {len(null)} {verb} above. The "
        "other columns say how often a 95% interval holds the truth."
    )
    return exceeded


def report_kinds(repeats: int, names: Sequence[str]) -> Generator[str, None, int]:
    """Write the lines of a Markdown table of wrong and right headlines, world by world.

    Returns:
        The number of worlds with more wrong headlines than chance explains.
    """
    limit, exceeded = false_claim_limit(repeats), 0
    yield table_row(["world", "right", "wrong headlines", "right headlines"])
    yield table_row(["---", "---", "---:", "---:"])
    for i, name in enumerate(names, start=1):
        print(f"{i} of {len(names)}: {name}", file=sys.stderr, flush=True)
        found = tally(WORLDS[name], repeats)
        exceeded += found.wrong > limit
        right = ", ".join(WORLDS[name].right) or "nothing"
        yield table_row([name, right, f"{100 * found.wrong:.1f}%", f"{100 * found.found:.1f}%"])
    yield ""
    verb = "is" if exceeded == 1 else "are"
    yield (
        f"{repeats:,} sweeps a world. A headline is wrong that claims another kind of finding than "
        f"is right: at most 5%, {100 * limit:.1f}% with binomial error; {exceeded} of {len(names)} "
        f"{verb} above. All others said that it is not sure yet."
    )
    return exceeded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the calibration and print its table; return 1 if there are too many false claims."""
    parser = argparse.ArgumentParser(
        prog="python -m nnrun.statistics.calibration",
        description="Draw sweeps whose truth is known and count false claims, intervals that hold "
        "the truth, and differences found; ends with 1 if claims are false too often. Takes "
        "minutes; the same options print the same table.",
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"sweeps a world ({REPEATS})")
    parser.add_argument(
        "--short", action="store_true", help="two worlds of each kind, for a test: seconds"
    )
    parser.add_argument("--seeds", default="20,30", help="seeds an arm, A/A (20,30)")
    parser.add_argument(
        "--tables", default=",".join(TABLES), help=f"which are made ({','.join(TABLES)})"
    )
    options = parser.parse_args(arguments)
    wanted = options.tables.split(",")
    if unknown := [name for name in wanted if name not in TABLES]:
        parser.error(f"--tables: no table is called {unknown[0]!r}; there are {', '.join(TABLES)}")
    try:
        seeds = [int(text) for text in options.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds: {options.seeds!r} is no list of whole numbers such as 20,30")
    if min(seeds) < 2 or options.repeats < 1:
        parser.error("--seeds must be 2 or more each, --repeats 1 or more")
    null = short_cells() if options.short else cells(seeds)
    made = {
        "claims": report(options.repeats, null, {} if options.short else power_cells()),
        "kinds": report_kinds(options.repeats, SHORT if options.short else list(WORLDS)),
        "looks": report_looks(options.repeats, SHORT_LOOKS if options.short else LOOKS),
        "stops": report_stops(options.repeats, options.short),
    }
    tables = [made[name] for name in wanted]
    return exit_code(lambda: max([_printed(lines) for lines in tables]), "interrupted")


def _printed(lines: Generator[str, None, int]) -> int:
    """Print lines as they come, to whoever reads; return 1 if a world had too many false claims."""
    while not unread():
        try:
            print(next(lines), flush=True)
        except StopIteration as end:
            return int(end.value > 0)
    return 0


def _of_contrasts(cell: Cell, table: pd.DataFrame) -> dict[str, float]:
    base, other = cell.means()
    truths = {"ratio": other / base, "difference": other - base, "sooner": cell.sooner()}
    return {key: float(holds(table, key, np.array(x)).mean()) for key, x in truths.items()}


def _of_settings(cell: Cell, summary: pd.DataFrame) -> dict[str, float]:
    arm = np.arange(len(summary)) % cell.arms
    means, success = (values[np.minimum(arm, 1)] for values in (cell.means(), cell.success()))
    truths = {"rmst": means, "ert": means / success, "success": success}
    return {name: float(holds(summary, name, truth).mean()) for name, truth in truths.items()}


def _shares(found: Calibration) -> list[float]:
    return [found.coverage[name] for name in INTERVALS]


if __name__ == "__main__":
    run(main, json=False)
