"""The bytes of a tree node: a grammar so regular that one pattern is its strict decoder.

A node has exactly one DAG-CBOR encoding, with its fields in one order, links of one kind and
keys of few characters. So a pattern accepts the valid encodings and nothing else, but for three
numbers that it cannot count (entries, and the length of each key). It takes a third of the time
of decoding and then checking. What it refuses is decoded the long way, to say what is wrong.

Source: https://atproto.com/specs/repository
"""

from __future__ import annotations

import re
from typing import Any, NoReturn, cast

from backup_agent.atproto.errors import InvalidTree
from pail import CID, DecodeError, TooLarge, decode_dag_cbor

MAX_NODE_BYTES = 1 << 20
"""Largest node. An honest one has about four entries and 250 bytes."""

MAX_KEY_BYTES = 1024
"""Longest record path, as in the reference implementation."""

Row = tuple[bytes, bytes, bytes, bytes, bytes]
"""An entry as it stands: head of k, k, p as encoded, the CID of t or nothing, the CID of v."""


def _head(major: int, number: int) -> bytes:
    """CBOR's shortest head for `number` below 2**16."""
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25, *number.to_bytes(2, "big")])


BYTES_HEADS = [_head(2, size) for size in range(MAX_KEY_BYTES + 1)]
"""How a byte string of each length begins."""

SHARED = {_head(0, number): number for number in range(MAX_KEY_BYTES + 1)}
"""The number that each encoded p stands for."""

_LINK_PREFIX = b"\x01\x71\x12\x20"  # CIDv1, DAG-CBOR, SHA-256 of 32 bytes
_LINK_BYTES = 36
_KEY_CHARACTERS = rb"A-Za-z0-9_~:./\-"
_PATH = re.compile(rb"[A-Za-z0-9_~:.\-]+/[A-Za-z0-9_~:.\-]+")
_KEY_SIZE = rb"[\x41-\x57]|\x58[\x18-\xff]|\x59[\x01-\x03].|\x59\x04\x00"
_NUMBER = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19[\x01-\x03].|\x19\x04\x00"
_COUNT = rb"[\x80-\x97]|\x98[\x18-\xff]|\x99[\x01-\xff]."
_LINK = rb"\xd8\x2a\x58\x25\x00(\x01\x71\x12\x20.{32})"
_ENTRY = rb"\xa4ak(%b)([%b]{1,1024})ap(%b)at(?:\xf6|%b)av%b" % (
    _KEY_SIZE,
    _KEY_CHARACTERS,
    _NUMBER,
    _LINK,
    _LINK,
)
_UNNUMBERED = _ENTRY.replace(b"(", b"(?:").replace(b"(?:?:", b"(?:")
_ENTRIES = re.compile(_ENTRY, re.DOTALL)
_NODE = re.compile(rb"\xa2ae(%b)(?:%b)*+al(?:\xf6|%b)" % (_COUNT, _UNNUMBERED, _LINK), re.DOTALL)


def match_node(cid: CID, data: bytes) -> tuple[CID | None, list[Row]]:
    """The left link of the node `data`, and its entries.

    The caller checks that each key is as long as its head says: it goes through them anyway.
    Raises InvalidTree for bytes that are no node, whatever they are.
    """
    if len(data) > MAX_NODE_BYTES:
        raise InvalidTree(cid, f"{len(data)} bytes; the limit is {MAX_NODE_BYTES}")
    match = _NODE.fullmatch(data)
    if match is None:
        refuse_bytes(cid, data)
    count, left = match.groups()
    rows: list[Row] = _ENTRIES.findall(data, match.end(1))
    if count != _head(4, len(rows)):
        refuse_bytes(cid, data)
    return CID(left) if left else None, rows


def refuse_path(cid: CID, key: bytes) -> NoReturn:
    """Raise InvalidTree that says why `key` is no record path."""
    if len(key) > MAX_KEY_BYTES:
        raise InvalidTree(cid, f"a record path of {len(key)} bytes; the limit is {MAX_KEY_BYTES}", key)
    raise InvalidTree(cid, "not a record path of a collection, a slash and a record key", key)


def refuse_bytes(cid: CID, data: bytes) -> NoReturn:
    """Raise InvalidTree that says why the pattern does not take `data`."""
    try:
        value = decode_dag_cbor(data, link=CID)
    except (DecodeError, TooLarge) as error:
        raise InvalidTree(cid, str(error)) from error
    if not isinstance(value, dict) or set(cast(dict[str, Any], value)) != {"e", "l"}:
        raise InvalidTree(cid, "it is no map of exactly e and l")
    left, listed = cast(dict[str, Any], value)["l"], cast(dict[str, Any], value)["e"]
    if left is not None and not _is_link(left):
        raise InvalidTree(cid, "its left link is none to a DAG-CBOR block")
    if not isinstance(listed, list):
        raise InvalidTree(cid, "its entries are no list")
    key = b""
    for item in cast(list[Any], listed):
        key = _explain_entry(cid, key, item)
    raise AssertionError(f"a good node is refused: {cid}")


def _explain_entry(cid: CID, key: bytes, item: Any) -> bytes:
    """The key of an entry behind `key`. Raises InvalidTree if its shape is what is wrong."""
    if not isinstance(item, dict) or set(cast(dict[str, Any], item)) != {"k", "p", "t", "v"}:
        raise InvalidTree(cid, "the next entry is no map of exactly k, p, t and v", key)
    fields = cast(dict[str, Any], item)
    shared, rest = fields["p"], fields["k"]
    if type(shared) is not int or type(rest) is not bytes or not rest:
        raise InvalidTree(cid, "the next entry's p and k are not a number and some bytes", key)
    if not 0 <= shared <= len(key):
        raise InvalidTree(cid, f"the next entry shares {shared} bytes with a shorter key", key)
    key = key[:shared] + rest
    if not _PATH.fullmatch(key) or len(key) > MAX_KEY_BYTES:
        refuse_path(cid, key)
    if not _is_link(fields["v"]):
        raise InvalidTree(cid, "its record is no link to a DAG-CBOR block", key)
    if fields["t"] is not None and not _is_link(fields["t"]):
        raise InvalidTree(cid, "its subtree is no link to a DAG-CBOR block", key)
    return key


def _is_link(value: Any) -> bool:
    return isinstance(value, CID) and len(value) == _LINK_BYTES and value[:4] == _LINK_PREFIX
