"""A bucket as a place, and a space in it: the contracts, against moto's server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from space import Space
from tests.space.bucket_server import BucketGround, BucketServer
from tests.space.contract import SpaceContract
from tests.space.place_contract import PlaceContract


@pytest.fixture
def ground(tmp_path: Path, bucket_server: BucketServer) -> BucketGround:
    return BucketGround(tmp_path, bucket_server.url, bucket_server.new_bucket())


class TestPlace(PlaceContract):
    pass


class TestSpace(SpaceContract):
    @pytest.fixture
    def space(self, ground: BucketGround) -> Iterator[Space]:
        with ground.space("a") as space:
            yield space
