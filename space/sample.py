"""Which shards a check reads: all, every m-th, or some percent drawn anew each time."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

from pail import CID

Sample = Callable[[CID], bool]
"""Whether a shard is read."""

MAX_PARTS = 1 << 16

_PART = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_ALL = 1 << 64


def every(_shard: CID) -> bool:
    """All of them."""
    return True


def parse_sample(text: str) -> Sample:
    """`n/m`: of m parts that never change the n-th, so that m checks read all. `N%`: about so many.

    Raises ValueError, whose message says what is wanted.
    """
    if part := _PART.fullmatch(text):
        number, parts = int(part[1]), int(part[2])
        if number <= parts <= MAX_PARTS:
            return lambda shard: int.from_bytes(shard[-8:], "big") % parts == number - 1
    elif percent := _PERCENT.fullmatch(text):
        share = float(percent[1]) / 100
        if 0 < share <= 1:
            return _by_chance(share)
    raise ValueError("write 1/7 for the first of seven parts, or 10% for a tenth by chance")


def _by_chance(share: float) -> Sample:
    salt = secrets.token_bytes(16)
    return lambda shard: int.from_bytes(hashlib.sha256(salt + shard).digest()[:8], "big") < share * _ALL
