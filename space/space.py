"""The blocks of a space, wherever it lies.

The place holds only immutable objects and one head for each agent (S2b). What is in its shards
is known from an index in the home, which repeats the place and can be lost at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from pail import CID, Hashed, HashMismatch, MissingBlock, verify_block
from space import inspection
from space.errors import CorruptBlock, NoSpace, SpaceError
from space.guard import guarded
from space.identity import did_of_space, write_identity
from space.index import Index, State
from space.place import Entry, Place, Span
from space.place_cache import PlaceCache
from space.places import Slot
from space.report import SpaceReport
from space.shard_files import ShardFiles
from space.slices import Slices
from space.stage import Stage

_SHA2_256 = b"\x12\x20"


class Space:
    """The blocks of one space. One thread at a time; any number of processes."""

    def __init__(self, place: Place, kept: PlaceCache, did: str) -> None:
        """Use `open`, or one of `space.opening`."""
        self.did = did
        """Names the space. When a folder has more than one, from before it was synced: the smallest."""
        self.place = place
        self.index: Index = kept.index
        self.head_lock: Path = kept.head_lock
        """A path of this machine: held while an agent's head object is read, folded and written."""
        self._kept = kept
        self._entries: dict[int, Entry] = {}
        self._files = ShardFiles(place)

    @classmethod
    def open(cls, place: Place, kept: PlaceCache, did: str | None = None) -> Space:
        """The space in `place`, with what arrived since the last time taken in (`refresh`).

        Owns both from now on, also if it raises. did: names the space when the place holds none
        yet, which makes it one; else ignored. Raises NoSpace without either, SpaceFull, SpaceUnavailable.
        """
        try:
            with guarded(f"opening the space in {place.title}"):
                found = did_of_space(place)
                own_did = found or did
                if own_did is None:
                    raise NoSpace(f"no space in {place.title}")
                place.make_ready()
                if not found:
                    write_identity(place, own_did)
                space = cls(place, kept, own_did)
                space.refresh()
        except BaseException:
            kept.close()
            place.close()
            raise
        return space

    def close(self) -> None:
        """Let go of all files. Nothing is lost by not doing so."""
        self._files.close()
        self.place.close()
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, cids: Collection[CID]) -> set[CID]:
        """Those of `cids` that are here, in one batch; reads the index alone."""
        with guarded("looking blocks up"):
            if not cids or self.index.is_empty():
                return set()
            found = self.index.find({cid[-32:] for cid in cids})
        return {cid for cid in cids if cid[-32:] in found and cid[-34:-32] == _SHA2_256}

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        """The blocks, in the order asked for, each hashed on this very read (S4): a `pail.Reader`.

        A copy that is damaged is quarantined, so that `has` denies it and the next backup writes
        the block anew, and another shard's copy is read instead.
        Raises MissingBlock for one that is nowhere here, CorruptBlock if only damaged copies are.
        """
        with guarded("looking blocks up"):
            found = self.index.find({cid[-32:] for cid in cids})
        ahead = self._read_ahead([slots[0] for slots in found.values()])
        return Hashed(self._read(cid, found.get(cid[-32:], ()), ahead) for cid in cids)

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

    def _read(self, cid: CID, slots: Sequence[Slot], ahead: Mapping[Slot, bytes]) -> bytes:
        damaged: CorruptBlock | None = None
        for slot in slots if cid[-34:-32] == _SHA2_256 else ():
            try:
                return self._read_slot(cid, slot, ahead.get(slot))
            except FileNotFoundError:  # the shard vanished; `refresh` will forget it
                continue
            except HashMismatch:
                damaged = CorruptBlock(cid, self._entry_of(slot.shard).name, slot.offset)
                self._quarantine(slot)
        raise damaged or MissingBlock(cid)

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
                entry = self.index.entry_of(shard)
            if entry is None:
                raise FileNotFoundError(shard)
            self._entries[shard] = entry
        return entry

    def _quarantine(self, slot: Slot) -> None:
        """As best as can be: a full disk must not hide that a block is damaged."""
        try:
            with guarded("noting a damaged block"):
                self.index.quarantine(slot)
        except SpaceError:
            pass

    def stage(self) -> Stage:
        """A place to write blocks into before they belong to the space: use it in a `with`."""
        return Stage(self.place, self, self._record_whole)

    def _record_whole(self, shards: Iterable[tuple[Entry, Slices]]) -> None:
        with self.index:
            for entry, slices in shards:
                self.index.record(entry, State.WHOLE, slices)

    @property
    def losses(self) -> int:
        """How many times so far something that was here was noticed to be gone or damaged."""
        with guarded("reading the index"):
            return self.index.losses()

    def note_whole(self, root: CID, losses: int) -> None:
        """Remember that all below `root` was proved to be here, unless `losses` has grown since."""
        with guarded("noting what is whole"):
            self.index.add_whole(root, losses)

    def is_whole(self, root: CID) -> bool:
        """Whether all below `root` was noted to be here, and no loss was noticed since.

        So what was proved once need not be read again. A lost index means no.
        """
        with guarded("reading the index"):
            return self.index.is_whole(root)

    def refresh(self) -> None:
        """Take in CAR shards that appeared, each hashed whole once, and forget those that vanished.

        A file already seen with this size and time of change is not read again.
        """
        with guarded("looking through the shards"):
            inspection.refresh(self)

    def check(self, *, read_data: bool = True) -> SpaceReport:
        """What is whole and what is damaged; changes nothing but the index, which learns of it.

        read_data: read and hash every byte; else only what is new, changed or not known to be whole.
        """
        with guarded("checking the space"):
            return inspection.check(self, read_data=read_data)

    def repair(self) -> SpaceReport:
        """Rebuild the index from the shards, copy good blocks out of damaged ones into a new shard,
        write missing index objects. Deletes and renames nothing: spec/space.md says why.

        What is still named as lost is then written anew by the next backup that has it.
        """
        with guarded("repairing the space"):
            return inspection.repair(self)
