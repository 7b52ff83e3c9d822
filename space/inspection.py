"""Checks the shards of a place, and repairs.

Nothing in the place is ever removed or renamed here: a file that is damaged on this machine may
be whole on another, and a sync client would carry the removal there. A damaged file is set aside
by not counting on it: its good blocks are copied into a new shard, its damaged ones no longer
count as held, so the next backup writes them anew (S3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace

from pail import CID
from pail.car import encode_car_header
from space.damage import Examination, Good, examine
from space.errors import SpaceError
from space.index import Index, ShardRow, State
from space.intake import Inspected, Look, listed_slices, refresh, slices_of, take_in
from space.layout import (
    INDEX_SUFFIX,
    PARITY_SUFFIX,
    SETTLED_SUFFIX,
    SHARDS,
    SMALL_SHARD_BYTES,
    index_name,
    shard_of_name,
)
from space.packed import open_shard, plain_shard
from space.parity import heal
from space.place import Entry, Opened, Place
from space.report import Damage, SpaceReport
from space.sample import Sample, every
from space.settled import is_settled, note_settled
from space.sharded_dag_index import encode_shard_index
from space.slices import NO_SLICES
from space.stock import take_stock

COPY_BATCH_BYTES = 4 << 20

_MISSING = "missing"


def check(space: Inspected, *, read_data: bool = True, of: Sample = every) -> SpaceReport:
    """Look at every file of the sample, or unless `read_data` at those that are not known to be whole."""
    refresh(space)
    looks: list[Look] = []
    for row in space.index.shards().values():
        if space.index.doomed.has(row.entry.name):
            continue  # nothing in it is needed
        if _wants_look(row, of if read_data else None):
            look = _look_through(space, row)
        else:
            look = Look(row.entry, row.state, row.blocks)
        if look:
            looks.append(look)
    return _report(space, [_settled(space, look) for look in looks])


def _settled(space: Inspected, look: Look) -> Look:
    """As `look`, but settled if the place says so of a file that is not whole; the index learns of it."""
    if look.rest is None or look.state == State.SETTLED:
        return look
    with suppress(FileNotFoundError):
        if is_settled(space.place, space.index, look.entry, look.rest):
            with space.index:
                space.index.record(look.entry, State.SETTLED, NO_SLICES)
            return look._replace(state=State.SETTLED, blocks=0)
    return look


def _wants_look(row: ShardRow, of: Sample | None) -> bool:
    if row.state not in (State.WHOLE, State.SETTLED, State.LISTED):
        return True
    shard = shard_of_name(row.entry.name)
    return of is not None and shard is not None and of(shard)


def repair(space: Inspected) -> SpaceReport:
    """Look at every file, copy good blocks out of those that are not whole, write index objects.

    What is nowhere by then is named this once, and given up: no backup but the next can bring it back.
    """
    refresh(space)
    hurt: list[Look] = []
    for row in space.index.shards().values():
        found = None if space.index.doomed.has(row.entry.name) else _look_through(space, row)
        look = found and _settled(space, found)
        if look and look.rest:
            _mend(space, look, look.rest)
        elif look and look.index_fault:
            _write_index(space.place, look.entry)
        hurt += [look] if look else []
    report = check(space)
    mended = tuple(_mended(space.index, hurt, report))
    left = tuple(damage for damage in report.damages if damage not in mended)
    return replace(report, given_up=_settle(space, report), damages=left, mended=mended)


def _mended(index: Index, looks: Sequence[Look], report: SpaceReport) -> Iterator[Damage]:
    """What was wrong before this repair, and of which nothing is lost now."""
    broken = {damage.shard for damage in report.damages if damage.shard.endswith(INDEX_SUFFIX)}
    known = index.shards()
    for look in looks:
        row = known.get(look.entry.name)
        is_whole = row is not None and row.state == State.WHOLE
        for damage in _damages(index, look):
            if damage.shard not in broken and (is_whole or not damage.lost):
                yield replace(damage, lost=False)


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
    done = [known[name].entry for name in damaged if known[name].state == State.NOT_WHOLE]
    for entry in (*done, *(known[name].entry for name in report.settled if name in known)):
        with suppress(FileNotFoundError):
            note_settled(space.place, entry)
    with space.index:
        space.index.give_up()
        for entry in done:
            space.index.record(entry, State.SETTLED, NO_SLICES)
    return given_up


def _look_through(space: Inspected, row: ShardRow) -> Look | None:
    """As `take_in`, and at the index object of a shard that is whole."""
    look = take_in(space, row.entry, row)
    shard = shard_of_name(row.entry.name)
    if look is None or look.rest or shard is None:
        return look
    places = list(space.index.places_of(row.entry.name))
    return look._replace(index_fault=_index_fault(space.place, shard, places))


def _index_fault(place: Place, shard: CID, places: Sequence[tuple[bytes, int, int]]) -> str | None:
    size = max((offset + size for _, offset, size in places), default=len(encode_car_header()))
    if place.load(SHARDS, index_name(shard), 0) is None:
        return None if place.packs and size <= SMALL_SHARD_BYTES else _MISSING
    found = listed_slices(place, shard)
    if found is None:
        return "the index object cannot be read"
    listed = [(multihash[-32:], offset, size) for multihash, offset, size in found.slices]
    # Of a block that stands in the shard twice, an index lists one place.
    if found.size_bytes != size:
        return "the index object says another size of the shard"
    if not set(listed) <= set(places) or len(listed) != len({digest for digest, _, _ in places}):
        return "the index object does not list what the shard holds"
    return None


def _write_index(place: Place, entry: Entry) -> None:
    shard = shard_of_name(entry.name)
    assert shard is not None
    opened = open_shard(place, entry)
    slices, size = take_stock(opened, shard), opened.size
    if slices is not None:
        place.store(SHARDS, index_name(shard), encode_shard_index(shard, size, slices))


def _mend(space: Inspected, look: Look, rest: Examination) -> None:
    """Save what is good in a damaged shard, and what its parity can compute of the rest."""
    shard = shard_of_name(look.entry.name)
    assert shard is not None
    healed = heal(space.place, look.entry)
    with closing(plain_shard(healed or space.place.open(SHARDS, look.entry), look.entry)) as opened:
        if healed is not None:
            listed = listed_slices(space.place, shard)
            places = listed and [(multihash[-32:], at, size) for multihash, at, size in listed.slices]
            rest = max(rest, examine(opened.read, opened.size, places), key=lambda each: len(each.good))
        _salvage(space, look, rest, opened)


def _salvage(space: Inspected, look: Look, rest: Examination, opened: Opened) -> None:
    """Copy the good blocks that are in no whole shard into a new one; then count on the old one no more."""
    with space.stage() as stage:
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
                    look.entry, look.state, slices_of(rest.good) if look.state == State.DAMAGED else NO_SLICES
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
    whole = [look for look in looks if look.state in (State.WHOLE, State.LISTED)]
    incomplete = [
        look.entry.name
        for look in looks
        if look.rest and look.rest.cut_short and look.state == State.NOT_WHOLE and space.place.is_near
    ]
    return SpaceReport(
        shards=len(whole),
        blocks=sum(_counted(space.index, look) for look in looks),
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
        foreign=tuple(
            name
            for name in names
            if not shard_of_name(name) and not name.endswith((INDEX_SUFFIX, PARITY_SUFFIX, SETTLED_SUFFIX))
        ),
        unindexed=tuple(look.entry.name for look in looks if look.index_fault == _MISSING),
        settled=tuple(look.entry.name for look in looks if look.state == State.SETTLED),
        believed=sum(look.state == State.LISTED for look in looks),
    )


def _counted(index: Index, look: Look) -> int:
    """Of a file that is not whole, the good blocks that stand nowhere else: none after a repair."""
    if look.state != State.NOT_WHOLE or look.rest is None:
        return look.blocks
    digests = {good.cid[-32:] for good in look.rest.good}
    return len(digests - index.find(digests).keys())


def _gone(index: Index) -> Iterator[Damage]:
    known = index.shards()
    for name, blocks in sorted(index.gone().items()):
        what = "the file is damaged" if name in known else "the file is gone"
        yield Damage(name, None, 0, f"{what}, and with it {blocks} block{'s'[: blocks > 1]}", lost=True)


def _damages(index: Index, look: Look) -> Iterator[Damage]:
    if look.index_fault and look.index_fault != _MISSING:
        shard = shard_of_name(look.entry.name)
        assert shard is not None
        yield Damage(index_name(shard), None, 0, look.index_fault, lost=False)
    for cid, offset, cause, loses in look.rest.faults if look.rest and look.state != State.SETTLED else ():
        lost = loses and (cid is None or not index.find([cid[-32:]]))
        yield Damage(look.entry.name, cid, offset, cause, lost)
