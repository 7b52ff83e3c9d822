"""A bucket on loopback (moto's server), which counts what it is asked for and what that carries."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from backup_agent.demo.serve import LOOPBACK


class Bucket:
    """requests, carried_bytes: so far, and the bytes of their bodies and of the answers'."""

    name = "bench"

    def __init__(self) -> None:
        self.endpoint = ""
        self.requests = self.carried_bytes = 0
        self._app = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """What tells a client of this bucket."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def size_bytes(self) -> int:
        """The bytes of all objects, of which there may be a thousand."""
        listing = httpx.get(f"{self.endpoint}/{self.name}?list-type=2").raise_for_status().text
        assert "<IsTruncated>false" in listing, "the bucket has more objects than one listing"
        return sum(map(int, re.findall(r"<Size>([0-9]+)</Size>", listing)))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        self._count(1, int(environ.get("CONTENT_LENGTH") or 0))
        answer: Iterable[bytes] = self._app(environ, start_response)
        for chunk in answer:
            self._count(0, len(chunk))
            yield chunk

    def _count(self, requests: int, carried_bytes: int) -> None:
        with self._lock:
            self.requests += requests
            self.carried_bytes += carried_bytes


@contextmanager
def run_bucket() -> Generator[Bucket]:
    """An empty bucket, which is there until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    bucket = Bucket()
    server = make_server(LOOPBACK, 0, bucket, threaded=True, request_handler=MotoRequestHandler)
    bucket.endpoint = f"http://{LOOPBACK}:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        httpx.post(f"{bucket.endpoint}/moto-api/reset").raise_for_status()  # its memory is the process's
        httpx.put(f"{bucket.endpoint}/{bucket.name}").raise_for_status()
        yield bucket
    finally:
        server.shutdown()
        thread.join()
