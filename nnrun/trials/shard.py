"""A shard as a pure function: from trials to arrays."""

import traceback
from collections.abc import Callable
from typing import NamedTuple

from nnrun.training.stack import Stack
from nnrun.training.trainer import Trained, TrainingStopped, choose_engine, train


class Piece(NamedTuple):
    """What became of some trials of a shard.

    Attributes:
        rows: Their places in the shard.
        trained: In this order; None if their setting raised an error.
        error: Its traceback; else empty.
        processor: That trained them; empty for this one.
    """

    rows: tuple[int, ...]
    trained: Trained | None
    error: str = ""
    processor: str = ""


def train_shard(
    shard: Stack,
    advance: Callable[[int], None] = lambda samples: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Piece]:
    """Train a shard; if that raises, train each of its settings alone to find the guilty ones.

    Args:
        shard: The trials.
        advance: Called with samples trained; with a negative number where they are trained again.
        stopped: Asked between chunks.

    Returns:
        Pieces that make up the shard.

    Raises:
        TrainingStopped: If ``stopped`` said so.
    """
    counted = [0]

    def count(samples: int) -> None:
        counted[0] += samples
        advance(samples)

    whole = tuple(range(len(shard.trials)))
    try:
        return [Piece(whole, train(shard, choose_engine(shard), count, stopped))]
    except TrainingStopped:
        raise
    except Exception as error:
        parts = by_setting(shard)
        if len(parts) == 1:
            return [Piece(whole, None, "".join(traceback.format_exception(error)))]
    advance(-counted[0])
    return [
        piece._replace(rows=rows)
        for rows in parts
        for piece in train_shard(shard.part(rows), advance, stopped)
    ]


def by_setting(shard: Stack) -> list[tuple[int, ...]]:
    """Return the places of each setting's trials."""
    rows: dict[str, list[int]] = {}
    for row, trial in enumerate(shard.trials):
        rows.setdefault(trial.setting.id, []).append(row)
    return [tuple(mine) for mine in rows.values()]
