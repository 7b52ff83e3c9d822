"""One process of a provider: `serve` runs it until it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from clock_service.answering import Started, answer, listen
from clock_service.errors import BadOption
from clock_service.fetching import Source
from clock_service.key_file import load_or_make_key
from clock_service.logs import log_to_stderr
from clock_service.policy import Policy
from clock_service.serve import check_did
from clock_service.table import resolve_none
from provider.app import ProviderApp, Setup
from provider.blobs import Blobs, check_writing
from provider.errors import BlobsUnavailable
from provider.mail import mail_of_environment
from provider.open_blobs import open_blobs
from provider.policy import Quota
from provider.store import open_provider_store
from ucan import NamedSigner
from ucan.server import KeyResolver

SETTLE_S = 0.2
"""A process that ends while a thread of obstore's still lets go of what it was asked is aborted by that."""


@dataclass(frozen=True, slots=True)
class Options:
    """As those of a clock service. blobs: a folder or a bucket. url: how the provider is reached from
    outside, None for where it listens. auto_confirm: everybody is who he says, for tests.
    keys_of: who goes by no did:key. allow_private: of the bucket, plain HTTP to this very machine.
    source: of events that did not come along to a clock.
    """

    key: Path
    database: str
    blobs: str
    host: str = "127.0.0.1"
    port: int = 0
    did: str | None = None
    url: str | None = None
    policy: Policy = field(default_factory=Policy)
    quota: Quota = field(default_factory=Quota)
    auto_confirm: bool = False
    has_clocks: bool = True
    keys_of: KeyResolver = resolve_none
    allow_private: bool = False
    source: Source | None = None


def serve(options: Options, announce: Callable[[Started], None]) -> None:
    """Answer until SIGTERM or SIGINT, then finish what was begun. announce: called once it answers.

    Raises BadOption, BadAddress, BadKeyFile, StoreUnavailable, NewerSchema.
    """
    check_did(options.did)
    log_to_stderr()
    mail = None if options.auto_confirm else mail_of_environment()
    blobs = open_blobs(options.blobs, os.environ, allow_private=options.allow_private)
    asyncio.run(_check(blobs))  # better said to whoever starts it than to each client
    key = load_or_make_key(options.key)
    issuer = NamedSigner(options.did or key.did, key)
    with closing(listen(options.host, options.port)) as listener:
        url = _checked(options.url or _url_of(options.host, listener))
        setup = Setup(url, options.policy, options.quota, mail, options.has_clocks)
        with closing(open_provider_store(options.database)) as store:
            app = ProviderApp(store, blobs, issuer, setup, keys_of=options.keys_of, source=options.source)
            answer(app.asgi(), listener, options.host, issuer.did, announce)


async def _check(blobs: Blobs) -> None:
    """Raises BlobsUnavailable."""
    try:
        await check_writing(blobs)
    except BlobsUnavailable:
        await asyncio.sleep(SETTLE_S)
        raise


def _url_of(host: str, listener: socket.socket) -> str:
    """Raises BadOption for what listens everywhere: clients are told where to put blobs."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        raise BadOption(f"say by --url how others reach what listens at {host!r}")
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise BadOption(f"a provider is reached at http(s)://HOST[/PATH], not at {url[:200]!r}")
    return url.rstrip("/")
