"""What a publishing asks of a provider: what can be joined is, and nothing is believed that is not signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from backup_agent.hosted import concluding
from backup_agent.hosted.asking import Asking
from backup_agent.hosted.promise import receipts_of
from backup_agent.hosted.reading import Reader
from backup_agent.net import Http, Request
from pail import CAR, CID, cid_of
from space import SpaceUnavailable
from space.layout import SHARDS, index_name, shard_name
from space.remote import place as places
from space.remote.place import ProviderPlace
from tests.backup_agent.hosted.ground import HostedGround
from tests.backup_agent.hosted.test_interrupted import killed_at
from tests.provider.made import index_of, shard_of
from ucan import Delegation, Receipt


def made(shards: int) -> dict[str, bytes]:
    """New shards and their indexes."""
    named: dict[str, bytes] = {}
    for _ in range(shards):
        content, slices, _ = shard_of(uuid4().bytes)
        cid = cid_of(CAR, content)
        named |= {shard_name(cid): content, index_name(cid): index_of(content, slices)}
    return named


def publish(ground: HostedGround, shards: int) -> None:
    named = made(shards)
    send(ground, named)
    assert {entry.name for entry in ground.place("b").list(SHARDS)} == set(named)


def send(ground: HostedGround, named: dict[str, bytes]) -> None:
    place = ground.place("a")
    place.make_ready()
    publish_at(place, named)


def send_by_twos(ground: HostedGround, named: dict[str, bytes]) -> None:
    """In a process of its own."""
    places.PARCEL_BLOBS = 2
    send(ground, named)


def publish_at(place: ProviderPlace, named: dict[str, bytes]) -> None:
    drafts = [(place.draft(SHARDS), name) for name in named]
    for draft, name in drafts:
        draft.write(named[name])
    place.publish(SHARDS, drafts)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each request, by what it asks and how often."""
    found: list[str] = []
    execute_all, fetch, stream = Asking.execute_all, Http.fetch, Http.stream

    async def execute(self: Asking, invocations: Sequence[Delegation]) -> list[Receipt]:
        found.append(f"{len(invocations)} {invocations[0].ucan.capabilities[0].can}")
        return await execute_all(self, invocations)

    async def get(self: Http, request: Request):
        found.extend(["receipt"] if "/receipt/" in request.url else [])
        return await fetch(self, request)

    def read(self: Http, request: Request):
        found.append("read")
        return stream(self, request)

    monkeypatch.setattr(Asking, "execute_all", execute)
    monkeypatch.setattr(Http, "fetch", get)
    monkeypatch.setattr(Http, "stream", read)
    return found


def test_several_shards_are_asked_about_at_once(ground: HostedGround, asked: list[str]) -> None:
    publish(ground, 4)
    assert asked[:6] == [
        "8 space/blob/add",
        "8 ucan/conclude",
        "4 space/index/add",
        "4 upload/add",
        "read",
        "1 space/blob/list",
    ]


def test_what_is_published_is_read_back_once_by_a_process(ground: HostedGround, asked: list[str]) -> None:
    place = ground.place("a")
    place.make_ready()
    for _ in range(2):
        publish_at(place, made(1))
    assert asked.count("read") == 1


def test_a_provider_that_takes_and_does_not_give_is_refused_each_time(
    ground: HostedGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ground.place("a")
    place.make_ready()

    async def nothing(*_arguments: object) -> list[bytes]:
        return [b""]

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "read", nothing)
        for _ in range(2):
            with pytest.raises(SpaceUnavailable, match="does not give what it has just taken"):
                publish_at(place, made(1))
    publish_at(place, made(1))
    assert not place.resume(), "all of it was taken"


def test_a_shard_and_its_index_go_together_where_not_all_do(
    ground: HostedGround, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PARCEL_BLOBS", 3)
    publish(ground, 3)
    assert asked.count("2 space/blob/add") == asked.count("1 space/index/add") == 3
    assert asked.count("3 upload/add") == 1


def test_a_receipt_that_did_not_come_along_is_asked_for(
    ground: HostedGround, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_receipt: Receipt) -> dict[CID, Receipt]:
        return {}

    monkeypatch.setattr(concluding, "receipts_of", none)
    publish(ground, 1)
    assert asked.count("receipt") == 2


@pytest.mark.parametrize("change", [{"issuer": "did:web:another.test"}, {"signature": bytes(66)}])
def test_a_receipt_that_the_provider_did_not_sign_is_none(
    ground: HostedGround, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    def forged(receipt: Receipt) -> dict[CID, Receipt]:
        return {cid: replace(each, **change) for cid, each in receipts_of(receipt).items()}  # pyright: ignore

    monkeypatch.setattr(concluding, "receipts_of", forged)
    with pytest.raises(SpaceUnavailable, match="does not hold"):
        publish(ground, 1)


def test_the_first_that_is_refused_ends_the_others(
    ground: HostedGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PARCEL_BLOBS", 2)

    async def refused(_self: Http, _upload: object) -> None:
        raise SpaceUnavailable("not now")

    monkeypatch.setattr(Http, "put", refused)
    with pytest.raises(SpaceUnavailable, match="not now"):
        publish(ground, 4)


def test_killed_while_several_parcels_are_under_way_all_of_it_comes_later(
    ground: HostedGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PARCEL_BLOBS", 2)
    named = made(3)
    assert all(killed_at(step, partial(send_by_twos, ground, named)) for step in (3, 5, 7, 8))
    place = ground.place("a")
    assert place.resume()
    fresh = ground.place("b")
    found = {entry.name: fresh.open(SHARDS, entry).read(0, entry.size) for entry in fresh.list(SHARDS)}
    assert found == named
