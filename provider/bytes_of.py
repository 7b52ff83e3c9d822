"""The bytes of blobs on their way out, checked as far as can be."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from provider.blobs import READ_BYTES, Blobs
from provider.errors import BlobDamaged, RangeNotSatisfiable
from provider.records import Stored

_RANGE = re.compile(r"bytes=(?:([0-9]{1,40})-([0-9]{0,40})|-([0-9]{1,40}))")


class Span(NamedTuple):
    """From `start` to before `end` of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def is_whole(self) -> bool:
        return (self.start, self.end) == (0, self.size)


def parse_range(header: str | None, size: int) -> Span:
    """What a Range header asks of `size` bytes; all of them if it asks for nothing that we give.

    Raises RangeNotSatisfiable. Source: RFC 9110, 14.2
    """
    match = _RANGE.fullmatch(header or "")
    if match is None:
        return Span(0, size, size)
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return Span(0, size, size)
    if start >= size or start >= end:
        raise RangeNotSatisfiable(size)
    return Span(start, end, size)


def is_known(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names `etag`. Source: RFC 9110, 13.1.2"""
    named = [each.strip().removeprefix("W/") for each in (header or "").split(",")]
    return named == ["*"] or etag.removeprefix("W/") in named


async def bytes_of(blobs: Blobs, stored: Stored, span: Span) -> AsyncGenerator[bytes]:
    """The bytes of a span. A whole blob is hashed, and its last chunk is given only if it is right.

    Raises BlobDamaged.
    """
    hashed, left, held = hashlib.sha256(), span.end - span.start, b""
    async with aclosing(blobs.read(stored.object, span.start, span.end)) as chunks:
        async for chunk in chunks:
            left -= len(chunk)
            if span.is_whole:
                await asyncio.to_thread(hashed.update, chunk)
            if held:
                yield held
            held = chunk
    if left or (span.is_whole and hashed.digest() != stored.digest[-32:]):
        raise BlobDamaged(stored.digest)
    yield held


async def streamed(
    content: AsyncGenerator[bytes], span: Span, headers: Mapping[str, str], media_type: str
) -> Response:
    """A response of `content`, which is what `span` says. What is wrong from the start is raised here."""
    body = await with_first(content)
    response = StreamingResponse(body, 200 if span.is_whole else 206, headers, media_type)
    response.headers["content-length"] = str(span.end - span.start)
    response.headers["accept-ranges"] = "bytes"
    if not span.is_whole:
        response.headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{span.size}"
    return response


async def with_first(content: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    """`content`, of which the first part was made: what is wrong until then is raised here."""
    return _again(await anext(content, b""), content)


async def _again(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        for piece in _pieces(first):
            yield piece
        async for chunk in rest:
            for piece in _pieces(chunk):
                yield piece


def _pieces(chunk: bytes) -> Iterator[bytes]:
    """Each is sent when the one before it was taken, for which a slow reader has so much time."""
    if len(chunk) <= READ_BYTES:
        yield chunk
    else:
        yield from (chunk[at : at + READ_BYTES] for at in range(0, len(chunk), READ_BYTES))
