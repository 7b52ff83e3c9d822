"""The dead man's switch: a service elsewhere is pinged while all is well; silence raises the alarm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Event, Thread

from backup_agent.errors import AgentError, HostError
from backup_agent.net import Http, Request

PING_EVERY_S = 60.0
MAX_ANSWER_BYTES = 64 << 10

log = logging.getLogger(__name__)


class DeadMan:
    """Pings `url` every PING_EVERY_S while `why_bad` says None. The URL may be a secret: it is not logged."""

    def __init__(self, url: str, why_bad: Callable[[], str | None], *, allow_private: bool) -> None:
        self._url = url
        self._why_bad = why_bad
        self._allow_private = allow_private
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="dead-man", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def ping(self) -> bool:
        """Whether all is well, and was said to be."""
        why = self._why_bad()
        if why is not None:
            log.warning("not pinged", extra={"why": why})
            return False
        try:
            asyncio.run(self._ask())
        except AgentError as error:
            log.warning("ping failed", extra={"why": type(error).__name__})
            return False
        return True

    async def _ask(self) -> None:
        async with Http(allow_private=self._allow_private) as http:
            answer = await http.fetch_once(Request(self._url, limit_bytes=MAX_ANSWER_BYTES))
        if answer.status >= 400:
            raise HostError(answer.host, f"status {answer.status}", status=answer.status)

    def _run(self) -> None:
        while not self._stopping.wait(PING_EVERY_S):
            self.ping()
