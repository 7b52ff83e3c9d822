"""The line of jobs: DBOS, and the only module that knows it.

What we rent: a durable line, first come first served, each job begun once at a time, the same on SQLite
and PostgreSQL. What is ours: who is alive (`watchdog`), what is due (`ticker`), one run of an account
at a time (`lease_rows`), and that finished rows go away (`forget`). A job is one workflow without
steps: repeating a backup is cheap, since what is durable is not fetched again.

Its queues with a partition for each account are not used: they serve partitions at random, so that
what a dead worker had begun might wait long behind a line that is always filled up; and two lines
for one account would need a lease of ours anyway.

`DBOS._recover_pending_workflows` is private: the version is pinned, and a test holds it to its contract.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from clock_service.open_store import SQLITE

NAME = "skypail"
APPLICATION_VERSION = "1"
"""Pinned: DBOS takes up jobs of its own version alone, and would strand old ones at every release."""

MAX_ATTEMPTS = 5
"""Workers that may die over one job before it is given up; the next slot is another job."""

POLL_S = 0.5
MAX_COUNTED = 1000

MAX_FORGOTTEN = 500
"""Finished jobs deleted at once."""

FROZEN_TIMEOUT_S = 8.0
"""A worker that is frozen within a transaction keeps what it locked for so long, and not until it thaws."""

OPEN = ["ENQUEUED", "PENDING", "DELAYED"]

Work = Callable[[int, str], None]
"""Does the job of an account, named by its number in the database, under the job's own name. Blocks;
must not raise.
"""


class Line(StrEnum):
    """Where a job stands. Those of the owner's `now` have workers of their own, so they go first."""

    SCHEDULED = "backup"
    NOW = "backup-now"


class Jobs:
    """One process's part in the line. One in a process, since DBOS is; start it once.

    worker: fresh at every start. slots: jobs of each line that this process does at once; 0 only puts.
    """

    def __init__(self, database_url: str, worker: str, work: Work, *, slots: int) -> None:
        self._url = _jobs_url(database_url)
        self._worker = worker
        self._work = work
        self._slots = slots
        self._workflow: Any = None
        self._dbos: Any = None
        self._instance: Any = None

    def start(self) -> None:
        """Take up jobs from now on. Raises what the database's driver raises."""
        _quiet()
        from dbos import DBOS

        self._instance = DBOS(
            config={
                "name": NAME,
                "system_database_url": self._url,
                "executor_id": self._worker,
                "application_version": APPLICATION_VERSION,
                "sys_db_pool_size": 6,
                "sys_db_idle_transaction_timeout_sec": FROZEN_TIMEOUT_S,
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": 1.0,
                "scheduler_polling_interval_sec": 3600.0,
                "max_executor_threads": 2 * self._slots + 8,
                "log_level": "WARNING",
            }
        )

        @DBOS.workflow(name="backup", max_recovery_attempts=MAX_ATTEMPTS)
        def backup(account: int) -> None:
            job = DBOS.workflow_id
            assert job is not None
            self._work(account, job)

        self._workflow = backup
        if not self._slots:
            DBOS.listen_queues([])
        DBOS.launch()
        for line in Line:
            DBOS.register_queue(
                line.value,
                worker_concurrency=self._slots or 1,
                polling_interval_sec=POLL_S,
                on_conflict="always_update",
            )
        self._dbos = DBOS

    def put(self, line: Line, account: int, name: str) -> None:
        """A job `name` for the account; putting it twice is putting it once, also after it was done."""
        from dbos import SetWorkflowID

        with SetWorkflowID(name):
            self._dbos.enqueue_workflow(line.value, self._workflow, account)

    def open_among(self, names: Sequence[str]) -> set[str]:
        """Those of the jobs `names` that are not done yet."""
        if not names:
            return set()
        found = self._dbos.list_workflows(
            workflow_ids=list(names), status=OPEN, load_input=False, load_output=False
        )
        return {each.workflow_id for each in found}

    def waiting(self) -> int:
        """Jobs of what is scheduled that nobody has begun. Those of `now` take none of their room."""
        found = self._dbos.list_workflows(
            status="ENQUEUED",
            queue_name=Line.SCHEDULED.value,
            load_input=False,
            load_output=False,
            limit=MAX_COUNTED,
        )
        return len(found)

    def adopt(self, workers: Sequence[str]) -> int:
        """Put what dead `workers` had begun back in line; how many jobs. A live worker's is left alone."""
        if not workers:
            return 0
        begun = self._dbos.list_workflows(
            executor_id=list(workers), status="PENDING", load_input=False, load_output=False
        )
        dead = sorted({each.executor_id for each in begun})
        return len(self._dbos._recover_pending_workflows(dead)) if dead else 0

    def forget(self, before_ms: int) -> int:
        """Delete the rows of jobs that were done before then, MAX_FORGOTTEN at most; how many."""
        before = datetime.fromtimestamp(before_ms / 1000, UTC).isoformat()
        done = self._dbos.list_workflows(
            completed_before=before, load_input=False, load_output=False, limit=MAX_FORGOTTEN
        )
        if done:
            self._dbos.delete_workflows([each.workflow_id for each in done])
        return len(done)

    def pause(self) -> None:
        """Take up nothing more."""
        for event in self._instance.background_thread_stop_events:
            event.set()

    def stop(self) -> None:
        """Take up nothing more; what is being done is not waited for."""
        if self._dbos is not None:
            self._dbos.destroy(destroy_registry=True)
            self._dbos = None


def _jobs_url(database_url: str) -> str:
    """PostgreSQL has a schema for them; of SQLite they have a file of their own."""
    if not database_url.startswith(SQLITE):
        return database_url
    path = Path(database_url.removeprefix(SQLITE))
    return f"{SQLITE}{path.with_name(f'{path.stem}.jobs{path.suffix}')}"


def _quiet() -> None:
    """DBOS logs through our handler: warnings, and each but once a minute."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # else it adds one of its own
    logger.addFilter(OnceAMinute())


class OnceAMinute(logging.Filter):
    """Lets the first record of each place in the code through, in a minute: a database that is away
    makes every thread complain many times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place = (record.pathname, record.lineno)
        if record.created - self._last.get(place, 0.0) < 60:
            return False
        self._last[place] = record.created
        return True
