"""The server agent's own tables: transactions on SQLite or PostgreSQL, through the clock service's sessions.

A run lives in a thread of its own, so a transaction is a plain call that blocks; whoever is in an
event loop calls `ask`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from backup_agent.server.errors import Misconfigured
from backup_agent.server.tables import STEPS, VERSION_TABLE
from clock_service.errors import StoreUnavailable
from clock_service.migrations import migrate
from clock_service.open_store import POSTGRES, SQLITE
from clock_service.session import MAX_ATTEMPTS, Connection, Contended, Session

T = TypeVar("T")

MAX_CONNECTIONS = 4
"""Of one process, to PostgreSQL."""

SQLITE_NOW = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
POSTGRES_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


class Database:
    """connect: called for the first transactions, and again after a connection was lost.

    is_shared: whether other processes use it too. now_sql: selects its own clock, in milliseconds.
    """

    def __init__(
        self, url: str, connect: Callable[[], Connection], *, connections: int, is_shared: bool, now_sql: str
    ) -> None:
        self.url = url
        self.is_shared = is_shared
        self.now_sql = now_sql
        self._connect = connect
        self._idle: list[Connection] = []
        self._lock = Lock()
        self._turns = BoundedSemaphore(connections)

    def do(self, work: Callable[[Session], T]) -> T:
        """The result of `work`, committed on return. It may be called again if the transaction failed.

        What `work` raises undoes everything. Raises StoreUnavailable.
        """
        with self._turns:
            for left in range(MAX_ATTEMPTS, 0, -1):
                connection, is_fresh = self._take()
                try:
                    return self._transact(connection, work)
                except Contended:
                    if left == 1:
                        raise
                except StoreUnavailable:
                    connection.close()
                    if is_fresh or left == 1:
                        raise
        raise AssertionError("the last attempt returns or raises")

    async def ask(self, work: Callable[[Session], T]) -> T:
        """As `do`, from an event loop."""
        return await asyncio.to_thread(self.do, work)

    def now_ms(self, session: Session) -> int:
        """By the clock of the database, which all workers share."""
        return session.rows(self.now_sql)[0][0]

    def close(self) -> None:
        """Let go of what is idle. Twice is once."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> tuple[Connection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        return self._connect(), True

    def _transact(self, connection: Connection, work: Callable[[Session], T]) -> T:
        try:
            connection.begin()
            result = work(connection)
            connection.commit()
        except StoreUnavailable as error:
            if isinstance(error, Contended):
                self._undo(connection)
            raise
        except BaseException:
            self._undo(connection)
            raise
        with self._lock:
            self._idle.append(connection)
        return result

    def _undo(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except StoreUnavailable:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


def open_database(url: str) -> Database:
    """`sqlite:///PATH` or `postgresql://…`; tables are made or brought up to date.

    Raises Misconfigured for any other URL, StoreUnavailable, NewerSchema.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        return _open_sqlite(url)
    if url.startswith(POSTGRES):
        return _open_postgres(url)
    raise Misconfigured("a database is named by sqlite:///PATH or postgresql://HOST/NAME")


def _open_sqlite(url: str) -> Database:
    from clock_service.sqlite_store import SqliteSession

    path = Path(url.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)

    def connect() -> SqliteSession:
        return SqliteSession(path, "BEGIN IMMEDIATE")

    database = Database(url, connect, connections=1, is_shared=False, now_sql=SQLITE_NOW)
    database.do(
        lambda session: migrate(
            session,
            STEPS,
            version_table=VERSION_TABLE,
            serial="INTEGER PRIMARY KEY AUTOINCREMENT",
            bytes="BLOB",
            clustered=" WITHOUT ROWID",
        )
    )
    return database


def _open_postgres(url: str) -> Database:
    from clock_service.postgres_store import MIGRATION_LOCK, PostgresSession

    database = Database(
        url,
        lambda: PostgresSession(url),
        connections=MAX_CONNECTIONS,
        is_shared=True,
        now_sql=POSTGRES_NOW,
    )

    def bring_up(session: Session) -> None:
        session.rows("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))
        migrate(
            session,
            STEPS,
            version_table=VERSION_TABLE,
            serial="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            bytes="BYTEA",
            clustered="",
        )

    database.do(bring_up)
    return database
