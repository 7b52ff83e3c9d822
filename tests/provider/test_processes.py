"""Providers as processes: killed under load, and several over one database and one bucket."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.clock_service.conftest import ON_POSTGRES
from tests.provider.child import Running, running
from tests.provider.made import Promise, digest_of
from tests.provider.remote import Client
from tests.space.bucket_server import BucketServer, environ
from tests.space.conftest import bucket_server  # noqa: F401 - a fixture

WORKERS = 6
ENOUGH = 30


async def load(server: Running, name: str) -> tuple[list[bytes], list[tuple[Promise, bytes]]]:
    """What was acknowledged, and what was put and not yet concluded, when the provider was killed."""
    client = Client(server)
    accepted: list[bytes] = []
    put: list[tuple[Promise, bytes]] = []
    enough = asyncio.Event()

    async def work(worker: int) -> None:
        async with httpx.AsyncClient(timeout=10) as http:
            for number in range(10_000):
                data = f"{name}/{worker}/{number}/".encode() * 300
                promise = await client.promise(http, data)
                await client.put(http, promise, data)
                put.append((promise, data))
                await client.conclude(http, promise)
                accepted.append(data)
                put.remove((promise, data))
                if len(accepted) >= ENOUGH:
                    enough.set()

    async with httpx.AsyncClient(timeout=10) as http:
        await client.host(http)
    tasks = [asyncio.create_task(work(worker)) for worker in range(WORKERS)]
    await enough.wait()
    os.kill(server.process.pid, signal.SIGKILL)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, httpx.HTTPError) for each in results), results
    return accepted, put


async def finish(client: Client, put: list[tuple[Promise, bytes]]) -> None:
    """Conclude what was put before the kill: its bytes must be there."""
    async with httpx.AsyncClient(timeout=10) as http:
        for promise, _ in put:
            await client.conclude(http, promise)


@pytest.mark.parametrize("kind", ["sqlite", ON_POSTGRES])
def test_a_provider_killed_under_load_has_every_blob_that_it_acknowledged(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    with running(tmp_path, database=database) as server:
        accepted, put = asyncio.run(load(server, kind))
    with running(tmp_path, database=database) as server:
        client = Client(server)
        asyncio.run(finish(client, put))
        acknowledged = [*accepted, *(data for _, data in put)]
        assert asyncio.run(client.read_all([digest_of(data) for data in acknowledged])) == acknowledged


@pytest.mark.parametrize("kind", [ON_POSTGRES])
def test_two_processes_share_a_database_and_a_bucket(
    kind: str,
    tmp_path: Path,
    postgres_url: str,
    bucket_server: BucketServer,  # noqa: F811
) -> None:
    store = f"s3://{bucket_server.new_bucket()}/blobs"
    shared = {"database": postgres_url, "store": store, "environ": environ(bucket_server.url)}
    with running(tmp_path, **shared) as one, running(tmp_path, **shared) as other:
        assert one.did == other.did
        small, large = b"small" * 1000, bytes(range(256)) * (70 << 10)
        first, second = Client(one), Client(other)

        async def work() -> None:
            await first.upload(small)
            async with httpx.AsyncClient(timeout=60) as http:
                promise = await first.promise(http, large)
                await second.put(http, promise, large)
                await first.conclude(http, promise)
            both = [digest_of(small), digest_of(large)]
            assert await second.read_all(both) == await first.read_all(both) == [small, large]
            async with httpx.AsyncClient(timeout=60) as http:
                wrong = await first.promise(http, bytes(len(large)))
                with pytest.raises(httpx.HTTPStatusError):
                    await second.put(http, wrong, large)

        asyncio.run(work())
        for each in (one, other):
            each.process.terminate()
            assert each.process.wait(20) == 0
