"""Politeness: a host whose rate limit is used up is not asked again before the limit resets."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import httpx

from backup_agent.errors import TRANSIENT_STATUSES, HostError, RateLimited
from backup_agent.net.retry import MAX_ASKED_WAIT_S, asked_wait_s
from backup_agent.net.url import host_of, origin

MAX_PAUSED = 1024
"""Paths whose pause is remembered; the oldest is forgotten first."""


class Pace:
    """Pauses by origin and path, since a PDS limits each method on its own."""

    def __init__(
        self, *, sleep: Callable[[float], Awaitable[None]], now: Callable[[], float] = time.time
    ) -> None:
        self._sleep, self._now = sleep, now
        self._until: dict[tuple[object, str], float] = {}

    async def before(self, url: httpx.URL) -> None:
        """Wait out the pause of this path. Raises RateLimited if it is longer than we are ready to wait."""
        wait_s = self._until.get((origin(url), url.path), 0.0) - self._now()
        if wait_s > MAX_ASKED_WAIT_S:
            raise RateLimited(host_of(url), wait_s)
        if wait_s > 0:
            await self._sleep(wait_s)

    def after(self, url: httpx.URL, headers: Mapping[str, str]) -> None:
        """Remember what an answer says of the requests that are left."""
        if headers.get("ratelimit-remaining", "").strip() != "0":
            return
        if (wait_s := asked_wait_s(headers, self._now())) is not None:
            self._until.pop((origin(url), url.path), None)
            self._until[origin(url), url.path] = self._now() + wait_s
            if len(self._until) > MAX_PAUSED:
                del self._until[next(iter(self._until))]

    def refusal(self, url: httpx.URL, status: int, headers: Mapping[str, str]) -> HostError | None:
        """The transient error that an answer is by its status, if any, with the wait it asks for."""
        wait_s = asked_wait_s(headers, self._now())
        if status == 429:
            return RateLimited(host_of(url), wait_s)
        if status not in TRANSIENT_STATUSES:
            return None
        error = HostError(host_of(url), f"status {status}", status=status)
        error.retry_after_s = wait_s
        return error
