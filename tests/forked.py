"""Commands of nnrun in real processes that fork from a warmed one, without the cost of imports.

A start of Python with everything that nnrun uses costs two to four seconds on a slow machine, a
fork of a process that has imported it ten milliseconds. What is forked has a folder, arguments, an
environment, pipes, signals and an exit code of its own, and ends as any interpreter does.
"""

import array
import atexit
import contextlib
import gc
import io
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
WARM = (
    "nnrun.pipeline.launch",
    "nnrun.pipeline.finish",
    "nnrun.pipeline.terminal",
    "nnrun.hydra_ext.sweep",
    "nnrun.hydra_ext.check",
    "nnrun.hydra_ext.complaints",
    "nnrun.hydra_ext.alone",
    "nnrun.hydra_ext.ending",
    "nnrun.hydra_ext.callback",
    "nnrun.hydra_ext.tuning",
    "hydra._internal.hydra",
    "hydra._internal.utils",
    "nnrun.results",
    "nnrun.report.page",
    "nnrun.report.write",
    "nnrun.report.rebuild",
    "nnrun.report.study",
    "nnrun.plot.api",
    "nnrun.pictures.animate",
    "nnrun.tracking.models",
    "nnrun.tracking.bulk",
    "nnrun.tracking.tracker",
    "mlflow.tracking",
    "mlflow.pyfunc",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_pdf",
    "pyarrow.parquet",
    "scipy.stats",
    "pandas",
    "sklearn.datasets",
)


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

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> "Forked":
        return self

    def __del__(self) -> None:
        for file in (self.stdout, self.stderr, self._link):
            file.close()

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()


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

    def run(self, *arguments: str, timeout: float = 300, **how: Any) -> subprocess.CompletedProcess:
        """Run a command to its end; see ``start``."""
        process = self.start(*arguments, **how)
        try:
            out, err = process.communicate(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode is not None
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _warm(self) -> socket.socket:
        if self._process is None or self._process.poll() is not None:
            self._control, far = socket.socketpair()
            command = [sys.executable, "-m", "tests.forked", str(far.fileno())]
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


def _serve(control: socket.socket) -> dict[str, Any]:
    """Fork a process for each request; return in such a process, with the request.

    This one ends when nobody is left who could ask.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    links: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ends(links)
        if control not in ready:
            continue
        head, rights, _, _ = control.recvmsg(12, socket.CMSG_SPACE(3 * 4))
        if not head:
            os._exit(0)
        request = json.loads(_exactly(control, int(head)))
        handed = array.array("i", rights[0][2])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (woken, wake, handed[0]):
                os.close(descriptor)
            for link in (control, *links.values()):
                link.close()
            return {**request, "pipes": handed[1:]}
        for pipe in handed[1:]:
            os.close(pipe)
        links[pid] = socket.socket(fileno=handed[0])
        with contextlib.suppress(OSError):
            links[pid].sendall(f"{pid}\n".encode())


def _exactly(control: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        parts += control.recv(size - len(parts))
    return bytes(parts)


def _report_ends(links: dict[int, socket.socket]) -> None:
    """Tell the exit codes of those that have ended to those that started them."""
    while links:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with links.pop(pid) as link, contextlib.suppress(OSError):
            link.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: dict[str, Any]) -> None:
    """Take the place that the request names, and run what it asks for as ``__main__``."""
    for descriptor, pipe in enumerate(request["pipes"], start=1):
        os.dup2(pipe, descriptor)
        os.close(pipe)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = "" if request["code"] else request["cwd"]
    sys.orig_argv = request["args"]
    if request["warnings"]:
        import warnings

        warnings.simplefilter(request["warnings"])
    if not request["code"]:
        import runpy

        sys.argv = [request["module"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        return
    sys.argv = ["-c", *request["arguments"]]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(request["code"], "<string>", "exec"), main.__dict__)


def share_schema() -> None:
    """Let MLflow make the tables of a new database once a test run: it takes a second or two.

    The first database goes to the file that NNRUN_TEST_SCHEMA names, and others start from a copy.
    Tests of how databases are made take the name from the environment.
    """
    from nnrun.tracking import sqlite

    create = sqlite.create

    def created(path: Path, make: Callable[[str], object]) -> None:
        kept = os.environ.get("NNRUN_TEST_SCHEMA")
        if kept and Path(kept).exists():
            shutil.copyfile(kept, path)
            return
        create(path, make)
        if kept:
            draft = f"{kept}.{os.getpid()}"
            shutil.copyfile(path, draft)
            Path(draft).replace(kept)

    sqlite.create = created


def _end(run: Callable[[], None]) -> NoReturn:
    """Run something and end as the interpreter would, but for taking its modules apart.

    That alone costs half a second where so much is imported, and nothing of it can be observed.
    """
    code: Any = 0
    try:
        run()
    except SystemExit as leaving:
        code = leaving.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at any exit
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 120
    os._exit((code or 0) & 255)


def _warm_up() -> None:
    """Import what commands import, and compile or load the kernels."""
    from importlib import import_module

    from nnrun.training.lanes.compiled import kernel, lanes_engine

    for name in WARM:
        import_module(name)
    share_schema()
    lanes_engine()
    kernel("common")
    kernel("general")
    _compose_once()


def _compose_once() -> None:
    """Print a configuration, so that Hydra's plugins are found and its parser is warm."""
    from nnrun.__main__ import main

    *kept, paths = sys.argv, dict(os.environ), list(sys.path)
    sys.argv = ["nnrun", "--cfg", "job", "lr=0.1", "network.hidden=[4]"]
    with contextlib.redirect_stdout(io.StringIO()):
        main()
    del sys.modules["nnrun.__main__"]  # each command runs it anew
    sys.argv, environment = kept
    sys.path[:] = paths
    os.environ.clear()
    os.environ.update(environment)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _main() -> None:
    _warm_up()
    for thread in threading.enumerate()[1:]:
        thread.join(5)  # a timer that is cancelled has still to end
        assert not thread.is_alive(), f"would be lost in a fork: {thread.name}"
    gc.collect()
    gc.freeze()  # what is here stays: a collection in a fork would copy all its pages
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    _end(lambda: _become(request))


if __name__ == "__main__":
    _main()
