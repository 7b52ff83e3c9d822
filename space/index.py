"""The index of a place's blocks, and what else this machine knows of the place: see `space.index_file`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from pail import CID
from space.doomed import Doomed
from space.index_file import open_index_file
from space.place import Entry
from space.places import Slot, place_in, places_in
from space.slices import Slices, page_number

MAX_KEPT_BYTES = 16 << 20
"""Pages kept in memory; those of a repository of 100,000 records take 6 MB."""


class State(IntEnum):
    """What is known of a shard file. Only the blocks of WHOLE, DAMAGED and LISTED ones are in the index."""

    WHOLE = 1
    """Its bytes hash to its name, and each block to its CID."""
    DAMAGED = 2
    """It was whole once; its good blocks are still read from it."""
    NOT_WHOLE = 3
    """Never seen whole: still arriving, or damaged before this machine saw it."""
    SETTLED = 4
    """Not whole, and done with: repair copied what is good in it and gave up the rest."""
    LISTED = 5
    """Far away and never read whole: believed by its index object, which accounts for every byte."""


class ShardRow(NamedTuple):
    """A shard file as last looked at."""

    row: int
    entry: Entry
    state: State
    blocks: int


class Index:
    """Places of blocks by digest, and what is known of shard files."""

    def __init__(self, path: Path) -> None:
        """Open or make the index at `path`; one that is torn or of another version is made anew."""
        self._db = open_index_file(path)
        self._kept: dict[int, list[tuple[int, bytes]]] = {}
        self._kept_bytes = 0
        self._kept_version: tuple[int, int] = (-1, -1)
        self._bad: set[tuple[int, int]] = set()
        self._hidden: set[int] = set()
        self.doomed = Doomed(self._db)
        made: str = self._db.execute("SELECT id FROM home").fetchone()[0]
        self.home = f"{made}{path.stat().st_ino:x}"  # a copied home is another one

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Index:
        """Begin a transaction: what follows happens wholly or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._db.in_transaction:  # SQLite itself may have undone it when the disk was full
            self._db.execute("ROLLBACK" if kind else "COMMIT")

    # Shards

    def shards(self) -> dict[str, ShardRow]:
        """Every shard file looked at so far, by name."""
        rows = self._db.execute("SELECT id, name, size, version, state, blocks FROM shard ORDER BY name")
        return {
            name: ShardRow(row, Entry(name, size, version), State(state), blocks)
            for row, name, size, version, state, blocks in rows
        }

    def entry_of(self, shard: int) -> Entry | None:
        """The file of a shard's row, None if it was forgotten."""
        found = self._db.execute("SELECT name, size, version FROM shard WHERE id = ?", (shard,)).fetchone()
        return Entry(*found) if found else None

    def record(self, entry: Entry, state: State, slices: Slices) -> None:
        """Set what is known of a shard file, in place of what was known. Within a transaction.

        slices: of its blocks; of a shard in state NOT_WHOLE none.
        """
        find = "SELECT size, version, blocks FROM shard WHERE name = ? AND blocks > 0"
        known = self._db.execute(find, (entry.name,)).fetchone()
        if known and state != State.WHOLE and known != (entry.size, entry.version, slices.blocks):
            self._lose()
        self._drop(entry.name)
        row = self._db.execute(
            "INSERT INTO shard (name, size, version, state, blocks) VALUES (?, ?, ?, ?, ?)",
            (entry.name, entry.size, entry.version, state, slices.blocks),
        ).lastrowid
        assert row is not None
        pages = ((page << 32 | row, places) for page, places in enumerate(slices.pages) if places)
        self._db.executemany("INSERT INTO page VALUES (?, ?)", pages)

    def forget(self, names: Iterable[str]) -> None:
        """Drop all that is known of these shard files, which vanished. Within a transaction."""
        for name in names:
            if not self.doomed.has(name):
                self.miss(name)
                self._lose()
            self._drop(name)

    def miss(self, name: str) -> None:
        """Remember which blocks a shard file had: `gone` counts those that are nowhere. In a transaction."""
        digests = [(name, digest) for digest, _, _ in self.places_of(name)]
        self._db.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?)", digests)

    def doom(self, mark: str, shards: Iterable[CID]) -> None:
        """Count on nothing in `shards` any more, as the object `mark` says."""
        with self:
            if self.doomed.add(mark, shards):
                self._lose()

    def _drop(self, name: str) -> None:
        """Drop what is known of a shard file, and what was derived from it."""
        known = self._db.execute("DELETE FROM shard WHERE name = ? RETURNING id", (name,)).fetchall()
        for (row,) in known:
            self._db.execute("DELETE FROM page WHERE key & 0xFFFFFFFF = ?", (row,))
            self._db.execute("DELETE FROM quarantine WHERE shard = ?", (row,))
            self._db.execute("DELETE FROM readable")

    def quarantine(self, place: Slot) -> None:
        """Never give out `place` again."""
        with self:
            values = (place.shard, place.offset)
            self._db.execute("INSERT OR IGNORE INTO quarantine VALUES (?, ?)", values)
            self._db.execute("DELETE FROM readable")
            self._lose()

    def quarantined(self) -> set[tuple[int, int]]:
        """Row and offset of each place that is never given out."""
        return set(self._db.execute("SELECT shard, offset FROM quarantine"))

    def places_of(self, name: str) -> Iterator[tuple[bytes, int, int]]:
        """Digest, offset and size of each block of a shard file."""
        find = "SELECT places FROM page WHERE key & 0xFFFFFFFF = (SELECT id FROM shard WHERE name = ?)"
        return (place for (page,) in self._db.execute(find, (name,)) for place in places_in(page))

    # Losses

    def _lose(self) -> None:
        """Something that was here is not. In a transaction."""
        self._db.execute("UPDATE home SET losses = losses + 1")
        self._db.execute("DELETE FROM whole")

    def losses(self) -> int:
        """How many losses were noticed so far."""
        return self._db.execute("SELECT losses FROM home").fetchone()[0]

    def add_whole(self, cid: CID, losses: int) -> None:
        """Remember that all below `cid` is here, unless there were more than `losses` since."""
        with self:
            values = (bytes(cid), losses)
            self._db.execute("INSERT OR IGNORE INTO whole SELECT ? FROM home WHERE losses = ?", values)

    def is_whole(self, cid: CID) -> bool:
        """Whether `cid` was added as whole and nothing was lost since."""
        find = "SELECT 1 FROM whole WHERE cid = ?"
        return self._db.execute(find, (bytes(cid),)).fetchone() is not None

    def gone(self) -> dict[str, int]:
        """Shard files that vanished or were missed, and how many of their blocks are nowhere; none with 0."""
        rows = self._db.execute("SELECT shard, digest FROM gone").fetchall()
        here = self.find({digest for _, digest in rows}, doomed=True)
        return Counter(shard for shard, digest in rows if digest not in here)

    def give_up(self) -> None:
        """Name what vanished no more. Within a transaction."""
        self._db.execute("DELETE FROM gone")

    # Blocks

    def is_empty(self) -> bool:
        """Whether no block is known at all."""
        return self._db.execute("SELECT 1 FROM page").fetchone() is None

    def find(self, digests: Collection[bytes], *, doomed: bool = False) -> dict[bytes, list[Slot]]:
        """The places of each digest that has any, but for those in quarantine.

        doomed: also those in doomed shards, last.
        """
        self._drop_stale_pages()
        found: dict[bytes, list[Slot]] = {}
        for digest in sorted(digests):
            number = page_number(digest)
            pages = self._kept.get(number)
            for shard, page in self._page(number) if pages is None else pages:
                place = place_in(page, digest, shard)
                if place and place[:2] not in self._bad and (doomed or shard not in self._hidden):
                    found.setdefault(digest, []).append(place)
        for slots in found.values() if self._hidden else ():
            slots.sort(key=lambda slot: slot.shard in self._hidden)
        return found

    def pages(self) -> Iterator[tuple[int, int, bytes]]:
        """Every page there is: its number, rising, its shard, and its places."""
        for key, places in self._db.execute("SELECT key, places FROM page ORDER BY key"):
            yield key >> 32, key & 0xFFFFFFFF, places

    def _page(self, number: int) -> list[tuple[int, bytes]]:
        rows = self._db.execute(
            "SELECT key & 0xFFFFFFFF, places FROM page WHERE key >= ? AND key < ?",
            (number << 32, number + 1 << 32),
        ).fetchall()
        if self._kept_bytes > MAX_KEPT_BYTES:
            self._kept, self._kept_bytes = {}, 0
        self._kept[number] = rows
        self._kept_bytes += 500 + sum(len(places) for _, places in rows)
        return rows

    def _drop_stale_pages(self) -> None:
        """Forget pages read before this or another connection changed anything."""
        others: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        version = (others, self._db.total_changes)
        if version != self._kept_version:
            self._kept_version, self._kept, self._kept_bytes = version, {}, 0
            self._bad = self.quarantined()
            self._hidden = self.doomed.rows()

    # What the folder clock remembers

    def readable(self, cids: Iterable[CID]) -> set[CID]:
        """Those of `cids`, events or pail shards, known to be here with all their descendants."""
        find = "SELECT 1 FROM readable WHERE cid = ?"
        return {cid for cid in cids if self._db.execute(find, (bytes(cid),)).fetchone()}

    def add_readable(self, cids: Iterable[CID]) -> None:
        """Remember that each was found here with all its descendants."""
        with self:
            self._db.executemany("INSERT OR IGNORE INTO readable VALUES (?)", ((bytes(cid),) for cid in cids))

    def fold(self) -> list[CID]:
        """The events of the last known head, in order."""
        return [CID(cid) for (cid,) in self._db.execute("SELECT cid FROM fold ORDER BY cid")]

    def set_fold(self, head: Iterable[CID]) -> None:
        """Remember `head` as the last known one."""
        with self:
            self._db.execute("DELETE FROM fold")
            self._db.executemany("INSERT INTO fold VALUES (?)", ((bytes(cid),) for cid in head))
