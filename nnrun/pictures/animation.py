"""How trials of a sweep learn: a page and a GIF a setting, and one page of several at one clock."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from nnrun.errors import InputError
from nnrun.interrupt import Ended
from nnrun.layout import write_atomically, write_text
from nnrun.pictures.behaviour import same_params
from nnrun.pictures.film import (
    MOST_FRAMES,
    Film,
    Subject,
    from_record,
    has_frames,
    scene_of,
    shoot,
    telling_moments,
)
from nnrun.pictures.gif import gif
from nnrun.pictures.player import Pane, player, target_words
from nnrun.pictures.replay import reason_of
from nnrun.pictures.trial_pictures import draw_stills, left_out
from nnrun.plot.layout import layout
from nnrun.plot.style import styles
from nnrun.records.record import Record, read_record
from nnrun.records.trials import Curves
from nnrun.results.results import Results
from nnrun.results.typical import Case, case_in, median_case
from nnrun.statistics.summary import shown
from nnrun.statistics.survival import trained
from nnrun.text import setting_name, things
from nnrun.training.trainer import TrainingStopped
from nnrun.trials.progress import meter, say

GIF, PAGE = "animation.gif", "animation.html"

MOST_TOGETHER = 4  # settings side by side
CELLS = 64  # along a side of a plane that stands beside others
MEMORY, FEWEST = 64_000_000, 6  # bytes that the frames of a film may take, and frames it has though


class ShownTrial(NamedTuple):
    """A trial that is animated, for its setting.

    Attributes:
        home: Folder of the setting's first job.
        record: File that has the trial.
        case: Which it is, and how it ended.
        name: Of the setting.
        which: Which of how many it is.
    """

    home: Path
    record: Path
    case: Case
    name: str
    which: str


def animate(
    subject: Subject,
    folder: Path,
    which: str = "",
    ended: str = "",
    arrival: float = float("nan"),
    together: Sequence[int] = (),
    advance: Callable[[float], None] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Film:
    """Train a trial again, alone and watched, and draw how it learns.

    It leaves ``animation.html``, ``animation.gif`` and the stills; if there is no picture of the
    plane, standard error says why.

    Args:
        subject: The trial, as its record has it.
        folder: Where the files go.
        which: Which trial it is.
        ended: How it ended, as the rest of a sentence.
        arrival: Samples at which it reached its target; NaN if it did not.
        together: Samples seen at which it is wanted beside others.
        advance: Is told of shares of the work, whose sum is 1.
        stopped: Asked often.

    Returns:
        The film, with frames at the moments of its page and at those of ``together``.

    Raises:
        TrainingStopped: If ``stopped`` said so; no animation was written.
    """
    setting, told = subject.setting, 0.0

    def tell(share: float) -> None:
        nonlocal told
        told += share
        advance(share)

    if reason := left_out(setting):
        say(f"note: {reason}")
    moments = telling_moments([_ahead(subject)], [arrival], _most(subject))
    wanted = sorted({*moments, *together})
    whole = shoot(setting, subject.seed, wanted, lambda n: tell(0.5 * n / setting.budget), stopped)
    if not same_params(whole.subject, subject):
        ended += "; trained again for these pictures, it ended otherwise"
    film = whole.at([moment for moment in moments if moment == 0 or moment > setting.seen])
    scene = scene_of(film)

    def drawn(frames: int) -> None:
        if stopped():
            raise TrainingStopped
        tell(0.5 * frames / len(film.params))

    ended = ended.replace("the target", f"the target ({target_words(setting)})")
    moving = gif(film, scene, f"{which}: {ended}" if which else "", drawn)
    write_atomically(folder / GIF, lambda file: file.write(moving))
    write_text(folder / PAGE, player([Pane(film, scene, which, ended, arrival)]))
    draw_stills(film.subject, folder)
    advance(1.0 - told)  # training that goes on from a saved network is less than a half
    return whole


def animate_settings(
    heads: Sequence[Record],
    results: Results,
    folder: Path,
    stopped: Callable[[], bool],
    warn: Callable[[str], None],
) -> tuple[list[str], bool]:
    """Animate a trial of every setting that was trained, in the folder of its first job.

    It is the median one, or that of the seed that the jobs name. Up to four settings, if there
    are several, have a page together in the launch's folder.

    Args:
        heads: Of the launch's records, in the order of their jobs.
        results: What the launch found.
        folder: Of the launch.
        stopped: Asked often; what is not drawn then is left out.
        warn: Is told what could not be drawn, and why.

    Returns:
        The pages, as paths from ``folder``, that of several settings first, and whether any
        could not be drawn.
    """
    trials = _shown_trials(heads, results)
    pages: list[str] = []
    panes: list[Pane] = []
    failed, clock = False, list[int]()

    def lost(what: str, error: Exception) -> None:
        # whatever went wrong: the results are there, and stay
        nonlocal failed
        failed = True
        warn(f"{what} was not animated: {reason_of(error)}")

    together = [key for key in shown(results.summary, MOST_TOGETHER, best=1) if key in trials]
    try:
        clock = _clock([trials[key] for key in together]) if len(trials) > 1 else []
    except Exception as error:
        lost(f"{folder} as a whole", error)
    with meter(f"animating {things(len(trials), 'setting')}", len(trials)) as advance:
        for key, trial in trials.items():
            try:
                subject = from_record(trial.record, trial.case.seed)
                beside = clock if key in together else []
                about = trial.which, f"it {trial.case.words}", trial.case.samples
                film = animate(subject, trial.home, *about, beside, advance, stopped)
                pages.append(Path(os.path.relpath(trial.home / PAGE, folder)).as_posix())
                if beside:
                    film = film.at(clock)
                    panes.append(Pane(film, scene_of(film, CELLS), *about, trial.name, pages[-1]))
            except (TrainingStopped, Ended):
                break
            except Exception as error:
                lost(str(trial.home), error)
    if len(panes) > 1:
        try:
            panes = _styled(panes, together, results)
            write_text(folder / PAGE, player(panes, clock, len(trials) - len(panes)))
            pages.insert(0, PAGE)
        except Exception as error:
            lost(f"{folder} as a whole", error)
    return pages, failed


def _styled(panes: Sequence[Pane], order: Sequence[str], results: Results) -> list[Pane]:
    """Put settings into an order, each with the colour that it has in the report's figures."""
    by_setting = {pane.film.subject.setting.id: pane for pane in panes}
    looks = layout(results.summary, results.sweep).line_styles
    if len({looks[key].color for key in by_setting if key in looks}) < len(panes):
        looks = styles(order)  # here the colour alone has to tell them apart
    return [by_setting[key]._replace(look=looks[key]) for key in order if key in by_setting]


def _shown_trials(heads: Sequence[Record], results: Results) -> dict[str, ShownTrial]:
    """Choose a trial of each setting, by the settings' ids, in the order of their jobs."""
    by_setting: dict[str, list[Record]] = {}
    for head in heads:
        if not head.meta["error"]:
            by_setting.setdefault(head.meta["setting"], []).append(head)
    labels = {one.id: one.label for one in results.sweep.settings}
    found = {}
    for key, records in by_setting.items():
        first = records[0]
        asked = first.meta["animate"]
        mine = trained(results.trials[results.trials["setting"] == key])
        case = median_case(mine, None if asked is True else asked)
        has_it = [one.path for one in records if case and case.seed in one.seeds]
        if case and has_it:
            with suppress(InputError):  # what is wrong with the record is told where it is drawn
                # a page shows all that the trial saw, and so tells how that ended
                case = case_in(read_record(has_it[0]), case.seed)
            name, which = setting_name(labels.get(key)), _which(case, len(mine), asked is True)
            found[key] = ShownTrial(first.path.parent, has_it[0], case, name, which)
    return found


def _which(case: Case, n: int, median: bool) -> str:
    """Say which of a setting's trials is shown."""
    if n == 1:
        return f"Seed {case.seed}, the only one"
    return f"Seed {case.seed}, " + (f"the median of {n:,}" if median else f"chosen of {n:,}")


def _clock(trials: Sequence[ShownTrial]) -> list[int]:
    """Choose the moments at which trials are shown side by side."""
    subjects = [from_record(trial.record, trial.case.seed) for trial in trials]
    most = min(_most(subject) for subject in subjects)
    arrivals = [trial.case.samples for trial in trials]
    moments = telling_moments([_ahead(subject) for subject in subjects], arrivals, most)
    start = min(subject.setting.seen for subject in subjects)
    return [start, *(moment for moment in moments if moment > start)]


def _ahead(subject: Subject) -> Curves:
    """Return the curves of what is trained again: not of what a continued run had seen before."""
    curves = subject.curves
    new = curves.samples > subject.setting.seen
    new[-1] = True
    return Curves(curves.samples[new], *(metric[new] for metric in curves[1:]))


def _most(subject: Subject) -> int:
    """Say how many frames a film may have: fewer of a network that takes much memory."""
    taken = sum(part.nbytes for layer in subject.params for part in layer)
    bound = MEMORY // taken if has_frames(subject.setting) else MOST_FRAMES
    return min(MOST_FRAMES, max(bound, FEWEST))
