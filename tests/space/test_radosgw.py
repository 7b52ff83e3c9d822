"""The contracts against a real bucket server in a process of its own, where one is installed."""

import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import obstore
import pytest

from pail import RAW, Block, cid_of
from space import Space
from space.layout import SHARDS
from tests.space import radosgw
from tests.space.bucket_server import BucketGround
from tests.space.contract import SpaceContract
from tests.space.place_contract import PlaceContract

pytestmark = [
    pytest.mark.skipif(not radosgw.is_installed(), reason=radosgw.NOT_TESTED),
    pytest.mark.xdist_group("radosgw"),
]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, radosgw.run_radosgw(Path(folder)) as url:
        yield url


@pytest.fixture
def ground(tmp_path: Path, endpoint: str) -> BucketGround:
    keys = {"aws_access_key_id": radosgw.KEY, "aws_secret_access_key": radosgw.KEY}
    bucket = f"bucket-{next(_numbers)}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(Bucket=bucket)
    ground = BucketGround(tmp_path, endpoint, bucket)
    ground.sleep = time.sleep  # what is busy for a moment is waited for
    return ground


class TestPlace(PlaceContract):
    pass


class TestSpace(SpaceContract):
    @pytest.fixture
    def space(self, ground: BucketGround) -> Iterator[Space]:
        with ground.space("a") as space:
            yield space


def test_a_shard_in_parts_is_proved(ground: BucketGround) -> None:
    data = [bytes([number]) * 8 + number.to_bytes(4, "big") * (1 << 18) for number in range(4)]
    noise = [_noise(number) for number in range(34)]
    media = [Block(cid_of(RAW, each), each) for each in (*data, *noise)]
    with ground.space("a") as a:
        with a.stage() as stage:
            stage.put_many(media)
            stage.publish()
        a.refresh()
        assert a.check(read_data=False).believed == 0  # it is not new to who wrote it
        paths = [f"{SHARDS}/{entry.name}" for entry in a.place.list(SHARDS)]
        etags = [obstore.head(ground.store(), path)["e_tag"] or "" for path in paths]
        assert any(etag.endswith('-5"') for etag in etags)  # of the object: a listing may lag behind
    with ground.space("b") as b:
        assert b.check().whole
        assert b.get([each.cid for each in media]) == [each.data for each in media]


def _noise(number: int) -> bytes:
    return random.Random(number).randbytes(1 << 20)
