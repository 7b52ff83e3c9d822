"""A service as a table: ability → caveats → handler.

    service = Service(
        NamedSigner("did:web:clock.example.com", signer),
        [
            provide(Definition("clock/head", no_caveats), head),
            provide(Definition("clock/advance", link_caveat("event")), advance),
        ],
    )

A handler is only called for an invocation that is for this service and authorized.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pail.cid import CID
from ucan.definition import Definition
from ucan.delegation import Delegation
from ucan.errors import Refused
from ucan.failure import (
    Failure,
    handler_not_found,
    invalid_audience,
    invocation_capability_error,
)
from ucan.issuer import NamedSigner
from ucan.principal import Signer
from ucan.questions import Validation
from ucan.receipt import Outcome
from ucan.search import Authority
from ucan.validator import authorize

N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Task(Generic[N]):
    """What a handler is to do. resource: the DID it is asked for. nb: the caveats as read.

    chain: the invocation and the proofs it rests on. blocks: all that came with the message, each
    hashed, by CID; most have nothing to do with this invocation.
    """

    invocation: Delegation
    resource: str
    nb: N
    chain: tuple[Delegation, ...]
    blocks: Mapping[CID, bytes] = field(repr=False)


Handler = Callable[[Task[N]], Awaitable[Outcome]]
"""Does the work. Raises Refused for a failure by name; any other exception stops the whole request."""


@dataclass(frozen=True, slots=True)
class Provided:
    """One row of the table."""

    definition: Definition[Any]
    handler: Handler[Any]


def provide(definition: Definition[N], handler: Handler[N]) -> Provided:
    """A row of the table: `handler` gets the caveats as `definition` reads them."""
    return Provided(definition, handler)


class Service:
    """Who answers, and what for. Two rows for one ability are the caller's mistake."""

    def __init__(self, issuer: Signer | NamedSigner, table: Iterable[Provided]) -> None:
        rows = list(table)
        self.issuer = issuer
        self.table = {row.definition.can: row for row in rows}
        assert len(self.table) == len(rows), "one handler for each ability"
        key = issuer.signer if isinstance(issuer, NamedSigner) else issuer
        self.authority = Authority(issuer.did, (key.verifier,))

    def admit(self, invocation: Delegation, *, now_unix_s: int) -> Validation[Task[Any] | Failure]:
        """The task of an invocation that may be done, or why it may not."""
        if len(invocation.ucan.capabilities) != 1:
            return invocation_capability_error(len(invocation.ucan.capabilities))
        (capability,) = invocation.ucan.capabilities
        row = self.table.get(capability.can)
        if row is None:
            return handler_not_found(capability)
        if invocation.audience != self.issuer.did:
            return invalid_audience(self.issuer.did, invocation.audience)
        found = yield from authorize(
            invocation, row.definition, authority=self.authority, now_unix_s=now_unix_s
        )
        if isinstance(found, Failure):
            return found
        nb = row.definition.decode(capability.nb)
        return Task(invocation, capability.resource, nb, found.chain, invocation.blocks)

    async def perform(self, task: Task[Any]) -> Outcome:
        """What came of an admitted task. Raises what its handler raises, but for Refused."""
        (capability,) = task.invocation.ucan.capabilities
        try:
            return await self.table[capability.can].handler(task)
        except Refused as error:
            return Outcome(error.failure)
