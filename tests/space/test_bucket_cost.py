"""What a bucket is asked for: no more than is needed, and not for ever."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from space import CorruptBlock, FolderClock, Space, SpaceUnavailable
from space import stage as stage_module
from space.bucket import store
from space.layout import SHARDS
from tests.space.blocks import agent, block, blocks, put_event
from tests.space.bucket_child import PARTS, media
from tests.space.bucket_server import BucketGround, BucketServer
from tests.space.faulty_proxy import Asked, FaultyProxy, run_faulty_proxy


@pytest.fixture
def ground(tmp_path: Path, bucket_server: BucketServer) -> BucketGround:
    return BucketGround(tmp_path, bucket_server.url, bucket_server.new_bucket())


@pytest.fixture
def proxy(bucket_server: BucketServer) -> Iterator[FaultyProxy]:
    with run_faulty_proxy(bucket_server.url) as proxy:
        yield proxy


def fill(ground: BucketGround, shards: int) -> None:
    with ground.space("a") as space:
        for number in range(shards):
            with space.stage() as stage:
                stage.put_many(blocks(number * 5, number * 5 + 5))
                stage.publish()


def shards_asked_for(proxy: FaultyProxy) -> set[str]:
    return {asked.path for asked in proxy.asked if asked.method == "GET" and ".car.zst" in asked.path}


def test_where_nothing_is_new_it_is_two_listings(ground: BucketGround, proxy: FaultyProxy) -> None:
    event, shard = put_event((), 1)
    fill(ground, 3)
    with ground.space("a") as space:
        FolderClock(space, agent(1)).advance(event.cid, [event, shard])
    with ground.space("a", proxy.url) as space:
        clock = FolderClock(space, agent(1))
        assert clock.head() == (event.cid,)
        assert clock.advance(event.cid) == clock.known() == (event.cid,)
        assert space.get([event.cid]) == [event.data]
    assert [asked.method for asked in proxy.asked] == ["GET", "GET"]
    assert all("list-type" in asked.path for asked in proxy.asked)


def test_a_head_object_that_another_look_shows_lost_is_written_anew(ground: BucketGround) -> None:
    event, shard = put_event((), 1)
    with ground.space("a") as space:
        clock = FolderClock(space, agent(1))
        clock.advance(event.cid, [event, shard])
        [head] = space.place.list("heads")
        space.place.remove("heads", head.name)
        clock.head()
        clock.advance(event.cid)
        assert [entry.name for entry in space.place.list("heads")] == [head.name]


def test_a_loss_costs_one_shard_and_a_second_one_all(ground: BucketGround, proxy: FaultyProxy) -> None:
    fill(ground, 4)
    with ground.space("b", proxy.url) as space:
        space.refresh()
        first, second = shard_of(space, 1), shard_of(space, 6)
        ground.damage(SHARDS, first, b"rotten")
        assert doubt(space, 1, proxy) == {first}
        assert space.has([block(2).cid]) == set()
        ground.damage(SHARDS, second, b"rotten")
        assert len(doubt(space, 6, proxy)) == 4


def shard_of(space: Space, number: int) -> str:
    """The name of the one that has the block."""
    digest = block(number).cid[-32:]
    entry = space.index.entry_of(space.index.find({digest})[digest][0].shard)
    assert entry
    return entry.name


def doubt(space: Space, number: int, proxy: FaultyProxy) -> set[str]:
    """The shards that are read after the loss of a block."""
    with pytest.raises(CorruptBlock) as caught:
        space.get([block(number).cid])
    proxy.clear()
    space.doubt(caught.value)
    return {path.rpartition("/")[2] for path in shards_asked_for(proxy)}


def test_an_endpoint_that_never_answers_is_not_waited_for_without_end(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ANSWER_TIMEOUT_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as mute,
        pytest.raises(SpaceUnavailable) as caught,
    ):
        ground.space("a", f"http://127.0.0.1:{mute.getsockname()[1]}")
    assert "no answer in time" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_took_too_long_is_not_tried_again(ground: BucketGround, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ANSWER_TIMEOUT_S", 0.1)
    monkeypatch.setattr("space.bucket.faults.PATIENCE_S", 0.0)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as mute, pytest.raises(SpaceUnavailable):
        ground.space("a", f"http://127.0.0.1:{mute.getsockname()[1]}")
    assert ground.slept_s == []


def test_a_kill_amid_an_upload_in_parts_loses_nothing_and_the_next_run_completes(
    tmp_path: Path, ground: BucketGround, proxy: FaultyProxy
) -> None:
    command = [sys.executable, "-m", "tests.space.bucket_child", str(tmp_path), proxy.url, ground.bucket]
    child: list[subprocess.Popen[bytes]] = []

    def kill(_number: int, asked: Asked) -> None:
        if "partNumber=2" in asked.path and child:
            child[0].kill()

    fill(ground, 1)
    proxy.fault_at = kill
    child.append(subprocess.Popen(command))
    assert child[0].wait(60) == -signal.SIGKILL
    assert "<UploadId>" in httpx.get(f"{ground.url}/{ground.bucket}?uploads").text  # there, and hidden
    with ground.space("b") as other:
        other.refresh()
        assert other.check().whole
        assert other.has([each.cid for each in media()]) == set()
        assert other.get([block(1).cid]) == [block(1).data]
    proxy.clear()
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
    assert not list(tmp_path.rglob("*.tmp"))
    with ground.space("c") as other:
        other.refresh()
        assert other.get([each.cid for each in media()]) == [each.data for each in media()]
        assert [entry for entry in other.place.list(SHARDS) if entry.version.endswith(f'-{PARTS}"')]


def test_of_a_large_publishing_the_last_blocks_are_at_hand(
    ground: BucketGround, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "MAX_KEPT_BLOCKS", 2)
    fill(ground, 1)
    with ground.space("a", proxy.url) as space:
        assert space.get([block(3).cid, block(4).cid]) == [block(3).data, block(4).data]
        assert not shards_asked_for(proxy)
        assert space.get([block(2).cid]) == [block(2).data]
        assert shards_asked_for(proxy)
