"""Asks a service by UCAN, as one agent about one space, and believes only what the service signed (T1)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from secrets import token_bytes
from time import time
from typing import Any, Protocol, TypeVar

from clock_service.access import Access, Grant
from clock_service.errors import BadAnswer, ClockRefused, NotDelegated
from clock_service.meanings import refusal
from pail import DAG_CBOR, Block, Value, cid_of
from ucan import BadResponse, Connection, Delegation, Refused, outcome_of

T = TypeVar("T")

ADVANCE, REVOKE = "clock/advance", "ucan/revoke"

_NOBODYS = frozenset({"InvalidAudience", "HandlerNotFound"})
"""Refusals by what is no clock service, or not the one that is meant."""


class Finish(Protocol):
    """Waits for work to be done, `asyncio.run` or the like. Raises what the work raises."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


class Caller:
    """finish: where requests are waited for, since `connection` is asynchronous."""

    def __init__(
        self, connection: Connection, access: Access, finish: Finish, *, now: Callable[[], float] = time
    ) -> None:
        self._connection = connection
        self._access = access
        self._finish = finish
        self._now = now

    @property
    def url(self) -> str:
        return self._connection.url

    def may(self, can: str) -> bool:
        """Whether anything held here would let the agent ask."""
        return self._grant(can) is not None

    def ask(self, can: str, nb: dict[str, Value], blocks: Sequence[Block] = ()) -> Value:
        """What the service answers; `blocks` go along. Raises RemoteClockError by its kinds."""
        grant = self._grant(can)
        if grant is None:
            raise NotDelegated(self.url, self._access.agent.did, can, self._access.space)
        return self._execute(self._access, can, grant, nb, blocks)

    def hosts(self) -> bool:
        """Whether the service hosts the space, found out by an event that nobody has: nothing is stored.

        True too where this agent may not ask. Raises RemoteClockError by its kinds.
        """
        try:
            self.ask(ADVANCE, {"event": cid_of(DAG_CBOR, token_bytes(32))})
        except NotDelegated:
            return True
        except ClockRefused as refused:
            if refused.name in _NOBODYS:
                raise
            return refused.name != "NotProvisioned"
        return True

    def is_narrow(self, can: str) -> bool:
        """Whether what would be shown for `can` has caveats."""
        grant = self._grant(can)
        return grant is not None and bool(grant.caveats)

    def revoke(self, delegation: Delegation) -> None:
        """Make `delegation` worth nothing to this service, in the name of the agent.

        Its proofs go along: they show whose it is in the end.
        Raises RemoteClockError by its kinds.
        """
        itself = Access(self._access.agent, self._access.agent.did, ())
        self._execute(itself, REVOKE, Grant((), {}), {"ucan": delegation.cid}, list(delegation.export()))

    def _grant(self, can: str) -> Grant | None:
        return self._access.grant(can, int(self._now()))

    def _execute(
        self, access: Access, can: str, grant: Grant, nb: dict[str, Value], blocks: Sequence[Block]
    ) -> Value:
        invocation = access.invoke(self._connection.did, can, grant, nb, blocks, int(self._now()))
        try:
            (receipt,) = self._finish(self._connection.execute(invocation))
            return outcome_of(receipt)
        except Refused as error:
            raise refusal(self.url, error.failure) from error
        except BadResponse as error:
            raise BadAnswer(self.url, f"gave no answer to the question: {error}") from error
