"""What backing up a large repository costs: `python -m bench.repository [--records N]`.

The repository is synthetic (`bench.make_repo`) and comes from a file, in chunks as from a socket;
everything behind that is the ordinary code path. Each measurement runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

from backup_agent.cli import GC_THRESHOLD
from backup_agent.identity import Identity
from backup_agent.net import Retry
from backup_agent.run import Run, back_up
from backup_agent.run.base import find_base
from backup_agent.run.repository import get_repository
from backup_agent.run.staging import Staging
from backup_agent.source import LatestCommit, Source
from bench.make_repo import Repo, make_repo, write_car
from pail import CID, parse_cid
from pail.car import CarReader
from space import FolderClock, open_folder
from ucan import Signer

REPEATS = 5
TURNS = 8
CHUNK_BYTES = 64 << 10
SIGNER = Signer.from_seed(b"bench".ljust(32, b"."))

WANTED_RATIO = 12.0
WANTED_PEAK_MIB = 200
WANTED_FASTER = 8.0
WANTED_POST_BYTES = 32_000


class FileSource:
    """Serves a CAR from a file as a host would."""

    retry = Retry()

    def __init__(self, car: Path, commit: CID, rev: str, blobs: dict[CID, bytes]) -> None:
        self._car, self._latest, self._blobs = car, LatestCommit(commit, rev), blobs

    async def latest_commit(self, did: str) -> LatestCommit:
        return self._latest

    async def repo(self, did: str, *, since: str | None = None) -> AsyncGenerator[bytes]:
        with self._car.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    async def blobs(self, did: str, *, since: str | None = None) -> AsyncGenerator[CID]:
        for cid in self._blobs:
            yield cid

    async def blob(self, did: str, cid: CID) -> AsyncGenerator[bytes]:
        yield self._blobs[cid]


def open_run(folder: Path, about: dict[str, Any], source: FileSource) -> Run:
    space = open_folder(folder / "space", cache=folder / "cache", did=SIGNER.did)
    key = about["signingKey"]
    identity = Identity(about["did"], None, None, "https://host.example", key, b"{}", None)
    return Run(
        identity=identity,
        source=cast(Source, source),
        space=space,
        clock=FolderClock(space, SIGNER),
        signer=SIGNER,
        now_ms=lambda: time.time_ns() // 1_000_000,
        journal=folder / "journal",
        sealed_note=folder / "note",
    )


async def store(run_: Run, latest: LatestCommit) -> None:
    """Verify and store, durably."""
    base = find_base(run_, run_.clock.head())
    with Staging(run_.space) as staging:
        await get_repository(run_, staging, latest, base)
        staging.flush()


def measure_store(car: Path, about: dict[str, Any]) -> dict[str, float]:
    """Seconds, those of the processor alone, and peak MiB of verifying and storing `car`."""
    source = FileSource(car, parse_cid(about["commit"]), "", {})
    with tempfile.TemporaryDirectory(dir=car.parent) as folder:
        run_ = open_run(Path(folder), about, source)
        start, processor_start = time.perf_counter(), time.process_time()
        asyncio.run(store(run_, LatestCommit(parse_cid(about["commit"]), "")))
        seconds, processor = time.perf_counter() - start, time.process_time() - processor_start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "processor": processor, "peakMib": peak_mib}


def measure_sha256(car: Path) -> dict[str, float]:
    """Seconds, and those of the processor alone, of hashing each block, all of them in memory."""
    blocks = [data for _, data in CarReader().feed(car.read_bytes())]
    times: list[float] = []
    processor_times: list[float] = []
    for _ in range(REPEATS):
        start, processor_start = time.perf_counter(), time.process_time()
        for data in blocks:
            hashlib.sha256(data).digest()
        times.append(time.perf_counter() - start)
        processor_times.append(time.process_time() - processor_start)
    return {"seconds": min(times), "processor": min(processor_times)}


def in_a_process(task: str, car: Path, about: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.repository", "--task", task, str(car), json.dumps(about)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_peer(car: Path, about: dict[str, Any]) -> float | None:
    """Seconds of `@atproto/repo`'s verifyRepoCar, None without npm."""
    from tests.peers.npm import InstallFailed, NpmMissing, install, node_of

    try:
        project = install(Path(__file__).parent / "peer")
    except (NpmMissing, InstallFailed) as error:
        print(f"verifyRepoCar: NOT MEASURED: {error}")
        return None
    command = [node_of(project), project / "verify_repo_car.mjs", car, about["did"], about["signingKey"]]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]


def measure_post(small: Repo, large: Repo, folder: Path) -> tuple[int, int]:
    """Bytes in the space's folder after a first backup, and what one more post adds."""
    sizes: list[int] = []
    for repo in (small, large):
        write_car(repo, folder / "post.car")
        source = FileSource(folder / "post.car", repo.commit, "", repo.blobs)
        about = {"did": repo.did, "signingKey": repo.signing_key}
        outcome = asyncio.run(back_up(open_run(folder, about, source)))
        assert outcome.recorded
        assert outcome.whole
        sizes.append(sum(path.stat().st_size for path in (folder / "space").rglob("*") if path.is_file()))
    return sizes[0], sizes[1] - sizes[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        gc.set_threshold(GC_THRESHOLD, 50, 100)  # as the command line does
        task, car, about = options.task
        tasks = {
            "store": lambda: measure_store(Path(car), json.loads(about)),
            "sha256": lambda: measure_sha256(Path(car)),
        }
        print(json.dumps(tasks[task]()))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(options.records, Path(folder))


def report(records: int, folder: Path) -> None:
    repo = make_repo(records)
    car = folder / "repo.car"
    write_car(repo, car)
    about = {"did": repo.did, "signingKey": repo.signing_key, "commit": str(repo.commit)}
    # In turns, and the best of each: whatever else the machine does disturbs both alike.
    turns = [(in_a_process("sha256", car, about), in_a_process("store", car, about)) for _ in range(TURNS)]
    sha256 = min(hashing["seconds"] for hashing, _ in turns)
    seconds, peak_mib = min(run["seconds"] for _, run in turns), max(run["peakMib"] for _, run in turns)
    print(f"{records} records, {len(repo.blocks)} blocks; SHA-256 of each: {sha256:.3f} s together")
    processor = min(run["processor"] for _, run in turns) / min(hashing["processor"] for hashing, _ in turns)
    print(f"verify and store, durably: {seconds / sha256:.1f} x SHA-256 (wanted: at most {WANTED_RATIO:g})")
    print(f"  time of the processor alone, all cores together: {processor:.1f} x")
    print(f"peak memory: {peak_mib:.0f} MiB (wanted: at most {WANTED_PEAK_MIB})")
    if (peer := measure_peer(car, about)) is not None:
        print(
            f"@atproto/repo, verifying alone: {peer / seconds:.1f} x that "
            f"(wanted: at least {WANTED_FASTER:g})"
        )
    _, added = measure_post(repo, make_repo(records + 1), folder)
    print(f"one new post: {added} bytes (wanted: at most {WANTED_POST_BYTES})")


if __name__ == "__main__":
    main()
