"""A UCAN server that keeps the receipts of what changed something, for GET /receipt."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from clock_service.capabilities import FOLLOWING, HEAD
from clock_service.errors import StoreUnavailable
from clock_service.store import Store
from pail import CID
from ucan import Delegation, Receipt, Server, encode_response

MAX_PENDING = 1024
"""Receipts on their way to the store; past that they are kept no longer than the response."""

_READS = {HEAD.can, FOLLOWING.can}

log = logging.getLogger(__name__)


class ReceiptKeeper:
    """Keeps receipts soon, not before the response: none of them is a promise (C4 is the head's)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: dict[CID, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, receipt: Receipt) -> None:
        """Only the receipt itself: whoever asked for the work has the rest."""
        if len(self._pending) < MAX_PENDING:
            self._pending[receipt.ran] = encode_response([replace(receipt, blocks={})])
            task = asyncio.create_task(self._store_soon(receipt.ran))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def load(self, task: CID) -> bytes | None:
        """The message that answered `task`. Raises StoreUnavailable."""
        return self._pending.get(task) or await self._store.receipt(task)

    async def settle(self) -> None:
        """Return when all are stored, or could not be."""
        await asyncio.gather(*self._tasks)

    async def _store_soon(self, task: CID) -> None:
        try:
            await self._store.keep_receipt(task, self._pending[task])
        except StoreUnavailable as error:
            log.warning("receipt not kept", extra={"task": str(task), "why": str(error)})
        finally:
            del self._pending[task]


class KeepingServer(Server):
    """As `ucan.Server`; successes that are no mere reading leave a receipt."""

    keeper: ReceiptKeeper

    async def run(self, invocation: Delegation) -> Receipt:
        receipt = await super().run(invocation)
        if "ok" in receipt.out and invocation.ucan.capabilities[0].can not in _READS:
            self.keeper.keep(receipt)
        return receipt
