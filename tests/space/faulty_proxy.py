"""A server between a client and a bucket that counts requests, and goes wrong at those it is told to."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit


class Fault(Enum):
    RESET_BEFORE = "the connection is reset, nothing happened"
    RESET_AFTER = "the connection is reset, it happened"
    SLOW = "it takes its time"
    BUSY = "429, nothing happened"
    BROKEN = "500, nothing happened"
    BROKEN_AFTER = "500, it happened"
    CUT = "half of the answer, then the connection ends"
    WRONG_BYTES = "a flipped bit in what is carried, there or back"


class Asked(NamedTuple):
    method: str
    path: str


class FaultyProxy:
    """url: where it listens. asked: every request since the last `clear`."""

    def __init__(self, upstream: str) -> None:
        self.asked: list[Asked] = []
        self.fault_at: Callable[[int, Asked], Fault | None] = lambda _number, _asked: None
        self.refusal: tuple[int, bytes] | None = None
        """What every request is answered, whatever it is."""
        self._upstream = urlsplit(upstream).netloc
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            def answer(self) -> None:
                proxy._answer(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def clear(self) -> None:
        self.asked.clear()
        self.fault_at = lambda _number, _asked: None

    def fail_at(self, is_bad: Callable[[int], bool], fault: Fault) -> None:
        self.clear()
        self.fault_at = lambda at, _asked: fault if is_bad(at) else None

    def die_at(self, number: int) -> None:
        self.clear()
        self.fault_at = lambda at, _asked: Fault.RESET_BEFORE if at >= number else None

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: _Handler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        asked = Asked(handler.command, handler.path)
        with self._lock:
            fault = self.fault_at(len(self.asked), asked)
            self.asked.append(asked)
        if self.refusal:
            return handler.say(self.refusal[0], {"Content-Type": "application/xml"}, self.refusal[1])
        match fault:
            case Fault.RESET_BEFORE:
                return handler.reset()
            case Fault.SLOW:
                time.sleep(0.1)
            case Fault.BUSY:
                return handler.say(429, {}, b"")
            case Fault.BROKEN:
                return handler.say(500, {}, b"")
            case Fault.WRONG_BYTES if "partNumber=" in asked.path:  # S3 compares with what was signed
                return handler.say(400, {}, b"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>")
            case Fault.WRONG_BYTES if asked.method == "PUT":
                body = _flipped(body)
            case _:
                pass
        status, headers, content = self._forward(handler, body)
        match fault:
            case Fault.RESET_AFTER:
                handler.reset()
            case Fault.BROKEN_AFTER:
                handler.say(500, {}, b"")
            case Fault.CUT:
                handler.say(status, headers, content, cut=True)
            case Fault.WRONG_BYTES if asked.method == "GET":
                wrong = b"<not" + content if content.startswith(b"<") else _flipped(content)
                handler.say(status, headers, wrong)
            case _:
                handler.say(status, headers, content)

    def _forward(self, handler: _Handler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        try:
            connection.request(handler.command, handler.path, body, dict(handler.headers))
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _OF_THE_LINE}
            if handler.command == "HEAD":
                kept["Content-Length"] = answer.getheader("Content-Length") or "0"
            return answer.status, kept, answer.read()
        finally:
            connection.close()


_OF_THE_LINE = {"connection", "transfer-encoding", "content-length", "keep-alive"}


def _flipped(content: bytes) -> bytes:
    if not content:
        return content
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 20

    def answer(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    def say(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def run_faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.stop()
