"""Marks: objects that name doomed shards (spec/prune.md). Each is immutable and named by its hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, cast

from pail import CAR, CID, DAG_CBOR, DecodeError, PailError, cid_of, decode_dag_cbor, encode_dag_cbor
from pail.fields import Fields
from space.index import Index
from space.layout import MARK_SUFFIX
from space.place import Entry, Place

VERSION = 1

MAX_SHARDS = 1 << 14
"""Shards that one mark names."""

MAX_MARK_BYTES = 1 << 20


def encode_mark(agent: str, shards: Iterable[CID]) -> tuple[str, bytes]:
    """The name and the bytes of a mark of 1 to MAX_SHARDS shards."""
    named = sorted(set(shards))
    assert 0 < len(named) <= MAX_SHARDS
    content = encode_dag_cbor({"version": VERSION, "agent": agent, "shards": list(named)})
    return f"{cid_of(DAG_CBOR, content)}{MARK_SUFFIX}", content


def decode_mark(name: str, content: bytes) -> list[CID]:
    """The shards that the mark `name` dooms. Raises DecodeError, also if it is torn."""
    if name != f"{cid_of(DAG_CBOR, content)}{MARK_SUFFIX}":
        raise DecodeError("a mark does not hash to its name")
    fields = Fields("mark", decode_dag_cbor(content))
    if fields.take("version", int) != VERSION:
        raise DecodeError("a mark has a version that this skypail does not know")
    fields.take("agent", str)
    shards = cast("list[Any]", fields.take("shards", list))
    fields.done()
    if not 0 < len(shards) <= MAX_SHARDS or not all(isinstance(cid, CID) for cid in shards):
        raise DecodeError("a mark does not name shards")
    if any(cid.codec != CAR for cid in shards) or any(a >= b for a, b in pairwise(shards)):
        raise DecodeError("a mark does not name CAR shards in order")
    return shards


def take_marks(place: Place, index: Index, there: Sequence[Entry] | None = None) -> None:
    """Doom what new marks name. One that is torn or still arriving is none yet.

    there: what the place lists beside the space's file, if that was asked just now.
    """
    entries = place.list("") if there is None else there
    known = index.doomed.marks()
    for entry in entries:
        if not entry.name.endswith(MARK_SUFFIX) or entry.name in known:
            continue
        content = place.load("", entry.name, MAX_MARK_BYTES)
        try:
            shards = decode_mark(entry.name, content) if content else []
        except PailError:
            continue
        if shards:
            index.doom(entry.name, shards)
