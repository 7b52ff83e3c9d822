"""An event: a node of the Merkle clock, naming the events it has seen.

Source: @web3-storage/pail 0.6.2, clock; spec/clock.md
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from pail.cid import CID
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_block
from pail.errors import DecodeError, TooLarge

MAX_HEAD = 256
"""Events in a head, and so parents of an event. Every update brings a head down to one."""

Head = tuple[CID, ...]
"""Events of which none is an ancestor of another, sorted by bytes."""

_EVENT_LINK = b"\x01\x71\x12\x20"


class Event(NamedTuple):
    """parents: the head that the event was made on. data: what happened; here of any kind."""

    parents: Head
    data: Value


def encode_event(parents: Iterable[CID], data: Value) -> Block:
    """The block of an event; parents are taken in any order."""
    return encode_block({"data": data, "parents": sorted(parents)})


def decode_event(data: bytes) -> Event:
    """The event of a block. Raises DecodeError, or TooLarge past MAX_HEAD parents."""
    match decode_dag_cbor(data):
        case {"parents": [*parents], "data": value, **rest} if not rest:
            return Event(_check_parents(parents), value)
        case _:
            raise DecodeError("not an event")


def _check_parents(parents: list[Value]) -> Head:
    if len(parents) > MAX_HEAD:
        raise TooLarge(f"event has {len(parents)} parents; the limit is {MAX_HEAD}")
    for parent in parents:
        if not isinstance(parent, CID) or len(parent) != 36 or parent[:4] != _EVENT_LINK:
            raise DecodeError("event has a parent that is no link to an event")
    if any(a >= b for a, b in pairwise(parents)):
        raise DecodeError("event has parents out of order")
    return tuple(parents)
