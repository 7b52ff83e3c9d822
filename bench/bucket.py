"""What a space in a bucket costs beside the store's own client: `python -m bench.bucket`.

The same bytes are uploaded by the client alone (obstore's put, from memory) and by a space, in turns,
to moto's server on loopback; then read back. The client is measured as it is by default and with other
parts, and what counts is the fastest of all. Media does not compress, so that both send as much.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import httpx
import obstore
from moto.server import ThreadedMotoServer

from pail import RAW, Block, cid_of
from space import Space
from space.bucket.address import parse_address
from space.bucket.opening import open_bucket
from space.bucket.store import open_store
from space.bucket.upload import PART_BYTES, PARTS_AT_ONCE

WANTED = 1.5
BLOCK_BYTES = 1 << 20
BLOCKS = 120
"""Almost one shard."""

REPEATS = 7
CLIENT_PARTS = ((5 << 20, 12), (5 << 20, 3), (PART_BYTES, PARTS_AT_ONCE), (16 << 20, 3))
"""The first is the client's default, the others are often faster."""

OURS = "a space: staged, hashed, packed, proved"
DID = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}


def typical(tasks: Mapping[str, Callable[[int], object]]) -> dict[str, float]:
    """Seconds of the median of a few runs of each, in turns; a run is given its number."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(REPEATS):
        for name, task in tasks.items():
            start = time.perf_counter()
            task(number)
            times[name].append(time.perf_counter() - start)
    return {name: median(each) for name, each in times.items()}


def measure(url: str, path: Path) -> None:
    media = random.Random(1)
    contents = [media.randbytes(BLOCK_BYTES) for _ in range(BLOCKS)]
    blocks = [Block(cid_of(RAW, data), data) for data in contents]
    environ = {**KEYS, "AWS_ENDPOINT_URL": url}
    store = open_store(parse_address("s3://bench/client"), environ, allow_private=True)
    content = b"".join(contents)

    def open_space(number: int) -> Space:
        where = f"s3://bench/space{number}"
        return open_bucket(where, cache=path / str(number), environ=environ, did=DID, allow_private=True)

    def upload(number: int) -> None:
        with open_space(number) as space, space.stage() as stage:
            for at in range(0, BLOCKS, 8):
                stage.put_many(blocks[at : at + 8])
            stage.publish()

    def download(number: int) -> None:
        with open_space(number) as space:
            for at in range(0, BLOCKS, 8):
                space.get([block.cid for block in blocks[at : at + 8]])

    def client_upload(number: int, size: int, at_once: int) -> None:
        obstore.put(store, f"object{number}", content, chunk_size=size, max_concurrency=at_once)

    rate = len(content) / 1e6

    clients = {
        f"the client alone, parts of {size >> 20} MiB, {at_once} at once": partial(
            client_upload, size=size, at_once=at_once
        )
        for size, at_once in CLIENT_PARTS
    }
    uploads = typical({**clients, OURS: upload})
    for name, seconds in uploads.items():
        print(f"{name:48} {seconds:6.2f} s {rate / seconds:8.0f} MB/s")
    ours = uploads.pop(OURS)
    print(f"upload: {ours / min(uploads.values()):.2f} x the fastest client (wanted: at most {WANTED})")
    reads = typical({"client": lambda number: obstore.get(store, f"object{number}").bytes(), OURS: download})
    print(f"read and check all: {reads[OURS] / reads['client']:.2f} x the client's reading")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak_mib:.0f} MiB, of which all blocks, twice: {2 * len(content) >> 20} MiB")


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
    command = [sys.executable, "-m", "bench.bucket", "--serve"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert server.stdout
        url = server.stdout.readline().strip()
        httpx.put(f"{url}/bench").raise_for_status()
        measure(url, Path(folder))


if __name__ == "__main__":
    main()
