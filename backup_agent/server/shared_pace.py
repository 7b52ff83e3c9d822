"""The pace of one run's requests: as any agent's, and for its host as all workers together may ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import httpx

from backup_agent.errors import RateLimited
from backup_agent.net.pace import Pace
from backup_agent.net.retry import asked_wait_s
from backup_agent.net.url import host_of
from backup_agent.server import host_rows
from backup_agent.server.database import Database

PATIENCE_S = 10.0
"""Longest wait that keeps a worker; what takes longer, the account waits for and the worker does not."""


class SharedPace(Pace):
    """For one run. `enter` names its host, and gives the first tokens.

    until: what other hosts, such as the directory, asked for; shared by all runs of the process.
    """

    def __init__(
        self,
        database: Database,
        until: dict[tuple[object, str], float],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(sleep=asyncio.sleep, now=now)
        self._until = until
        self._database = database
        self._host = ""
        self._tokens = 0
        self._pause_s = 0.0

    def enter(self, host: str, tokens: int) -> None:
        """From now on requests to `host` cost tokens."""
        self._host, self._tokens = host, tokens

    async def leave(self) -> None:
        """Give back what was not used."""
        tokens, self._tokens = self._tokens, 0
        if tokens:
            await self._database.ask(lambda session: host_rows.give_back(session, self._host, tokens))

    async def before(self, url: httpx.URL) -> None:
        """Wait for a token. Raises RateLimited if that would take longer than PATIENCE_S."""
        if host_of(url) != self._host:
            return await super().before(url)
        if self._pause_s:
            pause_s, self._pause_s = self._pause_s, 0.0
            raise RateLimited(self._host, pause_s)
        while not self._tokens:
            leave = await self._database.ask(
                lambda session: host_rows.take_tokens(session, self._host, int(self._now() * 1000))
            )
            self._tokens = leave.tokens
            if leave.wait_ms > PATIENCE_S * 1000:
                raise RateLimited(self._host, leave.wait_ms / 1000)
            await self._sleep(leave.wait_ms / 1000)
        self._tokens -= 1

    def after(self, url: httpx.URL, headers: Mapping[str, str]) -> None:
        """Remember that nothing is left: the run then ends, and all accounts of the host wait."""
        if host_of(url) != self._host:
            super().after(url, headers)
        elif headers.get("ratelimit-remaining", "").strip() == "0":
            self._pause_s = asked_wait_s(headers, self._now()) or 0.0
