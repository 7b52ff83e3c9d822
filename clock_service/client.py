"""The clock of a space on a service elsewhere, over UCAN: as w3clock's client asks, so asks this one.

Nothing that the service says is taken on trust (T1): a receipt is signed by it, a head that it
acknowledges holds the event, and events that cannot be read here are told apart (C3).

Source: @web3-storage/clock 0.4.1, client; spec/clock.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from clock_service.caller import Caller
from clock_service.errors import BadAnswer
from clock_service.sending import Part, parts
from pail import CID, Hashed, PailError, Value, run, verify_block
from pail.clock import advance, unseen
from pail.event import MAX_HEAD, Head, decode_event
from space import CorruptBlock, Space
from space.readable import prove_readable

HEAD, ADVANCE = "clock/head", "clock/advance"


class Look(NamedTuple):
    """What a service says of a clock. head: its events that can be read here.

    unreadable: its others, each with what is wrong with it or missing.
    """

    head: Head
    unreadable: Mapping[CID, str]


class RemoteClock:
    """A `space.Clock`. space: holds the blocks, and says what can be read; nothing is written there."""

    def __init__(self, caller: Caller, space: Space) -> None:
        self._caller = caller
        self._space = space
        self._seen: Head | None = None

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._caller.url

    @property
    def is_narrow(self) -> bool:
        """Whether the agent's delegation is narrowed, so that events may have to be made on the head."""
        return self._caller.is_narrow(ADVANCE)

    def head(self) -> Head:
        """The events of its head that can be read here; `look` names the others too.

        Raises RemoteClockError, by its kinds.
        """
        return self.look().head

    def look(self) -> Look:
        """What the service names now. Raises as `head`."""
        return self._sort(self._take_head(self._caller.ask(HEAD, {})))

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

    def _known(self, event: CID, read: _Read) -> Head:
        """What of the service's head is known and can be read: asked for when that may spare sending."""
        if self._seen is not None and len(run(unseen(self._seen, event), read)) <= 1:
            return self._seen
        if not self._caller.may(HEAD):
            return decode_event(read([event])[0]).parents  # the service names what it lacks besides
        return self.look().head

    def _send(self, part: Part, read: _Read) -> Head:
        answer = self._caller.ask(ADVANCE, {"event": part.event}, part.blocks)
        look = self._sort(self._take_head(answer), read)
        if not look.unreadable and run(advance(look.head, part.event), read) != look.head:
            raise BadAnswer(self.url, f"acknowledged {part.event} and does not have it in its head")
        return look.head

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
                if (read is None or not read.has(event)) and not self._is_past(event):
                    prove_readable(self._space, event)
                readable.append(event)
            except (PailError, CorruptBlock) as error:
                unreadable[event] = str(error)
        self._seen = tuple(readable)
        return Look(self._seen, unreadable)

    def _is_past(self, event: CID) -> bool:
        """Whether the head known here supersedes it: its pail may have been pruned, and nobody needs that."""
        index = self._space.index
        known = tuple(sorted(index.readable(index.fold())))
        return bool(known) and event not in known and run(advance(known, event), self._space.get) == known


class _Read:
    """Reads from blocks that came along, hashed here, else from the space."""

    def __init__(self, blocks: Mapping[CID, bytes], space: Space) -> None:
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
