"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass

from backup_agent.catalogue import Snapshot
from backup_agent.run.private import NOT_LOGGED_IN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    snapshot: Snapshot
    """The newest snapshot: the one recorded now, or the one that still holds."""
    recorded: bool
    """False when nothing had changed."""
    written_bytes: int
    """Bytes of the blocks that the run added to the space."""
    written_blocks: int = 0
    """Those blocks. When nothing was recorded, they are what the space had lost."""

    @property
    def missing(self) -> dict[str, str]:
        """Blobs that the snapshot lacks, each with its cause."""
        return self.snapshot.certificate.missing

    @property
    def excluded(self) -> dict[str, str]:
        """What was asked for and not permitted; what nobody asked for is none of it."""
        excluded = self.snapshot.certificate.excluded
        return {what: why for what, why in excluded.items() if why != NOT_LOGGED_IN}

    @property
    def whole(self) -> bool:
        """Whether the snapshot has everything that was asked for."""
        return not self.missing and not self.excluded
