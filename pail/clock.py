"""The Merkle clock: a head that grows by events, whatever the order they arrive in.

Source: Merkle-CRDTs, arXiv 2004.00107; @web3-storage/pail 0.6.2, clock; spec/clock.md
"""

from __future__ import annotations

from pail.ancestry import BOTH, MAX_WALK, MINE, THEIRS, Painting, generation, learn_generation
from pail.cid import CID
from pail.errors import TooLarge
from pail.event import MAX_HEAD, Event, Head, decode_event, encode_event
from pail.walk import Walk

__all__ = [
    "MAX_HEAD",
    "MAX_WALK",
    "Event",
    "Head",
    "advance",
    "decode_event",
    "encode_event",
    "unseen",
]


def advance(head: Head, event: CID) -> Walk[Head]:
    """The head after `event` is seen; arrival order never matters (C1).

    head: of at most MAX_HEAD events, none an ancestor of another; () for a clock that has
    seen nothing. To such a clock the event's ancestors are unknown and not read: use `unseen`
    to have them all. On any other head every ancestor it does not hold yet is read, so a head
    whose ancestors can be had is only followed by another (C3).
    Raises MissingBlock for an event that cannot be had, and HashMismatch, DecodeError, or
    TooLarge past MAX_WALK or MAX_HEAD.
    """
    if event in head:
        return head
    if not head:
        learn_generation(event, decode_event((yield event)).parents)
        return (event,)
    painting = yield from _paint(head, event)
    if painting.colours[event] == BOTH:
        return head
    kept = [cid for cid in head if painting.colours[cid] != BOTH]
    if len(kept) >= MAX_HEAD:
        raise TooLarge(f"the head would have more than {MAX_HEAD} events")
    return tuple(sorted([*kept, event]))


def unseen(head: Head, event: CID) -> Walk[tuple[CID, ...]]:
    """`event` and its ancestors that `head` does not hold, each read once, parents before children:
    what a clock must have or be given before it takes the event (C3), and what to send one.

    Where generations are not known a few that the head holds may be among them.
    Raises as `advance` does.
    """
    painting = yield from _paint(head, event)
    mine = {cid for cid in painting.events if painting.colours[cid] == MINE}
    return _parents_first(event, mine, painting)


def _paint(head: Head, event: CID) -> Walk[Painting]:
    """Both histories, until each event that only one side reaches is known to be only its own."""
    painting = Painting([event], head)
    painting.add(event, decode_event((yield event)))
    while not _is_settled(painting, head, event):
        yield from painting.step()
    painting.learn()
    return painting


def _is_settled(painting: Painting, head: Head, event: CID) -> bool:
    if painting.colours[event] == BOTH:
        return True
    if painting.top(MINE) is not None:
        return False
    theirs = painting.top(THEIRS)
    if theirs is None or any(painting.colours[cid] == BOTH for cid in head):
        return True  # what supersedes one event of a head is no ancestor of the others
    mine, older = generation(event), generation(theirs)
    return mine is not None and older is not None and older <= mine


def _parents_first(event: CID, mine: set[CID], painting: Painting) -> tuple[CID, ...]:
    order: list[CID] = []
    done: set[CID] = set()
    stack = [(event, False)] if event in mine else []
    while stack:
        cid, is_ready = stack.pop()
        if is_ready:
            order.append(cid)
        elif cid in mine and cid not in done:
            done.add(cid)
            stack.append((cid, True))
            stack += [(parent, False) for parent in painting.events[cid].parents]
    return tuple(order)
