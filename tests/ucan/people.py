"""Principals, a service and a clock for tests: all seeds and times are fixed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pail import CID, Value
from pail.fields import Fields
from ucan import (
    Capability,
    Definition,
    Delegation,
    Issuer,
    NamedSigner,
    Outcome,
    Receipt,
    Revocation,
    Server,
    Service,
    Signer,
    Task,
    Verifier,
    delegate,
    no_caveats,
    provide,
)

NOW = 1_767_225_600
SERVICE_DID = "did:web:service.example"
WEB_DID = "did:web:agent.example"
MAIL_DID = "did:mailto:example.com:alice"

SPACE, AGENT, BOB, MALLORY, SERVICE_KEY = (Signer.from_seed(bytes([n]) * 32) for n in range(1, 6))
SERVICE = NamedSigner(SERVICE_DID, SERVICE_KEY)
WEB = NamedSigner(WEB_DID, BOB)


def read_echo(fields: Fields) -> tuple[str | None, int | None]:
    return fields.take_optional("text", str), fields.take_optional("number", int)


ECHO = Definition("test/echo", read_echo)
READ = Definition("test/read", read_echo)
PLAIN = Definition("test/plain", no_caveats)


async def done(task: Task[Any]) -> Outcome:
    """Answers with what it was asked, as the original's handlers in the peer tests do."""
    return Outcome({"with": task.resource, "nb": task.invocation.ucan.capabilities[0].nb or {}})


def service() -> Service:
    return Service(SERVICE, [provide(ECHO, done), provide(READ, done), provide(PLAIN, done)])


def grant(
    issuer: Issuer,
    audience: str,
    can: str = "test/echo",
    resource: str = SPACE.did,
    nb: dict[str, Value] | None = None,
    proofs: Sequence[Delegation | CID] = (),
    **times: Any,
) -> Delegation:
    """A delegation of one capability, valid for an hour unless `times` says otherwise."""
    times.setdefault("expires_at_unix", NOW + 3600)
    return delegate(issuer, audience, [Capability(can, resource, nb)], proofs=proofs, **times)


def invoke(issuer: Issuer, can: str = "test/echo", **options: Any) -> Delegation:
    return grant(issuer, SERVICE_DID, can, **options)


def attest(issuer: Issuer, audience: str, proof: Delegation, **options: Any) -> Delegation:
    return grant(issuer, audience, "ucan/attest", SERVICE_DID, {"proof": proof.cid}, **options)


def server(*, revoked: Sequence[Revocation] = (), now: int = NOW) -> Server:
    async def keys_of(did: str) -> list[Verifier]:
        return [BOB.verifier] if did == WEB_DID else []

    async def revocations_of(ucans: Sequence[CID]) -> Sequence[Revocation]:
        return revoked

    return Server(service(), now_unix_s=lambda: now, keys_of=keys_of, revocations_of=revocations_of)


def run(invocation: Delegation, **options: Any) -> Receipt:
    return asyncio.run(server(**options).run(invocation))


def names(receipt: Receipt) -> list[str]:
    """The error's name and those of its causes; [] for a success."""
    error = receipt.out.get("error")
    return [] if error is None else [error["name"], *error.get("causes", [])]
