"""What storing blocks costs, as ratios to SHA-256 over the same blocks: `python -m bench.space`.

The blocks are those of a synthetic repository, in batches as a stream brings them. Everything
goes to a fresh folder beside this checkout's temporary files, on whatever disk that is.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.make_repo import make_repo
from pail import CID
from space import Space, open_folder

BATCH = 250
"""Blocks at once: about 64 KiB."""

REPEATS = 5
DID = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
WANTED_STORE = 4.0


def fastest(task: Callable[[], object], *, before: Callable[[], object] = lambda: None) -> float:
    """Seconds of the quickest of a few runs: the others were disturbed."""
    times: list[float] = []
    for _ in range(REPEATS):
        before()
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(blocks: list[tuple[CID, bytes]], path: Path) -> None:
    cids = [cid for cid, _ in blocks]
    sha256 = fastest(lambda: [hashlib.sha256(content).digest() for _, content in blocks])

    def open_space() -> Space:
        return open_folder(path / "folder", cache=path / "cache", did=DID)

    def clear() -> None:
        shutil.rmtree(path / "folder", ignore_errors=True)
        shutil.rmtree(path / "cache", ignore_errors=True)

    def store() -> None:
        with open_space() as space, space.stage() as stage:
            for at in range(0, len(blocks), BATCH):
                stage.put_many(blocks[at : at + BATCH])
            stage.publish()

    def read(size: int) -> None:
        with open_space() as space:
            for at in range(0, len(cids), size):
                space.get(cids[at : at + size])

    def rebuild() -> None:
        open_space().close()

    def show(name: str, seconds: float, wanted: str = "") -> None:
        per_block = seconds / len(blocks) * 1e6
        print(f"{name:36} {seconds / sha256:6.2f} x SHA-256 {per_block:8.2f} µs a block {wanted}")

    print(f"{len(blocks)} blocks, {sum(len(content) for _, content in blocks)} bytes")
    show("SHA-256 of each block", sha256)
    show("store all, durably", fastest(store, before=clear), f"(wanted: at most {WANTED_STORE})")
    show("put all again: nothing is written", fastest(store))
    show("read and check all, 250 at once", fastest(lambda: read(BATCH)))
    show("read and check all, one by one", fastest(lambda: read(1)))
    show("open with the index lost", fastest(rebuild, before=lambda: shutil.rmtree(path / "cache")))
    show("open", fastest(rebuild))
    print(f"peak memory, the blocks themselves included: {peak_mib():.0f} MiB")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    blocks = list(make_repo(parser.parse_args().records).blocks.items())
    with tempfile.TemporaryDirectory() as path:
        measure(blocks, Path(path))


if __name__ == "__main__":
    main()
