"""How many mails go out in an hour: to one address, for one agent, and in all to addresses that are new."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from time import time
from typing import NamedTuple

from clock_service.service import REFUSED
from provider.errors import AccountBlocked

HOUR_S = 3600.0

MAX_MAILS_AN_HOUR = 5
"""To one address."""

MAX_MAILS_OF_AGENT = 10
"""That one agent asks for. Agents cost nothing: that is for those that are broken, not for attackers."""

MAX_MAILS_TO_NEW = 5_000
"""Of one process, to addresses that have no space here: whoever uses it up keeps no user out."""

log = logging.getLogger(__name__)


class Sent(NamedTuple):
    """to: the mailbox. is_new: whether it has no space here."""

    at_s: float
    to: str
    agent: str
    is_new: bool


class Throttle:
    """Remembers an hour. counters: those of the service, where what is refused is counted."""

    def __init__(self, counters: Counter[str], now: Callable[[], float] = time) -> None:
        self._counters = counters
        self._now = now
        self._sent: deque[Sent] = deque()
        self._to: Counter[str] = Counter()
        self._of: Counter[str] = Counter()
        self._new = 0
        self._told_at_s = -HOUR_S

    def check(self, to: str, agent: str, *, is_new: bool) -> None:
        """Count one more. Raises AccountBlocked if that is too many."""
        self._forget()
        if self._to[to] >= MAX_MAILS_AN_HOUR:
            self._refuse("MailsToAddress", "no more mails to that address within the hour")
        if self._of[agent] >= MAX_MAILS_OF_AGENT:
            self._refuse("MailsOfAgent", "no more mails for that agent within the hour")
        if is_new and self._new >= MAX_MAILS_TO_NEW:
            self._tell_operator()
            self._refuse("MailsToNew", "no more mails from here to new addresses within the hour")
        self._sent.append(Sent(self._now(), to, agent, is_new))
        self._to[to] += 1
        self._of[agent] += 1
        self._new += is_new

    def _forget(self) -> None:
        while self._sent and self._sent[0].at_s < self._now() - HOUR_S:
            old = self._sent.popleft()
            self._new -= old.is_new
            for counts, name in ((self._to, old.to), (self._of, old.agent)):
                counts[name] -= 1
                if not counts[name]:
                    del counts[name]

    def _refuse(self, name: str, sentence: str) -> None:
        self._counters[REFUSED + name] += 1
        raise AccountBlocked(sentence)

    def _tell_operator(self) -> None:
        """Once an hour."""
        if self._now() - self._told_at_s >= HOUR_S:
            self._told_at_s = self._now()
            log.error("%d mails to new addresses within an hour: no more go out", MAX_MAILS_TO_NEW)
