"""`skypail prune`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from backup_agent.authority import Authority
from backup_agent.cli.commands.parity import cover_shards
from backup_agent.cli.output import (
    FAILED,
    INCOMPLETE,
    WHOLE,
    counted,
    print_error,
    print_json,
    print_text,
    size_text,
)
from backup_agent.cli.replicas import Reached, others_of, prune_others
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.clock_list import ClockList
from backup_agent.errors import PruneRefused, RetentionInvalid
from backup_agent.prune.policy import stored_policy
from backup_agent.prune.prune import Job, Pruned, preview
from backup_agent.prune.prune import prune as run_prune
from backup_agent.retention import Policy
from pail import CID, Value
from space import Clock, Head, Where
from space.clearing import Cleared

if TYPE_CHECKING:
    from backup_agent.cli.remote import Clocks

Others = Sequence[tuple[Reached, Cleared]]
"""What came of a prune at each other place."""


def prune(counts: Sequence[int | None], dry_run: bool, now: bool, where: Where | None, as_json: bool) -> int:
    """Apply the policy of `counts`, or the space's own if all are None, and say what came of it."""
    given = _policy(counts)
    with workbench(where) as bench:
        policy = given or stored_policy(bench.clock.head(), bench.space.get)
        if policy is None:
            raise RetentionInvalid(
                "the space has no retention policy yet; give one, such as "
                "`skypail prune --keep-daily 30 --keep-monthly 12`"
            )
        with _clock(bench) as clock:
            job = Job(bench.space, bench.clock, clock, bench.signer)
            if dry_run:
                done = preview(job, policy)
            else:
                _expect_heads(bench)
                _expect_right(bench)
                done = run_prune(job, policy, remember=given is not None, now=now)
                cover_shards(bench)
        others = [] if dry_run else list(prune_others(bench, now=now))
        option = bench.option
        untold = len(others_of(bench)) if dry_run else 0
    _say(done, policy, others, dry_run, as_json)
    if untold and not as_json:
        print_text(f"The space lies in {counted(untold, 'other place')} too, which would be pruned as well")
    for reached, _ in others:
        if reached.problem is not None:
            print_error(
                f"{reached.where} keeps what was dropped: {reached.problem}; the next prune goes on there"
            )
    stuck = done.cleared.stuck + sum(there.stuck for _, there in others)
    if stuck:
        print_error(
            f"{counted(stuck, 'shard')} cannot go, and waiting does not change that: "
            f"run `skypail repair{option}`, then prune again"
        )
    if done.missing:
        return FAILED
    return INCOMPLETE if stuck or any(reached.problem for reached, _ in others) else WHOLE


def _policy(counts: Sequence[int | None]) -> Policy | None:
    """None without options. Raises BadParameter."""
    try:
        return None if all(count is None for count in counts) else Policy(*(count or 0 for count in counts))
    except RetentionInvalid as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def _clock(bench: Workbench) -> Generator[Clock]:
    """The place's clock, with the services in use."""
    known = ClockList(bench.home.clocks, bench.space.did).load()
    if not known:
        yield bench.clock
        return
    from backup_agent.cli.remote import open_clocks, open_line

    with open_line(bench.settings) as line:
        clocks = open_clocks(line, bench, known)
        yield _EveryClock(clocks) if bench.is_hosted else clocks.several
        clocks.warn()


class _EveryClock:
    """Clocks that keep the heads of a provider's space: all must answer at each look."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks

    def head(self) -> Head:
        """Raises PruneRefused."""
        head = self._clocks.several.head()
        for trouble in self._clocks.troubles().values():
            raise PruneRefused(f"{trouble.why}; what others recorded is not known, and nothing was removed")
        return head

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        return self._clocks.several.advance(event, blocks)


def _expect_heads(bench: Workbench) -> None:
    """Raise PruneRefused if a clock that keeps the heads of a provider's space did not answer."""
    for why in bench.unasked:
        raise PruneRefused(f"{why}; what others recorded is not known, and nothing was pruned")


def _expect_right(bench: Workbench) -> None:
    """Raise PruneRefused for an agent that was only delegated to add: services would refuse it too."""
    if bench.home.space_signer(bench.space.did) is not None:
        return
    now_s = int(time.time())
    grant = Authority(bench.home, bench.signer, bench.space.did).access(now_s).grant("clock/advance", now_s)
    if grant is None or not grant.caveats:
        return
    can = ", ".join(f"{name} {_listed(value)}" for name, value in sorted(grant.caveats.items()))
    raise PruneRefused(
        f"the delegation {grant.proofs[0].cid} lets this agent only do this: {can}; prune where the space's "
        "key is, or with a delegation that is not narrowed"
    )


def _listed(value: Value) -> str:
    match value:
        case [*several]:
            return " and ".join(map(str, several))
        case _:
            return str(value)


def _say(done: Pruned, policy: Policy, others: Others, dry_run: bool, as_json: bool) -> None:
    if done.missing:
        print_error(
            f"{counted(len(done.missing), 'block')} of what kept snapshots need cannot be found here; see "
            "`skypail verify --all`"
        )
    if as_json:
        print_json(_document(done, policy, dry_run) | {"places": [_place(*each) for each in others]})
        return
    cleared = done.cleared
    would = "Would drop" if dry_run else "Dropped"
    print_text(f"Keeping {policy}")
    stay = Counter(entry.account for entry in done.plan.kept)
    go = Counter(entry.account for entry in done.plan.dropped)
    for account in sorted(stay.keys() | go.keys()):
        print_text(f"{would} {go[account]:,} of {stay[account] + go[account]:,} snapshots of {account}")
        if dry_run:
            dropped = [each for each in done.plan.dropped if each.account == account]
            print_text(*(f"  {entry.timestamp} {entry.cid}" for entry in dropped))
    print_text(
        f"{'Would free about' if dry_run else 'Freed'} {size_text(max(0, cleared.freed_bytes))}, "
        f"{counted(cleared.dead_blocks, 'block')}; {counted(len(cleared.removed), 'shard')} "
        f"{'to remove' if dry_run else 'removed'}, {len(cleared.rewritten):,} rewritten"
    )
    if dry_run:
        print_text(
            "An estimate: dropping writes a little itself, and some shards may have to stay for a while."
        )
    for why, count in Counter(cleared.waiting.values()).items():
        print_text(f"{counted(count, 'shard')} {'stays' if count == 1 else 'stay'} for now: {why}")
    for reached, there in others:
        if reached.problem is None:
            print_text(_place_line(reached.where, there))


def _place_line(where: str, cleared: Cleared) -> str:
    freed = (
        f"{where}: freed {size_text(max(0, cleared.freed_bytes))}, "
        f"{counted(len(cleared.removed), 'shard')} removed"
    )
    waiting = [
        f"{counted(count, 'shard')} waiting: {why}"
        for why, count in Counter(cleared.waiting.values()).items()
    ]
    return "; ".join([freed, *waiting])


def _place(reached: Reached, cleared: Cleared) -> dict[str, Any]:
    return reached.document() | {
        "freedBytes": cleared.freed_bytes,
        "removed": cleared.removed,
        "waiting": cleared.waiting,
    }


def _document(done: Pruned, policy: Policy, dry_run: bool) -> dict[str, Any]:
    def rows(entries: Any) -> list[dict[str, str]]:
        return [
            {"account": each.account, "timestamp": each.timestamp, "backup": str(each.cid)}
            for each in entries
        ]

    return {
        "dryRun": dry_run,
        "policy": str(policy),
        "kept": rows(done.plan.kept),
        "dropped": rows(done.plan.dropped),
        "freedBytes": done.cleared.freed_bytes,
        "deadBlocks": done.cleared.dead_blocks,
        "removed": done.cleared.removed,
        "rewritten": done.cleared.rewritten,
        "waiting": done.cleared.waiting,
        "stuck": done.cleared.stuck,
        "datedAhead": done.plan.ahead,
        "missingBlocks": len(done.missing),
    }
