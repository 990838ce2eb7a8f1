"""``python -m nnrun.ui``: MLflow's pages on this store, opened on the newest sweep's settings."""

import argparse
import os
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from nnrun.commands import exit_code, run
from nnrun.interrupt import interrupts_held
from nnrun.text import shown
from nnrun.ui.page import Page, choose
from nnrun.ui.server import await_answer, serving

EXAMPLES = """\
examples:
  python -m nnrun.ui
  python -m nnrun.ui outputs/sweeps/DATE_TIME
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
        "or sqlite:///outputs/mlflow.db"
    )
    parser.add_argument("--uri", help=about)
    parser.add_argument("--port", type=_port, metavar="N", help="default: a free one")
    about = "only print the address; no browser is opened without a terminal and a display"
    parser.add_argument("--no-browser", dest="browser", action="store_false", help=about)
    return parser


if __name__ == "__main__":
    run(main)
