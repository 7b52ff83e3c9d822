"""The blocks of a space, wherever it lies.

The place holds only immutable objects, one head for each agent, and leases of who is writing (S2b). What
is in its shards is known from an index in the home, which repeats the place and can be lost at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

from pail import CID, Hashed, Reader
from space import inspection, intake
from space.errors import CorruptBlock, NoSpace
from space.far_blocks import FarBlocks
from space.guard import guarded
from space.identity import did_of_space, write_identity
from space.index import Index, State
from space.layout import SHARDS, shard_of_name
from space.lease import Lease, Now
from space.marks import take_marks
from space.place import Entry, Place
from space.place_cache import PlaceCache
from space.report import SpaceReport
from space.sample import Sample, every
from space.slices import Slices
from space.stage import Stage
from space.stored_blocks import StoredBlocks

_SHA2_256 = b"\x12\x20"

Elsewhere = Callable[[Reader, Sequence[CID]], list[bytes]]
"""Reads by the reader what it can, and the rest at another place, hashed. Raises as the reader."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Lasting:
    """The blocks that stay: a `Holder` that gives none out of doomed shards."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def has(self, cids: Collection[CID]) -> set[CID]:
        return self._space.has(cids)

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        return self._space.get_lasting(cids)

    def get_here(self, cids: Sequence[CID]) -> list[bytes]:
        return self._space.get_here(cids)

    def keep(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        self._space.keep(blocks)


class Space:
    """The blocks of one space. One thread at a time; any number of processes."""

    def __init__(self, place: Place, kept: PlaceCache, did: str, now_ms: Now) -> None:
        """Use `open`, or one of `space.opening`."""
        self.did = did
        """Names the space. When a folder has more than one, from before it was synced: the smallest."""
        self.place = place
        self.index: Index = kept.index
        self.head_lock: Path = kept.head_lock
        """A path of this machine: held while an agent's head object is read, folded and written."""
        self._kept = kept
        self._doubted: str | None = None
        """The shard that `doubt` was told of last."""
        far = None if place.is_near else FarBlocks(kept.kept)
        self._blocks = StoredBlocks(place, self.index, far, self.refresh)
        self.lease = Lease(place, self.index, kept.head_lock.parent, now_ms)
        """Held before anything is published, and let go by `close`."""
        self.elsewhere: Elsewhere | None = None  # reads what is nowhere whole here

    @classmethod
    def open(cls, place: Place, kept: PlaceCache, did: str | None = None, *, now_ms: Now = _now_ms) -> Space:
        """The space in `place`; if that is near, with what arrived since the last time taken in (`refresh`).

        Owns both from now on, also if it raises. did: names the space when the place holds none
        yet, which makes it one; else ignored. Raises NoSpace without either, SpaceFull, SpaceUnavailable.
        """
        try:
            with guarded(f"opening the space in {place.title}"):
                there = place.list("")
                found = did_of_space(place, there)
                own_did = found or did
                if own_did is None:
                    shards = any(shard_of_name(entry.name) for entry in place.list(SHARDS))
                    raise NoSpace(f"no space in {place.title}", has_shards=shards)
                place.make_ready()
                if not found:
                    write_identity(place, own_did)
                space = cls(place, kept, own_did, now_ms)
                if place.is_near:
                    space.refresh()
                take_marks(place, kept.index, there)
                space.lease.know()
        except BaseException:
            kept.close()
            place.close()
            raise
        return space

    def close(self) -> None:
        """Let go of all files. Nothing is lost by not doing so."""
        self._blocks.close()
        self.lease.end()
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
        the block anew, and another shard's copy is read instead; in the end that of `elsewhere`.
        Raises MissingBlock for one that is nowhere here, CorruptBlock if only damaged copies are.
        """
        if self.elsewhere is None:
            return self.get_here(cids)
        return Hashed(self.elsewhere(self.get_here, cids))

    def get_here(self, cids: Sequence[CID]) -> list[bytes]:
        """As `get`, from this place alone: what a head may rest on (C3)."""
        return self._blocks.get(cids, doomed=True)

    def get_lasting(self, cids: Sequence[CID]) -> list[bytes]:
        """As `get`, from shards that stay: what a writer may count on (spec/prune.md)."""
        return self._blocks.get(cids, doomed=False)

    def keep(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        """Have `blocks`, hashed by the caller, at hand if the place is far away; as best as can be."""
        self._blocks.keep(blocks)

    def stage(self) -> Stage:
        """A place to write blocks into before they belong to the space: use it in a `with`."""
        return Stage(self.place, _Lasting(self), self.record_whole, self.lease)

    def record_whole(self, shards: Iterable[tuple[Entry, Slices]]) -> None:
        """Take the files of new whole shards into the index, in one transaction."""
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

        A file already seen with this size and version is not read again. Far away, a large one is
        believed by its index object (spec/space.md), and nobody calls this without need.
        """
        with guarded("looking through the shards"):
            intake.refresh(self)

    def check(self, *, read_data: bool = True, of: Sample = every) -> SpaceReport:
        """What is whole and what is damaged; changes nothing but the index, which learns of it.

        read_data: read and hash every byte of the shards in the sample `of`; of the others, and without
        it of all, only what is new, changed or not known to be whole.
        """
        with guarded("checking the space"):
            return inspection.check(self, read_data=read_data, of=of)

    def doubt(self, loss: CorruptBlock) -> None:
        """Read all shards again after `loss`, so that nothing that is bad counts as held.

        Far away that is dear: there the shard of `loss` alone, unless another was doubted before it in this
        process; then it is no single fault.
        """
        of = shard_of_name(loss.shard)
        is_one = not self.place.is_near and self._doubted in (None, loss.shard)
        self._doubted = loss.shard
        self.check(of=(lambda shard: shard == of) if is_one else every)

    def repair(self) -> SpaceReport:
        """Rebuild the index from the shards, copy good blocks out of damaged ones into a new shard,
        write missing index objects. Deletes and renames nothing: spec/space.md says why.

        What is still named as lost is then written anew by the next backup that has it.
        Raises SpaceFull, SpaceUnavailable and PruneBegan before anything else: where it cannot write, it says
        nothing of what it found.
        """
        with guarded("repairing the space"):
            self.lease.hold()
            return inspection.repair(self)
