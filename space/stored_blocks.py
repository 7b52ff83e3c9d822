"""Blocks read out of the shards of a place: each hashed at every read, from whichever copy is good (S4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from pail import CID, Hashed, HashMismatch, MissingBlock, verify_block
from space.errors import CorruptBlock, SpaceError
from space.far_blocks import FarBlocks
from space.guard import guarded
from space.index import Index
from space.place import Entry, Place, Span
from space.places import Slot
from space.shard_files import ShardFiles

_SHA2_256 = b"\x12\x20"


class StoredBlocks:
    """The blocks that `index` knows of. One thread at a time."""

    def __init__(
        self, place: Place, index: Index, far: FarBlocks | None, refresh: Callable[[], None]
    ) -> None:
        """far: what is kept at hand of a place that is far away. refresh: looks for shards anew."""
        self._index = index
        self._far = far
        self._refresh = refresh
        self._entries: dict[int, Entry] = {}
        self._files = ShardFiles(place)

    def close(self) -> None:
        """Let go of all files."""
        self._files.close()

    def get(self, cids: Sequence[CID], *, doomed: bool) -> list[bytes]:
        """As `Space.get`; doomed: also out of doomed shards."""
        with guarded("looking blocks up"):
            found = self._index.find({cid[-32:] for cid in cids}, doomed=doomed)
            here = [cid for cid in cids if cid[-32:] in found] if self._far else ()
            kept = self._far.get(here) if self._far else {}
        rest = [cid for cid in cids if cid not in kept]
        ahead = self._read_ahead(slots[0] for cid in rest if (slots := found.get(cid[-32:])))
        contents = [self._read(cid, found.get(cid[-32:], ()), ahead, doomed=doomed) for cid in rest]
        if self._far is None:
            return Hashed(contents)
        kept.update(zip(rest, contents, strict=True))
        self.keep(zip(rest, contents, strict=True))
        return Hashed(kept[cid] for cid in cids)

    def keep(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        """Have `blocks`, hashed by the caller, at hand if the place is far away; as best as can be."""
        if self._far is not None:
            with suppress(SpaceError), guarded("keeping blocks"):
                self._far.keep(blocks)

    def _read_ahead(self, slots: Iterable[Slot]) -> dict[Slot, bytes]:
        """What each shard has of `slots`, read at once; what cannot be had so is left to `_read`."""
        by_shard: dict[int, list[Slot]] = {}
        for slot in slots:
            by_shard.setdefault(slot.shard, []).append(slot)
        contents: dict[Slot, bytes] = {}
        for shard, wanted in by_shard.items():
            try:
                spans = [Span(offset, size) for _, offset, size in wanted]
                contents.update(zip(wanted, self._files.read_many(self._entry_of(shard), spans), strict=True))
            except OSError:
                continue
        return contents

    def _read(
        self,
        cid: CID,
        slots: Sequence[Slot],
        ahead: Mapping[Slot, bytes],
        *,
        doomed: bool,
        anew: bool = False,
    ) -> bytes:
        damaged: CorruptBlock | None = None
        vanished: list[int] = []
        for slot in slots if cid[-34:-32] == _SHA2_256 else ():
            try:
                return self._read_slot(cid, slot, ahead.get(slot))
            except FileNotFoundError:
                vanished.append(slot.shard)
            except HashMismatch:
                damaged = CorruptBlock(cid, self._entry_of(slot.shard).name, slot.offset)
                self._quarantine(slot)
        if vanished and not anew:
            return self._read(cid, self._look_anew(cid, vanished, doomed), {}, doomed=doomed, anew=True)
        raise damaged or MissingBlock(cid)

    def _look_anew(self, cid: CID, vanished: Iterable[int], doomed: bool) -> Sequence[Slot]:
        """Where else the block is: a prune may have copied it since before it removed a shard."""
        for shard in vanished:
            self._entries.pop(shard, None)
        with guarded("looking blocks up"):
            if any(self._index.entry_of(shard) for shard in vanished):
                self._refresh()
            return self._index.find({cid[-32:]}, doomed=doomed).get(cid[-32:], ())

    def _read_slot(self, cid: CID, slot: Slot, content: bytes | None) -> bytes:
        """Read once more by the shard's name before a copy is called damaged: it may be another file now."""
        entry = self._entry_of(slot.shard)
        for _ in ("open", "anew"):
            try:
                if content is None:
                    [content] = self._files.read_many(entry, [Span(slot.offset, slot.size)])
                verify_block(cid, content)
                return content
            except FileNotFoundError:
                raise
            except (HashMismatch, OSError):
                self._files.drop(entry.name)
                content = None
        raise HashMismatch(cid)

    def _entry_of(self, shard: int) -> Entry:
        """Raises FileNotFoundError for one that was forgotten since it was looked up."""
        entry = self._entries.get(shard)
        if entry is None:
            with guarded("looking a shard up"):
                entry = self._index.entry_of(shard)
            if entry is None:
                raise FileNotFoundError(shard)
            self._entries[shard] = entry
        return entry

    def _quarantine(self, slot: Slot) -> None:
        """As best as can be: a full disk must not hide that a block is damaged."""
        with suppress(SpaceError), guarded("noting a damaged block"):
            self._index.quarantine(slot)
