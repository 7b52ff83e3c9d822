"""How often, as people write it: `15m`, `2h`, `hourly`, `daily`, `weekly`."""

from __future__ import annotations

import re

from backup_agent.errors import AgentError

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_NAMES = {"hourly": 3600, "daily": 86_400, "weekly": 7 * 86_400}


class BadPeriod(AgentError, ValueError):
    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:80]!r} is no period; write it like 15m, which is the shortest, 2h, hourly or daily"
        )


def parse_period(text: str) -> int:
    """The seconds that `text` means. Raises BadPeriod."""
    if text in _NAMES:
        return _NAMES[text]
    if span := _SPAN.fullmatch(text):
        return int(span[1]) * _SECONDS[span[2]]
    raise BadPeriod(text)


def period_text(seconds: int) -> str:
    """`every 2 hours`, `daily`."""
    for name, period_s in _NAMES.items():
        if seconds == period_s:
            return name
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"every {count} {unit}s" if count > 1 else f"every {unit}"
    return f"every {seconds} seconds"
