"""What a provider keeps, in the database that the clocks are in.

Everything is durable when a call returns. A call that raises StoreUnavailable may have been done or
not, and can be made again. Many processes may share one database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import time

from clock_service.open_store import open_store
from clock_service.policy import Registration
from clock_service.sql_store import SqlStore
from pail import CID
from provider import delegation_rows, slice_rows, space_rows, stored_rows, upload_rows
from provider.records import Allocation, Entry, HostedSpace, Kept, Page, Place, Slice, Stored, Upload
from provider.schema import STEPS, VERSION_TABLE

_LAST = "~"
"""Sorts behind every DID: rows of no space are locked after the spaces."""


def open_provider_store(url: str, *, now: Callable[[], float] = time) -> ProviderStore:
    """The store in the database at `url`, as `clock_service.open_store` names it, and raises."""
    return ProviderStore(open_store(url, now=now, beside={VERSION_TABLE: STEPS}), now=now)


class ProviderStore:
    """clocks: the store of the clocks, whose transactions this one shares."""

    def __init__(self, clocks: SqlStore, *, now: Callable[[], float] = time) -> None:
        self.clocks = clocks
        self._now = now

    async def host(self, space: HostedSpace) -> None:
        """Host the space and its clock, or change quota and account; what it holds is counted as before.

        If it is hosted no longer, neither is its clock.
        """
        await self.clocks.write(partial(space_rows.host, space=space), space.did)
        await self._host_clock(space)

    async def provide(self, space: HostedSpace, max_spaces: int) -> None:
        """Host the space for an account that has so many at most; nothing is done if it has it already.

        Raises SpaceAlreadyProvisioned, InsufficientStorage.
        """
        await self.clocks.write(partial(space_rows.provide, space=space, max_spaces=max_spaces), space.did)
        await self._host_clock(space)

    async def _host_clock(self, space: HostedSpace) -> None:
        has_clock = (await self.clocks.known(space.did)).clock.is_registered
        if space.is_hosted and not has_clock:
            await self.clocks.register(Registration(space.did))
        elif has_clock and not space.is_hosted:
            await self.clocks.unregister(space.did)

    async def space(self, did: str) -> HostedSpace | None:
        found = await self.clocks.read(partial(space_rows.load, did=did))
        return found[1] if found else None

    async def spaces(self, after: str = "") -> list[HostedSpace]:
        """Those that sort after `after`, by DID, MAX_SPACES_READ at most."""
        return await self.clocks.read(partial(space_rows.spaces, after=after))

    async def has_spaces(self, account: str) -> bool:
        """Whether an account has any here."""
        return await self.clocks.read(partial(space_rows.has_spaces, account=account))

    async def allocate(self, wanted: Allocation) -> Allocation:
        """Promise room; accepted already if the space holds it. Raises InsufficientStorage, TooMuch."""
        work = partial(space_rows.allocate, wanted=wanted, now_unix_s=int(self._now()))
        return await self.clocks.write(work, wanted.space)

    async def allocation(self, task: CID) -> Allocation | None:
        """That of a put task or of an accept task; None if it is not known, or not any more."""
        return await self.clocks.read(partial(space_rows.allocation, task=task))

    async def accept(self, allocation: Allocation) -> None:
        """The space holds the blob. Raises AllocatedMemoryHadNotBeenWrittenTo, InsufficientStorage."""
        now = self._now()
        work = partial(space_rows.accept, allocation=allocation, now_unix_s=int(now), now_ms=int(now * 1000))
        await self.clocks.write(work, allocation.space)

    async def remove(self, did: str, digest: bytes) -> int:
        """Let go of a blob; the bytes that the space has more."""
        work = partial(space_rows.remove, did=did, digest=digest)
        return await self.clocks.write(work, did)

    async def entry(self, did: str, digest: bytes) -> Entry | None:
        return await self.clocks.read(partial(space_rows.entry, did=did, digest=digest))

    async def entries(self, did: str, before: int | None, size: int) -> Page[Entry]:
        """Blobs of the space, newest first, older than the number `before`."""
        return await self.clocks.read(partial(space_rows.entries, did=did, before=before, size=size))

    async def stored(self, did: str, digest: bytes) -> Stored | None:
        """Where the blob's bytes are, if the space holds it."""
        return await self.clocks.read(partial(space_rows.stored, did=did, digest=digest))

    async def keep_blob(self, blob: Stored, owner: bytes, damaged: str | None = None) -> bool:
        """The bytes that came for `owner` are durable under that key; False if under another before.

        damaged: an object that holds other bytes than its blob; it gives way. Raises UploadExpired if
        no room is promised for them any more.
        """
        now = int(self._now())
        work = partial(stored_rows.keep, blob=blob, owner=owner, damaged=damaged, now_unix_s=now)
        return await self.clocks.write(work, _LAST)

    async def arrive(self, digest: bytes, size: int, owner: bytes) -> bool:
        """The bytes, which are stored, came for `owner` too; False if they are stored no longer.

        Raises UploadExpired as `keep_blob`.
        """
        now = int(self._now())
        work = partial(stored_rows.arrive, digest=digest, size=size, owner=owner, now_unix_s=now)
        return await self.clocks.write(work, _LAST)

    async def mark_damaged(self, stored: Stored) -> None:
        """The object was seen to hold other bytes: they are taken again, also of who holds the blob."""
        await self.clocks.write(partial(stored_rows.mark_damaged, stored=stored), _LAST)

    async def located(self, digest: bytes) -> Stored | None:
        """Where the blob's bytes are, whoever sent them."""
        return await self.clocks.read(partial(stored_rows.located, digest=digest))

    async def discard_unused(self) -> list[str]:
        """Make garbage of some blobs that were put and never accepted; keys of objects to delete."""
        work = partial(stored_rows.discard_unused, now_unix_s=int(self._now()))
        return await self.clocks.write(work, _LAST)

    async def forget_garbage(self, objects: Sequence[str]) -> None:
        """Their bytes are gone."""
        await self.clocks.write(partial(stored_rows.forget, objects=objects), _LAST)

    async def known_objects(self, objects: Sequence[str]) -> frozenset[str]:
        """Those of `objects` that a blob names, or that are known garbage."""
        return await self.clocks.read(partial(stored_rows.known, objects=objects))

    async def add_upload(
        self, did: str, root: CID, shards: Sequence[CID], *, issuer: str, cause: CID
    ) -> Upload:
        """List a DAG. Raises InsufficientStorage, TooMuch."""
        now_ms = int(self._now() * 1000)
        work = partial(
            upload_rows.add, did=did, root=root, shards=shards, issuer=issuer, cause=cause, now_ms=now_ms
        )
        return await self.clocks.write(work, did)

    async def upload(self, did: str, root: CID) -> Upload | None:
        return await self.clocks.read(partial(upload_rows.get, did=did, root=root))

    async def remove_upload(self, did: str, root: CID) -> Upload | None:
        """List it no longer; None if it was not listed."""
        return await self.clocks.write(partial(upload_rows.remove, did=did, root=root), did)

    async def uploads(self, did: str, cursor: int | None, size: int, *, is_newer: bool) -> Page[Upload]:
        work = partial(upload_rows.page, did=did, cursor=cursor, size=size, is_newer=is_newer)
        return await self.clocks.read(work)

    async def add_slices(self, did: str, shard: bytes, slices: Sequence[Slice]) -> None:
        """Remember where blocks stand in a shard of the space, as was proved; some at a time.

        Raises TooMuch past what a space may have, ShardNotFound if it was removed meanwhile.
        """
        for at in range(0, len(slices), slice_rows.MAX_ADDED):
            part = slices[at : at + slice_rows.MAX_ADDED]
            await self.clocks.write(partial(slice_rows.add, did=did, shard=shard, slices=part), did)

    async def places(self, did: str, multihashes: Sequence[bytes]) -> list[Place | None]:
        """Where blocks are, in blobs that the space holds."""
        return await self.clocks.read(partial(slice_rows.places, did=did, multihashes=multihashes))

    async def spaces_with(self, multihash: bytes, audience: str) -> list[str]:
        """Spaces that hold a blob or block of that hash and have given `audience` a delegation."""
        work = partial(slice_rows.spaces_with, multihash=multihash, audience=audience)
        return await self.clocks.read(work)

    async def keep_delegations(self, delegations: Sequence[Kept], did: str | None) -> None:
        """Keep them for their audiences, in the name of a space. Raises SpaceUnknown, TooMuch."""
        now = int(self._now())
        work = partial(delegation_rows.keep, delegations=delegations, did=did, now_unix_s=now)
        await self.clocks.write(work, did or _LAST)

    async def delegations(self, audience: str) -> list[Kept]:
        """What is kept for `audience`, its own first; MAX_CLAIMED at most."""
        return await self.clocks.read(partial(delegation_rows.claim, audience=audience))

    async def delegations_of(self, did: str, audience: str) -> list[Kept]:
        """What a space has kept for `audience`, newest first; MAX_OF_SPACE at most."""
        return await self.clocks.read(partial(delegation_rows.of_space, audience=audience, did=did))

    async def sessions(self, login: CID) -> list[CID]:
        """What `keep_sessions` kept of a login."""
        return await self.clocks.read(partial(delegation_rows.sessions, login=login))

    async def keep_sessions(self, login: CID, cids: Sequence[CID]) -> None:
        """These were made of the login that has the attestation `login`. Raises TooMuch."""
        await self.clocks.write(partial(delegation_rows.keep_sessions, login=login, cids=cids), _LAST)

    def close(self) -> None:
        self.clocks.close()
