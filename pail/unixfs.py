"""UnixFS files: 1 MiB chunks as raw blocks, under a balanced tree of DAG-PB nodes of 1,024 links.

A file of one chunk (or none) is its raw block alone, so that its CID is that of its bytes. The tree
over n chunks is the one the JavaScript uploader makes: whenever a row has more than WIDTH, its first
WIDTH become a node in the row above; at the end each row but the topmost is closed the same way,
even over a single child, and the topmost row is the root or hangs under it.

Source: https://github.com/ipfs/specs/blob/main/UNIXFS.md, npm @ipld/unixfs 3
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pail.cid import CID, RAW, cid_of
from pail.dag_cbor import Block
from pail.errors import DecodeError, TooLarge
from pail.unixfs_node import Entry, decode_file_node, encode_file_node
from pail.walk import Walk

CHUNK_BYTES = 1 << 20
WIDTH = 1024

MAX_DEPTH = 5
"""Nodes above one another; three reach 1 PiB."""

MAX_FILE_BYTES = 64 << 30
"""Default limit on a file that is read. One small block can be repeated into any size."""

LEAVES_AHEAD = 4
"""Leaves asked for at once, hence at most 8 MiB held."""


class FileWriter:
    """Makes a file's blocks while its bytes arrive, in the order the JavaScript uploader sends them.

    Holds less than one chunk, and one link for each child of an unfinished node.
    chunk_bytes, width: others than the format's own only to prove tall trees on small files.
    """

    def __init__(self, *, chunk_bytes: int = CHUNK_BYTES, width: int = WIDTH) -> None:
        assert chunk_bytes > 0
        assert width > 1
        self._chunk_bytes, self._width = chunk_bytes, width
        self._chunk = bytearray()
        self._rows: list[list[Entry]] = [[]]  # children without a parent yet, leaves first
        self._blocks: list[Block] = []
        self._root: Entry | None = None

    def write(self, data: bytes) -> list[Block]:
        """The blocks that `data`, of any length, completes."""
        assert self._root is None, "the file is closed"
        view = memoryview(data)
        while len(self._chunk) + len(view) >= self._chunk_bytes:
            take = self._chunk_bytes - len(self._chunk)
            self._add_leaf(bytes(self._chunk) + view[:take])
            self._chunk.clear()
            view = view[take:]
        self._chunk += view
        return self._take_blocks()

    def close(self) -> list[Block]:
        """The blocks still to come; `root` is known from now on."""
        assert self._root is None, "the file is closed"
        if self._chunk or self._rows == [[]]:
            self._add_leaf(bytes(self._chunk))
        if len(self._rows) > 1 or len(self._rows[0]) > 1:
            self._close_rows()
        self._root = self._rows[-1][0]
        return self._take_blocks()

    @property
    def root(self) -> Entry:
        """The whole file, once it is closed."""
        assert self._root is not None, "the file is not closed"
        return self._root

    def _add_leaf(self, chunk: bytes) -> None:
        block = Block(cid_of(RAW, chunk), chunk)
        self._blocks.append(block)
        self._rows[0].append(Entry(block.cid, len(chunk), len(chunk)))
        for level in range(len(self._rows)):
            if len(self._rows[level]) > self._width:
                self._add_node(level)

    def _close_rows(self) -> None:
        if len(self._rows) == 1:
            self._rows.append([])
        level = 0
        while level < len(self._rows):
            while len(self._rows[level]) > self._width or (self._rows[level] and level + 1 < len(self._rows)):
                self._add_node(level)
            level += 1
        if len(self._rows[-1]) > 1:
            self._add_node(len(self._rows) - 1)

    def _add_node(self, level: int) -> None:
        """The first WIDTH of a row become a node of the row above."""
        children = self._rows[level][: self._width]
        del self._rows[level][: self._width]
        if level + 1 == len(self._rows):
            self._rows.append([])
        block, entry = encode_file_node(children)
        self._blocks.append(block)
        self._rows[level + 1].append(entry)

    def _take_blocks(self) -> list[Block]:
        blocks, self._blocks = self._blocks, []
        return blocks


def leaves(root: CID, emit: Callable[[bytes], object], *, max_bytes: int = MAX_FILE_BYTES) -> Walk[int]:
    """Give the file's bytes to `emit`, leaf by leaf in order; the result is their number.

    Every size that a node declares is checked against what is there. What `emit` was given before
    an error is good as far as it goes.
    Raises DecodeError for blocks that are no file of this layout, TooLarge for a file above
    `max_bytes` (before its first byte, if it has nodes) or nodes deeper than MAX_DEPTH.
    """
    block = yield root
    if root.codec == RAW:
        _check_size(len(block), max_bytes)
        emit(block)
        return len(block)
    whole, children = decode_file_node(root, block)
    _check_size(whole.size_bytes, max_bytes)
    above = [deque(children)]
    while above:
        run = _next_leaves(above[-1])
        if run:
            for leaf, data in zip(run, (yield [leaf.cid for leaf in run]), strict=True):
                _check_entry(leaf, Entry(leaf.cid, len(data), len(data)))
                emit(data)
        elif above[-1]:
            above.append((yield from _open_node(above[-1].popleft(), len(above))))
        else:
            above.pop()
    return whole.size_bytes


def read(root: CID, *, max_bytes: int = MAX_FILE_BYTES) -> Walk[bytes]:
    """The whole file, for what is small enough to hold. Raises as `leaves` does."""
    parts: list[bytes] = []
    yield from leaves(root, parts.append, max_bytes=max_bytes)
    return b"".join(parts)


def _next_leaves(children: deque[Entry]) -> list[Entry]:
    run: list[Entry] = []
    while children and children[0].cid.codec == RAW and len(run) < LEAVES_AHEAD:
        run.append(children.popleft())
    return run


def _open_node(child: Entry, depth: int) -> Walk[deque[Entry]]:
    if depth >= MAX_DEPTH:
        raise TooLarge(f"UnixFS file is deeper than {MAX_DEPTH} nodes")
    entry, children = decode_file_node(child.cid, (yield child.cid))
    _check_entry(child, entry)
    return deque(children)


def _check_entry(declared: Entry, found: Entry) -> None:
    if declared != found:
        raise DecodeError(f"UnixFS link declares other sizes than it leads to: {declared.cid}")


def _check_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise TooLarge(f"file of {size_bytes} bytes at the limit of {max_bytes}")
