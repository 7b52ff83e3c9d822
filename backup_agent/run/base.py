"""What a run builds on: the snapshot before it, and whether that need not be read again.

A snapshot is built on if a run on this machine proved all of it, and no loss in the space was
noticed since. After a loss (a shard that is gone or damaged, a bad block, a lost index), and on a
snapshot of another machine, the run takes nothing for granted: it reads all that the space still
has, and fetches what it has not.
"""

from __future__ import annotations

from dataclasses import dataclass

from backup_agent.catalogue import Snapshot, newest_readable
from backup_agent.run.context import Run
from space import Head


@dataclass(frozen=True, slots=True)
class Base:
    """The snapshot before the run."""

    previous: Snapshot | None
    """The newest that can be read. It may be damaged below, or be another agent's."""
    losses: int
    """Of the space, before the run read anything."""
    proved: Snapshot | None
    """`previous`, if all of it is here and what its certificate counts was found so by this machine."""


def find_base(run_: Run, head: Head) -> Base:
    """What a run at `head` builds on."""
    losses = run_.space.losses
    previous = newest_readable(head, run_.account, run_.space.get)
    proved = previous if previous is not None and run_.space.is_whole(previous.cid) else None
    return Base(previous, losses, proved)
