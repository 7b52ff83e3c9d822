"""Which space a command means that opens none: by --space, or the default one."""

from __future__ import annotations

from contextlib import suppress

from backup_agent.cli.workbench import workbench
from backup_agent.home import Home
from backup_agent.hosted.opening import choose_space
from backup_agent.place_list import default_where
from backup_agent.placing import settled
from space import NoSpace, Where
from space.errors import BadAddress
from space.remote.address import ProviderAddress, is_provider, parse_provider


def space_at(home: Home, where: Where | None) -> str:
    """The DID of the space that lies there; None for the default place. A provider is not asked.

    Raises what opening a space raises, BadAddress where a provider's URL may mean several.
    """
    place = default_where(home) if where is None else where
    if isinstance(place, str) and is_provider(place):
        address = parse_provider(place)
        return address.space or choose_space(home, address.url)
    with workbench(where) as bench:
        return bench.space.did


def space_for(home: Home, address: ProviderAddress, where: Where | None) -> str:
    """Which space a provider shall have: that of `where`, or of the URL; where several may be, the default.

    Raises as `space_at`, BadAddress also if `where` and the URL name two.
    """
    if where is not None:
        space = space_at(home, where)
        settled(str(address), space)
        return space
    if address.space is not None:
        return address.space
    try:
        return choose_space(home, address.url)
    except BadAddress:
        with suppress(NoSpace):
            return space_at(home, None)
        raise
