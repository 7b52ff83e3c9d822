"""What a space in a bucket costs beside the store's own client: `python -m bench.bucket`.

The bytes are those of an account as `bench.simulation` makes it: the whole repository, and its media,
which does not compress. The client alone (obstore's put) uploads them from memory as one object, a
space as a first backup does: staged on the disk, hashed, the repository compressed, the bucket's ETags
held against what was sent. They take turns at moto's server on loopback; then both read all back.
Each turn gives a ratio and the median counts, since whatever else the machine does changes with time.
The client is measured as it is by default and with other parts, and what counts is the fastest.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median

import httpx
import obstore
from moto.server import ThreadedMotoServer

from bench.simulation import Account
from pail import CID
from space import Space
from space.bucket.address import parse_address
from space.bucket.opening import open_bucket
from space.bucket.store import open_store
from space.bucket.upload import PART_BYTES, PARTS_AT_ONCE

WANTED = 1.5
RECORDS = 50_000
BATCH_BYTES = 4 << 20
"""Given to the stage at once."""

REPEATS = 7
CLIENT_PARTS = ((5 << 20, 12), (5 << 20, 3), (PART_BYTES, PARTS_AT_ONCE), (16 << 20, 3))
"""The first is the client's default, the others are often faster."""

OURS = "a space: staged, hashed, packed, proved"
DID = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}


def in_turns(
    tasks: Mapping[str, Callable[[int], object]], before: Callable[[], object]
) -> dict[str, list[float]]:
    """Seconds of a few runs of each; a run is given its number. before: of each turn of all.

    Another is first each time: a server that was just emptied is not as it is later.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(REPEATS):
        before()
        first = number % len(tasks)
        for name in [*tasks][first:] + [*tasks][:first]:
            start = time.perf_counter()
            tasks[name](number)
            times[name].append(time.perf_counter() - start)
    return times


def ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median of those of each turn."""
    return median(our / other for our, other in zip(ours, others, strict=True))


def measure(url: str, path: Path) -> None:
    account = Account(RECORDS)
    day = next(account.days(1))
    batches = list(_batches(day.blocks)) + list(_batches(day.blobs))
    content = b"".join(chain(day.blocks.values(), day.blobs.values()))
    environ = {**KEYS, "AWS_ENDPOINT_URL": url}
    store = open_store(parse_address("s3://bench/client"), environ, allow_private=True)

    def open_space(number: int) -> Space:
        where, home = f"s3://bench/space{number}", path / str(number)
        return open_bucket(where, cache=home, environ=environ, did=DID, allow_private=True)

    def upload(number: int) -> None:
        with open_space(number) as space, space.stage() as stage:
            for batch in batches:
                stage.put_many(batch.items())
            stage.publish()

    def download(number: int) -> None:
        with open_space(number) as space:
            for batch in batches:
                space.get(list(batch))

    def client_upload(number: int, size: int, at_once: int) -> None:
        obstore.put(store, f"object{number}", content, chunk_size=size, max_concurrency=at_once)

    clients = {
        f"the client alone, parts of {size >> 20} MiB, {at_once} at once": partial(
            client_upload, size=size, at_once=at_once
        )
        for size, at_once in CLIENT_PARTS
    }
    print(f"{len(day.blocks):,} blocks of a repository, {len(day.blobs):,} of media; {len(content):,} bytes")
    uploads = in_turns({**clients, OURS: upload}, lambda: make_empty(url))
    for name, seconds in uploads.items():
        print(f"{name:48} {median(seconds):6.2f} s {len(content) / 1e6 / median(seconds):8.0f} MB/s")
    ratios = [ratio(uploads[OURS], uploads[name]) for name in clients]
    print(f"upload: {', '.join(f'{each:.2f}' for each in ratios)} x the client with these parts")
    print(f"upload: {max(ratios):.2f} x the fastest (wanted: at most {WANTED})")
    last = REPEATS - 1

    def client_download(_: int) -> None:
        obstore.get(store, f"object{last}").bytes()

    def client_ranges(_: int) -> None:
        for at in range(0, len(content), BATCH_BYTES):
            obstore.get_range(store, f"object{last}", start=at, end=min(at + BATCH_BYTES, len(content)))

    others = {"the client, at once": client_download, "the client, by 4 MiB": client_ranges}
    reads = in_turns({**others, OURS: lambda _: download(last)}, lambda: None)
    for name in others:
        print(f"read and check all, by 4 MiB: {ratio(reads[OURS], reads[name]):.2f} x {name}")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak_mib:.0f} MiB, of which all bytes, twice: {2 * len(content) >> 20} MiB")


def _batches(blocks: Mapping[CID, bytes]) -> Iterator[dict[CID, bytes]]:
    batch, size = dict[CID, bytes](), 0
    for cid, content in blocks.items():
        batch[cid] = content
        size += len(content)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def make_empty(url: str) -> None:
    """A bucket with nothing in it, and a server whose memory has nothing else."""
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    httpx.put(f"{url}/bench").raise_for_status()


def serve() -> None:
    """The bucket, in a process of its own, as a store would be."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()  # until the other process ends
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().serve:
        return serve()
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(1 << 30)  # in memory, so that no disk is measured
    command = [sys.executable, "-m", "bench.bucket", "--serve"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert server.stdout
        url = server.stdout.readline().strip()
        measure(url, Path(folder))


if __name__ == "__main__":
    main()
