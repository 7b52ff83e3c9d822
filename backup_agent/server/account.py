"""One scheduled account as it stands in the database, and what a run of it came to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from backup_agent.server.schedule import Schedule, State

MAX_REASON_CHARS = 500


class Result(StrEnum):
    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    WAITING = "waiting"
    """Nobody's failure: its host, or the limits of the day, let it wait."""
    STOPPED = "stopped"
    """The worker was told to write nothing more."""


@dataclass(frozen=True, slots=True)
class RunNote:
    """What a run came to. started, ended: milliseconds since 1970. reason: in words, "" if all is well.

    causes: of the first missing blobs, and of what was excluded.
    """

    started: int
    ended: int
    result: Result
    reason: str = ""
    snapshot: str | None = None
    timestamp: str | None = None
    records: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    written_bytes: int = 0
    missing: int = 0
    causes: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_good(self) -> bool:
        """Whether the newest snapshot is what the account was."""
        return self.result in (Result.RECORDED, Result.UNCHANGED)

    def encode(self) -> str:
        """As JSON, for the database."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> RunNote:
        """Of what `encode` wrote."""
        fields: dict[str, Any] = json.loads(text)
        fields["result"] = Result(fields["result"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Account:
    """A row. expires_s: when the first of its delegations ends. host: of its last run, if known.

    next_due: milliseconds since 1970. slot: of the next job. job: in line or running, if any.
    is_wanted: somebody asked for a run while one was under way.
    worker, holder: who runs it now, and by which job. started: when that began.
    """

    id: int
    space: str
    schedule: Schedule
    state: State
    reason: str
    expires_s: int
    host: str | None
    next_due: int
    slot: int
    job: str | None
    is_wanted: bool
    worker: str | None
    holder: str | None
    started: int | None
    failures: int
    last_run: RunNote | None
    last_good: RunNote | None

    @property
    def did(self) -> str:
        """The account's DID."""
        return self.schedule.account
