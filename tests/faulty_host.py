"""The demo host with faults that a test orders, and with a count of what it was asked.

    with run_faulty_host() as host:
        host.fault(GET_BLOB, status(500), times=3)
        host.fault(GET_BLOB, refused("InvalidRequest", "Blob not found"), cid=some_cid)
        …
        assert host.requests[GET_REPO] == 1

The faults are in tests/faults.py; each turns the answer of the demo host into another one. The first that
fits a request and is not used up is taken.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from backup_agent.demo.host import DemoHost
from backup_agent.demo.k256 import K256Key
from backup_agent.demo.plc_log import updated
from backup_agent.demo.recording import load_recording
from backup_agent.demo.serve import listening, serving, url_of
from tests.faults import Answer, Fault

GET_REPO = "com.atproto.sync.getRepo"
GET_BLOB = "com.atproto.sync.getBlob"
LIST_BLOBS = "com.atproto.sync.listBlobs"
GET_LATEST_COMMIT = "com.atproto.sync.getLatestCommit"
GET_PREFERENCES = "app.bsky.actor.getPreferences"
CREATE_SESSION = "com.atproto.server.createSession"
REFRESH_SESSION = "com.atproto.server.refreshSession"
PLC_DOCUMENT = "plc document"
PLC_LOG = "plc log"


@dataclass(slots=True)
class _Order:
    method: str
    fault: Fault
    times: int
    where: dict[str, str]

    def fits(self, method: str, query: dict[str, str]) -> bool:
        return self.times > 0 and self.method == method and self.where.items() <= query.items()


@dataclass(slots=True)
class FaultyHost:
    """An ASGI app around `demo`. Faults and counters may be changed while it runs."""

    demo: DemoHost
    requests: Counter[str] = field(default_factory=Counter[str])
    """How often each method was asked for."""

    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    """Every request in its order: the method, and what its URL asked for."""

    _orders: list[_Order] = field(default_factory=list[_Order])

    @property
    def url(self) -> str:
        return self.demo.url

    def fault(self, method: str, fault: Fault, *, times: int = 1 << 30, **where: str) -> None:
        """Answer `method` with `fault`, `times` times, when its query has all of `where`."""
        self._orders.append(_Order(method, fault, times, where))

    def heal(self) -> None:
        """No more faults; the counters go on."""
        self._orders.clear()

    def swap_signing_key(self, key: K256Key) -> None:
        """The directory proves that the account's signing key is now `key`; its commits stay as they are."""
        self._update(verificationMethods={"atproto": key.did})

    def move_account(self, endpoint: str) -> None:
        """The directory proves that the account is at `endpoint`, such as a dead or a private host."""
        self._update(services={"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": endpoint}})

    def _update(self, **changes: Any) -> None:
        self.demo.plc_log = updated(self.demo.plc_log, self.demo.recording.rotation_key, **changes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = _method(scope["path"])
        query = dict(parse_qsl(scope["query_string"].decode()))
        self.requests[method] += 1
        self.queries.append((method, query))
        answer = await self._ask(scope, receive)
        for order in self._orders:
            if order.fits(method, query):
                order.times -= 1
                answer = order.fault(answer)
                break
        await _send(answer, send)

    async def _ask(self, scope: Scope, receive: Receive) -> Answer:
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            start.update(message)
            body.extend(message.get("body", b""))

        await self.demo.app(scope, receive, keep)
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, bytes(body))


@contextmanager
def run_faulty_host() -> Generator[FaultyHost]:
    """The recorded account on a faulty host, which listens at its `url`."""
    with listening() as sock:
        host = FaultyHost(DemoHost(load_recording(), url_of(sock)))
        with serving(host, sock):
            yield host


class _Dropped(Exception):
    """Makes the server close the connection in the middle of an answer."""


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for _ in range(answer.repeats):
        for at in range(0, len(answer.body), answer.chunk_bytes):
            await asyncio.sleep(answer.pause_s)
            chunk = answer.body[at : at + answer.chunk_bytes]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    if answer.dropped:
        raise _Dropped
    await send({"type": "http.response.body", "body": b""})


def _method(path: str) -> str:
    if path.startswith("/xrpc/"):
        return path.removeprefix("/xrpc/")
    if path.startswith("/did:"):
        return PLC_LOG if path.endswith("/log/audit") else PLC_DOCUMENT
    return path
