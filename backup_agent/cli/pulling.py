"""What clock services know of a space that lies at a provider, taken into this machine's own head.

A provider keeps no head objects, so that is how a machine learns of what others recorded.
"""

from __future__ import annotations

from backup_agent.cli.remote import Clocks, clock_list, open_clocks, open_line
from backup_agent.cli.workbench import Workbench
from clock_service.errors import RemoteClockError
from space.errors import SpaceError


def pull(bench: Workbench) -> tuple[str, ...]:
    """Why services could not be read, each in a sentence. Raises what looking through the shards raises."""
    with open_line(bench.settings) as line:
        clocks = open_clocks(line, bench, clock_list(bench).load())
        problems = [trouble.why for trouble in clocks.unusable.values()]
        for url in clocks.remote:
            try:
                _pull(bench, clocks, url)
            except (RemoteClockError, SpaceError) as error:
                problems.append(str(error))
        return tuple(problems)


def _pull(bench: Workbench, clocks: Clocks, url: str) -> None:
    look = clocks.remote[url].look()
    if look.unreadable:
        bench.space.refresh()  # shards that other machines brought
        look = clocks.remote[url].look()
    known = bench.clock.head()
    for event in look.head:
        if event not in known:
            known = bench.clock.advance(event)
    if look.unreadable:
        event, why = next(iter(look.unreadable.items()))
        raise RemoteClockError(url, f"names {event}, which cannot be read in {bench.where}: {why}")
