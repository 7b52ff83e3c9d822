"""What every store of a clock service promises."""

import asyncio
from threading import Event

import pytest

from clock_service import Guard, Limits, Policy, Provision, Revocation, clock_rows, open_store
from clock_service.admission import Findings, gather
from clock_service.errors import HeadMoved, MissingAncestors, NewerSchema, OverLimit, StoreUnavailable
from clock_service.store import Follow, Revoked
from pail import RAW, cid_of
from tests.clock_service.made import OTHER, SPACE, Author, hosted, open_service
from tests.memory_store import value

TASK, OTHER_TASK = cid_of(RAW, b"task"), cid_of(RAW, b"other task")


def test_a_clock_that_was_never_seen_is_empty_and_stays_unknown(store) -> None:
    known = asyncio.run(store.known(SPACE, [TASK]))
    assert (known.clock.head, known.kept, known.clock.events) == ((), frozenset(), 0)
    assert asyncio.run(store.registrations()) == []


def test_an_advance_is_there_for_whoever_opens_the_store_next(url) -> None:
    author = Author()
    event = author.put((), "a").head[0]
    store = open_store(url)
    head = asyncio.run(open_service(store).advance(SPACE, event, author.only(event)))
    store.close()
    again = open_store(url)
    known = asyncio.run(again.known(SPACE, [event, TASK]))
    assert head == known.clock.head == (event,)
    assert known.kept == {event}
    assert asyncio.run(again.events(SPACE, [event, TASK])) == {event: author[event]}
    again.close()


def test_clocks_do_not_share_events(store) -> None:
    author = Author()
    first, second = author.chain(2)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, first, author.only(first)))
    with pytest.raises(MissingAncestors) as caught:
        asyncio.run(service.advance(OTHER, second, author.only(second)))
    assert caught.value.missing == (first,)
    assert asyncio.run(store.known(OTHER, [first, second])).kept == frozenset()


def test_a_store_counts_what_a_clock_keeps(store) -> None:
    author = Author()
    events = author.chain(3)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, events[-1], author.only(*events)))
    asyncio.run(service.advance(SPACE, events[-1], author.only(*events)))
    clock = asyncio.run(store.known(SPACE)).clock
    assert (clock.events, clock.events_today) == (3, 3)
    assert clock.bytes == sum(len(author[cid]) for cid in events)


def test_registrations_come_back_as_they_were_made(store) -> None:
    narrow = hosted(limits=Limits(5, 5000), guard=Guard.REQUIRE)
    for registration in (hosted(OTHER), hosted(), narrow):
        asyncio.run(store.register(registration))
    assert asyncio.run(store.registrations()) == [narrow, hosted(OTHER)]
    assert asyncio.run(store.registrations(after=SPACE)) == [hosted(OTHER)]
    clock = asyncio.run(store.known(SPACE)).clock
    assert (clock.is_registered, clock.limits, clock.guard) == (True, Limits(5, 5000), Guard.REQUIRE)


def test_what_is_unregistered_is_hosted_no_longer_and_stays_readable(store) -> None:
    author = Author()
    event = author.put((), "a").head[0]
    asyncio.run(store.register(hosted()))
    asyncio.run(open_service(store).advance(SPACE, event, author.only(event)))
    assert asyncio.run(store.unregister(SPACE)) is True
    assert asyncio.run(store.unregister(SPACE)) is False
    clock = asyncio.run(store.known(SPACE)).clock
    assert (clock.is_registered, clock.limits, clock.head) == (False, None, (event,))


def test_revocations_are_kept_by_delegation_and_revoker(store) -> None:
    for by in (SPACE, OTHER, SPACE):
        asyncio.run(store.revoke(Revocation(TASK, by), Revoked(SPACE, None)))
    both = {Revocation(TASK, SPACE), Revocation(TASK, OTHER)}
    assert asyncio.run(store.revocations([OTHER_TASK, TASK])) == both
    assert asyncio.run(store.revocations([OTHER_TASK])) == frozenset()
    assert asyncio.run(store.revocations([])) == frozenset()


def test_a_revocation_is_forgotten_a_day_after_the_delegation_has_expired(url) -> None:
    now = [1_000_000.0]
    store = open_store(url, now=lambda: now[0])
    asyncio.run(store.revoke(Revocation(TASK, SPACE), Revoked(SPACE, 1_000_010)))
    for at, kept in ((1_086_410, True), (1_086_411, False)):
        now[0] = at
        asyncio.run(store.revoke(Revocation(OTHER_TASK, SPACE), Revoked(SPACE, None)))
        assert (Revocation(TASK, SPACE) in asyncio.run(store.revocations([TASK]))) is kept
    asyncio.run(store.revoke(Revocation(TASK, SPACE), Revoked(SPACE, 1_000_010)))
    assert asyncio.run(store.revocations([TASK, OTHER_TASK])) == {Revocation(OTHER_TASK, SPACE)}
    store.close()


def test_what_was_found_on_a_head_counts_on_that_head_alone(store) -> None:
    author = Author()
    narrow, rival = (author.put((), "mine/a", text).head[0] for text in ("mine", "theirs"))
    asyncio.run(open_service(store).advance(SPACE, rival, author.only(rival)))
    found = Findings(frozenset([narrow]), based_on=())
    with pytest.raises(HeadMoved) as caught:
        asyncio.run(store.advance(SPACE, gather(narrow, author), found, Policy(Provision.OPEN)))
    assert caught.value.head == asyncio.run(store.known(SPACE)).clock.head == (rival,)


def test_services_that_revoke_at_once_keep_to_one_limit(url, monkeypatch) -> None:
    monkeypatch.setattr("clock_service.clock_rows.MAX_REVOCATIONS_OF_OTHERS", 1)
    stores = [open_store(url), open_store(url)]
    begun, may_end = Event(), Event()

    def first(session) -> None:
        take_revocation(session, TASK)
        begun.set()
        may_end.wait(0.2)

    async def second() -> None:
        await asyncio.to_thread(begun.wait, 10)
        await stores[1].revoke(Revocation(OTHER_TASK, OTHER), Revoked(SPACE, None))
        may_end.set()

    async def both() -> list[object]:
        return await asyncio.gather(stores[0].write(first, SPACE), second(), return_exceptions=True)

    kept = asyncio.run(both())
    for store in stores:
        store.close()
    assert [type(each) for each in kept] == [type(None), OverLimit]


def take_revocation(session, task) -> None:
    revocation, revoked = Revocation(task, OTHER), Revoked(SPACE, None)
    clock_rows.revoke(session, revocation=revocation, revoked=revoked, over_before=0)


def test_others_cannot_use_up_the_revocations_of_a_spaces_owner(store, monkeypatch) -> None:
    for name, limit in (("OWNER", 2), ("OTHERS", 1)):
        monkeypatch.setattr(f"clock_service.clock_rows.MAX_REVOCATIONS_OF_{name}", limit)
    tasks = [value(str(number)) for number in range(3)]
    for revoker, room in ((OTHER, 1), (SPACE, 2)):
        for task in [*tasks[:room], *tasks[:room]]:
            asyncio.run(store.revoke(Revocation(task, revoker), Revoked(SPACE, None)))
        with pytest.raises(OverLimit, match="revocations"):
            asyncio.run(store.revoke(Revocation(tasks[room], revoker), Revoked(SPACE, None)))
    asyncio.run(store.revoke(Revocation(tasks[2], OTHER), Revoked(OTHER, None)))


def test_the_first_receipt_of_a_task_stays(store) -> None:
    asyncio.run(store.keep_receipts({TASK: b"first"}))
    asyncio.run(store.keep_receipts({TASK: b"second"}))
    assert asyncio.run(store.receipt(TASK)) == b"first"
    assert asyncio.run(store.receipt(OTHER_TASK)) is None


def test_old_receipts_are_forgotten(url) -> None:
    store = open_store(url, max_receipts=3)
    tasks = [cid_of(RAW, bytes([number])) for number in range(5)]
    for task in tasks:
        asyncio.run(store.keep_receipts({task: b"message"}))
    kept = [asyncio.run(store.receipt(task)) for task in tasks]
    store.close()
    assert kept == [None, None, b"message", b"message", b"message"]


def test_a_day_has_its_own_count(url) -> None:
    author = Author()
    first, second = author.chain(2)
    times = [86_400.0 * 10]
    store = open_store(url, now=lambda: times[0])
    service = open_service(store, limits=Limits(events_a_day=1))
    asyncio.run(service.advance(SPACE, first, author.only(first)))
    times[0] += 86_400
    assert asyncio.run(service.advance(SPACE, second, author.only(second))) == (second,)
    clock = asyncio.run(store.known(SPACE)).clock
    store.close()
    assert (clock.day, clock.events, clock.events_today) == (11, 2, 1)


def test_opening_twice_at_once_makes_the_tables_once(url) -> None:
    async def open_both():
        return await asyncio.gather(*(asyncio.to_thread(open_store, url) for _ in range(4)))

    stores = asyncio.run(open_both())
    asyncio.run(stores[0].register(hosted()))
    assert asyncio.run(stores[3].registrations()) == [hosted()]
    for store in stores:
        store.close()


def test_a_database_of_a_newer_version_is_left_alone(url) -> None:
    store = open_store(url)
    asyncio.run(store._writer.ask(lambda session: session.run("UPDATE schema_version SET version = 999")))
    store.close()
    with pytest.raises(NewerSchema) as caught:
        open_store(url)
    assert caught.value.version == 999


def test_a_closed_store_says_so(url) -> None:
    store = open_store(url)
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable):
        asyncio.run(store.known(SPACE))


@pytest.mark.parametrize("url", ["", "sqlite:///", "mysql://here/db", "/tmp/clock.db"])
def test_other_databases_are_refused_by_name(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///PATH or postgresql://"):
        open_store(url)


def test_follows_are_kept_by_clock(store, monkeypatch) -> None:
    monkeypatch.setattr("clock_service.clock_rows.MAX_FOLLOWS", 2)
    follows = [Follow(SPACE, OTHER), Follow(OTHER, OTHER)]
    for follow in (*follows, follows[0]):
        assert asyncio.run(store.follow(SPACE, follow))
    assert not asyncio.run(store.follow(SPACE, Follow(OTHER, SPACE)))
    assert asyncio.run(store.following(SPACE)) == follows
    asyncio.run(store.unfollow(SPACE, follows[0]))
    assert asyncio.run(store.following(SPACE)) == follows[1:]
    assert asyncio.run(store.following(OTHER)) == []
