"""Asks a provider by UCAN, as one agent about one space; what it refuses becomes one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import time
from typing import Any, Protocol, cast

from backup_agent.errors import AgentError
from clock_service.access import Access, Grant
from clock_service.errors import RemoteClockError
from clock_service.meanings import refusal
from pail import Block, Value
from space.errors import SpaceError, SpaceFull, SpaceUnavailable
from space.remote.blobs import Refused as BlobsRefused
from ucan import BadResponse, Connection, Delegation, Failure, Receipt, Refused, Signer, outcome_of
from ucan.message import MAX_INVOCATIONS

ADD, LIST, REMOVE, INFO = "space/blob/add", "space/blob/list", "space/blob/remove", "space/info"
INDEX_ADD, UPLOAD_ADD, UPLOAD_REMOVE = "space/index/add", "upload/add", "upload/remove"
RETRIEVE, CONCLUDE = "space/content/retrieve", "ucan/conclude"

_NO_ROOM = "InsufficientStorage"


class ProviderRefused(BlobsRefused):
    """The provider's receipt is a failure: `name` as it gave it."""

    def __init__(self, sentence: str, name: str) -> None:
        super().__init__(sentence)
        self.name = name


class MayAsk(Protocol):
    """What an agent may do to a space: `backup_agent.authority`, or what a server was delegated."""

    @property
    def agent(self) -> Signer: ...

    @property
    def space(self) -> str: ...

    def access(self, now_unix_s: int) -> Access:
        """As whom to ask, and with which delegations."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """connection: to the provider. authority: what this agent may do to its space."""

    connection: Connection
    authority: MayAsk
    now: Callable[[], float] = time

    @property
    def url(self) -> str:
        return self.connection.url

    @property
    def space(self) -> str:
        return self.authority.space

    def access(self) -> Access:
        """As whom, and with which delegations, from now on."""
        return self.authority.access(int(self.now()))

    async def ask(self, can: str, nb: dict[str, Value], blocks: Sequence[Block] = ()) -> Receipt:
        """The receipt of a success, signed by the provider (T1).

        Raises ProviderRefused, SpaceFull, SpaceUnavailable.
        """
        (receipt,) = await self._ask([self.invoke(can, nb, blocks)])
        return receipt

    async def ask_all(self, can: str, wanted: Sequence[dict[str, Value]]) -> list[Receipt]:
        """As `ask` for each, in order, and in as few requests as can be; others may have been done when
        that of one raises.
        """
        invocations = [self.invoke(can, nb) for nb in wanted]
        parts = range(0, len(invocations), MAX_INVOCATIONS)
        return [each for at in parts for each in await self._ask(invocations[at : at + MAX_INVOCATIONS])]

    async def _ask(self, invocations: Sequence[Delegation]) -> list[Receipt]:
        can = invocations[0].ucan.capabilities[0].can
        try:
            return await self.execute_all(invocations)
        except ProviderRefused as refused:
            if refused.name != _NO_ROOM or can == INFO:
                raise
            raise await self._no_room(refused) from refused

    def invoke(self, can: str, nb: dict[str, Value], blocks: Sequence[Block] = ()) -> Delegation:
        """The invocation by this agent. Raises SpaceUnavailable if nothing held here allows it."""
        access, now_unix_s = self.access(), int(self.now())
        grant = access.grant(can, now_unix_s)
        if grant is None:
            raise SpaceUnavailable(
                f"{self.url} cannot be asked: this agent, {access.agent.did}, holds no delegation of {can} "
                f"for the space {self.space}; where its key is, `skypail agent delegate --can provider "
                f"--to {access.agent.did}` makes one"
            )
        return access.invoke(self.connection.did, can, grant, nb, blocks, now_unix_s)

    def invoke_as_itself(self, can: str, nb: dict[str, Value], blocks: Sequence[Block]) -> Delegation:
        """What needs no delegation: the agent asks about itself."""
        agent = self.authority.agent
        itself = Access(agent, agent.did, ())
        return itself.invoke(self.connection.did, can, Grant((), {}), nb, blocks, int(self.now()))

    async def execute(self, invocation: Delegation) -> Receipt:
        """As `ask`; every refusal is a ProviderRefused."""
        (receipt,) = await self.execute_all([invocation])
        return receipt

    async def execute_all(self, invocations: Sequence[Delegation]) -> list[Receipt]:
        """As `execute` for each, in one request, of MAX_INVOCATIONS at most and all of one ability."""
        can = invocations[0].ucan.capabilities[0].can
        try:
            receipts = await self.connection.execute(*invocations)
            for receipt in receipts:
                outcome_of(receipt)
            return receipts
        except Refused as error:
            raise self._refused(can, error.failure) from error
        except BadResponse as error:
            raise SpaceUnavailable(f"{self.url} gave no answer to {can}: {error}") from error
        except (RemoteClockError, AgentError) as error:
            raise SpaceUnavailable(f"{self.url} cannot be asked: {cause_of(error)}") from error

    def _refused(self, can: str, failure: Failure) -> ProviderRefused:
        known = refusal(self.url, failure)
        why = str(known).partition("refused: ")[2]
        return ProviderRefused(f"{self.url} refused {can}: {why}", known.name)

    async def _no_room(self, refused: ProviderRefused) -> SpaceError:
        """Whether there is no room for more, or none at all."""
        try:
            await self.execute(self.invoke(INFO, {}))
        except ProviderRefused as unknown:
            if unknown.name == "SpaceUnknown":
                return ProviderRefused(not_hosted(self.url, self.space), unknown.name)
        except SpaceUnavailable:
            pass
        return SpaceFull(f"the space's quota at {self.url} is used up: {refused}")


def not_hosted(url: str, space: str) -> str:
    """What to do about a space that the provider does not know."""
    return (
        f"{url} does not host the space {space}: have its operator run `skypail provider space add {space}`, "
        f"or run `skypail space register {url}/{space} --account MAIL`"
    )


def fields_of(value: Value) -> dict[str, Any]:
    """A map of an answer, empty if it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def cause_of(error: Exception) -> str:
    """Without whom was asked, which the caller says."""
    cause = error.__cause__ if isinstance(error, RemoteClockError) else error
    return str(cause if isinstance(cause, AgentError) else error)
