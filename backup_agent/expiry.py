"""When a delegation ends, as people write it: `30d`, `12h`, `2027-01-31`, or a moment with its zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from backup_agent.errors import DelegationError

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdwy])", re.ASCII)
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}


def parse_expiry(text: str, now_unix_s: int) -> int:
    """The second since 1970 that `text` means; a date alone is its first second, by UTC.

    Raises DelegationError for any other text, and for a moment that is past.
    """
    if span := _SPAN.fullmatch(text):
        return now_unix_s + int(span[1]) * _SECONDS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DelegationError(f"{text[:80]!r} is no time; write it like 30d, 12h or 2027-01-31") from error
    at = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if at <= now_unix_s:
        raise DelegationError(f"{text[:80]} is past; a delegation that has ended is worth nothing")
    return at


def time_left(expires_at_unix: int | None, now_unix_s: int) -> str:
    """`29 days`, `3 hours`, `expired` or `never expires`."""
    if expires_at_unix is None:
        return "never expires"
    left = expires_at_unix - now_unix_s
    if left <= 0:
        return "expired"
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if left >= seconds:
            count = left // seconds
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
