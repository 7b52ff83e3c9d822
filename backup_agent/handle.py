"""Handles: their syntax, and the DID that the domain's owner names for one.

Source: https://atproto.com/specs/handle, https://atproto.com/specs/did
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from backup_agent.atproto.errors import InvalidSyntax
from backup_agent.atproto.syntax import MAX_DID_CHARS, parse_did, parse_handle
from backup_agent.errors import HostError, HostRefused, HostUnreachable
from backup_agent.identity_errors import HandleConflict, HandleNotFound, InvalidAccount
from backup_agent.net import Answer, Request

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

MAX_WELL_KNOWN_BYTES = 4096
DNS_LIFETIME_S = 6.0

UNRESOLVABLE = frozenset(
    ("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")
)
"""Top-level names that nobody can own, so that no lookup of them proves anything (RFC 6761 and others)."""

TxtLookup = Callable[[str], Awaitable[Sequence[str]]]
"""The TXT records of a DNS name, none if it has none. Raises OSError when DNS does not answer."""

Fetch = Callable[[Request], Awaitable[Answer]]

_ACCOUNT_DID = re.compile(
    r"did:plc:[a-z2-7]{24}|did:web:(?:[a-zA-Z0-9-]{1,63}\.)*[a-zA-Z0-9-]{1,63}(?:%3A[0-9]{1,5})?", re.ASCII
)


def is_account_did(text: str) -> bool:
    """Whether it is a DID that an account can have: did:plc, or did:web of a bare host."""
    return len(text) <= MAX_DID_CHARS and _ACCOUNT_DID.fullmatch(text) is not None


def parse_account(text: str) -> str:
    """The DID, or the handle in lower case, that a user wrote, perhaps with an `@`. Raises InvalidAccount."""
    account = text.strip().removeprefix("@")
    if is_account_did(account):
        return account
    try:
        return parse_handle(account)
    except InvalidSyntax as error:
        raise InvalidAccount(text) from error


async def look_up_handle(handle: str, *, txt: TxtLookup, fetch: Fetch) -> str:
    """The DID that DNS names for the handle, else the one its web host names.

    Raises HandleConflict when DNS names several, HandleNotFound when neither names one.
    """
    if handle.rpartition(".")[2] in UNRESOLVABLE:
        raise HandleNotFound(handle, "nobody can look up names of its kind")
    try:
        texts = await txt(f"_atproto.{handle}")
    except OSError:
        return await _ask_host(handle, fetch, "DNS does not answer")
    named = [_did_of(text.removeprefix("did=")) for text in texts if text.startswith("did=")]
    dids = {did for did in named if did is not None}
    if len(dids) > 1:
        raise HandleConflict(handle)
    return dids.pop() if dids else await _ask_host(handle, fetch, "DNS has no record of it")


async def dns_txt(name: str, *, resolver: Resolver | None = None) -> Sequence[str]:
    """What `resolver`, by default the system's name servers, says. A TxtLookup."""
    import dns.asyncresolver
    import dns.exception
    import dns.resolver

    try:
        asked = resolver or dns.asyncresolver.Resolver()
        answer = await asked.resolve(name, "TXT", lifetime=DNS_LIFETIME_S, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.DNSException as error:
        raise OSError("DNS does not answer") from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _did_of(text: str) -> str | None:
    try:
        return parse_did(text.strip())
    except InvalidSyntax:
        return None


async def _ask_host(handle: str, fetch: Fetch, of_dns: str) -> str:
    url = f"https://{handle}/.well-known/atproto-did"
    try:
        answer = await fetch(Request(url, limit_bytes=MAX_WELL_KNOWN_BYTES))
    except (HostUnreachable, HostRefused, HostError) as error:
        advice = "check its spelling; are you online?" if isinstance(error, HostUnreachable) else ""
        raise HandleNotFound(handle, f"{of_dns}, and its web host cannot be asked", advice) from error
    did = _did_of(answer.content.decode("ascii", "replace"))
    if answer.status != 200 or did is None:
        raise HandleNotFound(handle, f"{of_dns}, and its web host names no DID")
    return did
