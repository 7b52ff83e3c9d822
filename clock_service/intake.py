"""Bodies of requests, bounded each and all together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

from starlette.requests import ClientDisconnect, Request

from ucan import MAX_BODY_BYTES

BODY_TIMEOUT_S = 30.0
"""For the whole body of a request to arrive."""

MAX_HELD_BYTES = 128 << 20
"""Of all bodies that are being received or worked on; past it no large one goes on.

Small ones do: a few slow large ones must not keep all others out. No more of them are held than
LARGE_BYTES on each connection.
"""

LARGE_BYTES = 128 << 10
"""A body from that size on is taken apart for longer than others should wait."""

LARGE_BYTES_PER_S = 8 << 20
"""At which large bodies are begun, one after the other, so that small ones get in between."""


class NotReceived(Exception):
    """The body was not read to its end; the connection cannot be used again."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Intake:
    """Knows how much is held at the moment."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self._next_large_s = 0.0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncGenerator[bytes]:
        """The body of `request`; counts as held until the block ends. Raises NotReceived."""
        chunks: list[bytes] = []
        size = 0
        try:
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    async for chunk in request.stream():
                        chunks.append(chunk)
                        size += len(chunk)
                        self.held_bytes += len(chunk)
                        self._check(size)
            except TimeoutError as error:
                raise NotReceived(408, f"the body took more than {BODY_TIMEOUT_S:.0f} s") from error
            except ClientDisconnect as error:
                raise NotReceived(400, "the client has gone") from error
            if size >= LARGE_BYTES:
                await self._pace(size)
            yield b"".join(chunks)
        finally:
            self.held_bytes -= size

    async def _pace(self, size: int) -> None:
        now_s = monotonic()
        begin_s = max(now_s, self._next_large_s)
        self._next_large_s = begin_s + size / LARGE_BYTES_PER_S
        await asyncio.sleep(begin_s - now_s)

    def _check(self, size: int) -> None:
        if size > MAX_BODY_BYTES:
            raise NotReceived(413, f"the body has more than {MAX_BODY_BYTES} bytes")
        if size > LARGE_BYTES and self.held_bytes > MAX_HELD_BYTES:
            raise NotReceived(503, "too much is being worked on")
