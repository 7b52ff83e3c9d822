"""Spaces by where they lie: which places this server goes to, and a place that asks before each write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from backup_agent.errors import SealedForOthers
from backup_agent.server.errors import PlaceRefused, WrongPlace
from backup_agent.server.permit import Permit
from backup_agent.server.schedule import PlaceOf
from space import Place, Space, open_folder
from space.place import Draft, Entry

MAX_CREDENTIALS = 32


@dataclass(frozen=True, slots=True)
class Places:
    """folders: below which the operator lets local spaces be; none by default. cache: for indexes."""

    cache: Path
    folders: Sequence[Path] = ()

    def check(self, place: PlaceOf) -> None:
        """Return if this server goes there. Raises PlaceRefused."""
        scheme = urlsplit(place.url).scheme
        if scheme == "file":
            self._folder(place)
        else:
            raise PlaceRefused(f"this server does not know how to write to {scheme[:20]!r} places")

    def open(self, place: PlaceOf, space: str, permit: Permit) -> Space:
        """The space there, which must be `space`; `permit` is asked before each write to it.

        Raises PlaceRefused, WrongPlace, SpaceError.
        """
        opened = open_folder(self._folder(place), cache=self.cache)
        if opened.did != space:
            found = opened.did
            opened.close()
            raise WrongPlace(f"{place.url} holds the space {found}, not {space}")
        opened.place = cast(Place, PermittedPlace(opened.place, permit))
        return opened

    def _folder(self, place: PlaceOf) -> Path:
        """As it is after links: nobody gets out of a permitted folder by one. Raises PlaceRefused."""
        parts = urlsplit(place.url)
        if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
            raise PlaceRefused("a folder is written like file:///path/to/space")
        path = Path(unquote(parts.path)).resolve()
        if not any(path.is_relative_to(folder.resolve()) for folder in self.folders):
            raise PlaceRefused(
                "this server does not write to that folder; its operator can allow it by --folder"
            )
        return path


def open_sealed(sealed: bytes, seed: bytes) -> dict[str, str]:
    """The credentials that an owner sealed to the server's key. Raises WrongPlace."""
    from backup_agent.sealing import unseal

    try:
        found: Any = json.loads(unseal(sealed, seed))
    except (SealedForOthers, ValueError) as error:
        raise WrongPlace("the credentials of the place are not sealed to this server's key") from error
    pairs = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if not pairs or len(pairs) > MAX_CREDENTIALS or not all(isinstance(each, str) for each in pairs.values()):
        raise WrongPlace("the credentials of the place are no map of names to texts")
    return pairs


class MeteredDraft:
    """A `space.place.Draft` that counts against what the space may take today."""

    def __init__(self, inner: Draft, permit: Permit) -> None:
        self.inner, self._permit = inner, permit

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, content: bytes | bytearray | memoryview) -> None:
        self._permit.spend(len(content))
        self.inner.write(content)


class PermittedPlace:
    """A `space.Place` that asks before anything becomes visible; all else is the inner place's."""

    def __init__(self, inner: Place, permit: Permit) -> None:
        self._inner, self._permit = inner, permit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def draft(self, room: str) -> Draft:
        return cast(Draft, MeteredDraft(self._inner.draft(room), self._permit))

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        if drafts:
            self._permit()
        bare = [(each.inner if isinstance(each, MeteredDraft) else each, name) for each, name in drafts]
        return self._inner.publish(room, bare)

    def store(self, room: str, name: str, content: bytes) -> None:
        self._permit()
        self._inner.store(room, name, content)

    def remove(self, room: str, name: str) -> None:
        raise AssertionError("a server agent deletes nothing (S5)")
