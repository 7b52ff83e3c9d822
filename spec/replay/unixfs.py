"""Replays vectors of class `unixfs`: files to blocks, shards and their index."""

from __future__ import annotations

from spec.replay.report import Report, Vectors
from spec.replay_unixfs import replay as outcomes


def replay(vectors: Vectors, report: Report) -> None:
    """Every file, directory and shard."""
    for name, reason in outcomes(vectors):
        if reason is None:
            report.passed += 1
        else:
            report.failures.append((name, reason))
