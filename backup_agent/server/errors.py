"""What can go wrong in a server agent, and whose fault it is.

ServerError (an AgentError)
├── Refused               the call is refused, nothing was changed; the name goes into the receipt
│   ├── WrongDelegation     narrower or wider than a schedule needs, or not proved
│   ├── BadSchedule         a schedule that cannot be kept, however it is delegated
│   ├── SpaceRefused        the operator serves other spaces
│   ├── PlaceRefused        the operator does not let spaces be there
│   ├── NotScheduled        no such account of this space
│   └── TooMuch             a limit that the operator set
├── Stopped               the run may write nothing more
│   ├── LeaseLost           another worker has the account now, or this one was declared dead
│   ├── NoLongerAllowed     paused, removed, or its delegation was revoked
│   ├── Lapsed              its delegation, or the schedule, has come to its end by this server's clock
│   └── UsedUp              the space has used up what the operator gives it for today
├── OutOfTime             the run took too long; the next one goes on from there
├── Wait                  not now: the host or the limits of the day say so; `wait_s` says how long
├── WrongPlace            what stands at the place is not the space that is scheduled
└── Misconfigured         the server cannot run like that; the operator's to mend
"""

from __future__ import annotations

from backup_agent.errors import AgentError


class ServerError(AgentError):
    """Any error of this package."""


class Refused(ServerError):
    """Nothing was changed."""


class WrongDelegation(Refused):
    def __init__(self, why: str) -> None:
        super().__init__(f"the delegation is not what a schedule takes: {why}")


class BadSchedule(Refused):
    """The text says which part, and what would do."""


class SpaceRefused(Refused):
    def __init__(self, space: str) -> None:
        super().__init__(f"this server backs up no accounts of {space[:200]}; its operator can by --space")


class PlaceRefused(Refused):
    """The text says which places this server writes to."""


class NotScheduled(Refused):
    def __init__(self, account: str) -> None:
        super().__init__(f"{account[:200]} is not scheduled here; `skypail schedule ACCOUNT` does it")


class TooMuch(Refused):
    """`limit` of `what` is all that there may be."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"this server takes {limit:,} {what} and not more; ask its operator")
        self.what, self.limit = what, limit


class Stopped(ServerError):
    """Nothing was written after this."""


class LeaseLost(Stopped):
    def __init__(self) -> None:
        super().__init__("another worker has the account now")


class NoLongerAllowed(Stopped):
    """The text says since when, or by what."""


class Lapsed(Stopped):
    """The text says what ended, and by which clock."""


class UsedUp(Stopped):
    def __init__(self, what: str) -> None:
        super().__init__(f"the space has used up its {what} of today; it goes on tomorrow, by UTC")


class OutOfTime(ServerError):
    """What was proved by then is kept."""

    transient = True

    def __init__(self, limit_s: float) -> None:
        hours = f"{limit_s / 3600:g} hours"
        super().__init__(
            f"the run took longer than {hours}; what it proved is kept, and the next one goes on"
        )


class Wait(ServerError):
    """Nobody's failure: to be tried again in `wait_s` seconds."""

    def __init__(self, why: str, wait_s: float) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class WrongPlace(ServerError):
    """Only the owner can mend it."""


class Misconfigured(ServerError, ValueError):
    """The text says what to change."""
