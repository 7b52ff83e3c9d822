"""What a clock service keeps, and the one contract of all that keep it.

Everything is durable when a call returns (C4). A call that raises StoreUnavailable may have been
done or not, and can be made again. Calls may come from many tasks at once, and many processes
may share one database: an advance is one transaction, so no event is ever lost to another.

    clock        one row for each space: head, registration, what it has used
    event        the blocks of a clock's events: exactly its head and their ancestors
    revocation   delegations that were revoked, by whom, until they would have expired anyway
    follow       whose events a clock wants to hear of, as `clock/follow` said
    receipt      the receipts of what changed something, by task; the last MAX_RECEIPTS
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from clock_service.admission import Clock, Findings, Gathered
from clock_service.policy import Policy, Registration
from pail import CID
from pail.event import Head

MAX_RECEIPTS = 100_000
"""Kept for GET /receipt; older ones are forgotten. An advance's has some 300 bytes."""

MAX_RECEIPT_BYTES = 1 << 20
MAX_REVOCATIONS_READ = 1024
"""Delegations asked about at once."""

MAX_REVOCATIONS_OF_OWNER = 65_536
MAX_REVOCATIONS_OF_OTHERS = 4096
"""That are kept for one space, by its own key and by all others. The others cannot use up what the
owner has; and whoever delegates to crowds so as to fill it is revoked by the owner."""

MAX_REGISTRATIONS_READ = 10_000

MAX_FOLLOWS = 256
"""Of one clock."""


class Known(NamedTuple):
    """A clock and which of some events it keeps, at one moment."""

    clock: Clock
    kept: frozenset[CID]


class Revocation(NamedTuple):
    """`delegation` was revoked by the principal `by`. Whether `by` may is the validator's to say."""

    delegation: CID
    by: str


class Revoked(NamedTuple):
    """What is known of a revoked delegation: whose it is in the end, and when it ends; None for never."""

    space: str
    expires_at_unix: int | None


class Follow(NamedTuple):
    """A clock follows the events of `issuer` on the clock `clock`, both DIDs."""

    issuer: str
    clock: str


class Store(Protocol):
    """Every method raises StoreUnavailable if the database does not answer."""

    async def advance(self, space: str, offer: Gathered, findings: Findings, policy: Policy) -> Head:
        """The head after `offer.event`, in one transaction: `settle` decides, and raises its errors."""
        ...

    async def known(self, space: str, events: Collection[CID] = ()) -> Known:
        """The clock as it is now, and which of `events` it keeps. A clock never seen is an empty one."""
        ...

    async def events(self, space: str, events: Sequence[CID]) -> dict[CID, bytes]:
        """The blocks of those events that the clock keeps."""
        ...

    async def register(self, registration: Registration) -> None:
        """Host the space, or change its limits and guard."""
        ...

    async def unregister(self, space: str) -> bool:
        """Host it no longer; what was kept stays readable. False if it was not registered."""
        ...

    async def registrations(self, after: str = "") -> list[Registration]:
        """Those of spaces that sort after `after`, by space, MAX_REGISTRATIONS_READ at most."""
        ...

    async def follow(self, space: str, follow: Follow) -> bool:
        """Remember it; twice is once. False if the clock has MAX_FOLLOWS others."""
        ...

    async def unfollow(self, space: str, follow: Follow) -> None:
        """Forget it, if it is there."""
        ...

    async def following(self, space: str) -> list[Follow]:
        """What the clock follows, in order."""
        ...

    async def revoke(self, revocation: Revocation, revoked: Revoked) -> None:
        """Remember it until the delegation has expired, and KEEP_AFTER_S more. Twice is once.

        Raises OverLimit past MAX_REVOCATIONS_OF_OWNER or _OF_OTHERS.
        """
        ...

    async def revocations(self, delegations: Sequence[CID]) -> frozenset[Revocation]:
        """Those known now of these delegations, MAX_REVOCATIONS_READ at most (T3)."""
        ...

    async def keep_receipts(self, receipts: Mapping[CID, bytes]) -> None:
        """Keep the receipt of each task, a block; the first stays."""
        ...

    async def receipt(self, task: CID) -> bytes | None:
        """The receipt of `task`, or None if it is not known, or not any more."""
        ...

    def close(self) -> None:
        """Finish what was asked, then let the database go. Blocks; twice is once."""
        ...
