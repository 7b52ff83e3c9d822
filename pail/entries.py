"""List a pail in key order, reading only the shards that can hold a wanted key."""

from __future__ import annotations

from typing import NamedTuple

from pail.cid import CID
from pail.shard import MAX_ASK, Shard, load
from pail.walk import Walk

_AFTER_ALL = "\x7f"
"""Sorts behind every character of a key."""


class _Range(NamedTuple):
    """The keys from `low` up to but not including `high`."""

    low: str
    high: str

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.low <= key < self.high

    def touches(self, prefix: str) -> bool:
        """Whether some key below `prefix` can be in the range."""
        return prefix < self.high and self.low < prefix + _AFTER_ALL


class _Step(NamedTuple):
    """What is still to be listed: a key with its value, or the shard below a key."""

    key: str
    cid: CID
    is_shard: bool


def entries(
    root: CID,
    *,
    prefix: str = "",
    gt: str | None = None,
    gte: str | None = None,
    lt: str | None = None,
    lte: str | None = None,
    reverse: bool = False,
    limit: int | None = None,
) -> Walk[list[tuple[str, CID]]]:
    """The keys that satisfy every given bound, with their values, in order.

    limit: at most so many; the shards behind them are then not read.
    """
    wanted = _range(prefix, gt, gte, lt, lte)
    found: list[tuple[str, CID]] = []
    stack = [_Step("", root, True)]
    fetched: dict[CID, Shard] = {}
    while stack and (limit is None or len(found) < limit):
        step = stack.pop()
        if not step.is_shard:
            found.append((step.key, step.cid))
            continue
        if step.cid not in fetched:
            upcoming = [step, *(s for s in reversed(stack) if s.is_shard and s.cid not in fetched)]
            ahead = upcoming[: 1 if limit is not None else MAX_ASK]
            shards = yield from load([(cid, key) for key, cid, _ in ahead])
            fetched |= {cid: shard for (_, cid, _), shard in zip(ahead, shards, strict=True)}
        steps = _steps(fetched.pop(step.cid), wanted)
        stack += steps if reverse else steps[::-1]
    return found


def _range(prefix: str, gt: str | None, gte: str | None, lt: str | None, lte: str | None) -> _Range:
    lows = [prefix, gte, None if gt is None else gt + "\0"]
    highs = [prefix + _AFTER_ALL, lt, None if lte is None else lte + "\0"]
    return _Range(max(k for k in lows if k is not None), min(k for k in highs if k is not None))


def _steps(shard: Shard, wanted: _Range) -> list[_Step]:
    """In ascending order: a key comes before the longer ones that start with it."""
    steps: list[_Step] = []
    for rest, link, value in shard.entries.values():
        key = shard.prefix + rest
        if value is not None and key in wanted:
            steps.append(_Step(key, value, False))
        if link is not None and wanted.touches(key):
            steps.append(_Step(key, link, True))
    return steps
