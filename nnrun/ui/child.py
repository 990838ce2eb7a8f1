"""MLflow's command in a process group that ends with the process which started it.

Standard input is a pipe that the parent holds open: it closes when the parent ends, however that
comes about, ``kill -9`` included.
"""

import os
import runpy
import signal
import sys
import threading

from nnrun.interrupt import obey


def main() -> None:
    """Run ``python -m mlflow`` with this command's arguments."""
    obey()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("mlflow", run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    # os.read: a daemon thread inside Python's own buffered reader aborts the interpreter's exit
    while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 1):
        pass
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
