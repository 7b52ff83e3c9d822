"""What can go wrong in a space, and whose fault it is.

SpaceError
├── NoSpace            the folder holds no space yet; open it with a DID to make one
├── CorruptBlock       a block here no longer hashes to its CID, and no other copy is good
├── ShardUnreadable    other bytes arrived at a place than were brought there; nothing counts on them
├── SpaceFull          the disk is full; nothing was recorded, free some room and do it again
├── SpaceUnavailable   a file operation was refused, or the bucket or provider; nothing was recorded
├── BadAddress         the text does not say where a space is; the caller's mistake
├── StageClosed        the stage was published or dropped before; the caller's mistake
├── PruneBegan         shards were marked to be removed since this process looked; do it again
├── HeadOvertaken      another process of this agent wrote its head object meanwhile; fold it, and write again
├── NotReadable        an event's blocks, or those its state needs, are not all here (C3)
└── BadHeadObject      bytes that are no head object signed by its agent; ignored and named

A block that is nowhere here is `pail.MissingBlock`.
"""

from __future__ import annotations

import re

from pail import CID, DecodeError


class SpaceError(Exception):
    """Any error of this package."""


class NoSpace(SpaceError, LookupError):
    """The place holds no space, and no DID was given to make one.

    has_shards: but there are shards in it, so its file was lost.
    """

    def __init__(self, message: str, *, has_shards: bool = False) -> None:
        super().__init__(message)
        self.has_shards = has_shards


class CorruptBlock(SpaceError):
    """The block `cid` of `shard` is damaged and quarantined, and no other copy is good."""

    def __init__(self, cid: CID, shard: str, offset: int) -> None:
        super().__init__(f"damaged block {cid} at byte {offset} of {shard}")
        self.cid = cid
        self.shard = shard
        self.offset = offset


class ShardUnreadable(SpaceError):
    """The shard `name` does not read as what was brought to `place`; it is not counted on."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(f"{place} gives other bytes than it was given for {name}; try again")
        self.name = name
        self.place = place


class SpaceFull(SpaceError):
    """No room on the disk, or the quota is used up. The space is as before."""


class SpaceUnavailable(SpaceError):
    """A file operation was refused, or a request; the message says why. The space is as before."""


class BadAddress(SpaceError, ValueError):
    """`text` does not say where a space is, or says a place that must not be asked."""

    def __init__(self, text: str, why: str) -> None:
        shown = re.sub(r"//[^/]*@", "//…@", text)[:200]  # whoever writes a password there: not into a log
        super().__init__(f"{shown!r} does not name a space: {why}")


class StageClosed(SpaceError):
    """A stage was used after it was published or dropped."""


class PruneBegan(SpaceError):
    """Nothing was written; what was decided before may count on blocks that are about to go."""

    def __init__(self) -> None:
        super().__init__("a prune of this space began meanwhile, so nothing was written; run it again")


class HeadOvertaken(SpaceError):
    """A head object was written since this process last listed it; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "another process with this agent's key goes on writing the same head; run it again after that"
        )


class NotReadable(SpaceError, LookupError):
    """The event `event` was refused: `missing` cannot be read here, so a head must not name it (C3)."""

    def __init__(self, event: CID, missing: CID) -> None:
        super().__init__(f"event {event} cannot be taken in: {missing} is not in the space")
        self.event = event
        self.missing = missing


class BadHeadObject(SpaceError, DecodeError):
    """A file that is no head object, or not signed by the agent it names."""
