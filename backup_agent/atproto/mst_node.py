"""One node of the Merkle search tree, taken apart strictly.

A repository maps record paths to record CIDs by a tree whose shape is a pure function of its
entries. SHA-256 of a path gives its **layer**: the leading zero bits, two by two, so that one key
in four is on layer 1 or above. A node holds the consecutive keys of its layer, and between them
links to nodes one layer below:

    {l: &Node | null, e: [{p: Int, k: Bytes, v: &Record, t: &Node | null}]}

`l` is the subtree before the first key, `t` the one behind each key; `p` is how many bytes a key
shares with the key before it in this node, as many as it can, and `k` is the rest.

Every check of the tree happens here: a node is decoded for its **place** (layer, and the keys
just outside of it), so a tree whose nodes decode is ordered and layered as a whole, has no key
twice and no node twice, whatever order its nodes are looked at in.

Source: https://atproto.com/specs/repository; Auvolat and Taïani, Merkle Search Trees, 2019.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple, NoReturn, final

from backup_agent.atproto.errors import InvalidTree
from backup_agent.atproto.mst_bytes import (
    BYTES_HEADS,
    MAX_KEY_BYTES,
    MAX_NODE_BYTES,
    SHARED,
    Row,
    match_node,
    refuse_bytes,
    refuse_path,
)
from pail import CID

MAX_DEPTH = 128
"""Layers that 256 bits can tell apart; a million records take about ten."""

# The layer of a digest by its first byte; a zero byte says only that there are four or more.
_LAYERS = bytes((8 - first.bit_length()) // 2 for first in range(256))

Entry = tuple[bytes, CID]
"""A record path and the CID of its record."""

Parts = tuple[int, list[Entry], list["CID | None"]]
"""Of a node: its keys' layer (0 without any), its entries, and the links around them."""


@final
class Place(NamedTuple):
    """Where a node belongs: what its parent promises of it."""

    cid: CID
    layer: int | None = None
    """None for the root, whose layer is that of its keys."""
    low: bytes = b""
    """Every key of the subtree is greater."""
    high: bytes | None = None
    """Every key of the subtree is less; None at the tree's right edge."""


@final
class Node(NamedTuple):
    """A node that fits its place. `links` has one more item than `entries`: the subtrees around them."""

    place: Place
    data: bytes
    layer: int
    entries: list[Entry]
    links: list[CID | None]

    def children(self) -> list[Place | None]:
        """The places of `links`, each between its neighbouring keys."""
        lows = [self.place.low, *[key for key, _ in self.entries]]
        highs = [*[key for key, _ in self.entries], self.place.high]
        below = self.layer - 1
        return [
            None if link is None else Place(link, below, low, high)
            for link, low, high in zip(self.links, lows, highs, strict=True)
        ]

    def content(self) -> list[Place | Entry]:
        """Entries and subtrees, the last first: what a stack wants."""
        content: list[Place | Entry] = []
        below, high = self.layer - 1, self.place.high
        for entry, link in zip(reversed(self.entries), reversed(self.links), strict=False):
            if link is not None:
                content.append(Place(link, below, entry[0], high))
            content.append(entry)
            high = entry[0]
        if self.links[0] is not None:
            content.append(Place(self.links[0], below, self.place.low, high))
        return content


def layer_of(key: bytes) -> int:
    """The layer of a record path, 0 to MAX_DEPTH: half the leading zero bits of its SHA-256."""
    return (256 - int.from_bytes(sha256(key).digest(), "big").bit_length()) // 2


def decode_node(place: Place, data: bytes) -> Node:
    """The node of `data`, which hashes to `place.cid`, if it fits `place`.

    Raises InvalidTree, naming what is wrong and at which key.
    """
    cid, _, low, high = place
    parts = _take_apart(data) if len(data) <= MAX_NODE_BYTES else None
    if parts is None or (parts[1] and place.layer not in (None, parts[0])):
        parts = take_apart_plainly(place, data)
    layer, entries, links = parts
    if not entries:
        layer = _layer_of_bare(place, links[0])
    elif low and entries[0][0] <= low:
        raise InvalidTree(cid, f"out of order, not greater than {low.decode()!r}", entries[0][0])
    elif high is not None and entries[-1][0] >= high:
        raise InvalidTree(cid, f"out of order, not less than {high.decode()!r}", entries[-1][0])
    if layer == 0 and links.count(None) != len(links):
        raise InvalidTree(cid, "it is on layer 0 and has a subtree")
    return Node(place, data, layer, entries, links)


def take_apart_plainly(place: Place, data: bytes) -> Parts:
    """What is in the node `data`, whose keys must be of the place's layer. Raises InvalidTree.

    `_node.c` is the same in C, but for the place, and leaves to this what it does not take.
    """
    left, rows = match_node(place.cid, data)
    entries: list[Entry] = []
    links = [left]
    layer = _decode_entries(place, data, rows, entries, links) if rows else 0
    return layer, entries, links


try:
    from backup_agent.atproto._node import take_apart as _take_apart
except ImportError:  # not compiled

    def _take_apart(data: bytes, /) -> Parts | None:
        return None


def _layer_of_bare(place: Place, left: CID | None) -> int:
    """Of a node without keys: the empty tree, or a link in a chain that only bridges layers."""
    if place.layer is None:
        if left is not None:
            raise InvalidTree(place.cid, "the root has no key but a subtree: its top is not trimmed")
        return 0
    if left is None:
        raise InvalidTree(place.cid, "it is empty, and not the root of an empty tree")
    return place.layer


def _decode_entries(
    place: Place, data: bytes, rows: list[Row], entries: list[Entry], links: list[CID | None]
) -> int:
    """Append the node's entries and the links behind them; return its layer.

    This loop runs once for every record of a repository.
    """
    cid, layer, _, _ = place
    key, slash, size = b"", 0, 0
    for head, rest, encoded, below, record in rows:
        shared = SHARED[encoded]
        if head != BYTES_HEADS[len(rest)]:
            refuse_bytes(cid, data)
        # The first byte that differs must be greater, and must differ: one comparison for two rules.
        if shared > size or rest[:1] <= key[shared : shared + 1]:
            _refuse_order(cid, key, shared, rest)
        key = key[:shared] + rest
        size = shared + len(rest)
        if shared <= slash or size > MAX_KEY_BYTES or b"/" in rest:  # mostly the collection is shared
            slash = key.find(b"/")
            if not 0 < slash < size - 1 or size > MAX_KEY_BYTES or key.find(b"/", slash + 1) > 0:
                refuse_path(cid, key)
        first = sha256(key).digest()[0]
        on = _LAYERS[first] if first else layer_of(key)
        if on != layer:
            if layer is not None:
                raise InvalidTree(cid, f"a key of layer {on} in a node of layer {layer}", key)
            layer = on
        entries.append((key, CID(record)))
        links.append(CID(below) if below else None)
    assert layer is not None, "there is a row"
    return layer


def _refuse_order(cid: CID, key: bytes, shared: int, rest: bytes) -> NoReturn:
    if shared > len(key):
        raise InvalidTree(cid, f"the next entry shares {shared} bytes with a shorter key", key)
    next_key = key[:shared] + rest
    if rest[:1] == key[shared : shared + 1]:
        raise InvalidTree(cid, "its shared prefix is longer than the entry says", next_key)
    raise InvalidTree(cid, f"out of order, not greater than {key.decode()!r}", next_key)
