"""Waiting for asynchronous work from synchronous code that itself runs inside an event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Generator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

T = TypeVar("T")

LOOK_S = 0.25
"""A signal that comes just as a thread begins to wait does not wake it."""

CLOSE_S = 5.0
"""A thread that does not end by then, as one that waits for a name server, is left to the process's end."""


class OtherThread:
    """A thread with an event loop of its own, which lives until `close`. A `clock_service.caller.Finish`."""

    def __init__(self) -> None:
        started = Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()
        self._thread = Thread(target=asyncio.run, args=(_live(started),), daemon=True)
        self._thread.start()
        self._loop, self._closed = started.result()

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns or raises. Ctrl-C ends the waiting, and the work."""
        with _interruptible():  # from before it begins, or the loop takes the Ctrl-C
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            try:
                while not wait([future], LOOK_S).done:
                    pass
                return future.result()
            except BaseException:
                future.cancel()
                raise

    def close(self) -> None:
        """End what is still under way."""
        self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join(CLOSE_S)


async def _live(started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    closed = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), closed))
    await closed.wait()


@contextmanager
def _interruptible() -> Generator[None]:
    """The event loop of this thread would only note a Ctrl-C, and cannot act on it while it waits here."""
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
