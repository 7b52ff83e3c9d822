"""`skypail clock`: the services that keep a space's head besides its folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backup_agent.cli.output import FAILED, INCOMPLETE, WHOLE, print_error, print_json, print_text
from backup_agent.cli.remote import Clocks, authority_of, clock_list, open_clocks, open_line
from backup_agent.cli.workbench import Workbench, settings, workbench
from backup_agent.clock_list import KnownClock, plain_url
from backup_agent.net import check_url
from clock_service.errors import RemoteClockError
from clock_service.meanings import refusal
from pail import CID, PailError, Value, run
from pail.clock import unseen
from pail.event import decode_event
from pail.operation import Batch, Delete, Put, decode_operation
from space import Head, Where
from ucan import Failure


def use(
    url: str,
    did: str | None,
    at_least: int | None,
    without: Sequence[str],
    where: Where | None,
    as_json: bool,
) -> int:
    """Record into the service at `url` too, from now on. without: CIDs of what it is not told is revoked."""
    check_url(url, allow_private=settings().allow_private_hosts)  # before a space is made
    with workbench(where, create=True) as bench, open_line(bench.settings) as line:
        clock, known = line.find(url, did), clock_list(bench)
        authority = authority_of(bench)
        hosted = line.caller(clock, authority).hosts()
        line.revoke_all(clock, authority, without)  # or whom others refuse would be trusted there
        known.add(clock, at_least=at_least)
        if as_json:
            print_json(
                {
                    "space": bench.space.did,
                    "url": clock.url,
                    "did": clock.did,
                    "hosted": hosted,
                    "atLeast": known.at_least(),
                }
            )
        else:
            print_text(
                f"The space {bench.space.did} uses the clock {clock.did} at {clock.url}",
                "Backups are recorded there too; `skypail clock sync` sends what there is already",
            )
        if not hosted:
            print_error(
                f"the clock at {clock.url} does not host the space yet: until its operator says "
                f"`skypail clock space add {bench.space.did}` nothing is recorded there"
            )
    return WHOLE if hosted else INCOMPLETE


def forget(url: str, where: Where | None, as_json: bool) -> int:
    """Use the service no longer; what it has stays there."""
    with workbench(where) as bench:
        forgotten = clock_list(bench).remove(plain_url(url))
    if as_json:
        print_json({"url": url, "forgotten": forgotten})
    else:
        print_text(f"The clock at {url} is not used any more" if forgotten else f"{url} was not in use")
    return WHOLE


def head(where: Where | None, as_json: bool) -> int:
    """Show the head of the folder and of every service."""
    with workbench(where) as bench, open_line(bench.settings) as line:
        clocks = open_clocks(line, bench, clock_list(bench).load())
        own = bench.clock.head()
        rows = [_head_of(clocks, clock) for clock in clocks.known]
        if as_json:
            print_json({"space": bench.space.did, "head": _texts(own), "clocks": rows})
        else:
            kind = "Folder" if isinstance(bench.where, Path) else "Space"
            print_text(f"{kind} {bench.where}", *(f"  {event}" for event in _texts(own) or ["(nothing yet)"]))
            for row in rows:
                _print_head(row)
    return WHOLE if all(row["problem"] is None and not row["unreadable"] for row in rows) else INCOMPLETE


def _head_of(clocks: Clocks, clock: KnownClock) -> dict[str, Any]:
    row: dict[str, Any] = {"url": clock.url, "did": clock.did, "head": [], "unreadable": {}}
    try:
        if clock.url in clocks.unusable:
            return {**row, "problem": clocks.unusable[clock.url].why}
        look = clocks.remote[clock.url].look()
    except RemoteClockError as error:
        return {**row, "problem": str(error)}
    unreadable = {str(event): why for event, why in look.unreadable.items()}
    named = _texts(sorted([*look.head, *look.unreadable]))
    return {**row, "head": named, "unreadable": unreadable, "problem": None}


def _print_head(row: dict[str, Any]) -> None:
    nothing = "(nothing yet)" if row["problem"] is None else "(not known)"
    print_text(f"{row['url']} ({row['did']})", *(f"  {event}" for event in row["head"] or [nothing]))
    if row["problem"] is not None:
        print_error(row["problem"])
    for event, why in row["unreadable"].items():
        print_error(f"{row['url']} names {event}, which cannot be read here: {why}")


def log(where: Where | None, limit: int, as_json: bool) -> int:
    """Show the events that the head rests on, newest first."""
    with workbench(where) as bench:
        known, whole = bench.look()
        order = _newest_first(bench, known)[:limit]
        rows = [_event_row(bench, event) for event in order]
    if as_json:
        print_json({"head": _texts(known), "events": rows})
    else:
        for row in rows:
            print_text(*_event_lines(row))
    return WHOLE if whole else INCOMPLETE


def _newest_first(bench: Workbench, known: Head) -> list[CID]:
    order: dict[CID, None] = {}
    for event in known:
        order |= dict.fromkeys(run(unseen((), event), bench.space.get))  # parents before children
    return [*reversed(order)]


def _event_row(bench: Workbench, cid: CID) -> dict[str, Any]:
    event = decode_event(bench.space.get([cid])[0])
    return {"event": str(cid), "parents": _texts(event.parents), **_operation_fields(event.data)}


def _operation_fields(content: Value) -> dict[str, Any]:
    try:
        operation, root = decode_operation(content)
    except PailError:
        return {"root": None, "writes": []}
    return {"root": str(root), "writes": list(_writes(operation))}


def _writes(operation: Put | Delete | Batch) -> Iterator[dict[str, Any]]:
    match operation:
        case Put(key, value):
            yield {"type": "put", "key": key, "value": str(value)}
        case Delete(key):
            yield {"type": "del", "key": key}
        case Batch(puts):
            for put in puts:
                yield from _writes(put)


def _event_lines(row: dict[str, Any]) -> list[str]:
    lines = [f"event {row['event']}", *(f"  after {parent}" for parent in row["parents"])]
    return [*lines, *(f"  {write['type']} {write['key']}" for write in row["writes"]), ""]


def sync(where: Where | None, as_json: bool) -> int:
    """Give every clock every revocation made here, and every event that any of them has."""
    with workbench(where) as bench, open_line(bench.settings) as line:
        clocks = open_clocks(line, bench, clock_list(bench).load())
        clocks.revoke_all(line, authority_of(bench))
        synced = clocks.several.sync()
        _print_outcome(clocks, synced, as_json)
    return INCOMPLETE if clocks.troubles() else WHOLE


def fork(url: str, did: str | None, without: Sequence[str], where: Where | None, as_json: bool) -> int:
    """Give the service at `url` the whole clock from the space, and use it instead of all others."""
    with workbench(where) as bench, open_line(bench.settings) as line:
        clock = line.find(url, did)
        clocks = open_clocks(line, bench, [clock])
        clocks.revoke_all(line, authority_of(bench), without)
        synced = bench.clock.head() if clocks.unrevoked else clocks.several.sync()
        failed = clocks.troubles()
        if not failed and not synced and not line.caller(clock, authority_of(bench)).hosts():
            raise refusal(clock.url, Failure("NotProvisioned", ""))  # an empty clock sent nothing to refuse
        if not failed:
            clock_list(bench).set([clock])
        _print_outcome(clocks, synced, as_json)
        if failed:
            print_error("the clocks in use are as before")
    return FAILED if failed else WHOLE


def _print_outcome(clocks: Clocks, synced: Head, as_json: bool) -> None:
    clocks.warn()
    if as_json:
        print_json({"head": _texts(synced), "clocks": clocks.document()})
        return
    good = [clock.url for clock in clocks.known if clock.url not in clocks.troubles()]
    print_text(*(f"{url} has the whole clock" for url in good))
    if not clocks.known:
        print_text("No clock service is in use; `skypail clock use URL` takes one")


def _texts(events: Sequence[CID]) -> list[str]:
    return [str(event) for event in events]
