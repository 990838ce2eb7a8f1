"""Finding runs by their tags."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from nnrun.tracking.errors import patiently
from nnrun.tracking.run import FoundRun
from nnrun.tracking.store import Store

PAGE = 1000
"""Runs a search brings at once."""


def search(store: Store, tags: Mapping[str, str]) -> Iterator[FoundRun]:
    """Find the runs of the store's experiment that have some tags, the newest first.

    Deleted ones are left out. What MLflow, a driver or the system raises passes through.
    """
    ask: Callable[..., Any] = partial(
        store.client.search_runs,
        [store.experiment],
        tag_filter(tags),
        max_results=PAGE,
        order_by=["attributes.start_time DESC"],
    )
    page = None
    while page != "":
        runs = patiently(partial(ask, page_token=page))
        yield from (FoundRun(r.info.run_id, r.info.status, r.data.tags) for r in runs)
        page = runs.token or ""


def tag_filter(tags: Mapping[str, str]) -> str:
    """Write the query for runs that have these tags; no value holds both kinds of quotes."""
    return " and ".join(f"tags.`{key}` = {_quoted(value)}" for key, value in tags.items())


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"
