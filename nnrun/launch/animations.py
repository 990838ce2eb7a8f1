"""How each setting's first seed learned, drawn once all is trained and saved."""

from collections.abc import Callable, Sequence
from pathlib import Path

from nnrun.interrupt import Ended
from nnrun.launch import terminal
from nnrun.records.record import Record
from nnrun.text import things
from nnrun.training.trainer import TrainingStopped


def draw_animations(
    heads: Sequence[Record], folder: Path, stopped: Callable[[], bool]
) -> tuple[list[str], bool]:
    """Animate the first seed of every setting that was trained, in the folder of its first job.

    Args:
        heads: Of the launch's records, in the order of their jobs.
        folder: Of the launch.
        stopped: Asked often; what is not drawn then is left out.

    Returns:
        The pages, as paths from ``folder``, and whether any could not be drawn; each of those is
        warned of on standard error.
    """
    from nnrun.model.load import setting_of
    from nnrun.pictures.replay import reason_of
    from nnrun.pictures.trial_pictures import PAGE, animate
    from nnrun.trials.progress import meter

    firsts = {head.meta["setting"]: head for head in reversed(heads) if not head.meta["error"]}
    todo = [head for head in heads if firsts.get(head.meta["setting"]) is head]
    pages: list[str] = []
    failed = False
    what = f"animating {things(len(todo), 'setting')}"
    with meter(what, len(todo)) as advance:
        for head in todo:
            home = head.path.parent
            try:
                setting = setting_of(head.meta)
                animate(setting, head.meta["seed"], home, advance, stopped)
                pages.append((home / PAGE).relative_to(folder).as_posix())
            except (TrainingStopped, Ended):
                break
            except Exception as error:
                # whatever went wrong: the results are there, and stay
                failed = True
                terminal.warn(f"{home} was not animated: {reason_of(error)}")
    return pages, failed
