"""A bucket's credentials, sealed by their owner for one server.

Sealed is a map of names to texts, the variables that the ecosystem uses. Both keys must be there, or the
server's client library would look for the server's own. What names a file, a profile or a service that
gives out credentials is refused: those would be the server's, too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backup_agent.errors import AgentError
from backup_agent.sealing import seal, ssh_recipient

NEEDED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ENDPOINT = "AWS_ENDPOINT_URL_S3"
ALLOWED = frozenset({*NEEDED, "AWS_SESSION_TOKEN", "AWS_REGION", ENDPOINT})
SAME = {"AWS_ENDPOINT_URL": ENDPOINT, "AWS_ENDPOINT": ENDPOINT, "AWS_DEFAULT_REGION": "AWS_REGION"}
"""Other names of the same."""

MAX_FILE_BYTES = 64 << 10

_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
"""It becomes a part of the host's name, and must not make another host of it."""


class BadCredentials(AgentError, ValueError):
    """They are not what a server can use; none of them is in the text (T5)."""


def load_credentials(path: Path | None) -> dict[str, str]:
    """Of a file with a NAME=VALUE on each line, or of the environment. Raises BadCredentials."""
    found = dict(os.environ) if path is None else _read(path)
    renamed = {SAME.get(name, name): text for name, text in found.items() if SAME.get(name, name) in ALLOWED}
    return {name: text for name, text in renamed.items() if text}


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open() as file:
            lines = file.read(MAX_FILE_BYTES).splitlines()
    except (OSError, ValueError) as error:
        raise BadCredentials(f"{path} cannot be read") from error
    pairs = [line.partition("=") for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip().removeprefix("export "): text.strip() for name, _, text in pairs}


def seal_credentials(credentials: Mapping[str, str], server: str) -> bytes:
    """An age file for the server `server`, a did:key. Raises BadCredentials."""
    check_names(credentials)
    return seal(json.dumps(dict(credentials)).encode(), [ssh_recipient(server)])


def check_names(credentials: Mapping[str, Any]) -> None:
    """Return if these are the names that there may be, of plain texts. Raises BadCredentials."""
    if not set(NEEDED) <= credentials.keys() <= ALLOWED:
        others = ", ".join(sorted(ALLOWED - set(NEEDED)))
        raise BadCredentials(f"the credentials of a bucket are {' and '.join(NEEDED)}, and at most {others}")
    if not all(
        isinstance(text, str) and text.isascii() and text.isprintable() for text in credentials.values()
    ):
        raise BadCredentials("the credentials of a bucket are no plain texts")
    if not _REGION.fullmatch(credentials.get("AWS_REGION", "none")):
        raise BadCredentials("AWS_REGION has letters, digits and dashes alone, like eu-central-1")
