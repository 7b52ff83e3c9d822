"""A space in a local or synced folder.

The folder holds only immutable objects and one head for each agent (S2b). What is in its shards
is known from an index in the home, which repeats the folder and can be lost at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

from pail import CID, Hashed, HashMismatch, MissingBlock, verify_block
from space import inspection
from space.errors import CorruptBlock, SpaceError
from space.files import LOCAL_FILES, Entry, Files, held
from space.guard import guarded
from space.identity import make_identity
from space.index import Index, State
from space.layout import SHARDS
from space.objects import Objects
from space.places import Place
from space.report import SpaceReport
from space.shard_files import ShardFiles
from space.stage import Stage

_SHA2_256 = b"\x12\x20"


class FolderSpace:
    """The blocks of one folder. One thread at a time; any number of processes."""

    def __init__(self, objects: Objects, index: Index, did: str, head_lock: Path) -> None:
        """Use `open`."""
        self.did = did
        """Names the space. When a folder has more than one, from before it was synced: the smallest."""
        self.objects = objects
        self.index = index
        self.head_lock = head_lock
        """A path of this machine: held while an agent's head object is read, folded and written."""
        self._names: dict[int, str] = {}
        self._files = ShardFiles(objects.folder / SHARDS, objects.files)

    @classmethod
    def open(
        cls, folder: Path, *, cache: Path, did: str | None = None, files: Files = LOCAL_FILES
    ) -> FolderSpace:
        """The space in `folder`, with what arrived since the last time taken in (`refresh`).

        cache: a folder of this machine, never synced (`SKYPAIL_HOME/…`); may serve many spaces.
        did: names the space when the folder holds none yet, which makes both; else ignored.
        Raises NoSpace without either, SpaceFull, SpaceUnavailable.
        """
        with guarded(f"opening the space in {folder}"):
            cache.mkdir(parents=True, exist_ok=True)
            key = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
            lock = cache / f"{key}.lock"
            with held(lock):  # SQLite itself lets only one process at a time make the file
                index = Index(cache / f"{key}.sqlite")
            try:
                objects = Objects(folder, files, home=index.home, lock=lock)
                own_did = make_identity(objects, did)
                objects.make_rooms()  # a sync client may bring the space file before the folders
                objects.sweep()
                space = cls(objects, index, own_did, cache / f"{key}.head.lock")
                space.refresh()
            except BaseException:
                index.close()
                raise
            return space

    def close(self) -> None:
        """Let go of all files. Nothing is lost by not doing so."""
        self._files.close()
        self.index.close()

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
        return Hashed(self._read(cid, found.get(cid[-32:], ())) for cid in cids)

    def _read(self, cid: CID, places: Sequence[Place]) -> bytes:
        damaged: CorruptBlock | None = None
        for place in places if cid[-34:-32] == _SHA2_256 else ():
            name = self._name_of(place.shard)
            try:
                return self._read_place(cid, name, place)
            except FileNotFoundError:  # the shard vanished; `refresh` will forget it
                continue
            except HashMismatch:
                damaged = CorruptBlock(cid, name, place.offset)
                self._quarantine(place)
        raise damaged or MissingBlock(cid)

    def _read_place(self, cid: CID, name: str, place: Place) -> bytes:
        """Read once more from the file by its name before a copy is called damaged: it may be another now."""
        for _ in ("open", "anew"):
            try:
                content = self._files.read(name, place.offset, place.size)
                verify_block(cid, content)
                return content
            except FileNotFoundError:
                raise
            except (HashMismatch, OSError):
                self._files.drop(name)
        raise HashMismatch(cid)

    def _name_of(self, shard: int) -> str:
        name = self._names.get(shard)
        if name is None:
            with guarded("looking a shard up"):
                name = self._names[shard] = self.index.name_of(shard) or ""
        return name

    def _quarantine(self, place: Place) -> None:
        """As best as can be: a full disk must not hide that a block is damaged."""
        try:
            with guarded("noting a damaged block"):
                self.index.quarantine(place)
        except SpaceError:
            pass

    def stage(self) -> Stage:
        """A place to write blocks into before they belong to the space: use it in a `with`."""
        return Stage(self.objects, self, self._record_whole)

    def _record_whole(self, shards: Iterable[tuple[Entry, list[bytes]]]) -> None:
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
