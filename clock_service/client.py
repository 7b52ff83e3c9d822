"""The clock of a space on a service elsewhere, over UCAN: as w3clock's client asks, so asks this one.

Nothing that the service says is taken on trust (T1): a receipt is signed by it, a head that it
acknowledges holds the event, and events that cannot be read here are told apart (C3).

Source: @web3-storage/clock 0.4.1, client; spec/clock.md
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from itertools import pairwise
from time import time
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from clock_service.access import Access, Grant
from clock_service.errors import BadAnswer, NotDelegated
from clock_service.meanings import refusal
from clock_service.sending import Part, parts
from pail import CID, Block, Hashed, PailError, Value, run, verify_block
from pail.clock import advance, unseen
from pail.event import MAX_HEAD, Head, decode_event
from space import CorruptBlock, FolderSpace
from space.readable import prove_readable
from ucan import BadResponse, Connection, Delegation, Refused, outcome_of

T = TypeVar("T")

HEAD, ADVANCE, REVOKE = "clock/head", "clock/advance", "ucan/revoke"


class Finish(Protocol):
    """Waits for work to be done, `asyncio.run` or the like. Raises what the work raises."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


class Look(NamedTuple):
    """What a service says of a clock. head: its events that can be read here.

    unreadable: its others, each with what is wrong with it or missing.
    """

    head: Head
    unreadable: Mapping[CID, str]


class RemoteClock:
    """A `space.Clock`. space: holds the blocks, and says what can be read; nothing is written there.

    finish: where requests are waited for, since `connection` is asynchronous.
    """

    def __init__(
        self,
        connection: Connection,
        access: Access,
        space: FolderSpace,
        finish: Finish,
        *,
        now: Callable[[], float] = time,
    ) -> None:
        self._connection = connection
        self._access = access
        self._space = space
        self._finish = finish
        self._now = now
        self._seen: Head | None = None

    @property
    def url(self) -> str:
        return self._connection.url

    def head(self) -> Head:
        """The events of its head that can be read here; `look` names the others too.

        Raises RemoteClockError, by its kinds.
        """
        return self.look().head

    def look(self) -> Look:
        """What the service names now. Raises as `head`."""
        return self._sort(self._ask(HEAD, {}, ()))

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """The head after `event` is seen, as the service acknowledged it (C4), as far as it can be read here.

        All ancestors that the service lacks are sent, and the pail shards they touch. Nothing is
        sent if it has the event. blocks: what the space may lack.
        Raises MissingBlock if an event cannot be read here, RemoteClockError by its kinds; parts of a
        long history may have been taken then, and asking again goes on from there.
        """
        read = _Read(dict(blocks), self._space)
        head = self._known(event, read)
        for part in parts(run(unseen(head, event), read), read):
            head = self._send(part, read)
        return head

    def revoke(self, delegation: Delegation) -> None:
        """Make `delegation` worth nothing, here, by the agent or the space that issued it.

        Raises RemoteClockError by its kinds.
        """
        nb: dict[str, Value] = {"ucan": delegation.cid}
        grant, block = Grant((), {}), Block(delegation.cid, delegation.data)
        owner = Access(self._access.agent, self._access.agent.did, ())
        self._execute(owner.invoke(self._connection.did, REVOKE, grant, nb, [block], int(self._now())))

    def _known(self, event: CID, read: _Read) -> Head:
        """What of the service's head is known and can be read: asked for when that may spare sending."""
        if self._seen is not None and len(run(unseen(self._seen, event), read)) <= 1:
            return self._seen
        if self._grant(HEAD) is None:
            return decode_event(read([event])[0]).parents  # the service names what it lacks besides
        return self.look().head

    def _send(self, part: Part, read: _Read) -> Head:
        look = self._sort(self._ask(ADVANCE, {"event": part.event}, part.blocks), read)
        if not look.unreadable and run(advance(look.head, part.event), read) != look.head:
            raise BadAnswer(self.url, f"acknowledged {part.event} and does not have it in its head")
        return look.head

    def _ask(self, can: str, nb: dict[str, Value], blocks: Sequence[Block]) -> Head:
        grant = self._grant(can)
        if grant is None:
            raise NotDelegated(self.url, self._access.agent.did, can, self._access.space)
        asked = self._access.invoke(self._connection.did, can, grant, nb, blocks, int(self._now()))
        return self._take_head(self._execute(asked))

    def _grant(self, can: str) -> Grant | None:
        return self._access.grant(can, int(self._now()))

    def _execute(self, invocation: Delegation) -> Value:
        try:
            (receipt,) = self._finish(self._connection.execute(invocation))
            return outcome_of(receipt)
        except Refused as error:
            raise refusal(self.url, error.failure) from error
        except BadResponse as error:
            raise BadAnswer(self.url, f"gave no answer to the question: {error}") from error

    def _take_head(self, value: Value) -> Head:
        """The head of an answer, in whatever order. Raises BadAnswer."""
        match value:
            case {"head": [*events]} if len(events) <= MAX_HEAD and all(isinstance(e, CID) for e in events):
                head = tuple(sorted(cast("list[CID]", events)))
            case _:
                raise BadAnswer(self.url, "answered with something that is no head")
        if any(a == b for a, b in pairwise(head)):
            raise BadAnswer(self.url, "repeats an event in its head")
        return head

    def _sort(self, head: Head, read: _Read | None = None) -> Look:
        """`head`, split by what can be read. read: has what is not in the space yet."""
        readable: list[CID] = []
        unreadable: dict[CID, str] = {}
        for event in head:
            try:
                if read is None or not read.has(event):
                    prove_readable(self._space, event)
                readable.append(event)
            except (PailError, CorruptBlock) as error:
                unreadable[event] = str(error)
        self._seen = tuple(readable)
        return Look(self._seen, unreadable)


class _Read:
    """Reads from blocks that came along, hashed here, else from the space."""

    def __init__(self, blocks: Mapping[CID, bytes], space: FolderSpace) -> None:
        for cid, data in blocks.items():
            verify_block(cid, data)
        self._blocks = blocks
        self._space = space

    def has(self, cid: CID) -> bool:
        return cid in self._blocks

    def __call__(self, cids: Sequence[CID]) -> list[bytes]:
        elsewhere = [cid for cid in cids if cid not in self._blocks]
        found = dict(zip(elsewhere, self._space.get(elsewhere), strict=True)) if elsewhere else {}
        return Hashed(found[cid] if cid in found else self._blocks[cid] for cid in cids)
