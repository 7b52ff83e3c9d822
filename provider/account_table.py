"""The abilities that are about who may do what, and who pays for whom: ability → what is done."""

from __future__ import annotations

from time import time

from clock_service import capabilities as clock_capabilities
from clock_service.capabilities import Provide
from clock_service.policy import Provision
from pail import CID, DecodeError, MissingBlock, TooLarge
from provider import capabilities
from provider.accounts import Accounts
from provider.capabilities import Confirm, is_account
from provider.errors import (
    DelegationNotFound,
    InvalidProvider,
    NotOpen,
    PlanNotFound,
    SpaceAlreadyProvisioned,
    SpaceUnknown,
)
from provider.hosting import Hosting
from provider.naming import named
from provider.policy import Quota
from provider.records import HostedSpace
from provider.tasks import conclusion
from ucan import (
    Delegation,
    Failure,
    InvalidPrincipal,
    Outcome,
    Provided,
    Refused,
    Task,
    Verifier,
    provide,
    view_receipt,
)


class AccountTable:
    """The handlers over one provider's accounts, delegations and tasks.

    provision: whether accounts may add spaces. quota: of each.
    """

    def __init__(self, hosting: Hosting, accounts: Accounts, provision: Provision, quota: Quota) -> None:
        self._hosting = hosting
        self._store = hosting.store
        self._did = hosting.issuer.did
        self._accounts = accounts
        self._provision = provision
        self._quota = quota

    def rows(self) -> list[Provided]:
        return [
            provide(capabilities.AUTHORIZE, named(self._accounts.authorize)),
            provide(capabilities.CONFIRM, named(self._confirm)),
            provide(capabilities.CLAIM, named(self._claim)),
            provide(capabilities.DELEGATE, named(self._delegate)),
            provide(clock_capabilities.PROVIDE, named(self._provide)),
            provide(capabilities.CONSUMER_HAS, named(self._consumer_has)),
            provide(capabilities.PLAN_GET, named(self._plan)),
            provide(capabilities.CONCLUDE, named(self._conclude)),
            provide(capabilities.FILECOIN_OFFER, named(self._offer)),
        ]

    async def _confirm(self, task: Task[Confirm]) -> Outcome:
        """Only the provider can give what is about itself; whoever was mailed it hands it back."""
        if task.resource != self._did or task.invocation.issuer != self._did:
            raise Refused(Failure("Unauthorized", "only what this provider mailed can be confirmed"))
        await self._accounts.confirm(task.nb, task.invocation.cid)
        return Outcome({})

    async def _claim(self, task: Task[None]) -> Outcome:
        return Outcome({"delegations": await self._accounts.claim(task.resource)})

    async def _delegate(self, task: Task[tuple[CID, ...]]) -> Outcome:
        await self._accounts.keep(task)
        return Outcome({})

    async def _provide(self, task: Task[Provide]) -> Outcome:
        """An account adds a space if the provider is open; whoever holds the operator's delegation does."""
        provider, space = task.nb
        if provider != self._did:
            raise InvalidProvider(f"Invalid provider: {provider}")
        if not _is_key(space):
            raise SpaceUnknown("a space is a did:key")
        account = None if task.resource == self._did else task.resource
        known = await self._store.space(space)
        if account is not None:
            self._check_account(account, known)
        wanted = HostedSpace(space, account, self._quota.bytes)
        if account is not None:
            await self._store.provide(wanted, self._quota.spaces)
        elif known is None or not known.is_hosted:
            await self._store.host(wanted)
        return Outcome({"id": f"{task.resource}:{space}@{self._did}"})

    def _check_account(self, account: str, known: HostedSpace | None) -> None:
        if not is_account(account):
            raise Refused(Failure("Unauthorized", "Resource must be a mailto DID"))
        if known is not None and known.is_hosted and known.account != account:
            raise SpaceAlreadyProvisioned(f"{known.did} already has a storage provider")
        if self._provision is not Provision.OPEN or (known is not None and not known.is_hosted):
            raise NotOpen("the operator of this provider adds the spaces; ask him")

    async def _consumer_has(self, task: Task[str]) -> Outcome:
        if task.resource != self._did:
            raise InvalidProvider(f"Unknown provider {task.resource}")
        space = await self._store.space(task.nb)
        return Outcome(space is not None and space.is_hosted)

    async def _plan(self, task: Task[None]) -> Outcome:
        raise PlanNotFound("this provider has no plans, and wants none")

    async def _conclude(self, task: Task[CID]) -> Outcome:
        """The receipt of an `http/put`: its blob is accepted, and that of accept goes along with ours.

        Nothing waits for any other.
        """
        try:
            receipt = view_receipt(task.nb, task.blocks)
        except (MissingBlock, DecodeError, TooLarge) as error:
            raise DelegationNotFound(f"the receipt {task.nb} did not come along: {error}") from error
        fork: tuple[Delegation, ...] = ()
        if "ok" in receipt.out:
            issuer, accepted = self._hosting.issuer, await self._hosting.conclude(receipt)
            fork = (conclusion(issuer, accepted),)
        return Outcome({"time": int(time() * 1000)}, fork=fork)

    async def _offer(self, task: Task[CID]) -> Outcome:
        """The original's client offers each shard to Filecoin and stops where it is told no."""
        return Outcome({"piece": task.nb})


def _is_key(did: str) -> bool:
    try:
        Verifier.parse(did)
    except InvalidPrincipal:
        return False
    return True
