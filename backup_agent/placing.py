"""Opens a given space wherever it lies or shall lie: what copies, moves and keeps several in step needs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from backup_agent.errors import HomeUnusable
from backup_agent.home import Home, Settings
from backup_agent.new_folder import expect_folder, expect_none_below, expect_parent
from backup_agent.place_list import KnownPlace, PlaceList, default_where, text_of
from space import NoSpace, Space, SpaceUnavailable, Where, open_folder, open_space
from space.errors import BadAddress
from space.remote.address import ProviderAddress, is_provider, parse_provider


def settled(where: Where, space: str) -> Where:
    """`where` in the one form that files keep it in: absolute, and at a provider with the space named."""
    if isinstance(where, Path):
        return where.absolute()
    if not is_provider(where):
        return where
    address = parse_provider(where)
    if address.space not in (None, space):
        raise BadAddress(where, f"that is another space than {space}")
    return str(ProviderAddress(address.url, space))


def is_default(home: Home, where: Where, space: str) -> bool:
    """Whether commands without --space mean `space` at `where`. Raises HomeUnusable."""
    try:
        return settled(default_where(home), space) == settled(where, space)
    except BadAddress:  # at a provider, and of another space
        return False


def replicas_beside(home: Home, where: Where) -> list[tuple[str, KnownPlace]]:
    """The other places of the space that lies in `where`, with its DID, if it has replicas.

    For when what lies there cannot be asked which space it is. None if `where` names a provider alone,
    and several spaces are there. Raises HomeUnusable.
    """
    try:
        paths = sorted(home.places.glob("z*.json"))
    except OSError as error:
        raise HomeUnusable(home.places, error) from error
    found: dict[str, list[KnownPlace]] = {}
    for did in (f"did:key:{path.stem}" for path in paths):
        with suppress(BadAddress):  # at a provider, of another space
            if others := PlaceList(home.places, did).others(text_of(settled(where, did))):
                found[did] = others
    is_clear = len(found) <= 1 or isinstance(where, Path) or not is_provider(where)
    return [(did, place) for did, others in found.items() for place in others] if is_clear else []


def open_at(home: Home, chosen: Settings, where: Where, space: str, *, create: bool = True) -> Space:
    """`space` at `where`, as `settled` gives it. create: make it there if nothing is.

    Raises SpaceUnavailable, also if another space is there, NoSpace, SpaceFull, BadAddress.
    """
    did = space if create else None
    if isinstance(where, Path):
        opened = _open_folder(home, where, did)
    elif is_provider(where):
        from backup_agent.hosted.opening import open_hosted

        return open_hosted(home, chosen, parse_provider(where), resume=True, clock=False)
    else:
        allow = chosen.allow_private_hosts
        opened = open_space(where, cache=home.cache, environ=os.environ, did=did, allow_private=allow)
    if opened.did != space:
        opened.close()
        raise SpaceUnavailable(f"{text_of(where)} holds another space, {opened.did}; name an empty place")
    return opened


def _open_folder(home: Home, folder: Path, did: str | None) -> Space:
    expect_folder(folder)
    expect_parent(folder)
    try:
        if did is not None:
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SpaceUnavailable(f"no space can be made in {folder}: {error.strerror}") from error
    try:
        return open_folder(folder, cache=home.cache)
    except NoSpace as error:
        if did is None:
            raise
        if not error.has_shards:
            expect_none_below(folder)
    return open_folder(folder, cache=home.cache, did=did)
