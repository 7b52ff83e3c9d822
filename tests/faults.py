"""What may go wrong on the way from a host: each fault turns a good answer into another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from backup_agent.demo.recording import Json


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    dropped: bool = False
    """The connection breaks behind the body."""

    chunk_bytes: int = 64 << 10
    pause_s: float = 0
    """Before each chunk."""

    repeats: int = 1
    """How many times over the body is sent."""


Fault = Callable[[Answer], Answer]


def truncated(size_bytes: int) -> Fault:
    """An answer that ends well, too early."""
    return lambda answer: _with_body(answer, answer.body[:size_bytes])


def dropped(size_bytes: int) -> Fault:
    """A connection that breaks after so many bytes of the body."""
    return lambda answer: replace(answer, body=answer.body[:size_bytes], dropped=True)


def flipped(byte: int, bit: int = 0) -> Fault:
    def flip(answer: Answer) -> Answer:
        body = bytearray(answer.body)
        body[byte] ^= 1 << bit
        return replace(answer, body=bytes(body))

    return flip


def replaced(body: bytes) -> Fault:
    return lambda answer: _with_body(answer, body)


def edited(edit: Callable[[Json], Json]) -> Fault:
    """A JSON answer, changed."""
    return lambda answer: _with_body(answer, json.dumps(edit(json.loads(answer.body))).encode())


def status(code: int, **headers: str) -> Fault:
    """A bare error of the server, or of the proxy before it."""
    return lambda answer: Answer(code, headers, b"")


def rate_limited(retry_after_s: int) -> Fault:
    return status(429, **{"retry-after": str(retry_after_s)})


def refused(name: str, message: str = "", code: int = 400) -> Fault:
    """An XRPC error, such as RepoDeactivated, RepoTakendown, RepoSuspended or RepoNotFound."""
    body = json.dumps({"error": name, "message": message}).encode()
    return lambda answer: Answer(code, {"content-type": "application/json"}, body)


def slow(chunk_bytes: int, pause_s: float) -> Fault:
    return lambda answer: replace(answer, chunk_bytes=chunk_bytes, pause_s=pause_s)


def endless(repeats: int = 1 << 14) -> Fault:
    """The body over and over; without a length."""
    return lambda answer: _with_body(replace(answer, repeats=repeats), answer.body)


def _with_body(answer: Answer, body: bytes) -> Answer:
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return replace(answer, headers=headers, body=body)
