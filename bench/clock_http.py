"""The clock service over HTTP beside the original's: `python -m bench.clock_http`. Wants npm.

One load generator asks both: requests signed beforehand, 16 in flight over 16 spaces, first
advances, then heads. Ours keeps every event durably in SQLite before it answers; the original's
keeps heads in memory and nothing else. Beside the rates: processor time for each request, which
says more on a machine that others use too, and memory at rest and after each part of the load.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.clock import make_chain
from tests.clock_service.calls import FAR, signer
from tests.clock_service.calls import advance as invoke_advance
from tests.clock_service.wire import Wire
from tests.peers.npm import NOT_TESTED, NpmMissing, install, node_of
from ucan import Capability, delegate

ROOT = Path(__file__).parent.parent
SPACES = 16
EACH = 150
ROUNDS = 3
KINDS = ("advances", "heads")
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
    wire = Wire(url)
    advances: list[list[bytes]] = []
    heads: list[list[bytes]] = []
    for number in range(SPACES):
        key = signer(100 + number)
        chain = make_chain(EACH * ROUNDS, str(number))
        asked = [invoke_advance(e.cid, [e], issuer=key, resource=key.did, to=did) for e in chain]
        advances.append([wire.encode(each) for each in asked])
        capability = Capability("clock/head", key.did)
        read = [
            delegate(key, did, [capability], expires_at_unix=FAR, nonce=str(each))
            for each in range(EACH * ROUNDS)
        ]
        heads.append([wire.encode(each) for each in read])
    return advances, heads


async def ask_all(url: str, requests: list[list[bytes]]) -> float:
    """Responses a second; each space has a connection, and one request at a time in flight."""

    async def work(queue: list[bytes]) -> None:
        wire = Wire(url)
        for request in queue:
            answer = await wire.send(request)
            assert b"eerror" not in answer, answer
        wire.close()

    start = time.perf_counter()
    await asyncio.gather(*(work(queue) for queue in requests))
    return sum(map(len, requests)) / (time.perf_counter() - start)


class Service:
    """One that runs, and what was seen of it. rates: a second, by kind of request."""

    def __init__(self, name: str, started: dict[str, Any]) -> None:
        self.name, self.url, self.pid = name, started["url"], started["pid"]
        self.memory_mib = [memory_mib(self.pid)]
        self.rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.costs_us: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self._requests = dict(zip(KINDS, prepare(started["did"], self.url), strict=True))

    def ask(self, kind: str, part: int) -> None:
        requests = [queue[part * EACH : (part + 1) * EACH] for queue in self._requests[kind]]
        before = processor_s(self.pid)
        self.rates[kind].append(asyncio.run(ask_all(self.url, requests)))
        self.costs_us[kind].append((processor_s(self.pid) - before) / (SPACES * EACH) * 1e6)
        self.memory_mib.append(memory_mib(self.pid))

    def report(self) -> None:
        for kind in KINDS:
            rate, cost_us = median(self.rates[kind]), median(self.costs_us[kind])
            print(f"{self.name:10} {rate:6.0f} {kind:8} a second, {cost_us:5.0f} µs of CPU each")
        idle, *loaded = self.memory_mib
        print(f"{self.name:10} {idle:6.0f} MiB idle, {' '.join(f'{each:.0f}' for each in loaded)} under load")


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor_s(pid: int) -> float:
    """Of all its threads, since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    try:
        project = install(ROOT / "tests" / "peers" / "ucan")
    except NpmMissing:
        print(f"!!! {NOT_TESTED}, so nothing to measure against !!!")
        return
    print(f"the machine's load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        key, database = Path(folder) / "key", f"sqlite:///{folder}/clock.db"
        own: list[object] = [sys.executable, "-m", "tests.clock_service.child", key, database]
        with running(own) as ours, running([node_of(project), project / "clock-server.mjs"]) as theirs:
            measure(Service("ours", ours), Service("original's", theirs))


def measure(ours: Service, theirs: Service) -> None:
    """Both in turn, so that what else the machine does falls on both alike."""
    for part in range(ROUNDS):
        for kind in KINDS:
            ours.ask(kind, part)
            theirs.ask(kind, part)
    ours.report()
    theirs.report()
    for kind in KINDS:
        ratios = [mine / other for mine, other in zip(ours.rates[kind], theirs.rates[kind], strict=True)]
        each = " ".join(f"{ratio:.1f}" for ratio in ratios)
        print(f"{kind:8} x {median(ratios):.1f}, of {each} (wanted: at least {WANTED})")


if __name__ == "__main__":
    main()
