"""What is said before training: how much there is, what was done before, how long it takes."""

from collections.abc import Mapping

from nnrun.config.settings import Executor
from nnrun.pipeline import terminal
from nnrun.trials.cache import Cache
from nnrun.trials.executors import workers
from nnrun.trials.forecast import Forecast, Wanted, forecast

MEASURE_FROM = 5.0
"""Estimated seconds of training from which on a moment is spent on a better estimate."""


def announce(
    todo: Mapping[str, Wanted],
    cache: Cache,
    executor: Executor,
    where: str | None,
    measure_from: float = MEASURE_FROM,
    doing: str = "",
) -> Forecast:
    """Print what is about to be trained.

    Args:
        todo: What jobs ask for.
        cache: Where earlier trials are.
        executor: How many threads train.
        where: Words on where the results go; None if they go nowhere.
        measure_from: Estimated seconds from which on training for a moment corrects the estimate.
        doing: Words before all others, where it is not the sweep itself.

    Returns:
        What was said.
    """
    threads = workers(executor)
    if not doing:
        about = dict.fromkeys(want.setting.problem.about for want in todo.values())
        terminal.show_tables([lines for lines in about if lines])
    expected = forecast(todo, cache, threads, measure_from)
    terminal.announce(list(todo.values()), expected, threads, where, doing)
    return expected
