"""Bytes that were had from far away once: small, by a name that says which bytes they are.

A SQLite file in the home that may be lost at any time. What it gives is hashed or verified by
whoever asked, as if it came from where it was had.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from space.index_file import BUSY_TIMEOUT_S

MAX_KEPT_BYTES = 64 << 20
"""Once more than this is kept, the older half goes."""

MAX_PIECE_BYTES = 64 << 10
"""Nothing larger is kept."""

SCHEMA_VERSION = 1
_ASKED_AT_ONCE = 500


class KeptBytes:
    """By key, any number of processes."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; one that is torn or of another version is made anew."""
        self._path = path
        try:
            self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # busy, full, unreadable: not its content
                raise
            self._connect_anew()
        if self._db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
            self._connect_anew()

    def _connect(self) -> None:
        self._db = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # a torn file is made anew
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS kept (age INTEGER PRIMARY KEY AUTOINCREMENT,"
                " key BLOB UNIQUE NOT NULL, content BLOB NOT NULL)"
            )
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _connect_anew(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._connect()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those of `keys` that are kept."""
        wanted = list(keys)
        found: dict[bytes, bytes] = {}
        for at in range(0, len(wanted), _ASKED_AT_ONCE):
            some = wanted[at : at + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._db.execute(f"SELECT key, content FROM kept WHERE key IN ({marks})", some)  # noqa: S608
            found.update(rows)
        return found

    def put(self, pieces: Mapping[bytes, bytes]) -> None:
        """Keep them; those that are too large, or kept, are passed over."""
        small = [pair for pair in pieces.items() if len(pair[1]) <= MAX_PIECE_BYTES]
        if not small:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR IGNORE INTO kept (key, content) VALUES (?, ?)", small)
            self._shrink()
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _shrink(self) -> None:
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > MAX_KEPT_BYTES:
            half = "SELECT age FROM kept ORDER BY age LIMIT 1 OFFSET (SELECT count(*) / 2 FROM kept)"
            self._db.execute(f"DELETE FROM kept WHERE age < ({half})")  # noqa: S608

    def drop(self, key: bytes) -> None:
        """Keep it no more."""
        self._db.execute("DELETE FROM kept WHERE key = ?", (key,))

    def close(self) -> None:
        self._db.close()
