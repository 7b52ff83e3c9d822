"""One thread, one database connection: calls line up, and what waits together is done together.

While one transaction waits for the disk, the calls that come in meanwhile make up the next. So
the more arrives at once, the more share the price of being durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from clock_service.errors import StoreUnavailable

S = TypeVar("S")
T = TypeVar("T")

MAX_GROUP = 256
"""Calls served together."""

MAX_WAITING = 10_000
"""Calls in line; one more is told at once that the store cannot."""

ANSWER_TIMEOUT_S = 60.0
"""A call waits no longer than that, whatever the database does."""


@dataclass(slots=True, eq=False)
class Call(Generic[S]):
    """work: called with a session, may be called again if its transaction failed. key: whom it
    concerns; calls of one key are done in the order they came.
    """

    work: Callable[[S], Any]
    key: str
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = field(default=None)
    error: Exception | None = None

    def settle(self) -> None:
        if self.future.done():
            return  # whoever asked has gone
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


Serve = Callable[[list[Call[S]]], None]
"""Fills in the result or the error of every call; must not raise."""


class Lane(Generic[S]):
    """A thread that lives until `close`."""

    def __init__(self, name: str, serve: Serve[S]) -> None:
        self._serve = serve
        self._queue: SimpleQueue[Call[S] | None] = SimpleQueue()
        self._closed = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def ask(self, work: Callable[[S], T], key: str = "") -> T:
        """The result of `work`, or its error. Raises StoreUnavailable if the line is too long or slow."""
        if self._closed or self._queue.qsize() >= MAX_WAITING:
            raise StoreUnavailable("the store is closed" if self._closed else "too many calls wait")
        loop = asyncio.get_running_loop()
        call = Call(work, key, loop, loop.create_future())
        self._queue.put(call)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await call.future
        except TimeoutError as error:
            raise StoreUnavailable(f"the store gave no answer within {ANSWER_TIMEOUT_S:.0f} s") from error

    def close(self) -> None:
        """Serve what is in line, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            calls, is_open = self._next_group()
            if calls:
                self._serve(calls)
                _answer(calls)

    def _next_group(self) -> tuple[list[Call[S]], bool]:
        calls: list[Call[S]] = []
        call = self._queue.get()
        while call is not None:
            calls.append(call)
            if len(calls) >= MAX_GROUP:
                return calls, True
            try:
                call = self._queue.get_nowait()
            except Empty:
                return calls, True
        return calls, False


def _answer(calls: list[Call[S]]) -> None:
    for loop in {call.loop for call in calls}:
        mine = [call for call in calls if call.loop is loop]
        try:
            loop.call_soon_threadsafe(lambda mine=mine: [call.settle() for call in mine])
        except RuntimeError:
            continue  # the loop was closed; nobody is left to be told
