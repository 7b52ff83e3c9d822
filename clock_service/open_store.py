"""The store that a database URL names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import time
from types import MappingProxyType

from clock_service.errors import BadOption
from clock_service.sql_store import SqlStore
from clock_service.store import MAX_RECEIPTS

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


def open_store(
    url: str,
    *,
    now: Callable[[], float] = time,
    max_receipts: int = MAX_RECEIPTS,
    beside: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> SqlStore:
    """`sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://…`; tables are made
    or brought up to date.

    beside: steps of tables that share the database, by the table that says which of them were done.
    Raises BadOption for any other URL, StoreUnavailable or NewerSchema.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        from clock_service.sqlite_store import open_sqlite_store

        path = Path(url.removeprefix(SQLITE))
        return open_sqlite_store(path, now=now, max_receipts=max_receipts, beside=beside)
    if url.startswith(POSTGRES):
        from clock_service.postgres_store import open_postgres_store

        return open_postgres_store(url, now=now, max_receipts=max_receipts, beside=beside)
    raise BadOption("a database is named by sqlite:///PATH or postgresql://HOST/NAME")
