"""The shared store: many service processes on one PostgreSQL database.

psycopg rather than asyncpg: the writer is a thread that makes one transaction out of many calls,
as with SQLite, and a synchronous connection is what it wants; the same code then serves both.

A clock's row is locked from the first look to the commit, in READ COMMITTED, so what is read
after the lock is what the last holder left. All processes lock clocks in the order of their
names. Where the database still undoes a transaction, it is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from time import time
from types import MappingProxyType
from typing import Any, cast

import psycopg
from psycopg import IsolationLevel, errors

from clock_service.errors import StoreUnavailable
from clock_service.migrations import migrate
from clock_service.session import Contended, Row
from clock_service.sql_store import SqlStore
from clock_service.store import MAX_RECEIPTS

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 20_000
LOCK_TIMEOUT_MS = 10_000
UNANSWERED_TIMEOUT_MS = 15_000
"""A server that has vanished is given up after that."""

FROZEN_TIMEOUT_MS = 8_000
"""The server gives up a client that says nothing within a transaction: others wait for what it has locked."""

MIGRATION_LOCK = 0x736B79_7061696C
"""Of all advisory locks of the database, that of whoever changes the schema."""

DIALECT = {"serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bytes": "BYTEA", "clustered": ""}

_UNDONE = (errors.SerializationFailure, errors.DeadlockDetected)


class PostgresSession:
    row_lock = " FOR UPDATE"

    def __init__(self, url: str, *, is_reader: bool = False) -> None:
        with _guarded():
            self._db = psycopg.connect(
                url,
                connect_timeout=CONNECT_TIMEOUT_S,
                tcp_user_timeout=UNANSWERED_TIMEOUT_MS,
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
                application_name="skypail clock",
                options=f"-c synchronous_commit=on -c lock_timeout={LOCK_TIMEOUT_MS}"
                f" -c statement_timeout={STATEMENT_TIMEOUT_MS}"
                f" -c idle_in_transaction_session_timeout={FROZEN_TIMEOUT_MS}",
            )
            self._db.read_only = is_reader
            self._db.isolation_level = (
                IsolationLevel.REPEATABLE_READ if is_reader else IsolationLevel.READ_COMMITTED
            )

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with _guarded():
            return self._db.execute(_translated(sql), parameters).fetchall()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        with _guarded():
            return self._db.execute(_translated(sql), parameters).rowcount

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        with _guarded(), self._db.cursor() as cursor:
            cursor.executemany(_translated(sql), parameters)

    def begin(self) -> None:
        """The first statement does."""

    def commit(self) -> None:
        with _guarded():
            self._db.commit()

    def rollback(self) -> None:
        with _guarded():
            self._db.rollback()

    def close(self) -> None:
        self._db.close()


def open_postgres_store(
    url: str,
    *,
    now: Callable[[], float] = time,
    max_receipts: int = MAX_RECEIPTS,
    beside: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> SqlStore:
    """The store in the database at `url`. Raises StoreUnavailable or NewerSchema."""
    session = PostgresSession(url)
    try:
        session.rows("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))
        migrate(session, **DIALECT)
        for version_table, steps in beside.items():
            migrate(session, steps, version_table=version_table, **DIALECT)
        session.commit()
    finally:
        session.close()
    return SqlStore(
        lambda: PostgresSession(url),
        lambda: PostgresSession(url, is_reader=True),
        now=now,
        max_receipts=max_receipts,
    )


def _translated(sql: str) -> Any:
    return cast(Any, sql.replace("?", "%s"))


@contextmanager
def _guarded() -> Generator[None]:
    """No message here holds the URL, and so no password."""
    try:
        yield
    except _UNDONE as error:
        raise Contended(f"PostgreSQL: {error}") from error
    except psycopg.Error as error:
        raise StoreUnavailable(f"PostgreSQL: {error}") from error
