"""Makes a pail again from its events, after a prune removed shards that old heads name.

An event's pail is its operation, done on the pail of its parents: so the events alone are enough,
and the CIDs prove what comes out (spec/prune.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pail import CID, DecodeError, MissingBlock, PailError, Reader, TooLarge, run
from pail import map as pail_map
from pail.draft import Draft
from pail.event import Event, decode_event
from pail.history import history
from pail.operation import apply, decode_operation
from pail.shard import EMPTY
from space.errors import CorruptBlock, PruneBegan, SpaceError
from space.space import Space

MAX_REMADE = 1 << 15
"""Pails that are made on the way to one."""


def mend(space: Space, event: CID) -> bool:
    """Publish what is missing of the pail of `event`, if all its ancestors are here; whether that went well.

    Where nothing was ever pruned, what is missing is on its way, and nothing is made.
    """
    if not space.index.doomed.shards():
        return False
    try:
        with space.stage() as stage:
            stage.put_many(remake(stage.get, event).items())
            stage.publish()
    except PruneBegan:
        space.lease.doubt()  # what this process decided before it read a head is as doubtful as this
        return False
    except (PailError, SpaceError):
        return False
    return True


def remake(get: Reader, event: CID) -> dict[CID, bytes]:
    """The shards of the pail of `event` that `get` does not find.

    get: finds what stays, and hashes it.
    Raises MissingBlock if an event is missing, DecodeError if one does not do what it says, TooLarge.
    """
    maker = _Maker(get)
    waiting, steps = [event], 0
    while waiting:
        base = maker.make(waiting[-1])
        if base is None:
            waiting.pop()
        else:
            waiting.append(base)
        steps += 1
        if steps > 2 * MAX_REMADE:
            raise TooLarge(f"more than {MAX_REMADE} pails are to be made again")
    root = decode_operation(maker.event(event).data)[1]
    needed = run(pail_map.shards(root), maker.get) if root != EMPTY.cid else []
    return {cid: maker.made[cid] for cid in needed if cid in maker.made}


class _Maker:
    def __init__(self, get: Reader) -> None:
        self._get = get
        self.made: dict[CID, bytes] = {EMPTY.cid: EMPTY.data}
        self._whole: set[CID] = {EMPTY.cid}
        """Roots of pails that are here or made: to walk each again would cost the square of the events."""

    def make(self, event: CID) -> CID | None:
        """Make the pail of `event`; or the event whose pail must be made before."""
        operation, root = decode_operation(self.event(event).data)
        if self._is_here(root):
            return None
        parents, base, replayed = self.event(event).parents, EMPTY.cid, tuple[Event, ...]()
        if parents:
            past = run(history(parents), self.get)
            replayed = past.events
            if past.ancestor is not None:
                base = decode_operation(self.event(past.ancestor).data)[1]
                if not self._is_here(base):
                    return past.ancestor
        draft = Draft(base)
        for each in (*(decode_operation(event.data)[0] for event in replayed), operation):
            run(apply(draft, each), self.get)
        diff = draft.commit()
        if diff.root != root:
            raise DecodeError(f"event {event} does not lead to the pail that it names")
        self.made.update(diff.additions)
        self._whole.add(root)
        return None

    def event(self, cid: CID) -> Event:
        return decode_event(self.get([cid])[0])

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        """What was made, else what there is."""
        rest = [cid for cid in cids if cid not in self.made]
        found = dict(zip(rest, self._get(rest), strict=True)) if rest else {}
        return [self.made[cid] if cid in self.made else found[cid] for cid in cids]

    def _is_here(self, root: CID) -> bool:
        with suppress(MissingBlock, CorruptBlock):
            if root not in self._whole:
                run(pail_map.shards(root), self.get)
                self._whole.add(root)
            return True
        return False
