"""The clock service over HTTP beside the original's: `python -m bench.clock_http`. Wants npm.

One load generator asks both: requests signed beforehand, 16 in flight over 16 spaces, first
advances, then heads. Ours keeps every event durably in SQLite before it answers; the original's
keeps heads in memory and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.clock import make_chain
from tests.clock_service.calls import FAR, HEADERS, signer
from tests.clock_service.calls import advance as invoke_advance
from tests.peers.npm import node_of, npm_project
from ucan import Capability, delegate, encode_request

ROOT = Path(__file__).parent.parent
SPACES = 16
EACH = 250
WANTED = 3.0


@contextmanager
def running(command: list[object]) -> Generator[dict[str, Any]]:
    with subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def prepare(did: str, url: str) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """HTTP requests for each space: advances in order, and heads."""
    advances: list[list[bytes]] = []
    heads: list[list[bytes]] = []
    for number in range(SPACES):
        key = signer(100 + number)
        chain = make_chain(EACH, str(number))
        asked = [invoke_advance(e.cid, [e], issuer=key, resource=key.did, to=did) for e in chain]
        advances.append([http(url, encode_request([each])) for each in asked])
        capability = Capability("clock/head", key.did)
        read = [
            delegate(key, did, [capability], expires_at_unix=FAR, nonce=str(each)) for each in range(EACH)
        ]
        heads.append([http(url, encode_request([each])) for each in read])
    return advances, heads


def http(url: str, body: bytes) -> bytes:
    fields = {"host": urlsplit(url).netloc, **HEADERS, "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST / HTTP/1.1\r\n{lines}\r\n".encode() + body


async def ask_all(url: str, requests: list[list[bytes]]) -> float:
    """Responses a second; each space has a connection, and one request at a time in flight."""
    place = urlsplit(url)

    async def work(queue: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for request in queue:
            writer.write(request)
            headers = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in headers[:20], headers
            answer = await read_body(reader, headers)
            assert b"eerror" not in answer, answer
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(work(queue) for queue in requests))
    return sum(map(len, requests)) / (time.perf_counter() - start)


async def read_body(reader: asyncio.StreamReader, headers: bytes) -> bytes:
    if b"content-length: " in headers:
        return await reader.readexactly(int(headers.split(b"content-length: ")[1].split(b"\r")[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def measure(name: str, command: list[object]) -> tuple[float, float]:
    with running(command) as started:
        advances, heads = prepare(started["did"], started["url"])
        idle = memory_mib(started["pid"])
        rates = asyncio.run(ask_all(started["url"], advances)), asyncio.run(ask_all(started["url"], heads))
        loaded = memory_mib(started["pid"])
    print(f"{name:10} {rates[0]:8.0f} advances {rates[1]:8.0f} heads a second", end="; ")
    print(f"{idle:.0f} MiB idle, {loaded:.0f} after")
    return rates


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    project = npm_project(ROOT / "tests" / "peers" / "ucan")
    with tempfile.TemporaryDirectory() as folder:
        key, database = Path(folder) / "key", f"sqlite:///{folder}/clock.db"
        ours = measure("ours", [sys.executable, "-m", "tests.clock_service.child", key, database])
        theirs = measure("original's", [node_of(project), project / "clock-server.mjs"])
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    print(f"ratios {ratios[0]:.1f} and {ratios[1]:.1f} (wanted: at least {WANTED})")


if __name__ == "__main__":
    main()
