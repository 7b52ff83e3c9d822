"""The file of an index: SQLite, in the home, never in the folder itself.

It only ever repeats what the folder says, so it may be lost, or be older than the folder
(`Space.refresh` heals that), or claim a shard that has vanished (found by the same look).
Hence synchronous=NORMAL: a power cut may undo the last transactions, never tear the file.

    shard       one row for each file in shards/ that was looked at: size and version as seen
    page        the places of a shard's blocks (`space.slices`); key = page number << 32 | shard row
    quarantine  places whose bytes did not hash to their digest
    readable    events and pail shards whose every descendant was found here (C3); see space.readable
    fold        the events of the last known head, so that it never goes back
    whole       blocks all of whose descendants were proved to be here; forgotten at the next loss
    gone        digests of the blocks of shards that vanished, to name those that are nowhere else
    doomed      shards that marks name, and `seen`: see `space.doomed`
    home        part of an id of this home, and how many losses it has seen
"""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

from space.doomed import DOOMED_SCHEMA

SCHEMA_VERSION = 4
BUSY_TIMEOUT_S = 60.0

_SCHEMA = f"""
CREATE TABLE shard (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, size INTEGER NOT NULL,
                    version TEXT NOT NULL, state INTEGER NOT NULL, blocks INTEGER NOT NULL);
CREATE TABLE page (key INTEGER PRIMARY KEY, places BLOB NOT NULL);
CREATE TABLE quarantine (shard INTEGER, offset INTEGER, PRIMARY KEY (shard, offset)) WITHOUT ROWID;
CREATE TABLE readable (cid BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE fold (cid BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE whole (cid BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE gone (shard TEXT, digest BLOB, PRIMARY KEY (shard, digest)) WITHOUT ROWID;
CREATE TABLE home (id TEXT NOT NULL, losses INTEGER NOT NULL);
{DOOMED_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};
"""


def open_index_file(path: Path) -> sqlite3.Connection:
    """The file at `path`, made if it is not there, and made anew if it is torn or of another version.

    Raises sqlite3.OperationalError if it is busy, or the disk full.
    """
    try:
        db = _connect(path)
        if _version(db) == SCHEMA_VERSION:
            return db
        db.close()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # busy, full, unreadable: not its content
            raise
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("BEGIN IMMEDIATE")
        if _version(db) == 0 and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO home VALUES (?, 0)", (secrets.token_hex(4),))
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]
