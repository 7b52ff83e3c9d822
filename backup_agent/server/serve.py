"""A server agent: `serve` runs it until it is asked to stop."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from backup_agent.server.app import AgentApp
from backup_agent.server.database import Database, open_database
from backup_agent.server.dead_man import DeadMan
from backup_agent.server.errors import Misconfigured
from backup_agent.server.metrics import Metrics, why_not_well
from backup_agent.server.scheduling import Scheduling
from backup_agent.server.siblings import Siblings, wait_to_stop
from backup_agent.server.table import Table
from backup_agent.server.worker import Settings, Worker
from clock_service.answering import Started, answer, listen
from clock_service.errors import StoreUnavailable
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

    Raises Misconfigured, BadOption, BadKeyFile, StoreUnavailable, NewerSchema.
    """
    if options.workers > 1 and options.database.startswith(SQLITE):
        raise Misconfigured("several workers need --database postgresql://…; SQLite serves one process")
    _log()
    signer = load_or_make_key(options.key)
    options.settings.cache.mkdir(parents=True, exist_ok=True)
    _make_folders(options.settings.folders)
    with ExitStack() as stack:
        stack.enter_context(alone(options.database))
        listener = stack.enter_context(listen(options.host, options.port))
        database = open_database(options.database)
        stack.callback(database.close)
        worker = Worker(database, signer, options.settings)
        worker.start()
        stack.callback(worker.stop)
        if options.workers > 1:
            stack.callback(Siblings(options.workers - 1, work, [options]).stop)
        if options.ping is not None:
            allow = options.settings.allow_private
            dead_man = DeadMan(options.ping, lambda: _why_bad(database, worker), allow_private=allow)
            stack.callback(dead_man.stop)
        app = _app(database, signer, worker, options.settings)
        answer(app.asgi(), listener, options.host, signer.did, announce)


def work(options: Options) -> None:
    """Work, and answer nobody, until SIGTERM: what a sibling process does."""
    _log()
    database = open_database(options.database)
    worker = Worker(database, load_or_make_key(options.key), options.settings)
    worker.start()
    wait_to_stop()
    worker.stop()
    database.close()


def _make_folders(folders: Sequence[Path]) -> None:
    """Those that are missing. Not what they are in: that may be a disk that is not there."""
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            why = f"--folder {folder} is no folder, and cannot be made: {error.strerror}"
            raise Misconfigured(why) from error


def _log() -> None:
    log_to_stderr()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write every URL that is asked (T5)


def _app(database: Database, signer: Signer, worker: Worker, settings: Settings) -> AgentApp:
    scheduling = Scheduling(
        database, signer, worker.places, settings.limits, settings.allow_private, settings.spaces
    )
    table = Table(database, signer, scheduling, worker.ticker.put_now)
    metrics = Metrics(worker.runner.counters, worker.watchdog.counters)
    return AgentApp(database, signer, table, metrics, worker.why_unready)


def _why_bad(database: Database, worker: Worker) -> str | None:
    """None while accounts are backed up in their time."""
    if (why := worker.why_unready()) is not None:
        return why
    try:
        return database.do(why_not_well)
    except StoreUnavailable as error:
        return str(error)


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
