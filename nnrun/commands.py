"""What all commands have in common: how they end, and the streams that they write to."""

import argparse
import codecs
import io
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from nnrun import documents
from nnrun.errors import InputError, refused
from nnrun.interrupt import ENDING, heed, heed_at_once
from nnrun.layout import named
from nnrun.masking import masked
from nnrun.text import shown

SPELT = {"≥": ">=", "≤": "<=", "×": "x", "∞": "inf", "·": "|", "…": "...", "–": "-", "—": "-"}
"""What a stream of fewer characters is given in the place of some."""

HANDLE = logging.Handler.handleError
"""What Python makes of a log that cannot be written: it prints a traceback a line."""

UNMET = 4
"""Exit code: a finding that was required is not there."""

INTERRUPTED = "interrupted: the same command goes on"


def run(main: Callable[[], int], interrupted: str = INTERRUPTED, json: bool = True) -> None:
    """Run a command as a process: it ends in order, whatever happens to it or to its streams.

    Whoever reads its output may go away, or take nothing: the command does what it is for.

    Args:
        main: Returns the exit code.
        interrupted: What is said after a signal, where the command says nothing of its own.
        json: Whether it answers in JSON where it is asked to; it does not see the flag itself.

    Raises:
        SystemExit: With the exit code, unless it is 0.
    """
    interrupt = heed()
    _open_streams()
    if json:
        _answer_in_json()
    logging.Handler.handleError = _log_refused  # type: ignore[method-assign, assignment]
    try:
        code = exit_code(main, interrupted)
    except SystemExit as leaving:
        code = _code(leaving)
    except Exception as error:
        code = 1
        if not interrupt.pressed():
            documents.fail(f"{type(error).__name__}: {error}", error)
            _answer(code)
            raise
        # what a signal raises in the middle of a library may come out as that library's own error
        print(interrupted, file=sys.stderr)
    with interrupt.held():
        _answer(interrupt.exit_code or code)
    lost = _flushed()
    if interrupt.pressed():
        os._exit(interrupt.exit_code)  # an interpreter that ends runs code that can be interrupted
    heed_at_once()
    if lost is not None:
        print(f"error: standard output cannot be written: {lost.strerror}", file=sys.stderr)
        code = code or 1
    if code:
        sys.exit(code)


def _code(leaving: SystemExit) -> int:
    if leaving.code is None or isinstance(leaving.code, int):
        return leaving.code or 0
    print(leaving.code, file=sys.stderr)
    documents.fail(str(leaving.code))
    return 1


def complain(words: str, error: Exception) -> None:
    """Say on standard error, and in the document if there is one, what ended the command."""
    print(f"error: {words}", file=sys.stderr)
    documents.fail(words, error)


class Parser(argparse.ArgumentParser):
    """A command's own parser; its complaints are in the document, too."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        about = "answer with one JSON document on standard output, all else on standard error; "
        about += "python -m nnrun.documents lists its fields"
        self.add_argument("--json", action=Taken, nargs=0, help=about)

    def error(self, message: str) -> NoReturn:
        """End the process, as argparse does."""
        documents.fail(message)
        super().error(message)


class Taken(argparse.Action):
    """``--json``, which ``run`` takes from the command line before it is parsed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Refuse it where no command line was taken it from."""
        parser.error("--json is for the command line")


def exit_code(run: Callable[[], int], interrupted: str = INTERRUPTED) -> int:
    """Run a command, and say in one line what kept it from its end.

    Args:
        run: Returns the exit code.
        interrupted: What is said after a signal.

    Returns:
        The exit code: that of ``run``, 2 for bad input, 1 if the system refuses something, 128 and
        the number of the signal after one.
    """
    try:
        return run()
    except InputError as error:
        complain(str(error), error)
        return 2
    except OSError as error:
        complain(shown(masked(refused(error))), error)
        return 1
    except KeyboardInterrupt as error:
        print(interrupted, file=sys.stderr)
        return 128 + int(getattr(error, "number", ENDING[0]))


def unread() -> bool:
    """Say whether whoever read standard output has gone away, as ``head`` does."""
    return isinstance(getattr(sys.stdout, "refused", None), BrokenPipeError)


class Stream(io.TextIOWrapper):
    """A standard stream that never raises: what it cannot take is dropped.

    Attributes:
        refused: Why it took nothing more; None while it does.
    """

    refused: OSError | None = None

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        try:
            return super().write(text)
        except OSError as error:
            return self._drop(error, len(text))

    def flush(self) -> None:
        """Flush, if that is possible."""
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError, size: int = 0) -> int:
        self.refused = self.refused or error
        # what is still buffered, or comes later, goes nowhere
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
        return size


def _open_streams() -> None:
    """See that there are three standard streams, and that writing to them raises nothing."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened would be taken for it
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error("nnrun", _spelt)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _wrapped(sys.stdout, 1), _wrapped(sys.stderr, 2)


def _wrapped(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return Stream(open(number, "wb", closefd=False), "utf-8", "nnrun")
    if type(stream) is not io.TextIOWrapper or stream.fileno() != number:
        return stream  # somebody listens within this process
    with suppress(OSError):
        stream.flush()
    live, at_once = stream.line_buffering, stream.write_through
    fresh = open(number, "wb", closefd=False)  # noqa: SIM115
    return Stream(fresh, stream.encoding, "nnrun", None, live, at_once)


def _answer_in_json() -> None:
    """Where the command line asks for it, let a document take the place of standard output.

    Whatever else writes there, other processes included, then writes to standard error.
    """
    asked, sys.argv[1:] = documents.take_flag(sys.argv[1:])
    if not asked:
        return
    out = sys.stdout
    if isinstance(out, Stream):
        out.flush()
        out = Stream(os.fdopen(os.dup(1), "wb"), "ascii")
        os.dup2(2, 1)
    sys.stdout = documents.Document(out)


def _answer(code: int) -> None:
    """Write the document of a command that ends with this code, where there is to be one."""
    if isinstance(sys.stdout, documents.Document):
        sys.stdout.flush()
        document, sys.stdout = sys.stdout, sys.stdout.out
        sys.stdout.write(document.text(code))


def _spelt(error: UnicodeError) -> tuple[str, int]:
    """Write what a stream has no characters for in those that it has."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    escaped = (SPELT.get(c) or c.encode("ascii", "backslashreplace").decode() for c in text)
    return "".join(escaped), error.end


def _log_refused(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Say once in a line that a log takes nothing more; what is done goes on."""
    error = sys.exc_info()[1]
    if not isinstance(error, OSError):
        HANDLE(handler, record)
    elif not getattr(handler, "refused", None):
        handler.refused = error  # type: ignore[attr-defined]
        log = getattr(handler, "baseFilename", "a log")
        print(f"warning: {shown(refused(named(error, Path(log))))}", file=sys.stderr)


def _flushed() -> OSError | None:
    """Flush the standard streams; return why standard output took nothing, if that is a fault."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return None if unread() else getattr(sys.stdout, "refused", None)
