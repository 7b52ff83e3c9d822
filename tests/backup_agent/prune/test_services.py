"""A clock service that a prune did not reach: its head is old, and the pail of that is gone."""

from pathlib import Path

from backup_agent.prune.prune import Job, prune
from backup_agent.retention import Policy
from clock_service.several import SeveralClocks
from tests.clock_service.remote import OWNER, Agent, Host, grant

ALL = ("clock/advance", "clock/head")


def test_an_old_head_of_a_service_is_not_called_unreadable_and_catches_up(tmp_path: Path) -> None:
    host, one = Host(tmp_path), Agent.at(tmp_path / "one")
    try:
        remote = host.clock(one, grant(OWNER, *ALL))
        old = one.put("a/1")
        remote.advance(old)
        for number in range(9):
            one.put(f"a/{number}", "another")
        done = prune(
            Job(one.space, one.clock, one.clock, OWNER), Policy(last=1), remember=True, now=True
        ).cleared
        assert done.removed
        before = sorted(path.name for path in (tmp_path / "one/space/shards").iterdir())
        one.clock.head()
        look = host.clock(one, grant(OWNER, *ALL)).look()
        assert (look.head, look.unreadable) == ((old,), {})
        both = SeveralClocks(one.clock, {"it": host.clock(one, grant(OWNER, *ALL))}, one.space.get)
        assert both.sync() == one.clock.head() == host.head()
        assert both.troubles == {}
        assert sorted(path.name for path in (tmp_path / "one/space/shards").iterdir()) == before
    finally:
        host.store.close()
        one.space.close()
