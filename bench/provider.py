"""What a space at a provider costs beside bare uploads of the same bytes: `python -m bench.provider`.

The provider is a process of its own, on SQLite and a folder. In turns: a space is staged, proved, sent and
accepted there; `httpx` PUTs as many bytes, in as many blobs, to URLs that the same provider gave, and nothing
else; and to a bare server that writes and syncs them and looks at nothing, which is as fast as it can be.
Then requests are counted: of a few snapshots, and of a run that has nothing new.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from backup_agent.net import Http
from pail import DAG_CBOR, RAW, Block, cid_of
from tests.backup_agent.hosted.ground import HostedGround
from tests.provider.child import Running, running
from tests.provider.made import Promise
from tests.provider.remote import Client

BLOCK_BYTES = 1 << 20
BLOCKS = 250
"""Of media, in two shards that are almost full."""

SNAPSHOTS, SNAPSHOT_BLOCKS = 20, 40
"""A day's posts, and the nodes above them: about 20 KB."""

REPEATS = 3
SENT_BYTES, RECEIVED_BYTES = 1 << 18, 1 << 20

OURS = "a space: staged, hashed, sent, proved, accepted"
PUTS = "httpx alone, to the provider's upload URLs"
BARE = "httpx alone, to a server that writes and syncs"

Counts = Counter[str]


def typical(tasks: Mapping[str, Callable[[int], float]]) -> dict[str, float]:
    """Seconds of the median of a few runs of each, in turns; each is given its number and measures itself."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(REPEATS):
        for name, task in tasks.items():
            times[name].append(task(number))
    return {name: median(each) for name, each in times.items()}


class Measurement:
    """Of one provider."""

    def __init__(self, provider: Running, bare_url: str, folder: Path) -> None:
        self._provider = provider
        self._bare_url = bare_url
        self._folder = folder

    def ground(self, name: str) -> HostedGround:
        (self._folder / name).mkdir()
        return HostedGround(self._folder / name, self._provider, self._folder / "provider/store")

    def upload(self, number: int) -> float:
        ground, blocks = self.ground(f"large{number}"), media(number)
        with ground.space("a") as space:
            start = time.perf_counter()
            with space.stage() as stage:
                for at in range(0, BLOCKS, 8):
                    stage.put_many(blocks[at : at + 8])
                stage.publish()
            return time.perf_counter() - start

    def put(self, number: int) -> float:
        """The promises are made before: only bytes are sent while the time is taken."""
        blobs = halves(1000 + number)
        promises = asyncio.run(self._promises(blobs))
        urls = [promise.address["url"] for promise in promises if promise.address]
        return _put_all(urls, blobs)

    async def _promises(self, blobs: Sequence[bytes]) -> list[Promise]:
        client = Client(self._provider)
        async with httpx.AsyncClient(timeout=60) as http:
            await client.host(http)
            return [await client.promise(http, blob) for blob in blobs]

    def put_bare(self, number: int) -> float:
        blobs = halves(2000 + number)
        return _put_all([f"{self._bare_url}/{number}.{half}" for half in range(len(blobs))], blobs)

    def snapshots(self) -> tuple[Counts, Counts, float]:
        """Requests of all of them, those of a run with nothing new, and seconds for each snapshot."""
        ground = self.ground("daily")
        ground.space("a").close()
        start = time.perf_counter()
        with counted() as daily:
            for number in range(SNAPSHOTS):
                publish(ground, posts(number))
        seconds = (time.perf_counter() - start) / SNAPSHOTS
        with counted() as unchanged:
            publish(ground, posts(0))
        return daily, unchanged, seconds


def publish(ground: HostedGround, blocks: Sequence[Block]) -> None:
    """As a process of its own does that runs each day."""
    with ground.space("a", resume=True) as space, space.stage() as stage:
        stage.put_many(blocks)
        stage.publish()


def media(seed: int) -> list[Block]:
    made = random.Random(seed)
    contents = [made.randbytes(BLOCK_BYTES) for _ in range(BLOCKS)]
    return [Block(cid_of(RAW, content), content) for content in contents]


def posts(seed: int) -> list[Block]:
    made = random.Random(-1 - seed)
    contents = [b"\x59\x01\xf4" + made.randbytes(500) for _ in range(SNAPSHOT_BLOCKS)]  # a text of bytes
    return [Block(cid_of(DAG_CBOR, content), content) for content in contents]


def halves(seed: int) -> list[bytes]:
    """As many bytes as a space's, in as many large blobs."""
    made = random.Random(seed)
    return [made.randbytes(BLOCK_BYTES * BLOCKS // 2) for _ in range(2)]


def _put_all(urls: Sequence[str], blobs: Sequence[bytes]) -> float:
    with httpx.Client(timeout=120) as http:
        start = time.perf_counter()
        for url, blob in zip(urls, blobs, strict=True):
            length = {"content-length": str(len(blob))}
            http.put(url, content=_pieces(blob), headers=length).raise_for_status()
        return time.perf_counter() - start


def _pieces(blob: bytes) -> Iterator[bytes]:
    """In pieces httpx is several times as fast as with all at once."""
    for at in range(0, len(blob), SENT_BYTES):
        yield blob[at : at + SENT_BYTES]


@contextmanager
def counted() -> Generator[Counts]:
    """Every request of this process's agent, by its kind."""
    found: Counts = Counter()
    exchange = Http._exchange  # pyright: ignore[reportPrivateUsage]

    async def counting(
        self: Http, url: httpx.URL, outgoing: httpx.Request, answers: frozenset[int] = frozenset()
    ) -> httpx.Response:
        found[f"{outgoing.method} /{url.path.split('/')[1]}"] += 1
        return await exchange(self, url, outgoing, answers)

    Http._exchange = counting  # pyright: ignore[reportPrivateUsage]
    try:
        yield found
    finally:
        Http._exchange = exchange  # pyright: ignore[reportPrivateUsage]


class Bare(BaseHTTPRequestHandler):
    """Writes what is put, in the working folder."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        left = int(self.headers["content-length"])
        with Path(self.path.rpartition("/")[2]).open("wb") as file:
            while left:
                part = self.rfile.read(min(left, RECEIVED_BYTES))
                file.write(part)
                left -= len(part)
            file.flush()
            os.fsync(file.fileno())
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


def serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bare)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def measure(of: Measurement) -> None:
    megabytes = BLOCKS * BLOCK_BYTES / 1e6
    times = typical({OURS: of.upload, PUTS: of.put, BARE: of.put_bare})
    for name, seconds in times.items():
        print(f"{name:48} {seconds:6.2f} s {megabytes / seconds:8.0f} MB/s")
    print(f"upload: {times[OURS] / times[PUTS]:.2f} x the PUTs alone, to the same provider")
    print(f"upload: {times[OURS] / times[BARE]:.2f} x the PUTs to a bare server; PUTs to ours: ", end="")
    print(f"{times[PUTS] / times[BARE]:.2f} x")
    daily, unchanged, seconds = of.snapshots()
    kinds = ", ".join(f"{count / SNAPSHOTS:.1f} {kind}" for kind, count in sorted(daily.items()))
    print(f"a snapshot of one small shard: {daily.total() / SNAPSHOTS:.1f} requests ({kinds}), ", end="")
    print(f"{seconds * 1000:.0f} ms")
    print(f"a run with nothing new: {unchanged.total()} requests ({dict(unchanged)})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().serve:
        return serve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("provider", "bare"):
            (folder / each).mkdir()
        command = [sys.executable, "-m", "bench.provider", "--serve"]
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        with (
            running(folder / "provider") as provider,
            subprocess.Popen(
                command, cwd=folder / "bare", env=environ, stdout=subprocess.PIPE, text=True
            ) as bare,
        ):
            assert bare.stdout
            try:
                measure(Measurement(provider, bare.stdout.readline().strip(), folder))
            finally:
                bare.kill()


if __name__ == "__main__":
    main()
