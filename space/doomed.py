"""What this machine knows of marked shards, and when it first saw what others left; in its index.

A doomed shard is one that a mark names: nothing that it holds counts as held (spec/prune.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from pail import CID
from space.layout import shard_of_name

DOOMED_SCHEMA = """
CREATE TABLE doomed (shard TEXT, mark TEXT, PRIMARY KEY (shard, mark)) WITHOUT ROWID;
CREATE TABLE seen (name TEXT PRIMARY KEY, version TEXT NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
"""


class Doomed:
    """Two tables of an index. What changes them is called within a transaction of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, mark: str, shards: Iterable[CID]) -> bool:
        """Count on none of `shards` any more, as the object `mark` says; whether one of them is here."""
        before = self.rows()
        values = ((str(shard), mark) for shard in shards)
        self._db.executemany("INSERT OR IGNORE INTO doomed VALUES (?, ?)", values)
        return self.rows() != before

    def marks(self) -> dict[str, set[str]]:
        """The doomed shards, as text, by the mark that names them."""
        found: dict[str, set[str]] = {}
        for shard, mark in self._db.execute("SELECT shard, mark FROM doomed"):
            found.setdefault(mark, set()).add(shard)
        return found

    def shards(self) -> set[str]:
        """All doomed shards, as text, whether they are still here or not."""
        return {shard for (shard,) in self._db.execute("SELECT shard FROM doomed")}

    def rows(self) -> set[int]:
        """The rows of those shard files that are here and doomed."""
        doomed = self.shards()
        if not doomed:
            return set()
        return {row for row, name in self._db.execute("SELECT id, name FROM shard") if _text(name) in doomed}

    def has(self, name: str) -> bool:
        """Whether the shard file `name` is doomed."""
        find = "SELECT 1 FROM doomed WHERE shard = ?"
        return self._db.execute(find, (_text(name),)).fetchone() is not None

    def forget(self, mark: str) -> None:
        """Know nothing of a mark that was removed."""
        self._db.execute("DELETE FROM doomed WHERE mark = ?", (mark,))
        self._db.execute("DELETE FROM seen WHERE name = ?", (mark,))

    def first_seen_ms(self, name: str, version: str, now_ms: int) -> int:
        """When this machine first saw the object `name` with these bytes: now, if it is new to it."""
        find = "SELECT at_ms FROM seen WHERE name = ? AND version = ?"
        known = self._db.execute(find, (name, version)).fetchone()
        if known and known[0] <= now_ms:
            return known[0]
        self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (name, version, now_ms))
        return now_ms


def _text(name: str) -> str:
    shard = shard_of_name(name)
    return "" if shard is None else str(shard)
