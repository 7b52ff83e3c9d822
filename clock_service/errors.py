"""What can go wrong in a clock service, and whose fault it is.

ClockServiceError
├── Refused              the event is not taken, the head is unchanged, nothing was stored
│   ├── MissingAncestors   blocks the clock has not and was not given; send them along (C3)
│   ├── BadEvent           bytes that are no event, or none of a pail where one is wanted
│   ├── WrongRoot          the operation leads to another root than the event says (C6)
│   ├── ShardsWanted       the root cannot be recomputed; send the shards along (C6)
│   ├── NotPermitted       the delegation does not reach that far
│   │   ├── DeleteRefused    it does not let its holder delete
│   │   ├── RewriteRefused   it does not let its holder give an existing key another value
│   │   └── ElsewhereRefused it does not let its holder write under that key
│   ├── HeadMoved          a narrowed delegation wants an event made on the head of now; make it again
│   └── TooMuch            a limit named in its module was passed
├── NotProvisioned       the operator does not host this space
├── OverLimit            the space has used up what the operator gives it
├── AskAgain             it was not done now, or nobody knows; asking again later is always safe
│   ├── StoreUnavailable   the database did not do it, or did and could not say so
│   └── Busy               too much waits for the processor; nothing was done
├── NewerSchema          a newer skypail has been at this database
├── BadOption            the service cannot be run like that; the operator's to mend
└── BadKeyFile           the service's key cannot be used; the operator's to mend
"""

from __future__ import annotations

from collections.abc import Sequence

from pail import CID
from pail.event import Head

MAX_NAMED = 64
"""CIDs that one error names."""


class ClockServiceError(Exception):
    """Any error of this package."""


class Refused(ClockServiceError):
    """`event` was not taken; the head is as it was."""

    def __init__(self, event: CID, why: str) -> None:
        super().__init__(f"event {event} was refused: {why}")
        self.event = event


class MissingAncestors(Refused):
    """`missing` are neither here nor came along: the first of them, MAX_NAMED at most; `count` in all."""

    def __init__(self, event: CID, missing: Sequence[CID]) -> None:
        self.count = len(missing)
        self.missing = tuple(missing[:MAX_NAMED])
        more = f" and {self.count - MAX_NAMED} more" if self.count > MAX_NAMED else ""
        super().__init__(event, f"missing {', '.join(map(str, self.missing))}{more}")


class BadEvent(Refused):
    """Bytes that hash to `event` and are not what a clock like this holds."""


class WrongRoot(Refused):
    """`event` names the root `stated`; its operation leads to `computed`."""

    def __init__(self, event: CID, stated: CID, computed: CID) -> None:
        super().__init__(event, f"its operation leads to the root {computed}, not to {stated}")
        self.stated = stated
        self.computed = computed


class ShardsWanted(Refused):
    """To recompute the root of `event` the block `missing` must come along."""

    def __init__(self, event: CID, missing: CID | None) -> None:
        named = "some did not come along" if missing is None else f"missing {missing}"
        super().__init__(
            event,
            f"this clock takes only what it can do again; attach the pail shards that it touches: {named}",
        )
        self.missing = missing


class NotPermitted(Refused):
    """The caveats of the delegation forbid what `event` does to `key`."""

    def __init__(self, event: CID, key: str) -> None:
        super().__init__(event, f"the delegation does not let its holder {self.attempt} {key[:200]!r}")
        self.key = key

    attempt = "touch"


class DeleteRefused(NotPermitted):
    """The event deletes `key`."""

    attempt = "delete"


class RewriteRefused(NotPermitted):
    """The event gives the existing `key` another value."""

    attempt = "rewrite"


class ElsewhereRefused(NotPermitted):
    """`key` is outside the prefix."""

    attempt = "write to"


class HeadMoved(Refused):
    """The event was not made on `head`, and beside it might change more than its holder may."""

    def __init__(self, event: CID, head: Head) -> None:
        names = ", ".join(map(str, head[:MAX_NAMED])) or "empty"
        super().__init__(event, f"a narrowed delegation wants it made on the head, which is {names}")
        self.head = head


class TooMuch(Refused):
    """The event, or what came with it, passes a limit."""


class NotProvisioned(ClockServiceError):
    """`space` is not hosted here; ask the operator. Nothing was stored."""

    def __init__(self, space: str) -> None:
        super().__init__(f"this service does not host a clock for {space[:200]!r}")
        self.space = space


class OverLimit(ClockServiceError):
    """`space` may have `limit` of `what`, and with this would have `wanted`. Nothing was stored."""

    def __init__(self, space: str, what: str, limit: int, wanted: int) -> None:
        super().__init__(f"{space[:200]!r} may have {limit} {what} and with this would have {wanted}")
        self.space = space
        self.what = what
        self.limit = limit
        self.wanted = wanted


class AskAgain(ClockServiceError):
    """No answer of the clock's: the whole request gets a 503 that says in how many seconds to ask again."""

    retry_after_s = 1
    told = "the store does not answer; nothing was acknowledged"
    """To whoever asked; nothing of the machine is in it."""


class StoreUnavailable(AskAgain):
    """The database cannot be reached, is full or too slow. Asking again is always safe."""


class Busy(AskAgain):
    """`why` nothing was examined, and so nothing was taken."""

    retry_after_s = 5
    told = "too much waits to be replayed; nothing was taken"


class NewerSchema(ClockServiceError):
    """The database has schema `version`, which this skypail does not know."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the database has schema {version}, of a newer skypail; update this one")
        self.version = version


class BadOption(ClockServiceError, ValueError):
    """What the operator asked for names no database, or no service."""


class BadKeyFile(ClockServiceError):
    """The file is no key, or others can read it."""


class RemoteClockError(ClockServiceError):
    """The clock of a service at `url` did not do what was asked of it."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the clock at {url} {why}")
        self.url = url


class ClockUnreachable(RemoteClockError):
    """No answer, or one that says to ask again later."""


class ClockRefused(RemoteClockError):
    """The service's receipt is a failure: `name` as it gave it, and `causes`, names too."""

    def __init__(self, url: str, why: str, name: str, causes: Sequence[str] = ()) -> None:
        super().__init__(url, f"refused: {why}")
        self.name = name
        self.causes = tuple(causes)


class BadAnswer(RemoteClockError):
    """The answer is none to what was asked, is not signed by the service, or cannot be true."""


class NotDelegated(RemoteClockError):
    """No delegation held here lets `agent` use `ability` on the space."""

    def __init__(self, url: str, agent: str, ability: str, space: str) -> None:
        super().__init__(
            url,
            f"cannot be asked: agent {agent} holds no delegation of {ability} for the space {space}; "
            f"`skypail agent delegate --to {agent}` where the space's key is makes one",
        )
        self.ability = ability
