"""Puts accounts that are due in line. Any number of tickers may run: a job has one name, and is put once."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from threading import Event, Thread

from backup_agent.server import line_rows, over_rows, run_rows
from backup_agent.server.account import Account
from backup_agent.server.database import Database
from backup_agent.server.host_rows import RUNS_AT_ONCE
from backup_agent.server.jobs import Jobs, Line
from clock_service.errors import StoreUnavailable

TICK_S = 0.5

AWAY_S = 5.0
"""Between two looks at whether the database is back."""

FRESH_S = 60.0
"""A ticker that put nothing in line for so long does not get on."""

MAX_IN_LINE = 64
"""Jobs in line, of all workers together; the rest are due and wait their turn by space."""

LOOK_AGAIN_MS = 15_000
"""When an account that is due has a job under way."""

TIDY_EVERY_S = 600.0
JOBS_KEPT_MS = 2 * 3600 * 1000
"""A job's row is needed as long as another ticker may put it again: seconds."""

log = logging.getLogger(__name__)


class Ticker:
    """Of one process."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        max_in_line: int = MAX_IN_LINE,
        runs_per_host: int = RUNS_AT_ONCE,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._now = now
        self._clock = clock
        self._max_in_line = max_in_line
        self._runs_per_host = runs_per_host
        self._tidy_at_s = 0.0
        self._ticked_at_s = clock()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def is_fresh(self) -> bool:
        """Whether the last round that succeeded is recent."""
        return self._clock() - self._ticked_at_s < FRESH_S

    def tick(self) -> int:
        """Put what is due in line; how many. Raises StoreUnavailable."""
        now_ms = int(self._now() * 1000)
        accounts = self._database.do(
            lambda session: line_rows.due(session, now_ms, self._max_in_line, self._runs_per_host)
        )
        under_way = self._jobs.open_among([each.job for each in accounts if each.job is not None])
        room = max(0, self._max_in_line - self._jobs.waiting())
        # What stands in line and is not begun stays due, so that it is seen to be late (`metrics.overdue`).
        busy = [each for each in accounts if each.job in under_way and each.worker is not None]
        self._database.do(lambda session: line_rows.postpone(session, busy, now_ms + LOOK_AGAIN_MS))
        ready = [each for each in accounts if each.job not in under_way][:room]
        for account in ready:
            self._put(account, now_ms)
        return len(ready)

    def put_now(self, account: Account) -> None:
        """A job of the account before all that is scheduled. Raises StoreUnavailable."""
        number = self._database.do(lambda session: line_rows.next_slot(session, account))
        self._jobs.put(Line.NOW, account.id, f"backup:{account.space}:{account.did}:now:{number}")

    def _put(self, account: Account, now_ms: int) -> None:
        job = f"backup:{account.space}:{account.did}:{account.slot}"
        self._jobs.put(Line.SCHEDULED, account.id, job)
        self._database.do(lambda session: line_rows.note_in_line(session, account, job, now_ms))

    def _run(self) -> None:
        while not self._stopping.wait(TICK_S * random.uniform(0.8, 1.2)):  # noqa: S311 - to spread, no secret
            try:
                self.tick()
                self.tidy()
                self._ticked_at_s = self._clock()
            except StoreUnavailable as error:
                log.warning("database away", extra={"why": str(error)})
                self._stopping.wait(AWAY_S)
            except Exception:
                # The engine raises what its driver raises; the next tick tries again.
                log.exception("tick failed")

    def tidy(self) -> None:
        """Take up what may go on and forget what is over; every TIDY_EVERY_S, by a clock that nobody sets.

        Raises StoreUnavailable.
        """
        if self._clock() < self._tidy_at_s:
            return
        self._tidy_at_s = self._clock() + TIDY_EVERY_S
        now_ms = int(self._now() * 1000)
        while self._jobs.forget(now_ms - JOBS_KEPT_MS):
            pass
        self._database.do(lambda session: run_rows.forget(session, now_ms))
        self._database.do(lambda session: over_rows.revive(session, now_ms))
        while self._database.do(lambda session: over_rows.forget(session, now_ms)):
            pass
