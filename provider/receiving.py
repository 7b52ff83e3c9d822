"""An upload: bytes are hashed on their way to the store, and count only if they are the ones announced.

Bounded in memory by what one chunk takes, in time by the rate that is asked of a sender.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from weakref import WeakValueDictionary

from provider.blobs import Blobs, new_key
from provider.capabilities import Blob
from provider.errors import BlobsUnavailable, UploadInterrupted, WrongHash, WrongLength
from provider.records import Stored
from provider.store import ProviderStore

CHUNK_BYTES = 1 << 20

MAX_UPLOADS = 32
"""At once in one process."""

MAX_UPLOADS_OF_ONE = 8
"""Of them, for one space."""

TURN_TIMEOUT_S = 30.0
"""That others wait; then they are asked to come again."""

IDLE_TIMEOUT_S = 30.0
"""For the next bytes."""

MIN_BYTES_A_SECOND = 16 << 10
GRACE_S = 60.0
"""Beside what the rate allows for the whole."""


class _Upload:
    """One that has its turn. gives_way: it ends at its next bytes, for others wait."""

    __slots__ = ("gives_way",)

    def __init__(self) -> None:
        self.gives_way = False


class Receiver:
    """Takes uploads for one store."""

    def __init__(self, store: ProviderStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._turns = asyncio.Semaphore(MAX_UPLOADS)
        self._of_owner: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()
        self._uploads: defaultdict[bytes, list[_Upload]] = defaultdict(list)

    async def receive(self, blob: Blob, body: AsyncIterable[bytes], owner: bytes) -> None:
        """Return once the bytes of `blob` are durable, whoever sent them first.

        What is stored already counts if it still hashes to its name; else it is stored anew.
        owner: for whom, of a ticket; nobody takes all the turns. Raises WrongLength, WrongHash,
        UploadInterrupted: nothing of them is kept. Raises StoreUnavailable: they may be, and can be
        sent again.
        """
        own = self._of_owner.setdefault(owner, asyncio.Semaphore(MAX_UPLOADS_OF_ONE))
        async with _turn(own), self._place(owner) as upload, aclosing(_checked(blob, body, upload)) as chunks:
            before = await self._store.located(blob.digest)
            if before is not None and await self._is_whole(before):
                async for _ in chunks:
                    pass  # who has not the bytes must not get them into his space by their name alone
                if not await self._store.arrive(blob.digest, owner):
                    raise BlobsUnavailable("the same bytes were deleted while these came; put them again")
                return
            key = new_key(blob.digest)
            await self._blobs.put(key, blob.size, chunks)
        damaged = None if before is None else before.object
        if not await self._store.keep_blob(Stored(blob.digest, key, blob.size), owner, damaged):
            await self._blobs.delete([key])
            await self._store.forget_garbage([key])

    async def _is_whole(self, stored: Stored) -> bool:
        hashed = hashlib.sha256()
        async with aclosing(self._blobs.read(stored.object, 0, stored.size)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(hashed.update, chunk)
        return hashed.digest() == stored.digest[-hashed.digest_size :]

    @asynccontextmanager
    async def _place(self, owner: bytes) -> AsyncGenerator[_Upload]:
        """Among all; slow senders for some spaces do not keep it from others."""
        self._make_room(owner)
        async with _turn(self._turns):
            upload = _Upload()
            self._uploads[owner].append(upload)
            try:
                yield upload
            finally:
                self._uploads[owner].remove(upload)
                if not self._uploads[owner]:
                    del self._uploads[owner]

    def _make_room(self, owner: bytes) -> None:
        """If all turns are taken, the owner of most of them gives up his latest for one who has fewer."""
        if not self._turns.locked():
            return
        staying = {each: [it for it in its if not it.gives_way] for each, its in self._uploads.items()}
        most = max(staying.values(), key=len)
        if len(most) > len(staying.get(owner, [])) + 1:
            most[-1].gives_way = True


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore) -> AsyncGenerator[None]:
    try:
        await asyncio.wait_for(turns.acquire(), TURN_TIMEOUT_S)
    except TimeoutError as error:
        raise BlobsUnavailable("too many uploads at once") from error
    try:
        yield
    finally:
        turns.release()


async def _checked(blob: Blob, body: AsyncIterable[bytes], upload: _Upload) -> AsyncGenerator[bytes]:
    """The body in chunks; raises before the last one is over if they are not the bytes of `blob`."""
    hashed, size = hashlib.sha256(), 0
    async for chunk in _chunks(blob.size, body, upload):
        size += len(chunk)
        if size > blob.size:
            raise WrongLength(size, blob.size)
        await asyncio.to_thread(hashed.update, chunk)
        yield chunk
    if size != blob.size:
        raise WrongLength(size, blob.size)
    if hashed.digest() != blob.digest[-hashed.digest_size :]:
        raise WrongHash


async def _chunks(size: int, body: AsyncIterable[bytes], upload: _Upload) -> AsyncGenerator[bytes]:
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
        if upload.gives_way:
            raise UploadInterrupted("others wait, and this space sends much at once; put them again")
        parts.append(part)
        held += len(part)
        if held >= CHUNK_BYTES or held > size:
            yield b"".join(parts)
            parts, held = [], 0
    if held:
        yield b"".join(parts)
