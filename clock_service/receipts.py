"""A UCAN server that keeps the receipts of what changed something, for GET /receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set

from clock_service.capabilities import FOLLOWING, HEAD
from clock_service.errors import StoreUnavailable
from clock_service.store import Store
from pail import CID, DAG_CBOR, cid_of
from ucan import Delegation, Receipt, Server, encode_response, view_receipt

MAX_PENDING = 4096
"""Receipts on their way to the store; past that they are kept no longer than the response."""

FLUSH_AFTER_S = 0.2
"""How long the first of them waits for others."""

READS = frozenset({HEAD.can, FOLLOWING.can})
"""Abilities that change nothing: no receipt of them is kept."""

log = logging.getLogger(__name__)


class ReceiptKeeper:
    """Keeps receipts soon, many at once, and not before the response: none of them is a promise (C4 is
    the head's), and a transaction for each would stand in the way of the advances.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: dict[CID, bytes] = {}
        self._flush_task: asyncio.Task[None] | None = None

    def keep(self, receipt: Receipt) -> None:
        """Only the receipt itself: whoever asked for the work has the rest."""
        if len(self._pending) < MAX_PENDING:
            self._pending[receipt.ran] = receipt.data
            if self._flush_task is None:
                self._flush_task = asyncio.create_task(self._flush_later())

    async def load(self, task: CID) -> bytes | None:
        """A message with the receipt of `task`, None if it is not kept. Raises StoreUnavailable."""
        data = self._pending.get(task) or await self._store.receipt(task)
        if data is None:
            return None
        cid = cid_of(DAG_CBOR, data)
        return encode_response([view_receipt(cid, {cid: data})])

    async def settle(self) -> None:
        """Return when all are stored, or could not be."""
        if self._flush_task is not None:
            self._flush_task.cancel()
            await self._flush()

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_AFTER_S)
        await self._flush()

    async def _flush(self) -> None:
        receipts = dict(self._pending)
        try:
            await self._store.keep_receipts(receipts)
        except StoreUnavailable as error:
            log.warning("receipts not kept", extra={"why": str(error)})
        for task in receipts:
            self._pending.pop(task, None)
        self._flush_task = asyncio.create_task(self._flush_later()) if self._pending else None


class KeepingServer(Server):
    """As `ucan.Server`; successes that are no mere reading leave a receipt."""

    keeper: ReceiptKeeper
    reads: Set[str] = READS

    async def run(self, invocation: Delegation) -> Receipt:
        receipt = await super().run(invocation)
        if "ok" in receipt.out and invocation.ucan.capabilities[0].can not in self.reads:
            self.keeper.keep(receipt)
        return receipt
