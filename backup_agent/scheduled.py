"""What this home has scheduled at server agents: a small file for each space.

    {"version": 1, "scheduled": [{"url": …, "did": …, "account": …, "every": …, …}]}

With it the agent renews what it delegated, wherever it runs; losing it costs that, and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

from backup_agent.atproto.strict_json import decode_json
from backup_agent.errors import HomeUnusable

VERSION = 1
MAX_SCHEDULED = 10_000
RENEW_BELOW_S = 60 * 86_400
"""Of the 90 days that a delegation lives: whoever runs a backup in two months keeps it alive."""
MAX_FILE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An account at the server `did`, which answers at `url`. every: in seconds.

    until, expires: seconds since 1970. delegation: CID of the one that it rests on. place: URL of the
    space as the server knows it.
    """

    url: str
    did: str
    account: str
    every: int
    place: str
    delegation: str
    expires: int
    until: int | None = None
    keep: str | None = None
    provider: str | None = None

    def wants_renewal(self, now_unix_s: int) -> bool:
        """Whether it is time to delegate anew; not if it ends when its owner wants it to."""
        return self.expires - now_unix_s < RENEW_BELOW_S and self.expires != self.until


def spaces_at(folder: Path, place: str) -> list[str]:
    """The spaces of which something is scheduled at the URL `place`. Raises HomeUnusable."""
    names = [f"did:key:{unquote(path.stem)}" for path in sorted(folder.glob("*.json"))]
    return [did for did in names if any(each.place == place for each in ScheduledList(folder, did).load())]


class ScheduledList:
    """Of `space`, kept in `folder`, in the order they were added."""

    def __init__(self, folder: Path, space: str) -> None:
        self._path = folder / f"{quote(space.removeprefix('did:key:'), safe='')}.json"

    def load(self) -> list[Scheduled]:
        """Raises HomeUnusable if the file is none of ours."""
        try:
            if not self._path.exists():
                return []
            return _decode(decode_json(self._path.read_bytes(), max_bytes=MAX_FILE_BYTES))
        except (OSError, ValueError, TypeError) as error:
            raise HomeUnusable(self._path, error) from error

    def add(self, scheduled: Scheduled) -> None:
        """Remember it, in place of the same account at the same server. Raises HomeUnusable."""
        self._set([*self._others(scheduled.url, scheduled.account), scheduled])

    def remove(self, url: str, account: str) -> None:
        """Forget it. Raises HomeUnusable."""
        self._set(self._others(url, account))

    def _others(self, url: str, account: str) -> list[Scheduled]:
        return [each for each in self.load() if (each.url, each.account) != (url, account)]

    def _set(self, scheduled: Sequence[Scheduled]) -> None:
        if len(scheduled) > MAX_SCHEDULED:
            raise HomeUnusable(self._path, ValueError(f"no more than {MAX_SCHEDULED} accounts of one space"))
        document = {"version": VERSION, "scheduled": [asdict(each) for each in scheduled]}
        draft = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            draft.write_text(json.dumps(document, indent=2) + "\n")
            draft.replace(self._path)
        except OSError as error:
            raise HomeUnusable(self._path, error) from error


def _decode(document: Any) -> list[Scheduled]:
    match document:
        case {"version": 1, "scheduled": [*scheduled]} if len(scheduled) <= MAX_SCHEDULED:
            return [Scheduled(**cast("dict[str, Any]", each)) for each in scheduled]
        case _:
            raise ValueError("it is no list of schedules of version 1")
