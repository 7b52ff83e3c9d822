"""A prune at a provider: others see the marks, and nothing of what they may be writing is seen."""

import pytest

from backup_agent.prune.prune import prune
from backup_agent.retention import Policy
from space import PruneBegan
from space.clearing import GRACE_MS
from space.lease import LOOK_AFTER_MS
from tests.backup_agent.hosted.ground import HostedGround
from tests.backup_agent.prune.made import Machine
from tests.backup_agent.prune.test_prune import fill
from ucan import Signer

LAST = Policy(last=1)


def machine(ground: HostedGround, name: str) -> Machine:
    """One with heads and leases of its own."""
    return Machine(ground.space(name, own=name), Signer.from_seed(name.encode().ljust(32, b".")))


def test_a_marked_shard_stays_a_week_since_other_machines_are_not_seen(ground: HostedGround) -> None:
    with machine(ground, "one") as one:
        fill(one, 3)
        waiting = prune(one.job, LAST, remember=False).cleared
        assert (waiting.removed, len(set(waiting.waiting.values()))) == ([], 1)
        assert "leases are not seen at a provider" in next(iter(waiting.waiting.values()))
        start = one.space.lease.now_ms()
        one.space.lease.now_ms = lambda: start + GRACE_MS + 1
        assert set(prune(one.job, LAST, remember=False).cleared.removed) == set(waiting.waiting)
        assert one.problems() == []


def test_now_waits_for_nobody(ground: HostedGround) -> None:
    with machine(ground, "one") as one:
        fill(one, 3)
        assert prune(one.job, LAST, remember=False, now=True).cleared.removed != []
        assert one.problems() == []


def test_who_writes_on_another_machine_counts_on_nothing_marked(ground: HostedGround) -> None:
    with machine(ground, "one") as one, machine(ground, "other") as other:
        fill(one, 3)
        other.space.refresh()
        before = other.space.index.shards().keys()
        other.space.lease.hold()
        waiting = prune(one.job, LAST, remember=False).cleared.waiting
        assert waiting.keys() <= before
        start = other.space.lease.now_ms()
        other.space.lease.now_ms = lambda: start + LOOK_AFTER_MS
        with pytest.raises(PruneBegan):
            other.space.lease.hold()
        assert all(other.space.index.doomed.has(name) for name in waiting)
    with ground.space("fresh", own="fresh") as fresh:
        fresh.refresh()
        assert all(fresh.index.doomed.has(name) for name in waiting)
        assert fresh.check().foreign == ()
