"""What an operator lets a space do, and what a delegation lets its holder do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pail.operation import Batch, Delete, Operation, Put


class Guard(StrEnum):
    """How the events of a clock are looked at before they are taken (C6)."""

    OFF = "off"
    """A clock of anything: data is opaque."""
    WHEN_POSSIBLE = "when-possible"
    """A clock of a pail: other data is refused, and a wrong root if pail shards came along."""
    REQUIRE = "require"
    """As above, and pail shards must come along."""


class Provision(StrEnum):
    """Whose clocks are hosted."""

    OPEN = "open"
    """Anybody's, within the operator's limits."""
    REGISTERED = "registered"
    """Those that the operator has added."""


@dataclass(frozen=True, slots=True)
class Limits:
    """events_a_day: new ones in a day by UTC. bytes: of all event blocks kept."""

    events_a_day: int = 100_000
    bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Registration:
    """A space that the operator hosts. guard: None for the service's own."""

    space: str
    limits: Limits = Limits()
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """limits, guard: for spaces without their own."""

    provision: Provision = Provision.REGISTERED
    limits: Limits = Limits()
    guard: Guard = Guard.WHEN_POSSIBLE


@dataclass(frozen=True, slots=True)
class Caveats:
    """What a delegation of `clock/advance` was narrowed to; None where it was not.

    keys: what every key touched must start with. ops: of "put" and "del". A batch is puts.
    Who may put and not del can add keys, never take the old value of one away: no rewriting.
    """

    keys: str | None = None
    ops: frozenset[str] | None = None

    @property
    def narrow(self) -> bool:
        return self.keys is not None or self.ops is not None

    @property
    def may_delete(self) -> bool:
        return self.ops is None or "del" in self.ops

    @property
    def may_put(self) -> bool:
        return self.ops is None or "put" in self.ops

    def covers(self, key: str) -> bool:
        return key.startswith(self.keys or "")

    def may_rewrite(self, key: str) -> bool:
        return self.may_delete and self.may_put and self.covers(key)


def writes(operation: Operation) -> list[Put | Delete]:
    """What an operation does, key by key."""
    match operation:
        case Put() | Delete():
            return [operation]
        case Batch(puts):
            return list(puts)
