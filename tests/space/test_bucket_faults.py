"""Every request to a bucket goes wrong once, in every way, or for good: nothing acknowledged is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pail import CID
from space import FolderClock, SpaceUnavailable
from tests.space.blocks import agent, blocks, put_event
from tests.space.bucket_server import BucketGround, BucketServer
from tests.space.faulty_proxy import Fault, FaultyProxy, run_faulty_proxy

DONE = 100

EVERY = 5
"""So many requests apart things go wrong: in so many runs, at each of them."""


@pytest.fixture
def proxy(bucket_server: BucketServer) -> Iterator[FaultyProxy]:
    with run_faulty_proxy(bucket_server.url) as proxy:
        yield proxy


class Work:
    """A space made, blocks published, an event advanced, all read back by another machine."""

    def __init__(self, path: Path, server: BucketServer, proxy: FaultyProxy) -> None:
        self.ground = BucketGround(path, server.url, server.new_bucket())
        self.proxy = proxy
        self.published: list[CID] = []
        self.head: tuple[CID, ...] = ()

    def do(self) -> None:
        with self.ground.space("a", self.proxy.url) as space:
            with space.stage() as stage:
                stage.put_many(blocks(0, 5))
                stage.publish()
            self.published = [block.cid for block in blocks(0, 5)]
            event, shard = put_event((), 1)
            self.head = FolderClock(space, agent(1)).advance(event.cid, [event, shard])
        with self.ground.space("b", self.proxy.url) as space:
            assert FolderClock(space, agent(2)).head() == self.head
            assert space.get(self.published) == [block.data for block in blocks(0, 5)]

    def check(self) -> None:
        """As a machine without a fault and without a past finds it."""
        with self.ground.space("c") as space:
            head = FolderClock(space, agent(3)).head()
            space.refresh()
            assert head == self.head or not self.head
            assert space.has(self.published) == set(self.published)
            assert space.get(self.published) == [block.data for block in blocks(0, len(self.published))]
            assert space.check().whole


def test_without_faults_it_takes_few_requests(
    tmp_path: Path, bucket_server: BucketServer, proxy: FaultyProxy
) -> None:
    work = Work(tmp_path, bucket_server, proxy)
    work.do()
    assert len(proxy.asked) < 30


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("first", range(EVERY))
def test_what_goes_wrong_now_and_then_is_tried_again(
    tmp_path: Path, bucket_server: BucketServer, proxy: FaultyProxy, fault: Fault, first: int
) -> None:
    work = Work(tmp_path, bucket_server, proxy)
    proxy.fail_at(lambda number: number % EVERY == first, fault)
    work.do()
    assert len(proxy.asked) > 15
    work.check()


def test_an_endpoint_that_dies_anywhere_is_said_and_nothing_acknowledged_is_lost(
    tmp_path: Path, bucket_server: BucketServer, proxy: FaultyProxy
) -> None:
    for number in range(0, DONE, 2):
        work = Work(tmp_path / str(number), bucket_server, proxy)
        proxy.die_at(number)
        said = ""
        try:
            work.do()
        except SpaceUnavailable as error:
            said = str(error)
        work.check()
        if not said:
            break
        assert "cannot be reached" in said
        assert "\n" not in said
    assert 10 < number < DONE
