"""Takes in what a place holds: looks at shards that are new or changed, forgets those that are gone.

A shard counts as held once it was read from end to end. From far away that is too dear for a large
one of another machine: it is believed by its index object, if that accounts for every byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple, Protocol

from pail import CID, DecodeError, TooLarge
from pail.car import Slice, encode_car_header
from space.ahead import opened_ahead
from space.damage import Examination, Good, examine
from space.index import Index, ShardRow, State
from space.layout import SHARDS, index_name, shard_of_name
from space.marks import take_marks
from space.packed import open_shard, plain_shard
from space.place import Entry, Opened, Place
from space.sharded_dag_index import MAX_INDEX_BYTES, ShardSlices, decode_index
from space.slices import NO_SLICES, Slices, encode_slices
from space.stage import Stage
from space.stock import take_stock, varint_size

_CID_BYTES = 36
"""Of a CIDv1 as nearly all are. Were other lengths allowed, a block could be said to begin in its own CID."""


class Inspected(Protocol):
    """What an inspection needs of the space."""

    @property
    def place(self) -> Place: ...

    @property
    def index(self) -> Index: ...

    def stage(self) -> Stage: ...


class Look(NamedTuple):
    """One shard file as it is now. rest: what is left of it unless it is whole.

    index_fault: what is wrong with the index object beside a whole one, if anything is.
    """

    entry: Entry
    state: State
    blocks: int = 0
    rest: Examination | None = None
    index_fault: str | None = None


def refresh(space: Inspected) -> None:
    """Look at files that are new or changed since they were looked at, forget those that are gone."""
    known = space.index.shards()
    listed = space.place.list(SHARDS)
    names = {entry.name for entry in listed}
    present = {entry.name: entry for entry in listed if shard_of_name(entry.name)}
    vanished = known.keys() - present.keys()
    if vanished:
        take_marks(space.place, space.index)  # after the listing: what a prune removed, it had marked before
        with space.index:
            space.index.forget(vanished)
    new = [e for name, e in present.items() if name not in known or known[name].entry != e]
    unproved = [entry for entry in new if not _believe(space, entry, names)]
    for entry, opened in opened_ahead(space.place, unproved):
        take_in(space, entry, known.get(entry.name), opened)


def _believe(space: Inspected, entry: Entry, names: set[str]) -> bool:
    """Record a shard from far away by its index object, if it has a good one."""
    shard = shard_of_name(entry.name)
    assert shard is not None
    if space.place.is_near or index_name(shard) not in names:
        return False
    found = listed_slices(space.place, shard)
    try:
        with closing(open_shard(space.place, entry)) as opened:
            if found is None or opened.size != found.size_bytes or not accounts_for_all(found):
                return False
    except FileNotFoundError:
        return False
    with space.index:
        space.index.record(entry, State.LISTED, encode_slices(found.slices))
    return True


def accounts_for_all(listed: ShardSlices) -> bool:
    """Whether the slices leave no byte of the shard but a CAR's header and the heads of its frames."""
    at = len(encode_car_header())
    for _, offset, size in sorted(listed.slices, key=_by_offset):
        if offset - at != _CID_BYTES + varint_size(_CID_BYTES + size):
            return False
        at = offset + size
    return at == listed.size_bytes


def _by_offset(found: Slice) -> tuple[int, int]:
    return found.offset, found.length


def take_in(
    space: Inspected, entry: Entry, known: ShardRow | None, opened: Opened | None = None
) -> Look | None:
    """Read a shard file whole and record what it is; None if it is gone by now.

    opened: the object as it rests, if it is open already.
    """
    shard = shard_of_name(entry.name)
    assert shard is not None
    try:
        slices = take_stock(plain_shard(opened, entry) if opened else open_shard(space.place, entry), shard)
        if slices is None and not space.place.is_near:  # the line may have been bad, not the shard
            slices = take_stock(open_shard(space.place, entry), shard)
        if slices is not None:
            look = Look(entry, State.WHOLE, slices.blocks)
        else:
            rest = _examine(space, entry, shard, known)
            state = _state(entry, known)
            slices = slices_of(rest.good) if state == State.DAMAGED else NO_SLICES
            look = Look(entry, state, 0 if state == State.SETTLED else len(rest.good), rest)
    except FileNotFoundError:
        return None
    with space.index:
        if space.place.packs and look.state == State.DAMAGED:  # no index object need say what is lost
            space.index.miss(entry.name)
        space.index.record(entry, look.state, slices)
    return look


def _state(entry: Entry, known: ShardRow | None) -> State:
    """Of a file that is not whole, by what was known of it."""
    if known is None or known.state == State.NOT_WHOLE:
        return State.NOT_WHOLE
    if known.state == State.SETTLED:
        return State.SETTLED if known.entry == entry else State.NOT_WHOLE
    return State.DAMAGED


def slices_of(good: Sequence[Good]) -> Slices:
    return encode_slices(good)


def _examine(space: Inspected, entry: Entry, shard: CID, known: ShardRow | None) -> Examination:
    """By the places that the index object lists; or this machine's index; or the frames themselves."""
    listed = listed_slices(space.place, shard)
    places = [(digest[-32:], offset, size) for digest, offset, size in listed.slices] if listed else None
    if places is None and known is not None and known.state == State.WHOLE:
        places = list(space.index.places_of(entry.name))
    with closing(open_shard(space.place, entry)) as opened:
        return examine(opened.read, opened.size, places)


def listed_slices(place: Place, shard: CID) -> ShardSlices | None:
    """What the shard's index object says of it; None without a good one."""
    content = place.load(SHARDS, index_name(shard), MAX_INDEX_BYTES)
    try:
        index = decode_index(content) if content else None
    except (DecodeError, TooLarge):
        return None
    if index is None or [found.shard for found in index.shards] != [shard]:
        return None
    return index.shards[0]
