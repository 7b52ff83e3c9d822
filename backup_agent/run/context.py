"""What one backup run works with. Everything outside is passed in here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backup_agent.identity import Identity
from backup_agent.progress import Progress, Unwatched
from backup_agent.source import Source
from space import Clock, Space
from ucan import Signer

Preferences = Callable[[], Awaitable[bytes]]
"""Fetches the account's preferences with its owner's session: JSON as received. Raises SessionError."""


@dataclass(frozen=True, slots=True)
class Run:
    """One account, its host, and the space it goes to."""

    identity: Identity
    source: Source
    space: Space
    clock: Clock
    signer: Signer
    """The agent's key."""
    now_ms: Callable[[], int]
    """Milliseconds since 1970."""
    journal: Path
    """A file in the cache that remembers which blobs are durable while no snapshot names them."""
    sealed_note: Path
    """A file that remembers for whom private data was sealed last."""
    preferences: Preferences | None = None
    """None when nobody is logged in to the account here."""
    recipients: Sequence[str] = ()
    """Age recipients of private data, besides the agent."""
    progress: Progress = field(default_factory=Unwatched)

    @property
    def account(self) -> str:
        """The account's DID."""
        return self.identity.did
