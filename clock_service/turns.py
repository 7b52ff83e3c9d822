"""Whose examination is next: replaying is work for the processor, which all clocks share.

Bounded on every side. One examination costs so much at most (`examination.MAX_EFFORT`) and takes a
part of the processor's time at most (`examination.REST`); so many run, so many wait, and none
waits long. Who would have to is told at once to come again: nothing is taken unexamined instead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from clock_service.errors import Busy

MAX_REPLAYS = 2
"""Examinations with replay that run at a time; of one clock it is one."""

MAX_WAITING = 256
"""Examinations that wait or run in one process; one more is told to come again."""

MAX_WAITING_OF_CLOCK = 64
"""Of one clock, so that the others find room."""

MAX_WAIT_S = 10.0
"""For a turn."""


class Turns:
    """Who waits for its own clock keeps no other clock waiting."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MAX_REPLAYS)
        self._of_clock: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def of(self, space: str) -> AsyncGenerator[None]:
        """Wait for a turn of this clock, and let it go at the end. Raises Busy."""
        if self._waiting[space] >= MAX_WAITING_OF_CLOCK or self._waiting.total() >= MAX_WAITING:
            raise Busy("too many merges wait to be replayed")
        clock = self._of_clock.setdefault(space, asyncio.Lock())  # there as long as somebody waits
        self._waiting[space] += 1
        try:
            async with self._turn(clock):
                yield
        finally:
            self._waiting[space] -= 1
            if not self._waiting[space]:
                del self._waiting[space]

    @asynccontextmanager
    async def _turn(self, clock: asyncio.Lock) -> AsyncGenerator[None]:
        held: list[asyncio.Lock | asyncio.Semaphore] = []
        try:
            try:
                async with asyncio.timeout(MAX_WAIT_S):
                    for each in (clock, self._all):
                        await each.acquire()
                        held.append(each)
            except TimeoutError as error:
                raise Busy(f"no merge was replayed for {MAX_WAIT_S:.0f} s but those before it") from error
            yield
        finally:
            for each in reversed(held):
                each.release()
