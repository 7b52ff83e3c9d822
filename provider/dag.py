"""Walks over what a gateway serves: a path through directories, part of a file, a whole DAG. Pure.

Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from pail import CID, DAG_CBOR, DAG_PB, RAW, Block, DecodeError, TooLarge, Value, Walk, decode_dag_cbor
from pail.dag_pb import decode_dag_pb
from pail.unixfs_node import Entry, decode_directory, decode_file_node

MAX_PATH = 32
"""Names of a path."""

MAX_DEPTH = 8
"""Nodes of a file above one another; three reach a petabyte."""

MAX_DAG_BLOCKS = 1 << 18
"""Of one CAR or file: a quarter of a terabyte of full ones. What is larger is read by range."""

AT_ONCE = 8
"""Blocks asked for together."""

Emit = Callable[[bytes], object]


def resolve(root: CID, path: Sequence[str]) -> Walk[CID | None]:
    """What `path` leads to from `root` through UnixFS directories; None if it leads nowhere.

    Raises TooLarge past MAX_PATH.
    """
    if len(path) > MAX_PATH:
        raise TooLarge(f"a path has {MAX_PATH} names at most")
    at = root
    for name in path:
        block = yield at
        found = _entry(at, block, name)
        if found is None:
            return None
        at = found
    return at


def _entry(directory: CID, block: bytes, name: str) -> CID | None:
    try:
        return decode_directory(block).get(name) if directory.codec == DAG_PB else None
    except DecodeError:
        return None


def file_size(root: CID) -> Walk[int]:
    """The size of a UnixFS file. Raises DecodeError if it is none, TooLarge."""
    block = yield root
    return len(block) if root.codec == RAW else decode_file_node(root, block)[0].size_bytes


def part_of_file(root: CID, start: int, end: int, emit: Emit, *, is_once: bool = False) -> Walk[None]:
    """Give `emit` the bytes from `start` to before `end`, and look at no other leaf.

    is_once: look at what is wholly within the part once, for its blocks alone: a file of few blocks can be
    of petabytes. Raises DecodeError for what is no file of which the sizes are right, TooLarge past
    MAX_DEPTH or MAX_DAG_BLOCKS.
    """
    stack = [(0, 1, Entry(root, end, 0))]
    is_root, blocks_read, seen = True, 0, set[CID]()
    while stack:
        run = _run(stack)
        blocks_read += len(run)
        if blocks_read > MAX_DAG_BLOCKS:
            raise TooLarge(f"a file of more than {MAX_DAG_BLOCKS} blocks; ask for it by range")
        blocks = yield [entry.cid for _, _, entry in run]
        inner: list[tuple[int, int, Entry]] = []
        for (at, depth, entry), block in zip(run, blocks, strict=True):
            if entry.cid.codec == RAW:
                if not is_root and len(block) != entry.size_bytes:
                    raise DecodeError(f"UnixFS link declares another size than it leads to: {entry.cid}")
                emit(block[max(0, start - at) : max(0, end - at)])
            else:
                whole, children = decode_file_node(entry.cid, block)
                if not is_root and whole.size_bytes != entry.size_bytes:
                    raise DecodeError(f"UnixFS link declares another size than it leads to: {entry.cid}")
                below = _overlapping(children, at, depth, start, end)
                inner += _unseen(below, start, end, seen) if is_once else below
        stack += reversed(inner)
        is_root = False


def _run(stack: list[tuple[int, int, Entry]]) -> list[tuple[int, int, Entry]]:
    """The next node, or leaves that follow one another."""
    run = [stack.pop()]
    while run[-1][2].cid.codec == RAW and stack and stack[-1][2].cid.codec == RAW and len(run) < AT_ONCE:
        run.append(stack.pop())
    return run


def _overlapping(
    children: Sequence[Entry], at: int, depth: int, start: int, end: int
) -> Iterator[tuple[int, int, Entry]]:
    """Those of a node at `at` that hold anything of the part, each with where it begins."""
    if depth >= MAX_DEPTH:
        raise TooLarge(f"UnixFS file is deeper than {MAX_DEPTH} nodes")
    for child in children:
        if at < end and at + child.size_bytes > start:
            yield at, depth + 1, child
        at += child.size_bytes


def _unseen(
    nodes: Iterator[tuple[int, int, Entry]], start: int, end: int, seen: set[CID]
) -> Iterator[tuple[int, int, Entry]]:
    for at, depth, entry in nodes:
        is_within = start <= at and at + entry.size_bytes <= end
        if not (is_within and entry.cid in seen):
            yield at, depth, entry
        if is_within:
            seen.add(entry.cid)


def whole_dag(root: CID, emit: Callable[[Block], object]) -> Walk[None]:
    """Give `emit` every block below `root`, each once, parents before children, depth first.

    Of what comes next some is asked for ahead. Raises TooLarge past MAX_DAG_BLOCKS, DecodeError for a
    block that is not what its codec says.
    """
    seen, stack, ahead = {root}, [root], dict[CID, bytes]()
    while stack:
        if stack[-1] not in ahead:
            wanted = [cid for cid in stack[: -AT_ONCE - 1 : -1] if cid not in ahead]
            ahead |= zip(wanted, (yield wanted), strict=True)
        cid = stack.pop()
        block = ahead.pop(cid)
        emit(Block(cid, block))
        links = [link for link in dict.fromkeys(links_of(cid, block)) if link not in seen]
        seen.update(links)
        if len(seen) > MAX_DAG_BLOCKS:
            raise TooLarge(f"a DAG of more than {MAX_DAG_BLOCKS} blocks")
        stack += reversed(links)


def links_of(cid: CID, block: bytes) -> Iterator[CID]:
    """The CIDs that a block of DAG-CBOR or DAG-PB links to; of other codecs none are known."""
    if cid.codec == DAG_PB:
        yield from (link.cid for link in decode_dag_pb(block).links)
    elif cid.codec == DAG_CBOR:
        yield from _links(decode_dag_cbor(block))


def _links(value: Value) -> Iterator[CID]:
    """In the order of the block. DAG-CBOR bounds the depth."""
    if isinstance(value, CID):
        yield value
    elif isinstance(value, dict):
        for part in cast("dict[str, Any]", value).values():
            yield from _links(part)
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            yield from _links(part)
