"""Several clocks at once: all are told, the union is read, what was missed is caught up."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from clock_service.client import RemoteClock
from clock_service.errors import ClockRefused
from clock_service.several import MAX_REMADE, SeveralClocks
from pail import CID, RAW, Block, cid_of, crdt, run
from pail.event import decode_event
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


def clocks_of(owner: Agent, hosts: list[Host]) -> SeveralClocks:
    others = {host.url: host.clock(owner, grant(OWNER, *ALL)) for host in hosts}
    return SeveralClocks(owner.clock, others, owner.space.get)


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
    assert clocks.troubles[hosts[0].url].may_pass


@pytest.mark.parametrize(
    ("name", "may_pass"), [("HeadMoved", True), ("Unauthorized", False), ("NotProvisioned", False)]
)
def test_what_a_refusal_is_for_decides_if_trying_again_can_help(
    owner: Agent, hosts: list[Host], monkeypatch: pytest.MonkeyPatch, name: str, may_pass: bool
) -> None:
    def refuse(self: RemoteClock, *_: object) -> None:
        raise ClockRefused(self.url, "no", name)

    monkeypatch.setattr(RemoteClock, "advance", refuse)
    clocks = clocks_of(owner, hosts)
    clocks.advance(owner.put("a/1"))
    assert [trouble.may_pass for trouble in clocks.troubles.values()] == [may_pass, may_pass]


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


def put_on(agent: Agent, head: tuple[CID, ...], key: str, text: str = "") -> list[Block]:
    """An event of an agent who has not recorded it yet."""
    update = run(crdt.put(head, key, cid_of(RAW, (text or key).encode())), agent.space.get)
    assert update.event
    keep(agent, [update.event, *update.additions])
    return [update.event, *update.additions]


def keep(agent: Agent, blocks: Iterable[Block]) -> None:
    with agent.space.stage() as stage:
        stage.put_many(blocks)
        stage.publish()


def test_a_narrowed_agents_event_is_made_again_on_a_head_that_moved(owner: Agent, hosts: list[Host]) -> None:
    host = hosts[0]
    old = host.clock(owner, grant(OWNER, *ALL)).advance(owner.put("theirs/a"))
    event, *shards = put_on(owner, old, "mine/1")
    for text in ("rewritten", "and again"):
        moved = owner.put("theirs/a", text)
    host.clock(owner, grant(OWNER, *ALL)).advance(moved)
    narrow = host.clock(owner, grant(OWNER, *ALL, nb={"keys": "mine/", "ops": ["put"]}))
    clocks = SeveralClocks(owner.clock, {host.url: narrow}, owner.space.get, keep=partial(keep, owner))
    head = clocks.advance(event.cid, [event, *shards])
    assert clocks.troubles == {}
    assert head == host.head() != (event.cid,)
    assert decode_event(owner.space.get(head)[0]).parents == (moved,)
    assert [key for key, _ in run(crdt.entries(head), owner.space.get)] == ["mine/1", "theirs/a"]


def test_an_event_is_made_again_only_so_often_and_then_is_in_the_folder(
    owner: Agent, hosts: list[Host]
) -> None:
    tries: list[CID] = []

    class Restless(RemoteClock):
        def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> tuple[CID, ...]:
            tries.append(event)
            raise ClockRefused(self.url, "the head moved", "HeadMoved")

    narrow = grant(OWNER, *ALL, nb={"keys": "mine/"})
    clocks = SeveralClocks(
        owner.clock,
        {"restless": Restless(hosts[0].caller(OWNER, narrow), owner.space)},
        owner.space.get,
        keep=partial(keep, owner),
    )
    event, *shards = put_on(owner, (owner.put("theirs/a"),), "mine/1")
    assert clocks.advance(event.cid, [event, *shards]) == (event.cid,)
    assert len(tries) == MAX_REMADE + 1
    assert clocks.troubles["restless"].is_behind
