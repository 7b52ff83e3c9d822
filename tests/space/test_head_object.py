"""A head object in a bucket is written over no other than the one that was seen."""

from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import PreconditionError

from pail import CID
from space import FolderClock, HeadOvertaken, Space
from space.bucket.place import BucketPlace
from space.head_object import decode_head_object
from space.layout import HEAD_SUFFIX, HEADS
from tests.space.blocks import agent, put_event
from tests.space.bucket_server import BucketGround, BucketServer
from tests.space.faulty_proxy import Fault, run_faulty_proxy

NAME = agent(1).did.removeprefix("did:key:") + HEAD_SUFFIX


@pytest.fixture
def ground(tmp_path: Path, bucket_server: BucketServer) -> BucketGround:
    return BucketGround(tmp_path, bucket_server.url, bucket_server.new_bucket())


def test_whoever_did_not_see_the_newest_does_not_write(ground: BucketGround) -> None:
    a, b = ground.place("a"), ground.place("b")
    for place in (a, b):
        assert place.list(HEADS) == []
    a.store(HEADS, "x.head", b"first")
    with pytest.raises(HeadOvertaken):
        b.store(HEADS, "x.head", b"second")
    b.list(HEADS)
    b.store(HEADS, "x.head", b"second")
    with pytest.raises(HeadOvertaken):
        a.store(HEADS, "x.head", b"third")
    for place in (a, b):
        place.list(HEADS)
    a.store(HEADS, "x.head", b"third")
    with pytest.raises(HeadOvertaken):
        b.store(HEADS, "x.head", b"fourth")
    a.list(HEADS)
    assert a.load(HEADS, "x.head", 100) == b"third"


def test_one_that_was_removed_meanwhile_is_not_brought_back_unseen(ground: BucketGround) -> None:
    a, b = ground.place("a"), ground.place("b")
    a.store(HEADS, "x.head", b"first")
    b.list(HEADS)
    a.remove(HEADS, "x.head")
    with pytest.raises(HeadOvertaken):
        b.store(HEADS, "x.head", b"second")


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.BROKEN_AFTER])
def test_one_whose_answer_was_lost_is_written_all_the_same(ground: BucketGround, fault: Fault) -> None:
    with run_faulty_proxy(ground.url) as proxy:
        a = ground.place("a", proxy.url)
        for content in (b"first", b"second"):
            a.list(HEADS)
            proxy.fail_at(lambda number: number == 0, fault)
            a.store(HEADS, "x.head", content)
            assert a.load(HEADS, "x.head", 100) == content


def test_where_nothing_can_be_compared_it_is_written_over(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = ground.place("a")
    a.store(HEADS, "x.head", b"first")
    a.list(HEADS)
    monkeypatch.setattr(obstore, "put", refusing_to_compare(obstore.put))
    a.store(HEADS, "x.head", b"second")
    assert a.load(HEADS, "x.head", 100) == b"second"


def refusing_to_compare(put: Callable[..., object]) -> Callable[..., object]:
    """As a server that takes an ETag for another one when it stands in quotes."""

    def refuse(*arguments: object, **named: object) -> object:
        if isinstance(named.get("mode"), dict):
            raise PreconditionError("412")
        return put(*arguments, **named)

    return refuse


def test_a_worker_that_froze_right_before_its_write_takes_nothing_back(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = put_event((), 1), put_event((), 2)
    with ground.space("a") as frozen, ground.space("b") as space:
        before_next_store(
            monkeypatch, frozen, lambda: FolderClock(space, agent(1)).advance(second[0].cid, second)
        )
        FolderClock(frozen, agent(1)).advance(first[0].cid, first)
        assert head_in(space) == {first[0].cid, second[0].cid}


def before_next_store(monkeypatch: pytest.MonkeyPatch, space: Space, happens: Callable[[], object]) -> None:
    """`happens` right before the head object is put."""
    place = space.place
    assert isinstance(place, BucketPlace)
    left = [happens]

    def store(room: str, name: str, content: bytes) -> None:
        while room == HEADS and left:
            left.pop()()
        BucketPlace.store(place, room, name, content)

    monkeypatch.setattr(place, "store", store)


def head_in(space: Space) -> set[CID]:
    space.place.list(HEADS)
    content = space.place.load(HEADS, NAME, 1 << 16)
    assert content
    return set(decode_head_object(content).head)
