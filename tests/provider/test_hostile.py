"""Bodies that never end or hardly begin, a store that is gone, and what a log may not hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from pail import CID
from provider import receiving
from provider.errors import BlobsUnavailable
from provider.folder_blobs import FolderBlobs
from provider.sweeping import Sweeper
from tests.clock_service.calls import HEADERS
from tests.provider.child import running
from tests.provider.made import (
    OTHER,
    OTHER_KEY,
    SERVICE,
    Promise,
    Provider,
    digest_of,
    index_of,
    invoke,
    retrieve,
    shard_of,
)
from tests.provider.remote import Client
from ucan import encode_request

DATA = b"some bytes"


class Gone(FolderBlobs):
    """A store that has stopped to answer."""

    async def put(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        async for _ in chunks:
            pass
        raise BlobsUnavailable("the object store: nobody answers")

    async def read(self, key: str, start: int, end: int):
        raise BlobsUnavailable("the object store: nobody answers")
        yield b""

    async def delete(self, keys: Sequence[str]) -> None:
        raise BlobsUnavailable("the object store: nobody answers")


def test_where_the_store_is_gone_nothing_is_acknowledged(provider: Provider, tmp_path: Path) -> None:
    gone = Provider(provider.store, Gone(tmp_path / "store"))
    promise = gone.promise(DATA)
    assert isinstance(promise, Promise)
    answer = gone.put(promise, DATA)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert gone.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"
    assert provider.put(promise, DATA).status_code == 200
    assert "time" in provider.conclude(promise)
    assert gone.get(digest_of(DATA), headers=retrieve()).status_code == 503


def test_an_index_is_not_believed_where_its_shard_cannot_be_read(provider: Provider, tmp_path: Path) -> None:
    data, slices, _ = shard_of(b"block")
    provider.upload(data)
    index = provider.upload(index_of(data, slices))
    gone = Provider(provider.store, Gone(tmp_path / "store"))
    wanted = invoke("space/index/add", {"index": CID(b"\x01\x82\x04" + index)})
    answer = gone.request("POST", "/", headers=HEADERS, content=encode_request([wanted]))
    assert answer.status_code == 503


def test_what_cannot_be_deleted_now_is_deleted_later(provider: Provider, tmp_path: Path) -> None:
    digest = provider.upload(DATA)
    provider.out("space/blob/remove", {"digest": digest})
    with pytest.raises(BlobsUnavailable):
        asyncio.run(Sweeper(provider.store, Gone(tmp_path / "store")).sweep())
    asyncio.run(Sweeper(provider.store, provider.blobs).sweep())
    assert [each for each in (tmp_path / "store").rglob("*") if each.is_file()] == []


def test_a_body_that_stops_is_given_up(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "IDLE_TIMEOUT_S", 0.05)
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)

    async def stopping():
        yield DATA[:3]
        await asyncio.sleep(5)

    answer = provider.put(promise, stopping())
    assert (answer.status_code, answer.json()["name"]) == (408, "UploadInterrupted")
    assert answer.headers["connection"] == "close"


def test_a_body_that_trickles_is_given_up(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "GRACE_S", 0.1)
    data = bytes(1000)
    promise = provider.promise(data)
    assert isinstance(promise, Promise)

    async def trickling():
        for _ in range(1000):
            yield b"\0"
            await asyncio.sleep(0.01)

    assert provider.put(promise, trickling()).json()["name"] == "UploadInterrupted"


def test_a_body_without_end_is_read_no_further_than_was_announced(provider: Provider) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 1
            yield bytes(1 << 16)

    assert provider.put(promise, endless()).json()["name"] == "WrongLength"
    assert sent < 20


def test_a_large_upload_takes_little_memory_and_the_log_holds_no_secret(tmp_path: Path) -> None:
    """Through a process of its own, over a socket."""
    with running(tmp_path) as server:
        status = Path(f"/proc/{server.process.pid}/status")

        def resident_mib() -> int:
            line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
            return int(line.split()[1]) >> 10

        client = Client(server)
        before = resident_mib()
        data = bytes(64 << 20)
        asyncio.run(client.upload(data))
        assert resident_mib() - before < 48
        refused = httpx.get(f"{server.url}/blob/x", headers={"authorization": "Bearer usecret"})
        assert refused.status_code == 400
    log = (tmp_path / "log").read_text()
    key = (tmp_path / "key").read_text().strip()
    assert client.tickets
    for secret in (key, "secret", "Bearer", *client.tickets):
        assert secret not in log
    assert SERVICE.signer.format() not in log


def test_one_space_does_not_take_all_turns(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MAX_UPLOADS_OF_ONE", 1)
    monkeypatch.setattr(receiving, "TURN_TIMEOUT_S", 0.05)
    provider = Provider(provider.store, provider.blobs)
    provider.host(OTHER)
    slow, second, other = (
        provider.promise(DATA),
        provider.promise(b"second"),
        provider.promise(b"other", issuer=OTHER_KEY, resource=OTHER),
    )

    async def work() -> list[int]:
        go_on = asyncio.Event()

        async def stalled():
            yield DATA[:1]
            await go_on.wait()
            yield DATA[1:]

        first = asyncio.create_task(provider.ask("PUT", slow.url, content=stalled()))
        await asyncio.sleep(0.02)
        answers = [
            await provider.ask("PUT", second.url, content=b"second"),
            await provider.ask("PUT", other.url, content=b"other"),
        ]
        go_on.set()
        return [answer.status_code for answer in (*answers, await first)]

    assert isinstance(slow, Promise)
    assert isinstance(second, Promise)
    assert isinstance(other, Promise)
    assert asyncio.run(work()) == [503, 200, 200]


def test_a_large_blob_that_was_damaged_ends_in_a_broken_connection(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8192
    with running(tmp_path) as server:
        client = Client(server)
        asyncio.run(client.upload(data))
        (stored,) = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
        stored.write_bytes(b"\xff" + data[1:])
        with pytest.raises(httpx.RemoteProtocolError):
            asyncio.run(client.read_all([digest_of(data)]))
        assert httpx.get(f"{server.url}/health").status_code == 200
