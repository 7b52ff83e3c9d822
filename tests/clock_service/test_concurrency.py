"""Many at once: no acknowledged event is ever missing from the head, and all agree on it."""

import asyncio
import subprocess
import sys
from pathlib import Path

from clock_service import Caveats, Guard, Store, open_store
from clock_service.errors import HeadMoved
from clock_service.service import ClockService
from pail import CID, crdt, parse_cid, run
from pail.clock import advance
from pail.event import decode_event
from tests.clock_service.agent import run as run_agent
from tests.clock_service.made import SPACE, Author, open_service
from tests.event_graphs import closure, maximal

ROOT = Path(__file__).parents[2]


def events_of(store: Store, space: str = SPACE) -> dict[CID, bytes]:
    """Every event of the head and its ancestors, read back from the store."""
    events: dict[CID, bytes] = {}
    frontier = set(asyncio.run(store.known(space)).clock.head)
    while frontier:
        blocks = asyncio.run(store.events(space, sorted(frontier)))
        assert blocks.keys() == frontier
        events |= blocks
        frontier = {
            parent for data in blocks.values() for parent in decode_event(data).parents
        } - events.keys()
    return events


def history_of(store: Store, space: str = SPACE) -> dict[CID, tuple[CID, ...]]:
    """The parents of each of those."""
    return {cid: decode_event(data).parents for cid, data in events_of(store, space).items()}


def check(store: Store, acknowledged: list[CID], space: str = SPACE) -> None:
    """Each of `acknowledged` is of the head or an ancestor of it, and the head has all events and no more."""
    graph = history_of(store, space)
    known = asyncio.run(store.known(space))
    assert set(acknowledged) <= closure(graph, known.clock.head)
    assert known.clock.head == tuple(sorted(maximal(graph, graph)))
    assert known.clock.events == len(graph)


def test_agents_in_one_process_lose_nothing(url) -> None:
    async def run_all() -> list[list[CID]]:
        return await asyncio.gather(*(run_agent(url, number, 40) for number in range(4)))

    acknowledged = [cid for each in asyncio.run(run_all()) for cid in each]
    store = open_store(url)
    assert len(acknowledged) == 240
    check(store, acknowledged)
    store.close()


def spawn(url: str, agents: int, count: int) -> list[CID]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.clock_service.agent", url, str(number), str(count)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(agents)
    ]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * agents
    return [parse_cid(line) for output in outputs for line in output.split()]


def test_processes_on_one_sqlite_file_lose_nothing(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/clock.db"
    acknowledged = spawn(url, 3, 80)
    assert len(acknowledged) == 3 * 80 // 2 * 3
    store = open_store(url)
    check(store, acknowledged)
    store.close()


def test_the_head_after_a_crowd_is_that_of_the_pails_clock(store) -> None:
    author = Author()
    first = author.put((), "first").head
    events = [author.put(first, f"key/{number}").head[0] for number in range(30)]
    service = open_service(store)

    async def crowd() -> None:
        await asyncio.gather(*(service.advance(SPACE, event, author.only(*first, event)) for event in events))

    asyncio.run(crowd())
    head = ()
    for event in (*first, *events):
        head = run(advance(head, event), author.read)
    assert asyncio.run(service.head(SPACE)) == head == tuple(sorted(events))


def test_two_services_apart_agree_on_every_backup_once_each_has_heard_the_other(tmp_path) -> None:
    author = Author()
    stores = [open_store(f"sqlite:///{tmp_path}/{name}.db") for name in "ab"]
    services = [open_service(store, Guard.REQUIRE) for store in stores]
    keys = [f"key/{number}" for number in range(24)]
    for number, key in enumerate(keys):
        service = services[number % 2]
        event = author.put(asyncio.run(service.head(SPACE)) if number % 5 else (), key).head[0]
        asyncio.run(service.advance(SPACE, event, author.all()))
    heads = [asyncio.run(service.head(SPACE)) for service in services]
    assert heads[0] != heads[1]
    for service, others in zip(services, reversed(heads), strict=True):
        for event in others:
            asyncio.run(service.advance(SPACE, event, author.all()))
    after = [asyncio.run(service.head(SPACE)) for service in services]
    for store in stores:
        store.close()
    assert after[0] == after[1]
    assert [key for key, _ in author.run(crdt.entries(after[0]))] == sorted(keys)


def test_narrowed_agents_that_race_each_get_in_or_are_told_the_head(store) -> None:
    author = Author()
    service: ClockService = open_service(store)
    caveats = Caveats(keys="key/", ops=frozenset({"put"}))
    done: list[CID] = []

    async def add(number: int) -> None:
        head = ()
        for _ in range(50):
            event = author.put(head, f"key/{number}").head[0]
            try:
                await service.advance(SPACE, event, author.all(), caveats)
            except HeadMoved as error:
                head = error.head
            else:
                done.append(event)
                return

    async def race() -> None:
        await asyncio.gather(*(add(number) for number in range(6)))

    asyncio.run(race())
    assert len(done) == 6
    check(store, done)
