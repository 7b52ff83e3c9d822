"""A bucket's credentials, sealed by their owner for one server, one space and one place.

    {"version": 2, "space": "did:key:…", "place": "s3://…", "credentials": {"AWS_ACCESS_KEY_ID": …}}

An age file says nothing of who made it, so what it is for stands inside: one that was copied from
somebody's schedule is worth nothing in another's. Version 1 was the credentials alone; it is refused.

The credentials are a map of names to texts, the variables that the ecosystem uses. Both keys must be
there, or the server's client library would look for the server's own. What names a file, a profile or a
service that gives out credentials is refused: those would be the server's, too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from backup_agent.errors import AgentError
from backup_agent.sealing import seal, ssh_recipient

NEEDED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ENDPOINT = "AWS_ENDPOINT_URL_S3"
ALLOWED = frozenset({*NEEDED, "AWS_SESSION_TOKEN", "AWS_REGION", ENDPOINT})
SAME = {"AWS_ENDPOINT_URL": ENDPOINT, "AWS_ENDPOINT": ENDPOINT, "AWS_DEFAULT_REGION": "AWS_REGION"}
"""Other names of the same."""

VERSION = 2
FIELDS = 4
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


def seal_credentials(credentials: Mapping[str, str], server: str, space: str, place: str) -> bytes:
    """An age file for the server `server`, a did:key, about `space` at the URL `place`.

    Raises BadCredentials.
    """
    check_names(credentials)
    bound = {"version": VERSION, "space": space, "place": place, "credentials": dict(credentials)}
    return seal(json.dumps(bound).encode(), [ssh_recipient(server)])


def decode_credentials(plain: bytes, space: str, place: str) -> dict[str, str]:
    """What `seal_credentials` sealed, if it was about `space` at `place`. Raises BadCredentials."""
    try:
        bound: Any = json.loads(plain)
    except (ValueError, RecursionError):
        bound = None
    match bound:
        case {"version": 2, "space": str(of), "place": str(at), "credentials": dict()} if (
            len(bound) == FIELDS
        ):
            if (of, at) != (space, place):
                raise BadCredentials("the credentials of the place were sealed for another space or place")
            credentials = cast("dict[str, Any]", bound["credentials"])
            check_names(credentials)
            return credentials
        case _:
            why = "are sealed in an older form, or in none"
            raise BadCredentials(
                f"the credentials of the place {why}; `skypail schedule ACCOUNT` seals them anew"
            )


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
