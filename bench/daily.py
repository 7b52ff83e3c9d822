"""What thirty daily snapshots of a changing account cost, beside other tools: `python -m bench.daily`.

The account is simulated (`bench.simulation`) and served on loopback; skypail is its command line,
a process a day, as the others are. Bytes are counted where they rest; those of the blobs, which
each tool keeps once and none can compress, are left out. Then every snapshot is restored and held
against its day, and a run that finds nothing new is counted at the host.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

from bench.simulation import Account, Day
from bench.simulation_bytes import BLOBS, bytes_by_kind
from bench.simulation_host import run_host
from bench.simulation_tools import Skypail, Tool, compress, rivals, write_export
from pail import CID
from pail.car import CarReader

FEW_RECORDS = 500
WANTED_BYTES = 2_000_000
WANTED_BYTES_A_DAY = 60_000
AT_ONCE = 2
"""Snapshots that are restored at once."""


class Limit:
    """The blocks that no snapshot before had: what any tool has to keep."""

    def __init__(self) -> None:
        self._seen: set[CID] = set()
        self.raw: list[int] = []
        self.compressed: list[int] = []
        """Of all days so far, in one zstd frame a day."""

    def add(self, day: Day) -> None:
        new = b"".join(content for cid, content in day.blocks.items() if cid not in self._seen)
        self._seen |= day.blocks.keys()
        self.raw.append(sum(self.raw[-1:]) + len(new))
        self.compressed.append(sum(self.compressed[-1:]) + len(compress(new)))


class Kinds:
    """What the bytes of a space in a folder are: those of the first day, and of all that followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[Path] = set()
        self.first, self.later = Counter[str](), Counter[str]()

    def add(self) -> None:
        new = {path for path in self._folder.rglob("*") if path.is_file()} - self._seen
        (self.later if self._seen else self.first).update(bytes_by_kind(new))
        self._seen |= new

    def show(self, days: int) -> None:
        print(f"\n{'the folder, by kind of block':34}{'first day':>12}{'a day':>10}")
        for kind in sorted(self.first | self.later, key=lambda kind: -self.first[kind]):
            if kind != BLOBS:
                print(f"{kind:34}{self.first[kind]:12,}{self.later[kind] // (days - 1):10,}")


def measure(records: int, days: int, folder: Path) -> None:
    account = Account(records)
    lived = list(account.days(days))
    with run_host(account, lived[0]) as host:
        export, limit, kinds = folder / "export", Limit(), Kinds(folder / "space")
        spaces = [Skypail("folder", account.did, host, folder / "home", folder / "space")]
        tools = [Tool(f"skypail, {space.name}", space.rests, space.keep) for space in spaces]
        tools += rivals(folder, export)
        blobs: dict[CID, bytes] = {}
        for number, day in enumerate(lived):
            host.today = day
            blobs |= day.blobs
            write_export(day, export)
            for tool in tools:
                tool.measure(number, sum(map(len, blobs.values())))
            limit.add(day)
            kinds.add()
        show(tools, limit, sum(map(len, blobs.values())))
        kinds.show(days)
        for space in spaces:
            prove(space, lived, folder / "restored")
            show_unchanged(space, len(lived[-1].blocks))


def measure_unchanged(records: int, folder: Path) -> None:
    account = Account(records)
    day = next(account.days(1))
    with run_host(account, day) as host:
        space = Skypail("folder", account.did, host, folder / "home", folder / "space")
        space.keep(0)
        show_unchanged(space, len(day.blocks))


def show(tools: Iterable[Tool], limit: Limit, blob_bytes: int) -> None:
    title = f"apart from {blob_bytes:,} bytes of blobs"
    print(f"{title:34}{'at rest':>12}{'a day':>10}{'most':>10}{'seconds':>9}")
    rows = [(tool.name, tool.sizes, tool.seconds) for tool in tools]
    rows += [("unique blocks alone, raw", limit.raw, []), ("  in one zstd frame a day", limit.compressed, [])]
    for name, sizes, seconds in rows:
        added = [after - before for before, after in pairwise(sizes)]
        timed = f"{sum(seconds) / len(seconds):9.2f}" if seconds else ""
        print(f"{name:34}{sizes[-1]:12,}{sum(added) // len(added):10,}{max(added):10,}{timed}")
    print(f"{'wanted of skypail: at most':34}{WANTED_BYTES:12,}{'':10}{WANTED_BYTES_A_DAY:10,}")


def prove(space: Skypail, days: Sequence[Day], to: Path) -> None:
    """Restore every snapshot and hold it against its day. Raises AssertionError where they differ."""

    def restore(number: int) -> None:
        folder, day = to / space.name / str(number), days[number]
        space.restore(space.timestamps[number], folder)
        reader = CarReader()
        blocks = dict(reader.feed((folder / "repo.car").read_bytes()))
        reader.close()
        assert (reader.roots, blocks) == ((day.commit,), day.blocks), f"day {number}: another repository"
        blobs = {path.name: path.read_bytes() for path in (folder / "blobs").iterdir()}
        assert blobs == {str(cid): content for cid, content in day.blobs.items()}, (
            f"day {number}: other blobs"
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        proved = len(list(pool.map(restore, range(len(days)))))
    print(f"\n{space.name}: {proved} of {len(days)} snapshots restored, block for block and blob for blob")


def show_unchanged(space: Skypail, blocks: int) -> None:
    """What one more run costs that finds nothing new."""
    before = space.host.requests, space.host.sent_bytes
    space.keep(-1)
    requests, sent = space.host.requests - before[0], space.host.sent_bytes - before[1]
    print(f"{space.name}, {blocks:,} blocks, nothing new: {requests} requests to the host, {sent:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options.records, options.days, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        measure_unchanged(FEW_RECORDS, Path(folder))


if __name__ == "__main__":
    main()
