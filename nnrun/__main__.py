"""``python -m nnrun``: Hydra's command line over the configuration in conf/."""

import os
import sys
from importlib.metadata import version

from nnrun.commands import complain, run
from nnrun.errors import TrainingFailed, refused
from nnrun.hydra_ext.folders import advice
from nnrun.hydra_ext.invoke import BAD_INPUT, FULL_ERROR, invoke, read, told
from nnrun.masking import masked
from nnrun.text import shown


def main() -> None:
    """Run the command line.

    Exits with 2 for bad input, 1 for failed training, 130 for Ctrl-C, 143 for SIGTERM, 129 for a
    closed terminal.
    """
    run(_main)


def _main() -> int:
    if sys.argv[1:] == ["--version"]:
        print(f"nnrun {version('nnrun')}")
        return 0
    tracebacks_wanted = os.environ.get(FULL_ERROR) == "1"
    try:
        flags, sys.argv[1:] = read(sys.argv[1:])
        return invoke(flags, sys.argv[1:])
    except Exception as error:
        said = told(error, sys.argv[1:])
        if tracebacks_wanted or said is None:
            raise
        return _complain(said)


def _complain(error: Exception) -> int:
    """Print one clear error; return the exit code."""
    if isinstance(error, TrainingFailed):
        complain(shown(masked(f"training failed: {error}"), lines=True), error)
        return 1
    if isinstance(error, OSError):
        complain(shown(masked(refused(error, advice(error))), lines=True), error)
        return 1
    complain(shown(masked(str(error)), lines=True), error)
    return BAD_INPUT


if __name__ == "__main__":
    main()
