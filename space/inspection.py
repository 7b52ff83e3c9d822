"""Looks at the shard files of a folder, keeps the index true to them, and repairs.

Nothing in the folder is ever removed or renamed here: a file that is damaged on this machine may
be whole on another, and a sync client would carry the removal there. A damaged file is set aside
by not counting on it: its good blocks are copied into a new shard, its damaged ones no longer
count as held, so the next backup writes them anew (S3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple, Protocol

from pail import CID, DecodeError, TooLarge
from space.damage import Examination, Good, examine
from space.errors import SpaceError
from space.index import Index, ShardRow, State
from space.layout import INDEX_SUFFIX, SHARDS, index_name, shard_of_name
from space.place import Entry, Place
from space.report import Damage, SpaceReport
from space.sharded_dag_index import MAX_INDEX_BYTES, decode_index, encode_shard_index
from space.slices import NO_SLICES, Slices, encode_slices
from space.stage import Stage
from space.stock import take_stock

COPY_BATCH_BYTES = 4 << 20


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


_MISSING = "missing"


def refresh(space: Inspected) -> None:
    """Look at files that are new or changed since they were looked at, forget those that are gone."""
    known = space.index.shards()
    present = {entry.name: entry for entry in space.place.list(SHARDS) if shard_of_name(entry.name)}
    vanished = known.keys() - present.keys()
    if vanished:
        with space.index:
            space.index.forget(vanished)
    for name, entry in present.items():
        if name not in known or known[name].entry != entry:
            _take_in(space, entry, known.get(name))


def check(space: Inspected, *, read_data: bool = True) -> SpaceReport:
    """Look at every file, or unless `read_data` at those that are not known to be whole."""
    refresh(space)
    looks: list[Look] = []
    for row in space.index.shards().values():
        if read_data or row.state not in (State.WHOLE, State.SETTLED):
            look = _look_through(space, row)
        else:
            look = Look(row.entry, row.state, row.blocks)
        if look:
            looks.append(look)
    return _report(space, looks)


def repair(space: Inspected) -> SpaceReport:
    """Look at every file, copy good blocks out of those that are not whole, write index objects.

    What is nowhere by then is named this once, and given up: no backup but the next can bring it back.
    """
    refresh(space)
    for row in space.index.shards().values():
        look = _look_through(space, row)
        if look and look.rest:
            _salvage(space, look, look.rest)
        elif look and look.index_fault:
            _write_index(space.place, look.entry)
    report = check(space)
    return replace(report, given_up=_settle(space, report))


def _settle(space: Inspected, report: SpaceReport) -> int:
    """Name the losses of `report` no more; how many blocks they are."""
    lost = {
        damage.cid or (damage.shard, damage.offset)
        for damage in report.damages
        if damage.lost and (damage.cid or damage.offset)
    }
    known = space.index.shards()
    damaged = {damage.shard for damage in report.damages} & known.keys()
    given_up = len(lost) + sum(space.index.gone().values())
    with space.index:
        space.index.give_up()
        for name in damaged:
            if known[name].state == State.NOT_WHOLE:
                space.index.record(known[name].entry, State.SETTLED, NO_SLICES)
    return given_up


def _look_through(space: Inspected, row: ShardRow) -> Look | None:
    """As `_take_in`, and at the index object of a shard that is whole."""
    look = _take_in(space, row.entry, row)
    shard = shard_of_name(row.entry.name)
    if look is None or look.rest or shard is None:
        return look
    places = list(space.index.places_of(row.entry.name))
    return look._replace(index_fault=_index_fault(space.place, shard, places))


def _take_in(space: Inspected, entry: Entry, known: ShardRow | None) -> Look | None:
    """Read a shard file whole and record what it is; None if it is gone by now."""
    shard = shard_of_name(entry.name)
    assert shard is not None
    try:
        slices = take_stock(space.place.open(SHARDS, entry), shard)
        if slices is not None:
            look = Look(entry, State.WHOLE, slices.blocks)
        else:
            rest = _examine(space, entry, shard, known)
            state = _state(entry, known)
            slices = _slices(rest.good) if state == State.DAMAGED else NO_SLICES
            look = Look(entry, state, 0 if state == State.SETTLED else len(rest.good), rest)
    except FileNotFoundError:
        return None
    with space.index:
        space.index.record(entry, look.state, slices)
    return look


def _state(entry: Entry, known: ShardRow | None) -> State:
    """Of a file that is not whole, by what was known of it."""
    if known is None or known.state == State.NOT_WHOLE:
        return State.NOT_WHOLE
    if known.state == State.SETTLED:
        return State.SETTLED if known.entry == entry else State.NOT_WHOLE
    return State.DAMAGED


def _slices(good: Sequence[Good]) -> Slices:
    return encode_slices(good)


def _examine(space: Inspected, entry: Entry, shard: CID, known: ShardRow | None) -> Examination:
    """By the places that the index object lists; or this machine's index; or the frames themselves."""
    places = _listed(space.place, shard)
    if places is None and known is not None and known.state == State.WHOLE:
        places = list(space.index.places_of(entry.name))
    with closing(space.place.open(SHARDS, entry)) as opened:
        return examine(opened.read, opened.size, places)


def _listed(place: Place, shard: CID) -> list[tuple[bytes, int, int]] | None:
    """Digest, offset and size of each block by the shard's index object; None without a good one."""
    content = place.load(SHARDS, index_name(shard), MAX_INDEX_BYTES)
    try:
        index = decode_index(content) if content else None
    except (DecodeError, TooLarge):
        return None
    if index is None or [found.shard for found in index.shards] != [shard]:
        return None
    return [(multihash[-32:], offset, size) for multihash, offset, size in index.shards[0].slices]


def _index_fault(place: Place, shard: CID, places: Sequence[tuple[bytes, int, int]]) -> str | None:
    if place.load(SHARDS, index_name(shard), 0) is None:
        return _MISSING
    listed = _listed(place, shard)
    if listed is None:
        return "the index object cannot be read"
    # Of a block that stands in the shard twice, an index lists one place.
    if not set(listed) <= set(places) or len(listed) != len({digest for digest, _, _ in places}):
        return "the index object does not list what the shard holds"
    return None


def _write_index(place: Place, entry: Entry) -> None:
    shard = shard_of_name(entry.name)
    assert shard is not None
    slices = take_stock(place.open(SHARDS, entry), shard)
    if slices is not None:
        place.store(SHARDS, index_name(shard), encode_shard_index(shard, entry.size, slices))


def _salvage(space: Inspected, look: Look, rest: Examination) -> None:
    """Copy the good blocks that are in no whole shard into a new one; then count on the old one no more."""
    with closing(space.place.open(SHARDS, look.entry)) as opened, space.stage() as stage:
        # The stage must not skip what only this file holds; should it fail, the next look heals that.
        with space.index:
            after = State.SETTLED if look.state == State.SETTLED else State.NOT_WHOLE
            space.index.record(look.entry, after, NO_SLICES)
        try:
            for batch in _batches(rest.good):
                stage.put_many((good.cid, opened.read(good.offset, good.size)) for good in batch)
            stage.publish()
        except SpaceError:
            with space.index:
                space.index.record(
                    look.entry, look.state, _slices(rest.good) if look.state == State.DAMAGED else NO_SLICES
                )
            raise


def _batches(good: Sequence[Good]) -> Iterator[list[Good]]:
    batch, size = list[Good](), 0
    for block in good:
        batch.append(block)
        size += block.size
        if size >= COPY_BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _report(space: Inspected, looks: Sequence[Look]) -> SpaceReport:
    names = [entry.name for entry in space.place.list(SHARDS)]
    whole = [look for look in looks if look.state == State.WHOLE]
    incomplete = [
        look.entry.name
        for look in looks
        if look.rest and look.rest.cut_short and look.state == State.NOT_WHOLE
    ]
    return SpaceReport(
        shards=len(whole),
        blocks=sum(look.blocks for look in looks),
        size_bytes=sum(look.entry.size for look in whole),
        damages=(
            *_gone(space.index),
            *(
                damage
                for look in looks
                for damage in _damages(space.index, look)
                if look.entry.name not in incomplete
            ),
        ),
        incomplete=tuple(incomplete),
        foreign=tuple(name for name in names if not shard_of_name(name) and not name.endswith(INDEX_SUFFIX)),
        unindexed=tuple(look.entry.name for look in looks if look.index_fault == _MISSING),
        settled=tuple(look.entry.name for look in looks if look.state == State.SETTLED),
    )


def _gone(index: Index) -> Iterator[Damage]:
    for name, blocks in sorted(index.gone().items()):
        yield Damage(
            name, None, 0, f"the file is gone, and with it {blocks} block{'s'[: blocks > 1]}", lost=True
        )


def _damages(index: Index, look: Look) -> Iterator[Damage]:
    if look.index_fault and look.index_fault != _MISSING:
        shard = shard_of_name(look.entry.name)
        assert shard is not None
        yield Damage(index_name(shard), None, 0, look.index_fault, lost=False)
    for cid, offset, cause, loses in look.rest.faults if look.rest and look.state != State.SETTLED else ():
        lost = loses and (cid is None or not index.find([cid[-32:]]))
        yield Damage(look.entry.name, cid, offset, cause, lost)
