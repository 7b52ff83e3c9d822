"""Brings shards from one place of a space to another, each read whole, and read back where it arrived.

A shard keeps its CID, whether it rests packed or not: so it is never brought twice, and who is stopped
at any point goes on there (spec/places.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from typing import NamedTuple

from pail import CID, Block
from pail.car import CarReader
from space.errors import ShardUnreadable, SpaceUnavailable
from space.guard import guarded
from space.index import ShardRow, State
from space.intake import take_in
from space.layout import SHARDS, SMALL_SHARD_BYTES, index_name, shard_name, shard_of_name
from space.packed import open_shard
from space.place import Draft, Entry, Span
from space.sharded_dag_index import encode_shard_index
from space.slices import Slices
from space.space import Space
from space.stock import MAX_BLOCK_BYTES, READ_BYTES, chunks, take_stock

BATCH_SHARDS, BATCH_BYTES = 16, 64 << 20
"""Published at once."""

KEPT_BLOCKS = 512
"""Of each small shard so many are kept at hand, if the new place is far away."""

_WHOLE = (State.WHOLE, State.LISTED)


class Copied(NamedTuple):
    """What was brought now. size_bytes: plain. unreadable: shards that are not whole where they were.

    doomed: names of shards that were not brought, since the place removed them or is about to.
    """

    shards: int
    size_bytes: int
    unreadable: tuple[str, ...] = ()
    doomed: tuple[str, ...] = ()


def copy_shards(
    source: Space, target: Space, said: Callable[[int, int], None] = lambda _a, _b: None
) -> Copied:
    """Have `target` hold every shard of `source` that is whole, and that it has not doomed itself.

    They are durable and in its index on return.

    said: how many of how many are there. Raises ShardUnreadable if other bytes arrive than were sent,
    SpaceFull, SpaceUnavailable, PruneBegan: what was brought until then stays.
    """
    with guarded(f"looking through {source.place.title}"):
        source.refresh()
        wanted, unreadable = _wanted(source)
        if unreadable:  # a repair by another machine may be done with them
            source.check(read_data=False)
            wanted, unreadable = _wanted(source)
    with guarded(f"looking through {target.place.title}"):
        target.refresh()
        doomed = {shard: entry for shard, entry in wanted.items() if target.index.doomed.has(entry.name)}
        wanted = {shard: entry for shard, entry in wanted.items() if shard not in doomed}
        there = _there(target, wanted)
    missing = {shard: entry for shard, entry in wanted.items() if shard not in there}
    done, size_bytes = len(there), 0
    for batch in _batches(missing):
        said(done, len(wanted))
        brought, lost = _bring(source, target, batch)
        done, size_bytes = done + len(batch) - len(lost), size_bytes + brought
        unreadable += lost
    said(done, len(wanted))
    names = tuple(entry.name for entry in doomed.values())
    return Copied(done - len(there), size_bytes, tuple(unreadable), names)


def _wanted(source: Space) -> tuple[dict[CID, Entry], list[str]]:
    """The whole shards that stay, and the names of those that are not whole and still counted on."""
    whole: dict[CID, Entry] = {}
    others: dict[CID, str] = {}
    for row in source.index.shards().values():
        shard = shard_of_name(row.entry.name)
        if shard is None or source.index.doomed.has(row.entry.name):
            continue
        if row.state in _WHOLE:
            whole[shard] = row.entry
        elif row.state != State.SETTLED:
            others[shard] = row.entry.name
    return whole, [name for shard, name in others.items() if shard not in whole]


def _there(target: Space, wanted: Iterable[CID]) -> set[CID]:
    """Those that `target` has whole, read at least once from end to end by this machine."""
    sought, found = set(wanted), set[CID]()
    for row in target.index.shards().values():
        shard = shard_of_name(row.entry.name)
        if shard is None or shard not in sought:
            continue
        if not target.index.doomed.has(row.entry.name) and _is_whole(target, row):
            found.add(shard)
    return found


def _is_whole(target: Space, row: ShardRow) -> bool:
    if row.state != State.LISTED:
        return row.state == State.WHOLE
    look = take_in(target, row.entry, row)
    return look is not None and look.state == State.WHOLE


def _batches(missing: dict[CID, Entry]) -> Iterator[dict[CID, Entry]]:
    batch, size = dict[CID, Entry](), 0
    for shard, entry in missing.items():
        batch[shard] = entry
        size += entry.size
        if len(batch) >= BATCH_SHARDS or size >= BATCH_BYTES:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def _bring(source: Space, target: Space, batch: dict[CID, Entry]) -> tuple[int, list[str]]:
    """Plain bytes brought, and the names of those that could not be read whole."""
    with ExitStack() as drafts, guarded(f"bringing shards to {target.place.title}"):
        named: list[tuple[Draft, str]] = []
        arriving: dict[CID, Slices] = {}
        lost: list[str] = []
        size_bytes = 0
        for shard, entry in batch.items():
            plain = _draft(target, drafts)
            slices = _fetch(source, shard, entry, plain)
            if slices is None:
                lost.append(entry.name)
                continue
            arriving[shard] = slices
            size_bytes += plain.size
            _keep_at_hand(target, plain)
            named += _named(target, drafts, shard, plain, slices)
        if arriving:
            target.lease.hold()
            entries = target.place.publish(SHARDS, named)
            target.record_whole(list(_read_back(target, entries, arriving)))
    return size_bytes, lost


def _draft(target: Space, drafts: ExitStack) -> Draft:
    draft = target.place.draft(SHARDS)
    drafts.callback(draft.drop)
    return draft


def _fetch(source: Space, shard: CID, entry: Entry, plain: Draft) -> Slices | None:
    """The slices of the shard, which is in `plain` then; None if its bytes are not its own."""
    try:
        with closing(open_shard(source.place, entry)) as opened:
            for at in range(0, opened.size, READ_BYTES):
                plain.write(opened.read(at, min(READ_BYTES, opened.size - at)))
    except FileNotFoundError:
        return None
    return take_stock(_Written(plain), shard)


def _keep_at_hand(target: Space, plain: Draft) -> None:
    """Who moved a space goes on with it: what each snapshot begins with need not be had from far away.

    That is what comes last in a shard; a large one is a first snapshot, and would drive out the others.
    """
    if target.place.is_near or plain.size > SMALL_SHARD_BYTES:
        return
    reader, last = CarReader(max_block_bytes=MAX_BLOCK_BYTES), deque[Block](maxlen=KEPT_BLOCKS)
    for chunk in chunks(_Written(plain)):
        last.extend(reader.feed(chunk))
    target.keep(last)


def _named(
    target: Space, drafts: ExitStack, shard: CID, plain: Draft, slices: Slices
) -> Iterator[tuple[Draft, str]]:
    """The objects that the shard is in `target`, under their names."""
    if target.place.packs:
        yield plain, shard_name(shard, packed=True)
        if plain.size <= SMALL_SHARD_BYTES:
            return
    else:
        yield plain, shard_name(shard)
    index = _draft(target, drafts)
    index.write(encode_shard_index(shard, plain.size, slices))
    yield index, index_name(shard)


def _read_back(
    target: Space, entries: Iterable[Entry], arriving: dict[CID, Slices]
) -> Iterator[tuple[Entry, Slices]]:
    """Each shard as it rests now. Raises ShardUnreadable."""
    for entry in entries:
        shard = shard_of_name(entry.name)
        if shard is None:
            continue
        try:
            if take_stock(open_shard(target.place, entry), shard) is None:
                raise ShardUnreadable(entry.name, target.place.title)
        except FileNotFoundError as error:
            raise SpaceUnavailable(f"{target.place.title} does not keep {entry.name}") from error
        yield entry, arriving[shard]


class _Written:
    """An `Opened` draft."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.size = draft.size

    def read(self, offset: int, size: int) -> bytes:
        return self._draft.read(offset, size)

    def read_many(self, spans: Iterable[Span]) -> list[bytes]:
        return [self._draft.read(*span) for span in spans]

    def close(self) -> None:
        pass
