"""A server agent as its users ask it: schedules, and what of them is delegated to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from backup_agent.authority import Authority
from backup_agent.clock_list import KnownClock
from backup_agent.errors import AgentError, DelegationError
from backup_agent.snapshot import backups_prefix
from clock_service.caller import Caller
from clock_service.errors import ClockRefused, RemoteClockError
from pail import Block, Value
from ucan import Delegation

LIFE_S = 90 * 86_400
"""Of what is delegated to a server; renewed long before."""

WARN_BELOW_S = 14 * 86_400
NOT_SCHEDULED = "NotScheduled"

TO_ADD = ("clock/advance", "clock/head")
AT_PROVIDER = (
    "space/blob/add",
    "space/index/add",
    "upload/add",
    "space/blob/list",
    "space/content/retrieve",
)
"""The last two read what a run builds on, which the provider gives to nobody without."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to schedule. every, until: seconds, since 1970. place: URL of the space for the server.

    sealed: credentials of a bucket. provider: DID of a provider.
    """

    account: str
    every: int
    place: str
    clock: KnownClock | None
    until: int | None = None
    keep: str | None = None
    sealed: bytes | None = None
    provider: str | None = None


def delegate_to(server: str, authority: Authority, wish: Wish) -> Delegation:
    """What a run of `wish` needs, and nothing more, for LIFE_S or until its end. Raises DelegationError."""
    now_unix_s = int(time.time())
    is_provider = wish.place.startswith(("https:", "http:"))
    abilities = TO_ADD + (AT_PROVIDER if is_provider else ())
    caveats: dict[str, Value] = {"keys": backups_prefix(wish.account), "ops": ["put"]}
    ends = now_unix_s + LIFE_S if wish.until is None else min(wish.until, now_unix_s + LIFE_S)
    if ends <= now_unix_s:
        raise DelegationError("the schedule's end is past")
    return authority.delegate(server, abilities, caveats, ends, now_unix_s)


class ServerFailed(AgentError):
    """The server did not do what was asked. name: of its refusal, "" if it gave none."""

    def __init__(self, error: RemoteClockError) -> None:
        super().__init__(str(error).replace("the clock at", "the server at", 1))
        self.name = error.name if isinstance(error, ClockRefused) else ""


class ServerLine:
    """Asks one server about one space. Raises ServerFailed, whatever is asked."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def schedule(
        self, wish: Wish, delegations: Sequence[Delegation], *, is_renewal: bool = False
    ) -> dict[str, Any]:
        """Schedule an account, or schedule it anew; its status. is_renewal: only if it still is scheduled."""
        place: dict[str, Value] = {"url": wish.place}
        if wish.sealed is not None:
            place["sealed"] = wish.sealed
        if wish.provider is not None:
            place["did"] = wish.provider
        nb: dict[str, Value] = {
            "account": wish.account,
            "every": wish.every,
            "place": place,
            "delegations": [each.cid for each in delegations],
        }
        optional: dict[str, Value] = {
            "until": wish.until,
            "keep": wish.keep,
            "clock": None if wish.clock is None else {"url": wish.clock.url, "did": wish.clock.did},
            "renewal": is_renewal or None,
        }
        nb |= {name: value for name, value in optional.items() if value is not None}
        blocks = [block for each in delegations for block in each.export()]
        return _map(self._ask("backup/schedule", nb, _once(blocks)))

    def ask(self, verb: str, account: str) -> dict[str, Any]:
        """`status`, `now`, `pause`, `resume` or `remove`; the status after it."""
        return _map(self._ask(f"backup/{verb}", {"account": account}))

    def list(self) -> list[dict[str, Any]]:
        """The statuses of all accounts of the space."""
        accounts: Any = _map(self._ask("backup/list", {})).get("accounts")
        return [_map(each) for each in cast("list[Value]", accounts)] if isinstance(accounts, list) else []

    def revoke(self, delegation: Delegation) -> None:
        """Make it worth nothing there, in the name of the agent that asks."""
        try:
            self._caller.revoke(delegation)
        except RemoteClockError as error:
            raise ServerFailed(error) from error

    def _ask(self, can: str, nb: dict[str, Value], blocks: Sequence[Block] = ()) -> Value:
        try:
            return self._caller.ask(can, nb, blocks)
        except RemoteClockError as error:
            raise ServerFailed(error) from error


def _map(value: Value) -> dict[str, Any]:
    """A status, which only people look at: what is not there they see."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _once(blocks: Sequence[Block]) -> Sequence[Block]:
    return list({block.cid: block for block in blocks}.values())
