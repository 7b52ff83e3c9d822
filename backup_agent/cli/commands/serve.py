"""`skypail clock serve`, and which spaces it hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from backup_agent.block_source import MAX_GATEWAYS, Gateways
from backup_agent.cli.database_named import NamedDatabase
from backup_agent.cli.output import FAILED, WHOLE, print_json, print_table, print_text
from backup_agent.cli.service_folder import ServiceFolder
from backup_agent.cli.workbench import settings
from backup_agent.net import Http, Retry
from backup_agent.web_keys import WebKeys
from clock_service import Guard, Limits, Policy, Provision, Registration, Store, open_store
from clock_service.answering import Started, print_started
from clock_service.errors import BadOption
from clock_service.serve import Options
from clock_service.serve import serve as run_service
from ucan import InvalidPrincipal, encode_did

FOLDER = ServiceFolder("clock-service", "clock.db")
"""In the home: the service's key, and its database unless another is named."""


def serve(
    host: str,
    port: int,
    database: str | None,
    provision: str,
    guard: str,
    did: str | None,
    gateways: Sequence[str],
    as_json: bool,
) -> int:
    """Answer until asked to stop. gateways: where events may be had that did not come along."""
    if len(gateways) > MAX_GATEWAYS:
        raise BadOption(f"no more than {MAX_GATEWAYS} block sources can be named")
    policy = Policy(provision=Provision(provision), guard=Guard(guard))
    http = Http(
        allow_private=settings().allow_private_hosts, retry=Retry(attempts=1)
    )  # ends with the process
    options = Options(
        FOLDER.path() / "service.key",
        FOLDER.database(database),
        host,
        port,
        did,
        policy,
        Gateways(http, gateways) if gateways else None,
        WebKeys(http),
    )
    run_service(options, print_started if as_json else _print_started)
    return WHOLE


def _print_started(started: Started) -> None:
    print_text(f"Clock service {started.did} at {started.url}", f"skypail clock use {started.url}")


def add_space(
    did: str,
    events_a_day: int | None,
    max_bytes: int | None,
    guard: str | None,
    database: str | None,
    as_json: bool,
) -> int:
    """Host a space, or change its limits and guard."""
    try:
        encode_did(did)
    except InvalidPrincipal as error:
        raise BadOption(
            f"{did[:80]!r} is no DID of a space; `skypail clock head --json` where the space is says it"
        ) from error
    usual = Limits()
    limits = Limits(events_a_day or usual.events_a_day, max_bytes or usual.bytes)
    registration = Registration(did, limits, None if guard is None else Guard(guard))
    named = NamedDatabase.before_opening(FOLDER.database(database))
    with _store(database) as store:
        asyncio.run(store.register(registration))
    named.warn_if_new("skypail clock serve")
    if as_json:
        print_json({**_row(registration), "database": named.shown})
    else:
        print_text(
            f"Hosts {did}: {limits.events_a_day} events a day, {limits.bytes} bytes, "
            f"guard {guard or 'as the service has it'}, in {named.shown}"
        )
    return WHOLE


def remove_space(did: str, database: str | None, as_json: bool) -> int:
    """Host it no longer."""
    with _store(database) as store:
        was_hosted = asyncio.run(store.unregister(did))
    if as_json:
        print_json({"space": did, "removed": was_hosted})
    else:
        print_text(f"Hosts {did} no longer" if was_hosted else f"{did} was not hosted")
    return WHOLE if was_hosted else FAILED


def list_spaces(database: str | None, as_json: bool) -> int:
    """List the hosted spaces, as many as the store tells at once."""
    named = NamedDatabase.before_opening(FOLDER.database(database))
    with _store(database) as store:
        found = asyncio.run(store.registrations())
    named.warn_if_new("skypail clock serve")
    if as_json:
        print_json({"spaces": [_row(each) for each in found]})
    elif found:
        shown = [
            (each.space, str(each.limits.events_a_day), str(each.limits.bytes), each.guard or "(service's)")
            for each in found
        ]
        print_table(("SPACE", "EVENTS A DAY", "BYTES", "GUARD"), shown)
    else:
        print_text(f"No space is hosted in {named.shown}; `skypail clock space add DID` adds one")
    return WHOLE


def _row(hosted: Registration) -> dict[str, Any]:
    limits, guard = hosted.limits, hosted.guard
    return {
        "space": hosted.space,
        "eventsADay": limits.events_a_day,
        "bytes": limits.bytes,
        "guard": guard and guard.value,
    }


def _store(database: str | None) -> closing[Store]:
    return closing(open_store(FOLDER.database(database)))
