"""Where the bytes of blobs are: what a provider needs of a folder or a bucket.

An object is immutable and appears whole, durable and under its key, or not at all. Keys are made by
the provider alone, one for each time that bytes arrive: so an object that is being deleted is never
one that is being written.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from secrets import token_bytes, token_hex
from typing import Protocol

from provider.digest import name_of
from provider.errors import BlobsUnavailable

READ_BYTES = 256 << 10
"""Read at once; a reader who is slow holds twice that."""


class Blobs(Protocol):
    """Every method raises BlobsUnavailable if the store does not answer."""

    async def put(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        """Write an object of `chunks`, which are `size` bytes; durable on return.

        If `chunks` raises, its error is raised here and there is no object.
        """
        ...

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` to before `end`, or as many of them as there are; none if it is gone."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; no error for one that is not there."""
        ...

    def keys_older_than(self, age_s: float) -> AsyncGenerator[list[str]]:
        """Keys of all objects of that age, some at a time; what a crash left half written goes first."""
        ...

    async def check(self) -> None:
        """Return if the store answers."""
        ...


async def check_writing(blobs: Blobs) -> None:
    """Return if an object can be written, read and deleted. Raises BlobsUnavailable, with what to do."""
    content = token_bytes(32)
    key = new_key(b"\x12\x20" + content)

    async def chunks() -> AsyncGenerator[bytes]:
        yield content

    await blobs.check()
    await blobs.put(key, len(content), chunks())
    try:
        found = b"".join([chunk async for chunk in blobs.read(key, 0, len(content))])
    finally:
        await blobs.delete([key])
    if found != content:
        raise BlobsUnavailable("the object store does not give what it was just given")


def new_key(digest: bytes) -> str:
    """A key that no object has had."""
    name = name_of(digest)
    return f"blobs/{name[-2:]}/{name}.{token_hex(8)}"
