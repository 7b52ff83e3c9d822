"""What a clock takes (C3), and the head it then has (C1)."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clock_service import Guard, Limits, Policy, Provision, admission
from clock_service.admission import Clock, Findings, gather, settle
from clock_service.errors import (
    BadEvent,
    MissingAncestors,
    NotProvisioned,
    OverLimit,
    Refused,
    TooMuch,
)
from pail import CID, RAW, cid_of, encode_block, run
from pail.clock import advance as pail_advance
from pail.event import MAX_HEAD
from tests.clock_service.made import SPACE, Author, hosted, open_service
from tests.event_graphs import SHAPES, closure, make_chain, make_event, make_graph
from tests.memory_store import MemoryStore

OPEN = Policy(Provision.OPEN, Limits(), Guard.OFF)


class PlainClock:
    """A clock in memory, with the service's own decisions."""

    def __init__(self) -> None:
        self.clock = Clock(SPACE)
        self.kept: set[CID] = set()

    def advance(self, event: CID, blocks: dict[CID, bytes], policy: Policy = OPEN) -> tuple[CID, ...]:
        offer = gather(event, blocks)
        settled = settle(self.clock, self.kept & offer.named, offer, Findings(), policy, day=1)
        self.clock = settled.clock
        self.kept |= set(settled.new)
        return self.clock.head


@settings(max_examples=200)
@given(SHAPES, st.randoms(use_true_random=False))
def test_the_head_is_that_of_the_pails_clock_in_any_order_with_any_ancestors_along(shape, random) -> None:
    store = MemoryStore()
    graph = make_graph(store, shape)
    clock, head = PlainClock(), ()
    for event in random.choices(sorted(graph), k=2 * len(graph)):
        lacking = closure(graph, [event]) - clock.kept
        extra = random.sample(sorted(graph), random.randint(0, len(graph)))
        head = run(pail_advance(head, event), store.read)
        assert clock.advance(event, {cid: store[cid] for cid in {*lacking, *extra, event}}) == head
        assert clock.kept == closure(graph, head)


@settings(max_examples=100)
@given(SHAPES, st.randoms(use_true_random=False))
def test_an_event_is_taken_only_with_all_its_ancestors(shape, random) -> None:
    store = MemoryStore()
    graph = make_graph(store, shape)
    event = random.choice(sorted(graph))
    history = closure(graph, [event])
    given_blocks = {cid: store[cid] for cid in history if random.random() < 0.7}
    clock = PlainClock()
    if history <= given_blocks.keys():
        assert clock.advance(event, given_blocks) == (event,)
    else:
        with pytest.raises(MissingAncestors) as caught:
            clock.advance(event, given_blocks)
        assert set(caught.value.missing) <= history - given_blocks.keys()
        assert (clock.clock.head, clock.kept) == ((), set())


def test_the_error_names_what_is_missing_and_the_head_stays(store) -> None:
    author = Author()
    events = author.chain(4)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, events[0], author.only(events[0])))
    with pytest.raises(MissingAncestors, match=str(events[1])) as caught:
        asyncio.run(service.advance(SPACE, events[3], author.only(*events[2:])))
    assert (caught.value.missing, caught.value.count) == ((events[1],), 1)
    assert asyncio.run(service.head(SPACE)) == (events[0],)
    assert asyncio.run(store.known(SPACE, events)).kept == {events[0]}


def test_an_event_that_did_not_come_along_is_missing_itself(store) -> None:
    event = Author().put((), "a").head[0]
    with pytest.raises(MissingAncestors) as caught:
        asyncio.run(open_service(store).advance(SPACE, event))
    assert caught.value.missing == (event,)


def test_an_event_that_is_kept_need_not_come_along_again(store) -> None:
    author = Author()
    events = author.chain(3)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, events[2], author.only(*events)))
    assert asyncio.run(service.advance(SPACE, events[0])) == (events[2],)


def test_bytes_of_another_event_are_refused() -> None:
    author = Author()
    first, second = author.chain(2)
    with pytest.raises(BadEvent, match="does not hash"):
        gather(second, {second: author[first]})


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"data": 1},
        {"data": 1, "parents": [], "more": 1},
        {"data": 1, "parents": [cid_of(RAW, b"")]},
        {"data": 1, "parents": "none"},
    ],
)
def test_what_is_no_event_is_refused(value) -> None:
    block = encode_block(value)
    with pytest.raises(BadEvent):
        gather(block.cid, {block.cid: block.data})


def test_an_event_has_the_cid_of_an_event() -> None:
    data = encode_block({"data": 1, "parents": []}).data
    with pytest.raises(BadEvent, match="CID is not that of an event"):
        gather(cid_of(RAW, data), {cid_of(RAW, data): data})


def test_a_space_that_is_not_hosted_gets_nothing_stored(store) -> None:
    author = Author()
    event, next_one = author.chain(2)
    service = open_service(store)
    service.policy = Policy()
    for refused in (event, next_one):
        with pytest.raises(NotProvisioned) as caught:
            asyncio.run(service.advance(SPACE, refused, author.only(refused)))
        assert caught.value.space == SPACE
    assert asyncio.run(store.known(SPACE, [event])).kept == frozenset()
    asyncio.run(store.register(hosted()))
    assert asyncio.run(service.advance(SPACE, event, author.only(event))) == (event,)


@pytest.mark.parametrize("space", ["", "z6Mk", "did:key:\0", "did:key:é", "did:" + "a" * 5000])
def test_what_is_no_did_is_not_hosted_even_by_an_open_service(store, space: str) -> None:
    with pytest.raises(NotProvisioned):
        asyncio.run(open_service(store).head(space))


def test_events_past_a_days_limit_are_refused_with_the_figures(store) -> None:
    author = Author()
    events = author.chain(3)
    service = open_service(store, limits=Limits(events_a_day=2))
    asyncio.run(service.advance(SPACE, events[1], author.only(*events[:2])))
    with pytest.raises(OverLimit) as caught:
        asyncio.run(service.advance(SPACE, events[2], author.only(events[2])))
    assert (caught.value.what, caught.value.limit, caught.value.wanted) == ("events a day", 2, 3)
    assert asyncio.run(service.advance(SPACE, events[0])) == (events[1],)


def test_a_spaces_own_limit_on_bytes_counts_before_the_services(store) -> None:
    author = Author()
    events = author.chain(2)
    size = len(author[events[0]])
    asyncio.run(store.register(hosted(limits=Limits(bytes=size))))
    service = open_service(store)
    asyncio.run(service.advance(SPACE, events[0], author.only(events[0])))
    with pytest.raises(OverLimit) as caught:
        asyncio.run(service.advance(SPACE, events[1], author.only(events[1])))
    assert (caught.value.limit, caught.value.wanted) == (size, size + len(author[events[1]]))


def test_a_head_grows_to_its_limit_and_not_beyond() -> None:
    store, clock = MemoryStore(), PlainClock()
    for number in range(MAX_HEAD):
        clock.advance(make_event(store, [], number), store)
    with pytest.raises(TooMuch, match=str(MAX_HEAD)):
        clock.advance(make_event(store, [], "one more"), store)
    assert len(clock.clock.head) == MAX_HEAD


def test_only_so_many_events_come_with_one_advance(monkeypatch) -> None:
    monkeypatch.setattr(admission, "MAX_EVENTS", 20)
    store = MemoryStore()
    chain = make_chain(store, 21)
    assert len(gather(chain[19], store).events) == 20
    with pytest.raises(TooMuch, match="20 events"):
        gather(chain[20], store)


@pytest.mark.parametrize("limit", ["MAX_BLOCKS", "MAX_BLOCKS_BYTES", "MAX_EVENT_BYTES"])
def test_what_comes_along_has_limits(monkeypatch, limit: str) -> None:
    store = MemoryStore()
    event = make_event(store, [], "x" * 100)
    size = {"MAX_BLOCKS": 1}.get(limit, len(store[event]))
    monkeypatch.setattr(admission, limit, size)
    assert gather(event, store).events.keys() == {event}
    monkeypatch.setattr(admission, limit, size - 1)
    with pytest.raises(Refused):
        gather(event, store)


def test_an_absurd_graph_costs_what_it_has_events_not_ways() -> None:
    store = MemoryStore()
    layer = [make_event(store, [], number) for number in range(2)]
    for depth in range(500):
        layer = [make_event(store, layer, [depth, number]) for number in range(2)]
    tip = make_event(store, layer, "tip")
    assert PlainClock().advance(tip, store) == (tip,)


def test_counters_tell_what_was_done_and_refused(store) -> None:
    author = Author()
    first, second = author.chain(2)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, first, author.only(first)))
    with pytest.raises(MissingAncestors):
        asyncio.run(service.advance(SPACE, author.chain(3)[2]))
    asyncio.run(service.head(SPACE))
    assert service.counters == {"advances": 1, "refused_MissingAncestors": 1, "heads": 1}
    assert second not in asyncio.run(store.known(SPACE, [second])).kept
