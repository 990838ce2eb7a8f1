"""The warmed process that ``tests.forked`` asks for commands: it imports, compiles, and forks.

Each request comes with a socket and two pipes. The process that is forked for it takes the folder,
environment and arguments that the request names, runs what it asks for as ``__main__``, and ends as
any interpreter does; its exit code goes back through the socket.
"""

import array
import atexit
import contextlib
import gc
import io
import json
import os
import pickle
import select
import shutil
import signal
import socket
import sys
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from nnrun.report.figures import Picture

ROOT = Path(__file__).parents[1]
WARM = (
    "nnrun.launch.launch",
    "nnrun.launch.finish",
    "nnrun.launch.terminal",
    "nnrun.hydra_ext.launch",
    "nnrun.hydra_ext.check",
    "nnrun.hydra_ext.complaints",
    "nnrun.hydra_ext.single",
    "nnrun.hydra_ext.callback",
    "nnrun.hydra_ext.tuning",
    "hydra._internal.hydra",
    "hydra._internal.utils",
    "nnrun.results.results",
    "nnrun.report.page",
    "nnrun.report.page",
    "nnrun.report.study",
    "nnrun.plot.api",
    "nnrun.pictures.animation",
    "nnrun.tracking.pyfunc",
    "nnrun.tracking.client",
    "mlflow.tracking",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_pdf",
    "pyarrow.parquet",
    "scipy.stats",
    "pandas",
    "sklearn.datasets",
)


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
        with warnings.catch_warnings():
            # libraries have threads, which from Python 3.12 on is warned of; none holds a lock now
            warnings.simplefilter("ignore", DeprecationWarning)
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
    if os.environ.pop("NNRUN_TEST_UNDRAWN", ""):
        _draw_nothing()
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


def caption_only(name: str, caption: str, *_: object) -> "Picture":
    """Make a figure of a page that has a caption, and nothing drawn."""
    from markupsafe import Markup

    from nnrun.report.figures import ALONE, TITLES, Picture

    drawing = Markup("<svg></svg>" * (name in ALONE))
    return Picture(name, TITLES[name], caption, drawing, Markup())


def _draw_nothing() -> None:
    from nnrun.report import figures

    setattr(figures, "_written", caption_only)  # noqa: B010  (it is not exported)


def share_schema() -> None:
    """Let MLflow make the tables of a new database once a test run: it takes a second or two.

    The first database goes to the file that NNRUN_TEST_SCHEMA names, and others start from a copy.
    Tests of how databases are made take the name from the environment.
    """
    from nnrun.tracking import store

    create = store.create

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

    store.create = created


def parse_once() -> None:
    """Let OmegaConf parse each text once: a command composes from fifty files, time and again."""
    from omegaconf import OmegaConf

    load, known = OmegaConf.load, {}

    def loaded(file: Any) -> Any:
        if not hasattr(file, "read"):
            return load(file)
        text = file.read()
        if text not in known:
            file.seek(0)  # an error names the file
            known[text] = pickle.dumps(load(file))
        return pickle.loads(known[text])

    OmegaConf.load = staticmethod(loaded)  # type: ignore[method-assign]


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
    """Import what commands import."""
    from importlib import import_module

    for name in WARM:
        import_module(name)
    import_module("sqlalchemy.orm").configure_mappers()
    share_schema()
    parse_once()
    for path in (ROOT / "conf").rglob("*.yaml"):
        with path.open(encoding="utf-8") as file:
            import_module("omegaconf").OmegaConf.load(file)
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
