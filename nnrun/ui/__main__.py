"""``python -m nnrun.ui``: MLflow's pages on this store, opened on the newest sweep's settings."""

import argparse
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nnrun.errors import InputError
from nnrun.ui.page import Page, choose
from nnrun.ui.server import await_answer, serving
from nnrun.words import shown

EXAMPLES = """\
examples:
  python -m nnrun.ui
  python -m nnrun.ui outputs/sweeps/DATE_TIME
  python -m nnrun.ui --uri sqlite:///elsewhere/mlflow.db --port 5000

Ctrl-C ends it, and the server with it.
"""


class Signals:
    """What the system asked of this process.

    Attributes:
        number: Of the first signal to end; 0 while there was none.
    """

    def __init__(self) -> None:
        self.number = 0

    def arrived(self) -> bool:
        """Say whether it is time to end."""
        return self.number != 0

    def take(self, number: int, _frame: object) -> None:
        """Note a signal; raising here could lose a child that is just being started."""
        self.number = self.number or number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 0 after Ctrl-C, 128 and the signal's number after another signal, 2 for bad input, 1 if
    the server cannot run.
    """
    options = _parser().parse_args(arguments)
    try:
        page = choose(options.folder, options.uri)
        if page.served:
            _show(page.at(page.uri), options.browser)
            return 0
        return _serve(page, options.port, options.browser)
    except InputError as error:
        print(f"error: {shown(error, lines=True)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {shown(error, lines=True)}", file=sys.stderr)
        return 1


def _serve(page: Page, port: int | None, browser: bool) -> int:
    """Serve a page until a signal comes."""
    with _signals() as signals, serving(page.uri, port) as server:
        if await_answer(server, signals.arrived, _say_waiting):
            _show(page.at(server.address), browser)
        while not signals.arrived():
            server.check()
            time.sleep(0.1)
    return 0 if signals.number == signal.SIGINT else 128 + signals.number


@contextmanager
def _signals() -> Iterator[Signals]:
    """Note signals to end instead of obeying them at once."""
    signals = Signals()
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [(number, signal.signal(number, signals.take)) for number in numbers]
    try:
        yield signals
    finally:
        for number, handler in before:
            signal.signal(number, handler)


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
    sys.exit(main())
