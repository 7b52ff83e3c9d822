"""Connections that do not get on are closed, so that ten thousand slow ones cost nothing for long."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_TIMEOUT_S = 20.0
"""From a connection's beginning to the end of its first request's headers."""

MAX_CONNECTIONS = 2000
"""At once in one process; one more takes the place of the oldest that never made a request."""


class ImpatientProtocol(H11Protocol):
    """As uvicorn's, with a limit on the time and the number of connections that ask for nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADERS_TIMEOUT_S, self._give_up)
        if len(self.connections) > MAX_CONNECTIONS:
            self._close_one_that_waits()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if _asks_nothing(self):
            self.transport.close()

    def _close_one_that_waits(self) -> None:
        waiting = [each for each in cast(set[Any], self.connections) if _asks_nothing(each)]
        if waiting:
            min(waiting, key=lambda each: each._deadline.when()).transport.abort()


def _asks_nothing(protocol: Any) -> bool:
    """Whether no request's headers have come yet."""
    return protocol.cycle is None
