"""What a run asks before each visible write, and when several of one space write their head."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from backup_agent.server import lease_rows, turn_rows
from backup_agent.server.database import Database
from backup_agent.server.deadline import Deadline
from backup_agent.server.errors import UsedUp, Wait
from backup_agent.server.lease_rows import Lease
from ucan import Delegation

TURN_TIMEOUT_S = 60.0
TURN_POLL_S = 0.05


@dataclass(slots=True)
class Permit:
    """Of one run, which begins now. chain: its delegations with their proofs. left_bytes: what its space
    may take today.
    """

    database: Database
    lease: Lease
    space: str
    chain: Sequence[Delegation]
    left_bytes: int
    deadline: Deadline = field(default_factory=Deadline)
    sleep: Callable[[float], None] = time.sleep

    def __call__(self) -> None:
        """Return if the run may write now. Raises Stopped, OutOfTime, StoreUnavailable."""
        self.deadline.check()
        self.database.do(lambda session: lease_rows.check(session, self.lease, self.chain))

    def spend(self, size: int) -> None:
        """Count what is about to be written. Raises UsedUp."""
        self.left_bytes -= size
        if self.left_bytes < 0:
            raise UsedUp("bytes")

    @contextmanager
    def turn(self) -> Generator[None]:
        """Alone with the head object of the space. Raises Wait if another run does not get on with it."""
        end = time.monotonic() + TURN_TIMEOUT_S
        while not self.database.do(lambda session: turn_rows.take(session, self.space, self.lease)):
            if time.monotonic() > end:
                raise Wait("another run of this space is writing its head", TURN_TIMEOUT_S)
            self.sleep(TURN_POLL_S)
        try:
            yield
        finally:
            self.database.do(lambda session: turn_rows.give_back(session, self.space, self.lease))
