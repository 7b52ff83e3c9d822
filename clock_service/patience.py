"""Connections that do not get on are closed, so that ten thousand slow ones cost little, and not for long."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEADERS_TIMEOUT_S = 20.0
"""From a connection's beginning to the end of its first request's headers."""

MAX_CONNECTIONS = 2000
"""At once in one process; one more takes the place of the oldest that never made a request."""


class ImpatientProtocol(H11Protocol):
    """As uvicorn's, with a limit on the time and the number of connections that ask for nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADERS_TIMEOUT_S, self._give_up)
        self._silent = _silent.setdefault(self.server_state, {})
        self._silent[self] = None
        if len(self.connections) > MAX_CONNECTIONS:
            self._close_oldest_silent()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self._silent.pop(self, None)
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self._asks_nothing():
            self.transport.close()

    def _close_oldest_silent(self) -> None:
        while self._silent:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            if oldest._asks_nothing():
                oldest.transport.abort()
                return

    def _asks_nothing(self) -> bool:
        """Whether no request's headers have come yet."""
        return getattr(self, "cycle", None) is None


_silent: WeakKeyDictionary[ServerState, dict[ImpatientProtocol, None]] = WeakKeyDictionary()
"""By server, the connections that may have asked for nothing, oldest first."""
