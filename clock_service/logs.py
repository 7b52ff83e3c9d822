"""Logs as lines of JSON on stderr. Nothing that is logged holds a key, a body or a database's URL (T5)."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FIELDS = ("why", "worker", "space", "account", "host", "result", "ms", "bytes")
"""What a record may carry beside its message."""


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr() -> None:
    """Everything from INFO up, of this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
