"""Where spaces lie: a small file in the home for each, and one for where the default space is now.

    places/<key>.json     {"version": 1, "places": [{"where": "s3://bucket/prefix", "replica": true}, …],
                           "atLeast": 1}
    places/default.json   {"version": 1, "where": "https://provider.example.com/did:key:z6Mk…"}

`where` is a path or a URL as `--space` takes it; with `provider`, of one at a provider, whose DID is
pinned when it is first used. A backup into one `replica` is brought to all of them; `atLeast`: how many
must have it for the backup to be whole. `leftFor`: where the space was moved to from there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from backup_agent.atproto.strict_json import decode_json
from backup_agent.errors import HomeUnusable
from backup_agent.home import Home
from space.errors import BadAddress
from space.opening import Where, parse_where
from ucan import is_did

VERSION = 1
MAX_PLACES = 16
MAX_FILE_BYTES = 64 << 10


class KnownPlace(NamedTuple):
    """One place of a space. provider: its DID, of a provider. replica: whether it is kept in step.

    left_for: the place to which the space was moved from here.
    """

    where: str
    provider: str | None = None
    replica: bool = False
    left_for: str | None = None


def text_of(where: Where) -> str:
    """As a file says it."""
    return str(where.absolute()) if isinstance(where, Path) else where


class PlaceList:
    """The places of `space`, in the order they were added."""

    def __init__(self, folder: Path, space: str) -> None:
        self._path = folder / f"{quote(space.removeprefix('did:key:'), safe='')}.json"

    def load(self) -> list[KnownPlace]:
        """Raises HomeUnusable if the file is none of ours."""
        return self._load()[0]

    def others(self, where: str) -> list[KnownPlace]:
        """What is kept in step with `where`; nothing if that is no replica itself. Raises as `load`."""
        replicas = [place for place in self.load() if place.replica]
        known = any(place.where == where for place in replicas)
        return [place for place in replicas if place.where != where] if known else []

    def left_for(self, where: str) -> str | None:
        """Where the space was moved to from `where`; None if it was not. Raises as `load`."""
        return next((place.left_for for place in self.load() if place.where == where), None)

    def at_least(self) -> int:
        """How many of the places must take a backup, 1 where nothing is said. Raises as `load`."""
        return self._load()[1]

    def _load(self) -> tuple[list[KnownPlace], int]:
        document = _load(self._path)
        try:
            return ([], 1) if document is None else _decode(document)
        except ValueError as error:
            raise HomeUnusable(self._path, error) from error

    def add(self, place: KnownPlace) -> None:
        """Know `place`; one at the same spot is replaced where it stands. Raises HomeUnusable."""
        known = self.load()
        replaced = [place if each.where == place.where else each for each in known]
        self.set(replaced if place in replaced else [*known, place])

    def move(self, old: str, new: str) -> None:
        """Have `new` stand for `old`, which is left. Raises HomeUnusable.

        Where there is no room, the places that were left first are forgotten.
        """
        known = {each.where: each for each in self.load()}
        left, found = known.pop(old, KnownPlace(old)), known.pop(new, KnownPlace(new))
        moved = found._replace(replica=found.replica or left.replica, left_for=None)
        used = [each for each in known.values() if each.left_for is None]
        gone = [each._replace(left_for=new) for each in known.values() if each.left_for is not None]
        gone.append(left._replace(replica=False, left_for=new))
        room = max(0, MAX_PLACES - 1 - len(used))
        self.set([moved, *used, *gone[len(gone) - min(room, len(gone)) :]])

    def set(self, places: Sequence[KnownPlace], *, at_least: int | None = None) -> None:
        """These and no others; whole or not at all. at_least: None for as before. Raises HomeUnusable."""
        if len(places) > MAX_PLACES:
            raise HomeUnusable(self._path, ValueError(f"no more than {MAX_PLACES} places for one space"))
        wanted = min(self.at_least() if at_least is None else at_least, max(1, len(places)))
        rows = [_encode_place(place) for place in places]
        _write(self._path, {"version": VERSION, "places": rows, "atLeast": wanted})


def default_where(home: Home) -> Where:
    """Where the space of commands without --space lies. Raises HomeUnusable."""
    path = home.places / "default.json"
    match _load(path):
        case None:
            return home.default_space
        case {"version": 1, "where": str(where)}:
            try:
                return parse_where(where)
            except BadAddress as error:
                raise HomeUnusable(path, error) from error
        case _:
            raise HomeUnusable(path, ValueError("it does not say where the default space is"))


def set_default(home: Home, where: Where) -> None:
    """From now on commands without --space mean the space there. Raises HomeUnusable."""
    _write(home.places / "default.json", {"version": VERSION, "where": text_of(where)})


def _load(path: Path) -> Any:
    """None if there is no file."""
    try:
        return decode_json(path.read_bytes(), max_bytes=MAX_FILE_BYTES) if path.exists() else None
    except (OSError, ValueError) as error:
        raise HomeUnusable(path, error) from error


def _write(path: Path, document: Any) -> None:
    draft = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft.open("w") as file:
            file.write(json.dumps(document, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise HomeUnusable(path, error) from error


def _decode(document: Any) -> tuple[list[KnownPlace], int]:
    match document:
        case {"version": 1, "places": [*places], "atLeast": int(at_least)} if len(places) <= MAX_PLACES:
            if type(at_least) is bool or not 1 <= at_least <= max(1, len(places)):
                raise ValueError("atLeast is no number of places")
            return [_decode_place(place) for place in places], at_least
        case _:
            raise ValueError("it is no list of places of version 1")


def _encode_place(place: KnownPlace) -> dict[str, Any]:
    row = {
        "where": place.where,
        "provider": place.provider,
        "replica": place.replica,
        "leftFor": place.left_for,
    }
    return {name: value for name, value in row.items() if value not in (None, False)}


def _decode_place(place: Any) -> KnownPlace:
    match place:
        case {"where": str(where), **more} if more.keys() <= {"provider", "replica", "leftFor"}:
            provider, replica, left_for = (
                more.get("provider"),
                more.get("replica", False),
                more.get("leftFor"),
            )
        case _:
            raise ValueError("it holds something that is no place")
    if (
        not isinstance(replica, bool)
        or not isinstance(left_for, str | None)
        or not (provider is None or (isinstance(provider, str) and is_did(provider)))
    ):
        raise ValueError("it holds something that is no place")
    return KnownPlace(where, provider, replica, left_for)
