"""Has a provider host a space: an account, which is a mail address, takes it on.

    access/authorize    the agent asks to act for did:mailto:…; a link goes to that address
    access/claim        until whoever has the mail has pressed the button
    provider/add        in the account's name

Source: @storacha/client 2.1.4, login and provision; spec/provider.md, 6 and 7
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from backup_agent.errors import AgentError
from backup_agent.hosted import asking
from backup_agent.hosted.asking import Asking, ProviderRefused, fields_of
from backup_agent.hosted.line import ProviderLine
from pail import PailError, Value
from space.errors import SpaceUnavailable
from ucan import Capability, Delegation, delegate, view_delegation
from ucan.archive import read_blocks

AUTHORIZE, CLAIM, PROVIDE = "access/authorize", "access/claim", "provider/add"

WAIT_S, POLL_S = 15 * 60, 1.0
"""As long as the link is good."""

_LIFE_S = 300


def account_of(mail: str) -> str:
    """The did:mailto of a mail address. Raises AgentError."""
    name, at, domain = mail.rpartition("@")
    if not (name and at and "." in domain) or not mail.isprintable() or " " in mail:
        raise AgentError(f"{mail[:80]!r} is no mail address; write it like you@example.com")
    return f"did:mailto:{quote(domain, safe='')}:{quote(name, safe='')}"


def is_hosted(line: ProviderLine, ask: Asking) -> bool:
    """Whether the provider hosts the space. Raises SpaceUnavailable, also if this agent may not ask."""
    try:
        line.finish(ask.ask(asking.INFO, {}))
    except ProviderRefused as refused:
        if refused.name == "SpaceUnknown":
            return False
        raise
    return True


class Usage(NamedTuple):
    """What a space takes at its provider, and may take, in bytes."""

    bytes: int
    limit: int


def usage(line: ProviderLine, ask: Asking) -> Usage | None:
    """None if the provider does not say, as the original's does not. Raises SpaceUnavailable."""
    match fields_of(line.finish(ask.ask(asking.INFO, {})).out["ok"]).get("usage"):
        case {"bytes": int(used), "limit": int(limit)} if used >= 0 and limit >= 0:
            return Usage(used, limit)
        case _:
            return None


def register_space(line: ProviderLine, ask: Asking, mail: str, tell: Callable[[str], None]) -> None:
    """Return once the provider hosts the space. tell: says what the user has to do meanwhile.

    Raises AgentError for what is no mail address, SpaceUnavailable.
    """
    line.finish(_register(ask, account_of(mail), mail, tell))


async def _register(ask: Asking, account: str, mail: str, tell: Callable[[str], None]) -> None:
    proofs = await _claimed(ask, account)
    if not proofs:
        wanted: Value = [{"can": PROVIDE}]
        await ask.execute(ask.invoke_as_itself(AUTHORIZE, {"iss": account, "att": wanted}, ()))
        proofs = await _wait(ask, account, mail, tell)
    nb: dict[str, Value] = {"provider": ask.connection.did, "consumer": ask.space}
    await ask.execute(
        delegate(
            ask.authority.agent,
            ask.connection.did,
            [Capability(PROVIDE, account, nb)],
            expires_at_unix=int(ask.now()) + _LIFE_S,
            proofs=proofs,
        )
    )


async def _wait(ask: Asking, account: str, mail: str, tell: Callable[[str], None]) -> list[Delegation]:
    for number in range(int(WAIT_S / POLL_S)):
        if proofs := await _claimed(ask, account):
            return proofs
        if number == 0:
            tell(f"{ask.url} has sent a link to {mail}; open it within a quarter of an hour")
        await asyncio.sleep(POLL_S)
    raise SpaceUnavailable(f"nobody opened the link that {ask.url} sent to {mail}; ask again")


async def _claimed(ask: Asking, account: str) -> list[Delegation]:
    """What lets this agent act for `account`: the delegation and the provider's word for it."""
    receipt = await ask.execute(ask.invoke_as_itself(CLAIM, {}, ()))
    cars = fields_of(fields_of(receipt.out["ok"]).get("delegations"))
    try:
        found = [view_delegation(*read_blocks(car)) for car in cars.values()]
    except (PailError, TypeError) as error:
        raise SpaceUnavailable(f"{ask.url} gave delegations that cannot be read: {error}") from error
    given = [each for each in found if each.issuer == account]
    words = [
        each
        for each in found
        for capability in each.ucan.capabilities
        if fields_of(capability.nb).get("proof") in [one.cid for one in given]
    ]
    return [*given, *words] if words else []
