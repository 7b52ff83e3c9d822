"""When an account is backed up, and what becomes of it after a run: pure.

Runs stand on a grid of `every_s`, at an offset of the account's own (`phase_ms`), so that a
thousand accounts scheduled at once do not run at once and each keeps its time of day. A failure
is tried again sooner, ever more slowly, and parks the account in the end.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

MIN_EVERY_S = 15 * 60
MAX_EVERY_S = 31 * 86_400
FIRST_BACKOFF_S = 60
MAX_FAILURES = 8
"""Runs in a row that failed before the account is parked."""


class State(StrEnum):
    """What the owner, or the server for a reason it names, decided. Whether an active account is in
    line or running is seen elsewhere.
    """

    ACTIVE = "active"
    PARKED = "parked"
    PAUSED = "paused"
    ENDED = "ended"
    LAPSED = "lapsed"
    """Past its time by this server's clock: it comes back if the clock was wrong. Its owner sees `ended`."""

    @property
    def is_over(self) -> bool:
        return self in (State.ENDED, State.LAPSED)


@dataclass(frozen=True, slots=True)
class PlaceOf:
    """Where a space lies. sealed: an age file for the server with what it takes to write to a bucket.

    provider: the DID of the provider, which signs what it says.
    """

    url: str
    sealed: bytes | None = None
    provider: str | None = None

    @property
    def is_provider(self) -> bool:
        return self.url.startswith(("https:", "http:"))


@dataclass(frozen=True, slots=True)
class ClockOf:
    """The clock service of a space. did: who signs its receipts."""

    url: str
    did: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """What an owner asks for. account: a DID. until_s: second since 1970 of the last run at most.

    keep: which snapshots the owner means to keep, as they wrote it; a server deletes nothing.
    """

    account: str
    every_s: int
    place: PlaceOf
    clock: ClockOf | None = None
    until_s: int | None = None
    keep: str | None = None


def phase_ms(space: str, account: str, every_s: int) -> int:
    """Where in its period the account runs: spread evenly, and the same for ever."""
    digest = hashlib.sha256(f"{space} {account}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (every_s * 1000)


def next_on_grid(space: str, account: str, every_s: int, after_ms: int) -> int:
    """The first moment of the account's grid that is later than `after_ms`."""
    period, phase = every_s * 1000, phase_ms(space, account, every_s)
    return (after_ms - phase) // period * period + period + phase


def backoff_ms(failures: int, every_s: int) -> int:
    """How long to wait after that many failures in a row, 1 or more; never longer than the period."""
    return min(FIRST_BACKOFF_S * 1000 * 2 ** min(failures - 1, 20), every_s * 1000)
