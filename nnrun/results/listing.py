"""A row a setting, in words: what the terminal lists, and what a notebook shows."""

from collections.abc import Iterator, Sequence
from math import isfinite, isnan

from nnrun.records.sweep import Sweep
from nnrun.results.results import Results

COLUMNS = ("reached", "samples to target", "q10 to q90", "test loss", "accuracy", "ns/sample")


def headings(sweep: Sweep) -> Sequence[str]:
    """Return what stands over the cells of `rows`; of curves of others their own words."""
    if sweep.measured is None:
        return COLUMNS
    return (COLUMNS[0], f"{sweep.words.unit} to target", COLUMNS[2], sweep.measured["y"])


def rows(results: Results, most: int) -> Iterator[tuple[str, list[str]]]:
    """Yield each setting's label with a cell for each of the `headings`.

    Args:
        results: What was found.
        most: How many settings are listed.
    """
    measured = results.sweep.measured
    for row in results.summary.head(most).to_dict("records"):
        diverged = f", {row['diverged']} diverged" if row["diverged"] else ""
        if row["reached_then_diverged"]:
            diverged += f", {row['reached_then_diverged']} then diverged"
        cells = [
            f"{row['reached']}/{row['seeds']}{diverged}",
            _samples(row["samples_median"]),
            f"{_samples(row['samples_q10'])} to {_samples(row['samples_q90'])}",
            _figure(row["final_test_loss_median"]),
            _figure(row["final_accuracy_median"]),
            _figure(row["ns_per_sample"]),
        ]
        if measured is not None:
            cells[3:] = [cells[4] if measured["rising"] else cells[3]]
        yield row["label"], cells


def _samples(value: float) -> str:
    if isnan(value):
        return "-"
    if isfinite(value) and 0 < value < 100 and value != round(value):
        return f"{value:.3g}"  # of epochs, or seconds
    return f"{value:,.0f}" if isfinite(value) else "∞"


def _figure(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:,.4g}" if isfinite(value) else "∞" if value > 0 else "-∞"
