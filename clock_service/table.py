"""The service as a table: ability → what is done. Who may ask is settled before a handler is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import time
from typing import TypeVar

from clock_service import capabilities
from clock_service.capabilities import Advance, Following, Provide
from clock_service.errors import AskAgain, ClockServiceError, NotProvisioned
from clock_service.failures import failure_of
from clock_service.policy import Registration
from clock_service.revoking import find_roots, may_revoke
from clock_service.service import ClockService
from clock_service.store import Follow, Revocation, Revoked
from pail import CID
from ucan import (
    Delegation,
    Failure,
    NamedSigner,
    Outcome,
    Provided,
    Refused,
    Service,
    Signer,
    Task,
    provide,
    view_delegation,
)
from ucan.questions import Keys
from ucan.search import Authority
from ucan.server import KeyResolver

N = TypeVar("N")


async def resolve_none(did: str) -> Keys:
    """The keys of no DID: each did:key has its own."""
    return ()


class Table:
    """The handlers over one clock service. issuer: who the service is, and signs as.

    keys_of: as `ucan.Server` has it.
    """

    def __init__(
        self, clocks: ClockService, issuer: Signer | NamedSigner, keys_of: KeyResolver = resolve_none
    ) -> None:
        self._clocks = clocks
        self._issuer = issuer
        self._keys_of = keys_of

    def service(self) -> Service:
        return Service(
            self._issuer,
            [
                *self.rows(),
                provide(capabilities.PROVIDE, _named(self._provide)),
            ],
        )

    def rows(self) -> list[Provided]:
        """All but `provider/add`, of which whoever hosts more than clocks has its own."""
        return [
            provide(capabilities.HEAD, _named(self._head)),
            provide(capabilities.ADVANCE, _named(self._advance)),
            provide(capabilities.FOLLOW, _named(self._follow)),
            provide(capabilities.UNFOLLOW, _named(self._unfollow)),
            provide(capabilities.FOLLOWING, _named(self._following)),
            provide(capabilities.REVOKE, _named(self._revoke)),
        ]

    async def _head(self, task: Task[None]) -> Outcome:
        return Outcome({"head": list(await self._clocks.head(task.resource))})

    async def _advance(self, task: Task[Advance]) -> Outcome:
        """Of the message's blocks only those that the invocation itself attached are looked at."""
        attached = ((cid, task.blocks[cid]) for cid in task.invocation.attached() if cid in task.blocks)
        head = await self._clocks.advance(task.resource, task.nb.event, attached, task.nb.caveats)
        return Outcome({"head": list(head)})

    async def _follow(self, task: Task[Following]) -> Outcome:
        await self._clocks.check_hosted(task.resource)
        if not await self._clocks.store.follow(task.resource, _follow_of(task)):
            raise Refused(Failure("TooMuch", "the clock follows as many as it may"))
        return Outcome({})

    async def _unfollow(self, task: Task[Following]) -> Outcome:
        await self._clocks.check_hosted(task.resource)
        await self._clocks.store.unfollow(task.resource, _follow_of(task))
        return Outcome({})

    async def _following(self, task: Task[None]) -> Outcome:
        follows = await self._clocks.store.following(task.resource)
        return Outcome({"following": [{"iss": follow.issuer, "with": follow.clock} for follow in follows]})

    async def _revoke(self, task: Task[CID]) -> Outcome:
        """By the issuer or the audience of a delegation, or an issuer further up its chain (T3)."""
        if task.nb not in task.blocks:
            raise Refused(Failure("UCANNotFound", f"the delegation {task.nb} did not come along"))
        if not may_revoke(task.resource, task.nb, task.blocks):
            message = f"{task.resource} is no principal of the chain of {task.nb}"
            raise Refused(Failure("UnauthorizedRevocation", message))
        view = view_delegation(task.nb, task.blocks)
        revoked = Revoked(await self._concerned(view, task.blocks), view.ucan.expires_at_unix)
        await self._clocks.store.revoke(Revocation(task.nb, task.resource), revoked)
        return Outcome({"time": int(time() * 1000)})

    async def _concerned(self, view: Delegation, blocks: Mapping[CID, bytes]) -> str:
        """The hosted space, or the service, whose key is at the top of its chain. Raises NotProvisioned."""
        key = self._issuer.signer if isinstance(self._issuer, NamedSigner) else self._issuer
        authority = Authority(self._issuer.did, (key.verifier,))
        roots = await find_roots(view, blocks, authority, self._keys_of)
        if self._issuer.did in roots:
            return self._issuer.did
        for root in roots:
            with suppress(NotProvisioned):
                await self._clocks.check_hosted(root)
                return root
        raise NotProvisioned(next(iter(roots), view.issuer))

    async def _provide(self, task: Task[Provide]) -> Outcome:
        """The operator is who holds the service's key: its delegations say who may add spaces."""
        if task.resource != self._issuer.did or task.nb.provider != self._issuer.did:
            raise Refused(Failure("Unauthorized", "only the operator of this service provides it"))
        known = await self._clocks.store.known(task.nb.consumer)
        if not known.clock.is_registered:
            await self._clocks.store.register(Registration(task.nb.consumer, self._clocks.policy.limits))
        return Outcome({})


def _follow_of(task: Task[Following]) -> Follow:
    return Follow(task.nb.issuer or task.invocation.issuer, task.nb.clock or task.resource)


def _named(work: Callable[[Task[N]], Awaitable[Outcome]]) -> Callable[[Task[N]], Awaitable[Outcome]]:
    """`work`, with what refused it as a failure by name; AskAgain stops the whole request."""

    async def handler(task: Task[N]) -> Outcome:
        try:
            return await work(task)
        except AskAgain:
            raise
        except ClockServiceError as error:
            raise Refused(failure_of(error)) from error

    return handler
