"""The contract of places, and a space, in Azure's blob storage as its own emulator has it."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pail import RAW, Block, cid_of
from space import SpaceUnavailable
from space.bucket import upload
from tests.peers.azure_blob import ACCOUNT, KEY, AzureGround, make_container, run_azurite
from tests.peers.npm import npm_project
from tests.space.place_contract import PlaceContract

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("peer-azurite")]
_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with run_azurite(npm_project(Path(__file__).parent / "azurite")) as url:
        yield url


@pytest.fixture
def ground(tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> AzureGround:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", endpoint)
    container = f"container-{next(_numbers)}"
    make_container(endpoint, container)
    return AzureGround(tmp_path, endpoint, container)


class TestPlace(PlaceContract):
    pass


def test_a_shard_in_parts_is_read_back(ground: AzureGround, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART_BYTES", 1 << 20)
    noise = random.Random(1)
    media = [Block(cid_of(RAW, each), each) for each in (noise.randbytes(1 << 20) for _ in range(5))]
    with ground.space("a") as a, a.stage() as stage:
        stage.put_many(media)
        stage.publish()
    with ground.space("b") as b:
        assert b.check().whole
        assert b.get([each.cid for each in media]) == [each.data for each in media]


def test_a_container_that_is_not_there_is_named(ground: AzureGround) -> None:
    ground.bucket = "none-of-this-name"
    with pytest.raises(SpaceUnavailable, match="there is no bucket for"):
        ground.space("a")


def test_a_wrong_key_is_refused_in_a_sentence(ground: AzureGround, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=")
    with pytest.raises(SpaceUnavailable, match="refuses the credentials"):
        ground.space("a")
