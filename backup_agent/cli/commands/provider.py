"""`skypail provider …`: a provider on this machine, and which spaces it hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

from backup_agent.block_source import MAX_GATEWAYS, Gateways
from backup_agent.cli.database_named import NamedDatabase
from backup_agent.cli.output import FAILED, WHOLE, print_json, print_table, print_text, size_text
from backup_agent.cli.service_folder import ServiceFolder
from backup_agent.cli.workbench import settings
from backup_agent.net import Http, Retry
from backup_agent.web_keys import WebKeys
from clock_service import Guard, Policy, Provision
from clock_service.answering import Started, print_started
from clock_service.errors import BadOption
from provider.errors import SpaceUnknown
from provider.policy import Quota
from provider.records import HostedSpace
from provider.serve import Options
from provider.serve import serve as run_provider
from provider.store import ProviderStore, open_provider_store
from ucan import InvalidPrincipal, Verifier

FOLDER = ServiceFolder("provider", "provider.db")
"""In the home: the provider's key, its database and its blobs unless others are named."""


class Wanted(NamedTuple):
    """The options of `serve`, as they stand on the command line."""

    host: str
    port: int
    url: str | None
    database: str | None
    store: str | None
    provision: str
    max_bytes: int | None
    guard: str
    clocks: bool
    did: str | None
    gateways: Sequence[str]
    auto_confirm: bool


def serve(wanted: Wanted, as_json: bool) -> int:
    """Answer until asked to stop."""
    if len(wanted.gateways) > MAX_GATEWAYS:
        raise BadOption(f"no more than {MAX_GATEWAYS} block sources can be named")
    http = Http(
        allow_private=settings().allow_private_hosts, retry=Retry(attempts=1)
    )  # ends with the process
    options = Options(
        key=FOLDER.path() / "provider.key",
        database=FOLDER.database(wanted.database),
        blobs=wanted.store or str(FOLDER.path() / "store"),
        host=wanted.host,
        port=wanted.port,
        did=wanted.did,
        url=wanted.url,
        policy=Policy(provision=Provision(wanted.provision), guard=Guard(wanted.guard)),
        quota=Quota() if wanted.max_bytes is None else Quota(bytes=wanted.max_bytes),
        auto_confirm=wanted.auto_confirm,
        has_clocks=wanted.clocks,
        keys_of=WebKeys(http),
        allow_private=settings().allow_private_hosts,
        source=Gateways(http, wanted.gateways) if wanted.gateways else None,
    )
    run_provider(options, print_started if as_json else _print_started)
    return WHOLE


def _print_started(started: Started) -> None:
    print_text(f"Provider {started.did} at {started.url}")


def add_space(did: str, max_bytes: int | None, database: str | None, as_json: bool) -> int:
    """Host a space, and its clock; one that was removed is back with what it held."""
    try:
        Verifier.parse(did)
    except InvalidPrincipal as error:
        raise BadOption(
            f"{did[:80]!r} is no DID of a space, a did:key:; `skypail clock head --json` where the space is "
            "says it"
        ) from error
    named = NamedDatabase.before_opening(FOLDER.database(database))
    with _store(database) as store:
        asyncio.run(store.host(HostedSpace(did, None, max_bytes or Quota().bytes)))
        space = _known(store, did)
    named.warn_if_new("skypail provider serve")
    if as_json:
        print_json({**_document(space), "database": named.shown})
    else:
        print_text(*_lines(space, f" in {named.shown}"))
    return WHOLE


def limit_space(did: str, max_bytes: int, database: str | None, as_json: bool) -> int:
    """Change its quota. Raises SpaceUnknown."""
    with _store(database) as store:
        asyncio.run(store.host(replace(_known(store, did), max_bytes=max_bytes)))
        return _tell(store, did, as_json)


def remove_space(did: str, database: str | None, as_json: bool) -> int:
    """Host it no longer."""
    with _store(database) as store:
        found = asyncio.run(store.space(did))
        was_hosted = found is not None and found.is_hosted
        if found is not None:
            asyncio.run(store.host(replace(found, is_hosted=False)))
    if as_json:
        print_json({"space": did, "removed": was_hosted})
    else:
        print_text(f"Hosts {did} no longer" if was_hosted else f"{did} was not hosted")
    return WHOLE if was_hosted else FAILED


def list_spaces(database: str | None, as_json: bool) -> int:
    """List the spaces, as many as the store tells at once."""
    named = NamedDatabase.before_opening(FOLDER.database(database))
    with _store(database) as store:
        found = asyncio.run(store.spaces())
    named.warn_if_new("skypail provider serve")
    if as_json:
        print_json({"spaces": [_document(space) for space in found]})
    elif found:
        rows = [(each.did, *_words(each)) for each in found]
        print_table(("SPACE", "USED", "OF", "BLOBS", "ACCOUNT"), rows)
    else:
        print_text(f"No space is hosted in {named.shown}; `skypail provider space add DID` adds one")
    return WHOLE


def show_space(did: str, database: str | None, as_json: bool) -> int:
    """Tell of one. Raises SpaceUnknown."""
    with _store(database) as store:
        return _tell(store, did, as_json)


def _tell(store: ProviderStore, did: str, as_json: bool) -> int:
    space = _known(store, did)
    if as_json:
        print_json(_document(space))
    else:
        print_text(*_lines(space))
    return WHOLE


def _lines(space: HostedSpace, where: str = "") -> tuple[str, str]:
    used, limit, blobs, account = _words(space)
    hosted = "hosts" if space.is_hosted else "does not host any more, but keeps,"
    return (
        f"This provider {hosted} {space.did}{where}",
        f"{used} of {limit} in {blobs} blobs; added by {account}",
    )


def _known(store: ProviderStore, did: str) -> HostedSpace:
    space = asyncio.run(store.space(did))
    if space is None:
        raise SpaceUnknown(f"this provider has never hosted {did[:200]!r}")
    return space


def _words(space: HostedSpace) -> tuple[str, str, str, str]:
    used, limit = size_text(space.used_bytes), size_text(space.max_bytes)
    return used, limit, str(space.blobs), space.account or "the operator"


def _document(space: HostedSpace) -> dict[str, Any]:
    return {
        "space": space.did,
        "hosted": space.is_hosted,
        "usedBytes": space.used_bytes,
        "bytes": space.max_bytes,
        "blobs": space.blobs,
        "account": space.account,
    }


def _store(database: str | None) -> closing[ProviderStore]:
    return closing(open_provider_store(FOLDER.database(database)))
