"""A space at a provider, as a server sees it that was delegated to add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backup_agent.hosted.blobs import HostedBlobs
from backup_agent.hosted.line import ProviderLine
from backup_agent.server.deadline import Deadline
from backup_agent.server.errors import WrongPlace
from backup_agent.server.schedule import PlaceOf
from clock_service.access import Access
from space import LOCAL_FILES, Place
from space.drafts import Drafts
from space.folder_place import FolderPlace
from space.guard import guarded
from space.place_cache import PlaceCache
from space.remote.address import parse_provider
from space.remote.opening import own_name
from space.remote.place import ProviderPlace
from ucan import Delegation, Signer


@dataclass(frozen=True, slots=True)
class Held:
    """A `hosted.asking.MayAsk`: what the server was delegated for one account of `space`."""

    agent: Signer
    space: str
    held: Sequence[Delegation]

    def access(self, now_unix_s: int) -> Access:
        """As the server, with these delegations."""
        return Access(self.agent, self.space, self.held)


def provider_place(
    place: PlaceOf, may: Held, deadline: Deadline, *, cache: Path, allow_private: bool
) -> tuple[PlaceCache, Place]:
    """The place, and what this machine keeps of it. Raises WrongPlace, BadAddress, SpaceUnavailable."""
    address = parse_provider(place.url)
    if address.space not in (None, may.space) or place.provider is None:
        raise WrongPlace(f"{place.url} does not name the space {may.space} at a provider whose DID is known")
    line = ProviderLine(address.url, allow_private=allow_private)
    try:
        asking = line.asking(place.provider, may)
        with guarded(f"opening the space at {address.url}"):
            kept = PlaceCache(cache, f"{address.url} {may.space}")
    except BaseException:
        line.close()
        raise
    own = cache / "hosted" / own_name(address.url, may.space)
    return kept, ProviderPlace(
        HostedBlobs(asking, line.http, deadline.bounds(line.finish), kept.kept, close=line.close),
        FolderPlace(own, LOCAL_FILES, home=kept.home, lock=kept.lock),
        staging=kept.staging,
        drafts=Drafts(LOCAL_FILES, home=kept.home, lock=kept.lock),
        kept=kept.kept,
        files=LOCAL_FILES,
    )
