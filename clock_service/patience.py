"""Connections that do not get on are closed, so that ten thousand slow ones cost little, and not for long.

Slow to say what they want, or slow to take the answer: what neither is being worked on nor moves has a
deadline, and gives its place to the next one when all places are taken.
"""

from __future__ import annotations

import asyncio
from typing import cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from clock_service.one_write import OneWrite

HEADERS_TIMEOUT_S = 20.0
"""For a connection to come to its first request, for the headers of every request to arrive, and for the
rest of one that was answered before its end.
"""

SEND_TIMEOUT_S = 30.0
"""For what waits to be sent to be taken: as long as a body has to arrive."""

MAX_HEADERS_BYTES = 64 << 10
"""Of one request, and of trailers and all that is no body; the parser itself has no limit."""

MAX_CONNECTIONS = 2000
"""At once in one process; one more takes the place of the one that has asked for nothing the longest."""


class ImpatientProtocol(HttpToolsProtocol):
    """As uvicorn's, with limits on what a connection may cost that asks for nothing, or endlessly."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, OneWrite(transport, self.loop)))
        self._framing_bytes = 0
        self._awaits_headers = True
        self._deadline: asyncio.TimerHandle | None = None
        self._send_deadline: asyncio.TimerHandle | None = None
        self._set_deadline()
        self._order = _order.setdefault(self.server_state, {})
        self._order[self] = None
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._clear_send_deadline()
        self._order.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Between parts of bodies only so much is read. What comes before the next headers is not theirs."""
        self._framing_bytes += len(data)
        super().data_received(data)
        if not self._framing_bytes or self.transport.is_closing():
            return
        if self._awaits_headers:
            self._set_deadline()
        if self._framing_bytes > MAX_HEADERS_BYTES:
            self.send_400_response(f"The headers have more than {MAX_HEADERS_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        self._awaits_headers = False
        self._framing_bytes = 0
        self._clear_deadline()
        self._order.pop(self, None)
        self._order[self] = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaits_headers = True
        self._framing_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """One that came before the end of the request does not wait for ever for that."""
        super().on_response_complete()
        if self.cycle.more_body and self.cycle.response_complete:
            self._set_deadline()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._clear_send_deadline()
        self._send_deadline = self.loop.call_later(SEND_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._clear_send_deadline()
        super().resume_writing()

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_TIMEOUT_S, self._give_up)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _clear_send_deadline(self) -> None:
        if self._send_deadline is not None:
            self._send_deadline.cancel()
            self._send_deadline = None

    def _give_up(self) -> None:
        """Not while an earlier request is still answered: its end, or more bytes, lead here again."""
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            self.transport.close()

    def _make_room(self) -> None:
        for oldest in self._order:
            if oldest._is_waiting():
                del self._order[oldest]
                oldest.transport.abort()
                return

    def _is_waiting(self) -> bool:
        """For its client: to ask, to end what it asks, or to ask again."""
        if self.cycle is None:  # pyright: ignore[reportUnnecessaryComparison] - as long as nothing was asked
            return True
        return self.cycle.response_complete or self.cycle.more_body


_order: WeakKeyDictionary[ServerState, dict[ImpatientProtocol, None]] = WeakKeyDictionary()
"""By server, its connections; who has asked for nothing the longest comes first."""
