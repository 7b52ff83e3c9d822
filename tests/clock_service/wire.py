"""Requests over connections that are kept, with as little of a client as there can be."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from tests.clock_service.calls import HEADERS
from ucan import Delegation, Receipt, decode_message, encode_request


class Wire:
    """A connection to the service at `url`, opened by the first request; one request at a time."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def encode(self, *invocations: Delegation) -> bytes:
        """The whole HTTP request."""
        body = encode_request(invocations)
        fields = {"host": self._place.netloc, **HEADERS, "content-length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST / HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def execute(self, invocation: Delegation) -> Receipt:
        """Raises OSError, EOFError if the service goes away."""
        receipt = decode_message(await self.send(self.encode(invocation))).receipt(invocation.cid)
        assert receipt is not None
        return receipt

    async def send(self, request: bytes) -> bytes:
        """The body of the response, which must be a 200. Raises as `execute`."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._place.hostname, self._place.port)
        reader, writer = self._streams
        writer.write(request)
        headers = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 200 " in headers[:20], headers
        return await _read_body(reader, headers)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def _read_body(reader: asyncio.StreamReader, headers: bytes) -> bytes:
    if b"content-length: " in headers:
        return await reader.readexactly(int(headers.split(b"content-length: ")[1].split(b"\r")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body
