"""What changed between two trees, at the cost of the change.

Two stacks go through the trees side by side. A subtree that is next in both is skipped unread,
so what is read are the nodes that differ and the paths to them.

If the old tree was verified, a diff verifies the new one: every node that is new is checked for
its place, and an old subtree is skipped only where it was verified for bounds at least as tight.
"""

from __future__ import annotations

from typing import NamedTuple

from backup_agent.atproto.mst_node import Entry, Place, decode_node
from pail import CID, Walk


class Change(NamedTuple):
    """A record added (`old` is None), deleted (`new` is None) or changed."""

    key: bytes
    old: CID | None
    new: CID | None


class TreeDiff(NamedTuple):
    """From the old tree to the new: changes by key, and the nodes that only one of them has."""

    changes: list[Change]
    new_nodes: set[CID]
    old_nodes: set[CID]


class _Side:
    """One of the two trees: what is still to come of it, and which of its nodes were read."""

    def __init__(self, root: CID) -> None:
        self.stack: list[Place | Entry] = [Place(root)]
        self.seen: set[CID] = set()

    def top(self) -> Place | Entry | None:
        return self.stack[-1] if self.stack else None

    def key(self) -> bytes | None:
        """The key of the entry on top, if it is one."""
        top = self.top()
        return None if top is None or isinstance(top, Place) else top[0]

    def take(self, key: bytes) -> CID | None:
        """Take the entry on top if it is at `key`: its record."""
        if self.key() != key:
            return None
        entry = self.stack.pop()
        assert not isinstance(entry, Place)
        return entry[1]

    def open(self, data: bytes) -> None:
        """Replace the place on top, whose block is `data`, by what is in it."""
        place = self.stack.pop()
        assert isinstance(place, Place)
        self.seen.add(place.cid)
        self.stack += decode_node(place, data).content()


def diff_trees(old_root: CID, new_root: CID) -> Walk[TreeDiff]:
    """The difference of two trees, without their records. Raises InvalidTree.

    Memory and reads follow the size of the difference.
    """
    old, new = _Side(old_root), _Side(new_root)
    changes: list[Change] = []
    while old.stack or new.stack:
        left, right = old.top(), new.top()
        if isinstance(left, Place) and isinstance(right, Place) and _is_same(left, right):
            old.stack.pop()
            new.stack.pop()
            continue
        opening = [side for side, other in ((old, right), (new, left)) if _must_open(side.top(), other)]
        if opening:
            tops = [side.top() for side in opening]
            blocks = yield [top.cid for top in tops if isinstance(top, Place)]
            for side, data in zip(opening, blocks, strict=True):
                side.open(data)
        else:
            changes += _compare(old, new)
    return TreeDiff(changes, new.seen - old.seen, old.seen - new.seen)


def _is_same(old: Place, new: Place) -> bool:
    """Whether the subtree verified at `old` is the one at `new`, and fits there too.

    An entry of the new tree is taken only when no old subtree reaches below it, and keys stay on
    their layers, so it is the upper bound that a forged tree would get wrong. All three are asked.
    """
    return (
        old.cid == new.cid
        and old.layer == new.layer
        and old.low >= new.low
        and (new.high is None or (old.high is not None and old.high <= new.high))
    )


def _must_open(item: Place | Entry | None, other: Place | Entry | None) -> bool:
    """Whether `item` is a subtree to look into before anything on top can be compared."""
    if not isinstance(item, Place):
        return False
    if isinstance(other, Place):  # the higher one may hold the other
        return item.layer is None or other.layer is None or item.layer >= other.layer
    return other is None or other[0] > item.low


def _compare(old: _Side, new: _Side) -> list[Change]:
    """Take the lesser entry on top, or both if their keys are equal."""
    keys = [key for key in (old.key(), new.key()) if key is not None]
    assert keys, "every turn opens a node or takes an entry"
    key = min(keys)
    before, after = old.take(key), new.take(key)
    return [] if before == after else [Change(key, before, after)]
