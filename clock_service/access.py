"""What an agent may ask of a space's clock: the delegations it holds, and which one to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import NamedTuple

from pail import Block, Value
from ucan import ALL_OF_ISSUER, Capability, Delegation, Issuer, delegate
from ucan.capability import covers

INVOCATION_LIFE_S = 300
"""How long an invocation may take to arrive; and by how much this machine's clock may be wrong."""

CLOCK_MARGIN_S = 30
"""By how much the clocks of agents and services differ: who has less time left than that is not relied on."""


class Grant(NamedTuple):
    """A right to use one ability. caveats: what the delegation narrows it to, to be repeated."""

    proofs: tuple[Delegation, ...]
    caveats: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Access:
    """`agent` asks about the clock of `space`. held: delegations to the agent, in any order."""

    agent: Issuer
    space: str
    held: Sequence[Delegation] = field(repr=False)

    def grant(self, can: str, now_unix_s: int) -> Grant | None:
        """The widest right to `can` that is valid now; else one that has ended, so that the service
        may say so; None if nothing was ever held.
        """
        if self.agent.did == self.space:
            return Grant((), {})
        found = [
            (_is_over(delegation, now_unix_s), len(capability.nb or {}), delegation, capability)
            for delegation in self.held
            for capability in delegation.ucan.capabilities
            if delegation.audience == self.agent.did and self._is_for(delegation, capability, can)
        ]
        if not found:
            return None
        _, _, delegation, capability = min(found, key=lambda each: (each[0], each[1], each[2].cid))
        return Grant((delegation,), dict(capability.nb or {}))

    def _is_for(self, delegation: Delegation, capability: Capability, can: str) -> bool:
        if not covers(capability.can, can):
            return False
        owned = capability.resource == ALL_OF_ISSUER and delegation.issuer == self.space
        return owned or capability.resource == self.space

    def invoke(
        self,
        service: str,
        can: str,
        grant: Grant,
        nb: dict[str, Value],
        blocks: Sequence[Block],
        now_unix_s: int,
    ) -> Delegation:
        """The invocation, with `blocks` attached as the original's client attaches them: by a fact
        that links to each under its own name.
        """
        links: dict[str, Value] = {str(block.cid): block.cid for block in blocks}
        return delegate(
            self.agent,
            service,
            [Capability(can, self.space, {**nb, **grant.caveats} or None)],
            expires_at_unix=now_unix_s + INVOCATION_LIFE_S,
            nonce=token_hex(8),
            facts=[links] if links else [],
            proofs=grant.proofs,
            attached=blocks,
        )


def _is_over(delegation: Delegation, now_unix_s: int) -> bool:
    """Or not begun, as far as anybody can be sure."""
    expires, begins = delegation.ucan.expires_at_unix, delegation.ucan.not_before_unix
    return (expires is not None and expires <= now_unix_s + CLOCK_MARGIN_S) or (
        begins is not None and now_unix_s <= begins
    )
