"""Trying again: transient errors only, exponential backoff with jitter, and the wait the host asks for.

A loop of our own rather than `stamina`: its sleep, clock and chance cannot be passed in, and a wait that
the host asks for must end the attempts when it is longer than we are ready to wait.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from backup_agent.errors import AgentError

T = TypeVar("T")

MAX_ATTEMPTS = 6
FIRST_WAIT_S = 0.5
LONGEST_BACKOFF_S = 30.0

MAX_ASKED_WAIT_S = 330.0
"""The longest wait that a host may ask for: a PDS counts requests in windows of five minutes."""

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_EPOCH_FROM = 1_000_000_000
"""From here on a RateLimit-Reset is a moment, as the reference PDS sends it; below, seconds from now."""


def _say_nothing(_wait_s: float, _error: AgentError) -> None: ...


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently to try; the world is passed in so that tests do not wait."""

    attempts: int = MAX_ATTEMPTS
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    on_wait: Callable[[float, AgentError], None] = _say_nothing
    patience_s: float = MAX_ASKED_WAIT_S
    """The longest wait that is taken; what a host asks beyond it ends the attempts."""

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of `attempt`, called anew until it succeeds or fails for good.

        Raises what the last attempt raised, and at once every error that is not transient.
        """
        for number in range(1, self.attempts):
            try:
                return await attempt()
            except AgentError as error:
                wait_s = self.wait_s(number, error)
                if wait_s is None:
                    raise
                self.on_wait(wait_s, error)
            await self.sleep(wait_s)
        return await attempt()

    def wait_s(self, number: int, error: AgentError) -> float | None:
        """Seconds to wait after attempt `number` failed, from 1; None to give up."""
        asked_s = error.retry_after_s or 0.0
        if not error.transient or asked_s > self.patience_s:
            return None
        backoff_s = min(LONGEST_BACKOFF_S, FIRST_WAIT_S * 2 ** min(number - 1, 16))
        return asked_s + backoff_s * (0.5 + self.chance() / 2)


def asked_wait_s(headers: Mapping[str, str], now_unix: float) -> float | None:
    """Seconds that an answer asks to wait: `Retry-After`, else `RateLimit-Reset`; None if it does not say.

    Source: RFC 9110 section 10.2.3; draft-ietf-httpapi-ratelimit-headers.
    """
    if (text := headers.get("retry-after")) is not None:
        wait_s = float(text) if _SECONDS.fullmatch(text.strip()) else _seconds_until(text, now_unix)
        if wait_s is not None:
            return max(0.0, wait_s)
    reset = headers.get("ratelimit-reset", "").strip()
    if not _SECONDS.fullmatch(reset):
        return None
    return max(0.0, int(reset) - now_unix) if int(reset) >= _EPOCH_FROM else float(reset)


def _seconds_until(http_date: str, now_unix: float) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": the zone is not said, and HTTP knows GMT alone
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - now_unix
