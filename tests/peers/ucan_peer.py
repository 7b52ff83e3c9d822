"""The scripts in `tests/peers/ucan`, asked one JSON document each."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.npm import node_of

FOLDER = Path(__file__).parent / "ucan"


class Chance(random.Random):
    """Mostly what is usual, now and then something else; other chances in each run.

    SKYPAIL_TEST_SEED repeats those of a run that failed: what it drew from is printed.
    """

    def __init__(self) -> None:
        self.drawn_from = int(os.environ.get("SKYPAIL_TEST_SEED") or secrets.randbits(32))
        print(f"SKYPAIL_TEST_SEED={self.drawn_from}")
        super().__init__(self.drawn_from)

    def pick(self, usual: Any, others: list[Any], odds: float = 0.06) -> Any:
        return self.choice(others) if self.random() < odds else usual


def ask(project: Path, script: str, question: Any) -> Any:
    """What a script of the peer answers; one JSON document each way."""
    done = subprocess.run(
        [node_of(project), script],
        cwd=project,
        input=question if isinstance(question, str) else json.dumps(question),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
