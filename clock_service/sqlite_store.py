"""The embedded store: one SQLite file, durable at every commit (WAL, synchronous=FULL)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from types import MappingProxyType
from typing import Any

from clock_service.errors import StoreUnavailable
from clock_service.migrations import migrate
from clock_service.session import Row
from clock_service.sql_store import SqlStore
from clock_service.store import MAX_RECEIPTS

BUSY_TIMEOUT_S = 10.0
"""For other processes that write to the same file."""

RETRY_AFTER_S = 0.01

MAX_CACHE_KIB = 8 << 10

DIALECT = {"serial": "INTEGER PRIMARY KEY AUTOINCREMENT", "bytes": "BLOB", "clustered": " WITHOUT ROWID"}


class SqliteSession:
    """A connection that begins its transactions itself."""

    row_lock = ""  # BEGIN IMMEDIATE has locked everything

    def __init__(self, path: Path, begin: str) -> None:
        self._begin = begin
        with _guarded():
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._write_ahead()
        for pragma in ("synchronous = FULL", f"cache_size = -{MAX_CACHE_KIB}"):
            self.run(f"PRAGMA {pragma}")

    def _write_ahead(self) -> None:
        """SQLite itself does not wait for whoever makes a new file at the same moment."""
        deadline_s = monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline_s:
                    raise
            sleep(RETRY_AFTER_S)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with _guarded():
            return self._db.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with _guarded():
            return self._db.execute(sql, parameters).rowcount

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        with _guarded():
            self._db.executemany(sql, parameters)

    def begin(self) -> None:
        self.run(self._begin)

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._db.in_transaction:
            self.run("ROLLBACK")

    def close(self) -> None:
        self._db.close()


def open_sqlite_store(
    path: Path,
    *,
    now: Callable[[], float] = time,
    max_receipts: int = MAX_RECEIPTS,
    beside: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> SqlStore:
    """The store in the file `path`, made if there is none. Raises StoreUnavailable or NewerSchema."""
    session = SqliteSession(path, "BEGIN IMMEDIATE")
    try:
        session.begin()
        migrate(session, **DIALECT)
        for version_table, steps in beside.items():
            migrate(session, steps, version_table=version_table, **DIALECT)
        session.commit()
    finally:
        session.close()
    return SqlStore(
        lambda: SqliteSession(path, "BEGIN IMMEDIATE"),
        lambda: SqliteSession(path, "BEGIN"),
        now=now,
        max_receipts=max_receipts,
    )


@contextmanager
def _guarded() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"SQLite: {error}") from error
