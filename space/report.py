"""What a look at a space found: values that commands print."""

from __future__ import annotations

from dataclasses import dataclass

from pail import CID


@dataclass(frozen=True, slots=True)
class Published:
    """What one stage added durably: names of CAR shards, number and bytes of blocks."""

    shards: tuple[CID, ...]
    blocks: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged place of a CAR shard.

    cid: the block there, None when not even its name can be read. offset: byte in the file.
    lost: no good copy of the block is anywhere in the space.
    """

    shard: str
    cid: CID | None
    offset: int
    cause: str
    lost: bool


@dataclass(frozen=True, slots=True)
class SpaceReport:
    """What `check` and `repair` found.

    shards, size_bytes: of the whole CAR shards. blocks: the good ones of all shards (one that two
    shards hold counts twice).
    damages: every damaged place, ordered by shard and offset.
    incomplete: shard files that end early or are not here in full yet, as while a folder is syncing.
    foreign: files in the shards folder that are none of ours; left alone.
    unindexed: whole shards without their index file beside them; `repair` writes it.
    settled: damaged files whose good blocks are elsewhere; nothing in them is needed any more.
    mended: damaged places that this repair found, and of which nothing is lost now; not in damages.
    given_up: blocks that this repair found nowhere; no later report names them.
    believed: of `shards`, those that this machine knows from their index objects and never read whole.
    """

    shards: int
    blocks: int
    size_bytes: int
    damages: tuple[Damage, ...] = ()
    incomplete: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    unindexed: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    mended: tuple[Damage, ...] = ()
    given_up: int = 0
    believed: int = 0

    @property
    def whole(self) -> bool:
        """No block that was ever stored here is lost."""
        return not any(damage.lost for damage in self.damages)
