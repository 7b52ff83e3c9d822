"""Sixteen agents, each with a service process of its own: all they back up is there, and all agree on it.

SKYPAIL_TEST_ROUNDS: how long they go on; a hundred rounds make a long run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from clock_service import open_store
from clock_service.access import Access
from clock_service.caller import Caller
from clock_service.client import RemoteClock
from clock_service.sending import parts
from clock_service.several import SeveralClocks
from pail import CID, Block, clock, crdt
from pail.event import Head
from tests.backup_agent.cli.clock_process import ClockProcess
from tests.clock_service.calls import advance
from tests.clock_service.made import Author
from tests.clock_service.remote import SPACE, Agent, grant
from tests.clock_service.test_concurrency import events_of
from tests.clock_service.wire import Wire
from tests.memory_store import value
from ucan import Connection, Response, Signer, Verifier

AGENTS = 16
APART = 4
"""Of them, on the other side of a partition, with a database of their own."""

ROUNDS = int(os.environ.get("SKYPAIL_TEST_ROUNDS", "11"))
PAIRS = 3
"""Of backups, that each agent makes in one round."""

GUARDED = 0.1
"""Of all deliveries, those whose pail shards go along, for the service to replay them."""

ALL = ("clock/advance", "clock/head")


@dataclass
class Member:
    """An agent with a service of its own, and that of a neighbour."""

    number: int
    own: ClockProcess
    neighbour: ClockProcess
    author: Author
    delivered: int = 0
    """Advances that were acknowledged."""
    made: set[CID] = field(default_factory=set[CID])

    def __post_init__(self) -> None:
        self.key = Signer.from_seed(bytes([100 + self.number]) * 32)
        self.held = grant(self.key, *ALL)
        self.chance = random.Random(self.number)
        self.places = [self.own, self.own, self.neighbour, self.neighbour]
        self.wires = [Wire(place.url) for place in self.places]

    async def work(self, head: Head, name: str) -> Head:
        """Pairs of backups on the head last heard of; all delivered twice, in any order, at two places."""
        for step in range(PAIRS):
            pair = self._make(head, f"{name}/{self.number:02}/{step}")
            deliveries = [pair, pair[:1], pair, pair[:1]]
            order = self.chance.sample(range(4), 4)
            heads = await asyncio.gather(*(self._deliver(place, deliveries[place]) for place in order))
            head = heads[order.index(0)]
        return head

    async def merge(self, head: Head, name: str) -> Head:
        """One backup upon all others; nothing beside it is left."""
        event = self._put(head, f"{name}/merge")
        merged = await self._deliver(0, [event])
        assert merged == (event,)
        return merged

    def _make(self, head: Head, name: str) -> list[CID]:
        first = self._put(head, f"{name}/a")
        return [first, self._put((first,), f"{name}/b")]

    def _put(self, head: Head, key: str) -> CID:
        (event,) = self.author.put(head, key).head
        self.made.add(event)
        return event

    async def _deliver(self, place: int, events: Sequence[CID]) -> Head:
        blocks = [Block(event, self.author[event]) for event in events]
        if self.chance.random() < GUARDED:
            blocks = [block for part in parts(events, self.author.read) for block in part.blocks]
        to = self.places[place].did
        asked = advance(events[-1], blocks, issuer=self.key, proofs=[self.held], resource=SPACE.did, to=to)
        receipt = await self.wires[place].execute(asked)
        assert "ok" in receipt.out, receipt.out
        self.delivered += 1
        return tuple(sorted(receipt.out["ok"]["head"]))

    def close(self) -> None:
        for wire in self.wires:
            wire.close()


async def work_together(members: Sequence[Member]) -> None:
    """Rounds of all at once; after each, one of them merges what they did."""
    head: Head = ()
    for number in range(ROUNDS):
        name = f"{members[0].number:02}/{number:04}"
        heads = await asyncio.gather(*(member.work(head, name) for member in members))
        for event in {event for each in heads for event in each}:
            head = members[0].author.run(clock.advance(head, event))
        head = await members[number % len(members)].merge(head, name)
    for member in members:
        member.close()


@pytest.fixture
def services(tmp_path: Path, postgres_urls) -> Iterator[list[ClockProcess]]:
    """The last APART of them on another database."""
    with ExitStack() as stack:
        services: list[ClockProcess] = []
        for number in range(AGENTS):
            database = postgres_urls[number >= AGENTS - APART]
            options = ("--provision", "open", "--database", database)
            services.append(ClockProcess(tmp_path / str(number), *options))
            stack.callback(services[-1].kill)
            services[-1].launch()
        for service in services:
            service.wait()
        yield services


def clock_of(service: ClockProcess, agent: Agent) -> RemoteClock:
    async def post(url: str, headers: Mapping[str, str], body: bytes) -> Response:
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.post(url, headers=dict(headers), content=body)
            return Response(answer.status_code, dict(answer.headers), answer.content)

    connection = Connection(service.url, service.did, (Verifier.parse(service.did),), post)
    access = Access(agent.signer, SPACE.did, [grant(agent.signer, *ALL)])
    return RemoteClock(Caller(connection, access, asyncio.run), agent.space)


def sync(author: Author, services: Sequence[ClockProcess], folder: Path) -> Head:
    """As `clock sync` of an agent that has the space's blocks, once it can ask all of them."""
    agent = Agent.at(folder)
    with closing(agent.space), agent.space.stage() as stage:
        stage.put_many([Block(*block) for block in author.all()])
        stage.publish()
        clocks = SeveralClocks(
            agent.clock, {each.url: clock_of(each, agent) for each in services}, agent.space.get
        )
        head = clocks.sync()
        assert clocks.troubles == {}
        return head


class Pail(NamedTuple):
    root: CID
    entries: dict[str, CID]


def pail_of(database: str, head: Head, author: Author, made: set[CID]) -> Pail:
    """By the events of that database alone, which are all that were made."""
    with closing(open_store(database)) as store:
        kept = events_of(store, SPACE.did)
    assert kept.keys() == made
    replica = Author()
    replica.update(author.only(*(author.keys() - made)))
    replica.update(kept)
    return Pail(replica.run(crdt.root(head)).root, dict(replica.run(crdt.entries(head))))


@pytest.mark.xdist_group("postgres")
def test_every_backup_of_sixteen_agents_is_in_the_pail_that_all_replicas_agree_on(
    services, postgres_urls, tmp_path
) -> None:
    author = Author()
    sides = [services[:-APART], services[-APART:]]
    places = [(own, side[number - 1]) for side in sides for number, own in enumerate(side)]
    members = [Member(number, *both, author) for number, both in enumerate(places)]

    async def work() -> None:
        await asyncio.gather(work_together(members[:-APART]), work_together(members[-APART:]))

    asyncio.run(work())
    made = set[CID]().union(*(member.made for member in members))
    assert sum(member.delivered for member in members) == ROUNDS * (AGENTS * PAIRS * 4 + 2)
    head = sync(author, [side[0] for side in sides], tmp_path / "agent")
    agent = Agent.at(tmp_path / "agent")
    heads = [clock_of(service, agent).head() for service in services]
    agent.space.close()
    assert heads == [head] * AGENTS
    pails = [pail_of(database, head, author, made) for database in postgres_urls]
    assert pails[0] == pails[1]
    assert len(pails[0].entries) == len(made) == ROUNDS * (AGENTS * PAIRS * 2 + 2)
    assert all(put == value(key) for key, put in pails[0].entries.items())
