"""The heart of a clock service: takes authorized calls, and never names a head that it cannot read.

Who may call is decided before (UCAN); what of it was narrowed comes as caveats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from clock_service.admission import Findings, Gathered, gather
from clock_service.errors import ClockServiceError, HeadMoved, MissingAncestors, NotProvisioned
from clock_service.examination import examine, wants_replay
from clock_service.fetching import Source, fetch_missing
from clock_service.policy import Caveats, Guard, Policy, Provision
from clock_service.store import Known, Store
from clock_service.turns import Turns
from pail import CID
from pail.event import Head

MAX_RACES = 32
"""Times that a narrowed advance looks again because the head moved meanwhile."""

MAX_SPACE = 2048
"""Characters of a space's DID."""

REFUSED = "refused_"
"""Before the name of an error, of a counter."""

WHOLE = Caveats()


class ClockService:
    """Clocks of many spaces over one store. source: where ancestors that did not come may be had.

    counters: what was done since the start, by name.
    """

    def __init__(self, store: Store, policy: Policy, *, source: Source | None = None) -> None:
        self.store = store
        self.policy = policy
        self.counters: Counter[str] = Counter()
        self._source = source
        self._turns = Turns()

    async def head(self, space: str) -> Head:
        """The head now; () for a clock that has seen nothing, hosted or not."""
        self.counters["heads"] += 1
        return (await self.store.known(_checked(space))).clock.head

    async def check_hosted(self, space: str) -> None:
        """Raises NotProvisioned if nothing may be stored for `space`."""
        self._check_provisioned(await self.store.known(_checked(space)), space)

    async def advance(
        self,
        space: str,
        event: CID,
        blocks: Iterable[tuple[CID, bytes]] = (),
        caveats: Caveats = WHOLE,
    ) -> Head:
        """The head after `event`, durable (C4), whatever the order events arrive in (C1).

        blocks: the event's, those of ancestors the clock may lack (C3), and the pail shards that
        the new events touch (C6). caveats: of a narrowed delegation; its new events want their
        shards along, and are taken only where they add to the head what the caveats allow.
        Raises Refused with the reason, NotProvisioned, OverLimit: nothing was stored then.
        Raises StoreUnavailable: it may have been, and asking again is safe.
        """
        try:
            head = await self._advance(_checked(space), event, dict(blocks), caveats)
        except ClockServiceError as error:
            self.counters[REFUSED + type(error).__name__] += 1
            raise
        self.counters["advances"] += 1
        return head

    async def _advance(self, space: str, event: CID, blocks: dict[CID, bytes], caveats: Caveats) -> Head:
        offer = gather(event, blocks)
        try:
            return await self._look_and_settle(space, offer, caveats)
        except MissingAncestors:
            if self._source is None:
                raise
        offer = await fetch_missing(self.store, self._source, space, event, blocks)
        return await self._look_and_settle(space, offer, caveats)

    async def _look_and_settle(self, space: str, offer: Gathered, caveats: Caveats) -> Head:
        for races in range(MAX_RACES):
            findings = await self._look(space, offer, caveats)
            try:
                return await self.store.advance(space, offer, findings, self.policy)
            except HeadMoved:
                if races + 1 == MAX_RACES:
                    raise
        raise AssertionError("the last race is lost or won")

    async def _look(self, space: str, offer: Gathered, caveats: Caveats) -> Findings:
        """What the guard finds; nothing is read where nothing came along to be looked at."""
        is_bare = not offer.blocks and not caveats.narrow
        if is_bare and all(offer.parents.values()):
            return Findings()
        known = await self.store.known(space, offer.named)
        self._check_provisioned(known, space)
        guard = known.clock.guard or self.policy.guard
        if not caveats.narrow and (guard is Guard.OFF or (is_bare and guard is not Guard.REQUIRE)):
            return Findings()  # a first event is proved by itself, where that is required
        if not wants_replay(known, offer, caveats):
            return await examine(self.store, known, offer, caveats)
        async with self._turns.of(space):
            known = await self.store.known(space, offer.named)  # the wait may have been long
            return await examine(self.store, known, offer, caveats)

    def _check_provisioned(self, known: Known, space: str) -> None:
        if self.policy.provision is Provision.REGISTERED and not known.clock.is_registered:
            raise NotProvisioned(space)


def _checked(space: str) -> str:
    if (
        not space.startswith("did:")
        or len(space) > MAX_SPACE
        or not (space.isascii() and space.isprintable())
    ):
        raise NotProvisioned(space)
    return space
