"""Walks over a repository's tree: every record, its paths, one record, all blocks.

Each asks for many blocks at once, and holds a number of them that depends on the tree's depth
and fan-out, not on how many records there are. Every node is checked by `decode_node` before
anything in it is followed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from backup_agent.atproto.mst_node import Entry, Node, Place, decode_node
from pail import CID, Block, Walk

MAX_ASK = 128
"""Blocks asked for at once: at the largest block that a CAR may hold, 256 MiB."""

STEPS_AHEAD = 512
"""Entries listed before their records are asked for."""

WINDOW = 128
"""Steps ahead of the next one in which nodes are loaded along with it."""


class TreeCount(NamedTuple):
    """How much a walk saw."""

    nodes: int
    records: int


class Run(NamedTuple):
    """A stretch of a tree, in order: a node comes before what is in it, keys ascend."""

    nodes: list[Node]
    starts: list[int]
    """For each node, how many of `entries` come before it."""
    entries: list[Entry]


class Cursor:
    """Goes through a tree from left to right. `done` when no run is left."""

    def __init__(self, root: CID) -> None:
        # What is still to come, the next on top.
        self._stack: list[Place | Node | Entry] = [Place(root)]

    @property
    def done(self) -> bool:
        """Whether the whole tree was taken."""
        return not self._stack

    def take(self) -> Walk[Run]:
        """The next run, of STEPS_AHEAD steps and no more than one node's entries above.

        Raises InvalidTree for a node that does not fit its place.
        """
        nodes, starts, entries = run = Run([], [], [])
        stack = self._stack
        while stack and len(nodes) + len(entries) < STEPS_AHEAD:
            top = stack.pop()
            if type(top) is Place:
                stack.append(top)
                yield from self._load()
            elif type(top) is Node:
                starts.append(len(entries))
                nodes.append(top)
                if top.layer == 0:
                    entries += top.entries
            else:
                entries.append(top)
        return run

    def _load(self) -> Walk[None]:
        """Replace the places near the top of the stack by their nodes and what is in them.

        Those to the right of the next one come along, so that few asks serve many nodes.
        """
        start = max(0, len(self._stack) - WINDOW)
        window = self._stack[start:]
        places = [item for item in window if type(item) is Place]
        blocks = iter((yield [place.cid for place in places]))
        opened: list[Place | Node | Entry] = []
        for item in window:
            if type(item) is Place:
                node = decode_node(item, next(blocks))
                if node.layer:
                    opened += node.content()
                opened.append(node)  # entries of layer 0, most of all, go along with their node
            else:
                opened.append(item)
        self._stack[start:] = opened


def walk_records(root: CID, visit: Callable[[list[Entry], Sequence[bytes]], None]) -> Walk[TreeCount]:
    """Visit every record of the tree at `root` with its block, in order, some at a time.

    So when this returns, the whole tree is well-formed and no block of it is missing. The
    records themselves are the visitor's to judge. Raises InvalidTree.
    """
    cursor, nodes, records = Cursor(root), 0, 0
    while not cursor.done:
        run = yield from cursor.take()
        nodes += len(run.nodes)
        records += len(run.entries)
        for at in range(0, len(run.entries), MAX_ASK):
            asked = run.entries[at : at + MAX_ASK]
            visit(asked, (yield [cid for _, cid in asked]))
    return TreeCount(nodes, records)


def walk_entries(root: CID, visit: Callable[[list[Entry]], None]) -> Walk[TreeCount]:
    """Visit every record path and CID of the tree, in order, without the records. Raises InvalidTree."""
    cursor, nodes, records = Cursor(root), 0, 0
    while not cursor.done:
        run = yield from cursor.take()
        nodes += len(run.nodes)
        records += len(run.entries)
        visit(run.entries)
    return TreeCount(nodes, records)


def walk_blocks(root: CID, visit: Callable[[list[Block]], None]) -> Walk[TreeCount]:
    """Visit every block of the tree, nodes and records, in the order of a repository's CAR.

    A node comes first, then its subtrees and records from left to right, so that whoever reads
    them in this order can check each at once. Raises InvalidTree.
    """
    cursor, nodes, records = Cursor(root), 0, 0
    while not cursor.done:
        run = yield from cursor.take()
        nodes += len(run.nodes)
        records += len(run.entries)
        waiting = deque(zip(run.starts, run.nodes, strict=True))
        for at in range(0, len(run.entries), MAX_ASK):
            cids = [cid for _, cid in run.entries[at : at + MAX_ASK]]
            visit(_interleave(waiting, at, cids, (yield cids)))
        visit([Block(node.place.cid, node.data) for _, node in waiting])
    return TreeCount(nodes, records)


def _interleave(
    waiting: deque[tuple[int, Node]], at: int, cids: list[CID], records: Sequence[bytes]
) -> list[Block]:
    """The records from number `at` of a run on, each behind the nodes that start before it."""
    blocks: list[Block] = []
    for number, block in enumerate(map(Block, cids, records), at):
        while waiting and waiting[0][0] <= number:
            node = waiting.popleft()[1]
            blocks.append(Block(node.place.cid, node.data))
        blocks.append(block)
    return blocks


def find_record(root: CID, key: bytes) -> Walk[CID | None]:
    """The CID of the record at path `key`, None if the tree proves that there is none.

    Asks for the nodes on the way and no others. Raises InvalidTree.
    """
    place: Place | None = Place(root)
    while place is not None:
        node = decode_node(place, (yield place.cid))
        at = bisect_left(node.entries, key, key=lambda entry: entry[0])
        if at < len(node.entries) and node.entries[at][0] == key:
            return node.entries[at][1]
        place = node.children()[at]
    return None
