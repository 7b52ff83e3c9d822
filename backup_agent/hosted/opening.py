"""Opens spaces at providers, for the agent of a home."""

from __future__ import annotations

from backup_agent.authority import Authority
from backup_agent.clock_list import ClockList, KnownClock
from backup_agent.delegations import HELD, Delegations, space_of
from backup_agent.home import Home, Settings
from backup_agent.hosted.line import ProviderLine
from backup_agent.place_list import KnownPlace, PlaceList
from space.errors import BadAddress, NoSpace
from space.remote.address import ProviderAddress
from space.remote.opening import open_remote
from space.space import Space


def open_hosted(
    home: Home, chosen: Settings, address: ProviderAddress, *, resume: bool = False, clock: bool = True
) -> Space:
    """The space at `address`, of which the provider need not know yet. resume: what was being sent is.

    clock: use the provider's clock from now on, unless others are in use (spec/places.md).
    Raises NoSpace, BadAddress, HomeUnusable, SpaceFull, SpaceUnavailable.
    """
    did = address.space or choose_space(home, address.url)
    line = ProviderLine(address.url, allow_private=chosen.allow_private_hosts)
    try:
        provider = pinned(home, line, did)
        asking = line.asking(provider, Authority(home, home.agent(), did))
    except BaseException:
        line.close()
        raise
    clocks = ClockList(home.clocks, did)
    if clock and not clocks.load():
        clocks.set([KnownClock(address.url, provider)], at_least=1)
    return open_remote(
        address.url,
        did,
        lambda kept: line.blobs(asking, kept),
        cache=home.cache,
        own=home.hosted,
        resume=resume,
    )


def pinned(home: Home, line: ProviderLine, did: str, provider: str | None = None) -> str:
    """The provider's DID: as it was pinned for this space, or else pinned now. Raises SpaceUnavailable.

    provider: who it is, by the user's word.
    """
    known, where = PlaceList(home.places, did), f"{line.url}/{did}"
    before = next((place for place in known.load() if place.where == where), KnownPlace(where))
    found = provider or before.provider or line.did()
    if found != before.provider:
        known.add(before._replace(provider=found))
    return found


def choose_space(home: Home, url: str) -> str:
    """Which space is meant by a provider's URL alone. Raises NoSpace, BadAddress if several may be."""
    mine = {*home.space_keys(), *map(space_of, Delegations(home.delegations).list(HELD))}
    there = [
        did
        for did in sorted(mine)
        if any(place.where == f"{url}/{did}" for place in PlaceList(home.places, did).load())
    ]
    found = there or sorted(mine)
    if not found:
        raise NoSpace(
            f"which space at {url} is meant cannot be told, as no key of one is here; `skypail space key "
            f"import` takes one, `skypail space create {url}` makes one"
        )
    if len(found) > 1:
        names = ", ".join(f"{url}/{did}" for did in found)
        raise BadAddress(url, f"this agent has several spaces; name one of {names}")
    return found[0]
