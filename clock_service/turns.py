"""Whose examination is next: replaying is work for the processor, which all clocks share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

MAX_REPLAYS = 2
"""Examinations with replay that run at a time; of one clock it is one."""


class Turns:
    """Who waits for its own clock keeps no other clock waiting."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MAX_REPLAYS)
        self._of_clock: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, space: str) -> AsyncGenerator[None]:
        """Wait for a turn of this clock, and let it go at the end."""
        clock = self._of_clock.setdefault(space, asyncio.Lock())  # there as long as somebody waits
        async with clock, self._all:
            yield
