"""When a place was last proved to give what it holds: a small file in the home for each space.

    places/<key>.proved   {"version": 1,
                           "places": {"s3://bucket/prefix": {"at": "2026-…Z", "blocks": 20, "bad": 0}}}

It only says what was seen; losing it costs that.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from backup_agent.atproto.strict_json import decode_json
from backup_agent.errors import HomeUnusable

VERSION = 1
MAX_FILE_BYTES = 64 << 10


class Note(NamedTuple):
    """at: when, RFC 3339. blocks: how many were read. bad: how many shards did not give one right."""

    at: str
    blocks: int
    bad: int


class ProofNotes:
    """Of the places of `space`, in `folder`."""

    def __init__(self, folder: Path, space: str) -> None:
        self._path = folder / f"{quote(space.removeprefix('did:key:'), safe='')}.proved"

    def load(self) -> dict[str, Note]:
        """By place. A file that is none of ours says nothing. Raises HomeUnusable if it cannot be read."""
        try:
            document: Any = (
                decode_json(self._path.read_bytes(), max_bytes=MAX_FILE_BYTES) if self._path.exists() else {}
            )
        except OSError as error:
            raise HomeUnusable(self._path, error) from error
        except ValueError:
            return {}
        places = cast("dict[str, Any]", document).get("places") if isinstance(document, dict) else None
        found = cast("dict[str, Any]", places) if isinstance(places, dict) else {}
        return {where: note for where, value in found.items() if (note := _decode(value))}

    def note(self, where: str, note: Note) -> None:
        """Raises HomeUnusable."""
        notes = self.load() | {where: note}
        document = {"version": VERSION, "places": {where: each._asdict() for where, each in notes.items()}}
        draft = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_text(json.dumps(document, indent=2) + "\n")
            draft.replace(self._path)
        except OSError as error:
            raise HomeUnusable(self._path, error) from error


def _decode(value: Any) -> Note | None:
    match value:
        case {"at": str(at), "blocks": int(blocks), "bad": int(bad)}:
            return Note(at, blocks, bad)
        case _:
            return None
