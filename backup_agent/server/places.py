"""Spaces by where they lie: which places this server goes to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

from backup_agent.bucket_credentials import ENDPOINT
from backup_agent.errors import HostRefused
from backup_agent.net import check_url, system_lookup
from backup_agent.net.dial import GuardedBackend
from backup_agent.server.credentials import check_credentials
from backup_agent.server.deadline import Deadline
from backup_agent.server.errors import PlaceRefused, WrongPlace
from backup_agent.server.hosted_place import Held, provider_place
from backup_agent.server.permit import Permit
from backup_agent.server.permitted_place import PermittedPlace
from backup_agent.server.schedule import PlaceOf
from backup_agent.server.share_rows import domain_of
from backup_agent.server.tunnel import tunnel
from space import LOCAL_FILES, Place, Space
from space.bucket.address import parse_address
from space.errors import BadAddress
from space.folder_place import FolderPlace
from space.guard import guarded
from space.place_cache import PlaceCache
from space.remote.address import parse_provider

AMAZON = "https://amazonaws.com"


@dataclass(frozen=True, slots=True)
class Places:
    """cache: for indexes. folders: below which the operator lets local spaces be. seed: of the server's key.

    allow_private: as for all outgoing requests. endpoints: domains in which servers of buckets may be,
    besides Amazon's own.
    """

    cache: Path
    folders: Sequence[Path]
    seed: bytes = field(repr=False)
    allow_private: bool = False
    endpoints: Sequence[str] = ()

    def check(self, place: PlaceOf, space: str) -> None:
        """Return if this server goes there for `space`. Raises PlaceRefused."""
        scheme = urlsplit(place.url).scheme
        if scheme == "file":
            self._folder(place.url)
        elif place.is_provider:
            self._check_provider(place)
        elif scheme == "s3":
            try:
                parse_address(place.url)
                self._credentials(place, space)
            except (BadAddress, WrongPlace) as error:
                raise PlaceRefused(str(error)) from error
        else:
            raise PlaceRefused(f"this server does not know how to write to {scheme[:20]!r} places")

    def domain_of(self, place: PlaceOf, space: str) -> str | None:
        """Whose machines `place`, which was checked, is on; None if it is on the operator's own disks."""
        if place.url.startswith("s3:"):
            return domain_of(self._credentials(place, space).get(ENDPOINT, AMAZON))
        return domain_of(place.url) if place.is_provider else None

    def open(self, place: PlaceOf, may: Held, permit: Permit) -> Space:
        """The space there, which must be that of `may`; `permit` is asked before each write to it.

        Raises PlaceRefused, WrongPlace, SpaceError.
        """
        name = may.space if place.is_provider else None  # which a provider's own place does not know
        kept, inner = self._at(place, may, permit.deadline)
        opened = Space.open(cast(Place, PermittedPlace(inner, permit)), kept, name)
        if opened.did != may.space:
            found = opened.did
            opened.close()
            raise WrongPlace(f"{place.url} holds the space {found}, not {may.space}")
        return opened

    def _at(self, place: PlaceOf, may: Held, deadline: Deadline) -> tuple[PlaceCache, Place]:
        if place.is_provider:
            return provider_place(place, may, deadline, cache=self.cache, allow_private=self.allow_private)
        return self._bucket(place, may.space) if place.url.startswith("s3:") else self._local(place)

    def _check_provider(self, place: PlaceOf) -> None:
        try:
            check_url(parse_provider(place.url).url, allow_private=self.allow_private)
        except (BadAddress, HostRefused) as error:
            raise PlaceRefused(str(error)) from error
        if place.provider is None:
            raise PlaceRefused("the DID of a provider must be said, so that it can be held to its word")

    def _local(self, place: PlaceOf) -> tuple[PlaceCache, Place]:
        folder = self._folder(place.url)
        with guarded(f"opening the space in {folder}"):
            kept = PlaceCache(self.cache, str(folder))
            return kept, FolderPlace(folder, LOCAL_FILES, home=kept.home, lock=kept.lock)

    def _bucket(self, place: PlaceOf, space: str) -> tuple[PlaceCache, Place]:
        from space.bucket.opening import bucket_place
        from space.bucket.store import endpoint_of, open_store

        address = parse_address(place.url)
        credentials = self._credentials(place, space)
        if endpoint := credentials.get(ENDPOINT):  # refused here in words, and below at every connection
            guard = GuardedBackend(system_lookup, allow_private=self.allow_private)
            asyncio.run(guard.addresses_of(urlsplit(endpoint).hostname or ""))
        is_plain = urlsplit(endpoint or AMAZON).scheme == "http"  # to this very machine
        proxy = None if is_plain else tunnel(allow_private=self.allow_private).url
        store = open_store(address, credentials, allow_private=self.allow_private, proxy=proxy)
        with guarded(f"opening the space in {address}"):
            kept = PlaceCache(self.cache, f"{address} {endpoint_of(address, credentials) or ''}")
            return kept, bucket_place(store, str(address), kept)

    def _credentials(self, place: PlaceOf, space: str) -> dict[str, str]:
        return check_credentials(
            place, space, self.seed, allow_private=self.allow_private, endpoints=self.endpoints
        )

    def _folder(self, url: str) -> Path:
        """As it is after links: nobody gets out of a permitted folder by one. Raises PlaceRefused."""
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
            raise PlaceRefused("a folder is written like file:///path/to/space")
        try:
            path = Path(unquote(parts.path)).resolve()
        except (ValueError, RuntimeError) as error:  # a NUL in it, a circle of links
            raise PlaceRefused("that folder cannot be") from error
        if not any(path.is_relative_to(folder.resolve()) for folder in self.folders):
            why = "this server does not write to that folder; its operator can allow it by --folder"
            raise PlaceRefused(why)
        return path
