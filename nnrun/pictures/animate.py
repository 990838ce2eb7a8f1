"""Everything that is drawn of a trial's learning, in one folder."""

from collections.abc import Callable
from pathlib import Path

from nnrun.config import Setting
from nnrun.layout import write_atomically, write_text
from nnrun.pictures.film import shoot
from nnrun.pictures.gif import gif
from nnrun.pictures.player import player
from nnrun.pictures.scene import scene_of
from nnrun.pictures.stills import draw_stills, left_out
from nnrun.training.trainer import TrainingStopped
from nnrun.trials.progress import say

GIF, PAGE = "animation.gif", "animation.html"


def animate(
    setting: Setting,
    seed: int,
    folder: Path,
    advance: Callable[[float], None] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """Train a trial again, alone and watched, and draw how it learns.

    Args:
        setting: What to train.
        seed: From which seed.
        folder: Where to.
        advance: Called with the share of the work that was done since the last call; training
            counts as half.
        stopped: Asked often.

    Returns:
        The files: ``animation.html``, ``animation.gif`` and the stills; if there is no picture of
        the plane, standard error says why.

    Raises:
        TrainingStopped: If ``stopped`` said so; no animation was written.
    """
    told = 0.0

    def tell(share: float) -> None:
        nonlocal told
        told += share
        advance(share)

    if reason := left_out(setting):
        say(f"note: {reason}")
    film = shoot(setting, seed, lambda n: tell(0.5 * n / setting.budget), stopped)
    scene = scene_of(film)

    def drawn(frames: int) -> None:
        if stopped():
            raise TrainingStopped
        tell(0.5 * frames / max(len(film.params), 1))

    moving = gif(film, scene, drawn)
    write_atomically(folder / GIF, lambda file: file.write(moving))
    write_text(folder / PAGE, player(film, scene))
    stills = draw_stills(film.subject, folder)
    advance(1.0 - told)  # training that goes on from a saved network is less than a half
    return [folder / PAGE, folder / GIF, *stills]
