"""When a run must be over: for whatever it waits, a host, the place, the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from backup_agent.server.errors import OutOfTime
from clock_service.caller import Finish

T = TypeVar("T")

RUN_TIMEOUT_S = 4 * 3600.0
"""A first backup of a large account from a slow host may take hours; what is proved by then is kept."""


class Deadline:
    """Of one run, counted from now on."""

    def __init__(
        self, limit_s: float = RUN_TIMEOUT_S, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._ends_s = clock() + limit_s

    @property
    def left_s(self) -> float:
        """Seconds, 0 at least."""
        return max(0.0, self._ends_s - self._clock())

    def check(self) -> None:
        """Return if there is time left. Raises OutOfTime."""
        if not self.left_s:
            raise OutOfTime(self._limit_s)

    async def bound(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns or raises; it is ended at the deadline. Raises OutOfTime."""
        ending = asyncio.timeout(self.left_s)
        try:
            async with ending:
                return await work
        except TimeoutError as error:
            if not ending.expired():
                raise
            raise OutOfTime(self._limit_s) from error

    def bounds(self, finish: Finish) -> Finish:
        """`finish`, for work that is ended at the deadline."""

        def finish_in_time(work: Coroutine[Any, Any, T]) -> T:
            return finish(self.bound(work))

        return finish_in_time
