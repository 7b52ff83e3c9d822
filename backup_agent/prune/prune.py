"""One prune: what the policy drops, then what nobody needs any more (S5; spec/prune.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from backup_agent.catalogue import END_OF_TIME, Entry
from backup_agent.errors import PruneRefused
from backup_agent.prune.drop import MAX_DROPPED, drop
from backup_agent.prune.policy import set_policy
from backup_agent.prune.reach import Reach
from backup_agent.retention import Policy, kept
from backup_agent.snapshot import format_timestamp, parse_backup_key, snapshot_key
from pail import CID, Reader, crdt, run
from pail.clock import decode_event
from pail.history import history
from pail.operation import decode_operation
from space import Clock, FolderClock, Head, Space
from space.clearing import DAY_MS, Cleared, clear, estimate
from space.layout import HEAD_SUFFIX
from ucan import Signer


@dataclass(frozen=True, slots=True)
class Job:
    """own: the clock of the place. clock: the same, or that with services; new events go there."""

    space: Space
    own: FolderClock
    clock: Clock
    signer: Signer


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy keeps of the snapshots at `head`, and what it drops."""

    head: Head
    entries: list[tuple[str, CID]]
    """All of the pail."""
    kept: list[Entry]
    dropped: list[Entry]
    ahead: int = 0
    """Of those that are kept, how many are dated in days to come."""

    @property
    def staying(self) -> list[tuple[str, CID]]:
        """The pail without what is dropped."""
        keys = {snapshot_key(entry.account, entry.timestamp) for entry in self.dropped}
        return [(key, cid) for key, cid in self.entries if key not in keys]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done, or would be."""

    plan: Plan
    cleared: Cleared
    missing: set[bytes] = field(default_factory=set[bytes])
    """Digests of blocks that kept snapshots need and that are nowhere here."""


def plan(job: Job, policy: Policy) -> Plan:
    """What `policy` keeps and drops now. Raises PruneRefused if not all heads can be read.

    Snapshots of days to come all stay: after one run with a wrong clock each later one is dated just
    after it, so that any rule would take them for those of one hour.
    """
    expect_all_heads(job.own)
    head = job.clock.head()
    if not head:
        raise PruneRefused("the space has no snapshots; where there were some, `skypail repair` finds them")
    known = run(crdt.entries(head), job.space.get)
    undated = min(END_OF_TIME, format_timestamp(job.space.lease.now_ms() + DAY_MS))
    accounts: dict[str, list[Entry]] = {}
    for key, cid in known:
        if parsed := parse_backup_key(key):
            accounts.setdefault(parsed[0], []).append(Entry(*parsed, cid))
    stay: list[Entry] = []
    go: list[Entry] = []
    for snapshots in accounts.values():
        names = kept(policy, [each.timestamp for each in snapshots if each.timestamp < undated])
        for each in snapshots:
            (stay if each.timestamp in names or each.timestamp >= undated else go).append(each)
    return Plan(head, known, stay, go, sum(undated <= each.timestamp < END_OF_TIME for each in stay))


def expect_all_heads(clock: FolderClock) -> None:
    """Raise PruneRefused if a head object is damaged, or names what is not here: it may need anything."""
    report = clock.report()
    for event, lack in report.pending.items():
        raise PruneRefused(
            f"event {event} cannot be read, as {lack} is not here; wait until all has arrived, or see "
            "`skypail repair`"
        )
    for name, why in report.ignored.items():
        if name.endswith(HEAD_SUFFIX) or "." not in name:
            raise PruneRefused(f"the head {name} cannot be read: {why}; see `skypail check`")


def preview(job: Job, policy: Policy) -> Pruned:
    """What `prune` would do; writes nothing. Raises PruneRefused."""
    planned = plan(job, policy)
    reach = Reach(job.space.get, job.space.has)
    _keep(job, reach, planned.head, planned.staying)
    return Pruned(planned, estimate(job.space, reach.live))


def prune(job: Job, policy: Policy, *, remember: bool, now: bool = False) -> Pruned:
    """Drop what `policy` drops, and clear the place of what nothing reaches then.

    remember: keep `policy` with the space. now: see `space.clearing.clear`.
    Raises PruneRefused before anything was changed, PruneBegan if another prune goes on.
    """
    planned = plan(job, policy)
    reach = Reach(job.space.get, job.space.has)
    reach.keep_values(planned.staying)  # nothing is dropped if this cannot be told
    whole = [entry.cid for entry in planned.kept if job.space.is_whole(entry.cid)]
    if remember:
        _remember(job, policy)
    for at in range(0, len(planned.dropped), MAX_DROPPED):
        _drop(job, planned.dropped[at : at + MAX_DROPPED])

    cleared, missing = _clear(job, reach, now)
    if not missing:  # what was proved whole is so still: all that it reaches is in shards that stay
        for cid in whole:
            job.space.note_whole(cid, job.space.losses)
    return Pruned(planned, cleared, missing)


def clear_behind(job: Job, *, now: bool = False) -> tuple[Cleared, set[bytes]]:
    """Clear a place to which a prune at another one was brought; as `prune`, but it drops nothing."""
    reach = Reach(job.space.get, job.space.has)
    reach.keep_values(run(crdt.entries(job.clock.head()), job.space.get))
    return _clear(job, reach, now)


def live(head: Head, get: Reader, has: Callable[[Collection[CID]], set[CID]]) -> set[bytes]:
    """Digests of all that `head` needs. Raises PruneRefused if that cannot be told."""
    reach = Reach(get, has)
    _keep_pails(reach, head, head, get)
    reach.keep_values(run(crdt.entries(head), get))
    return reach.live


def _clear(job: Job, reach: Reach, now: bool) -> tuple[Cleared, set[bytes]]:
    """What was done, and what `reach` needs that is nowhere here."""
    cleared = clear(job.space, job.signer.did, lambda: _find_live(job, reach), now=now)
    return cleared, reach.live - job.space.index.find(reach.live).keys()


def _find_live(job: Job, reach: Reach) -> set[bytes]:
    expect_all_heads(job.own)
    head = job.clock.head()
    _keep(job, reach, head, run(crdt.entries(head), job.space.get))
    return reach.live


def _remember(job: Job, policy: Policy) -> None:
    update, block = set_policy(job.clock.head(), policy, job.space.get)
    if update.event is not None:
        job.clock.advance(update.event.cid, [block, *update.additions, update.event])


def _drop(job: Job, dropped: Iterable[Entry]) -> None:
    """Those of `dropped` that are still there: another agent may have dropped some."""
    head = job.clock.head()
    there = {key for key, _ in run(crdt.entries(head), job.space.get)}
    keys = [snapshot_key(entry.account, entry.timestamp) for entry in dropped]
    if keys := [key for key in keys if key in there]:
        done = run(drop(head, keys), job.space.get)
        job.clock.advance(done.event, done.blocks)


def _keep(job: Job, reach: Reach, head: Head, entries: Iterable[tuple[str, CID]]) -> None:
    """Keep every event, the pails that agents go on from, and all below `entries`."""
    named = {event for each in job.own.report().agents.values() for event in each}
    _keep_pails(reach, head, sorted({*head, *named}), job.space.get)
    reach.keep_values(entries)


def _keep_pails(reach: Reach, head: Head, events: Sequence[CID], get: Reader) -> None:
    """Keep `events`, their ancestors and their pails, and the pail that those of `head` have in common."""
    reach.keep_events(events)
    ancestor = run(history(head), get).ancestor if len(head) > 1 else None
    for data in get([*events, *([ancestor] if ancestor else [])]):
        reach.keep_pail(decode_operation(decode_event(data).data)[1])
