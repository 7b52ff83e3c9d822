"""A space in a local or synced folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

from pail import CID
from space.files import LOCAL_FILES, Files
from space.report import Published, SpaceReport


class FolderSpace:
    """A space in a folder that may be synced; its index lives in `cache` and can be lost at any time.

    One thread at a time; any number of processes.
    """

    did: str

    @classmethod
    def open(
        cls, folder: Path, *, cache: Path, did: str | None = None, files: Files = LOCAL_FILES
    ) -> FolderSpace:
        """The space in `folder`, with what arrived since the last time taken in (`refresh`).

        cache: a folder of this machine, never synced (`SKYPAIL_HOME/…`); may serve many spaces.
        did: names the space when the folder holds none yet, which makes both; else ignored.
        Raises NoSpace without either, SpaceFull, SpaceUnavailable.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of all files. Nothing is lost by not doing so."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        """The blocks, in the order asked for, each hashed on this very read (S4): a `pail.Reader`.

        A copy that is damaged is quarantined, so that `has` denies it and the next backup writes
        the block anew, and another shard's copy is read instead.
        Raises MissingBlock for one that is nowhere here, CorruptBlock if only damaged copies are.
        """
        raise NotImplementedError

    def has(self, cids: Collection[CID]) -> set[CID]:
        """Those of `cids` that are here, in one batch; reads the index alone."""
        raise NotImplementedError

    def stage(self) -> Stage:
        """A place to write blocks into before they belong to the space: use it in a `with`."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Take in CAR shards that appeared, each hashed whole once, and forget those that vanished.

        A file already seen with this size and time of change is not read again.
        """
        raise NotImplementedError

    def check(self, *, read_data: bool = True) -> SpaceReport:
        """What is whole and what is damaged, changing nothing but the index (quarantine).

        read_data: read and hash every byte; else only compare names and sizes with the index.
        """
        raise NotImplementedError

    def repair(self) -> SpaceReport:
        """Rebuild the index from the shards, copy good blocks out of damaged ones into a new shard,
        write missing index files. Deletes and renames nothing: see spec/space.md on why.
        """
        raise NotImplementedError


class Stage:
    """Blocks on their way into a space. Leaving the `with` without `publish` drops them all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def put_many(self, blocks: Iterable[tuple[CID, bytes]]) -> int:
        """Write the blocks that neither the space nor this stage has (S3); how many those were.

        blocks: hash-checked by the caller. Batches of 64 KiB and more are fastest.
        Raises SpaceFull, SpaceUnavailable; the stage is then only good to be left.
        """
        raise NotImplementedError

    def has(self, cids: Collection[CID]) -> set[CID]:
        """Those of `cids` that are staged or in the space."""
        raise NotImplementedError

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        """Staged blocks, or those of the space, in order, each hashed: what a verification walk reads."""
        raise NotImplementedError

    def publish(self) -> Published:
        """Make everything staged part of the space; durable on return (S1, S2). Ends the stage.

        With nothing new staged it writes nothing. Raises SpaceFull, SpaceUnavailable: then nothing
        is recorded.
        """
        raise NotImplementedError
