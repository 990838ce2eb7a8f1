"""MLflow's server as a child: started on a free port, awaited, and ended with all its children."""

import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from nnrun.errors import InputError, Issue
from nnrun.interrupt import obey
from nnrun.masking import masked

HOST = "127.0.0.1"
LAST_LINES = 4
PATIENCE = 10.0
"""Seconds for the server to end by itself; it takes about one."""

# Its default is four workers and eight processes for jobs that nobody here submits: 18 s until the
# first answer instead of 5.
OPTIONS = ("--host", HOST, "--workers", "1", "--uvicorn-opts", "--log-level warning")
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONWARNINGS": "ignore",
}
FOREIGN = {
    "MLFLOW_ARTIFACTS_ONLY",
    "MLFLOW_GUNICORN_OPTS",
    "MLFLOW_REGISTRY_STORE_URI",
    "MLFLOW_STATIC_PREFIX",
    "MLFLOW_TRACKING_URI",
}
"""What a user may have set for another server, and would change this one."""


class ServerDied(OSError):
    """The server ended by itself; the message ends in its last lines."""


@dataclass(frozen=True)
class Server:
    """A server that was started, and the address where it answers, or will."""

    address: str
    _process: subprocess.Popen[bytes]
    _log: IO[bytes]

    def answers(self) -> bool:
        """Ask whether it is ready; ServerDied if it is no more."""
        ready = False
        with suppress(OSError), _direct().open(f"{self.address}/health", timeout=5) as answer:
            ready = answer.status == 200
        self.check()  # else another program answers at this port
        return ready

    def check(self) -> None:
        """Raise ServerDied if it is no more."""
        if self._process.poll() is None:
            return
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        # of a traceback the error, not the code
        said = [line for line in lines if line.strip() and not line[0].isspace()]
        told = "\n".join(f"  {masked(line)}" for line in said[-LAST_LINES:])
        raise ServerDied(f"MLflow's server ended with {self._process.returncode}:\n{told}")


@contextmanager
def serving(uri: str, port: int | None = None) -> Iterator[Server]:
    """Serve a database while the ``with`` block runs, at a port, or at a free one.

    Raises:
        InputError: If the port is taken.
    """
    address = f"http://{HOST}:{free_port(port)}"
    command = [sys.executable, "-m", "nnrun.tracking.server", "server", *OPTIONS]
    command += ["--port", address.rpartition(":")[2]]
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    # in the environment, since everybody can read the command line with its password
    environment = kept | ENVIRONMENT | {"MLFLOW_BACKEND_STORE_URI": uri}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
        try:
            yield Server(address, process, log)
        finally:
            _end(process)


def free_port(wanted: int | None = None) -> int:
    """Find a free port on the loopback address; InputError if the one that is wanted is not."""
    with socket.socket() as probe:
        # a port whose last connections are still winding down is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            hint = "leave --port out for a free one"
            reason = (error.strerror or str(error)).lower()
            raise InputError(Issue("--port", wanted, f"cannot be used: {reason}", hint)) from error
        return int(probe.getsockname()[1])


def await_answer(server: Server, ended: Callable[[], bool], say: Callable[[], object]) -> bool:
    """Wait until a server answers, or ``ended`` says that there is no need; tell whether it does.

    ``say`` is called once, after two seconds. Raises ServerDied if the server ends instead.
    """
    due, said = time.monotonic() + 2.0, False
    while not ended():
        if server.answers():
            return True
        if not said and time.monotonic() >= due:
            said = True
            say()
        time.sleep(0.1)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server's whole process group: by its parent's pipe, and by force if need be."""
    if process.stdin:
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _direct() -> urllib.request.OpenerDirector:
    """Open addresses without the proxy that the environment may name."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
