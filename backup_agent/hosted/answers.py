"""What a provider says over HTTP when it does not give what was asked for."""

from __future__ import annotations

import json
from typing import Any

from backup_agent.hosted.asking import fields_of
from backup_agent.net import Answer

ERROR_BYTES = 4096
"""Read of an error."""


def error_name(answer: Answer) -> str:
    """Of an error as a provider tells it; "" of anybody else's."""
    try:
        told: Any = json.loads(answer.content[:ERROR_BYTES]) if answer.status >= 400 else {}
    except (ValueError, RecursionError):
        return ""
    name = fields_of(told).get("name")
    return name if isinstance(name, str) else ""


def words(answer: Answer) -> str:
    """What an error answer says, bounded and on one line."""
    name = "".join(char for char in error_name(answer)[:80] if char.isprintable())
    return f"status {answer.status}{f', {name}' if name else ''}"
