"""Blocks on their way into a space: written already, verified next, published last or never.

Order of `publish` (S1, S2): every shard and its index object synced to this machine's disk; then
all published by the place, durably; then one transaction of the index. A crash in between leaves
whole shards that nothing names: the next look at the place takes them in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, KeysView, Mapping, Sequence
from itertools import islice
from typing import Protocol, Self

from pail import CID, RAW, Hashed, MissingBlock, TooLarge, cid_of
from space.background import Background
from space.errors import CorruptBlock, StageClosed
from space.frames import is_worth_packing
from space.guard import guarded
from space.kept_bytes import MAX_PIECE_BYTES
from space.layout import SHARDS, SMALL_SHARD_BYTES, index_name, shard_name, shard_of_name
from space.place import Draft, Entry, Place
from space.report import Published
from space.shard_writer import ShardWriter
from space.sharded_dag_index import encode_shard_index
from space.slices import Slices
from space.stock import MAX_BLOCK_BYTES

MAX_KEPT_BLOCKS = 4096
"""Of a publishing so many blocks at most are kept at hand: the last, which are the snapshot's own, since a
first backup's would drive out each other."""

MEDIA_BYTES = 16 << 10
"""Where shards rest compressed, raw blocks from this size on have shards of their own: they would
make others large, and compress badly."""

SAMPLE_BYTES = 1 << 20
"""The first of a shard, by which it is packed or not."""


class Holder(Protocol):
    """What a stage counts on: blocks that stay, so none that stands in doomed shards alone."""

    def has(self, cids: Collection[CID]) -> set[CID]: ...

    def get(self, cids: Sequence[CID]) -> list[bytes]: ...

    def get_here(self, cids: Sequence[CID]) -> list[bytes]:
        """As `get`, also out of doomed shards."""
        ...

    def keep(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        """Have them at hand, if the place is far away."""
        ...


class Right(Protocol):
    """The right to publish: a `space.lease.Lease`."""

    def hold(self) -> None:
        """Raises PruneBegan if what was decided so far may not hold."""
        ...

    def is_doomed(self, shard: CID) -> bool: ...


Record = Callable[[Iterable[tuple[Entry, Slices]]], None]
"""Takes the files of new whole shards and their slices into the index, in one transaction."""


class Stage:
    """Use in a `with`. Leaving it without `publish` drops every staged block."""

    def __init__(self, place: Place, space: Holder, record: Record, right: Right) -> None:
        self._place = place
        self._right = right
        self._space = space
        self._record = record
        self._writers: list[ShardWriter] = []
        self._open_writers: dict[bool, int] = {}
        """The numbers of those that still take blocks, by whether they take media."""
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
            for is_media, some in _by_kind(fresh) if self._place.packs else [(False, fresh)]:
                self._append(some, is_media)
        return len(fresh)

    def _append(self, blocks: dict[CID, bytes], is_media: bool) -> None:
        while blocks:
            number = self._open_writers.get(is_media)
            if number is None:
                number = self._open_writers[is_media] = len(self._writers)
                self._writers.append(ShardWriter(self._draft(), self._background))
            writer = self._writers[number]
            taken = writer.room_for(blocks)
            batch = blocks if taken == len(blocks) else dict(islice(blocks.items(), taken))
            first = number << 32 | len(writer)
            self._staged.update(zip(batch, range(first, first + taken), strict=True))
            writer.add(batch)
            if taken < len(blocks):
                writer.flush()
                del self._open_writers[is_media]
            blocks = dict(islice(blocks.items(), taken, None))

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
        hashed on this very read. What stands in doomed shards alone is staged by reading it, as a
        writer counts on what it reads. Raises as `Space.get` and `put_many`.
        """
        self._check_open()
        elsewhere = [cid for cid in cids if cid not in self._staged]
        if len(elsewhere) == len(cids):
            return self._get_held(cids)
        found = dict(zip(elsewhere, self._get_held(elsewhere), strict=True)) if elsewhere else {}
        staged = [cid for cid in cids if cid not in found] if found else cids
        with guarded("reading staged blocks"):
            contents = self._read([self._staged[cid] for cid in staged])
        if not found:
            return contents
        found.update(zip(staged, contents, strict=True))
        return Hashed(found[cid] for cid in cids)

    def _get_held(self, cids: Sequence[CID]) -> list[bytes]:
        try:
            return self._space.get(cids)
        except (MissingBlock, CorruptBlock) as loss:
            try:
                contents = self._space.get_here(cids)
            except MissingBlock:  # a damaged copy is given out no more: that it was there is what counts
                raise loss from None
        self.put_many(zip(cids, contents, strict=True))
        return contents

    def _read(self, positions: Sequence[int]) -> Hashed:
        shard = positions[0] >> 32
        if len(self._writers) == 1 or all(position >> 32 == shard for position in positions):
            return Hashed(self._writers[shard].read([position & 0xFFFFFFFF for position in positions]))
        return Hashed(content for position in positions for content in self._read([position]))

    def _size_at(self, position: int) -> int:
        return self._writers[position >> 32].sizes[position & 0xFFFFFFFF]

    def publish(self) -> Published:
        """Make everything staged part of the space; durable on return (S1, S2). Ends the stage.

        With nothing new staged it writes nothing. Raises SpaceFull, SpaceUnavailable, PruneBegan: then
        nothing of it counts as stored.
        """
        self._check_open()
        if self._writers:
            self._right.hold()
        with guarded("publishing shards"):
            for writer in self._writers:
                self._rename_doomed(writer)
            written = [
                self._packed(writer) if self._place.packs else self._synced(writer)
                for writer in self._writers
            ]
            if written:
                entries = self._place.publish(SHARDS, [pair for named, _ in written for pair in named])
                shard_entries = [entry for entry in entries if shard_of_name(entry.name)]
                self._record(zip(shard_entries, (slices for _, slices in written), strict=True))
        if not self._place.is_near and self._staged:
            last = list(self._staged.items())[-MAX_KEPT_BLOCKS:]
            cids = [cid for cid, at in last if self._size_at(at) <= MAX_PIECE_BYTES]
            self._space.keep(zip(cids, self.get(cids), strict=True))
        shards = tuple(writer.cid for writer in self._writers)
        published = Published(shards, len(self._staged), sum(writer.size_bytes for writer in self._writers))
        self.__exit__()
        return published

    def _rename_doomed(self, writer: ShardWriter) -> None:
        """A shard that a prune doomed comes back with a block more, so that it is another."""
        writer.flush()
        if self._right.is_doomed(writer.cid):
            nonce = secrets.token_bytes(16)
            writer.add({cid_of(RAW, nonce): nonce})

    def _synced(self, writer: ShardWriter) -> tuple[list[tuple[Draft, str]], Slices]:
        """A shard and its index under temporary names, on the disk; and the shard's slices."""
        writer.flush()
        self._background.start(writer.draft.sync)
        slices = writer.slices()
        index = self._index(writer, slices)
        index.sync()
        self._background.wait()
        return [(writer.draft, shard_name(writer.cid)), (index, index_name(writer.cid))], slices

    def _packed(self, writer: ShardWriter) -> tuple[list[tuple[Draft, str]], Slices]:
        """A shard that will rest in frames if that pays, and its index if it is large; and its slices."""
        writer.flush()
        packed = is_worth_packing(writer.draft.read(0, min(SAMPLE_BYTES, writer.draft.size)))
        named, slices = [(writer.draft, shard_name(writer.cid, packed=packed))], writer.slices()
        if writer.size_bytes > SMALL_SHARD_BYTES:
            named.append((self._index(writer, slices), index_name(writer.cid)))
        return named, slices

    def _index(self, writer: ShardWriter, slices: Slices) -> Draft:
        index = self._draft()
        index.write(encode_shard_index(writer.cid, writer.size_bytes, slices))
        return index

    def _draft(self) -> Draft:
        self._drafts.append(self._place.draft(SHARDS))
        return self._drafts[-1]

    def _check_open(self) -> None:
        if not self._open:
            raise StageClosed("the stage was published or dropped")


def _by_kind(blocks: Mapping[CID, bytes]) -> list[tuple[bool, dict[CID, bytes]]]:
    """The blocks that are media, and those that are not; neither if there are none."""
    media = {cid: data for cid, data in blocks.items() if len(data) >= MEDIA_BYTES and cid.codec == RAW}
    rest = {cid: data for cid, data in blocks.items() if cid not in media} if media else dict(blocks)
    return [pair for pair in ((False, rest), (True, media)) if pair[1]]
