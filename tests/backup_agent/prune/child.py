"""Runs in processes of its own: to write, and to prune, at the same time as others."""

import sys
from pathlib import Path

from backup_agent.errors import PruneRefused
from backup_agent.prune.prune import prune
from backup_agent.retention import Policy
from pail import MissingBlock
from space import PruneBegan
from tests.backup_agent.prune.made import ACCOUNTS, machine

ROUNDS = 8


def write(folder: Path, url: str, name: str, account: int) -> None:
    """Snapshots that take turns between two states, so that each counts on what an older one wrote."""
    for number in range(ROUNDS):
        posts = {f"p{post}": f"post {post} " * 20 for post in range(number % 3, number % 3 + 9)}
        while True:
            with machine(folder, name, url=url) as one:
                try:
                    blobs = [bytes([number % 3]) * 3000]
                    hour = number * 3 + account + 1
                    one.back_up(ACCOUNTS[account], hour, posts, blobs, meanwhile=one.space.check)
                    break
                except (PruneBegan, MissingBlock):
                    continue


def keep_pruning(folder: Path, url: str, name: str) -> None:
    for _ in range(ROUNDS * 2):
        with machine(folder, name, url=url) as one:
            try:
                prune(one.job, Policy(last=1), remember=False, now=True)
            except PruneBegan:
                continue
            except PruneRefused as error:
                if "has no snapshots" not in str(error):
                    raise


if __name__ == "__main__":
    home, place, what, who, which = sys.argv[1:]
    if what == "write":
        write(Path(home), place, who, int(which))
    else:
        keep_pruning(Path(home), place, who)
