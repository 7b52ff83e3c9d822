"""Waiting for asynchronous work from synchronous code that itself runs inside an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class OtherThread:
    """A thread with an event loop of its own, which lives until `close`. A `clock_service.caller.Finish`."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        return self._pool.submit(self._runner.run, work).result()

    def close(self) -> None:
        self._pool.submit(self._runner.close).result()
        self._pool.shutdown()
