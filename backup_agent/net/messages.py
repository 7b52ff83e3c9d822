"""What is asked of a host, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from backup_agent.secret import Secret

MAX_DOCUMENT_BYTES = 4 << 20
"""Largest answer read, unless the request says otherwise."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. A body makes it a POST, which follows no redirect and so never repeats its secrets."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    token: Secret | None = None
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    """Of the body."""
    accept: str = "*/*"
    limit_bytes: int = MAX_DOCUMENT_BYTES
    span: tuple[int, int] | None = None
    """First and last byte that are wanted of what is at the URL."""
    answers: frozenset[int] = frozenset()
    """Transient statuses that say something here, and are not simply tried again."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes to PUT at a URL. read: the bytes from an offset on, at each attempt anew.

    headers: those that whoever gave the URL wants.
    """

    url: str
    size: int
    read: Callable[[int, int], bytes] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read whole; of any status but 429 and the transient ones that were not wanted."""

    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to come, in chunks of the host's choosing."""

    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: AsyncIterator[bytes] = field(repr=False)
