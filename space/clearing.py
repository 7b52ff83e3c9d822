"""Removes the shards that nothing needs, and rewrites those that little needs (S5; spec/prune.md).

What lives is for the caller to say. No shard goes before each live block in it stands, read back and
hashed, in one that stays; nor while somebody who may count on it could still be writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field

from pail import Block
from space.damage import examine
from space.errors import SpaceUnavailable
from space.guard import guarded
from space.index import ShardRow
from space.intake import take_in
from space.layout import HEAD_SUFFIX, HEADS, SHARDS, did_key_part, shard_of_name
from space.marks import MAX_SHARDS, encode_mark
from space.packed import open_shard
from space.sorting import COUNTED, sort_shards
from space.space import Space
from space.stage import Stage
from space.staying import Staying, digests_of, prove_holders
from space.unreached import events_in

DAY_MS = 24 * 3600 * 1000

GRACE_DAYS = 7
GRACE_MS = GRACE_DAYS * DAY_MS
"""How long a doomed shard stays where others may write out of sight."""

TOMBSTONE_MS = 400 * DAY_MS
"""How long a mark stays after its shards are gone, so that other machines know why."""

BATCH_BYTES = 4 << 20

FindLive = Callable[[], AbstractSet[bytes]]
"""Digests of all that the heads reach at the moment of the call."""


@dataclass(slots=True)
class Cleared:
    """removed, rewritten: names of shard files. waiting: those that stay for now, each with the reason.
    stuck: how many of these wait for a repair, however long that takes.

    freed_bytes: of removed files, less those of new shards; may be negative while old ones wait.
    dead_blocks: blocks that are nowhere any more.
    """

    removed: list[str] = field(default_factory=list[str])
    rewritten: list[str] = field(default_factory=list[str])
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    stuck: int = 0
    dead_blocks: int = 0
    freed_bytes: int = 0


def estimate(space: Space, live: AbstractSet[bytes]) -> Cleared:
    """What `clear` would come to if nothing had to wait; changes nothing."""
    with guarded("looking through the shards"):
        sorting = sort_shards(space.index, live)
        going = [*sorting.dead, *sorting.sparse, *sorting.doomed]
        cleared = Cleared([row.entry.name for row in going], [row.entry.name for row in sorting.sparse])
        cleared.dead_blocks = _count_dead(space, going, live)
        copied = {
            digest: size
            for row in sorting.sparse
            for digest, _, size in space.index.places_of(row.entry.name)
            if digest in live
        }
        cleared.freed_bytes = sum(row.entry.size for row in going) - sum(copied.values())
    return cleared


def clear(space: Space, agent: str, find_live: FindLive, *, now: bool = False) -> Cleared:
    """Remove what nothing reaches, and rewrite what little of is reached.

    now: wait for no head that may be on its way through a synced folder.
    Raises what `find_live` raises, SpaceFull, SpaceUnavailable, PruneBegan; whatever happens, what
    lives is there, and the next call goes on.
    """
    return _Clearing(space, agent, find_live, now).run()


class _Clearing:
    def __init__(self, space: Space, agent: str, find_live: FindLive, now: bool) -> None:
        self._space, self._agent, self._find_live, self._now = space, agent, find_live, now
        self._cleared = Cleared()

    def run(self) -> Cleared:
        space = self._space
        space.refresh()
        space.lease.hold()
        live = self._find_live()
        with guarded("clearing the space"):
            self._doom(live)
            others = space.lease.others()
        if others:
            why = f"{others} other run{'s'[: others > 1]} may be writing here; the next prune goes on"
            self._wait(doomed_rows(space), why)
            return self._cleared
        space.refresh()
        live = self._find_live()
        with guarded("clearing the space"):
            self._remove(self._ready(), live)
            self._sweep()
        return self._cleared

    def _doom(self, live: AbstractSet[bytes]) -> None:
        """Copy what lives in shards that are to go, then mark them."""
        sorting = sort_shards(self._space.index, live)
        saved = self._save([*sorting.sparse, *sorting.doomed], sorting.stays, live)
        sparse = [row for row in sorting.sparse if row in saved]
        self._cleared.rewritten = [row.entry.name for row in sparse]
        rows = [*sorting.dead, *sparse]
        shards = [shard for row in rows if (shard := shard_of_name(row.entry.name))]
        for at in range(0, len(shards), MAX_SHARDS):
            part = shards[at : at + MAX_SHARDS]
            name, content = encode_mark(self._agent, part)
            self._space.place.store("", name, content)
            self._space.index.doom(name, part)
        self._space.lease.know()

    def _save(
        self, leaving: Sequence[ShardRow], staying: Sequence[ShardRow], live: AbstractSet[bytes]
    ) -> list[ShardRow]:
        """Copy what lives in `leaving` and would stand nowhere else; those of which nothing is lost now."""
        space = self._space
        holder = Staying(space, {row.row for row in staying if row.state in COUNTED})
        with Stage(space.place, holder, space.record_whole, space.lease) as stage:
            for row in leaving:
                for batch in live_blocks(space, row, live):
                    stage.put_many(batch)
            copied = set(stage.staged)
            published = stage.publish()
        for name, row in space.index.shards().items():
            if shard_of_name(name) in published.shards:
                self._cleared.freed_bytes -= row.entry.size
                _read_back(space, row)
        kept = {cid[-32:] for cid in copied}
        return [row for row in leaving if not holder.lost(digests_of(space, row) & live - kept)]

    def _ready(self) -> list[ShardRow]:
        """The doomed shards for which nothing is to be waited for."""
        rows, space = doomed_rows(self._space), self._space
        why = None if self._now else _unseen(space, self._agent)
        if why is None:
            return rows
        now_ms = space.lease.now_ms()
        with space.index:
            seen = space.index.doomed
            young = {
                shard
                for mark, shards in seen.marks().items()
                for shard in shards
                if now_ms - seen.first_seen_ms(mark, "", now_ms) < GRACE_MS
            }
        waiting = [row for row in rows if str(shard_of_name(row.entry.name)) in young]
        self._wait(waiting, f"{why}; it goes {GRACE_DAYS} days after its mark")
        return [row for row in rows if row not in waiting]

    def _remove(self, rows: Sequence[ShardRow], live: AbstractSet[bytes]) -> None:
        """Remove the files of `rows`, but those that hold what nobody else does."""
        space = self._space
        doomed = space.index.doomed.rows()
        staying = [row for row in space.index.shards().values() if row.row not in doomed]
        prove_holders(space, rows, live)
        saved = self._save(rows, staying, live)
        lost = [row for row in rows if row not in saved]
        self._wait(lost, "a block that is needed is damaged in it; `skypail repair` says what can be done")
        self._cleared.stuck = len(lost)
        if any(cid[-32:] not in live for cid in events_in(space, saved)):
            self._wait(saved, "among them is an event that no head reaches; `skypail repair` takes it in")
            self._cleared.stuck = len(rows)
            return
        going = saved
        self._cleared.dead_blocks = _count_dead(space, going, live)
        for row in going:
            space.place.remove(SHARDS, row.entry.name)
            self._cleared.removed.append(row.entry.name)
            self._cleared.freed_bytes += row.entry.size
        with space.index:
            space.index.forget(row.entry.name for row in going)

    def _sweep(self) -> None:
        """Remove what lay beside shards that are gone, and marks that nobody needs to know of any more."""
        space = self._space
        present = {shard_of_name(name) for name in space.index.shards()}
        gone = space.index.doomed.shards() - {str(shard) for shard in present}
        for entry in space.place.list(SHARDS):
            if shard_of_name(entry.name) is None and entry.name.partition(".")[0] in gone:
                space.place.remove(SHARDS, entry.name)
        now_ms = space.lease.now_ms()
        with space.index:
            for mark, shards in space.index.doomed.marks().items():
                age_ms = now_ms - space.index.doomed.first_seen_ms(mark, "", now_ms)
                if shards <= gone and age_ms > TOMBSTONE_MS:
                    space.place.remove("", mark)
                    space.index.doomed.forget(mark)

    def _wait(self, rows: Sequence[ShardRow], why: str) -> None:
        self._cleared.waiting.update({row.entry.name: why for row in rows})


def doomed_rows(space: Space) -> list[ShardRow]:
    """The shard files that are here and marked."""
    marked = space.index.doomed.rows()
    return [row for row in space.index.shards().values() if row.row in marked]


def _unseen(space: Space, agent: str) -> str | None:
    """Who may be writing here unseen; None if nobody can.

    In a folder that is another agent with a head here, or this one with a conflict copy: another home
    with its key.
    """
    if not space.place.shares_leases:
        return "other machines may be writing, whose leases are not seen at a provider"
    if not space.place.is_near:
        return None
    own = did_key_part(agent) + HEAD_SUFFIX
    names = [entry.name for entry in space.place.list(HEADS)]
    others = any(HEAD_SUFFIX in name and name != own for name in names)
    return "heads of other agents may be on their way here" if others else None


def live_blocks(space: Space, row: ShardRow, live: AbstractSet[bytes]) -> Iterator[list[Block]]:
    """The good blocks of a shard that live, in batches."""
    with closing(open_shard(space.place, row.entry)) as opened:
        examination = examine(opened.read, opened.size, list(space.index.places_of(row.entry.name)))
        batch, size_bytes = list[Block](), 0
        for cid, offset, size in examination.good:
            if cid[-32:] in live:
                batch.append(Block(cid, opened.read(offset, size)))
                size_bytes += size
            if size_bytes >= BATCH_BYTES:
                yield batch
                batch, size_bytes = [], 0
        yield batch


def _read_back(space: Space, row: ShardRow) -> None:
    """Raises SpaceUnavailable unless the shard, written just now, is there and whole."""
    look = take_in(space, row.entry, None)
    if look is None or look.state not in COUNTED:
        raise SpaceUnavailable(
            f"{row.entry.name} was written just now and cannot be read; nothing was removed"
        )


def _count_dead(space: Space, going: Sequence[ShardRow], live: AbstractSet[bytes]) -> int:
    """How many blocks would be nowhere without the shards `going`."""
    dead = {digest for row in going for digest in digests_of(space, row)} - live
    numbers = {row.row for row in going}
    found = space.index.find(dead, doomed=True)
    return sum(all(slot.shard in numbers for slot in found.get(digest, ())) for digest in dead)
