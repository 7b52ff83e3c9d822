"""What this agent may do to a space: what it was delegated, and all of it where the space's key is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex

from backup_agent.delegations import HELD, Delegations
from backup_agent.errors import DelegationError
from backup_agent.home import Home
from clock_service.access import Access
from pail import Value
from ucan import Capability, Delegation, Signer, delegate

OWN_ABILITIES = ("clock/*", "backup/*", "space/*", "upload/*")
"""What the owner's agent asks services for, in the space's name."""

OWN_LIFE_S = 3600
"""Of the delegation that the owner's agent makes for itself, anew whenever one is needed."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The agent of a home, and `space`."""

    home: Home
    agent: Signer
    space: str

    def access(self, now_unix_s: int) -> Access:
        """As whom to ask a clock service, and with which delegations. Raises HomeUnusable."""
        held = Delegations(self.home.delegations).list(HELD)
        owner = self.home.space_signer(self.space)
        if owner is not None:
            whole = [Capability(can, self.space) for can in OWN_ABILITIES]
            held.append(delegate(owner, self.agent.did, whole, expires_at_unix=now_unix_s + OWN_LIFE_S))
        return Access(self.agent, self.space, held)

    def delegate(
        self,
        to: str,
        abilities: Sequence[str],
        caveats: dict[str, Value],
        expires_at_unix: int | None,
        now_unix_s: int,
    ) -> Delegation:
        """A delegation for `to`. caveats: narrow `clock/advance`, and no other ability.

        The space's key issues it where it is here, else the agent passes on what it holds, no
        wider than that. Raises DelegationError if it holds nothing for one of the abilities.
        """
        owner = self.home.space_signer(self.space)
        if owner is not None:
            return delegate(
                owner,
                to,
                self._capabilities(abilities, caveats),
                expires_at_unix=expires_at_unix,
                nonce=token_hex(8),  # else what was revoked once could never be given again
            )
        access, proofs, inherited = self.access(now_unix_s), dict[str, Delegation](), dict[str, Value]()
        for can in abilities:
            grant = access.grant(can, now_unix_s)
            if grant is None:
                raise DelegationError(
                    f"this agent has neither the key of the space {self.space} nor a delegation of {can}"
                )
            proofs |= {str(proof.cid): proof for proof in grant.proofs}
            inherited |= grant.caveats
        return delegate(
            self.agent,
            to,
            self._capabilities(abilities, {**inherited, **caveats}),
            expires_at_unix=expires_at_unix,
            nonce=token_hex(8),
            proofs=proofs.values(),
        )

    def _capabilities(self, abilities: Sequence[str], caveats: dict[str, Value]) -> list[Capability]:
        return [
            Capability(can, self.space, (caveats or None) if can == "clock/advance" else None)
            for can in abilities
        ]

    def revoker(self, delegation: Delegation) -> Signer:
        """Who of those whose keys are here may revoke it. Raises DelegationError if nobody is."""
        issuer = self.home.space_signer(delegation.issuer)
        if issuer is not None:
            return issuer
        if self.agent.did in (delegation.issuer, delegation.audience):
            return self.agent
        raise DelegationError(
            f"only {delegation.issuer} can revoke {delegation.cid}, and its key is not here"
        )
