"""What goes along with events is all that a clock needs to take and to check them, and no more than that."""

import asyncio
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from clock_service import Guard, examination, open_store, sending
from clock_service.access import Access, Grant
from clock_service.admission import gather
from clock_service.guard import prove
from clock_service.policy import Caveats
from clock_service.sending import MAX_PART_BLOCKS, MAX_PART_EVENTS, Part, parts, touched
from pail import CID, encode_block, run
from pail.clock import advance, unseen
from pail.event import Head, decode_event, encode_event
from tests.clock_service.made import SPACE, Author, open_service
from tests.memory_store import MemoryStore, forget
from tests.ucan.people import AGENT
from ucan.token import MAX_UCAN_BYTES

KEYS = st.sampled_from(["a", "ab", "abc", "abd", "b", "ba", "b/1", "b/12", "b/123", "c"])
Step = tuple[int, int, bool, str, int]
STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans(), KEYS, st.integers(0, 3)),
    min_size=5,
    max_size=16,
)


def history_of(steps: list[Step]) -> tuple[Author, Head]:
    """Events, each on the union of two of the last heads; and the union of all."""
    author = Author()
    base = author.batch((), "abc", "abd", "b/1", "b/2").head
    heads: list[Head] = [base]
    for one, other, is_delete, key, number in steps:
        parents = union(author, heads[-1 - one % len(heads)], heads[-1 - other % len(heads)])
        update = author.delete(parents, key) if is_delete else author.put(parents, key, str(number))
        if update.event is not None:
            heads.append((update.event.cid,))
    head = base
    for each in heads:
        head = union(author, head, each)
    return author, head


def union(author: Author, head: Head, other: Head) -> Head:
    for event in other:
        head = author.run(advance(head, event))
    return head


def sent(author: Author, known: Head, head: Head) -> list[Part]:
    return [part for event in head for part in parts(author.run(unseen(known, event)), author.read)]


def take(clock: MemoryStore, part: Part) -> None:
    """As a clock with a guard that requires every root to be proved."""
    offer = gather(part.event, dict(part.blocks))
    assert all(cid in clock for cid in offer.edge)
    events = {**clock, **offer.events}
    for cid in offer.events:
        reader = MemoryStore()
        reader.update({**events, **offer.blocks})
        forget()
        run(prove(cid, offer.parents[cid], offer.changes[cid], Caveats()), reader.read)
    clock.update(offer.events)


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_a_clock_that_has_nothing_can_take_and_prove_all(steps: list[Step]) -> None:
    author, head = history_of(steps)
    clock = MemoryStore()
    for part in sent(author, (), head):
        take(clock, part)
    assert all(event in clock for event in head)


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_each_event_can_be_proved_by_what_goes_with_it_alone(steps: list[Step]) -> None:
    author, head = history_of(steps)
    clock = MemoryStore()
    for event in head:
        for cid in author.run(unseen((), event)):
            (part,) = parts([cid], author.read)
            take(clock, part)


def test_long_histories_go_in_parts_oldest_first(monkeypatch) -> None:
    monkeypatch.setattr(sending, "MAX_PART_BLOCKS", 1 << 20)
    author = Author()
    events = author.chain(MAX_PART_EVENTS * 2 + 1)
    found = sent(author, (), (events[-1],))
    assert [part.event for part in found] == [events[127], events[255], events[256]]
    clock = MemoryStore()
    for part in found:
        take(clock, part)


def test_no_part_costs_more_to_prove_than_a_service_spends(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(examination, "MAX_EFFORT", 200)
    monkeypatch.setattr(examination, "REST", 0)
    monkeypatch.setattr(sending, "MAX_PART_EFFORT", 150)
    author = Author()
    head: Head = ()
    for step in range(12):  # a crowd without a pause: no event of it supersedes all that came before
        head = tuple(sorted(author.put(head, f"{step}/{each}").head[0] for each in range(3)))
    with closing(open_store(f"sqlite:///{tmp_path}/clock.db")) as store:
        service = open_service(store, Guard.REQUIRE)
        for part in sent(author, (), head[:1]):
            taken = asyncio.run(service.advance(SPACE, part.event, part.blocks))
    assert taken == head[:1]


def test_shards_of_what_is_too_much_to_prove_stay_out(monkeypatch) -> None:
    author = Author()
    head = tuple(sorted(author.put((), f"{each}").head[0] for each in range(9)))
    merge = author.put(head, "merge").head[0]
    assert len(sent(author, head, (merge,))[0].blocks) > 1
    monkeypatch.setattr(sending, "MAX_PART_EFFORT", 8)
    (part,) = sent(author, head, (merge,))
    assert [cid for cid, _ in part.blocks] == [merge]


def test_no_part_has_more_blocks_than_an_invocation_can_name(monkeypatch) -> None:
    monkeypatch.setattr(sending, "MAX_PART_BLOCKS", 40)
    author = Author()
    events = author.chain(30, name="a/long/way/down")
    found = sent(author, (), (events[-1],))
    assert [len(part.blocks) <= 40 for part in found] == [True] * len(found)
    clock = MemoryStore()
    for part in found:
        take(clock, part)
    assert events[-1] in clock
    monkeypatch.setattr(sending, "MAX_PART_BLOCKS", 8)
    (part,) = sent(author, (events[28],), (events[29],))
    assert [cid for cid, _ in part.blocks] == [events[29]]


def test_the_most_blocks_of_a_part_fit_an_invocation() -> None:
    blocks = [encode_block(number) for number in range(MAX_PART_BLOCKS)]
    access = Access(AGENT, AGENT.did, ())
    made = access.invoke(AGENT.did, "clock/advance", Grant((), {}), {"event": blocks[0].cid}, blocks, 0)
    assert len(made.data) < MAX_UCAN_BYTES - (16 << 10)  # so much may be caveats


def test_only_what_is_lacking_goes() -> None:
    author = Author()
    events = author.chain(20)
    (part,) = sent(author, (events[17],), (events[19],))
    sent_events = [cid for cid, _ in part.blocks if cid in set(events)]
    assert sent_events == events[18:]


def test_an_event_that_is_no_operation_goes_alone() -> None:
    author = Author()
    event = encode_event([], {"n": 1})
    author[event.cid] = event.data
    assert [part.blocks for part in sent(author, (), (event.cid,))] == [(event,)]


def test_shards_that_cannot_be_had_stay_out() -> None:
    author = Author()
    first = author.put((), "a").head
    second = author.put(first, "b").head
    shards = author.run(touched(decode_event(author[second[0]])))
    for cid in shards:
        del author[cid]
    (part,) = sent(author, first, second)
    assert [cid for cid, _ in part.blocks] == list(second)


def test_each_block_goes_once() -> None:
    author, head = history_of([(0, 0, False, "a", 0), (1, 1, False, "b", 0), (1, 0, False, "c", 0)])
    cids: list[CID] = [cid for part in sent(author, (), head[:1]) for cid, _ in part.blocks]
    assert len(cids) == len(set(cids))
