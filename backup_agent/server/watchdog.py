"""Who is alive: every worker says so, declares the silent dead, and takes up what these had begun.

What is measured here with a clock that counts suspension: a worker that was frozen, or that had no
database, has missed what happened. It first asks whether it was declared dead itself, and ends if
so; else it waits a whole grace period before it judges others, who may have been as frozen as it was.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread

from backup_agent.server import worker_rows
from backup_agent.server.database import Database
from clock_service.errors import StoreUnavailable
from clock_service.session import Session

WATCH_LOCK = 0x736B79_77617463
"""Of all advisory locks of the database, that of whoever judges."""

log = logging.getLogger(__name__)

Adopt = Callable[[Sequence[str]], int]
"""Puts what dead workers had begun back in line; how many jobs that were."""


def boot_time_s() -> float:
    """Seconds that pass also while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Beat:
    """every_s: how often a worker says that it is alive. dead_after_s: how long it may be silent."""

    every_s: float = 3.0
    dead_after_s: float = 15.0


class Watchdog:
    """Of one worker. die: ends this process at once, without a word to anybody."""

    def __init__(
        self,
        database: Database,
        worker: str,
        adopt: Adopt,
        die: Callable[[], None],
        *,
        beat: Beat = Beat(),
        boot_s: Callable[[], float] = boot_time_s,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._database = database
        self._worker = worker
        self._adopt = adopt
        self._die = die
        self._beat = beat
        self._boot_s = boot_s
        self._last_beat_s = self._may_judge_s = boot_s()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)

    def enlist(self) -> None:
        """Be alive from now on. Raises StoreUnavailable."""
        self._database.do(
            lambda session: worker_rows.enlist(session, self._worker, self._database.now_ms(session))
        )

    def start(self) -> None:
        """Go on saying so. Raises StoreUnavailable.

        With SQLite every other worker is of a process that has ended: its jobs are taken up here.
        """
        if self._database.is_shared:
            self._may_judge_s += self._beat.dead_after_s
        if not self._database.is_shared:
            others = self._database.do(lambda session: worker_rows.bury_others(session, self._worker))
            self._adopt_from(others)
        self._thread.start()

    @property
    def is_fresh(self) -> bool:
        """Whether the last beat is recent enough for others to take this worker for alive."""
        return self._boot_s() - self._last_beat_s < self._beat.dead_after_s

    def stop(self) -> None:
        """Be gone: others take up at once what is left, or once they miss it if the database is away."""
        self._stopping.set()
        self._thread.join()
        try:
            self._database.do(lambda session: worker_rows.resign(session, self._worker))
        except StoreUnavailable as error:
            log.warning("database away", extra={"why": str(error)})

    def beat(self) -> None:
        """One round. Raises StoreUnavailable."""
        began_s = self._boot_s()
        if began_s - self._last_beat_s > self._beat.dead_after_s:
            self._may_judge_s = began_s + self._beat.dead_after_s
        is_alive = self._database.do(
            lambda session: worker_rows.beat(session, self._worker, self._database.now_ms(session))
        )
        if not is_alive:
            log.error("declared dead", extra={"worker": self._worker})
            self._die()
        self._last_beat_s = began_s
        if self._database.is_shared and began_s >= self._may_judge_s:
            self._adopt_from(self._database.do(self._judge))

    def _run(self) -> None:
        while not self._stopping.wait(self._beat.every_s):
            try:
                self.beat()
            except StoreUnavailable as error:
                log.warning("database away", extra={"why": str(error)})
            except Exception:
                # The engine raises what its driver raises; the next beat asks for the same dead again.
                log.exception("beat failed")

    def _judge(self, session: Session) -> list[str]:
        if not session.rows("SELECT pg_try_advisory_xact_lock(?)", (WATCH_LOCK,))[0][0]:
            return []
        silent_ms = int(self._beat.dead_after_s * 1000)
        return worker_rows.bury(session, self._database.now_ms(session), silent_ms)

    def _adopt_from(self, dead: Sequence[str]) -> None:
        adopted = self._adopt(dead)
        if adopted:
            self.counters["adopted"] += adopted
            log.warning("adopted", extra={"why": f"{adopted} jobs of {len(dead)} dead workers"})
