"""Which clock services a space uses: a small file in the home, for each space.

    {"version": 1, "clocks": [{"url": "https://clock.example.com", "did": "did:key:z6Mk…"}], "atLeast": 1}

`atLeast`, 0 where it is left out: how many of the services must take a backup for it to be whole.
The DID is pinned when a clock is taken into use: a service that goes by another is refused later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from backup_agent.atproto.strict_json import decode_json
from backup_agent.errors import HomeUnusable
from ucan import is_did

VERSION = 1
MAX_CLOCKS = 16
MAX_FILE_BYTES = 64 << 10


class KnownClock(NamedTuple):
    """A service. did: who signs its receipts."""

    url: str
    did: str


def plain_url(url: str) -> str:
    """One form for one place: without a slash at the end."""
    return url.rstrip("/")


class ClockList:
    """The clocks of `space`, kept in `folder`, in the order they were added."""

    def __init__(self, folder: Path, space: str) -> None:
        self._path = folder / f"{quote(space.removeprefix('did:key:'), safe='')}.json"

    def load(self) -> list[KnownClock]:
        """Raises HomeUnusable if the file is none of ours."""
        return self._load()[0]

    def at_least(self) -> int:
        """How many of them must take a backup. Raises as `load`."""
        return self._load()[1]

    def _load(self) -> tuple[list[KnownClock], int]:
        try:
            if not self._path.exists():
                return [], 0
            return _decode(decode_json(self._path.read_bytes(), max_bytes=MAX_FILE_BYTES))
        except (OSError, ValueError) as error:
            raise HomeUnusable(self._path, error) from error

    def add(self, clock: KnownClock, *, at_least: int | None = None) -> None:
        """Use `clock` too; one at the same URL is replaced. Raises as `set`."""
        self.set([*(known for known in self.load() if known.url != clock.url), clock], at_least=at_least)

    def remove(self, url: str) -> bool:
        """Use it no longer. False if it was not used. Raises HomeUnusable."""
        known = self.load()
        kept = [clock for clock in known if clock.url != url]
        self.set(kept)
        return len(kept) < len(known)

    def set(self, clocks: Sequence[KnownClock], *, at_least: int | None = None) -> None:
        """Use these and no others; whole or not at all. Raises HomeUnusable, also past MAX_CLOCKS.

        at_least: None for as before; never more than there are.
        """
        wanted = min(self.at_least() if at_least is None else at_least, len(clocks))
        if len(clocks) > MAX_CLOCKS:
            raise HomeUnusable(self._path, ValueError(f"no more than {MAX_CLOCKS} clocks for one space"))
        document = {"version": VERSION, "clocks": [clock._asdict() for clock in clocks], "atLeast": wanted}
        draft = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            draft.write_text(json.dumps(document, indent=2) + "\n")
            draft.replace(self._path)
        except OSError as error:
            raise HomeUnusable(self._path, error) from error


def _decode(document: Any) -> tuple[list[KnownClock], int]:
    match document:
        case {"version": 1, "clocks": [*clocks]} if len(clocks) <= MAX_CLOCKS:
            at_least: Any = document.get("atLeast", 0)
            if type(at_least) is not int or not 0 <= at_least <= len(clocks):
                raise ValueError("atLeast is no number of clocks")
            return [_decode_clock(clock) for clock in clocks], at_least
        case _:
            raise ValueError("it is no list of clocks of version 1")


def _decode_clock(clock: Any) -> KnownClock:
    match clock:
        case {"url": str(url), "did": str(did)} if is_did(did):
            return KnownClock(url, did)
        case _:
            raise ValueError("it holds something that is no clock")
