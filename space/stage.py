"""Blocks on their way into a space: written already, verified next, published last or never.

Order of `publish` (S1, S2): every shard and its index object synced to this machine's disk; then
all published by the place, durably; then one transaction of the index. A crash in between leaves
whole shards that nothing names: the next look at the place takes them in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, KeysView, Sequence
from itertools import islice
from typing import Protocol, Self

from pail import CID, Hashed, TooLarge
from space.background import Background
from space.errors import StageClosed
from space.guard import guarded
from space.layout import SHARDS, index_name, shard_name
from space.place import Draft, Entry, Place
from space.report import Published
from space.shard_writer import ShardWriter
from space.sharded_dag_index import encode_shard_index
from space.slices import Slices
from space.stock import MAX_BLOCK_BYTES


class Holder(Protocol):
    """What a stage needs of the space it is for."""

    def has(self, cids: Collection[CID]) -> set[CID]: ...

    def get(self, cids: Sequence[CID]) -> list[bytes]: ...


Record = Callable[[Iterable[tuple[Entry, Slices]]], None]
"""Takes the files of new whole shards and their slices into the index, in one transaction."""


class Stage:
    """Use in a `with`. Leaving it without `publish` drops every staged block."""

    def __init__(self, place: Place, space: Holder, record: Record) -> None:
        self._place = place
        self._space = space
        self._record = record
        self._writers: list[ShardWriter] = []
        self._drafts: list[Draft] = []
        self._background = Background()
        self._staged: dict[CID, int] = {}  # writer << 32 | number in that shard
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._background.settle()
        for draft in self._drafts:
            draft.drop()
        self._writers, self._drafts, self._staged = [], [], {}

    def put_many(self, blocks: Iterable[tuple[CID, bytes]]) -> int:
        """Write the blocks that neither the space nor this stage has (S3); how many those were.

        blocks: hash-checked by the caller, up to MAX_BLOCK_BYTES each. Batches of 64 KiB and more
        are fastest. Raises TooLarge, SpaceFull, SpaceUnavailable; the stage is then only good to be left.
        """
        self._check_open()
        fresh = dict(blocks)
        if not self._staged.keys().isdisjoint(fresh):
            fresh = {cid: content for cid, content in fresh.items() if cid not in self._staged}
        known = self._space.has(fresh.keys())
        if known:
            fresh = {cid: content for cid, content in fresh.items() if cid not in known}
        if max(map(len, fresh.values()), default=0) > MAX_BLOCK_BYTES:
            raise TooLarge(f"a block is larger than {MAX_BLOCK_BYTES} bytes")
        with guarded("writing a shard"):
            self._append(fresh)
        return len(fresh)

    def _append(self, blocks: dict[CID, bytes]) -> None:
        while blocks:
            if not self._writers:
                self._writers.append(ShardWriter(self._draft(), self._background))
            writer = self._writers[-1]
            taken = writer.room_for(blocks)
            batch = blocks if taken == len(blocks) else dict(islice(blocks.items(), taken))
            first = len(self._writers) - 1 << 32 | len(writer)
            self._staged.update(zip(batch, range(first, first + taken), strict=True))
            writer.add(batch)
            if taken == len(blocks):
                return
            blocks = dict(islice(blocks.items(), taken, None))
            writer.flush()
            self._writers.append(ShardWriter(self._draft(), self._background))

    def has(self, cids: Collection[CID]) -> set[CID]:
        """Those of `cids` that are staged or in the space."""
        self._check_open()
        staged = self.staged & cids
        return staged | self._space.has([cid for cid in cids if cid not in staged])

    @property
    def staged(self) -> KeysView[CID]:
        """The blocks that are staged: hashed on their way in, and not in the space before."""
        return self._staged.keys()

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        """Staged blocks, or those of the space, in the order asked for: what a verification walk reads.

        A staged block was hashed on its way in, and nobody else has its file; one of the space is
        hashed on this very read. Raises as `Space.get`.
        """
        self._check_open()
        elsewhere = [cid for cid in cids if cid not in self._staged]
        if len(elsewhere) == len(cids):
            return self._space.get(cids)
        found = dict(zip(elsewhere, self._space.get(elsewhere), strict=True)) if elsewhere else {}
        staged = [cid for cid in cids if cid not in found] if found else cids
        with guarded("reading staged blocks"):
            contents = self._read([self._staged[cid] for cid in staged])
        if not found:
            return contents
        found.update(zip(staged, contents, strict=True))
        return Hashed(found[cid] for cid in cids)

    def _read(self, positions: Sequence[int]) -> Hashed:
        shard = positions[0] >> 32
        if len(self._writers) == 1 or all(position >> 32 == shard for position in positions):
            return Hashed(self._writers[shard].read([position & 0xFFFFFFFF for position in positions]))
        return Hashed(content for position in positions for content in self._read([position]))

    def publish(self) -> Published:
        """Make everything staged part of the space; durable on return (S1, S2). Ends the stage.

        With nothing new staged it writes nothing. Raises SpaceFull, SpaceUnavailable: then nothing
        of it counts as stored.
        """
        self._check_open()
        with guarded("publishing shards"):
            written = [self._sync(writer) for writer in self._writers]
            named = [
                pair
                for writer, (index, _) in zip(self._writers, written, strict=True)
                for pair in ((writer.draft, shard_name(writer.cid)), (index, index_name(writer.cid)))
            ]
            if named:
                entries = self._place.publish(SHARDS, named)[::2]
                self._record(zip(entries, (slices for _, slices in written), strict=True))
        shards = tuple(writer.cid for writer in self._writers)
        published = Published(shards, len(self._staged), sum(writer.size_bytes for writer in self._writers))
        self.__exit__()
        return published

    def _sync(self, writer: ShardWriter) -> tuple[Draft, Slices]:
        """Sync a shard and its index under temporary names; the index and the shard's slices."""
        writer.flush()
        self._background.start(writer.draft.sync)
        slices, index = writer.slices(), self._draft()
        index.write(encode_shard_index(writer.cid, writer.size_bytes, slices))
        index.sync()
        self._background.wait()
        return index, slices

    def _draft(self) -> Draft:
        self._drafts.append(self._place.draft(SHARDS))
        return self._drafts[-1]

    def _check_open(self) -> None:
        if not self._open:
            raise StageClosed("the stage was published or dropped")
