"""Keys of a space's pail: `{account}/backups/{timestamp}`.

Timestamps are RFC 3339 in UTC with milliseconds and `Z`, so that keys sort by time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pail import DecodeError

_KEY = re.compile(r"(did:[a-z]+:[A-Za-z0-9._:%-]+)/backups/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")


def backups_prefix(account: str) -> str:
    """What the keys of all snapshots of `account`, a DID, begin with."""
    return f"{account}/backups/"


def snapshot_key(account: str, timestamp: str) -> str:
    """The key of the snapshot that was made of `account` at `timestamp`."""
    return backups_prefix(account) + timestamp


def parse_backup_key(key: str) -> tuple[str, str] | None:
    """The account and the timestamp of `key`, or None for a key that names no snapshot."""
    match = _KEY.fullmatch(key)
    return (match[1], match[2]) if match and _is_date(match[2]) else None


def format_timestamp(unix_ms: int) -> str:
    """Milliseconds since 1970 as a timestamp. Raises ValueError past the year 9999."""
    moment = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03}Z"


def parse_timestamp(text: str) -> int:
    """A timestamp as milliseconds since 1970. Raises DecodeError unless it is of the one form."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text) or not _is_date(text):
        raise DecodeError(f"not a timestamp such as 2026-11-20T21:47:00.000Z: {text[:40]!r}")
    moment = datetime.fromisoformat(text[:19] + "+00:00")
    return int(moment.timestamp()) * 1000 + int(text[20:23])


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return True
