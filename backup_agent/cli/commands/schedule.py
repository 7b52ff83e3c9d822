"""`skypail schedule`: what a server does for this space."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from backup_agent.bucket_credentials import load_credentials, seal_credentials
from backup_agent.cli.commands.schedule_words import needs_a_look, one_line, state_text, status_lines
from backup_agent.cli.known_space import KnownSpace, OfSpace, scheduled_space
from backup_agent.cli.output import INCOMPLETE, WHOLE, print_error, print_json, print_table, print_text
from backup_agent.cli.remote import Line, authority_of, clock_list, open_clocks, open_line
from backup_agent.cli.scheduling import delegated, renew, schedule, scheduled_list
from backup_agent.cli.workbench import Workbench, account_did, resolve, settings, workbench
from backup_agent.clock_list import KnownClock, plain_url
from backup_agent.delegations import Delegations
from backup_agent.errors import AgentError, DelegationError
from backup_agent.expiry import parse_expiry
from backup_agent.period import parse_period
from backup_agent.place_list import PlaceList
from backup_agent.server_line import ServerFailed, ServerLine, Wish
from clock_service.errors import RemoteClockError
from space import Where
from space.bucket.address import is_address
from space.remote.address import is_provider, parse_provider


def add(
    account: str,
    server: str,
    every: str,
    keep: str | None,
    until: str | None,
    place: str | None,
    credentials: Path | None,
    where: Where | None,
    as_json: bool,
) -> int:
    """Schedule an account, or change its schedule."""
    period_s = parse_period(every)
    until_s = None if until is None else parse_expiry(until, int(time.time()))
    did = asyncio.run(resolve(settings(), account)).did
    with workbench(where, create=True) as bench, open_line(bench.settings) as line:
        known = line.find(plain_url(server), None)
        clock = _bring_clock_up(bench, line)
        url = place or bench.url
        sealed = _sealed(url, credentials, known.did, bench.space.did)
        wish = Wish(did, period_s, url, clock, until_s, keep, sealed, _provider(bench, url))
        told = schedule(bench, line, known, wish)
    if as_json:
        print_json({"server": known.url, **told})
    else:
        if bench.is_new_space:
            print_text(*bench.new_space_lines)
        print_text(f"{account} is backed up by {known.did} at {known.url}, {every}", *status_lines(told))
    return WHOLE


def _sealed(url: str, credentials: Path | None, server: str, space: str) -> bytes | None:
    """What it takes to write to a bucket, for the server alone; None for another kind of place."""
    if not is_address(url):
        return None
    if not url.startswith("s3:"):
        where = "s3://, a provider or a folder"
        raise AgentError(f"a server does not write to {url[:2]}:// places yet, but to {where}")
    return seal_credentials(load_credentials(credentials), server, space, url)


def _provider(bench: Workbench, url: str) -> str | None:
    """The DID of the provider that `url` is at, as it was pinned here; None for another kind of place."""
    if not is_provider(url):
        return None
    where = f"{parse_provider(url).url}/{bench.space.did}"
    known = PlaceList(bench.home.places, bench.space.did).load()
    found = next((place.provider for place in known if place.where == where), None)
    if found is None:
        raise AgentError(f"the space {bench.space.did} is not known to be at {url}; use it from here first")
    return found


def _bring_clock_up(bench: Workbench, line: Line) -> KnownClock | None:
    """The clock service in use, with all that is here; the server makes its events on that head."""
    known = clock_list(bench).load()
    if not known:
        return None
    clocks = open_clocks(line, bench, known[:1])
    clocks.several.sync()
    for trouble in clocks.troubles().values():
        raise DelegationError(f"{trouble.why}; the server needs that clock, so nothing was scheduled")
    return known[0]


def list_(server: str | None, where: Where | None, as_json: bool) -> int:
    """List what is scheduled, at each server that is known."""
    with scheduled_space(where) as bench, open_line(bench.settings) as line:
        renew(bench, line)
        servers = _servers(bench, line, server)
        rows: list[dict[str, Any]] = []
        failures: list[str] = []
        for known in servers:
            try:
                rows += [{"server": known.url, **each} for each in _line_to(bench, line, known).list()]
            except (ServerFailed, RemoteClockError) as error:
                failures.append(str(error))
    for why in failures:
        print_error(why)
    if as_json:
        print_json({"scheduled": rows, "failed": failures})
    elif rows:
        cells = [(one_line(row.get("account")), state_text(row), row["server"]) for row in rows]
        print_table(("ACCOUNT", "STATE", "SERVER"), cells)
    elif not failures:
        print_text("Nothing is scheduled; `skypail schedule ACCOUNT --server URL` does it")
    return INCOMPLETE if failures else WHOLE


def status(account: str, server: str | None, where: Where | None, as_json: bool) -> int:
    """Say how an account's backups go."""
    with scheduled_space(where) as bench, open_line(bench.settings) as line:
        renew(bench, line)
        did = _did_of(bench, account)
        known = _server_of(bench, line, server, did)
        told = _line_to(bench, line, known).ask("status", did)
    return _print_status(known, told, as_json)


def change(verb: str, account: str, server: str | None, where: Where | None, as_json: bool) -> int:
    """`now`, `pause` or `resume`, and how it stands after that."""
    with scheduled_space(where) as bench, open_line(bench.settings) as line:
        did = _did_of(bench, account)
        known = _server_of(bench, line, server, did)
        told = _line_to(bench, line, known).ask(verb, did)
    _print_status(known, told, as_json)
    return WHOLE


def remove(account: str, server: str | None, where: Where | None, as_json: bool) -> int:
    """Take the account off the schedule, and revoke what was delegated for it."""
    with scheduled_space(where) as bench, open_line(bench.settings) as line:
        did = _did_of(bench, account)
        known = _server_of(bench, line, server, did)
        failures = _take_back(bench, line, known, did)
        _line_to(bench, line, known).ask("remove", did)
        scheduled_list(bench).remove(known.url, did)
    for why in failures:
        print_error(why)
    if as_json:
        print_json({"account": did, "server": known.url, "removed": True})
    else:
        print_text(f"{account} is not backed up by {known.url} any more")
    return INCOMPLETE if failures else WHOLE


def _take_back(bench: OfSpace, line: Line, server: KnownClock, account: str) -> list[str]:
    """Revoke what is delegated for it at the clock and at the server; why that failed, if it did."""
    store, failures = Delegations(bench.home.delegations), list[str]()
    for delegation in delegated(bench, server.did, account):
        store.note_revoked(delegation)
        for service in [*clock_list(bench).load(), server]:
            try:
                line.revoke(service, authority_of(bench), delegation)
            except RemoteClockError as error:
                failures.append(str(error))
    return failures


def _print_status(server: KnownClock, told: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print_json({"server": server.url, **told})
    else:
        print_text(*status_lines(told))
    return INCOMPLETE if needs_a_look(told) else WHOLE


def _did_of(bench: Workbench | KnownSpace, account: str) -> str:
    if isinstance(bench, Workbench):
        return account_did(bench, account) or account
    return account if account.startswith("did:") else asyncio.run(resolve(bench.settings, account)).did


def _servers(bench: OfSpace, line: Line, server: str | None) -> list[KnownClock]:
    """The one that is named, else all where something of the space is scheduled."""
    if server is not None:
        return [line.find(plain_url(server), None)]
    return list(dict.fromkeys(KnownClock(each.url, each.did) for each in scheduled_list(bench).load()))


def _server_of(bench: OfSpace, line: Line, server: str | None, account: str) -> KnownClock:
    if server is not None:
        return line.find(plain_url(server), None)
    known = [each for each in scheduled_list(bench).load() if each.account == account]
    if not known:
        raise AgentError(f"{account} was not scheduled from here; name the server with --server URL")
    if len(known) > 1:
        names = ", ".join(each.url for each in known)
        raise AgentError(f"{account} is scheduled at {len(known)} servers ({names}); name one with --server")
    return KnownClock(known[0].url, known[0].did)


def _line_to(bench: OfSpace, line: Line, server: KnownClock) -> ServerLine:
    try:
        return ServerLine(line.caller(server, authority_of(bench)))
    except RemoteClockError as error:
        raise ServerFailed(error) from error
