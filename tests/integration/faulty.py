"""A proxy between a client and a server that fails as it is told."""

import http.client
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
"""Headers that belong to one of the two connections."""


class Request(NamedTuple):
    """What a client asked, whatever became of it."""

    method: str
    path: str


@dataclass
class Fault:
    """What shall go wrong.

    Attributes:
        kind: ``delay``: the answer comes late; ``status``: the server is not asked, an error is
            answered; ``before``: nor is it asked, and the connection drops; ``after``: the
            connection drops once the server has done the work.
        value: Seconds, or the status.
        path: Part of the path of the requests that are meant.
        times: How often; None for always.
        skip: How many of them go well before.
    """

    kind: Literal["delay", "status", "before", "after"]
    value: float = 0
    path: str = ""
    times: int | None = None
    skip: int = 0


class Faulty:
    """An HTTP proxy in threads of this process, on a port of the loopback address.

    Args:
        target: Address of the server.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._requests: list[Request] = []
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.heal()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def requests(self, path: str = "") -> list[Request]:
        """List what was asked so far, of the paths with ``path`` in them."""
        with self._lock:
            return [request for request in self._requests if path in request.path]

    def spoil(self, fault: Fault) -> None:
        """Let requests fail from now on."""
        with self._lock:
            self._fault = fault

    def refuse(self) -> None:
        """Refuse every connection from now on."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def heal(self) -> None:
        """Pass everything through again, at the same address."""
        with self._lock:
            self._fault = None
        if self._server is None:
            handler = type("Handler", (_Handler,), {"proxy": self})
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
            self._server.daemon_threads = True
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def note(self, request: Request) -> Fault | None:
        """Note a request, and say what shall go wrong with it."""
        with self._lock:
            self._requests.append(request)
            fault = self._fault
            if fault is None or fault.path not in request.path or fault.times == 0:
                return None
            if fault.skip:
                fault.skip -= 1
                return None
            if fault.times is not None:
                fault.times -= 1
            return fault

    def ask(
        self, request: Request, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the server itself."""
        assert self._target.hostname is not None
        upstream = http.client.HTTPConnection(self._target.hostname, self._target.port, timeout=60)
        try:
            upstream.request(request.method, request.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()


class _Handler(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that each has a connection of its own."""

    proxy: Faulty

    def _pass(self) -> None:
        request, body = Request(self.command, self.path), self._body()
        fault = self.proxy.note(request)
        if fault and fault.kind == "before":
            return
        if fault and fault.kind == "status":
            self._answer(int(fault.value), [("Content-Type", "text/plain")], b"as it was told")
            return
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP}
        status, answered, content = self.proxy.ask(request, body, headers)
        if fault and fault.kind == "after":
            return
        if fault and fault.kind == "delay":
            time.sleep(fault.value)
        try:
            self._answer(status, answered, content)
        except ConnectionError:  # the client did not wait
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for key, value in headers:
            if key.lower() not in HOP:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests count the requests."""
