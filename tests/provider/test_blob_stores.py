"""What every store of blobs promises: a folder, and a bucket on moto's server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from clock_service.errors import BadOption
from provider.blobs import Blobs, check_writing, new_key
from provider.bucket_blobs import PART_BYTES, BucketBlobs
from provider.errors import BlobsUnavailable, WrongHash
from provider.folder_blobs import FolderBlobs
from provider.open_blobs import open_blobs
from provider.serve import Options, serve
from space.errors import BadAddress
from space.files import LocalFiles
from tests.provider.made import digest_of
from tests.space.bucket_server import BucketServer, environ, store_at
from tests.space.conftest import bucket_server  # noqa: F401 - a fixture
from tests.space.faulty_proxy import Fault, FaultyProxy

SMALL = bytes(range(256)) * 40
KEY = "blobs/aa/name.1"


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return FolderBlobs(tmp_path / "store")
    server: BucketServer = request.getfixturevalue("bucket_server")
    return BucketBlobs(store_at(server.url, server.new_bucket()))


async def chunks(data: bytes, error: Exception | None = None) -> AsyncGenerator[bytes]:
    for at in range(0, len(data), 1 << 20):
        yield data[at : at + (1 << 20)]
    if error is not None:
        raise error


async def read(blobs: Blobs, key: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in blobs.read(key, start, end)])


async def keys(blobs: Blobs) -> list[str]:
    return [key async for page in blobs.keys_older_than(-60) for key in page]


def test_an_object_is_read_as_it_was_put(blobs: Blobs) -> None:
    async def work() -> None:
        await blobs.check()
        await blobs.put(KEY, len(SMALL), chunks(SMALL))
        assert await read(blobs, KEY, 0, len(SMALL)) == SMALL
        assert await read(blobs, KEY, 100, 200) == SMALL[100:200]
        assert await read(blobs, KEY, len(SMALL) - 5, len(SMALL) + 99) == SMALL[-5:]
        assert await read(blobs, KEY, 5, 5) == b""
        assert await keys(blobs) == [KEY]

    asyncio.run(work())


def test_a_large_object_goes_in_parts(blobs: Blobs) -> None:
    data = bytes(range(251)) * (2 * PART_BYTES // 251 + 1)

    async def work() -> None:
        await blobs.put(KEY, len(data), chunks(data))
        assert await read(blobs, KEY, 0, len(data)) == data
        assert await read(blobs, KEY, PART_BYTES - 3, PART_BYTES + 3) == data[PART_BYTES - 3 : PART_BYTES + 3]

    asyncio.run(work())


@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES])
def test_what_goes_wrong_half_way_leaves_nothing(blobs: Blobs, size: int, tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(WrongHash):
            await blobs.put(KEY, size, chunks(bytes(size), WrongHash()))
        assert await read(blobs, KEY, 0, size) == b""
        assert await keys(blobs) == []

    asyncio.run(work())
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_what_is_deleted_or_never_was_is_empty(blobs: Blobs) -> None:
    async def work() -> None:
        await blobs.put(KEY, 4, chunks(b"data"))
        await blobs.delete([KEY, "blobs/bb/never"])
        assert await read(blobs, KEY, 0, 4) == b""
        assert await keys(blobs) == []

    asyncio.run(work())


def test_keys_of_one_blob_differ() -> None:
    made = {new_key(digest_of(b"x")) for _ in range(100)}
    assert len(made) == 100


def no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("at", ["make_folder", "create", "write", "sync", "rename", "sync_folder"])
def test_a_disk_that_fails_is_named_and_nothing_is_left(at: str, tmp_path: Path) -> None:
    (tmp_path / "store" / "blobs" / "aa").mkdir(parents=True)
    files = LocalFiles()
    setattr(files, at, no_space)
    with pytest.raises(BlobsUnavailable, match="No space left"):
        asyncio.run(FolderBlobs(tmp_path / "store", files).put(KEY, 4, chunks(b"data")))
    left = [each.name for each in tmp_path.rglob("*") if each.is_file()]
    assert left == (["name.1"] if at == "sync_folder" else [])  # whole, but nobody says it is durable


@pytest.fixture
def proxy(bucket_server: BucketServer) -> Iterator[FaultyProxy]:  # noqa: F811
    proxy = FaultyProxy(bucket_server.url)
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.BROKEN, Fault.BUSY])
def test_a_bucket_that_does_not_answer_is_named(fault: Fault, proxy: FaultyProxy, bucket_server) -> None:  # noqa: F811
    blobs = BucketBlobs(store_at(proxy.url, bucket_server.new_bucket()))
    proxy.fail_at(lambda _: True, fault)

    async def work() -> None:
        with pytest.raises(BlobsUnavailable, match="object store"):
            await blobs.put(KEY, len(SMALL), chunks(SMALL))
        with pytest.raises(BlobsUnavailable):
            await read(blobs, KEY, 0, 10)
        with pytest.raises(BlobsUnavailable):
            await blobs.check()

    asyncio.run(work())


def test_a_part_that_does_not_arrive_is_no_object(proxy: FaultyProxy, bucket_server) -> None:  # noqa: F811
    bucket = bucket_server.new_bucket()
    proxy.die_at(2)
    blobs = BucketBlobs(store_at(proxy.url, bucket))

    async def work() -> None:
        with pytest.raises(BlobsUnavailable):
            await blobs.put(KEY, 3 * PART_BYTES, chunks(bytes(3 * PART_BYTES)))
        assert await keys(BucketBlobs(store_at(bucket_server.url, bucket))) == []

    asyncio.run(work())


def test_a_store_is_named_by_a_path_or_a_url(tmp_path: Path, bucket_server) -> None:  # noqa: F811
    variables = environ(bucket_server.url)
    assert isinstance(open_blobs(str(tmp_path / "x"), {}), FolderBlobs)
    assert isinstance(open_blobs(f"file://{tmp_path}/x%20y", {}), FolderBlobs)
    assert isinstance(open_blobs("s3://bucket/prefix", variables, allow_private=True), BucketBlobs)
    for wrong in ("", "/", "file:///"):
        with pytest.raises(BadOption):
            open_blobs(wrong, {})
    for wrong in ("memory:///", "s3://", "s3://bucket/../x", "http://host/x"):
        with pytest.raises(BadAddress):
            open_blobs(wrong, variables)


def started(tmp_path: Path, named: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a provider that is started with that store says instead."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"HOME": str(tmp_path), **environ}.items():
        monkeypatch.setenv(name, value)
    options = Options(tmp_path / "key", f"sqlite:///{tmp_path}/db", named, allow_private=True)
    with pytest.raises(BlobsUnavailable) as caught:
        serve(options, lambda _: None)
    return str(caught.value)


def test_a_provider_does_not_start_without_its_bucket(
    tmp_path: Path,
    bucket_server: BucketServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = started(tmp_path, "s3://not-there/x", environ(bucket_server.url), monkeypatch)
    assert said == "the object store: there is no such bucket; make it first"


def test_a_provider_does_not_start_without_credentials(
    tmp_path: Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cloud that a machine stands in is asked for some, here in vain."""
    asked = {"AWS_ENDPOINT_URL": proxy.url, "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1"}
    said = started(tmp_path, "s3://bucket/x", asked, monkeypatch)
    assert "no credentials are set; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say them" in said


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_a_provider_does_not_start_with_wrong_credentials(
    tmp_path: Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    proxy.refusal = 403, f"<Error><Code>{code}</Code></Error>".encode()
    said = started(tmp_path, "s3://bucket/x", environ(proxy.url), monkeypatch)
    assert said.startswith("the object store: it ")
    assert "credentials" in said
    assert "\n" not in said


def test_a_provider_does_not_start_where_it_may_only_read(
    tmp_path: Path,
    bucket_server: BucketServer,  # noqa: F811
    proxy: FaultyProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy.fault_at = lambda _number, asked: Fault.BUSY if asked.method == "PUT" else None
    bucket = bucket_server.new_bucket()
    assert "the object store" in started(tmp_path, f"s3://{bucket}/x", environ(proxy.url), monkeypatch)


def test_a_bucket_that_is_gone_is_not_taken_for_damage(bucket_server: BucketServer) -> None:  # noqa: F811
    async def work() -> None:
        blobs = BucketBlobs(store_at(bucket_server.url, "never-made"))
        with pytest.raises(BlobsUnavailable, match="no such bucket"):
            await read(blobs, KEY, 0, 10)
        with pytest.raises(BlobsUnavailable, match="no such bucket"):
            await blobs.put(KEY, len(SMALL), chunks(SMALL))

    asyncio.run(work())


def test_a_check_leaves_nothing(blobs: Blobs) -> None:
    asyncio.run(check_writing(blobs))
    assert asyncio.run(keys(blobs)) == []


def test_a_command_that_cannot_use_its_bucket_ends_with_one_sentence(tmp_path: Path) -> None:
    """And not by the client library's abort, where a process ends too soon after it was asked."""
    variables = {"SKYPAIL_HOME": str(tmp_path), "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1", "HOME": str(tmp_path)}
    told = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1"}
    command = Path(sys.executable).with_name("skypail")
    ended = subprocess.run(
        [command, "provider", "serve", "--store", "s3://bucket/x", "--port", "0"],
        env={**variables, **told, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert "no credentials are set" in ended.stderr
