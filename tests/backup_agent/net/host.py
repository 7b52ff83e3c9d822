"""A host on loopback that answers with the very bytes a test gives it, in the test's own event loop."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from backup_agent.net import Http, Retry


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


Answer = bytes | AsyncIterator[bytes]
Answerer = Callable[[Asked], Answer]


@dataclass
class Host:
    port: int
    asked: list[Asked] = field(default_factory=list[Asked])

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


def reply(status: int = 200, body: bytes = b"", *, length: int | None = None, **headers: str) -> bytes:
    """An HTTP answer; header names are written with underscores. length: what it claims."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def told(value: object, status: int = 200, **headers: str) -> bytes:
    """An answer in JSON."""
    return reply(status, json.dumps(value).encode(), content_type="application/json", **headers)


@asynccontextmanager
async def serving(answer: Answerer, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Host]:
    """A host whose every request gets what `answer` returns, then a closed connection."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            asked = await _read(reader)
            host.asked.append(asked)
            said = answer(asked)
            async for chunk in _once(said) if isinstance(said, bytes) else said:
                writer.write(chunk)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            handlers.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    host = Host(server.sockets[0].getsockname()[1])
    try:
        yield host
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _once(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk


@dataclass
class Time:
    """A clock that moves only while somebody sleeps."""

    now_s: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list[float])

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def http_in(time: Time, **more: object) -> Http:
    """A client that may use loopback and never really waits."""
    retry = Retry(sleep=time.sleep, chance=lambda: 1.0)
    return Http(allow_private=True, retry=retry, now=time.now, **more)  # pyright: ignore[reportArgumentType]
