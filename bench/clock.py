"""What advancing clocks costs: `python -m bench.clock`.

The core of the clock service over a SQLite file, every advance durable before it is
acknowledged, 16 in flight over 16 clocks; beside it one fsync after another, which is what a
service without group commits could do at most. Then one clock that grows from 100 to 100,000
events: what the next, a concurrent and a redundant event cost at either end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from clock_service import ClockService, Guard, Limits, Policy, Provision, open_store
from pail import CID, RAW, Block, cid_of
from pail.event import encode_event
from pail.operation import Put, encode_operation

CLOCKS = 16
SPACE = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
POLICY = Policy(Provision.OPEN, Limits(1 << 30, 1 << 40), Guard.WHEN_POSSIBLE)
PART = 10_000
PROBES = 200


def make(parents: list[CID], key: str) -> Block:
    value = cid_of(RAW, key.encode())
    return encode_event(parents, encode_operation(Put(key, value), value))


def make_chain(length: int, name: str) -> list[Block]:
    events: list[Block] = []
    for number in range(length):
        events.append(make([each.cid for each in events[-1:]], f"{name}/{number}"))
    return events


def fsyncs_a_second(folder: Path) -> float:
    with (folder / "fsync").open("wb") as file:
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + 1:
            file.write(b"x" * 300)
            file.flush()
            os.fsync(file.fileno())
            count += 1
    return count


async def measure_rate(service: ClockService, advances: int) -> None:
    chains = [make_chain(advances // CLOCKS, str(number)) for number in range(CLOCKS)]

    async def work(space: str, chain: list[Block]) -> None:
        for event in chain:
            await service.advance(space, event.cid, [event])

    start = time.perf_counter()
    await asyncio.gather(*(work(f"{SPACE}{number}", chain) for number, chain in enumerate(chains)))
    print(f"advances, durable, 16 in flight   {advances / (time.perf_counter() - start):8.0f} a second")
    start = time.perf_counter()
    for _ in range(advances // CLOCKS):
        await asyncio.gather(*(service.head(f"{SPACE}{number}") for number in range(CLOCKS)))
    print(f"heads, 16 in flight               {advances / (time.perf_counter() - start):8.0f} a second")


async def measure_growth(service: ClockService, length: int) -> None:
    chain = make_chain(length, "grown")
    early: dict[str, float] = {}
    for size, known in ((100, 0), (length, 100)):
        for at in range(known, size, PART):
            part = chain[at : min(at + PART, size)]
            await service.advance(SPACE, part[-1].cid, part)
        for name, seconds in (await probe(service, chain, size)).items():
            before = early.setdefault(name, seconds)
            print(f"{name:10} after {size:7} events {seconds * 1e6:8.0f} µs of CPU  x {seconds / before:.2f}")


async def probe(service: ClockService, chain: list[Block], size: int) -> dict[str, float]:
    """Seconds of processor time of the median of each kind: waiting for the disk varies too much."""
    beside = [make([chain[50].cid], f"beside/{size}/{number}") for number in range(PROBES)]
    following = [make([event.cid], f"next/{size}") for event in beside]
    found = {
        "concurrent": await median(service, beside),
        "next": await median(service, following),
        "redundant": await median(service, chain[:100]),
    }
    merged = make(list(await service.head(SPACE)), f"merged/{size}")
    await service.advance(SPACE, merged.cid, [merged])
    return found


async def median(service: ClockService, events: list[Block]) -> float:
    times: list[float] = []
    for event in events:
        start = time.process_time()
        await service.advance(SPACE, event.cid, [event])
        times.append(time.process_time() - start)
    return statistics.median(times)


async def measure(folder: Path, advances: int, length: int) -> None:
    print(f"fsync, one after another          {fsyncs_a_second(folder):8.0f} a second")
    store = open_store(f"sqlite:///{folder}/clock.db")
    service = ClockService(store, POLICY)
    await measure_rate(service, advances)
    await measure_growth(service, length)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--advances", type=int, default=16_000)
    parser.add_argument("--length", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.advances, options.length))


if __name__ == "__main__":
    main()
