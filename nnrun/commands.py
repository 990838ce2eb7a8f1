"""What all commands besides ``python -m nnrun`` have in common: how they end."""

import sys
from collections.abc import Callable

from nnrun.errors import InputError
from nnrun.words import shown


def exit_code(run: Callable[[], int], interrupted: str) -> int:
    """Run a command, and say in one line what kept it from its end.

    Args:
        run: Returns the exit code.
        interrupted: What is said after Ctrl-C.

    Returns:
        The exit code: that of ``run``, 2 for bad input, 1 if the system refuses something, 130
        after Ctrl-C.
    """
    try:
        return run()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {shown(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
