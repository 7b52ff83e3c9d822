"""One process of a server agent: `serve` runs it until it is asked to stop."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backup_agent.server.app import AgentApp
from backup_agent.server.database import Database, open_database
from backup_agent.server.errors import Misconfigured
from backup_agent.server.metrics import Metrics
from backup_agent.server.scheduling import Scheduling
from backup_agent.server.table import Table
from backup_agent.server.worker import Settings, Worker
from clock_service.answering import Started, answer, listen
from clock_service.key_file import load_or_make_key
from clock_service.logs import log_to_stderr
from clock_service.open_store import SQLITE
from ucan import Signer


@dataclass(frozen=True, slots=True)
class Options:
    """key: of the file. port: 0 for any. workers: processes. ping: asked while all is well."""

    key: Path
    database: str
    settings: Settings
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 1
    ping: str | None = None


def serve(options: Options, announce: Callable[[Started], None]) -> None:
    """Answer and work until SIGTERM or SIGINT. announce: called once it answers.

    Raises Misconfigured, BadKeyFile, StoreUnavailable, NewerSchema, OSError if the address cannot be had.
    """
    log_to_stderr()
    signer = load_or_make_key(options.key)
    options.settings.cache.mkdir(parents=True, exist_ok=True)
    with alone(options.database):
        listener = listen(options.host, options.port)
        database = open_database(options.database)
        worker = Worker(database, signer, options.settings)
        try:
            worker.start()
            app = _app(database, signer, worker, options.settings)
            answer(app.asgi(), listener, options.host, signer.did, announce)
            worker.stop()
        finally:
            listener.close()
            database.close()


def _app(database: Database, signer: Signer, worker: Worker, settings: Settings) -> AgentApp:
    scheduling = Scheduling(database, signer, worker.places, settings.limits, settings.allow_private)
    table = Table(database, signer, scheduling, worker.ticker.put_now)
    metrics = Metrics(worker.runner.counters, worker.watchdog.counters)

    def why_unready() -> str | None:
        return None if worker.watchdog.is_fresh else "this process's worker does not get on"

    return AgentApp(database, signer, table, metrics, why_unready)


@contextmanager
def alone(database: str) -> Generator[None]:
    """With SQLite, the only process: what others had begun is then nobody's. Raises Misconfigured."""
    if not database.startswith(SQLITE):
        yield
        return
    path = Path(f"{database.removeprefix(SQLITE)}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            why = "another `skypail serve` uses this SQLite file; several need --database postgresql://…"
            raise Misconfigured(why) from error
        yield
    finally:
        os.close(file)
