"""Everything that is written of what a sweep found: page, figures, and a study's own page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnrun import layout
from nnrun.plot import canvas
from nnrun.report.figures import drawing
from nnrun.report.page import build
from nnrun.report.study import write_study
from nnrun.results.results import Results
from nnrun.statistics.summary import shown
from nnrun.text import setting_name
from nnrun.trials.cache import Cache

if TYPE_CHECKING:
    from nnrun.pictures.behaviour import Behaviour


def write_report(
    results: Results,
    folder: Path,
    records: Mapping[str, Sequence[Path]],
    say: Callable[[str], None] = lambda text: None,
    stopped: Callable[[], bool] = lambda: False,
    template: Path | None = None,
    pdf: bool = False,
    cache: Cache | None = None,
) -> None:
    """Write the report, with what single networks do, and a study's page if there is one to fill.

    Args:
        results: What the sweep found.
        folder: Where to.
        records: Paths of the records of each setting, by its id.
        say: Is told what is being done.
        stopped: Asked while networks are watched: whether an end is wanted.
        template: Of the study's page; None for no such page.
        pdf: Whether each figure is written as PDF, too.
        cache: Where networks that were watched before are found; None for nowhere.

    Raises:
        InputError: If the study's page cannot be filled; all else is written.
    """
    say("watching networks learn")
    figures = folder / layout.FIGURES
    with drawing(results, figures, pdf) as drawn:
        found = watched(results, records, stopped, cache)
        say("drawing the report")
        if found is not None:
            _write_figures(found, figures, pdf)
        build(results, folder, found, drawn())
    if template is not None:
        say("filling the study's page")
        write_study(template, results, folder)


def _write_figures(found: "Behaviour", folder: Path, pdf: bool) -> None:
    """Write figures of single networks, which the page shows picture by picture."""
    from nnrun.pictures import panels  # this and `behaviour` load beside the other process

    for name, draw in panels.FIGURES.items():
        if (figure := draw(found)) is not None:
            canvas.write_files(figure, folder / name, pdf)


def watched(
    results: Results,
    records: Mapping[str, Sequence[Path]],
    stopped: Callable[[], bool] = lambda: False,
    cache: Cache | None = None,
) -> "Behaviour | None":
    """See what networks of the settings do that a panel has room for; None if none trained."""
    from nnrun.pictures.behaviour import behaviour

    chosen = shown(results.summary)
    if not chosen:
        return None
    about = zip(results.summary["setting"], results.summary["label"], strict=True)
    names = {str(setting): setting_name(label) for setting, label in about}
    return behaviour(results.trials, records, chosen, names, stopped=stopped, cache=cache)
