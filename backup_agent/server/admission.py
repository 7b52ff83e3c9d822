"""Whether delegations are what a schedule takes: all that it needs, and nothing more.

Each right is proved as the services will prove it: by validating an invocation that the server makes
for itself. What a delegation allows beyond is refused, so that an operator can show the worst he could do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backup_agent.server.errors import WrongDelegation
from backup_agent.server.schedule import Schedule
from backup_agent.snapshot import backups_prefix
from clock_service.access import Access
from clock_service.capabilities import ADVANCE, HEAD
from pail import CID, PailError, Value
from pail.fields import Fields
from ucan import (
    Authority,
    Authorization,
    Capability,
    Definition,
    Delegation,
    Failure,
    Issuer,
    Validation,
    authorize,
    view_delegation,
)

AT_PROVIDER = (
    "space/blob/add",
    "space/index/add",
    "upload/add",
    "space/blob/list",
    "space/content/retrieve",
)
"""What a provider asks for besides: adding, and reading what a run builds on; what is sealed stays sealed."""

OPS: list[Value] = ["put"]
_SOME_EVENT = CID(b"\x01\x71\x12\x20" + bytes(32))


def needed(schedule: Schedule) -> tuple[str, ...]:
    """The abilities that a run of `schedule` uses."""
    return (ADVANCE.can, HEAD.can, *(AT_PROVIDER if schedule.place.is_provider else ()))


def caveats_of(account: str, can: str) -> dict[str, Value]:
    """What `can` is narrowed to for the account."""
    return {"keys": backups_prefix(account), "ops": OPS} if can == ADVANCE.can else {}


def view_all(links: Sequence[CID], blocks: Mapping[CID, bytes]) -> list[Delegation]:
    """The delegations that came along. Raises WrongDelegation."""
    try:
        return [view_delegation(link, blocks) for link in links]
    except PailError as error:
        raise WrongDelegation(f"it did not come along whole ({error})") from error


def check_exact(server: str, space: str, schedule: Schedule, delegations: Sequence[Delegation]) -> int:
    """When the first of them ends, in seconds since 1970, if none allows more than it needs to.

    Raises WrongDelegation.
    """
    wanted = needed(schedule)
    ends: list[int] = []
    for delegation in delegations:
        if delegation.audience != server:
            raise WrongDelegation(f"it is for {delegation.audience}, and this server is {server}")
        if delegation.ucan.expires_at_unix is None:
            raise WrongDelegation("it never ends; give it an end")
        ends.append(delegation.ucan.expires_at_unix)
        for capability in delegation.ucan.capabilities:
            _check_capability(space, schedule, wanted, capability)
    return min(ends)


def _check_capability(space: str, schedule: Schedule, wanted: Sequence[str], capability: Capability) -> None:
    if capability.resource != space:
        raise WrongDelegation(f"it is about {capability.resource[:200]}, and the schedule about {space}")
    if capability.can not in wanted:
        raise WrongDelegation(f"it allows {capability.can[:80]}, which a backup does not need")
    if (capability.nb or {}) != caveats_of(schedule.account, capability.can):
        narrowed = f"keys below {backups_prefix(schedule.account)} and to put"
        raise WrongDelegation(f"it must narrow {ADVANCE.can} to {narrowed}, and nothing else")


def proofs(
    server: Issuer, space: str, schedule: Schedule, delegations: Sequence[Delegation], now_unix_s: int
) -> Validation[None]:
    """Return if `delegations` prove each right up to the space, now, unrevoked. Raises WrongDelegation."""
    access = Access(server, space, delegations)
    for can in needed(schedule):
        grant = access.grant(can, now_unix_s)
        if grant is None:
            raise WrongDelegation(f"{can} is not delegated")
        definition = _definition(can)
        nb: dict[str, Value] = {"event": _SOME_EVENT} if can == ADVANCE.can else {}
        invocation = access.invoke(server.did, can, grant, nb, (), now_unix_s)
        found = yield from authorize(
            invocation, definition, authority=Authority(server.did, ()), now_unix_s=now_unix_s
        )
        if not isinstance(found, Authorization):
            raise WrongDelegation(f"{can}: {_why(found)}")


def _definition(can: str) -> Definition[Any]:
    known = {ADVANCE.can: ADVANCE, HEAD.can: HEAD}
    return known.get(can) or Definition(can, _any_caveats)


def _any_caveats(fields: Fields) -> None:
    """Of a provider's abilities: `check_exact` has seen that there are none."""


def _why(failure: Failure) -> str:
    """The last line of the description is the deepest cause."""
    return failure.describe().splitlines()[-1].strip(" -")[:300]
