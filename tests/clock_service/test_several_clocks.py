"""Several clocks at once: all are told, the union is read, what was missed is caught up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clock_service.errors import TooFewClocks
from clock_service.several import SeveralClocks
from pail import crdt, run
from tests.clock_service.remote import OWNER, Agent, Host, grant

ALL = ("clock/head", "clock/advance")


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    hosts = [Host(tmp_path, "one"), Host(tmp_path, "two")]
    yield hosts
    for host in hosts:
        host.store.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent.at(tmp_path / "owner")
    yield agent
    agent.space.close()


def clocks_of(owner: Agent, hosts: list[Host], **options: int) -> SeveralClocks:
    others = {host.url: host.clock(owner, grant(OWNER, *ALL)) for host in hosts}
    return SeveralClocks(owner.clock, others, owner.space.get, **options)


def test_all_are_advanced(owner: Agent, hosts: list[Host]) -> None:
    clocks = clocks_of(owner, hosts)
    event = owner.put("a/1")
    assert clocks.advance(event) == (event,) == hosts[0].head() == hosts[1].head()
    assert clocks.troubles == {}


def test_one_that_is_down_is_named_and_stops_nothing(owner: Agent, hosts: list[Host]) -> None:
    hosts[0].is_down = True
    clocks = clocks_of(owner, hosts)
    event = owner.put("a/1")
    assert clocks.advance(event) == (event,) == hosts[1].head()
    assert list(clocks.troubles) == [hosts[0].url]
    assert clocks.troubles[hosts[0].url].is_behind


def test_too_few(owner: Agent, hosts: list[Host]) -> None:
    hosts[0].is_down = True
    event = owner.put("a/1")
    assert clocks_of(owner, hosts, at_least=2).advance(event) == (event,)
    with pytest.raises(TooFewClocks, match=r"taken by 2 clocks, 3 were wanted: .*does not answer"):
        clocks_of(owner, hosts, at_least=3).advance(event)


def test_the_union_is_read(owner: Agent, hosts: list[Host]) -> None:
    base = owner.put("a/0")
    for number, host in enumerate(hosts):
        update = run(crdt.put((base,), f"a/{number + 1}", base), owner.space.get)
        assert update.event
        with owner.space.stage() as stage:
            stage.put_many([update.event, *update.additions])
            stage.publish()
        host.clock(owner, grant(OWNER, *ALL)).advance(update.event.cid)
    assert owner.clock.head() == (base,)
    assert clocks_of(owner, hosts).head() == tuple(sorted([*hosts[0].head(), *hosts[1].head()]))


def test_after_a_partition_all_have_all(owner: Agent, hosts: list[Host]) -> None:
    clocks = clocks_of(owner, hosts)
    for number in range(6):
        hosts[number % 2].is_down, hosts[1 - number % 2].is_down = True, False
        clocks.advance(owner.put(f"a/{number}", head=None if number % 2 else ()))
    assert hosts[0].head() != hosts[1].head()
    hosts[0].is_down = hosts[1].is_down = False
    head = clocks.sync()
    assert head == hosts[0].head() == hosts[1].head() == owner.clock.head()
    assert clocks.troubles == {}
    assert len(run(crdt.entries(head), owner.space.get)) == 6


def test_a_new_service_gets_the_whole_clock_with_the_old_one_dead(owner: Agent, hosts: list[Host]) -> None:
    old, new = hosts
    for number in range(140):
        owner.put(f"a/{number}")
    clocks_of(owner, [old]).sync()
    old.is_down = True
    head = clocks_of(owner, [new]).sync()
    assert new.head() == head == old.head()
