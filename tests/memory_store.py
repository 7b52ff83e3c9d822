"""Blocks in a dict, behind the door, with every read counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pail import CID, RAW, MissingBlock, Walk, ancestry, cid_of, run, shard
from pail.crdt import Update
from pail.draft import Diff
from pail.map import entries

T = TypeVar("T")


def forget() -> None:
    """Drop what earlier walks kept, so that a test reads all that it says."""
    shard._cache.clear()
    ancestry._generations.clear()


def value(text: str) -> CID:
    return cid_of(RAW, text.encode())


class MemoryStore(dict[CID, bytes]):
    def __init__(self) -> None:
        super().__init__()
        self.reads: list[CID] = []
        self.asks = 0
        forget()

    def read(self, cids: Sequence[CID]) -> list[bytes]:
        self.asks += 1
        self.reads += cids
        for cid in cids:
            if cid not in self:
                raise MissingBlock(cid)
        return [self[cid] for cid in cids]

    def run(self, walk: Walk[T]) -> T:
        return run(walk, self.read)

    def count(self, walk: Walk[object]) -> int:
        """The blocks read by a walk."""
        self.reads = []
        self.run(walk)
        return len(self.reads)

    def write(self, walk: Walk[Diff]) -> Diff:
        diff = self.run(walk)
        self.update(diff.additions)
        return diff

    def commit(self, walk: Walk[Update]) -> Update:
        update = self.run(walk)
        self.update(update.additions)
        if update.event is not None:
            self[update.event.cid] = update.event.data
        return update

    def listed(self, root: CID) -> dict[str, CID]:
        """All entries, read anew: nothing that was only kept in memory is found."""
        forget()
        return dict(self.run(entries(root)))
