"""How much proving a repository costs, as a ratio to SHA-256 over the same blocks: `python -m bench.mst`."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence

from backup_agent.atproto.mst import walk_entries
from backup_agent.atproto.repo import verify_change, verify_repo
from bench.make_repo import Repo, make_repo
from pail import CID, decode_dag_cbor, run
from pail.walk import Hashed

REPEATS = 5


def fastest(task: Callable[[], object]) -> float:
    """Seconds of the quickest of a few runs: the others were disturbed."""
    times: list[float] = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(repo: Repo) -> None:
    blocks = list(repo.blocks.values())

    def get(cids: Sequence[CID]) -> Hashed:
        """As a space answers: the blocks were hashed on their way in."""
        return Hashed([repo.blocks[cid] for cid in cids])

    def prove() -> None:
        walk = verify_repo(repo.commit, did=repo.did, signing_key=repo.signing_key, visit_blob=lambda _: None)
        assert run(walk, get).records == len(repo.records)

    def prove_unchanged() -> None:
        walk = verify_change(
            repo.commit,
            previous=repo.commit,
            did=repo.did,
            signing_key=repo.signing_key,
            visit_blob=lambda _: None,
        )
        assert not run(walk, get).changes

    def list_paths() -> None:
        root = decode_dag_cbor(repo.blocks[repo.commit])["data"]
        run(walk_entries(root, lambda _: None), get)

    sha = fastest(lambda: [hashlib.sha256(block).digest() for block in blocks])
    nodes = len(blocks) - len(repo.records) - 1
    size = sum(map(len, blocks))
    print(f"{len(repo.records)} records, {nodes} nodes, {size} bytes; SHA-256 of them {sha * 1e3:.1f} ms = 1")
    for name, task in [
        ("prove whole", prove),
        ("list paths", list_paths),
        ("prove no change", prove_unchanged),
    ]:
        seconds = fastest(task)
        print(f"{name:16} {seconds * 1e3:8.1f} ms  {seconds / sha:6.2f} x SHA-256")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=100_000)
    measure(make_repo(arguments.parse_args().records))


if __name__ == "__main__":
    main()
