"""Connections that do not get on are closed, so that ten thousand slow ones cost little, and not for long."""

from __future__ import annotations

import asyncio
from typing import cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from clock_service.one_write import OneWrite

HEADERS_TIMEOUT_S = 20.0
"""For a connection to come to its first request, and for the headers of every request to arrive."""

MAX_HEADERS_BYTES = 64 << 10
"""Of one request; the parser itself has no limit."""

MAX_CONNECTIONS = 2000
"""At once in one process; one more takes the place of the oldest that never made a request."""


class ImpatientProtocol(HttpToolsProtocol):
    """As uvicorn's, with limits on what a connection may cost that asks for nothing, or endlessly."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, OneWrite(transport, self.loop)))
        self._headers_bytes = 0
        self._awaits_headers = True
        self._deadline: asyncio.TimerHandle | None = None
        self._set_deadline()
        self._silent = _silent.setdefault(self.server_state, {})
        self._silent[self] = None
        if len(self.connections) > MAX_CONNECTIONS:
            self._close_oldest_silent()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._silent.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A part of the body that comes before the next headers does not count as theirs."""
        if self._awaits_headers:
            self._headers_bytes += len(data)
        super().data_received(data)
        if not self._headers_bytes or self.transport.is_closing():
            return
        self._set_deadline()
        if self._headers_bytes > MAX_HEADERS_BYTES:
            self.send_400_response(f"The headers have more than {MAX_HEADERS_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        self._awaits_headers = False
        self._headers_bytes = 0
        self._clear_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._awaits_headers = True
        super().on_message_complete()

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_TIMEOUT_S, self._give_up)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """Not while an earlier request is still answered: its end, or more bytes, lead here again."""
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            self.transport.close()

    def _close_oldest_silent(self) -> None:
        while self._silent:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            if oldest.cycle is None:  # pyright: ignore[reportUnnecessaryComparison] - as long as nothing was asked
                oldest.transport.abort()
                return


_silent: WeakKeyDictionary[ServerState, dict[ImpatientProtocol, None]] = WeakKeyDictionary()
"""By server, the connections that may have asked for nothing, oldest first."""
