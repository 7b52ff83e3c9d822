"""What a bucket's reader believes, what it does not, and what it says when something is amiss."""

import random
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from pail import DAG_CBOR, RAW, Block, cid_of
from pail.car import encode_car_header
from space import CorruptBlock, FolderClock, LocalFiles, SpaceFull, SpaceUnavailable
from space import stage as stage_module
from space.bucket import upload
from space.bucket.opening import open_bucket
from space.intake import accounts_for_all
from space.layout import HEADS, SHARDS, index_name, shard_of_name
from space.sample import parse_sample
from space.sharded_dag_index import decode_index, encode_index
from tests.space.blocks import DID, agent, block, blocks, put_event
from tests.space.bucket_server import BucketGround, BucketServer, environ
from tests.space.faulty_proxy import Fault, run_faulty_proxy
from tests.space.test_stage import FullAfter

_random = random.Random(1)


@pytest.fixture
def ground(tmp_path: Path, bucket_server: BucketServer) -> BucketGround:
    return BucketGround(tmp_path, bucket_server.url, bucket_server.new_bucket())


@pytest.fixture
def _every_shard_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "SMALL_SHARD_BYTES", 0)


def fill(ground: BucketGround, machine: str, first: int, last: int) -> None:
    with ground.space(machine) as space, space.stage() as stage:
        stage.put_many(blocks(first, last))
        stage.publish()


def index_path(ground: BucketGround) -> str:
    [path] = [meta["path"] for meta in ground.store().list(SHARDS).collect() if meta["path"].endswith(".idx")]
    return path


@pytest.mark.usefixtures("_every_shard_is_large")
def test_a_large_shard_of_another_machine_is_believed_by_its_index(ground: BucketGround) -> None:
    fill(ground, "a", 0, 10)
    with ground.space("b") as b:
        b.refresh()
        assert b.has([block.cid for block in blocks(0, 10)]) == {block.cid for block in blocks(0, 10)}
        assert b.check(read_data=False).believed == 1
        assert b.get([block(3).cid]) == [block(3).data]
        report = b.check()
        assert (report.whole, report.believed, report.shards) == (True, 0, 1)


def without_the_last(content: bytes) -> bytes:
    index = decode_index(content)
    [shard] = index.shards
    slices = sorted(shard.slices, key=lambda found: found.offset)[:-1]
    return encode_index(index._replace(shards=(shard._replace(slices=slices),)))


def one_byte_further(content: bytes) -> bytes:
    index = decode_index(content)
    [shard] = index.shards
    first, *rest = sorted(shard.slices, key=lambda found: found.offset)
    moved = first._replace(offset=first.offset + 1, length=first.length - 1)
    return encode_index(index._replace(shards=(shard._replace(slices=[moved, *rest]),)))


def two_bytes_earlier(content: bytes) -> bytes:
    index = decode_index(content)
    [shard] = index.shards
    first, *rest = sorted(shard.slices, key=lambda found: found.offset)
    moved = first._replace(offset=first.offset - 2, length=first.length + 2)
    return encode_index(index._replace(shards=(shard._replace(slices=[moved, *rest]),)))


def of_another_size(content: bytes) -> bytes:
    index = decode_index(content)
    [shard] = index.shards
    return encode_index(index._replace(shards=(shard._replace(size_bytes=shard.size_bytes + 50),)))


LIES = [
    without_the_last,
    one_byte_further,
    two_bytes_earlier,
    of_another_size,
    lambda _: b"",
    lambda content: content[:-1],
]


@pytest.mark.usefixtures("_every_shard_is_large")
@pytest.mark.parametrize("lie", LIES)
def test_an_index_that_does_not_account_for_every_byte_is_not_believed(
    ground: BucketGround, lie: Callable[[bytes], bytes]
) -> None:
    fill(ground, "a", 0, 10)
    path = index_path(ground)
    honest = bytes(obstore.get(ground.store(), path).bytes())
    assert accounts_for_all(decode_index(honest).shards[0])
    obstore.put(ground.store(), path, lie(honest))
    with ground.space("b") as b:
        b.refresh()
        report = b.check(read_data=False)
        assert (report.shards, report.believed) == (1, 0)  # read whole instead
        assert b.get([block.cid for block in blocks(0, 10)]) == [block.data for block in blocks(0, 10)]
        assert [damage.lost for damage in b.check().damages] == [False]
        b.repair()
    assert bytes(obstore.get(ground.store(), path).bytes()) == honest


@pytest.mark.usefixtures("_every_shard_is_large")
def test_a_believed_shard_that_is_bad_is_set_apart_and_healed(ground: BucketGround) -> None:
    fill(ground, "a", 0, 10)
    with ground.space("b") as b:
        b.refresh()
        [entry] = [each for each in b.place.list(SHARDS) if shard_of_name(each.name)]
        content = bytearray(obstore.get(ground.store(), f"{SHARDS}/{entry.name}").bytes())
        content[40] ^= 1
        obstore.put(ground.store(), f"{SHARDS}/{entry.name}", bytes(content))
        with pytest.raises(CorruptBlock):
            b.get([block(3).cid])
        assert b.has([block(3).cid]) == set()
        with b.stage() as stage:
            stage.put_many(blocks(0, 10))
            stage.publish()
        assert b.get([block(3).cid]) == [block(3).data]


def test_a_small_shard_has_no_index_and_needs_none(ground: BucketGround) -> None:
    fill(ground, "a", 0, 10)
    with ground.space("b") as b:
        [entry] = b.place.list(SHARDS)
        shard = shard_of_name(entry.name)
        assert shard
        assert entry.name != index_name(shard)
        report = b.check()
        assert (report.whole, report.unindexed, report.believed) == (True, (), 0)


@pytest.mark.parametrize("content", [b"", b"foreign", encode_car_header()])
def test_a_shard_of_which_nothing_is_left_is_named_as_a_loss(ground: BucketGround, content: bytes) -> None:
    fill(ground, "a", 0, 10)
    with ground.space("b") as b:
        [entry] = b.place.list(SHARDS)
        obstore.put(ground.store(), f"{SHARDS}/{entry.name}", content)
        assert any(damage.lost for damage in b.check().damages)


def test_a_shard_in_parts_is_one_object(ground: BucketGround, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART_BYTES", 5 << 20)
    data = [_random.randbytes(1 << 20) for _ in range(12)]
    media = [Block(cid_of(RAW, each), each) for each in data]
    with ground.space("a") as a:
        with a.stage() as stage:
            stage.put_many(media)
            stage.publish()
        assert a.get([each.cid for each in media]) == data
        [shard] = [each for each in a.place.list(SHARDS) if shard_of_name(each.name)]
        assert shard.version.endswith('-3"')
    with ground.space("b") as b:
        b.refresh()
        assert b.check(read_data=False).believed == 1
        assert b.check().whole


def test_a_part_that_the_bucket_refuses_as_other_bytes_is_sent_again(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PART_BYTES", 5 << 20)
    media = [Block(cid_of(RAW, each), each) for each in (_random.randbytes(1 << 20) for _ in range(6))]
    wrong = iter([Fault.WRONG_BYTES])
    with run_faulty_proxy(ground.url) as proxy:
        proxy.fault_at = lambda _, asked: next(wrong, None) if "partNumber=" in asked.path else None
        with ground.space("a", proxy.url) as a, a.stage() as stage:
            stage.put_many(media)
            stage.publish()
    assert ground.slept_s
    with ground.space("b") as b:
        assert b.check().whole


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.BROKEN_AFTER])
def test_where_the_answer_to_the_last_step_of_parts_is_lost_it_counts_as_stored(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(upload, "PART_BYTES", 5 << 20)
    media = [Block(cid_of(RAW, each), each) for each in (_random.randbytes(1 << 20) for _ in range(6))]
    lost = iter([fault])
    with run_faulty_proxy(ground.url) as proxy:
        proxy.fault_at = lambda _, asked: (
            next(lost, None) if asked.method == "POST" and "uploadId=" in asked.path else None
        )
        with ground.space("a", proxy.url) as a, a.stage() as stage:
            stage.put_many(media)
            stage.publish()
        assert next(lost, None) is None
    with ground.space("b") as b:
        assert b.check().whole


def test_media_and_the_rest_are_in_shards_of_their_own(ground: BucketGround) -> None:
    picture = _random.randbytes(20_000)
    with ground.space("a") as a, a.stage() as stage:
        stage.put_many([block(1), Block(cid_of(RAW, picture), picture), block(2)])
        assert stage.get([block(2).cid, cid_of(RAW, picture), block(1).cid]) == [
            block(2).data,
            picture,
            block(1).data,
        ]
        assert len(stage.publish().shards) == 2


def test_what_does_not_shrink_rests_plain_and_all_else_packed(ground: BucketGround) -> None:
    picture, drawing = _random.randbytes(20_000), b"<line/>" * 4000
    for content in (picture, drawing):
        with ground.space("a") as a, a.stage() as stage:
            stage.put_many([Block(cid_of(RAW, content), content)])
            stage.publish()
    with ground.space("b") as b:
        rests = {entry.name.split(".", 1)[1]: entry.size for entry in b.place.list(SHARDS)}
        assert rests.keys() == {"car", "car.zst"}
        assert (rests["car"] > 20_000, rests["car.zst"] < 1000) == (True, True)
        assert b.check().whole
        assert b.get([cid_of(RAW, picture), cid_of(RAW, drawing)]) == [picture, drawing]


def test_another_writers_frames_of_a_shard_are_replaced_and_read(ground: BucketGround) -> None:
    fill(ground, "a", 0, 10)
    [meta] = ground.store().list(SHARDS).collect()
    obstore.put(ground.store(), meta["path"], b"foreign")
    fill(ground, "b", 0, 10)  # the same shard, of which this machine knows nothing
    with ground.space("c") as c:
        assert c.check().whole


def test_old_heads_that_a_bucket_gives_hide_nothing(ground: BucketGround) -> None:
    first = put_event((), 1)
    second = put_event((first[0].cid,), 2)
    with ground.space("a") as a, ground.space("b") as b:
        clock = FolderClock(a, agent(1))
        clock.advance(first[0].cid, first)
        [head] = a.place.list(HEADS)
        old = a.place.load(HEADS, head.name, 10_000)
        assert old
        clock.advance(second[0].cid, second)
        assert FolderClock(b, agent(2)).head() == (second[0].cid,)
        ground.damage(HEADS, head.name, old)
        assert FolderClock(b, agent(2)).head() == (second[0].cid,)
        assert clock.head() == (second[0].cid,)


def test_a_disk_that_is_full_while_staging_is_said_so(tmp_path: Path, ground: BucketGround) -> None:
    bucket = ground.bucket
    url = f"s3://{bucket}/full"
    told = environ(ground.url)
    open_bucket(url, cache=tmp_path / "x", environ=told, did=DID, allow_private=True).close()
    files: LocalFiles = FullAfter(3000)
    with open_bucket(url, cache=tmp_path / "x", environ=told, allow_private=True, files=files) as space:
        with pytest.raises(SpaceFull), space.stage() as stage:  # noqa: PT012
            stage.put_many(blocks(0, 100))
            stage.publish()
        assert space.has([block(1).cid]) == set()
        assert space.place.list(SHARDS) == []
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "InvalidAccessKeyId", "refuses the credentials"),
        (403, "AccessDenied", "refuses the credentials"),
        (404, "NoSuchBucket", "there is no bucket for s3://"),
        (400, "Odd", "answers 400 Odd"),
    ],
)
def test_a_refusal_is_one_sentence_without_what_the_server_said(
    ground: BucketGround, status: int, code: str, sentence: str
) -> None:
    with run_faulty_proxy(ground.url) as proxy:
        proxy.refusal = status, f"<Error><Code>{code}</Code><Message>AKIDSECRET</Message></Error>".encode()
        with pytest.raises(SpaceUnavailable) as caught:
            ground.space("a", proxy.url)
        assert sentence in str(caught.value)
        assert "SECRET" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(proxy.asked) == 1


def test_all_parts_of_a_check_read_all_shards_once() -> None:
    shards = [cid_of(DAG_CBOR, bytes([number])) for number in range(200)]
    parts = [[shard for shard in shards if parse_sample(f"{n}/7")(shard)] for n in range(1, 8)]
    assert sorted(shard for part in parts for shard in part) == sorted(shards)
    assert all(parts)
    assert 20 < sum(map(parse_sample("30%"), shards)) < 110
    assert all(map(parse_sample("100%"), shards))


@pytest.mark.parametrize("text", ["", "0/7", "8/7", "1/0", "0%", "101%", "-1%", "1/7/7", "x", "1/999999"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 1/7"):
        parse_sample(text)
