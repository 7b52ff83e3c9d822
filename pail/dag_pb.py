"""DAG-PB, strict both ways: the protobuf that UnixFS nodes are made of.

A node is its links, then its data; a link is a CID, a name and the size of all it leads to. What is
absent (None) and what is empty differ. The profile: what `decode_dag_pb` refuses
- anything that `encode_dag_pb` would not have written: unknown or repeated fields, data before or
  between links, fields out of order, varints that are not minimal or above 63 bits;
- a link without a CID, or with bytes that are none; a name that is not UTF-8;
- blocks above MAX_DAG_PB_BYTES.
The order of links is the writer's matter: it says something in a file, and is by name in a directory.

Source: https://ipld.io/specs/codecs/dag-pb/spec/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pail.cid import CID, decode_cid
from pail.errors import DecodeError, TooLarge
from pail.varint import decode_varint, encode_varint

MAX_DAG_PB_BYTES = 1 << 20
"""Largest DAG-PB block; a full node of ours, 1,024 links, has about 60 KiB."""

VARINT = 0
BYTES = 2


class PBLink(NamedTuple):
    """A link of a node."""

    cid: CID
    name: str | None = None
    tsize: int | None = None
    """Bytes of every block below, each link counted anew."""


class PBNode(NamedTuple):
    """A block of DAG-PB."""

    links: tuple[PBLink, ...] = ()
    data: bytes | None = None


def encode_dag_pb(node: PBNode) -> bytes:
    """The one encoding of `node`, its links in the order given."""
    links = [bytes_field(2, _encode_link(link)) for link in node.links]
    return b"".join(links) + (b"" if node.data is None else bytes_field(1, node.data))


def decode_dag_pb(data: bytes) -> PBNode:
    """The node of `data`. Raises DecodeError outside the profile above, TooLarge past its limit."""
    if len(data) > MAX_DAG_PB_BYTES:
        raise TooLarge(f"DAG-PB block of {len(data)} bytes; the limit is {MAX_DAG_PB_BYTES}")
    links: list[PBLink] = []
    content: bytes | None = None
    for number, value in fields(data):
        if isinstance(value, int) or number not in (1, 2):
            raise DecodeError(f"DAG-PB node has a field {number} of its own")
        if number == 2:
            links.append(_decode_link(value))
        elif content is None:
            content = value
        else:
            raise DecodeError("DAG-PB node has data twice")
    node = PBNode(tuple(links), content)
    if encode_dag_pb(node) != data:
        raise DecodeError("DAG-PB node is not in its canonical form")
    return node


def _encode_link(link: PBLink) -> bytes:
    name = b"" if link.name is None else bytes_field(2, link.name.encode())
    return bytes_field(1, link.cid) + name + (b"" if link.tsize is None else varint_field(3, link.tsize))


def _decode_link(data: bytes) -> PBLink:
    """Whether the fields stand in order is seen when the node is encoded again."""
    cid, name, tsize = None, None, None
    for number, value in fields(data):
        match number, value:
            case 1, bytes() if cid is None:
                cid = decode_cid(value)
            case 2, bytes() if name is None:
                name = _text(value)
            case 3, int() if tsize is None:
                tsize = value
            case _:
                raise DecodeError(f"DAG-PB link has a field {number} of its own, or twice")
    if cid is None:
        raise DecodeError("DAG-PB link has no CID")
    return PBLink(cid, name, tsize)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("DAG-PB link's name is not UTF-8") from error


def varint_field(number: int, value: int) -> bytes:
    """A protobuf field that holds an integer."""
    return encode_varint(number << 3 | VARINT) + encode_varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A protobuf field that holds bytes."""
    return encode_varint(number << 3 | BYTES) + encode_varint(len(value)) + value


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: its numbers with an integer or bytes. Raises DecodeError."""
    at = 0
    while at < len(data):
        key, at = decode_varint(data, at)
        value, at = decode_varint(data, at)
        if key & 7 == VARINT:
            yield key >> 3, value
        elif key & 7 == BYTES and at + value <= len(data):
            yield key >> 3, data[at : at + value]
            at += value
        else:
            raise DecodeError("protobuf field is cut short or of an unknown type")
