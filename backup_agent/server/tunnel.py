"""The way of a bucket's client library to its server: through here, so that every connection of it goes to
an address that was checked (T4), whatever a name resolves to by then.

    CONNECT s3.example.com:443 HTTP/1.1
    Proxy-Authorization: Basic …

A proxy on this machine for that method alone, and for this process alone, by a token. TLS goes through
it unread, and verifies the server's name at the other end.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections.abc import Coroutine
from functools import cache
from typing import Any

import httpcore

from backup_agent.errors import AgentError
from backup_agent.net import system_lookup
from backup_agent.net.dial import CONNECT_TIMEOUT_S, GuardedBackend, Lookup
from backup_agent.other_thread import OtherThread

USER = "skypail"
MAX_HEAD_BYTES = 8 << 10
CHUNK_BYTES = 256 << 10
IDLE_TIMEOUT_S = 120.0
"""Longer than the library waits for an answer."""

MAX_CONNECTIONS = 256
MAX_PORT = 65_535


class Tunnel:
    """Open as soon as it is made, for as long as the process lives. url: for the library, with the token."""

    def __init__(self, *, allow_private: bool, lookup: Lookup = system_lookup) -> None:
        self._backend = GuardedBackend(lookup, allow_private=allow_private)
        token = secrets.token_urlsafe(32)
        self._wanted = b"Basic " + base64.b64encode(f"{USER}:{token}".encode())
        self._turns = asyncio.Semaphore(MAX_CONNECTIONS)
        port = OtherThread()(self._listen())
        self.url = f"http://{USER}:{token}@127.0.0.1:{port}"

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._turns:
                await self._connect(reader, writer)
        except (OSError, TimeoutError, httpcore.NetworkError, httpcore.TimeoutException):
            pass  # whichever side it was, the other sees the connection end
        finally:
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                host, port = self._asked(await reader.readuntil(b"\r\n\r\n"))
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _say(writer, "400 Bad Request")
            return
        except PermissionError:
            await _say(writer, "407 Proxy Authentication Required")
            return
        try:
            stream = await self._backend.connect_tcp(host, port, CONNECT_TIMEOUT_S)
        except (AgentError, httpcore.ConnectError, httpcore.ConnectTimeout):
            await _say(writer, "502 Bad Gateway")
            return
        try:
            await _say(writer, "200 Connection established")
            await _either(_down(stream, writer), _up(reader, stream))
        finally:
            await stream.aclose()

    def _asked(self, head: bytes) -> tuple[str, int]:
        """Where to connect to. Raises ValueError, and PermissionError without the token."""
        first, *fields = head.decode("ascii").split("\r\n")
        method, target, _ = first.split(" ")
        host, _, port = target.rpartition(":")
        if method != "CONNECT" or not host or not 0 < int(port) <= MAX_PORT:
            raise ValueError(target)
        given = [
            text.strip() for name, _, text in (each.partition(":") for each in fields) if _is_token(name)
        ]
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self._wanted):
            raise PermissionError
        return host.strip("[]"), int(port)


@cache
def tunnel(*, allow_private: bool) -> Tunnel:
    """That of this process."""
    return Tunnel(allow_private=allow_private)


def _is_token(name: str) -> bool:
    return name.lower() == "proxy-authorization"


async def _say(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
    await writer.drain()


async def _either(*works: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends, which ends the others: nobody closes one half of a connection in HTTP."""
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _up(reader: asyncio.StreamReader, stream: httpcore.AsyncNetworkStream) -> None:
    while content := await reader.read(CHUNK_BYTES):
        await stream.write(content, IDLE_TIMEOUT_S)


async def _down(stream: httpcore.AsyncNetworkStream, writer: asyncio.StreamWriter) -> None:
    while content := await stream.read(CHUNK_BYTES, None):
        writer.write(content)
        await writer.drain()
