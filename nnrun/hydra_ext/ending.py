"""What is finished when Hydra is done, where another's sweeper or launcher ran the jobs."""

from collections.abc import Callable

_left: list[Callable[[], int]] = []


def finish_later(finish: Callable[[], int]) -> None:
    """Remember to finish a sweep; ``finish`` returns the exit code of the process."""
    _left.append(finish)


def finish_all() -> int:
    """Finish what is left, each once; return the largest exit code."""
    codes = [0]
    while _left:
        codes.append(_left.pop(0)())
    return max(codes)
