"""Sends blobs to a provider: space/blob/add → PUT → ucan/conclude → the receipt of accept → space/index/add.

What is asked for several blobs is asked in one request, and some parcels are under way at once; for each
blob the order stays. Nothing counts as held before the provider has signed that it accepted it (C4, T1).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from backup_agent.errors import AgentError
from backup_agent.hosted import asking
from backup_agent.hosted.answers import words
from backup_agent.hosted.asking import Asking, ProviderRefused
from backup_agent.hosted.concluding import Concluder
from backup_agent.hosted.promise import Promise, promise_of
from backup_agent.net import Http, Upload
from pail import CID, Value
from space.errors import SpaceUnavailable
from space.remote.blobs import Content, Held, Parcel
from ucan import Receipt

PARCELS_AT_ONCE, PUTS_AT_ONCE = 2, 4

T = TypeVar("T")
U = TypeVar("U")

Accepted = tuple[bytes, Receipt]
"""A digest, and the receipt of its acceptance."""


class Sender:
    """To one space at one provider. Everything raises SpaceUnavailable; `send` also SpaceFull."""

    def __init__(self, ask: Asking, http: Http) -> None:
        self._ask = ask
        self._http = http
        self._concluder = Concluder(ask, http)
        self._puts = asyncio.Semaphore(PUTS_AT_ONCE)
        self._proving = asyncio.Lock()

    async def send(self, parcels: Sequence[Parcel]) -> list[Accepted]:
        """Return once all of it is accepted, and its indexes are proved."""
        sent = await _in_turns(self._send, parcels, asyncio.Semaphore(PARCELS_AT_ONCE))
        return [each for parcel in sent for each in parcel]

    async def _send(self, parcel: Parcel) -> list[Accepted]:
        accepted = await self._add(parcel)
        try:
            await self._add_indexes(parcel.indexes)
        except ProviderRefused as refused:
            if refused.name != "BlobDamaged":
                raise
            accepted = await self._add(parcel)  # it takes the bytes again of what it has seen to be damaged
            await self._add_indexes(parcel.indexes)
        return accepted

    async def _add_indexes(self, indexes: Sequence[CID]) -> None:
        if not indexes:
            return
        async with self._proving:  # a provider proves one at a time; in its queue a request would grow old
            await self._ask.ask_all(asking.INDEX_ADD, [{"index": index} for index in indexes])

    async def _add(self, parcel: Parcel) -> list[Accepted]:
        digests = [digest for digest, _ in parcel.blobs]
        promises = await self._promises([Held(digest, content.size) for digest, content in parcel.blobs])
        pairs = zip(promises, (content for _, content in parcel.blobs), strict=True)
        await _in_turns(self._put, list(pairs), self._puts)
        return list(zip(digests, await self._concluder.accepted(promises), strict=True))

    async def promise(self, blob: Held) -> Promise:
        """What the provider says of a blob that it is told of."""
        (promise,) = await self._promises([blob])
        return promise

    async def _promises(self, blobs: Sequence[Held]) -> list[Promise]:
        described: Iterable[Value] = ({"digest": blob.digest, "size": blob.size} for blob in blobs)
        receipts = await self._ask.ask_all(asking.ADD, [{"blob": blob} for blob in described])
        return [
            promise_of(self._ask.url, receipt, blob.digest)
            for receipt, blob in zip(receipts, blobs, strict=True)
        ]

    async def _put(self, wanted: tuple[Promise, Content]) -> None:
        """Nothing, if the space holds it already."""
        promise, content = wanted
        if promise.address is None:
            return
        upload = Upload(promise.address.url, content.size, content.read, promise.address.headers)
        try:
            answer = await self._http.put(upload)
        except AgentError as error:
            raise SpaceUnavailable(f"{self._ask.url} cannot be used: {error}") from error
        if answer.status not in (200, 201, 204):
            raise SpaceUnavailable(f"{self._ask.url} did not take the bytes: {words(answer)}")


async def _in_turns(
    work: Callable[[T], Awaitable[U]], wanted: Sequence[T], turns: asyncio.Semaphore
) -> list[U]:
    """What `work` gives for each, in order. The first error ends what is under way, and is raised."""

    async def in_turn(each: T) -> U:
        async with turns:
            return await work(each)

    async with _ended_together() as group:
        tasks = [group.create_task(in_turn(each)) for each in wanted]
    return [task.result() for task in tasks]


@asynccontextmanager
async def _ended_together() -> AsyncGenerator[asyncio.TaskGroup]:
    """A group of tasks of which the first error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
