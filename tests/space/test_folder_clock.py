"""The folder clock: durable heads of its agents, and nothing else, make the head."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pail import DAG_CBOR, DecodeError, cid_of, encode_dag_cbor
from pail.errors import PailError
from pail.event import decode_event
from space import Clock, FolderClock, NotReadable, Space, open_folder
from space.errors import BadHeadObject
from space.head_object import decode_head_object, encode_head_object
from tests.space.blocks import DID, agent, block, put_event
from tests.space.test_crash import run_child


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with open_folder(tmp_path / "folder", cache=tmp_path / "cache", did=DID) as space:
        yield space


def head_file(path: Path, number: int = 1) -> Path:
    return path / "folder" / "heads" / f"{agent(number).did.removeprefix('did:key:')}.head"


def test_a_new_clock_has_no_head(space: Space) -> None:
    clock: Clock = FolderClock(space, agent(1))
    assert clock.head() == ()


def test_an_event_becomes_the_head_and_stays_it(space: Space, tmp_path: Path) -> None:
    event, shard = put_event((), 1)
    assert FolderClock(space, agent(1)).advance(event.cid, [event, shard]) == (event.cid,)
    with open_folder(tmp_path / "folder", cache=tmp_path / "another") as again:
        assert FolderClock(again, agent(2)).head() == (event.cid,)


def test_the_head_object_is_signed_by_its_agent(space: Space, tmp_path: Path) -> None:
    event, shard = put_event((), 1)
    FolderClock(space, agent(1)).advance(event.cid, [event, shard])
    assert decode_head_object(head_file(tmp_path).read_bytes()) == (agent(1).did, (event.cid,))


def test_an_event_supersedes_its_parents(space: Space) -> None:
    clock = FolderClock(space, agent(1))
    first, second = put_event((), 1), put_event((put_event((), 1)[0].cid,), 2)
    clock.advance(first[0].cid, first)
    assert clock.advance(second[0].cid, second) == (second[0].cid,)
    assert clock.advance(first[0].cid, first) == (second[0].cid,)


def test_concurrent_events_of_two_agents_stand_side_by_side(space: Space) -> None:
    first, second = put_event((), 1), put_event((), 2)
    FolderClock(space, agent(1)).advance(first[0].cid, first)
    FolderClock(space, agent(2)).advance(second[0].cid, second)
    both = tuple(sorted([first[0].cid, second[0].cid]))
    assert FolderClock(space, agent(3)).head() == both


def test_an_event_whose_bytes_nobody_has_is_refused(space: Space) -> None:
    event, _ = put_event((), 1)
    with pytest.raises(NotReadable) as caught:
        FolderClock(space, agent(1)).advance(event.cid)
    assert (caught.value.event, caught.value.missing) == (event.cid, event.cid)


def test_an_event_without_its_pail_is_refused(space: Space) -> None:
    event, shard = put_event((), 1)
    clock = FolderClock(space, agent(1))
    with pytest.raises(NotReadable) as caught:
        clock.advance(event.cid, [event])
    assert caught.value.missing == shard.cid
    assert clock.head() == ()


def test_an_event_without_its_parent_is_refused_even_as_the_first(space: Space) -> None:
    event, shard = put_event((block(7).cid,), 1)
    with pytest.raises(NotReadable) as caught:
        FolderClock(space, agent(1)).advance(event.cid, [event, shard])
    assert caught.value.missing == block(7).cid


def test_a_block_that_is_no_event_is_refused(space: Space) -> None:
    clock = FolderClock(space, agent(1))
    with pytest.raises(DecodeError):
        clock.advance(block(1).cid, [block(1)])
    assert clock.head() == ()


def test_a_head_whose_blocks_vanished_is_not_named_but_comes_back(space: Space, tmp_path: Path) -> None:
    event, shard = put_event((), 1)
    clock = FolderClock(space, agent(1))
    clock.advance(event.cid, [event, shard])
    [file] = (tmp_path / "folder" / "shards").glob("*.car")
    content = file.read_bytes()
    file.unlink()
    head_file(tmp_path).unlink()
    assert clock.head() == ()
    assert clock.report().pending == {event.cid: event.cid}
    file.write_bytes(content)
    assert clock.head() == (event.cid,)


def signed(**fields: object) -> bytes:
    content = {"version": 1, "agent": agent(1).did, "head": [block(1).cid], **fields}
    return encode_dag_cbor({**content, "sig": agent(1).sign(encode_dag_cbor(content))})


GOOD = encode_head_object((block(1).cid,), agent(1))

BAD_OBJECTS = {
    "empty": b"",
    "torn": GOOD[:-1],
    "longer": GOOD + b"\0",
    "zeros": bytes(len(GOOD)),
    "not a map": encode_dag_cbor([1]),
    "another version": signed(version=2),
    "another agent": signed(agent=agent(2).did),
    "no did": signed(agent="did:plc:abc"),
    "one field more": signed(extra=1),
    "head of text": signed(head=["event"]),
    "an event twice": signed(head=[block(1).cid, block(1).cid]),
    "out of order": signed(head=sorted([block(1).cid, block(2).cid], reverse=True)),
    "head of too many": signed(head=[cid_of(DAG_CBOR, bytes([i, j])) for i in range(2) for j in range(200)]),
    "a wrong signature": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
}


@pytest.mark.parametrize("content", BAD_OBJECTS.values(), ids=BAD_OBJECTS.keys())
def test_a_bad_head_object_is_refused_and_named(space: Space, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadHeadObject):
        decode_head_object(content)
    head_file(tmp_path).write_bytes(content)
    report = FolderClock(space, agent(1)).report()
    assert report.head == ()
    assert list(report.ignored) == [head_file(tmp_path).name]


def test_every_flipped_bit_of_a_head_object_is_refused() -> None:
    for bit in range(len(GOOD) * 8):
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((BadHeadObject, PailError)):
            decode_head_object(bytes(flipped))


def test_a_signed_head_that_names_no_event_is_ignored(space: Space, tmp_path: Path) -> None:
    with space.stage() as stage:
        stage.put_many([block(1)])
        stage.publish()
    head_file(tmp_path).write_bytes(GOOD)
    report = FolderClock(space, agent(1)).report()
    assert report.head == ()
    assert str(block(1).cid) in report.ignored


def test_two_processes_of_one_agent_may_write_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda first: run_child("write", str(tmp_path), first), ["0", "10"]))
    with open_folder(tmp_path / "folder", cache=tmp_path / "cache") as space:
        clock = FolderClock(space, agent(1))
        assert count_events(space, clock) == 20
        assert space.check().whole


def test_two_machines_of_one_agent_that_take_turns_lose_no_event(space: Space, tmp_path: Path) -> None:
    first, second = put_event((), 1), put_event((), 2)
    clock = FolderClock(space, agent(1))
    with open_folder(tmp_path / "folder", cache=tmp_path / "another") as other:
        clock.head()
        FolderClock(other, agent(1)).advance(first[0].cid, first)
    clock.advance(second[0].cid, second)
    both = tuple(sorted([first[0].cid, second[0].cid]))
    assert decode_head_object(head_file(tmp_path).read_bytes()) == (agent(1).did, both)


def test_what_is_written_while_the_heads_are_read_is_no_lack(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [put_event((), number) for number in range(3)]
    with open_folder(tmp_path / "folder", cache=tmp_path / "another") as other:
        look, written = space.refresh, iter(events)

        def refresh() -> None:
            look()
            for event, *shards in written:
                FolderClock(other, agent(2)).advance(event.cid, [event, *shards])
                break

        monkeypatch.setattr(space, "refresh", refresh)
        report = FolderClock(space, agent(1)).report()
    assert report.pending == {}
    assert report.head == tuple(sorted(event.cid for event, _ in events))


def count_events(space: Space, clock: FolderClock) -> int:
    seen, stack = set(), list(clock.head())
    while stack:
        cid = stack.pop()
        if cid not in seen:
            seen.add(cid)
            stack += decode_event(space.get([cid])[0]).parents
    return len(seen)
