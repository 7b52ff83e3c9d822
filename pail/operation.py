"""What an event of a pail's clock says was done, with the root it led to.

Source: @web3-storage/pail 0.6.2, crdt; spec/clock.md
"""

from __future__ import annotations

from typing import NamedTuple

from pail.cid import CID
from pail.dag_cbor import Value
from pail.draft import Draft
from pail.errors import DecodeError
from pail.shard import is_key
from pail.walk import Walk


class Put(NamedTuple):
    """`key` was set to `value`."""

    key: str
    value: CID


class Delete(NamedTuple):
    """`key` was removed."""

    key: str


class Batch(NamedTuple):
    """The keys were set one after the other."""

    puts: tuple[Put, ...]


Operation = Put | Delete | Batch


def apply(draft: Draft, operation: Operation) -> Walk[bool]:
    """Do it again on another state; False if that changes nothing."""
    match operation:
        case Put(key, value):
            return (yield from draft.put(key, value))
        case Delete(key):
            return (yield from draft.delete(key))
        case Batch(puts):
            changes = False
            for key, value in puts:
                changes |= yield from draft.put(key, value)
            return changes


def encode_operation(operation: Operation, root: CID) -> Value:
    """The `data` of the event that did `operation` and led to `root`."""
    match operation:
        case Put(key, value):
            return {"type": "put", "root": root, "key": key, "value": value}
        case Delete(key):
            return {"type": "del", "root": root, "key": key}
        case Batch(puts):
            ops = [{"type": "put", "key": key, "value": value} for key, value in puts]
            return {"type": "batch", "root": root, "ops": ops}


def decode_operation(data: Value) -> tuple[Operation, CID]:
    """The operation and its root of an event's `data`. Raises DecodeError."""
    match data:
        case {"type": "put", "root": CID() as root, "key": str(key), "value": CID() as value, **rest} if (
            not rest
        ):
            return Put(_checked(key), value), root
        case {"type": "del", "root": CID() as root, "key": str(key), **rest} if not rest:
            return Delete(_checked(key)), root
        case {"type": "batch", "root": CID() as root, "ops": [*ops], **rest} if not rest:
            return Batch(tuple(_decode_put(op) for op in ops)), root
        case _:
            raise DecodeError("event holds no operation on a pail")


def _decode_put(op: Value) -> Put:
    match op:
        case {"type": "put", "key": str(key), "value": CID() as value, **rest} if not rest:
            return Put(_checked(key), value)
        case _:
            raise DecodeError("batch holds something else than puts")


def _checked(key: str) -> str:
    if not is_key(key):
        raise DecodeError(f"event has a key that no pail can hold: {key[:80]!r}")
    return key
