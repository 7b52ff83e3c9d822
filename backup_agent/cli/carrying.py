"""Brings a whole space to another place: its shards, then the head that rests on them (S1)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from backup_agent.cli.progress import Bar
from backup_agent.cli.remote import Clocks, Line, clock_list, open_clocks, open_line
from backup_agent.cli.workbench import Workbench
from backup_agent.clock_list import KnownClock
from backup_agent.place_list import PlaceList, text_of
from backup_agent.placing import open_at
from pail import CID, MissingBlock, run
from pail.clock import advance
from space import CorruptBlock, FolderClock, Head, Where
from space.copying import copy_shards
from space.remote.address import is_provider, parse_provider

MAX_PASSES = 4
"""A backup that ends meanwhile is brought too; one that always does so must not hold us for ever."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What was brought. head: what the place has now. seen: what it is of, where it was brought from."""

    shards: int
    size_bytes: int
    unreadable: tuple[str, ...]
    head: Head
    seen: Head


@contextmanager
def bench_at(bench: Workbench, where: Where, *, create: bool = True) -> Generator[Workbench]:
    """The space of `bench` at another place; `create` makes it there. Raises as `open_at`."""
    with open_at(bench.home, bench.settings, where, bench.space.did, create=create) as space:
        yield replace(
            bench, where=where, space=space, clock=FolderClock(space, bench.signer), is_new_space=False
        )


def carry(bench: Workbench, target: Workbench) -> Carried:
    """Have `target` hold what `bench` holds. Raises what `copy_shards` raises, NotReadable."""
    shards, size_bytes, unreadable = 0, 0, dict[str, None]()
    head = seen = bench.clock.head()
    with Bar() as bar:
        bar.phase(f"Copying to {text_of(target.where)}")
        shown = 0

        def said(done: int, _total: int) -> None:
            nonlocal shown
            bar.advance(done - shown)
            shown = done

        for _ in range(MAX_PASSES):
            copied = copy_shards(bench.space, target.space, said)
            if copied.doomed:
                _bring_needed(bench, target, copied.doomed)
            shards, size_bytes = shards + copied.shards, size_bytes + copied.size_bytes
            unreadable |= dict.fromkeys(copied.unreadable)
            seen = head
            if (now := bench.clock.head()) == head:
                break
            head = now
    if not unreadable:
        for event in head:
            target.clock.advance(event)
    return Carried(shards, size_bytes, tuple(unreadable), target.clock.head(), seen)


def _bring_needed(bench: Workbench, target: Workbench, doomed: Sequence[str]) -> None:
    """Bring what `target` will need of shards that a prune there removed, and nothing that it dropped.

    Raises PruneRefused if that cannot be told, and as `copy_shards`.
    """
    from backup_agent.prune.prune import live
    from space.clearing import live_blocks

    def get(cids: Sequence[CID]) -> list[bytes]:
        try:
            return target.space.get(cids)
        except (MissingBlock, CorruptBlock):
            return bench.space.get(cids) if len(cids) == 1 else [get([cid])[0] for cid in cids]

    head = target.clock.head()
    for event in bench.clock.head():
        head = run(advance(head, event), get)
    needed = live(head, get, lambda cids: target.space.has(cids) | bench.space.has(cids))
    lacking = needed - target.space.index.find(needed).keys()
    rows = bench.space.index.shards()
    with target.space.stage() as stage:
        for name in doomed if lacking else ():
            for batch in live_blocks(bench.space, rows[name], lacking):
                stage.put_many(batch)
        stage.publish()


def provider_clock(target: Workbench) -> KnownClock | None:
    """The clock of the provider that `target` lies at; None elsewhere."""
    if not target.is_hosted:
        return None
    url = parse_provider(str(target.where)).url
    known = PlaceList(target.home.places, target.space.did).load()
    return next(
        KnownClock(url, each.provider) for each in known if each.where == target.where and each.provider
    )


def tell(target: Workbench, line: Line, clock: KnownClock) -> Clocks:
    """Have `clock` know all that `target` knows; its troubles say whether it does. Raises HomeUnusable."""
    clocks = open_clocks(line, target, [clock])
    if not clocks.unusable:
        clocks.several.sync()
    return clocks


def tell_provider(target: Workbench) -> list[str]:
    """Have the provider's own clock know; why it does not."""
    clock = provider_clock(target)
    if clock is None:
        return []
    with open_line(target.settings) as line:
        return [trouble.why for trouble in tell(target, line, clock).troubles().values()]


def tell_all(bench: Workbench) -> list[str]:
    """Have every clock in use know what was found; why some do not."""
    known = clock_list(bench).load()
    if not known:
        return []
    with open_line(bench.settings) as line:
        told = [tell(bench, line, clock) for clock in known]
        return [trouble.why for clocks in told for trouble in clocks.troubles().values()]


def provider_url(where: Where) -> str | None:
    """Of a place at a provider."""
    return parse_provider(where).url if isinstance(where, str) and is_provider(where) else None
