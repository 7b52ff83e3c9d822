"""What thirty daily snapshots of a changing account cost, beside other tools: `python -m bench.daily`.

The account is simulated (`bench.simulation`) and served on loopback; skypail is its command line,
a process a day, as the others are. Bytes are counted where they rest; those of the blobs, which
each tool keeps once and none can compress, are left out. Then every snapshot is restored and held
against its day, and what a run that finds nothing new asks for is counted at the host and at the
bucket, for this account and for a small one: it should be the same.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

from bench.simulation import Account, Day
from bench.simulation_bucket import Bucket, run_bucket
from bench.simulation_bytes import Kinds, Limit
from bench.simulation_host import SimulatedHost, run_host
from bench.simulation_tools import Skypail, Tool, folder_bytes, rivals, write_export
from pail import CID
from pail.car import CarReader

FEW_RECORDS = 500
WANTED_BYTES = 2_000_000
WANTED_BYTES_A_DAY = 60_000
AT_ONCE = 2
"""Snapshots that are restored at once."""


def measure(records: int, days: int, folder: Path) -> None:
    account = Account(records)
    lived = list(account.days(days))
    with run_host(account, lived[0]) as host, run_bucket() as bucket:
        spaces = open_spaces(account, host, bucket, folder)
        sizes = {"folder": partial(folder_bytes, Path(spaces[0].place)), "bucket": bucket.size_bytes}
        tools = [Tool(f"skypail, {space.name}", space.keep, sizes[space.name]) for space in spaces]
        live(lived, host, tools, folder)
        for space in spaces:
            prove(space, lived, folder / "restored")
        show_unchanged(spaces, bucket, len(lived[-1].blocks))


def live(lived: Sequence[Day], host: SimulatedHost, tools: list[Tool], folder: Path) -> None:
    """Let each tool keep each day, and show what that took."""
    export, limit, kinds = folder / "export", Limit(), Kinds(folder / "space")
    tools = tools + rivals(folder, export)
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
    kinds.show(len(lived))


def measure_unchanged(records: int, folder: Path) -> None:
    account = Account(records)
    day = next(account.days(1))
    with run_host(account, day) as host, run_bucket() as bucket:
        spaces = open_spaces(account, host, bucket, folder)
        for space in spaces:
            space.keep(0)
        show_unchanged(spaces, bucket, len(day.blocks))


def open_spaces(account: Account, host: SimulatedHost, bucket: Bucket, folder: Path) -> list[Skypail]:
    """One in a folder and one in a bucket, each with a home of its own."""
    url = f"s3://{bucket.name}/space"
    return [
        Skypail("folder", account.did, host, folder / "home", str(folder / "space")),
        Skypail("bucket", account.did, host, folder / "home-of-bucket", url, bucket.environment),
    ]


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
        expected = {str(cid): content for cid, content in day.blobs.items()}
        assert blobs == expected, f"day {number}: other blobs"
        shutil.rmtree(folder)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        proved = len(list(pool.map(restore, range(len(days)))))
    print(f"\n{space.name}: {proved} of {len(days)} snapshots restored, block for block and blob for blob")


def show_unchanged(spaces: Iterable[Skypail], bucket: Bucket, blocks: int) -> None:
    """What one more run costs that finds nothing new: the same whatever the size of the account."""
    for space in spaces:
        host = space.host
        before = host.requests, host.sent_bytes, bucket.requests, bucket.carried_bytes
        space.keep(-1)
        now = host.requests, host.sent_bytes, bucket.requests, bucket.carried_bytes
        assert space.timestamps[-1] == space.timestamps[-2], "nothing was new, and it was recorded"
        asked, sent, stored, carried = map(int.__sub__, now, before)
        print(
            f"{space.name}, {blocks:,} blocks, nothing new: {asked} requests to the host, {sent:,} bytes; "
            f"{stored} to the bucket, {carried:,} bytes"
        )


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
