"""``python -m nnrun.ui``: MLflow's pages on this store, opened on the newest sweep's settings."""

import argparse
import os
import re
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nnrun.commands import exit_code, run
from nnrun.errors import InputError, Issue, unmasked
from nnrun.interrupt import interrupts_held
from nnrun.layout import (
    A_SWEEP,
    DATABASE,
    KINDS,
    OUTPUTS,
    SQLITE,
    STORE,
    WEB,
    located,
    own_store,
    same_store,
)
from nnrun.masking import masked
from nnrun.records.sweep import SWEEP, read_sweep
from nnrun.text import shown
from nnrun.tracking.server import await_answer, serving


@dataclass(frozen=True)
class Page:
    """A page of a store.

    Attributes:
        uri: Of the store; a SQLite file's path is absolute in it.
        place: The page on a server of this store, what follows the host; empty for its first page.
        plain: The same by a search filter alone, where ``place`` is by a saved view, which another
            release of MLflow may not know; else empty.
    """

    uri: str
    place: str = ""
    plain: str = ""

    @property
    def served(self) -> bool:
        """Whether a tracking server shows it already."""
        return WEB.match(self.uri) is not None

    def at(self, server: str) -> list[str]:
        """Give the page's addresses on a server, the one to be opened first.

        A name and password in the server's are left out: the browser asks for them.
        """
        server = re.sub(r"://[^/@]*@", "://", server)
        places = [self.place, self.plain] if self.plain else [self.place]
        return [f"{server.rstrip('/')}/{place}" for place in places]


def choose(folder: Path | None, uri: str | None) -> Page:
    """Choose the store and the page.

    Args:
        folder: Of a sweep or run; None for the newest whose runs are in a store.
        uri: Of the store; None for the sweep's own, or without a sweep for
            ``MLFLOW_TRACKING_URI`` or the configuration's default.

    Raises:
        InputError: If the folder's runs are in no store, the store is missing or has no pages, or
            only the folder names it.
    """
    store = None if uri is None else located(uri, Path.cwd())
    for path in _newest_first() if folder is None else [folder]:
        tracking = _tracking(path, named=folder is not None)
        if not tracking:
            continue
        named = str(tracking["uri"])
        if store is None:
            return Page(_usable(own_store(named, path, _default())), *_places(tracking))
        # the page of another store would show nothing here
        if same_store(store, located(named, path)):
            return Page(_usable(store), *_places(tracking))
        if folder is not None:
            return Page(_usable(store))
    if store is None:
        store = located(os.environ.get(STORE) or _default(), Path.cwd())
    return Page(_usable(store))


def _newest_first() -> Iterator[Path]:
    """List the folders of sweeps and runs, the last started first; damaged ones are skipped."""
    dated = []
    for path in (path for kind in KINDS[:2] for path in Path(OUTPUTS, kind).glob(f"*/{SWEEP}")):
        with suppress(InputError, ValueError):
            sweep = read_sweep(path.parent)
            # a sweep that still runs, or was not tracked, has no page
            if sweep is not None and (sweep.tracking or {}).get("uri"):
                started = datetime.fromisoformat(sweep.started or "")
                zoned = started if started.tzinfo else started.replace(tzinfo=UTC)
                dated.append((zoned, path.parent))
    yield from (folder for _, folder in sorted(dated, reverse=True))


def _tracking(folder: Path, named: bool) -> Mapping[str, Any] | None:
    """Read where a sweep's runs are; one that was named must say it."""
    sweep = read_sweep(folder)
    tracking = None if sweep is None else sweep.tracking
    if tracking and tracking.get("uri"):
        return tracking
    if not named:
        return None
    rule, hint = "is not the folder of a sweep or run", f"for instance {A_SWEEP}"
    if sweep is not None:
        rule, hint = "has no runs in MLflow", "it was run with tracking=off, or is not finished"
    raise InputError(Issue("path", folder, rule, hint))


def _places(tracking: Mapping[str, Any]) -> tuple[str, str]:
    """Take the places of the charts from their addresses, which have a port of their own time."""
    addresses = (str(tracking.get(name) or "") for name in ("view", "charts"))
    view, charts = (
        address[address.index("#") :] if "#" in address else "" for address in addresses
    )
    return (view, charts) if view else (charts, "")


def _default() -> str:
    # the schema takes long to import
    from nnrun.config.settings import Tracking

    return Tracking().uri


def _usable(uri: str) -> str:
    """Check what can be checked before a server starts.

    Raises:
        InputError: If it is no database or server that has pages, or the file is missing.
    """
    sqlite = SQLITE.fullmatch(uri)
    if sqlite and not Path(sqlite[2]).is_file():
        hint = "run a sweep first: python -m nnrun; or name the store: --uri sqlite:///PATH"
        raise InputError(Issue("store", Path(sqlite[2]), "there is no such file", hint))
    if not re.match(r"(sqlite|postgresql|mysql|mssql)\b[^:]*://.|https?://.", uri, re.I):
        hint = f"for instance {DATABASE}, or http://HOST:PORT of a server"
        raise InputError(Issue("store", masked(uri), "is no database or tracking server", hint))
    # a server's pages need none, and the browser asks for it
    return uri if WEB.match(uri) else unmasked(uri, [os.environ.get(STORE)])


EXAMPLES = f"""\
examples:
  python -m nnrun.ui
  python -m nnrun.ui {A_SWEEP}
  python -m nnrun.ui --uri sqlite:///elsewhere/mlflow.db --port 5000

Ctrl-C ends it, and the server with it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 130 after Ctrl-C, which is how it ends, 2 for bad input, 1 if the server cannot run.
    """
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options), "interrupted")


def _run(options: argparse.Namespace) -> int:
    page = choose(options.folder, options.uri)
    if page.served:
        _show(page.at(page.uri), options.browser)
        return 0
    return _serve(page, options.port, options.browser)


def _serve(page: Page, port: int | None, browser: bool) -> int:
    """Serve a page until a signal comes; one that raised could lose a child in its start."""
    with interrupts_held() as interrupt, serving(page.uri, port) as server:
        if await_answer(server, interrupt.pressed, _say_waiting):
            _show(page.at(server.address), browser)
        while not interrupt.pressed():
            server.check()
            time.sleep(0.1)
    return interrupt.exit_code


def _say_waiting() -> None:
    print("MLflow's server is starting ...", file=sys.stderr, flush=True)


def _show(addresses: Sequence[str], browser: bool) -> None:
    """Print the addresses, and open the first."""
    first, *others = addresses
    print(shown(first), flush=True)
    for address in others:
        print(f"or, should that not show the sweep: {shown(address)}", flush=True)
    if browser and _has_display():
        webbrowser.open(first)


def _has_display() -> bool:
    """Say whether somebody is there to see a browser: on a terminal, with a display."""
    shown = sys.platform in ("win32", "darwin")
    shown = shown or any(os.environ.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY"))
    return shown and sys.stdout.isatty()


def _port(text: str) -> int:
    """Read a port."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text}: must be a port, 1 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m nnrun.ui",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    about = "of a sweep or run; default: the newest that has runs in MLflow"
    parser.add_argument("folder", nargs="?", type=Path, metavar="SWEEP_FOLDER", help=about)
    about = (
        "the store; default: the sweep's own, or without a sweep MLFLOW_TRACKING_URI, "
        f"or {DATABASE}"
    )
    parser.add_argument("--uri", help=about)
    parser.add_argument("--port", type=_port, metavar="N", help="default: a free one")
    about = "only print the address; no browser is opened without a terminal and a display"
    parser.add_argument("--no-browser", dest="browser", action="store_false", help=about)
    return parser


if __name__ == "__main__":
    run(main, json=False)
