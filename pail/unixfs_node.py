"""The nodes of UnixFS: a file's, with the size of each part, and a plain directory's.

Source: https://github.com/ipfs/specs/blob/main/UNIXFS.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pail.cid import CID, DAG_PB, RAW, cid_of
from pail.dag_cbor import Block
from pail.dag_pb import PBLink, PBNode, decode_dag_pb, encode_dag_pb, fields, varint_field
from pail.errors import DecodeError, TooLarge
from pail.varint import MAX_VARINT

MAX_LEAF_BYTES = 2 << 20
"""Largest leaf that is read; ours have at most CHUNK_BYTES."""

MAX_LINKS = 1024
"""Most links of a file's node; the root of a larger file has a row of nodes between."""

_DIRECTORY, _FILE = 1, 2
_MAX_FILE_DATA_BYTES = 10 * (MAX_LINKS + 2)


class Entry(NamedTuple):
    """A file, a directory, or a part of a file, as its parent links to it."""

    cid: CID
    size_bytes: int
    """Bytes of the file below; 0 for a directory."""
    dag_bytes: int
    """Bytes of every block below, each link counted anew: the Tsize."""


def encode_file_node(children: Iterable[Entry]) -> tuple[Block, Entry]:
    """A node over parts of a file, and how its parent links to it."""
    links = tuple(PBLink(child.cid, "", child.dag_bytes) for child in children)
    sizes = [child.size_bytes for child in children]
    block = _block(links, _file_data(sizes))
    return block, Entry(block.cid, sum(sizes), _dag_bytes(block.data, links))


def _block(links: tuple[PBLink, ...], data: bytes) -> Block:
    encoded = encode_dag_pb(PBNode(links, data))
    return Block(cid_of(DAG_PB, encoded), encoded)


def _file_data(sizes: Iterable[int]) -> bytes:
    """Type file, size of the file, size of each child."""
    head = varint_field(1, _FILE) + varint_field(3, sum(sizes))
    return head + b"".join(varint_field(4, size) for size in sizes)


def _dag_bytes(encoded: bytes, links: Iterable[PBLink]) -> int:
    return len(encoded) + sum(link.tsize or 0 for link in links)


def encode_directory(entries: Mapping[str, Entry]) -> tuple[Block, Entry]:
    """A directory over `entries`, each name one part of a path, and how its parent links to it."""
    named = sorted(entries.items(), key=lambda pair: pair[0].encode())
    assert all(_is_name(name) for name, _ in named)
    links = tuple(PBLink(entry.cid, name, entry.dag_bytes) for name, entry in named)
    block = _block(links, varint_field(1, _DIRECTORY))
    return block, Entry(block.cid, 0, _dag_bytes(block.data, links))


def decode_directory(data: bytes) -> dict[str, CID]:
    """What a directory holds, by name. Raises DecodeError, TooLarge.

    Names are unique, sorted by their bytes, and each is one part of a path: never empty, `.` or
    `..`, and without `/` and NUL.
    """
    node = decode_dag_pb(data)
    if node.data != varint_field(1, _DIRECTORY):
        raise DecodeError("not a UnixFS directory of the plain kind")
    names = [link.name or "" for link in node.links]
    ordered = [name.encode() for name in names]
    if not all(_is_name(name) for name in names) or ordered != sorted(set(ordered)):
        raise DecodeError("directory's names are not in order, repeated or no names")
    return {name: link.cid for name, link in zip(names, node.links, strict=True)}


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def decode_file_node(cid: CID, block: bytes) -> tuple[Entry, list[Entry]]:
    """The node `cid` as its parent should link to it, and its children as it declares them.

    Raises DecodeError for what is no file's node, TooLarge past the limits above.
    """
    if cid.codec != DAG_PB:
        raise DecodeError(f"not a UnixFS file: {cid}")
    node = decode_dag_pb(block)
    if len(node.links) > MAX_LINKS:
        raise TooLarge(f"UnixFS node has {len(node.links)} links at the limit of {MAX_LINKS}: {cid}")
    sizes = _decode_sizes(node.data or b"")
    if len(sizes) != len(node.links) or not all(sizes):
        raise DecodeError(f"UnixFS node's links and sizes do not agree: {cid}")
    if not all(link.cid.codec in (RAW, DAG_PB) for link in node.links):
        raise DecodeError(f"UnixFS node links to what is no part of a file: {cid}")
    children = [Entry(link.cid, size, link.tsize or 0) for link, size in zip(node.links, sizes, strict=True)]
    if any(child.cid.codec == RAW and child.size_bytes > MAX_LEAF_BYTES for child in children):
        raise TooLarge(f"UnixFS leaf is larger than {MAX_LEAF_BYTES} bytes, under {cid}")
    return Entry(cid, sum(sizes), _dag_bytes(block, node.links)), children


def _decode_sizes(data: bytes) -> list[int]:
    if len(data) > _MAX_FILE_DATA_BYTES:
        raise TooLarge(f"UnixFS node's sizes take {len(data)} bytes")
    sizes = [value for number, value in fields(data) if number == 4 and isinstance(value, int)]
    if sum(sizes) > MAX_VARINT or _file_data(sizes) != data:
        raise DecodeError("not a UnixFS file, or its sizes do not add up")
    return sizes
