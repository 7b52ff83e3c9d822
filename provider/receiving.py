"""An upload: bytes are hashed on their way to the store, and count only if they are the ones announced.

Bounded in memory by what one chunk takes, in time by the rate that is asked of a sender.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from time import monotonic

from provider.blobs import Blobs, new_key
from provider.capabilities import Blob
from provider.errors import BlobsUnavailable, UploadExpired, UploadInterrupted, WrongHash, WrongLength
from provider.records import Stored
from provider.store import ProviderStore
from provider.turns import Turn, Turns

CHUNK_BYTES = 1 << 20

MAX_UPLOADS = 32
"""At once in one process."""

MAX_UPLOADS_OF_ONE = 8
"""Of them, for the spaces that one account pays for."""

TURN_TIMEOUT_S = 30.0
"""That others wait; then they are asked to come again."""

IDLE_TIMEOUT_S = 30.0
"""For the next bytes."""

MIN_BYTES_A_SECOND = 16 << 10
GRACE_S = 60.0
"""Beside what the rate allows for the whole."""


class Receiver:
    """Takes uploads for one store."""

    def __init__(self, store: ProviderStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._turns = Turns(MAX_UPLOADS, MAX_UPLOADS_OF_ONE, TURN_TIMEOUT_S)

    async def receive(self, blob: Blob, body: AsyncIterable[bytes], owner: bytes, payer: bytes) -> None:
        """Return once the bytes of `blob` are durable, whoever sent them first.

        What is stored already counts if it still hashes to its name; else it is stored anew.
        owner, payer: for which space, and who pays for that, of a ticket. Raises WrongLength, WrongHash,
        UploadInterrupted, UploadExpired: nothing of them is kept. Raises StoreUnavailable: they may be,
        and can be sent again.
        """
        async with self._turns.turn(payer, owner) as turn, aclosing(_checked(blob, body, turn)) as chunks:
            before = await self._store.located(blob.digest)
            if before is not None and await self._is_whole(before):
                async for _ in chunks:
                    pass  # who has not the bytes must not get them into his space by their name alone
                if not await self._store.arrive(blob.digest, blob.size, owner):
                    raise BlobsUnavailable("the same bytes were deleted while these came; put them again")
                return
            key = new_key(blob.digest)
            await self._blobs.put(key, blob.size, chunks)
        damaged = None if before is None else before.object
        try:
            is_kept = await self._store.keep_blob(Stored(blob.digest, key, blob.size), owner, damaged)
        except UploadExpired:
            await self._blobs.delete([key])
            raise
        if not is_kept:
            await self._blobs.delete([key])
            await self._store.forget_garbage([key])

    async def _is_whole(self, stored: Stored) -> bool:
        hashed = hashlib.sha256()
        async with aclosing(self._blobs.read(stored.object, 0, stored.size)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(hashed.update, chunk)
        return hashed.digest() == stored.digest[-hashed.digest_size :]


async def _checked(blob: Blob, body: AsyncIterable[bytes], turn: Turn) -> AsyncGenerator[bytes]:
    """The body in chunks; raises before the last one is over if they are not the bytes of `blob`."""
    hashed, size = hashlib.sha256(), 0
    async for chunk in _chunks(blob.size, body, turn):
        size += len(chunk)
        if size > blob.size:
            raise WrongLength(size, blob.size)
        await asyncio.to_thread(hashed.update, chunk)
        yield chunk
    if size != blob.size:
        raise WrongLength(size, blob.size)
    if hashed.digest() != blob.digest[-hashed.digest_size :]:
        raise WrongHash


async def _chunks(size: int, body: AsyncIterable[bytes], turn: Turn) -> AsyncGenerator[bytes]:
    """The body in parts of CHUNK_BYTES or a little more.

    Raises UploadInterrupted if it is too slow, or gives way.
    """
    over_at = monotonic() + GRACE_S + size / MIN_BYTES_A_SECOND
    parts: list[bytes] = []
    held = 0
    stream = aiter(body)
    while True:
        try:
            async with asyncio.timeout(min(IDLE_TIMEOUT_S, over_at - monotonic())):
                part = await anext(stream, None)
        except TimeoutError as error:
            raise UploadInterrupted("the bytes came too slowly; put them again") from error
        if part is None:
            break
        if turn.gives_way:
            raise UploadInterrupted("others wait, and these come slowly or with many others; put them again")
        turn.done_bytes += len(part)
        parts.append(part)
        held += len(part)
        if held >= CHUNK_BYTES or held > size:
            yield b"".join(parts)
            parts, held = [], 0
    if held:
        yield b"".join(parts)
