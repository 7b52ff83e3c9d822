"""Blobs of spaces: room is promised, bytes arrive, the blob is accepted (S1).

    add       room is promised for a blob: its quota is taken until it arrives or the promise expires
    receive   its bytes are made durable, checked, and not in any space yet
    conclude  it is in the space: counted, listed, readable, and the receipt of accept can be had

Bytes that are here already must be sent all the same, unless the same space holds them: to know
the hash of somebody's blob is not to have it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time

from pail import CID
from provider import tasks
from provider.blobs import Blobs
from provider.capabilities import Blob
from provider.digest import is_digest
from provider.errors import AllocationNotFound, BlobNotFound, DigestNotSupported, ReceiptNotValid
from provider.receiving import Receiver
from provider.records import Allocation, Entry
from provider.store import ProviderStore
from provider.tasks import Address, Tasks
from provider.upload_url import Ticket, TicketOffice, owner_of
from ucan import BadResponse, NamedSigner, Outcome, Receipt, verify_receipt

PROMISE_LIFE_S = 3600
"""How long room is kept for a blob, and its URL is good."""


class Hosting:
    """base_url: how the provider is reached from outside, without a slash at the end."""

    def __init__(
        self,
        store: ProviderStore,
        blobs: Blobs,
        issuer: NamedSigner,
        base_url: str,
        *,
        now: Callable[[], float] = time,
    ) -> None:
        self.store = store
        self.blobs = blobs
        self.issuer = issuer
        self.base_url = base_url
        self._now = now
        self._tickets = TicketOffice(issuer.signer)
        self.receiver = Receiver(store, blobs)

    async def add(self, space: str, blob: Blob, cause: CID) -> Outcome:
        """Promise room for `blob`, and say where to put it. cause: the invocation that asks.

        Raises ProviderError by its kinds: nothing was promised.
        """
        blob.check()
        made = tasks.tasks_of(self.issuer, space, blob, cause)
        expires = int(self._now()) + PROMISE_LIFE_S
        wanted = Allocation(made.put.cid, made.accept.cid, space, blob.digest, blob.size, cause, expires)
        allocation = await self.store.allocate(wanted)
        return tasks.add_outcome(self.issuer, made, self._known(made, blob, allocation))

    def _known(self, made: Tasks, blob: Blob, allocation: Allocation) -> list[Receipt]:
        if allocation.is_accepted:
            return [
                tasks.allocated(self.issuer, made, blob, None),
                tasks.delivered(blob, made),
                tasks.accepted(self.issuer, made, allocation, self.base_url),
            ]
        expires = allocation.expires_at_unix
        owner, payer = owner_of(allocation.space), owner_of(allocation.account or allocation.space)
        ticket = self._tickets.issue(Ticket(blob, expires, owner, payer))
        address = Address(f"{self.base_url}/upload/{ticket}", expires)
        return [tasks.allocated(self.issuer, made, blob, address)]

    def redeem(self, ticket: str) -> Ticket:
        """What may be sent to the URL with `ticket`. Raises UploadRefused, UploadExpired."""
        return self._tickets.redeem(ticket, int(self._now()))

    async def conclude(self, delivered: Receipt) -> Receipt:
        """Take the blob of a put task into its space, by the task's own principal's receipt; that of accept.

        Raises AllocationNotFound, ReceiptNotValid, AllocatedMemoryHadNotBeenWrittenTo, InsufficientStorage.
        """
        allocation = await self.store.allocation(delivered.ran)
        if allocation is None or allocation.put != delivered.ran:
            raise AllocationNotFound
        holder = tasks.holder_of(allocation.digest)
        try:
            verify_receipt(delivered, (holder.verifier,))
        except BadResponse as error:
            raise ReceiptNotValid from error
        await self.store.accept(allocation)
        made = tasks.tasks_of_allocation(self.issuer, allocation)
        return tasks.accepted(self.issuer, made, allocation, self.base_url)

    async def accept_receipt(self, task: CID) -> Receipt | None:
        """The receipt of an accept task whose blob is in its space."""
        allocation = await self.store.allocation(task)
        if allocation is None or allocation.accept != task or not allocation.is_accepted:
            return None
        made = tasks.tasks_of_allocation(self.issuer, allocation)
        return tasks.accepted(self.issuer, made, allocation, self.base_url)

    async def entry(self, space: str, digest: bytes) -> Entry:
        """Raises BlobNotFound."""
        entry = await self.store.entry(space, checked(digest))
        if entry is None:
            raise BlobNotFound(digest)
        return entry


def checked(digest: bytes) -> bytes:
    """Raises DigestNotSupported."""
    if not is_digest(digest):
        raise DigestNotSupported
    return digest
