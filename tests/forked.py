"""Commands of nnrun in real processes that fork from a warmed one, without the cost of imports.

A start of Python with everything that nnrun uses costs two to four seconds on a slow machine, a
fork of a process that has imported it ten milliseconds. What is forked has a folder, arguments, an
environment, pipes, signals and an exit code of its own, and ends as any interpreter does.
"""

import array
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Forked:
    """One started command; the part of ``subprocess.Popen`` that the tests use, in text mode."""

    def __init__(self, link: socket.socket, args: Sequence[str], out: int, err: int) -> None:
        self.args, self._link = list(args), link
        self.returncode: int | None = None
        self.stdout = open(out, encoding="utf-8", errors="replace")  # noqa: SIM115
        self.stderr = open(err, encoding="utf-8", errors="replace")  # noqa: SIM115
        self.pid = int(_line(link))

    def poll(self) -> int | None:
        """Return the exit code if the process has ended."""
        if self.returncode is None and select.select([self._link], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit code, or minus the number of the signal."""
        if self.returncode is None:
            if not select.select([self._link], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self._ended()
        assert self.returncode is not None
        return self.returncode

    def _ended(self) -> None:
        with self._link:
            self.returncode = int(_line(self._link))

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all that it prints until it ends."""
        texts = ["", ""]

        def read(i: int, file: Any) -> None:
            texts[i] = file.read()

        readers = [
            threading.Thread(target=read, args=(i, file), daemon=True)
            for i, file in enumerate((self.stdout, self.stderr))
        ]
        for reader in readers:
            reader.start()
        deadline = None if timeout is None else time.monotonic() + timeout
        for reader in readers:
            reader.join(None if deadline is None else max(deadline - time.monotonic(), 0))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        self.wait(None if deadline is None else max(deadline - time.monotonic(), 1))
        self.stdout.close()
        self.stderr.close()
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        for file in (self.stdout, self.stderr, self._link):
            file.close()


class Server:
    """A warmed process that forks commands; started at the first of them, ended with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(
        self,
        *arguments: str,
        cwd: Path,
        module: str = "nnrun",
        code: str = "",
        env: Mapping[str, str] | None = None,
        warnings: str = "",
    ) -> Forked:
        """Start ``python -m module arguments``, or ``python -c code arguments``.

        Args:
            *arguments: Of the command.
            cwd: Its working directory.
            module: What is run as ``__main__``.
            code: Run instead of a module, if there is any.
            env: Its environment; that of this process unless given.
            warnings: What becomes of warnings, as ``python -W`` has it.
        """
        control = self._warm()
        link, far = socket.socketpair()
        (out, out_far), (err, err_far) = os.pipe(), os.pipe()
        what = ["-c", code] if code else ["-m", module]
        request = {
            "args": [sys.executable, *(["-W", warnings] if warnings else []), *what, *arguments],
            "module": module, "code": code, "arguments": arguments, "cwd": str(cwd),
            "env": dict(os.environ if env is None else env), "warnings": warnings,
        }  # fmt: skip
        text = json.dumps(request).encode()
        handed = [far.fileno(), out_far, err_far]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handed))]
        control.sendmsg([f"{len(text):>12}".encode()], rights)
        control.sendall(text)
        far.close()
        os.close(out_far)
        os.close(err_far)
        return Forked(link, request["args"], out, err)

    def _warm(self) -> socket.socket:
        if self._process is None or self._process.poll() is not None:
            self._control, far = socket.socketpair()
            command = [sys.executable, "-m", "tests.warmed", str(far.fileno())]
            path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
            self._process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=[far.fileno()], stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
            far.close()
            atexit.register(self.close)
        assert self._control is not None
        return self._control

    def close(self) -> None:
        """End the warmed process; what it has started goes on."""
        if self._process is not None and self._control is not None:
            self._control.close()
            self._process.wait()
            self._process = None


SERVER = Server()


def _line(link: socket.socket) -> str:
    """Read a line, a byte at a time: what follows it belongs to the next reader."""
    read = bytearray()
    while not read.endswith(b"\n"):
        byte = link.recv(1)
        if not byte:
            raise EOFError("the warmed process has ended")
        read += byte
    return read.decode()
