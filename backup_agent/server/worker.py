"""One worker: alive by its watchdog, it puts in line what is due and does what stands there."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backup_agent.server.attempt import Attempts
from backup_agent.server.database import Database
from backup_agent.server.host_rows import RUNS_AT_ONCE
from backup_agent.server.jobs import Jobs
from backup_agent.server.limits import Limits
from backup_agent.server.places import Places
from backup_agent.server.presence import Presence
from backup_agent.server.runner import Runner
from backup_agent.server.ticker import MAX_IN_LINE, Ticker
from backup_agent.server.watchdog import Beat, Watchdog
from ucan import Signer

GRACE_S = 10.0
DECLARED_DEAD = 70
"""Exit code; whoever runs the worker starts it anew."""


@dataclass(frozen=True, slots=True)
class Settings:
    """cache: a folder of this machine. folders: where local spaces may be. endpoints: see `Places`.

    spaces: whose accounts are taken, none for all. slots: runs at once, each line.
    """

    cache: Path
    plc_url: str
    allow_private: bool = False
    folders: tuple[Path, ...] = ()
    endpoints: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    slots: int = 8
    beat: Beat = field(default_factory=Beat)
    max_in_line: int = MAX_IN_LINE
    runs_per_host: int = RUNS_AT_ONCE


def new_name() -> str:
    """Of a worker, fresh at every start: whoever comes after it can never be taken for it."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"


def die() -> None:
    """At once: what this process may still have in hand belongs to another by now."""
    os._exit(DECLARED_DEAD)


class Worker:
    """Of one process; start it once."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = new_name()
        self.places = Places(
            settings.cache,
            settings.folders,
            signer.seed,
            allow_private=settings.allow_private,
            endpoints=settings.endpoints,
        )
        self._database = database
        attempts = Attempts(
            database,
            self.places,
            signer,
            settings.plc_url,
            settings.allow_private,
            settings.runs_per_host,
            now=now,
        )
        self.runner = Runner(attempts, self.name, settings.limits, lambda each: self.ticker.put_now(each))
        self.jobs = Jobs(database.url, self.name, self.runner, slots=settings.slots)
        self.ticker = Ticker(
            database,
            self.jobs,
            now=now,
            max_in_line=settings.max_in_line,
            runs_per_host=settings.runs_per_host,
        )
        self._presence = Presence(settings.cache, self.name)
        self.watchdog = Watchdog(database, self.name, self._adopt, die, beat=settings.beat)

    def start(self) -> None:
        """Work from now on. Raises StoreUnavailable, OSError, or what the engine's driver raises."""
        self._presence.begin()
        self.watchdog.enlist()  # whoever is not known does no job
        self.jobs.start()
        self.watchdog.start()
        self.ticker.start()

    def why_unready(self) -> str | None:
        """None while this process can do work."""
        if not (self.watchdog.is_fresh and self.ticker.is_fresh):
            return "the worker does not get on, or has no database"
        return None

    def stop(self) -> None:
        """Begin nothing more, wait GRACE_S for what is under way. What is not done by then another worker
        does again, or this one at its next start: it may write nothing more, and the process ends over it.
        """
        self.ticker.stop()
        self.jobs.pause()
        end = time.monotonic() + GRACE_S
        while self.runner.under_way and time.monotonic() < end:
            time.sleep(0.1)
        self.watchdog.stop()
        self._presence.end()
        if self.runner.under_way:
            logging.shutdown()
            os._exit(0)  # a thread that waits for a slow host would keep the process alive for hours
        self.jobs.stop()

    def _adopt(self, dead: Sequence[str]) -> int:
        self._presence.end_others(dead)
        return self.jobs.adopt(dead)
