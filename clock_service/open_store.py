"""The store that a database URL names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time

from clock_service.errors import BadOption
from clock_service.store import MAX_RECEIPTS, Store

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


def open_store(url: str, *, now: Callable[[], float] = time, max_receipts: int = MAX_RECEIPTS) -> Store:
    """`sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://…`; tables are made
    or brought up to date.

    Raises BadOption for any other URL, StoreUnavailable or NewerSchema.
    """
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        from clock_service.sqlite_store import open_sqlite_store

        return open_sqlite_store(Path(url.removeprefix(SQLITE)), now=now, max_receipts=max_receipts)
    if url.startswith(POSTGRES):
        from clock_service.postgres_store import open_postgres_store

        return open_postgres_store(url, now=now, max_receipts=max_receipts)
    raise BadOption("a database is named by sqlite:///PATH or postgresql://HOST/NAME")
