"""Which snapshots are kept: the newest of each hour, day, week and month, as many as the policy says.

The rules are restic's: a snapshot stays if any rule wants it. A rule takes snapshots from the newest
to the oldest; the first of each period counts, until its number is reached, and while it is not, the
oldest snapshot counts too, so that history reaches back as far as it can. Periods are those of UTC,
weeks those of ISO 8601. The newest snapshot always stays.

Source: https://restic.readthedocs.io/en/stable/060_forget.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from backup_agent.errors import RetentionInvalid
from pail import Block, DecodeError, decode_dag_cbor, encode_block
from pail.fields import Fields

VERSION = 1

KEY = "retention"
"""Where in a space's pail its policy is. No account has this name, so no snapshot does."""

MAX_COUNT = 100_000
"""Of one rule: more than anybody has, and every number up to it is the same in all languages."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How many snapshots of each account each rule keeps; 0 for a rule that keeps none by itself.

    Raises RetentionInvalid for a number out of bounds, and for a policy without a rule: that would
    be no policy, but a way to delete everything.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __post_init__(self) -> None:
        counts = asdict(self)
        for rule, count in counts.items():
            if not 0 <= count <= MAX_COUNT:
                raise RetentionInvalid(f"--keep-{rule} takes a number from 0 to {MAX_COUNT}")
        if not any(counts.values()):
            raise RetentionInvalid("no rule keeps anything; name one, such as --keep-daily 30")

    def __str__(self) -> str:
        """As options of the command."""
        return " ".join(f"--keep-{rule} {count}" for rule, count in asdict(self).items() if count)


def kept(policy: Policy, timestamps: Sequence[str]) -> set[str]:
    """Those of one account's `timestamps`, in the form of `snapshot.keys`, that stay."""
    newest_first = sorted(timestamps, reverse=True)
    stay = set(newest_first[:1])
    for count, period in _rules(policy):
        last = None
        for number, timestamp in enumerate(newest_first):
            current = period(timestamp)
            if count and (current != last or number == len(newest_first) - 1):
                stay.add(timestamp)
                last, count = current, count - 1
    return stay


def _rules(policy: Policy) -> list[tuple[int, Callable[[str], str]]]:
    return [
        (policy.last, lambda timestamp: timestamp),
        (policy.hourly, lambda timestamp: timestamp[:13]),
        (policy.daily, lambda timestamp: timestamp[:10]),
        (policy.weekly, _week),
        (policy.monthly, lambda timestamp: timestamp[:7]),
    ]


def _week(timestamp: str) -> str:
    year, week, _ = datetime.fromisoformat(timestamp[:10]).isocalendar()
    return f"{year}-{week}"


def encode_policy(policy: Policy) -> Block:
    """The block that the space keeps."""
    return encode_block({"version": VERSION} | asdict(policy))


def decode_policy(data: bytes) -> Policy:
    """The policy of a block. Raises DecodeError."""
    fields = Fields("retention policy", decode_dag_cbor(data))
    if fields.take("version", int) != VERSION:
        raise DecodeError("this retention policy has a version that this skypail does not know")
    counts = [fields.take(rule, int) for rule in Policy.__dataclass_fields__]
    fields.done()
    try:
        return Policy(*counts)
    except RetentionInvalid as error:
        raise DecodeError(f"retention policy: {error}") from error
