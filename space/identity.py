"""What a place says of itself: the DID of its space, in a file that is written once.

Two machines may each make the same folder a space before they sync. The files are named by their
DIDs, so both survive; from then on the smallest DID, compared as text, is the space's. Blocks and
heads do not depend on it, so nothing is lost by the change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from space.layout import SPACE_SUFFIX, did_key_part
from space.place import Entry, Place

MAX_SPACE_FILE_BYTES = 4096
VERSION = 1

_README = (
    "A skypail space: CAR shards of content-addressed blocks, and one head for each agent. Keep them all."
)


def did_of_space(place: Place, there: Sequence[Entry] | None = None) -> str | None:
    """The smallest DID that any space file names, None if there is none. Torn files are passed over.

    there: what the place lists beside such files, if that was asked just now.
    """
    entries = place.list("") if there is None else there
    names = [entry.name for entry in entries if entry.name.endswith(SPACE_SUFFIX)]
    contents = [place.load("", name, MAX_SPACE_FILE_BYTES) for name in names]
    return min((did for content in contents if content and (did := _decode(content))), default=None)


def write_identity(place: Place, did: str) -> None:
    """Make `did` name the space, which has no name yet."""
    text = json.dumps({"version": VERSION, "did": did, "readme": _README}, indent=2)
    place.store("", did_key_part(did) + SPACE_SUFFIX, text.encode() + b"\n")


def _decode(content: bytes) -> str | None:
    try:
        value: Any = json.loads(content)
        fields = cast(dict[str, Any], value if isinstance(value, dict) else {})
        did = fields.get("did")
        if fields.get("version") != VERSION or not isinstance(did, str):
            return None
        did_key_part(did)
    except (ValueError, RecursionError):
        return None
    return did
