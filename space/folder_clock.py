"""The clock that lives in a space's folder: one head object for each agent, the head is their fold.

No object has two writers, so no lock and no compare-and-swap is needed but among the processes of
one machine. Whatever order head objects and shards arrive in, the fold ends the same (C1): an
event counts from the moment that all it needs is here (C3), and never stops to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from pail import CID, MissingBlock, PailError, run
from pail.clock import advance
from pail.event import Head
from pail.history import history
from space.errors import BadHeadObject, CorruptBlock, HeadOvertaken, NotReadable
from space.files import held
from space.guard import guarded
from space.head_object import MAX_HEAD_OBJECT_BYTES, HeadObject, decode_head_object, encode_head_object
from space.layout import HEAD_SUFFIX, HEADS, did_key_part
from space.readable import prove_readable
from space.remake import mend
from space.space import Space
from space.unreached import unreached
from ucan import Signer

MAX_TRIES = 8
"""How often the heads are folded anew because others wrote meanwhile."""


@dataclass(frozen=True, slots=True)
class ClockReport:
    """What the head objects of a folder say.

    agents: the head that each names; of an agent with conflict copies, all of them. pending: events
    not taken in yet, each with a block it needs that is not here. ignored: file names, or events
    as text, with the reason.
    """

    head: Head
    agents: dict[str, Head]
    pending: dict[CID, CID]
    ignored: dict[str, str]


class FolderClock:
    """A `space.Clock` without a server. agent: signs its own head object, the only one it writes."""

    def __init__(self, space: Space, agent: Signer) -> None:
        self._space = space
        self._agent = agent
        self._in_own_object: Head = ()
        """The last fold, if this agent's own object said the same."""

    def head(self) -> Head:
        """The fold of all head objects here, and of all that was known before; takes in new shards for it.

        Events of which anything is missing are left for later: `report` names them.
        Raises SpaceUnavailable if the folder cannot be read.
        """
        return self.report().head

    def report(self) -> ClockReport:
        """As `head`, and what else stands in the folder.

        Events that were lost are not pending but past, once this agent's head object went on without.
        """
        if self._space.place.is_near:  # far away, to list the shards costs the more the more there are
            self._space.refresh()
        with guarded("reading the heads"):
            known = self._fold_all_here()
        if self._agent.did not in known.agents:
            return known
        named = {event for head in known.agents.values() for event in head}
        return replace(
            known, pending={event: lack for event, lack in known.pending.items() if event in named}
        )

    def known(self) -> Head:
        """The head as it was when it was last folded on this machine; the place is not asked."""
        with guarded("reading the index"):
            return tuple(self._space.index.fold())

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """The head after `event` is seen: it is in this agent's head object, on the disk, on return (C4).

        An event that is known already costs no write, unless the object was lost or is an older copy.
        blocks: hash-checked; those the space lacks are written first (S1).
        Raises NotReadable if something the event needs is not here (C3), PailError if it is no
        event of a pail, SpaceFull, SpaceUnavailable, PruneBegan, HeadOvertaken; the head is then as before.
        """
        if not self._space.place.is_near and event in self._in_own_object:
            return self._in_own_object  # as this process saw it: to look again is a request
        with self._space.stage() as stage:
            stage.put_many(blocks)
            stage.publish()
        for left in range(MAX_TRIES - 1, -1, -1):
            try:
                return self._advance(event)
            except HeadOvertaken:
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _advance(self, event: CID) -> Head:
        with guarded("advancing the clock"), held(self._space.head_lock):
            known = self._fold_all_here()  # of what this agent's object named before, nothing is left out
            try:
                head = run(advance(known.head, event), self._space.get_here)
                if head != known.head:  # of what lies below the head, the pail may have been pruned
                    self._prove(event)
            except (MissingBlock, CorruptBlock) as error:
                raise NotReadable(event, error.cid) from error
            name = did_key_part(self._agent.did) + HEAD_SUFFIX
            content = encode_head_object(head, self._agent)
            if self._space.place.load(HEADS, name, MAX_HEAD_OBJECT_BYTES) != content:
                self._space.lease.hold()
                self._space.place.store(HEADS, name, content)
            self._remember(head, known.pending)
            return head

    def unreached(self) -> list[CID]:
        """The newest readable events in the shards that no head here reaches; reads all shards once.

        They are there when head objects were lost, or a backup ended just before it wrote its own.
        """
        head = self.head()
        with guarded("looking for events in the shards"):
            self._space.refresh()
            return unreached(self._space, head)

    def recover(self) -> list[CID]:
        """Take all of `unreached` into this agent's head object, durable on return; what they are."""
        found = self.unreached()
        for event in found:
            self.advance(event)
        return found

    def _fold_all_here(self) -> ClockReport:
        """The fold, with new shards taken in for what is pending.

        Writers may go on meanwhile: shards are listed before heads that name more of them. So it is
        looked again, until that changes nothing.
        """
        known = self._fold()
        for _ in range(MAX_TRIES):
            if not known.pending:
                break
            before = known.pending
            self._space.refresh()
            known = self._fold()
            if known.pending.keys() == before.keys():
                break
        return known

    def _fold(self) -> ClockReport:
        objects, ignored = self._load()
        agents: dict[str, Head] = {}
        for found in objects:
            agents[found.agent] = tuple(sorted({*agents.get(found.agent, ()), *found.head}))
        events = [*(event for each in agents.values() for event in each), *self._space.index.fold()]
        pending: dict[CID, CID] = {}
        head: Head = ()
        for event in dict.fromkeys(events):
            try:
                after = run(advance(head, event), self._space.get_here)
                if after != head:  # of what lies below the head, the pail may have been pruned
                    self._prove(event)
                    head = after
            except (MissingBlock, CorruptBlock) as error:
                pending[event] = error.cid
            except PailError as error:
                ignored[str(event)] = str(error)
        self._prove_common(head)
        self._remember(head, pending)
        is_own = HeadObject(self._agent.did, head) in objects
        self._in_own_object = head if is_own and not pending else ()
        return ClockReport(head, agents, pending, ignored)

    def _prove(self, event: CID) -> None:
        """As `prove_readable`; shards of its pail that were pruned are made again."""
        try:
            prove_readable(self._space, event)
        except MissingBlock:
            if not mend(self._space, event):
                raise
            prove_readable(self._space, event)

    def _prove_common(self, head: Head) -> None:
        """Several events are replayed on the pail of their common ancestor: a prune may have removed it."""
        if len(head) > 1 and (ancestor := run(history(head), self._space.get_here).ancestor):
            with suppress(PailError, CorruptBlock):
                self._prove(ancestor)

    def _remember(self, head: Head, pending: Collection[CID]) -> None:
        """What was known and cannot be read for now stays known: its shard may come back."""
        known = self._space.index.fold()
        keep = sorted({*head, *(event for event in known if event in pending)})
        if keep != known:
            self._space.index.set_fold(keep)

    def _load(self) -> tuple[list[HeadObject], dict[str, str]]:
        """The head objects here, and the files that are none, with the reason."""
        objects: list[HeadObject] = []
        ignored: dict[str, str] = {}
        for entry in self._space.place.list(HEADS):
            content = self._space.place.load(HEADS, entry.name, MAX_HEAD_OBJECT_BYTES)
            try:
                if content is not None:
                    objects.append(decode_head_object(content))
            except BadHeadObject as error:
                ignored[entry.name] = str(error)
        return objects, ignored
