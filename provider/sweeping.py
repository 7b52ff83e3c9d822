"""What is not needed any more goes: garbage soon, what was never accepted later, what a crash left last."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from clock_service.errors import StoreUnavailable
from provider.blobs import Blobs
from provider.store import ProviderStore

EVERY_S = 300.0
ORPHANS_EVERY, ORPHANS_FIRST = 288, 12
"""Sweeps between two looks at all objects, a day; and before the first, an hour."""

ORPHAN_AGE_S = 86_400.0
"""An object that no row names may be one that is about to be named; not after that time."""

log = logging.getLogger(__name__)


class Sweeper:
    """Many processes may sweep one store: each does what the others have not done."""

    def __init__(self, store: ProviderStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        count = 0
        while True:
            try:
                await self.sweep()
                if count % ORPHANS_EVERY == ORPHANS_FIRST:
                    await self.remove_orphans()
            except StoreUnavailable as error:
                log.warning("not swept", extra={"why": str(error)})
            count += 1
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """Delete what nothing names. Raises StoreUnavailable."""
        while garbage := await self._store.discard_unused():
            await self._blobs.delete(garbage)
            await self._store.forget_garbage(garbage)

    async def remove_orphans(self, age_s: float = ORPHAN_AGE_S) -> None:
        """Delete old objects that a crash kept from being named. Raises StoreUnavailable."""
        async with aclosing(self._blobs.keys_older_than(age_s)) as pages:
            async for keys in pages:
                known = await self._store.known_objects(keys)
                await self._blobs.delete([key for key in keys if key not in known])
