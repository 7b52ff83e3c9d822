"""Scheduling an account at a server, and keeping alive what was delegated for it."""

from __future__ import annotations

import time
from typing import Any

from backup_agent.cli.known_space import OfSpace
from backup_agent.cli.output import print_error
from backup_agent.cli.remote import Line, authority_of, clock_list
from backup_agent.clock_list import KnownClock
from backup_agent.delegations import ISSUED, REVOKED, Delegations, space_of
from backup_agent.errors import AgentError
from backup_agent.expiry import time_left
from backup_agent.scheduled import Scheduled, ScheduledList
from backup_agent.server_line import NOT_SCHEDULED, WARN_BELOW_S, ServerFailed, ServerLine, Wish, delegate_to
from backup_agent.snapshot import backups_prefix
from clock_service.errors import RemoteClockError
from ucan import Delegation


def scheduled_list(bench: OfSpace) -> ScheduledList:
    """What is scheduled for the space of `bench`."""
    return ScheduledList(bench.home.servers, bench.space.did)


def schedule(
    bench: OfSpace, line: Line, server: KnownClock, wish: Wish, *, is_renewal: bool = False
) -> dict[str, Any]:
    """Delegate and schedule; remembered here so that it can be renewed and taken back."""
    authority = authority_of(bench)
    made = delegate_to(server.did, authority, wish)
    told = ServerLine(line.caller(server, authority)).schedule(wish, [made], is_renewal=is_renewal)
    Delegations(bench.home.delegations).add(ISSUED, made)
    expires = made.ucan.expires_at_unix
    assert expires is not None
    scheduled_list(bench).add(
        Scheduled(
            url=server.url,
            did=server.did,
            account=wish.account,
            every=wish.every,
            place=wish.place,
            delegation=str(made.cid),
            expires=expires,
            until=wish.until,
            keep=wish.keep,
            provider=wish.provider,
        )
    )
    return told


def delegated(bench: OfSpace, server: str, account: str) -> list[Delegation]:
    """What this home delegated to `server` for backups of `account` and has not ended, revoked or not.

    More than one: each renewal, and each change of the schedule, makes one, and those before it go on.
    """
    now_unix_s, keys, store = int(time.time()), backups_prefix(account), Delegations(bench.home.delegations)
    return [
        each
        for each in [*store.list(ISSUED), *store.list(REVOKED)]
        if (each.audience, space_of(each)) == (server, bench.space.did)
        and any((can.nb or {}).get("keys") == keys for can in each.ucan.capabilities)
        and (each.ucan.expires_at_unix or now_unix_s) >= now_unix_s
    ]


def renew(bench: OfSpace, line: Line) -> None:
    """Delegate anew what has less than RENEW_BELOW_S left; warn of what ends soon and could not be.

    What was revoked is not: its owner took it back, and `schedule` alone gives it again. Nor is what the
    server does not know any more: it was removed, perhaps from another machine, and is forgotten here too.

    Failing is no reason for anything else to fail: there is time until the next try.
    """
    now_unix_s = int(time.time())
    clocks = clock_list(bench).load()
    taken_back = {str(each.cid) for each in Delegations(bench.home.delegations).list(REVOKED)}
    for each in scheduled_list(bench).load():
        if each.delegation in taken_back or not each.wants_renewal(now_unix_s):
            continue
        clock = clocks[0] if clocks else None
        wish = Wish(
            each.account, each.every, each.place, clock, each.until, each.keep, provider=each.provider
        )
        try:
            schedule(bench, line, KnownClock(each.url, each.did), wish, is_renewal=True)
        except (AgentError, RemoteClockError) as error:
            if isinstance(error, ServerFailed) and error.name == NOT_SCHEDULED:
                scheduled_list(bench).remove(each.url, each.account)
                print_error(f"{each.account} was taken off the schedule at {each.url}, so nothing is renewed")
            elif each.expires - now_unix_s < WARN_BELOW_S:
                left = time_left(each.expires, now_unix_s)
                print_error(f"the delegation for {each.account} to {each.url}: {left} left; {error}")
