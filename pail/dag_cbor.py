"""DAG-CBOR, strict both ways, with CID as a type.

The profile: what `decode_dag_cbor` refuses
- anything but minimal integers and lengths, definite lengths, and one value that ends with the data;
- map keys that are no text, repeated, or out of order (by length, then bytes); text that is not UTF-8;
- every tag but 42, and a 42 that does not hold a well-formed CID behind one zero byte;
- floats of 16 or 32 bits, NaN and the infinities; `undefined` and every other simple value.
  Finite 64-bit floats are taken, -0.0 too, since records in the wild hold them; no format of ours does;
- integers outside -2**64 … 2**64 - 1 (bignums are tags);
- arrays and maps nested deeper than MAX_DEPTH or more than MAX_CONTAINERS of them, and blocks above
  MAX_BLOCK_BYTES.
CIDs are those of `decode_cid`: version 0 or 1, any codec, any hash, the length that they state.

Source: https://ipld.io/specs/codecs/dag-cbor/spec/, https://dasl.ing/drisl.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import cbrrr

from pail.cid import CID, DAG_CBOR, cid_of, decode_cid
from pail.errors import DecodeError, TooLarge

MAX_DEPTH = 64
"""Arrays and maps inside one another; atproto records nest about ten deep."""

MAX_BLOCK_BYTES = 8 << 20
"""Largest DAG-CBOR block; the largest legitimate one is a CAR shard's index, about 6 MiB."""

MAX_CONTAINERS = 1 << 19
"""Arrays and maps in one block: an empty one takes 1 byte there and 88 in memory. An index has 320,000."""

MAX_UNSCANNED_CLAIM = 1 << 22
"""Items that a block may claim before its heads are scanned; the decoder takes 8 bytes for each at once."""

# Bytes that may open an array or a map. A block can nest no deeper than it has of them.
_OPENERS = bytes(range(0x80, 0xC0))

Value = Any
"""None, bool, int, float, str, bytes, CID, list[Value] or dict[str, Value]."""


_encode = cast(Callable[..., bytes], cast(Any, cbrrr).encode_dag_cbor)
_decode = cast(Callable[..., Value], cast(Any, cbrrr).decode_dag_cbor)


class Block(NamedTuple):
    """Bytes with their CID."""

    cid: CID
    data: bytes


def encode_dag_cbor(value: Value) -> bytes:
    """The one DAG-CBOR encoding of `value`.

    A value of another type is the caller's TypeError; a number outside the profile, or text with a
    lone surrogate, the caller's ValueError.
    """
    return _encode(value, cid_type=CID)


def encode_block(value: Value) -> Block:
    """`value` as a DAG-CBOR block."""
    data = encode_dag_cbor(value)
    return Block(cid_of(DAG_CBOR, data), data)


def decode_dag_cbor(data: bytes, *, link: Callable[[bytes], CID] = decode_cid) -> Value:
    """The value of `data`, in bounded time and memory whatever the bytes are.

    link: makes a CID of the bytes of a tag 42. Only a caller that checks every link itself
    passes another than the strict default.
    Raises DecodeError for bytes outside the profile above, TooLarge past its limits.
    """
    if len(data) > MAX_BLOCK_BYTES:
        raise TooLarge(f"DAG-CBOR block of {len(data)} bytes; the limit is {MAX_BLOCK_BYTES}")
    openers = len(data) - len(data.translate(None, _OPENERS))
    scanned = openers * len(data) > MAX_UNSCANNED_CLAIM
    if scanned:
        _scan(data)
    try:
        value = _decode(data, cid_ctor=link)
    except (ValueError, MemoryError) as error:
        raise DecodeError(f"not DAG-CBOR: {error}") from error
    if openers > MAX_DEPTH and not scanned:
        _check_depth(value)
    return value


def _check_depth(value: Value) -> None:
    """Level by level, since most values are shallow. Raises TooLarge."""
    level: list[Value] = [value]
    for _ in range(MAX_DEPTH + 1):
        containers: list[Value] = [item for item in level if type(item) is dict or type(item) is list]
        if not containers:
            return
        level = [child for item in containers for child in _children(item)]
    raise TooLarge(f"DAG-CBOR nested deeper than {MAX_DEPTH}")


def _children(container: Value) -> Iterable[Value]:
    return cast(dict[str, Value], container).values() if type(container) is dict else container


def _scan(data: bytes) -> None:
    """Walk the heads alone, building nothing.

    The decoder makes room for all items that an array claims, so that a few nested arrays which each
    claim all the rest take a thousand times their size. Here the items that all open containers
    claim together must fit what is left of the block.
    Raises TooLarge for depth and number of containers, DecodeError for such claims; leaves every
    other fault for the decoder to name.
    """
    left: list[int] = []  # items still to come in each open container
    owed, containers = 1, 0  # their sum, and the block's own value
    at, size = 0, len(data)
    while at < size and owed:
        head = data[at]
        major, argument = head >> 5, head & 0x1F
        at += 1
        if argument >= 24:
            width = 1 << (argument - 24) if argument < 28 else 0
            argument = int.from_bytes(data[at : at + width], "big")
            at += width
        if major == 6:
            continue
        owed -= 1
        if left:
            left[-1] -= 1
        if major in (2, 3):
            at += argument
        elif major in (4, 5):
            containers += 1
            left.append(argument * (major - 3))
            owed += left[-1]
            if len(left) > MAX_DEPTH or containers > MAX_CONTAINERS:
                raise TooLarge(f"DAG-CBOR nested deeper than {MAX_DEPTH} or of too many arrays and maps")
            if owed > size - at:
                raise DecodeError("not DAG-CBOR: more items claimed than there are bytes")
        while left and not left[-1]:
            left.pop()
