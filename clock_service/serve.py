"""One process of a clock service: `serve` runs it until it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from clock_service.answering import Started, answer, listen
from clock_service.app import ClockApp
from clock_service.errors import BadOption
from clock_service.fetching import Source
from clock_service.key_file import load_or_make_key
from clock_service.logs import log_to_stderr
from clock_service.open_store import open_store
from clock_service.policy import Policy
from clock_service.service import ClockService
from clock_service.table import resolve_none
from ucan import NamedSigner, is_did
from ucan.server import KeyResolver


@dataclass(frozen=True, slots=True)
class Options:
    """key: of the file. did: its did:web, or None for its did:key. port: 0 for any.

    source: of ancestors that did not come along. keys_of: who goes by no did:key.
    """

    key: Path
    database: str
    host: str = "127.0.0.1"
    port: int = 0
    did: str | None = None
    policy: Policy = field(default_factory=Policy)
    source: Source | None = None
    keys_of: KeyResolver = resolve_none


def serve(options: Options, announce: Callable[[Started], None]) -> None:
    """Answer until SIGTERM or SIGINT, then finish what was begun. announce: called once it answers.

    Raises BadOption, BadKeyFile, StoreUnavailable, NewerSchema.
    """
    check_did(options.did)
    log_to_stderr()
    key = load_or_make_key(options.key)
    issuer = NamedSigner(options.did or key.did, key)  # a did:key is worked out once, not at each use
    listener = listen(options.host, options.port)
    store = open_store(options.database)
    try:
        clocks = ClockService(store, options.policy, source=options.source)
        app = ClockApp(clocks, issuer, keys_of=options.keys_of).asgi()
        answer(app, listener, options.host, issuer.did, announce)
    finally:
        store.close()
        listener.close()


def check_did(did: str | None) -> None:
    """Clients can find out the keys of a did:web alone, from its host."""
    if did is not None and not (did.startswith("did:web:") and is_did(did)):
        raise BadOption(f"a service goes by a did:web or its own key's DID, not by {did[:200]!r}")
