"""`python -m bench.pail`: the map beside the JavaScript original, in one run, as ratios.

One account's keys, as a space's pail holds them, through a dict as the store: N puts one after
the other, N gets, one batch of N. The two sides take turns, so that both meet whatever else the
machine does; each takes its best round.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pail import CID, RAW, Walk, cid_of, parse_cid, run
from pail.map import EMPTY, Diff, batch, get, put
from tests.peers.npm import install, node_of

PEER = Path(__file__).parent.parent / "tests/peers/pail"
KEYS = 2000
TURNS = 3
ROUNDS_PER_TURN = 3
"""The JavaScript side does as many in one process, to warm up."""
WANTED = {"put": 3.0, "get": 1.0, "batch": 1.0}


class Store(dict[CID, bytes]):
    """Blocks in memory."""

    def read(self, cids: Sequence[CID]) -> list[bytes]:
        return [self[cid] for cid in cids]

    def write(self, walk: Walk[Diff]) -> CID:
        diff = run(walk, self.read)
        self.update(diff.additions)
        return diff.root


def account_entries(count: int) -> list[tuple[str, CID]]:
    """A backup every 37 minutes, or so."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=37 * i, milliseconds=613 * i) for i in range(count)]
    return [
        (
            f"did:plc:ewvi7nxzyoun6zhxrhs64oiz/backups/{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            cid_of(RAW, str(at).encode()),
        )
        for at in times
    ]


def timed(work: Callable[[], CID]) -> tuple[float, CID]:
    start = time.perf_counter()
    root = work()
    return time.perf_counter() - start, root


def puts(entries: list[tuple[str, CID]], store: Store) -> CID:
    root = EMPTY.cid
    for key, value in entries:
        root = store.write(put(root, key, value))
    return root


def gets(root: CID, entries: list[tuple[str, CID]], store: Store) -> CID:
    for key, value in entries:
        assert run(get(root, key), store.read) == value
    return root


def ours(entries: list[tuple[str, CID]]) -> tuple[dict[str, float], CID]:
    """Seconds per part, and the root."""
    best = dict.fromkeys(WANTED, float("inf"))
    root = EMPTY.cid
    for _ in range(ROUNDS_PER_TURN):
        store = Store()
        put_s, root = timed(lambda store=store: puts(entries, store))
        get_s, _ = timed(lambda root=root, store=store: gets(root, entries, store))
        batch_s, batched = timed(lambda store=store: store.write(batch(EMPTY.cid, entries)))
        assert batched == root
        for name, seconds in (("put", put_s), ("get", get_s), ("batch", batch_s)):
            best[name] = min(best[name], seconds)
    return best, root


def theirs(project: Path, entries: list[tuple[str, CID]]) -> tuple[dict[str, float], CID]:
    sent = {"keys": [key for key, _ in entries], "values": [str(value) for _, value in entries]}
    command = [node_of(project), project / "rates.mjs"]
    done = subprocess.run(command, input=json.dumps(sent), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    answer = json.loads(done.stdout)
    return answer["seconds"], parse_cid(answer["root"])


def main() -> None:
    entries, project = account_entries(KEYS), install(PEER)
    turns = [(ours(entries), theirs(project, entries)) for _ in range(TURNS)]
    assert all(mine[1] == other[1] for mine, other in turns), "the roots differ"
    for part, wanted in WANTED.items():
        mine = min(seconds[part] for (seconds, _), _ in turns)
        other = min(seconds[part] for _, (seconds, _) in turns)
        print(f"{part:6} {KEYS / mine:9,.0f}/s  {other / mine:5.1f} times the original (wanted: {wanted:g})")


if __name__ == "__main__":
    main()
